//! The reader: a small machine that takes one whole thing after the other from the front of its buffer.

use super::cursor::{Cursor, Fault};
use super::packed::{Form, Packed};
use super::skip::Skip;
use super::{Error, Item, Pair, VERSION_MAX, crc};

/// A piece of a hash has at most so many pairs.
const PIECE_PAIRS: usize = 256;
/// And not many more bytes than this.
const PIECE_BYTES: usize = 1 << 20;

/// What is to be read next.
#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    Header,
    /// A key with its value, or something between keys.
    Opcode,
    /// Fields of a hash, one by one.
    Pairs {
        key: Vec<u8>,
        left: u64,
        first: bool,
    },
    /// Fields of a hash that came as one string.
    Packed {
        key: Vec<u8>,
        packed: Packed,
        first: bool,
    },
    /// Something that is passed over, and what is told when that is done.
    Passing {
        skip: Skip,
        then: Item,
    },
    Checksum,
    Done,
}

/// What a step came to.
enum Step {
    Item(Item),
    /// Nothing to tell; go on.
    On,
    /// Everything there is was read, and more is needed.
    More,
}

/// Reads a dump file; see the module's page.
///
/// ```text
/// loop {
///     while let Some(item) = reader.next()? { … }
///     if reader.finished() { break }            // reader.rest() is what follows the dump
///     if more { reader.feed(&bytes) } else { return Err(reader.cut()) }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    buffer: Vec<u8>,
    /// The next byte to look at.
    at: usize,
    /// Where that byte stands in the file.
    offset: u64,
    /// Nothing can be read before so many bytes are there.
    wanted: usize,
    /// Of everything before `offset`.
    crc: u64,
    machine: Machine,
}

#[derive(Clone, Debug)]
struct Machine {
    state: State,
    version: u32,
    /// Of the next key.
    deadline: Option<i64>,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader at the beginning of a file.
    #[must_use]
    pub fn new() -> Self {
        let machine = Machine { state: State::Header, version: 0, deadline: None };
        Self { buffer: Vec::new(), at: 0, offset: 0, wanted: 0, crc: 0, machine }
    }

    /// The next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next thing that the file tells; `None` when more bytes are needed, or the dump has ended.
    ///
    /// # Errors
    /// When the file makes no sense, or cannot be taken over at all. Nothing can be read after that.
    #[allow(clippy::should_implement_trait, reason = "it is fed between the calls")]
    pub fn next(&mut self) -> Result<Option<Item>, Error> {
        while !self.finished() && self.buffer.len() - self.at >= self.wanted {
            let mut cursor = Cursor::new(&self.buffer[self.at..]);
            let step = self.machine.step(&mut cursor, self.crc);
            let (used, left) = (cursor.at(), cursor.left());
            let step = match step {
                Ok(step) => step,
                Err(Fault::Short(wanted)) => {
                    self.wanted = wanted;
                    return Ok(None);
                }
                Err(Fault::Bad(what)) => return Err(self.error(what)),
            };
            self.crc = crc::update(self.crc, &self.buffer[self.at..self.at + used]);
            self.at += used;
            self.offset += used as u64;
            self.wanted = 0;
            match step {
                Step::Item(item) => return Ok(Some(item)),
                Step::On => {}
                Step::More => self.wanted = left + 1,
            }
        }
        Ok(None)
    }

    /// Whether the dump has ended.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.machine.state == State::Done
    }

    /// What was fed and not read: after the end, what follows the dump.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// How much of the file was read, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The error of a file that ends here, when the dump has not.
    #[must_use]
    pub fn cut(&self) -> Error {
        self.error("the file ends too early")
    }

    fn error(&self, what: &str) -> Error {
        let what = match self.machine.state {
            State::Header if what.is_empty() => {
                format!(
                    "version {} of the format; versions 1 to {VERSION_MAX} can be read",
                    self.machine.version
                )
            }
            _ => what.to_owned(),
        };
        Error { offset: self.offset, what }
    }
}

