//! Small collections that Redis keeps as one run of bytes, and writes to its dumps as they are.
//!
//! ```text
//!   ziplist    bytes u32 | tail u32 | count u16 | ( length before | head | content )* | 255
//!   listpack   bytes u32 | count u16 | ( head | content | length back )* | 255
//!   zipmap     count u8 | ( length | field | length | free | value | unused )* | 255
//! ```

use super::Pair;
use super::cursor::{Cursor, Fault, integer};

/// How the elements lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Ziplist,
    Listpack,
    Zipmap,
}

/// Gives one element after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packed {
    form: Form,
    bytes: Vec<u8>,
    at: usize,
    /// The next element of a zipmap is a value.
    value_next: bool,
}

/// What marks the end.
const END: u8 = 255;

impl Packed {
    /// # Errors
    /// What is wrong with the header.
    pub fn new(form: Form, bytes: Vec<u8>) -> Result<Self, &'static str> {
        let at = match form {
            Form::Ziplist => 10,
            Form::Listpack => 6,
            Form::Zipmap => 1,
        };
        let claimed = match form {
            Form::Zipmap => Some(bytes.len() as u64),
            _ => bytes.first_chunk().map(|length| u64::from(u32::from_le_bytes(*length))),
        };
        if claimed != Some(bytes.len() as u64) || bytes.len() <= at || bytes.last() != Some(&END) {
            return Err("a packed collection whose length does not match");
        }
        Ok(Self { form, bytes, at, value_next: false })
    }

    /// The next field and its value; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn pair(&mut self) -> Result<Option<Pair>, &'static str> {
        let Some(field) = self.element()? else { return Ok(None) };
        match self.element()? {
            Some(value) => Ok(Some((field, value))),
            None => Err("a packed hash with a field and no value"),
        }
    }

    fn element(&mut self) -> Result<Option<Vec<u8>>, &'static str> {
        if self.bytes[self.at..] == [END] {
            return Ok(None);
        }
        let mut cursor = Cursor::new(&self.bytes[self.at..self.bytes.len() - 1]);
        let read = match self.form {
            Form::Ziplist => ziplist(&mut cursor),
            Form::Listpack => listpack(&mut cursor),
            Form::Zipmap => zipmap(&mut cursor, self.value_next),
        };
        let element = read.map_err(|fault| match fault {
            Fault::Short(_) => "a packed collection that ends too early",
            Fault::Bad(what) => what,
        })?;
        self.at += cursor.at();
        self.value_next = !self.value_next;
        Ok(Some(element))
    }
}

