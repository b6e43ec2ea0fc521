//! Bytes as readable text and back: printable ASCII stands for itself, the rest is escaped.

/// `bytes` between double quotes, with `\n`, `\r`, `\t`, `\a`, `\b`, `\"`, `\\` and `\xHH`.
pub fn quote(bytes: &[u8]) -> String {
    format!("\"{}\"", escape(bytes, true))
}

/// `bytes` without quotes around them, for text that runs to the end of the line.
pub fn bare(bytes: &[u8]) -> String {
    escape(bytes, false)
}

fn escape(bytes: &[u8], quoted: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b'\\' => text.push_str("\\\\"),
            b'"' if quoted => text.push_str("\\\""),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

/// What `text` stands for, its escapes resolved.
///
/// # Errors
/// On an unknown or unfinished escape, and on characters that must be escaped.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter != '\\' {
            if !(' '..='~').contains(&letter) {
                return Err(format!("{letter:?} must be written with \\xHH"));
            }
            bytes.push(letter as u8);
            continue;
        }
        bytes.push(match rest.next() {
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('a') => 0x07,
            Some('b') => 0x08,
            Some('\\') => b'\\',
            Some('"') => b'"',
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                if digits.len() != 2 {
                    return Err("\\x wants two hexadecimal digits".into());
                }
                u8::from_str_radix(&digits, 16).map_err(|_| format!("\\x{digits} is not a byte"))?
            }
            other => return Err(format!("unknown escape {other:?}")),
        });
    }
    Ok(bytes)
}

/// The inside of the quoted string `text` begins with (escapes not yet resolved), and what follows it.
pub fn split_quoted(text: &str) -> Result<(&str, &str), String> {
    let inside = text.strip_prefix('"').ok_or_else(|| format!("{text:?} does not begin with a quote"))?;
    let mut escaped = false;
    for (place, letter) in inside.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Ok((&inside[..place], &inside[place + 1..])),
            _ => {}
        }
    }
    Err(format!("{text:?} has no closing quote"))
}

/// A quoted string with an optional repetition, `"ab"*3`, and what follows it.
pub fn take_quoted(text: &str) -> Result<(Vec<u8>, &str), String> {
    let (inside, rest) = split_quoted(text)?;
    let bytes = unescape(inside)?;
    let Some(tail) = rest.strip_prefix('*') else { return Ok((bytes, rest)) };
    let digits = tail.len() - tail.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let count: usize =
        tail[..digits].parse().map_err(|_| format!("{text:?}: a count must follow the star"))?;
    Ok((bytes.repeat(count), &tail[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=255).collect();
        let written = quote(&all);
        let (back, rest) = take_quoted(&written).expect("own writing");
        assert_eq!((back, rest), (all.clone(), ""));
        assert_eq!(unescape(&bare(&all)).expect("own writing"), all);
    }

    #[test]
    fn strings_repeat() {
        assert_eq!(take_quoted("\"ab\"*3 more").expect("good"), (b"ababab".to_vec(), " more"));
    }

    #[test]
    fn bad_quoting_is_named() {
        for bad in ["\"open", "\"\\q\"", "\"\\x1\"", "\"é\"", "\"a\"*", "none"] {
            assert!(take_quoted(bad).is_err(), "{bad}");
        }
    }
}
