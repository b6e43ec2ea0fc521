//! Patterns against a matcher that follows the definition and nothing else.

use lockstep_core::bytes::glob::matches;

/// Every split of the text is tried: exponential in theory, and only for short input.
fn naive(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    let lower = |byte: u8| if nocase { byte.to_ascii_lowercase() } else { byte };
    let Some(&first) = pattern.first() else { return text.is_empty() };
    if first == b'*' {
        return (0..=text.len()).any(|skipped| naive(&pattern[1..], &text[skipped..], nocase));
    }
    let Some((&byte, rest)) = text.split_first() else { return false };
    match first {
        b'?' => naive(&pattern[1..], rest, nocase),
        b'\\' if pattern.len() > 1 => lower(pattern[1]) == lower(byte) && naive(&pattern[2..], rest, nocase),
        b'[' => {
            let mut at = 1;
            let inverted = pattern.get(at) == Some(&b'^');
            if inverted {
                at += 1;
            }
            let mut found = false;
            while at < pattern.len() && pattern[at] != b']' {
                if pattern[at] == b'\\' && at + 1 < pattern.len() {
                    // As in Redis, an escaped byte of a class keeps its case.
                    found |= pattern[at + 1] == byte;
                    at += 2;
                } else if at + 2 < pattern.len() && pattern[at + 1] == b'-' {
                    let (one, other) = (pattern[at], pattern[at + 2]);
                    let (low, high) = (lower(one.min(other)), lower(one.max(other)));
                    found |= (low..=high).contains(&lower(byte));
                    at += 3;
                } else {
                    found |= lower(pattern[at]) == lower(byte);
                    at += 1;
                }
            }
            found != inverted && naive(&pattern[(at + 1).min(pattern.len())..], rest, nocase)
        }
        literal => lower(literal) == lower(byte) && naive(&pattern[1..], rest, nocase),
    }
}

/// The first byte says how long the pattern is and whether case counts; the rest is pattern and text.
pub fn glob(data: &[u8]) {
    let Some((&head, data)) = data.split_first() else { return };
    let nocase = head & 1 == 1;
    let (pattern, text) = data.split_at(usize::from(head >> 1).min(data.len()));
    let told = matches(pattern, text, nocase);
    let stars = pattern.iter().filter(|&&byte| byte == b'*').count();
    if text.len() <= 24 && stars <= 5 {
        assert_eq!(told, naive(pattern, text, nocase), "{pattern:?} on {text:?}");
    }
}
