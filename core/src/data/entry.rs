//! How a key and its value lie in one block.
//!
//! ```text
//!  0      1      2        5        6          8
//!  what | save | access | key    | value    | [lengths, wide: 4 + 4] [deadline: 8] key … value …
//!       | stamp| clock  | length | length   |
//! ```
//!
//! `what` is the type (3 bits), its form (2 bits), whether there is a deadline, and whether the lengths are
//! *wide*: the narrow ones reach to keys of 255 bytes and values of 65535. A key of 16 bytes with a value of 8
//! takes 32 bytes.

use crate::time::UnixMillis;

const HEAD_BYTES: usize = 8;
const WIDE_BYTES: usize = 8;
const DEADLINE_BYTES: usize = 8;
const KIND_MASK: u8 = 0b111;
const FORM_SHIFT: u32 = 3;
const FORM_MASK: u8 = 0b11;
const EXPIRES: u8 = 0b10_0000;
const WIDE: u8 = 0b100_0000;

/// What a key holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A string of bytes.
    String = 0,
    /// Fields with values.
    Hash = 1,
}

impl Kind {
    /// What TYPE answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Hash => "hash",
        }
    }

    /// The kind with this number, as stored and encoded.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::String),
            1 => Some(Self::Hash),
            _ => None,
        }
    }
}

/// What shaped a string, as far as OBJECT ENCODING shows it. The bytes are stored alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[repr(u8)]
pub enum StringForm {
    /// As SET makes it: `int` if it is the shortest text of a 64-bit integer, else by length.
    #[default]
    Plain = 0,
    /// As APPEND and SETRANGE leave it: always `raw`.
    Raw = 1,
    /// As INCRBYFLOAT makes it: by length, never `int`.
    Embedded = 2,
}

impl StringForm {
    /// The form with this number, as stored and encoded.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Plain),
            1 => Some(Self::Raw),
            2 => Some(Self::Embedded),
            _ => None,
        }
    }

    /// What OBJECT ENCODING answers for a string of this form.
    #[must_use]
    pub fn encoding(self, text: &[u8]) -> &'static str {
        /// The longest string that Redis keeps in one block with its object head.
        const EMBEDDED_BYTES_MAX: usize = 44;
        match self {
            Self::Plain if is_integer(text) => "int",
            Self::Plain | Self::Embedded if text.len() <= EMBEDDED_BYTES_MAX => "embstr",
            _ => "raw",
        }
    }
}

/// Whether `text` is how a 64-bit signed integer is written, with no byte too many.
fn is_integer(text: &[u8]) -> bool {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    if digits[0] == b'0' {
        return digits.len() == 1 && !negative;
    }
    let magnitude = digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    magnitude <= i64::MAX as u64 + u64::from(negative)
}

/// What follows from an entry's head: where its parts are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// The value's type.
    pub kind: Kind,
    /// For a string the number of its [`StringForm`]; else [`INLINE`] or [`OBJECT`].
    pub form: u8,
    /// Whether there is a deadline.
    pub expires: bool,
    /// Length of the key, in bytes.
    pub key_len: usize,
    /// Length of the value as it lies in the block, in bytes.
    pub value_len: usize,
}

/// Form of a collection that lies in the block itself.
pub const INLINE: u8 = 0;
/// Form of a collection that is an object of its own; the block holds its number.
pub const OBJECT: u8 = 1;

impl Shape {
    #[inline]
    fn wide(&self) -> bool {
        self.key_len > usize::from(u8::MAX) || self.value_len > usize::from(u16::MAX)
    }

    /// Where the key begins.
    #[inline]
    #[must_use]
    pub fn key_at(&self) -> usize {
        HEAD_BYTES + if self.wide() { WIDE_BYTES } else { 0 } + if self.expires { DEADLINE_BYTES } else { 0 }
    }

    /// Where the value begins: right behind the key.
    #[inline]
    #[must_use]
    pub fn value_at(&self) -> usize {
        self.key_at() + self.key_len
    }

    /// Where the value ends: how long the entry is.
    #[inline]
    #[must_use]
    pub fn end(&self) -> usize {
        self.value_at() + self.value_len
    }

    /// Reads an entry's head.
    #[inline]
    #[must_use]
    pub fn read(entry: &[u8]) -> Self {
        let what = entry[0];
        let (key_len, value_len) = if what & WIDE == 0 {
            (usize::from(entry[5]), usize::from(u16::from_le_bytes([entry[6], entry[7]])))
        } else {
            (read_u32(entry, HEAD_BYTES) as usize, read_u32(entry, HEAD_BYTES + 4) as usize)
        };
        Self {
            kind: Kind::from_number(what & KIND_MASK).expect("entries hold known types"),
            form: what >> FORM_SHIFT & FORM_MASK,
            expires: what & EXPIRES != 0,
            key_len,
            value_len,
        }
    }