impl Machine {
    /// Takes one thing. When it gives `Short`, nothing has changed.
    fn step(&mut self, cursor: &mut Cursor<'_>, crc: u64) -> Result<Step, Fault> {
        match &mut self.state {
            State::Header => self.header(cursor),
            State::Opcode => self.opcode(cursor),
            State::Pairs { key, left, first } => {
                let pairs = take_pairs(left, || {
                    cursor.attempt(|cursor| Ok((cursor.text()?, cursor.text()?))).map(Some)
                })?;
                let (key, first, last) = (key.clone(), core::mem::take(first), *left == 0);
                Ok(self.piece(key, first, pairs, last))
            }
            State::Packed { key, packed, first } => {
                let mut left = u64::MAX;
                let pairs = take_pairs(&mut left, || packed.pair().map_err(Fault::Bad))?;
                let (key, first) = (key.clone(), core::mem::take(first));
                Ok(self.piece(key, first, pairs, left == 0))
            }
            State::Passing { skip, .. } => {
                if !skip.advance(cursor)? {
                    return Ok(Step::More);
                }
                let State::Passing { then, .. } = core::mem::replace(&mut self.state, State::Opcode) else {
                    unreachable!("something is being passed over");
                };
                Ok(Step::Item(then))
            }
            State::Checksum => {
                let expected = if self.version < 5 { 0 } else { cursor.i64_le()?.cast_unsigned() };
                if expected != 0 && expected != crc {
                    return Err(Fault::Bad("the checksum does not match: the file was changed or cut"));
                }
                self.state = State::Done;
                Ok(Step::Item(Item::End { checked: expected != 0 }))
            }
            State::Done => Ok(Step::More),
        }
    }

    fn header(&mut self, cursor: &mut Cursor<'_>) -> Result<Step, Fault> {
        let header = cursor.take(9)?;
        if header.starts_with(b"VALKEY") {
            return Err(Fault::Bad("a dump of Valkey 9 or newer, in a format of its own"));
        }
        let digits = header.strip_prefix(b"REDIS").filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let Some(digits) = digits else { return Err(Fault::Bad("this is no Redis dump")) };
        let version = digits.iter().fold(0, |version, digit| version * 10 + u32::from(digit - b'0'));
        self.version = version;
        if !(1..=VERSION_MAX).contains(&version) {
            return Err(Fault::Bad(""));
        }
        self.state = State::Opcode;
        Ok(Step::On)
    }

    fn opcode(&mut self, cursor: &mut Cursor<'_>) -> Result<Step, Fault> {
        let item = match cursor.byte()? {
            // How long ago or how often the key was used: here that begins anew.
            248 => {
                cursor.number()?;
                return Ok(Step::On);
            }
            249 => {
                cursor.byte()?;
                return Ok(Step::On);
            }
            // How many keys a slot of a cluster has.
            244 => {
                for _ in 0..3 {
                    cursor.number()?;
                }
                return Ok(Step::On);
            }
            252 => {
                self.deadline = Some(cursor.i64_le()?);
                return Ok(Step::On);
            }
            253 => {
                self.deadline = Some(i64::from(cursor.i32_le()?) * 1000);
                return Ok(Step::On);
            }
            255 => {
                self.state = State::Checksum;
                return Ok(Step::On);
            }
            245 => return Ok(self.pass(Skip::value(10).expect("one string").0, Item::Library)),
            246 => return Err(Fault::Bad("functions as a release candidate of Redis 7.0 wrote them")),
            247 => return Ok(self.pass(Skip::module_data(), Item::ModuleData)),
            250 => Item::Aux { name: cursor.text()?, value: cursor.text()? },
            251 => {
                let keys = cursor.number()?;
                cursor.number()?;
                Item::Keys(keys)
            }
            254 => Item::Database(cursor.number()?),
            kind => return self.value(kind, cursor),
        };
        Ok(Step::Item(item))
    }

    fn value(&mut self, kind: u8, cursor: &mut Cursor<'_>) -> Result<Step, Fault> {
        const HASH: u8 = 4;
        let form = match kind {
            9 => Some(Form::Zipmap),
            13 => Some(Form::Ziplist),
            16 => Some(Form::Listpack),
            0 | HASH => None,
            _ => {
                let Some((skip, name)) = Skip::value(kind) else {
                    return Err(Fault::Bad("a type of value that nobody knows"));
                };
                let key = cursor.text()?;
                self.deadline = None;
                return Ok(self.pass(skip, Item::Refused { key, kind: name }));
            }
        };
        let key = cursor.text()?;
        if let Some(form) = form {
            let packed = Packed::new(form, cursor.text()?).map_err(Fault::Bad)?;
            self.state = State::Packed { key, packed, first: true };
        } else if kind == HASH {
            self.state = State::Pairs { key, left: cursor.number()?, first: true };
        } else {
            let value = cursor.text()?;
            return Ok(Step::Item(Item::Text { key, deadline: self.deadline.take(), value }));
        }
        Ok(Step::On)
    }

    fn pass(&mut self, skip: Skip, then: Item) -> Step {
        self.state = State::Passing { skip, then };
        Step::On
    }

