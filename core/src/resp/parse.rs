//! Incremental request parser: multibulk and inline requests, cut at any byte.
//!
//! A request is parsed where it lies. What is known of an unfinished one is kept in [`Progress`], so that more
//! bytes continue the parse and never start it anew, and nothing is allocated on the word of a header.
//!
//! Redis protocol specification: <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use super::args::Span;
use crate::bytes::number::parse_i64;

/// The longest inline request, and the longest header line, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What a connection may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest bulk string, in bytes (`proto-max-bulk-len`).
    pub bulk_bytes_max: u64,
    /// The client has not logged in yet: it may send small requests only.
    pub unauthenticated: bool,
}

impl Limits {
    /// For bytes that this node wrote itself.
    pub const NONE: Self = Self { bulk_bytes_max: u32::MAX as u64, unauthenticated: false };
}

/// What is known of a request that has not wholly arrived. Offsets count from the request's first byte.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Everything before this offset has been parsed.
    at: usize,
    /// Arguments still to come; `None` before the header was read.
    arguments_left: Option<u32>,
    /// Length of the bulk whose header was read.
    bulk_bytes: Option<usize>,
}

impl Progress {
    /// How many bytes behind the `have` that are there will complete the next step at least; 1 when unknown.
    #[must_use]
    pub fn wants(&self, have: usize) -> usize {
        match self.bulk_bytes {
            Some(bulk_bytes) => (self.at + bulk_bytes + 2).saturating_sub(have).max(1),
            None => 1,
        }
    }
}

/// What one step of parsing found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A whole multibulk request that ends before this offset; its arguments are in the spans. It may have none.
    Complete(usize),
    /// A whole inline request: the line without its end, and the offset behind it.
    Inline {
        /// Length of the line, without `\r\n`.
        line_bytes: usize,
        /// Offset behind the line's end.
        end: usize,
    },
    /// More bytes are needed.
    Incomplete,
}

/// The peer broke the protocol; it is told so and the connection is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProtocolError {
    /// An argument did not begin with `$`.
    ExpectedDollar(u8),
    /// The number of arguments is not one.
    InvalidMultibulkLength,
    /// The length of an argument is not one, or above `proto-max-bulk-len`.
    InvalidBulkLength,
    /// A header line did not end within 64 KiB.
    TooBigMultibulkCount,
    /// Likewise.
    TooBigBulkCount,
    /// An inline request did not end within 64 KiB.
    TooBigInline,
    /// Quotes in an inline request do not match.
    UnbalancedQuotes,
    /// More than 10 arguments before logging in.
    UnauthenticatedMultibulk,
    /// An argument above 16 KiB before logging in.
    UnauthenticatedBulk,
}

impl ProtocolError {
    /// The error line Redis answers with, without the leading `-`.
    #[must_use]
    pub fn text(self) -> Vec<u8> {
        let text = match self {
            Self::ExpectedDollar(got) => {
                let mut text = b"ERR Protocol error: expected '$', got '".to_vec();
                text.push(got);
                text.push(b'\'');
                return text;
            }
            Self::InvalidMultibulkLength => "invalid multibulk length",
            Self::InvalidBulkLength => "invalid bulk length",
            Self::TooBigMultibulkCount => "too big mbulk count string",
            Self::TooBigBulkCount => "too big bulk count string",
            Self::TooBigInline => "too big inline request",
            Self::UnbalancedQuotes => "unbalanced quotes in request",
            Self::UnauthenticatedMultibulk => "unauthenticated multibulk length",
            Self::UnauthenticatedBulk => "unauthenticated bulk length",
        };
        format!("ERR Protocol error: {text}").into_bytes()
    }
}

/// Parses one request at the start of `bytes`, going on from `progress`.
///
/// Spans are added to `spans` as arguments are found (offsets from the start of `bytes`); when the result is
/// [`Step::Incomplete`], call again with more bytes and the same `progress` and spans.
///
/// # Errors
/// When the bytes are no request; the connection cannot go on.
pub fn parse(
    bytes: &[u8],
    progress: &mut Progress,
    spans: &mut Vec<Span>,
    limits: Limits,
) -> Result<Step, ProtocolError> {
    let mut left = match progress.arguments_left {
        Some(left) => left,
        None => {
            match bytes.first() {
                None => return Ok(Step::Incomplete),
                Some(b'*') => {}
                Some(_) => return parse_inline(bytes, progress),
            }
            let Some((count, next)) = parse_header(bytes, 0, ProtocolError::TooBigMultibulkCount)? else {
                return Ok(Step::Incomplete);
            };
            let count = count
                .filter(|&count| count <= i64::from(i32::MAX))
                .ok_or(ProtocolError::InvalidMultibulkLength)?;
            if count > 10 && limits.unauthenticated {
                return Err(ProtocolError::UnauthenticatedMultibulk);
            }
            progress.at = next;
            if count <= 0 {
                return Ok(Step::Complete(next));
            }
            count as u32
        }
    };
    while left > 0 {
        let length = match progress.bulk_bytes {
            Some(length) => length,
            None => match parse_bulk_header(bytes, progress.at, limits)? {
                Some((length, next)) => {
                    progress.at = next;
                    length
                }
                None => {
                    progress.arguments_left = Some(left);
                    return Ok(Step::Incomplete);
                }
            },
        };
        if bytes.len() - progress.at < length + 2 {
            progress.bulk_bytes = Some(length);
            progress.arguments_left = Some(left);
            return Ok(Step::Incomplete);
        }
        spans.push(Span::new(progress.at, length));
        progress.at += length + 2;
        progress.bulk_bytes = None;
        left -= 1;
    }
    Ok(Step::Complete(progress.at))
}