/// A signed number of so many bytes, low byte first.
fn signed(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<u8>, Fault> {
    let mut wide = [0; 8];
    wide[8 - count..].copy_from_slice(cursor.take(count)?);
    Ok(integer(i64::from_le_bytes(wide) >> (64 - 8 * count)))
}

fn ziplist(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Fault> {
    if cursor.byte()? == 254 {
        cursor.take(4)?;
    }
    let head = cursor.byte()?;
    let count = match head >> 6 {
        0 => usize::from(head & 0x3f),
        1 => usize::from(head & 0x3f) << 8 | usize::from(cursor.byte()?),
        2 => {
            let length = cursor.take(4)?.try_into().expect("four bytes");
            u32::from_be_bytes(length) as usize
        }
        _ => {
            return match head {
                0xc0 => signed(cursor, 2),
                0xd0 => signed(cursor, 4),
                0xe0 => signed(cursor, 8),
                0xf0 => signed(cursor, 3),
                0xfe => signed(cursor, 1),
                0xf1..=0xfd => Ok(integer(i64::from(head & 0x0f) - 1)),
                _ => Err(Fault::Bad("an element of a ziplist that makes no sense")),
            };
        }
    };
    Ok(cursor.take(count)?.to_vec())
}

fn listpack(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Fault> {
    let begin = cursor.at();
    let head = cursor.byte()?;
    let element = match head {
        0..=0x7f => integer(i64::from(head)),
        0x80..=0xbf => cursor.take(usize::from(head & 0x3f))?.to_vec(),
        0xc0..=0xdf => {
            let wide = i64::from(head & 0x1f) << 8 | i64::from(cursor.byte()?);
            integer(wide << 51 >> 51)
        }
        0xe0..=0xef => {
            let count = usize::from(head & 0x0f) << 8 | usize::from(cursor.byte()?);
            cursor.take(count)?.to_vec()
        }
        0xf0 => {
            let length = cursor.take(4)?.try_into().expect("four bytes");
            cursor.take(u32::from_le_bytes(length) as usize)?.to_vec()
        }
        0xf1 => signed(cursor, 2)?,
        0xf2 => signed(cursor, 3)?,
        0xf3 => signed(cursor, 4)?,
        0xf4 => signed(cursor, 8)?,
        _ => return Err(Fault::Bad("an element of a listpack that makes no sense")),
    };
    // The element's length stands behind it, seven bits a byte, for reading backwards.
    let back = match cursor.at() - begin {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    cursor.take(back)?;
    Ok(element)
}

fn zipmap(cursor: &mut Cursor<'_>, is_value: bool) -> Result<Vec<u8>, Fault> {
    let count = match cursor.byte()? {
        254 => {
            let length = cursor.take(4)?.try_into().expect("four bytes");
            u32::from_le_bytes(length) as usize
        }
        END => return Err(Fault::Bad("a zipmap that ends twice")),
        count => usize::from(count),
    };
    let unused = if is_value { usize::from(cursor.byte()?) } else { 0 };
    let element = cursor.take(count)?.to_vec();
    cursor.take(unused)?;
    Ok(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(form: Form, bytes: &[u8]) -> Result<Vec<(String, String)>, &'static str> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let mut packed = Packed::new(form, bytes.to_vec())?;
        let mut pairs = Vec::new();
        while let Some((field, value)) = packed.pair()? {
            pairs.push((text(field), text(value)));
        }
        Ok(pairs)
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|&(field, value)| (field.into(), value.into())).collect()
    }

    fn ziplist_of(entries: &[&[u8]]) -> Vec<u8> {
        let body = entries.concat();
        let mut bytes = (body.len() as u32 + 11).to_le_bytes().to_vec();
        bytes.extend_from_slice(&[0; 6]);
        bytes.extend_from_slice(&body);
        bytes.push(END);
        bytes
    }

    fn listpack_of(entries: &[&[u8]]) -> Vec<u8> {
        let mut body = Vec::new();
        for entry in entries {
            body.extend_from_slice(entry);
            body.extend_from_slice(&vec![0; if entry.len() < 128 { 1 } else { 2 }]);
        }
        let mut bytes = (body.len() as u32 + 7).to_le_bytes().to_vec();
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&body);
        bytes.push(END);
        bytes
    }

    #[test]
    fn ziplists() {
        let long = [&[254, 0, 0, 0, 0, 0x40, 70][..], &[b'x'; 70]].concat();
        let bytes = ziplist_of(&[
            &[0, 1, b'a'],
            &[3, 0xfe, 0xff],
            &[0, 0xf1],
            &[0, 0xc0, 0x00, 0x80],
            &[0, 0xf0, 0xff, 0xff, 0x7f],
            &[0, 0xd0, 1, 0, 0, 0x80],
            &long,
            &[0, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80],
            &[0, 0x80, 0, 0, 0, 2, b'h', b'i'],
            &[0, 0xfd],
        ]);
        let expected = [
            ("a", "-1"),
            ("0", "-32768"),
            ("8388607", "-2147483647"),
            (&*"x".repeat(70), "-9223372036854775808"),
            ("hi", "12"),
        ];
        assert_eq!(all(Form::Ziplist, &bytes), Ok(pairs(&expected)));
    }

    #[test]
    fn listpacks() {
        let long = [&[0xe0, 200][..], &[b'y'; 200]].concat();
        let bytes = listpack_of(&[
            &[0x7f],
            &[0x82, b'o', b'k'],
            &[0xdf, 0xff],
            &[0xd0, 0x00],
            &[0xcf, 0xff],
            &[0xf1, 0x00, 0x80],
            &[0xf2, 0x00, 0x00, 0x80],
            &[0xf3, 0xff, 0xff, 0xff, 0x7f],
            &long,
            &[0xf4, 1, 0, 0, 0, 0, 0, 0, 0x80],
            &[0xf0, 1, 0, 0, 0, b'z'],
            &[0],
        ]);
        let expected = [
            ("127", "ok"),
            ("-1", "-4096"),
            ("4095", "-32768"),
            ("-8388608", "2147483647"),
            (&*"y".repeat(200), "-9223372036854775807"),
            ("z", "0"),
        ];
        assert_eq!(all(Form::Listpack, &bytes), Ok(pairs(&expected)));
    }

    #[test]
    fn zipmaps() {
        let bytes = b"\x02\x03foo\x03\x00bar\x05hello\x05\x02world!!\xff";
        assert_eq!(all(Form::Zipmap, bytes), Ok(pairs(&[("foo", "bar"), ("hello", "world")])));
        let bytes = b"\x01\xfe\x01\x00\x00\x00a\xfe\x02\x00\x00\x00\x00bc\xff";
        assert_eq!(all(Form::Zipmap, bytes), Ok(pairs(&[("a", "bc")])));
    }

    #[test]
    fn no_cut_and_no_flip_gets_out_of_bounds() {
        let samples = [
            (
                Form::Ziplist,
                ziplist_of(&[&[0, 1, b'a'], &[3, 0x41, 0, 9], &[0, 0x80, 0, 0, 0, 1, 5], &[0, 0xf3]]),
            ),
            (Form::Listpack, listpack_of(&[&[0x82, b'o', b'k'], &[0xf0, 1, 0, 0, 0, b'z']])),
            (Form::Zipmap, b"\x02\x03foo\x03\x00bar\x05hello\x05\x02world!!\xff".to_vec()),
        ];
        let mut refused = 0;
        for (form, bytes) in samples {
            for cut in 0..bytes.len() {
                assert!(all(form, &bytes[..cut]).is_err() || form == Form::Zipmap, "{form:?} cut at {cut}");
            }
            for at in 0..bytes.len() {
                for byte in 0..=255 {
                    let mut other = bytes.clone();
                    other[at] = byte;
                    let Ok(mut packed) = Packed::new(form, other) else {
                        refused += 1;
                        continue;
                    };
                    // Each element takes at least a byte, so it ends.
                    while let Ok(Some(_)) = packed.pair() {}
                }
            }
        }
        assert!(refused > 0);
    }
}
