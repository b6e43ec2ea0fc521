//! One RESP2 or RESP3 value: parsed from bytes and written as lines.

use super::quote::{bare, quote};

/// A reply as it was on the wire. Two values are equal when their bytes are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `+`
    Simple(Vec<u8>),
    /// `-`
    Error(Vec<u8>),
    /// `:`
    Integer(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// `$-1`, the null of RESP2.
    NullBulk,
    /// `*-1`, the other null of RESP2.
    NullArray,
    /// `_`, the null of RESP3.
    Null,
    /// `#`
    Boolean(bool),
    /// `,`, with its digits as they came.
    Double(Vec<u8>),
    /// `(`, likewise.
    BigNumber(Vec<u8>),
    /// `=`
    Verbatim(Vec<u8>),
    /// `*`, `~` or `>`
    Sequence(Kind, Vec<Value>),
    /// `%`
    Map(Vec<(Value, Value)>),
}

/// Which sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `*`
    Array,
    /// `~`
    Set,
    /// `>`
    Push,
}

impl Kind {
    /// The byte it begins with on the wire and in a transcript.
    pub fn sign(self) -> char {
        match self {
            Self::Array => '*',
            Self::Set => '~',
            Self::Push => '>',
        }
    }
}

/// How deep replies may be nested before they are taken for garbage.
const DEPTH_MAX: usize = 32;