fn parse_bulk_header(
    bytes: &[u8],
    at: usize,
    limits: Limits,
) -> Result<Option<(usize, usize)>, ProtocolError> {
    // The usual header, one or two digits, without a search.
    if let Some(&[b'$', tens, ones, b'\r', b'\n']) = bytes.get(at..at + 5)
        && tens.wrapping_sub(b'1') < 9
        && ones.wrapping_sub(b'0') < 10
    {
        return Ok(Some((usize::from(tens - b'0') * 10 + usize::from(ones - b'0'), at + 5)));
    }
    if let Some(&[b'$', ones, b'\r', b'\n']) = bytes.get(at..at + 4)
        && ones.wrapping_sub(b'0') < 10
    {
        return Ok(Some((usize::from(ones - b'0'), at + 4)));
    }
    match bytes.get(at) {
        None => return Ok(None),
        Some(b'$') => {}
        Some(&other) => {
            // Redis looks at the first byte only once the line has arrived.
            return match find(bytes, at, b'\r') {
                Some(end) if end + 1 < bytes.len() => Err(ProtocolError::ExpectedDollar(other)),
                _ if bytes.len() - at > LINE_BYTES_MAX => Err(ProtocolError::TooBigBulkCount),
                _ => Ok(None),
            };
        }
    }
    let Some((length, next)) = parse_header(bytes, at, ProtocolError::TooBigBulkCount)? else {
        return Ok(None);
    };
    let length = length
        .and_then(|length| u64::try_from(length).ok())
        .filter(|&length| length <= limits.bulk_bytes_max)
        .ok_or(ProtocolError::InvalidBulkLength)?;
    if length > 16 * 1024 && limits.unauthenticated {
        return Err(ProtocolError::UnauthenticatedBulk);
    }
    Ok(Some((length as usize, next)))
}

/// The number in the header line at `at` (`None` when it is none) and the offset behind the line.
fn parse_header(
    bytes: &[u8],
    at: usize,
    too_big: ProtocolError,
) -> Result<Option<(Option<i64>, usize)>, ProtocolError> {
    match find(bytes, at, b'\r') {
        Some(end) if end + 1 < bytes.len() => Ok(Some((parse_i64(&bytes[at + 1..end]), end + 2))),
        None if bytes.len() - at > LINE_BYTES_MAX => Err(too_big),
        _ => Ok(None),
    }
}

fn parse_inline(bytes: &[u8], progress: &mut Progress) -> Result<Step, ProtocolError> {
    match find(bytes, progress.at, b'\n') {
        Some(newline) => {
            let line_bytes = newline - usize::from(newline > 0 && bytes[newline - 1] == b'\r');
            Ok(Step::Inline { line_bytes, end: newline + 1 })
        }
        None if bytes.len() > LINE_BYTES_MAX => Err(ProtocolError::TooBigInline),
        None => {
            progress.at = bytes.len();
            Ok(Step::Incomplete)
        }
    }
}

fn find(bytes: &[u8], from: usize, wanted: u8) -> Option<usize> {
    bytes[from..].iter().take(LINE_BYTES_MAX + 1).position(|&byte| byte == wanted).map(|at| from + at)
}

/// Splits an inline request into arguments and writes them as a multibulk request to `out`.
///
/// Quoting is `redis-cli`'s: `"…"` with `\n \r \t \b \a \xHH` and escaped characters, `'…'` with `\'` only.
/// A request of blanks writes nothing and is `Ok(0)`.
///
/// # Errors
/// [`ProtocolError::UnbalancedQuotes`] when a quote is not closed, or closed in the middle of a word.
pub fn encode_inline(line: &[u8], out: &mut Vec<u8>) -> Result<usize, ProtocolError> {
    let words = split_words(line).ok_or(ProtocolError::UnbalancedQuotes)?;
    if !words.is_empty() {
        encode(words.iter().map(Vec::as_slice), out);
    }
    Ok(words.len())
}

