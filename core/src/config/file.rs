//! Configuration files: lines of words, in the syntax of `redis.conf`. Reading them is the driver's work.

use core::fmt;

/// One line that is neither empty nor a comment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What errors call its file.
    pub place: String,
    /// Its number in its file, from 1.
    pub number: usize,
    /// The line as written.
    pub text: String,
    /// The directive's name and its arguments; never empty.
    pub words: Vec<String>,
}

/// Why a configuration cannot be used; shown as Redis shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileError {
    /// Where the line stands: a file, or the command line.
    pub place: String,
    /// Its number there, from 1.
    pub number: usize,
    /// The line as written.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Line {
    /// An error about this line.
    #[must_use]
    pub fn error(&self, reason: impl Into<String>) -> FileError {
        let Self { place, number, text, .. } = self.clone();
        FileError { place, number, text, reason: reason.into() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, number, text, reason } = self;
        let version = env!("CARGO_PKG_VERSION");
        writeln!(f, "*** FATAL CONFIG FILE ERROR (Lockstep {version}) ***")?;
        writeln!(f, "Reading {place}, at line {number}")?;
        write!(f, ">>> '{text}'\n{reason}")
    }
}

impl core::error::Error for FileError {}

/// The lines of a configuration file; `place` is what errors call it.
///
/// # Errors
/// A line whose quotes are not closed, or that is not UTF-8.
pub fn parse(place: &str, text: &[u8]) -> Result<Vec<Line>, FileError> {
    let mut lines = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() || trimmed[0] == b'#' {
            continue;
        }
        let error = |reason: &str| FileError {
            place: place.to_string(),
            number: index + 1,
            text: String::from_utf8_lossy(trimmed).into_owned(),
            reason: reason.to_string(),
        };
        let Ok(text) = core::str::from_utf8(trimmed) else {
            return Err(error("This line is not valid UTF-8"));
        };
        let words = split(text).ok_or_else(|| error("Unbalanced quotes in configuration line"))?;
        let words: Option<Vec<String>> = words.into_iter().map(|word| String::from_utf8(word).ok()).collect();
        let words = words.ok_or_else(|| error("This line is not valid UTF-8"))?;
        if !words.is_empty() {
            lines.push(Line { place: place.to_string(), number: index + 1, text: text.to_string(), words });
        }
    }
    Ok(lines)
}

/// Splits a line into words. Words in double quotes know `\n \r \t \b \a \xHH` and a backslash before anything
/// else; words in single quotes know `\'` only. `None` when quotes are not closed, or not followed by a space.
#[must_use]
pub fn split(line: &str) -> Option<Vec<Vec<u8>>> {
    let mut rest = line.as_bytes();
    let mut words = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        loop {
            match rest {
                [] => break,
                [byte, ..] if byte.is_ascii_whitespace() => break,
                [b'"', ..] => {
                    rest = double_quoted(&rest[1..], &mut word)?;
                    break;
                }
                [b'\'', ..] => {
                    rest = single_quoted(&rest[1..], &mut word)?;
                    break;
                }
                [byte, ..] => {
                    word.push(*byte);
                    rest = &rest[1..];
                }
            }
        }
        if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
            return None;
        }
        words.push(word);
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, taken) = match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), 4)
            }
            [b'\\', escaped, ..] => {
                let byte = match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                };
                (byte, 2)
            }
            [byte, ..] => (*byte, 1),
            [] => return None,
        };
        word.push(byte);
        rest = &rest[taken..];
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'\'', after @ ..] => return Some(after),
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                rest = after;
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        other => other.to_ascii_lowercase() - b'a' + 10,
    }
}

/// A word in double quotes, such that [`split`] gives it back.
#[must_use]
pub fn quote(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    for character in word.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_ascii_control() => {
                quoted.push_str(&format!("\\x{:02x}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        split(line).map(|words| words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    }

    #[test]
    fn words_and_quotes() {
        for (line, expected) in [
            ("port 1", vec!["port", "1"]),
            ("  save 1\t2  ", vec!["save", "1", "2"]),
            (r#"a "b c" 'd e' """#, vec!["a", "b c", "d e", ""]),
            (r#""\x41\n\"\q" 'it\'s \n'"#, vec!["A\n\"q", "it's \\n"]),
            (r#"pre"fix" x"#, vec!["prefix", "x"]),
        ] {
            assert_eq!(words(line).expect("balanced"), expected, "{line}");
        }
        for line in [r#"a "b"#, r#"a "b"c"#, "a 'b", "a 'b'c", r#"a "b\""#] {
            assert_eq!(words(line), None, "{line}");
        }
    }

    #[test]
    fn quoted_words_come_back() {
        for word in ["", "plain", "two words", "\"quotes\" and \\", "tab\tand\nline\u{1}", "Grüße"] {
            assert_eq!(words(&quote(word)), Some(vec![word.to_string()]));
        }
    }

    #[test]
    fn comments_and_numbers() {
        let lines = parse("x", b"# one\n\nport 5\r\n  # four\n hz 7").expect("a good file");
        let seen: Vec<(usize, &str)> =
            lines.iter().map(|line| (line.number, line.words[1].as_str())).collect();
        assert_eq!(seen, [(3, "5"), (5, "7")]);
    }

    #[test]
    fn an_error_shows_the_line() {
        let error = parse("the configuration file", b"port 1\nlogfile \"abc").expect_err("unbalanced");
        let expected = format!(
            "*** FATAL CONFIG FILE ERROR (Lockstep {}) ***\nReading the configuration file, at line 2\n\
             >>> 'logfile \"abc'\nUnbalanced quotes in configuration line",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(error.to_string(), expected);
    }
}
