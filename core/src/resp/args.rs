//! The arguments of one command: ranges over bytes that lie elsewhere.

use super::ReplyError;
use crate::bytes::number::{parse_f64, parse_i64};

/// Where one argument lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    start: u32,
    length: u32,
}

impl Span {
    /// # Panics
    /// When the span ends beyond 4 GiB: input buffers are bounded far below.
    #[must_use]
    pub fn new(start: usize, length: usize) -> Self {
        let end = start.checked_add(length).expect("a span does not wrap");
        assert!(u32::try_from(end).is_ok(), "input buffers stay below 4 GiB");
        Self { start: start as u32, length: length as u32 }
    }
}

/// One command, its name at 0. At least the name is there.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// A command whose arguments lie in `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        Self { bytes, spans }
    }

    /// How many arguments, the name included.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a command is never empty")]
    pub fn len(self) -> usize {
        self.spans.len()
    }

    /// The argument at `index`.
    ///
    /// # Panics
    /// When there is none: a handler asks only for what the arity promised or [`len`](Self::len) showed.
    #[must_use]
    pub fn get(self, index: usize) -> &'a [u8] {
        let span = self.spans[index];
        let start = span.start as usize;
        &self.bytes[start..start + span.length as usize]
    }

    /// Length of the bytes that all arguments lie in: a measure of the work they may cause.
    #[must_use]
    pub fn span_bytes(self) -> usize {
        self.bytes.len()
    }

    /// The command that begins at argument `count`.
    ///
    /// # Panics
    /// When there are no more arguments than that.
    #[must_use]
    pub fn skip(self, count: usize) -> Self {
        assert!(count < self.len(), "a command has a name");
        Self { bytes: self.bytes, spans: &self.spans[count..] }
    }

    /// The argument at `index`, if there is one.
    #[must_use]
    pub fn at(self, index: usize) -> Option<&'a [u8]> {
        (index < self.len()).then(|| self.get(index))
    }

    /// The arguments from `index` on.
    pub fn from(self, index: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone {
        (index..self.len().max(index)).map(move |index| self.get(index))
    }

    /// Whether the argument at `index` is this word, in any case.
    #[must_use]
    pub fn is(self, index: usize, word: &str) -> bool {
        self.at(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The integer at `index`.
    ///
    /// # Errors
    /// When it is none or out of range.
    pub fn integer(self, index: usize) -> Result<i64, ReplyError> {
        parse_i64(self.get(index)).ok_or(ReplyError::NOT_INTEGER)
    }

    /// The integer at `index`, which must fit into 32 bits.
    ///
    /// # Errors
    /// When it is none or out of range.
    pub fn integer32(self, index: usize) -> Result<i32, ReplyError> {
        i32::try_from(self.integer(index)?).map_err(|_| ReplyError::NOT_32_BITS)
    }

    /// The integer at `index`, which must lie in `range`.
    ///
    /// # Errors
    /// When it is none or out of range.
    pub fn integer_in(self, index: usize, range: core::ops::RangeInclusive<i64>) -> Result<i64, ReplyError> {
        self.integer(index)
            .and_then(|value| if range.contains(&value) { Ok(value) } else { Err(ReplyError::OUT_OF_RANGE) })
    }

    /// The double at `index`.
    ///
    /// # Errors
    /// When it is none.
    pub fn double(self, index: usize) -> Result<f64, ReplyError> {
        parse_f64(self.get(index)).ok_or(ReplyError::NOT_FLOAT)
    }
}
