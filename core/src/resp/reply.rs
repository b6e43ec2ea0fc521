//! Writes replies in the protocol version the client asked for.

use super::ReplyError;
use crate::bytes::number::{IntegerText, print_f64};

/// Version of the protocol a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protocol {
    /// What every connection begins with.
    #[default]
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

/// What is left open for a deferred header: as much as it takes when its number has one digit.
const DEFERRED_BYTES: usize = 4;

/// Writes replies to the end of a buffer.
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

/// A place left open for a length that is known only later.
#[derive(Clone, Copy, Debug)]
#[must_use = "a deferred length has to be filled in"]
pub struct Deferred {
    at: usize,
    kind: u8,
}

impl<'a> Reply<'a> {
    /// Writes to the end of `out`.
    #[must_use]
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// The version spoken.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Goes on in another version.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    fn three(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    fn header(&mut self, kind: u8, count: usize) {
        if count < 10 {
            self.out.extend_from_slice(&[kind, b'0' + count as u8, b'\r', b'\n']);
        } else {
            self.out.extend_from_slice(IntegerText::unsigned(count as u64).line(kind));
        }
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string; no line ends in it.
    pub fn simple(&mut self, text: &str) {
        self.out.push(b'+');
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// An error. Line ends in its text become blanks.
    pub fn error(&mut self, error: &ReplyError) {
        self.out.push(b'-');
        self.out
            .extend(error.text().iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer.
    pub fn integer(&mut self, value: i64) {
        if (0..10).contains(&value) {
            self.out.extend_from_slice(&[b':', b'0' + value as u8, b'\r', b'\n']);
        } else {
            self.integer_text(IntegerText::new(value));
        }
    }

    /// An integer that is text already.
    #[inline]
    pub fn integer_text(&mut self, mut text: IntegerText) {
        self.out.extend_from_slice(text.line(b':'));
    }

    /// A count.
    pub fn count(&mut self, value: usize) {
        self.integer(i64::try_from(value).expect("a count of things in memory fits"));
    }

    /// A bulk string.
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + 16);
        self.header(b'$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A bulk string.
    pub fn text(&mut self, text: &str) {
        self.bulk(text.as_bytes());
    }

    /// An integer as a bulk string.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(IntegerText::new(value).as_bytes());
    }

    /// No value.
    pub fn null(&mut self) {
        self.out.extend_from_slice(if self.three() { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// No array.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(if self.three() { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// Header of an array of `count` elements.
    pub fn array(&mut self, count: usize) {
        self.header(b'*', count);
    }

    /// Header of a map of `count` pairs; an array of twice as many in RESP2.
    pub fn map(&mut self, count: usize) {
        if self.three() { self.header(b'%', count) } else { self.header(b'*', count * 2) }
    }

    /// Header of a set of `count` members; an array in RESP2.
    pub fn set(&mut self, count: usize) {
        let kind = if self.three() { b'~' } else { b'*' };
        self.header(kind, count);
    }

    /// Header of a push of `count` elements; an array in RESP2.
    pub fn push(&mut self, count: usize) {
        let kind = if self.three() { b'>' } else { b'*' };
        self.header(kind, count);
    }

    /// A double; a bulk string in RESP2.
    pub fn double(&mut self, value: f64) {
        let text = print_f64(value);
        if self.three() {
            self.out.push(b',');
            self.out.extend_from_slice(text.as_bytes());
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.bulk(text.as_bytes());
        }
    }

    /// A truth value; 1 or 0 in RESP2.
    pub fn boolean(&mut self, value: bool) {
        let text: &[u8] = match (self.three(), value) {
            (true, true) => b"#t\r\n",
            (true, false) => b"#f\r\n",
            (false, true) => b":1\r\n",
            (false, false) => b":0\r\n",
        };
        self.out.extend_from_slice(text);
    }

    /// A big number, in decimal digits; a bulk string in RESP2.
    pub fn big_number(&mut self, digits: &str) {
        if self.three() {
            self.out.push(b'(');
            self.out.extend_from_slice(digits.as_bytes());
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.bulk(digits.as_bytes());
        }
    }

    /// Text with a format of three letters (`txt`, `mkd`); a bulk string in RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        assert_eq!(format.len(), 3, "a verbatim format has three letters");
        if self.three() {
            self.header(b'=', text.len() + 4);
            self.out.extend_from_slice(format.as_bytes());
            self.out.push(b':');
            self.out.extend_from_slice(text);
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    /// Leaves a place for the header of an array whose length is not known yet.
    pub fn defer_array(&mut self) -> Deferred {
        self.defer(b'*')
    }

    /// Leaves a place for the header of a map whose number of pairs is not known yet.
    pub fn defer_map(&mut self) -> Deferred {
        self.defer(b'%')
    }

    fn defer(&mut self, kind: u8) -> Deferred {
        let at = self.out.len();
        self.out.extend_from_slice(&[0; DEFERRED_BYTES]);
        Deferred { at, kind }
    }

    /// Fills in a deferred header: elements, or pairs for a map. What was written behind it moves only for a
    /// header of more than one digit, and then by the further digits.
    pub fn fill(&mut self, place: Deferred, count: usize) {
        let (kind, count) = match place.kind {
            b'%' if !self.three() => (b'*', count * 2),
            kind => (kind, count),
        };
        let mut header = [0; 24];
        header[0] = kind;
        let digits = IntegerText::unsigned(count as u64);
        let end = 1 + digits.as_bytes().len();
        header[1..end].copy_from_slice(digits.as_bytes());
        header[end..end + 2].copy_from_slice(b"\r\n");
        self.put_at(place.at, &header[..end + 2]);
    }

    /// Leaves a place for a short bulk string that is not known yet; filled in by
    /// [`fill_bulk`](Self::fill_bulk), after the places behind it.
    pub fn defer_bulk(&mut self) -> Deferred {
        self.defer(b'$')
    }

    /// Fills in a deferred bulk string; what was written behind it moves.
    pub fn fill_bulk(&mut self, place: Deferred, bytes: &[u8]) {
        let length = IntegerText::unsigned(bytes.len() as u64);
        self.put_at(place.at, &[b"$", length.as_bytes(), b"\r\n", bytes, b"\r\n"].concat());
    }

    /// Writes into a place that was left open.
    fn put_at(&mut self, at: usize, part: &[u8]) {
        let more = part.len() - DEFERRED_BYTES;
        if more > 0 {
            let end = self.out.len();
            self.out.resize(end + more, 0);
            self.out.copy_within(at + DEFERRED_BYTES..end, at + part.len());
        }
        self.out[at..at + part.len()].copy_from_slice(part);
    }

    /// How many bytes the buffer holds, replies before this one included.
    #[must_use]
    pub fn written_bytes(&self) -> usize {
        self.out.len()
    }

    /// Bytes that are a whole reply already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(protocol: Protocol, write: impl FnOnce(&mut Reply<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, protocol));
        String::from_utf8(out).expect("these replies are text")
    }

    #[test]
    fn versions_differ_where_they_should() {
        type Write = fn(&mut Reply<'_>);
        let both = |write: Write| (written(Protocol::Resp2, write), written(Protocol::Resp3, write));
        let cases: [(Write, &str, &str); 9] = [
            (|reply| reply.null(), "$-1\r\n", "_\r\n"),
            (|reply| reply.null_array(), "*-1\r\n", "_\r\n"),
            (|reply| reply.map(2), "*4\r\n", "%2\r\n"),
            (|reply| reply.set(12), "*12\r\n", "~12\r\n"),
            (|reply| reply.push(3), "*3\r\n", ">3\r\n"),
            (|reply| reply.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (|reply| reply.boolean(true), ":1\r\n", "#t\r\n"),
            (|reply| reply.big_number("12"), "$2\r\n12\r\n", "(12\r\n"),
            (|reply| reply.verbatim("txt", b"hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"),
        ];
        for (write, two, three) in cases {
            assert_eq!(both(write), (two.to_owned(), three.to_owned()));
        }
    }

    #[test]
    fn deferred_lengths_are_filled_in_front() {
        let text = written(Protocol::Resp2, |reply| {
            let outer = reply.defer_array();
            reply.integer(7);
            let inner = reply.defer_map();
            reply.text("a");
            reply.integer(-12);
            reply.fill(inner, 1);
            reply.fill(outer, 2);
        });
        assert_eq!(text, "*2\r\n:7\r\n*2\r\n$1\r\na\r\n:-12\r\n");
    }

    #[test]
    fn deferred_headers_of_any_length_move_what_is_behind_them() {
        for count in [0, 9, 10, 99, 100, 12_345] {
            let text = written(Protocol::Resp3, |reply| {
                reply.ok();
                let outer = reply.defer_map();
                (0..count).for_each(|_| reply.raw(b"x"));
                reply.fill(outer, count);
            });
            assert_eq!(text, format!("+OK\r\n%{count}\r\n{}", "x".repeat(count)));
        }
    }

    #[test]
    fn a_deferred_bulk_is_filled_in_after_what_is_behind_it() {
        let text = written(Protocol::Resp2, |reply| {
            reply.array(2);
            let cursor = reply.defer_bulk();
            let page = reply.defer_array();
            (0..11).for_each(|_| reply.integer(1));
            reply.fill(page, 11);
            reply.fill_bulk(cursor, b"1234567890");
        });
        assert_eq!(text, format!("*2\r\n$10\r\n1234567890\r\n*11\r\n{}", ":1\r\n".repeat(11)));
    }

    #[test]
    fn errors_stay_on_one_line() {
        let error = ReplyError::new("ERR a\r\nb");
        assert_eq!(written(Protocol::Resp2, |reply| reply.error(&error)), "-ERR a  b\r\n");
        assert_eq!(error.code(), b"ERR");
    }
}
