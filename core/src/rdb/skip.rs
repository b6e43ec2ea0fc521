//! Passing over values that are not taken over, however long: only their outline is read.

use super::cursor::{Cursor, Fault};

/// What is still to be passed over; the last one first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// So many bytes.
    Bytes(u64),
    /// So many strings.
    Texts(u64),
    /// So many numbers.
    Numbers(u64),
    /// A number, and so many times this for each.
    Counted(Each),
    /// So many times this.
    Many(Each, u64),
    /// Numbers and strings of a module, each announced by what it is, until their end.
    Module,
    /// The length of a string that was a score: one byte, of which the highest say that none follows.
    Score,
}

/// What comes several times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Each {
    Text,
    /// Two strings.
    Pair,
    /// A member, and its score as text.
    OldScored,
    /// A member, and its score in eight bytes.
    Scored,
    /// What kind of node it is, and the node.
    Node,
    /// A number, a field and its value.
    Timed,
    /// A stream's consumer group; how old the format is.
    Group(u8),
    /// What was delivered: id, time, count.
    Delivered,
    Consumer(u8),
    /// An id of a stream, in 16 bytes.
    Id,
}

/// Passes over one value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skip {
    parts: Vec<Part>,
}

impl Skip {
    /// A value of this type, and what the type is called; `None` for a type that nobody knows.
    pub fn value(kind: u8) -> Option<(Self, &'static str)> {
        use Part::{Bytes, Counted, Module, Numbers, Texts};
        let (parts, name) = match kind {
            1 | 14 => (vec![Counted(Each::Text)], "list"),
            10 => (vec![Texts(1)], "list"),
            18 => (vec![Counted(Each::Node)], "list"),
            2 => (vec![Counted(Each::Text)], "set"),
            11 | 20 => (vec![Texts(1)], "set"),
            3 => (vec![Counted(Each::OldScored)], "sorted set"),
            5 => (vec![Counted(Each::Scored)], "sorted set"),
            12 | 17 => (vec![Texts(1)], "sorted set"),
            7 => (vec![Module, Numbers(1)], "module type"),
            15 => (vec![Counted(Each::Group(1)), Numbers(3), Counted(Each::Pair)], "stream"),
            19 => (vec![Counted(Each::Group(2)), Numbers(8), Counted(Each::Pair)], "stream"),
            21 => (vec![Counted(Each::Group(3)), Numbers(8), Counted(Each::Pair)], "stream"),
            24 => (vec![Counted(Each::Timed), Bytes(8)], "hash with deadlines of fields"),
            25 => (vec![Texts(1), Bytes(8)], "hash with deadlines of fields"),
            _ => return None,
        };
        Some((Self { parts }, name))
    }

    /// What a module keeps beside the keys.
    pub fn module_data() -> Self {
        // The module's id, then when it is to be read: what a number is, and the number.
        Self { parts: vec![Part::Module, Part::Numbers(3)] }
    }

    /// Passes over as much as there is; whether that was all. What was read stays read even if more is needed.
    pub fn advance(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
        while let Some(part) = self.parts.pop() {
            match part {
                Part::Bytes(count) => {
                    let taken = count.min(cursor.left() as u64);
                    cursor.take(usize::try_from(taken).expect("no more than there is"))?;
                    if taken < count {
                        self.parts.push(Part::Bytes(count - taken));
                        return Ok(false);
                    }
                }
                Part::Texts(0) | Part::Numbers(0) | Part::Many(_, 0) => {}
                Part::Texts(count) => match self.whole(part, cursor, Cursor::text_header)? {
                    Some(bytes) => self.parts.extend([Part::Texts(count - 1), Part::Bytes(bytes)]),
                    None => return Ok(false),
                },
                Part::Numbers(count) => match self.whole(part, cursor, Cursor::number)? {
                    Some(_) => self.parts.push(Part::Numbers(count - 1)),
                    None => return Ok(false),
                },
                Part::Counted(each) => match self.whole(part, cursor, Cursor::number)? {
                    Some(count) => self.parts.push(Part::Many(each, count)),
                    None => return Ok(false),
                },
                Part::Many(each, count) => {
                    self.parts.push(Part::Many(each, count - 1));
                    self.push_one(each);
                }
                Part::Score => match self.whole(part, cursor, |cursor| cursor.byte().map(u64::from))? {
                    Some(length) if length < 253 => self.parts.push(Part::Bytes(length)),
                    Some(_) => {}
                    None => return Ok(false),
                },
                Part::Module => match self.whole(part, cursor, Cursor::number)? {
                    Some(0) => {}
                    Some(what) => {
                        let content = match what {
                            1 | 2 => Part::Numbers(1),
                            3 => Part::Bytes(4),
                            4 => Part::Bytes(8),
                            5 => Part::Texts(1),
                            _ => return Err(Fault::Bad("data of a module that make no sense")),
                        };
                        self.parts.extend([Part::Module, content]);
                    }
                    None => return Ok(false),
                },
            }
        }
        Ok(true)
    }

    /// Reads something whole, or puts the part back; `None` when more bytes are needed.
    fn whole<'a>(
        &mut self,
        part: Part,
        cursor: &mut Cursor<'a>,
        read: impl FnOnce(&mut Cursor<'a>) -> Result<u64, Fault>,
    ) -> Result<Option<u64>, Fault> {
        match cursor.attempt(read) {
            Ok(number) => Ok(Some(number)),
            Err(Fault::Short(_)) => {
                self.parts.push(part);
                Ok(None)
            }
            Err(bad) => Err(bad),
        }
    }

    fn push_one(&mut self, each: Each) {
        use Part::{Bytes, Counted, Numbers, Score, Texts};
        match each {
            Each::Text => self.parts.push(Texts(1)),
            Each::Pair => self.parts.push(Texts(2)),
            Each::OldScored => self.parts.extend([Score, Texts(1)]),
            Each::Scored => self.parts.extend([Bytes(8), Texts(1)]),
            Each::Node => self.parts.extend([Texts(1), Numbers(1)]),
            Each::Timed => self.parts.extend([Texts(2), Numbers(1)]),
            Each::Group(age) => {
                let numbers = if age == 1 { 2 } else { 3 };
                let consumers = Counted(Each::Consumer(age));
                self.parts.extend([consumers, Counted(Each::Delivered), Numbers(numbers), Texts(1)]);
            }
            Each::Delivered => self.parts.extend([Numbers(1), Bytes(24)]),
            Each::Consumer(age) => {
                let times = if age == 3 { 16 } else { 8 };
                self.parts.extend([Counted(Each::Id), Bytes(times), Texts(1)]);
            }
            Each::Id => self.parts.push(Bytes(16)),
        }
    }
}
