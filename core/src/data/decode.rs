//! Reading what [`encode`](super::encode) wrote, from bytes that may be anything.

use super::encode::{FORM_SHIFT, HAS_DEADLINE};
use super::entry::{Kind, StringForm};
use super::varint;
use crate::time::UnixMillis;

/// Why bytes are no record of a key and its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// They end within a record, or a length reaches past their end.
    Short,
    /// A number is longer than it need be, or too large.
    Number,
    /// The type, its form or a bit beside them means nothing to us.
    Kind,
    /// The database's number is beyond what this keyspace has.
    Database,
    /// The key was there already.
    DuplicateKey,
    /// A field comes twice in one hash.
    DuplicateField,
    /// A collection without members: there is no such thing.
    Empty,
    /// A key or value is 4 GiB or longer.
    TooLong,
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Short => "the bytes end within a record",
            Self::Number => "a number is malformed",
            Self::Kind => "unknown type of value",
            Self::Database => "no such database",
            Self::DuplicateKey => "a key comes twice",
            Self::DuplicateField => "a field comes twice in a hash",
            Self::Empty => "a collection is empty",
            Self::TooLong => "a key or value is too long",
        })
    }
}

impl core::error::Error for DecodeError {}

/// One key with its value, checked, borrowed from the bytes it was read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// Number of its database, unchecked.
    pub database: u64,
    /// The key.
    pub key: &'a [u8],
    /// When it ceases to be.
    pub expire_at: Option<UnixMillis>,
    /// Its value.
    pub payload: Payload<'a>,
}

/// The value of a [`Record`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload<'a> {
    /// A string.
    String {
        /// Its bytes.
        text: &'a [u8],
        /// What shaped it.
        form: StringForm,
    },
    /// A hash: fields with their values, in order, each field once.
    Hash(Vec<Pair<'a>>),
}

/// A field and its value.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let len = usize::try_from(len).map_err(|_| DecodeError::Short)?;
        let (front, rest) = self.0.split_at_checked(len).ok_or(DecodeError::Short)?;
        self.0 = rest;
        Ok(front)
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        match varint::read(self.0) {
            Some((number, len)) => {
                self.0 = &self.0[len..];
                Ok(number)
            }
            // A number that goes on at the end of the bytes might be a good one cut short.
            None if self.0.len() < 10 && self.0.iter().all(|byte| byte & 0x80 != 0) => {
                Err(DecodeError::Short)
            }
            None => Err(DecodeError::Number),
        }
    }

    fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.number()?;
        let bytes = self.take(len)?;
        if u32::try_from(len).is_err() { Err(DecodeError::TooLong) } else { Ok(bytes) }
    }
}

/// Reads the record at the front of `bytes`, and moves them past it. What is allocated is in proportion to the
/// record's own length, whatever it claims.
///
/// # Errors
/// When the bytes are no record; then how far they were read is unspecified.
pub fn decode<'a>(bytes: &mut &'a [u8]) -> Result<Record<'a>, DecodeError> {
    let mut reader = Reader(bytes);
    let database = reader.number()?;
    let what = reader.take(1)?[0];
    let kind = Kind::from_number(what & ((1 << FORM_SHIFT) - 1)).ok_or(DecodeError::Kind)?;
    let form = what >> FORM_SHIFT & 0b11;
    if what >= HAS_DEADLINE << 1 {
        return Err(DecodeError::Kind);
    }
    let expire_at = if what & HAS_DEADLINE == 0 {
        None
    } else {
        let millis = reader.take(8)?.try_into().expect("eight bytes");
        Some(UnixMillis(u64::from_le_bytes(millis)))
    };
    let key = reader.bytes()?;
    let payload = match kind {
        Kind::String => {
            let form = StringForm::from_number(form).ok_or(DecodeError::Kind)?;
            Payload::String { text: reader.bytes()?, form }
        }
        Kind::Hash if form != 0 => return Err(DecodeError::Kind),
        Kind::Hash => Payload::Hash(decode_pairs(&mut reader)?),
    };
    *bytes = reader.0;
    Ok(Record { database, key, expire_at, payload })
}

fn decode_pairs<'a>(reader: &mut Reader<'a>) -> Result<Vec<Pair<'a>>, DecodeError> {
    let count = reader.number()?;
    if count == 0 {
        return Err(DecodeError::Empty);
    }
    // A pair takes two bytes at least, so a count beyond half the bytes is a lie, told before it costs anything.
    if count > reader.0.len() as u64 / 2 {
        return Err(DecodeError::Short);
    }
    let mut pairs = Vec::new();
    for _ in 0..count {
        pairs.push((reader.bytes()?, reader.bytes()?));
    }
    let mut fields: Vec<&[u8]> = pairs.iter().map(|pair| pair.0).collect();
    fields.sort_unstable();
    if fields.windows(2).any(|two| two[0] == two[1]) {
        return Err(DecodeError::DuplicateField);
    }
    Ok(pairs)
}