    /// A piece of a hash was read.
    fn piece(&mut self, key: Vec<u8>, first: bool, pairs: Vec<Pair>, last: bool) -> Step {
        let deadline = self.deadline;
        if last {
            self.deadline = None;
            self.state = State::Opcode;
        }
        match (pairs.is_empty(), first) {
            (false, _) => Step::Item(Item::Pairs { key, deadline, first, pairs }),
            // There is no such thing as an empty hash; old versions of Redis could leave one behind.
            (true, true) => Step::Item(Item::Refused { key, kind: "empty hash" }),
            (true, false) => Step::On,
        }
    }
}

/// Takes pairs until there are enough for a piece, none is left, or the bytes run out behind the first. `left` goes
/// down with each, and to 0 when there are no more.
fn take_pairs(
    left: &mut u64,
    mut next: impl FnMut() -> Result<Option<Pair>, Fault>,
) -> Result<Vec<Pair>, Fault> {
    let mut pairs = Vec::new();
    let mut bytes = 0;
    while *left > 0 && pairs.len() < PIECE_PAIRS && bytes < PIECE_BYTES {
        match next() {
            Ok(Some((field, value))) => {
                bytes += field.len() + value.len();
                pairs.push((field, value));
                *left -= 1;
            }
            Ok(None) => *left = 0,
            Err(Fault::Short(_)) if !pairs.is_empty() => break,
            Err(fault) => return Err(fault),
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of version 11 with these bytes between header and checksum.
    fn file(body: &[u8]) -> Vec<u8> {
        let mut bytes = [b"REDIS0011", body, &[255]].concat();
        let crc = crc::update(0, &bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8], chunk: usize) -> Result<Vec<Item>, Error> {
        let mut reader = Reader::new();
        let mut items = Vec::new();
        for piece in bytes.chunks(chunk) {
            reader.feed(piece);
            while let Some(item) = reader.next()? {
                items.push(item);
            }
        }
        if reader.finished() { Ok(items) } else { Err(reader.cut()) }
    }

    fn text(key: &str, value: &str) -> Item {
        Item::Text { key: key.into(), deadline: None, value: value.into() }
    }

    fn pairs(key: &str, deadline: Option<i64>, pairs: &[(&str, &str)]) -> Item {
        let pairs = pairs.iter().map(|&(field, value)| (field.into(), value.into())).collect();
        Item::Pairs { key: key.into(), deadline, first: true, pairs }
    }

    fn refused(key: &str, kind: &'static str) -> Item {
        Item::Refused { key: key.into(), kind }
    }

    /// One of everything, and what it says.
    fn sample() -> (Vec<u8>, Vec<Item>) {
        let listpack = b"\x0d\x00\x00\x00\x02\x00\x81f\x02\x81v\x02\xff";
        let mut body = b"\xfa\x09redis-ver\x057.0.0\xfe\x03\xfb\x02\x01".to_vec();
        body.extend_from_slice(b"\x00\x01a\x02xy");
        body.extend_from_slice(b"\xfc\x10\x27\x00\x00\x00\x00\x00\x00\xf8\x05\x00\x01b\xc0\x07");
        body.extend_from_slice(b"\xfd\x0a\x00\x00\x00\xf9\x05\x04\x01h\x02\x01f\x01v\x01g\xc1\x00\x01");
        body.extend_from_slice(b"\x10\x01p");
        body.push(listpack.len() as u8);
        body.extend_from_slice(listpack);
        // What is passed over: one of each outline.
        body.extend_from_slice(b"\x01\x01l\x02\x01a\x02bb"); // list
        body.extend_from_slice(b"\x12\x01q\x01\x02\x03abc"); // list of nodes
        body.extend_from_slice(b"\x03\x01z\x02\x01m\x03123\x01n\xfe"); // sorted set with scores as text
        body.extend_from_slice(b"\x05\x01y\x01\x01m12345678"); // sorted set
        body.extend_from_slice(
            b"\x07\x01m\x81\x01\x02\x03\x04\x05\x06\x07\x08\x02\x05\x0412345678\x05\x01s\x00",
        );
        let mut stream = b"\x15\x01s\x01\x01k\x01p\x01\x02\x03\x04\x05\x06\x07\x08".to_vec();
        stream.extend_from_slice(b"\x01\x01g\x01\x02\x03\x01"); // a group, one delivered
        stream.extend_from_slice(&[7; 24]);
        stream.extend_from_slice(b"\x05\x01\x01c"); // counted, one consumer
        stream.extend_from_slice(&[7; 16]);
        stream.extend_from_slice(b"\x01"); // of one id
        stream.extend_from_slice(&[7; 16]);
        body.extend_from_slice(&stream);
        body.extend_from_slice(b"\xf5\x03lib");
        body.extend_from_slice(b"\xf7\x05\x02\x01\x05\x01s\x00");
        body.extend_from_slice(b"\x00\x01c\x00");
        let items = vec![
            Item::Aux { name: b"redis-ver".to_vec(), value: b"7.0.0".to_vec() },
            Item::Database(3),
            Item::Keys(2),
            text("a", "xy"),
            Item::Text { key: b"b".to_vec(), deadline: Some(10_000), value: b"7".to_vec() },
            pairs("h", Some(10_000), &[("f", "v"), ("g", "256")]),
            pairs("p", None, &[("f", "v")]),
            refused("l", "list"),
            refused("q", "list"),
            refused("z", "sorted set"),
            refused("y", "sorted set"),
            refused("m", "module type"),
            refused("s", "stream"),
            Item::Library,
            Item::ModuleData,
            text("c", ""),
            Item::End { checked: true },
        ];
        (file(&body), items)
    }

    #[test]
    fn one_of_everything_cut_anywhere() {
        let (bytes, items) = sample();
        for chunk in 1..40 {
            // A hash may come in more pieces when its bytes do.
            let mut joined: Vec<Item> = Vec::new();
            for item in read(&bytes, chunk).expect("a good file") {
                match (joined.last_mut(), item) {
                    (Some(Item::Pairs { pairs, .. }), Item::Pairs { first: false, pairs: more, .. }) => {
                        pairs.extend(more);
                    }
                    (_, item) => joined.push(item),
                }
            }
            assert_eq!(joined, items, "in chunks of {chunk}");
        }
        assert_eq!(read(&bytes, bytes.len()).as_deref(), Ok(&items[..]));
    }

    #[test]
    fn every_cut_and_every_flip_is_told() {
        let (bytes, _) = sample();
        for cut in 0..bytes.len() {
            let error = read(&bytes[..cut], 64).expect_err("cut");
            assert!(error.offset <= cut as u64, "{error}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            // Version 1 had no checksum.
            let old = other.starts_with(b"REDIS0001");
            assert!(read(&other, 64).is_err() || old, "bit {bit}");
        }
    }

    #[test]
    fn large_hashes_come_in_pieces() {
        let mut body = b"\x04\x01h\x80\x00\x00\x03\xe8".to_vec();
        for number in 0..1000 {
            body.extend_from_slice(&[5]);
            body.extend_from_slice(format!("f{number:04}").as_bytes());
            body.extend_from_slice(&[0]);
        }
        let items = read(&file(&body), 1 << 20).expect("a good file");
        let lengths: Vec<_> = items
            .iter()
            .filter_map(|item| match item {
                Item::Pairs { first, pairs, .. } => Some((*first, pairs.len())),
                _ => None,
            })
            .collect();
        assert_eq!(lengths, [(true, 256), (false, 256), (false, 256), (false, 232)]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let unchecked = [b"REDIS0011\x00\x01a\x01b\xff", &[0; 8][..]].concat();
        assert_eq!(read(&unchecked, 99).expect("good").last(), Some(&Item::End { checked: false }));
        let old = b"REDIS0004\x00\x01a\x01b\xff";
        assert_eq!(read(old, 99).expect("good").last(), Some(&Item::End { checked: false }));
        for (bytes, expected) in [
            (&b"REDIS0013......."[..], "at byte 0: version 13 of the format; versions 1 to 12 can be read"),
            (b"REDIS0000.......", "at byte 0: version 0 of"),
            (b"VALKEY080.......", "Valkey 9"),
            (b"*1\r\n$4\r\nPING\r\n", "no Redis dump"),
            (b"REDIS00x1.......", "no Redis dump"),
            (b"REDIS0011\x63\x01a", "at byte 9: a type of value that nobody knows"),
            (b"REDIS0011\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff", "longer than 512 MiB"),
            (b"REDIS0011\x00\x80\x1f\xff\xff\xffabc", "ends too early"),
            (b"REDIS0011\x04\x01h\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01", "ends too early"),
            (b"REDIS0011\x02\x01h\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01", "ends too early"),
        ] {
            let error = read(bytes, 7).expect_err("bad").to_string();
            assert!(error.contains(expected), "{error}");
        }
        let hash = file(b"\x04\x01h\x00");
        assert_eq!(read(&hash, 99).expect("good")[0], refused("h", "empty hash"));
    }

    #[test]
    fn what_follows_the_dump_is_left() {
        let mut bytes = file(b"");
        bytes.extend_from_slice(b"*1\r\n");
        let mut reader = Reader::new();
        reader.feed(&bytes);
        assert_eq!(reader.next(), Ok(Some(Item::End { checked: true })));
        assert_eq!((reader.next(), reader.rest()), (Ok(None), &b"*1\r\n"[..]));
    }
}
