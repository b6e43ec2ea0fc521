//! Patterns as `KEYS`, `SCAN MATCH`, `PSUBSCRIBE` and `CONFIG GET` know them.
//!
//! `*` is any run of bytes, `?` any one byte, `[abc]`, `[a-z]` and `[^abc]` one byte of (or outside) a class,
//! and a backslash takes the meaning away from what follows it. A class that is never closed reaches to the
//! end of the pattern, a backslash at the very end stands for itself.

/// Whether the whole of `text` fits `pattern`; with `nocase`, ASCII letters fit in either case.
///
/// Every part of a pattern but `*` takes exactly one byte. So when something does not fit, only the latest
/// `*` needs to be tried with one byte more, never an earlier one, and the time is at most the product of
/// the two lengths.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    let (mut at, mut taken) = (0, 0);
    // Where to go on when something does not fit: behind the latest `*`, and the text it leaves over.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            retry = Some((at, taken));
            continue;
        }
        let Some(&byte) = text.get(taken) else {
            return pattern[at..].iter().all(|&rest| rest == b'*');
        };
        if at < pattern.len() {
            let (fits, length) = one(&pattern[at..], byte, nocase);
            if fits {
                at += length;
                taken += 1;
                continue;
            }
        }
        let Some((behind, left)) = retry else { return false };
        (at, taken) = (behind, left + 1);
        retry = Some((at, taken));
    }
}

/// Whether `byte` fits the first part of `pattern`, which is not empty, and how long that part is.
fn one(pattern: &[u8], byte: u8, nocase: bool) -> (bool, usize) {
    match pattern[0] {
        b'?' => (true, 1),
        b'[' => class(pattern, byte, nocase),
        b'\\' if pattern.len() >= 2 => (same(pattern[1], byte, nocase), 2),
        literal => (same(literal, byte, nocase), 1),
    }
}

fn same(left: u8, right: u8, nocase: bool) -> bool {
    if nocase { left.eq_ignore_ascii_case(&right) } else { left == right }
}

fn class(pattern: &[u8], byte: u8, nocase: bool) -> (bool, usize) {
    let mut at = 1;
    let inverted = pattern.get(at) == Some(&b'^');
    at += usize::from(inverted);
    let mut found = false;
    loop {
        match &pattern[at..] {
            [] => return (found != inverted, at),
            [b']', ..] => return (found != inverted, at + 1),
            [b'\\', literal, ..] => {
                // As in Redis, an escaped byte of a class keeps its case.
                found |= *literal == byte;
                at += 2;
            }
            [first, b'-', last, ..] => {
                found |= within(*first, *last, byte, nocase);
                at += 3;
            }
            [literal, ..] => {
                found |= same(*literal, byte, nocase);
                at += 1;
            }
        }
    }
}

/// Whether `byte` lies between two bytes given in either order.
fn within(first: u8, last: u8, byte: u8, nocase: bool) -> bool {
    let (mut low, mut high, mut byte) = (first.min(last), first.max(last), byte);
    if nocase {
        (low, high, byte) = (low.to_ascii_lowercase(), high.to_ascii_lowercase(), byte.to_ascii_lowercase());
    }
    (low..=high).contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, fitting: &[&str], others: &[&str]) {
        for text in fitting {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), false), "{text:?} fits {pattern:?}");
        }
        for text in others {
            assert!(
                !matches(pattern.as_bytes(), text.as_bytes(), false),
                "{text:?} does not fit {pattern:?}"
            );
        }
    }

    #[test]
    fn patterns_without_classes() {
        check("", &[""], &["a"]);
        check("*", &["", "a", "abc", "*"], &[]);
        check("h?llo", &["hello", "hallo", "h?llo"], &["hllo", "heello"]);
        check("h*llo", &["hllo", "heeeello", "hllollo"], &["hll", "ahllo"]);
        check("a*b*c", &["abc", "axxbyyc", "abbcc", "abcbc"], &["acb", "abcd"]);
        check("***a", &["a", "ba"], &["", "ab"]);
        check("a**", &["a", "ab"], &["", "ba"]);
        check("h\\*o", &["h*o"], &["hello", "h\\*o"]);
        check("a\\", &["a\\"], &["a", "a\\\\"]);
        check("\\\\", &["\\"], &["\\\\"]);
    }

    #[test]
    fn classes() {
        check("h[ae]llo", &["hello", "hallo"], &["hillo", "hllo"]);
        check("h[^e]llo", &["hallo", "hbllo"], &["hello", "hllo"]);
        check("h[a-c]llo", &["hallo", "hbllo", "hcllo"], &["hdllo"]);
        check("h[c-a]llo", &["hallo", "hcllo"], &["hdllo"]);
        check("[a\\-c]", &["a", "-", "c"], &["b", "\\"]);
        check("[\\]]x", &["]x"], &["x"]);
        check("[]", &[], &["", "]", "[]"]);
        check("[^]", &["a", "]"], &["", "ab"]);
        check("a[bc", &["ab", "ac"], &["a", "ad", "a[bc"]);
        check("a[", &[], &["a", "a[", "ab"]);
        check("*[0-9]*", &["a1b", "1"], &["abc"]);
        check("[a-", &["a", "-"], &["b"]);
    }

    #[test]
    fn case_is_ignored_on_request() {
        assert!(matches(b"TCP-B*", b"tcp-backlog", true));
        assert!(matches(b"[A-C]x", b"BX", true));
        assert!(matches(b"[a-c]x", b"BX", true));
        assert!(!matches(b"TCP", b"tcp", false));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "*a".repeat(1000) + "*b";
        let text = "a".repeat(10_000);
        assert!(!matches(pattern.as_bytes(), text.as_bytes(), false));
        assert!(matches(pattern.as_bytes(), (text + "b").as_bytes(), false));
    }
}
