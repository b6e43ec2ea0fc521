//! Numbers and strings as dump files hold them, read from bytes that may end anywhere.
//!
//! ```text
//!   00llllll                        a length of 6 bits
//!   01llllll llllllll               14 bits, high bits first
//!   10000000 and 4 bytes            32 bits, high byte first
//!   10000001 and 8 bytes            64 bits, high byte first
//!   11000000 and 1, 2 or 4 bytes    a string that is an integer, low byte first (000001: 2 bytes, 000010: 4)
//!   11000011 length length bytes    a string packed with LZF: packed length, length
//! ```

use super::lzf;
use crate::bytes::number::IntegerText;
use crate::limits::STRING_BYTES_MAX;

/// Why something could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// So many bytes are needed at least, counted from where the cursor began.
    Short(usize),
    /// It makes no sense.
    Bad(&'static str),
}

/// A length, or a string that is not stored as itself.
enum Length {
    Plain(u64),
    Integer(usize),
    Packed,
}

/// Reads from the front of some bytes.
#[derive(Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How much was read.
    pub fn at(&self) -> usize {
        self.at
    }

    /// How much is left.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Reads something, or nothing at all.
    pub fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        let before = self.at;
        let result = read(self);
        if result.is_err() {
            self.at = before;
        }
        result
    }

    /// The next bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.saturating_add(count);
        let taken = self.bytes.get(self.at..end).ok_or(Fault::Short(end))?;
        self.at = end;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        Ok(self.take(N)?.try_into().expect("as many as were asked for"))
    }

    /// Eight bytes, low byte first.
    pub fn i64_le(&mut self) -> Result<i64, Fault> {
        self.array().map(i64::from_le_bytes)
    }

    /// Four bytes, low byte first.
    pub fn i32_le(&mut self) -> Result<i32, Fault> {
        self.array().map(i32::from_le_bytes)
    }

    fn length(&mut self) -> Result<Length, Fault> {
        let first = self.byte()?;
        let low = first & 0x3f;
        Ok(match (first >> 6, low) {
            (0, _) => Length::Plain(u64::from(low)),
            (1, _) => Length::Plain(u64::from(low) << 8 | u64::from(self.byte()?)),
            (2, 0) => Length::Plain(u64::from(self.array().map(u32::from_be_bytes)?)),
            (2, 1) => Length::Plain(self.array().map(u64::from_be_bytes)?),
            (3, 0..=2) => Length::Integer(1 << low),
            (3, 3) => Length::Packed,
            _ => return Err(Fault::Bad("a length that makes no sense")),
        })
    }

    /// A length or another number.
    pub fn number(&mut self) -> Result<u64, Fault> {
        match self.length()? {
            Length::Plain(number) => Ok(number),
            _ => Err(Fault::Bad("a string where a number should be")),
        }
    }

    fn size(&mut self) -> Result<usize, Fault> {
        let size = self.number()?;
        bounded(size)
    }

    /// How many bytes of the string that begins here follow its header, which is read.
    pub fn text_header(&mut self) -> Result<u64, Fault> {
        match self.length()? {
            Length::Plain(length) => Ok(length),
            Length::Integer(bytes) => Ok(bytes as u64),
            Length::Packed => {
                let packed = self.number()?;
                self.number()?;
                Ok(packed)
            }
        }
    }

    /// A string.
    pub fn text(&mut self) -> Result<Vec<u8>, Fault> {
        match self.length()? {
            Length::Plain(length) => Ok(self.take(bounded(length)?)?.to_vec()),
            Length::Integer(1) => Ok(integer(i64::from(self.byte()? as i8))),
            Length::Integer(2) => Ok(integer(i64::from(self.array().map(i16::from_le_bytes)?))),
            Length::Integer(_) => Ok(integer(i64::from(self.i32_le()?))),
            Length::Packed => {
                let (packed, length) = (self.size()?, self.size()?);
                let packed = self.take(packed)?;
                lzf::unpack(packed, length).ok_or(Fault::Bad("a packed string that cannot be unpacked"))
            }
        }
    }
}

fn bounded(length: u64) -> Result<usize, Fault> {
    let found = usize::try_from(length).ok().filter(|&length| length <= STRING_BYTES_MAX);
    found.ok_or(Fault::Bad("a string longer than 512 MiB"))
}

/// An integer as text.
pub fn integer(value: i64) -> Vec<u8> {
    IntegerText::new(value).as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width() {
        for (bytes, expected) in [
            (&b"\x3f"[..], 63),
            (b"\x41\x02", 0x102),
            (b"\x80\x01\x02\x03\x04", 0x0102_0304),
            (b"\x81\x01\x02\x03\x04\x05\x06\x07\x08", 0x0102_0304_0506_0708),
        ] {
            assert_eq!(Cursor::new(bytes).number(), Ok(expected));
            for cut in 0..bytes.len() {
                assert!(matches!(Cursor::new(&bytes[..cut]).number(), Err(Fault::Short(_))), "{bytes:?}");
            }
        }
        assert!(matches!(Cursor::new(b"\xc0\x01").number(), Err(Fault::Bad(_))));
        assert!(matches!(Cursor::new(b"\x82").number(), Err(Fault::Bad(_))));
    }

    #[test]
    fn strings_in_every_form() {
        for (bytes, expected) in [
            (&b"\x03abc"[..], &b"abc"[..]),
            (b"\x00", b""),
            (b"\xc0\xff", b"-1"),
            (b"\xc1\x00\x80", b"-32768"),
            (b"\xc2\xff\xff\xff\x7f", b"2147483647"),
            (b"\xc3\x05\x08\x01ab\x80\x01", b"abababab"),
        ] {
            let mut cursor = Cursor::new(bytes);
            assert_eq!(cursor.text().as_deref(), Ok(expected));
            assert_eq!(cursor.left(), 0);
        }
        // Asked for in full before a byte of it is kept.
        assert_eq!(Cursor::new(b"\x80\x10\x00\x00\x00abc").text(), Err(Fault::Short(5 + (1 << 28))));
        for bad in [&b"\x80\xff\xff\xff\xff"[..], b"\xc4", b"\xc3\x01\x05a"] {
            assert!(matches!(Cursor::new(bad).text(), Err(Fault::Bad(_))), "{bad:?}");
        }
    }
}
