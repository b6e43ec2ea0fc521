//! A small hash packed into one run of bytes, in the block of its key.
//!
//! ```text
//! count 2 | (varint field length | varint value length | field … value …) per pair
//! ```
//!
//! The order of pairs is that of [`Dict`](super::dict::Dict): new ones at the end, the last into the place of one
//! removed. So converting changes nothing that anybody could observe, and when it happens is of no consequence.

use core::ops::Range;

use super::varint;

/// Bytes before the first pair.
pub const COUNT_BYTES: usize = 2;
/// However high the limits are set, a packed hash grows no longer than this: every edit moves what lies behind.
pub const BYTES_MAX: usize = 1 << 20;
/// Nor does it have more pairs than its count can tell.
pub const PAIRS_MAX: usize = u16::MAX as usize;

/// A view of a packed hash.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a>(pub &'a [u8]);

/// Where a pair and its value are, counted from the begin of the packed bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pair {
    /// The whole pair, lengths included.
    pub whole: Range<usize>,
    /// Its value.
    pub value: Range<usize>,
}

impl<'a> Packed<'a> {
    /// How many pairs there are.
    #[must_use]
    pub fn len(self) -> usize {
        usize::from(u16::from_le_bytes([self.0[0], self.0[1]]))
    }

    /// All pairs in order.
    #[must_use]
    pub fn iter(self) -> Pairs<'a> {
        Pairs { bytes: self.0, at: COUNT_BYTES, left: self.len() }
    }

    /// Where the pair of a field is.
    #[must_use]
    pub fn find(self, field: &[u8]) -> Option<Pair> {
        let mut pairs = self.iter();
        while let Some((name, pair)) = pairs.next_pair() {
            if name == field {
                return Some(pair);
            }
        }
        None
    }

    /// Where the last pair is.
    #[must_use]
    pub fn last(self) -> Option<Pair> {
        let mut pairs = self.iter();
        let mut last = None;
        while let Some((_, pair)) = pairs.next_pair() {
            last = Some(pair);
        }
        last
    }

    /// The value of a field.
    #[must_use]
    pub fn get(self, field: &[u8]) -> Option<&'a [u8]> {
        self.find(field).map(|pair| &self.0[pair.value])
    }
}

/// The pairs of a packed hash, in order.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
}

impl<'a> Pairs<'a> {
    #[inline]
    fn next_pair(&mut self) -> Option<(&'a [u8], Pair)> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let start = self.at;
        let (field_len, first) = varint::read(&self.bytes[start..]).expect("a pair begins with two lengths");
        let (value_len, second) =
            varint::read(&self.bytes[start + first..]).expect("a pair begins with two lengths");
        let field = start + first + second;
        let value = field + field_len as usize;
        self.at = value + value_len as usize;
        Some((&self.bytes[field..value], Pair { whole: start..self.at, value: value..self.at }))
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (field, pair) = self.next_pair()?;
        Some((field, &self.bytes[pair.value]))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

/// How many bytes a pair takes.
#[must_use]
pub fn pair_bytes(field: &[u8], value: &[u8]) -> usize {
    varint::len(field.len() as u64) + varint::len(value.len() as u64) + field.len() + value.len()
}

/// Writes a pair to the front of `out`, which has room.
pub fn write_pair(out: &mut [u8], field: &[u8], value: &[u8]) {
    let first = varint::write(out, field.len() as u64);
    let second = varint::write(&mut out[first..], value.len() as u64);
    let at = first + second;
    out[at..at + field.len()].copy_from_slice(field);
    out[at + field.len()..][..value.len()].copy_from_slice(value);
}