    /// Writes the head, but neither stamp nor clock nor deadline.
    ///
    /// # Panics
    /// When a length does not fit into 32 bits.
    pub fn write(&self, entry: &mut [u8]) {
        let mut what = self.kind as u8 | self.form << FORM_SHIFT;
        if self.expires {
            what |= EXPIRES;
        }
        if self.wide() {
            what |= WIDE;
            let key_len = u32::try_from(self.key_len).expect("keys are shorter than 4 GiB");
            let value_len = u32::try_from(self.value_len).expect("values are shorter than 4 GiB");
            entry[5..8].fill(0);
            entry[8..12].copy_from_slice(&key_len.to_le_bytes());
            entry[12..16].copy_from_slice(&value_len.to_le_bytes());
        } else {
            entry[5] = self.key_len as u8;
            entry[6..8].copy_from_slice(&(self.value_len as u16).to_le_bytes());
        }
        entry[0] = what;
    }
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// The key of an entry.
#[inline]
#[must_use]
pub fn key(entry: &[u8]) -> &[u8] {
    let what = entry[0];
    let mut at = HEAD_BYTES + if what & EXPIRES == 0 { 0 } else { DEADLINE_BYTES };
    let len = if what & WIDE == 0 {
        usize::from(entry[5])
    } else {
        at += WIDE_BYTES;
        read_u32(entry, HEAD_BYTES) as usize
    };
    &entry[at..at + len]
}

/// The value of an entry, as it lies in the block.
#[inline]
#[must_use]
pub fn value(entry: &[u8]) -> &[u8] {
    let shape = Shape::read(entry);
    &entry[shape.value_at()..shape.end()]
}

/// When the entry ceases to be, if ever.
#[inline]
#[must_use]
pub fn expire_at(entry: &[u8]) -> Option<UnixMillis> {
    let what = entry[0];
    if what & EXPIRES == 0 {
        return None;
    }
    let at = HEAD_BYTES + if what & WIDE == 0 { 0 } else { WIDE_BYTES };
    Some(UnixMillis(u64::from_le_bytes(entry[at..at + 8].try_into().expect("eight bytes"))))
}

/// Writes the deadline into an entry whose shape says that there is one.
pub fn set_expire_at(entry: &mut [u8], at: UnixMillis) {
    debug_assert!(entry[0] & EXPIRES != 0, "there is a place for a deadline");
    let place = HEAD_BYTES + if entry[0] & WIDE == 0 { 0 } else { WIDE_BYTES };
    entry[place..place + 8].copy_from_slice(&at.0.to_le_bytes());
}

/// The save that this entry needs no more attention from; 0 for none.
#[must_use]
pub fn stamp(entry: &[u8]) -> u8 {
    entry[1]
}

/// Sets the [`stamp`].
pub fn set_stamp(entry: &mut [u8], stamp: u8) {
    entry[1] = stamp;
}

/// The access clock: 24 bits whose meaning is the eviction policy's.
#[inline]
#[must_use]
pub fn access(entry: &[u8]) -> u32 {
    u32::from_le_bytes([entry[2], entry[3], entry[4], 0])
}

/// Sets the lower 24 bits of the access clock.
#[inline]
pub fn set_access(entry: &mut [u8], clock: u32) {
    entry[2..5].copy_from_slice(&clock.to_le_bytes()[..3]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_as_short_as_promised() {
        let shape = |key_len, value_len, expires| {
            Shape { kind: Kind::String, form: 0, expires, key_len, value_len }.end()
        };
        assert_eq!(shape(16, 8, false), 32);
        assert_eq!(shape(16, 64, false), 88);
        assert_eq!(shape(16, 8, true), 40);
        assert_eq!(shape(255, 65_535, false), 8 + 255 + 65_535);
        assert_eq!(shape(256, 0, false), 16 + 256);
    }

    #[test]
    fn shapes_round_trip() {
        for kind in [Kind::String, Kind::Hash] {
            for form in 0..3 {
                for expires in [false, true] {
                    for (key_len, value_len) in
                        [(0, 0), (255, 65_535), (256, 0), (0, 65_536), (70_000, 90_000)]
                    {
                        let shape = Shape { kind, form, expires, key_len, value_len };
                        let mut entry = vec![0xaa; shape.end()];
                        shape.write(&mut entry);
                        set_access(&mut entry, 0xabcdef);
                        set_stamp(&mut entry, 0x77);
                        if expires {
                            set_expire_at(&mut entry, UnixMillis(u64::MAX - 1));
                        }
                        assert_eq!(Shape::read(&entry), shape);
                        assert_eq!((stamp(&entry), access(&entry)), (0x77, 0xabcdef));
                        assert_eq!(expire_at(&entry), expires.then_some(UnixMillis(u64::MAX - 1)));
                        assert_eq!(key(&entry).len(), key_len);
                        assert_eq!(value(&entry).len(), value_len);
                    }
                }
            }
        }
    }

    #[test]
    fn encodings_follow_text_and_form() {
        let check = |form: StringForm, text: &str, expected| {
            assert_eq!(form.encoding(text.as_bytes()), expected, "{form:?} {text}");
        };
        for text in ["0", "7", "-1", "9223372036854775807", "-9223372036854775808"] {
            check(StringForm::Plain, text, "int");
            check(StringForm::Embedded, text, "embstr");
            check(StringForm::Raw, text, "raw");
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
        ] {
            check(StringForm::Plain, text, "embstr");
        }
        check(StringForm::Plain, &"x".repeat(44), "embstr");
        check(StringForm::Plain, &"x".repeat(45), "raw");
        check(StringForm::Embedded, &"x".repeat(45), "raw");
    }
}