/// The value that `bytes` begin with and its length; `None` while it is not complete.
///
/// # Errors
/// When the bytes are no RESP, or not written the one way a value can be written.
pub fn parse(bytes: &[u8]) -> Result<Option<(Value, usize)>, String> {
    let mut reader = Reader { bytes, at: 0 };
    Ok(reader.value(0)?.map(|value| (value, reader.at)))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn line(&mut self) -> Option<Vec<u8>> {
        let rest = &self.bytes[self.at..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        self.at += end + 2;
        Some(rest[..end].to_vec())
    }

    fn value(&mut self, depth: usize) -> Result<Option<Value>, String> {
        if depth > DEPTH_MAX {
            return Err("nested too deep".into());
        }
        let Some(line) = self.line() else { return Ok(None) };
        let (&sign, text) = line.split_first().ok_or("an empty line instead of a reply")?;
        let text = text.to_vec();
        Ok(Some(match (sign, text.as_slice()) {
            (b'+', _) => Value::Simple(text),
            (b'-', _) => Value::Error(text),
            (b':', _) => Value::Integer(number(&text)?),
            (b',', _) => Value::Double(text),
            (b'(', _) => Value::BigNumber(text),
            (b'_', b"") => Value::Null,
            (b'#', b"t") => Value::Boolean(true),
            (b'#', b"f") => Value::Boolean(false),
            (b'$', b"-1") => Value::NullBulk,
            (b'*', b"-1") => Value::NullArray,
            (b'$' | b'=', _) => {
                let Some(content) = self.content(count(&text)?)? else { return Ok(None) };
                if sign == b'$' { Value::Bulk(content) } else { Value::Verbatim(content) }
            }
            (b'*' | b'~' | b'>', _) => {
                let kind = match sign {
                    b'*' => Kind::Array,
                    b'~' => Kind::Set,
                    _ => Kind::Push,
                };
                let Some(items) = self.items(count(&text)?, depth)? else { return Ok(None) };
                Value::Sequence(kind, items)
            }
            (b'%', _) => {
                let Some(items) = self.items(count(&text)? * 2, depth)? else { return Ok(None) };
                Value::Map(items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
            }
            _ => return Err(format!("no reply begins like {}", quote(&line))),
        }))
    }

    fn content(&mut self, length: usize) -> Result<Option<Vec<u8>>, String> {
        let Some(rest) = self.bytes.get(self.at..self.at + length + 2) else { return Ok(None) };
        if &rest[length..] != b"\r\n" {
            return Err("no line end behind a bulk".into());
        }
        self.at += length + 2;
        Ok(Some(rest[..length].to_vec()))
    }

    fn items(&mut self, count: usize, depth: usize) -> Result<Option<Vec<Value>>, String> {
        let mut items = Vec::new();
        for _ in 0..count {
            match self.value(depth + 1)? {
                Some(item) => items.push(item),
                None => return Ok(None),
            }
        }
        Ok(Some(items))
    }
}

fn number(text: &[u8]) -> Result<i64, String> {
    let text = std::str::from_utf8(text).map_err(|_| "a number that is no text")?;
    let number: i64 = text.parse().map_err(|_| format!("{text:?} is no integer"))?;
    if number.to_string() == text { Ok(number) } else { Err(format!("{text:?} should be {number}")) }
}

fn count(text: &[u8]) -> Result<usize, String> {
    let count = usize::try_from(number(text)?).map_err(|_| "a negative length")?;
    if count <= 1 << 30 { Ok(count) } else { Err(format!("a length of {count}")) }
}

impl Value {
    /// The value as lines of a transcript.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.write(0, String::new(), &mut lines);
        lines
    }

    /// The value as one line, when it has no parts.
    fn scalar(&self) -> Option<String> {
        Some(match self {
            Self::Simple(text) => format!("+{}", bare(text)),
            Self::Error(text) => format!("-{}", bare(text)),
            Self::Integer(number) => format!(":{number}"),
            Self::Bulk(bytes) => quote(bytes),
            Self::NullBulk => "$-1".into(),
            Self::NullArray => "*-1".into(),
            Self::Null => "_".into(),
            Self::Boolean(yes) => (if *yes { "#t" } else { "#f" }).into(),
            Self::Double(text) => format!(",{}", bare(text)),
            Self::BigNumber(text) => format!("({}", bare(text)),
            Self::Verbatim(bytes) => format!("={}", quote(bytes)),
            Self::Sequence(..) | Self::Map(_) => return None,
        })
    }

    fn write(&self, indent: usize, before: String, lines: &mut Vec<String>) {
        let start = format!("{}{before}", "  ".repeat(indent));
        match self {
            Self::Sequence(kind, items) => {
                lines.push(format!("{start}{}{}", kind.sign(), items.len()));
                for item in items {
                    item.write(indent + 1, String::new(), lines);
                }
            }
            Self::Map(pairs) => {
                lines.push(format!("{start}%{}", pairs.len()));
                for (key, value) in pairs {
                    let key = key.scalar().expect("no command answers with a map keyed by aggregates");
                    value.write(indent + 1, format!("{key} => "), lines);
                }
            }
            _ => lines.push(start + &self.scalar().expect("the aggregates are above")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[u8] = b"*4\r\n+OK\r\n%2\r\n$1\r\na\r\n~2\r\n:-1\r\n,1.5\r\n$1\r\nb\r\n*0\r\n\
        >4\r\n_\r\n#t\r\n#f\r\n(123\r\n*4\r\n$-1\r\n*-1\r\n-ERR no\r\n=5\r\ntxt:x\r\n";

    #[test]
    fn a_value_is_read_only_when_complete() {
        for end in 0..ALL.len() {
            assert_eq!(parse(&ALL[..end]), Ok(None), "{end}");
        }
        let (value, length) = parse(ALL).expect("good").expect("complete");
        assert_eq!(length, ALL.len());
        assert_eq!(
            value.lines().join("\n"),
            "*4\n  +OK\n  %2\n    \"a\" => ~2\n      :-1\n      ,1.5\n    \"b\" => *0\n  >4\n    _\n    #t\n    #f\n    (123\n  \
             *4\n    $-1\n    *-1\n    -ERR no\n    =\"txt:x\""
        );
    }

    #[test]
    fn what_is_not_resp_is_refused() {
        for bad in [
            &b"hello\r\n"[..],
            b":01\r\n",
            b"$2\r\nabc\r\n",
            b"*-2\r\n",
            b"\r\n",
            b"#x\r\n",
            b"$999999999999\r\n",
        ] {
            assert!(parse(bad).is_err(), "{}", quote(bad));
        }
    }
}
