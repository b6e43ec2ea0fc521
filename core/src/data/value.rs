//! What a key holds, as readers see it.

use super::dict::Dict;
use super::entry::{Kind, StringForm};
use super::hash_map::HashView;

/// A value, borrowed from the keyspace.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A string.
    String(Text<'a>),
    /// A hash.
    Hash(HashView<'a>),
}

/// A string and what shaped it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// What shaped it, for OBJECT ENCODING.
    pub form: StringForm,
}

impl Value<'_> {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::String(_) => Kind::String,
            Self::Hash(_) => Kind::Hash,
        }
    }

    /// What OBJECT ENCODING answers.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::String(text) => text.form.encoding(text.bytes),
            Self::Hash(hash) => hash.encoding(),
        }
    }
}

/// The key holds another type than the command works on: the `WRONGTYPE` of clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongType;

/// A value with a structure of its own, outside the block of its key.
#[derive(Clone, Debug)]
pub enum Object {
    /// A large hash.
    Hash(Dict),
}

impl Object {
    /// Bytes in use.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        match self {
            Self::Hash(dict) => dict.used_bytes(),
        }
    }
}

/// A value with its deadline, taken out of a key or copied from it, to be put into another.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Its type.
    pub(super) kind: Kind,
    /// When it ceases to be.
    pub expire_at: Option<crate::time::UnixMillis>,
    pub(super) content: Content,
}

/// What a [`Parcel`] holds.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// The value as it lies in a block, and its form.
    Inline { form: u8, bytes: Vec<u8> },
    /// An object, which moves as it is.
    Object(Box<Object>),
}
