//! Requests and replies as bytes, written anew for the simulator: it does not believe the node's own parser.

use std::fmt;

/// A reply (RESP2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// `+text`
    Simple(String),
    /// `-text`
    Error(String),
    /// `:number`
    Integer(i64),
    /// `$length bytes`
    Bulk(Vec<u8>),
    /// `$-1` or `*-1`
    Null,
    /// `*count …`
    Array(Vec<Reply>),
}

impl Reply {
    /// `+OK`
    #[must_use]
    pub fn ok() -> Self {
        Self::Simple("OK".into())
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// Whether it is an error whose text begins so.
    #[must_use]
    pub fn is_error(&self, start: &str) -> bool {
        matches!(self, Self::Error(text) if text.starts_with(start))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(text) => write!(f, "+{text}"),
            Self::Error(text) => write!(f, "-{text}"),
            Self::Integer(value) => write!(f, ":{value}"),
            Self::Bulk(bytes) if bytes.len() > 40 => {
                write!(f, "\"{}…\" ({} bytes)", bytes[..40].escape_ascii(), bytes.len())
            }
            Self::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::Null => f.write_str("nil"),
            Self::Array(items) => f.debug_list().entries(items).finish(),
        }
    }
}

/// Bytes that are no reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken(pub String);

/// Reads one reply from the front. `None` when more bytes are needed; else the reply and how many bytes it took.
///
/// # Errors
/// When the bytes cannot become a reply.
pub fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>, Broken> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return match bytes.first() {
            Some(kind) if !b"+-:$*".contains(kind) => Err(broken(bytes)),
            _ => Ok(None),
        };
    };
    let line = std::str::from_utf8(&bytes[1..end]).map_err(|_| broken(bytes))?;
    let number = || line.parse::<i64>().map_err(|_| broken(bytes));
    let after = end + 2;
    match bytes[0] {
        b'+' => Ok(Some((Reply::Simple(line.into()), after))),
        b'-' => Ok(Some((Reply::Error(line.into()), after))),
        b':' => Ok(Some((Reply::Integer(number()?), after))),
        b'$' => {
            let Ok(length) = usize::try_from(number()?) else { return Ok(Some((Reply::Null, after))) };
            let Some(rest) = bytes.get(after..after + length + 2) else { return Ok(None) };
            if &rest[length..] != b"\r\n" {
                return Err(broken(bytes));
            }
            Ok(Some((Reply::Bulk(rest[..length].to_vec()), after + length + 2)))
        }
        b'*' => {
            let Ok(count) = usize::try_from(number()?) else { return Ok(Some((Reply::Null, after))) };
            let (mut at, mut items) = (after, Vec::new());
            for _ in 0..count {
                let Some((item, length)) = parse(&bytes[at..])? else { return Ok(None) };
                items.push(item);
                at += length;
            }
            Ok(Some((Reply::Array(items), at)))
        }
        _ => Err(broken(bytes)),
    }
}

fn broken(bytes: &[u8]) -> Broken {
    Broken(format!("not a reply: \"{}\"", bytes[..bytes.len().min(60)].escape_ascii()))
}

/// The words of a request.
pub type Words = Vec<Vec<u8>>;

/// A request as bytes.
#[must_use]
pub fn request(words: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Reads requests back, as the log holds them: the bytes of each and its words. `None` when they are no requests.
#[must_use]
pub fn requests(mut bytes: &[u8]) -> Option<Vec<(Vec<u8>, Words)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (Reply::Array(items), length) = parse(bytes).ok()?? else { return None };
        let words: Option<Words> = items
            .into_iter()
            .map(|item| if let Reply::Bulk(word) = item { Some(word) } else { None })
            .collect();
        found.push((bytes[..length].to_vec(), words?));
        bytes = &bytes[length..];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_however_they_are_cut() {
        let bytes = b"*3\r\n$3\r\na\r\n\r\n:-7\r\n*1\r\n$-1\r\n+OK\r\n";
        let whole = Reply::Array(vec![
            Reply::Bulk(b"a\r\n".to_vec()),
            Reply::Integer(-7),
            Reply::Array(vec![Reply::Null]),
        ]);
        let end = bytes.len() - 5;
        for cut in 0..end {
            assert_eq!(parse(&bytes[..cut]), Ok(None), "{cut}");
        }
        assert_eq!(parse(bytes), Ok(Some((whole, end))));
    }

    #[test]
    fn what_is_no_reply_is_said_to_be_none() {
        for bytes in [&b"hello"[..], b"$3\r\nabcde", b":x\r\n", b"*1\r\nx"] {
            assert!(parse(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn requests_round_trip() {
        let words: Words = vec![b"SET".to_vec(), b"k\r\n".to_vec(), vec![]];
        let bytes = [request(&words), request(&words[..1])].concat();
        let read = requests(&bytes).expect("two requests");
        assert_eq!(read, vec![(request(&words), words.clone()), (request(&words[..1]), words[..1].to_vec())]);
    }
}
