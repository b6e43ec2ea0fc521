//! A hash as readers see it: one view of both structures.

use super::dict::Dict;
use super::packed::{Packed, Pairs};

/// A hash, borrowed from the keyspace. Its order is that of its history, and does not depend on the structure.
#[derive(Clone, Copy, Debug)]
pub enum HashView<'a> {
    /// Packed into the block of its key.
    Packed(Packed<'a>),
    /// An object of its own.
    Dict(&'a Dict),
}

impl<'a> HashView<'a> {
    /// How many fields it has; never 0, since an empty hash is no key.
    #[expect(clippy::len_without_is_empty, reason = "an empty hash is no key")]
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Packed(packed) => packed.len(),
            Self::Dict(dict) => dict.len(),
        }
    }

    /// The value of a field.
    #[must_use]
    pub fn get(self, field: &[u8]) -> Option<&'a [u8]> {
        match self {
            Self::Packed(packed) => packed.get(field),
            Self::Dict(dict) => dict.get(field),
        }
    }

    /// The field at a position and its value. In time proportional to the position while packed.
    ///
    /// # Panics
    /// When the position is not below [`len`](Self::len).
    #[must_use]
    pub fn at(self, position: usize) -> (&'a [u8], &'a [u8]) {
        match self {
            Self::Packed(packed) => packed.iter().nth(position).expect("the position is one of the hash's"),
            Self::Dict(dict) => dict.at(position),
        }
    }

    /// All fields with their values, in order.
    #[must_use]
    pub fn iter(self) -> HashIter<'a> {
        match self {
            Self::Packed(packed) => HashIter(Source::Packed(packed.iter())),
            Self::Dict(dict) => HashIter(Source::Dict { dict, position: 0 }),
        }
    }

    /// Visits fields for HSCAN, and returns the next cursor: 0 at the end, as at the beginning.
    ///
    /// Positions are walked downward. A removal moves the last field into the hole: it was visited already, or
    /// its new position is still to be visited. So every field that is there throughout is visited. A packed
    /// hash is visited in one call, as clients expect of it.
    pub fn scan(self, cursor: u64, count: usize, mut visit: impl FnMut(&'a [u8], &'a [u8])) -> u64 {
        let len = self.len();
        let end = if cursor == 0 { len } else { usize::try_from(cursor).map_or(len, |end| end.min(len)) };
        match self {
            Self::Packed(packed) => {
                packed.iter().take(end).for_each(|(field, value)| visit(field, value));
                0
            }
            Self::Dict(dict) => {
                let start = end.saturating_sub(count.max(1));
                for position in (start..end).rev() {
                    let (field, value) = dict.at(position);
                    visit(field, value);
                }
                start as u64
            }
        }
    }

    /// What OBJECT ENCODING answers.
    #[must_use]
    pub fn encoding(self) -> &'static str {
        match self {
            Self::Packed(_) => "listpack",
            Self::Dict(_) => "hashtable",
        }
    }
}

/// Fields with their values, in order.
#[derive(Clone, Debug)]
pub struct HashIter<'a>(Source<'a>);

#[derive(Clone, Debug)]
enum Source<'a> {
    Packed(Pairs<'a>),
    Dict { dict: &'a Dict, position: usize },
}

impl<'a> Iterator for HashIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Packed(pairs) => pairs.next(),
            Source::Dict { dict, position } => {
                if *position == dict.len() {
                    return None;
                }
                *position += 1;
                Some(dict.at(*position - 1))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Source::Packed(pairs) => pairs.len(),
            Source::Dict { dict, position } => dict.len() - position,
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for HashIter<'_> {}