/// Writes a command as a multibulk request.
pub fn encode<'a>(words: impl ExactSizeIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    use crate::bytes::number::IntegerText;
    let header = |kind: u8, count: usize, out: &mut Vec<u8>| {
        out.push(kind);
        out.extend_from_slice(IntegerText::unsigned(count as u64).as_bytes());
        out.extend_from_slice(b"\r\n");
    };
    header(b'*', words.len(), out);
    for word in words {
        header(b'$', word.len(), out);
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// The words of a line with quoting as in [`encode_inline`]; `None` when quotes do not match.
#[must_use]
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let is_space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        while let [byte, tail @ ..] = rest
            && is_space(*byte)
        {
            rest = tail;
        }
        if rest.is_empty() || rest[0] == 0 {
            return Some(words);
        }
        let mut word = Vec::new();
        loop {
            match rest {
                [] | [0, ..] => break,
                [byte, ..] if is_space(*byte) => break,
                [quote @ (b'"' | b'\''), tail @ ..] => {
                    rest = if *quote == b'"' {
                        unquote_double(tail, &mut word)
                    } else {
                        unquote_single(tail, &mut word)
                    }?;
                    // A closing quote must end the word.
                    if rest.first().is_some_and(|&byte| !is_space(byte)) {
                        return None;
                    }
                    break;
                }
                [byte, tail @ ..] => {
                    word.push(*byte);
                    rest = tail;
                }
            }
        }
        words.push(word);
    }
}

fn unquote_double<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [] => return None,
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit") as u8;
                word.push(digit(*high) << 4 | digit(*low));
                tail
            }
            [b'\\', escaped, tail @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                tail
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                tail
            }
        };
    }
}

fn unquote_single<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [] => return None,
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                tail
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                tail
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { bulk_bytes_max: 512 * 1024 * 1024, unauthenticated: false };

    fn parse_at_once(bytes: &[u8]) -> Result<(Step, Vec<Span>), ProtocolError> {
        let mut spans = Vec::new();
        parse(bytes, &mut Progress::default(), &mut spans, LIMITS).map(|step| (step, spans))
    }

    #[test]
    fn a_request_cut_anywhere_parses_the_same() {
        let bytes = b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$12\r\nhello\r\nworld\r\n";
        let (whole, spans) = parse_at_once(bytes).unwrap();
        assert_eq!(whole, Step::Complete(bytes.len()));
        for cut in 0..bytes.len() {
            let mut progress = Progress::default();
            let mut found = Vec::new();
            assert_eq!(parse(&bytes[..cut], &mut progress, &mut found, LIMITS), Ok(Step::Incomplete));
            assert!(progress.wants(cut) <= bytes.len() - cut);
            assert_eq!(parse(bytes, &mut progress, &mut found, LIMITS), Ok(whole));
            assert_eq!(found, spans);
        }
    }

    #[test]
    fn broken_requests_are_named() {
        let cases: [(&[u8], ProtocolError); 6] = [
            (b"*x\r\n", ProtocolError::InvalidMultibulkLength),
            (b"*2147483648\r\n", ProtocolError::InvalidMultibulkLength),
            (b"*1\r\n:1\r\n", ProtocolError::ExpectedDollar(b':')),
            (b"*1\r\n$-1\r\n", ProtocolError::InvalidBulkLength),
            (b"*1\r\n$01\r\n", ProtocolError::InvalidBulkLength),
            (b"*1\r\n$536870913\r\n", ProtocolError::InvalidBulkLength),
        ];
        for (bytes, error) in cases {
            assert_eq!(parse_at_once(bytes).unwrap_err(), error, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn lines_without_an_end_are_refused_when_long() {
        for (first, error) in
            [(b'*', ProtocolError::TooBigMultibulkCount), (b'P', ProtocolError::TooBigInline)]
        {
            let mut bytes = vec![b'1'; LINE_BYTES_MAX + 2];
            bytes[0] = first;
            assert_eq!(parse_at_once(&bytes).unwrap_err(), error);
        }
    }

    #[test]
    fn inline_words_follow_the_quoting_rules() {
        let split = |line: &str| split_words(line.as_bytes());
        assert_eq!(split("  SET  k 'a b' ").unwrap(), [b"SET".to_vec(), b"k".to_vec(), b"a b".to_vec()]);
        assert_eq!(split(r#""\x41\n\"" '\''"#).unwrap(), [b"A\n\"".to_vec(), b"'".to_vec()]);
        assert_eq!(split(r#""""#).unwrap(), [b"".to_vec()]);
        for line in ["\"a", "'a", "\"a\"b", "'a'b"] {
            assert_eq!(split(line), None, "{line}");
        }
    }

    #[test]
    fn strangers_send_small_requests_only() {
        let limits = Limits { unauthenticated: true, ..LIMITS };
        let parse = |bytes: &[u8]| parse(bytes, &mut Progress::default(), &mut Vec::new(), limits);
        assert_eq!(parse(b"*11\r\n"), Err(ProtocolError::UnauthenticatedMultibulk));
        assert_eq!(parse(b"*1\r\n$16385\r\n"), Err(ProtocolError::UnauthenticatedBulk));
    }
}
