//! A map from members to values for collections too large to be packed.
//!
//! Members stand in a dense row in order of their history: a new one goes to the end, and when one is removed
//! the last takes its place. Whatever chooses or walks does so by position, so it is the same on every replica,
//! whatever their hashes are seeded with.
//!
//! ```text
//! positions   [handle 5 bytes] per member
//! index       tag and handle, by the member's hash
//! record      position 4 | varint member length | varint value length | member … value …
//! ```

use core::ops::Range;

use super::arena::{Arena, Handle};
use super::table::Table;
use super::varint;
use crate::bytes::hash::hash;

/// A map from members to values. See the module's comment.
#[derive(Clone, Debug)]
pub struct Dict {
    seed: u64,
    positions: Vec<[u8; 5]>,
    table: Table,
    arena: Arena,
}

/// Where the parts of a record are.
struct Parts {
    member: Range<usize>,
    value: Range<usize>,
}

const POSITION_BYTES: usize = 4;

fn parts(record: &[u8]) -> Parts {
    let (member_len, first) =
        varint::read(&record[POSITION_BYTES..]).expect("records begin with two lengths");
    let (value_len, second) =
        varint::read(&record[POSITION_BYTES + first..]).expect("records begin with two lengths");
    let start = POSITION_BYTES + first + second;
    let middle = start + member_len as usize;
    Parts { member: start..middle, value: middle..middle + value_len as usize }
}

fn member_of(record: &[u8]) -> &[u8] {
    &record[parts(record).member]
}

fn position_of(record: &[u8]) -> usize {
    u32::from_le_bytes(record[..POSITION_BYTES].try_into().expect("four bytes")) as usize
}

fn pack(handle: Handle) -> [u8; 5] {
    let (low, high) = handle.split();
    let [a, b, c, d] = low.to_le_bytes();
    [a, b, c, d, high]
}

fn unpack([a, b, c, d, high]: [u8; 5]) -> Handle {
    Handle::join(u32::from_le_bytes([a, b, c, d]), high)
}

impl Dict {
    /// An empty dict whose index is seeded with `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, positions: Vec::new(), table: Table::default(), arena: Arena::default() }
    }

    /// How many members it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Bytes in use: records, index and positions.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        size_of::<Self>()
            + self.arena.used_bytes()
            + self.table.memory_bytes()
            + self.positions.capacity() * size_of::<[u8; 5]>()
    }

    fn find(&self, member: &[u8]) -> Option<Handle> {
        let found =
            self.table.find(hash(self.seed, member), |handle| member_of(self.arena.bytes(handle)) == member);
        found.map(|(_, handle)| handle)
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, member: &[u8]) -> Option<&[u8]> {
        let record = self.arena.bytes(self.find(member)?);
        Some(&record[parts(record).value])
    }

    /// The member at a position, which is below [`len`](Self::len), and its value.
    #[must_use]
    pub fn at(&self, position: usize) -> (&[u8], &[u8]) {
        let record = self.arena.bytes(unpack(self.positions[position]));
        let parts = parts(record);
        (&record[parts.member], &record[parts.value])
    }

    /// Sets a member's value; whether the member is new, and then it stands last.
    ///
    /// # Panics
    /// When it would have 2^32 members.
    pub fn set(&mut self, member: &[u8], value: &[u8]) -> bool {
        let member_hash = hash(self.seed, member);
        let arena = &self.arena;
        let found = self.table.find(member_hash, |handle| member_of(arena.bytes(handle)) == member);
        if let Some((place, handle)) = found {
            let record = self.arena.bytes_mut(handle);
            let old = parts(record).value;
            if old.len() == value.len() {
                record[old].copy_from_slice(value);
                return false;
            }
            let position = position_of(record);
            let moved = self.write(Some(handle), position, member, value);
            self.positions[position] = pack(moved);
            self.table.set(place, moved);
            return false;
        }
        let position = self.positions.len();
        let handle = self.write(None, position, member, value);
        if position == self.positions.capacity() {
            // A quarter more: doubling could leave half of the row unused.
            self.positions.reserve_exact((position / 4).max(8));
        }
        self.positions.push(pack(handle));
        let (arena, seed) = (&self.arena, self.seed);
        self.table.insert(member_hash, handle, |other| hash(seed, member_of(arena.bytes(other))));
        true
    }

    /// Removes a member; whether it was there. The last member takes its position.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        let (arena, seed) = (&self.arena, self.seed);
        let member_hash = hash(seed, member);
        let found = self.table.find(member_hash, |handle| member_of(arena.bytes(handle)) == member);
        let Some((place, handle)) = found else { return false };
        self.table.remove(member_hash, place, |other| hash(seed, member_of(arena.bytes(other))));
        let position = position_of(self.arena.bytes(handle));
        self.positions.swap_remove(position);
        if let Some(&moved) = self.positions.get(position) {
            let record = self.arena.bytes_mut(unpack(moved));
            record[..POSITION_BYTES].copy_from_slice(&(position as u32).to_le_bytes());
        }
        if self.positions.len() * 2 < self.positions.capacity() {
            self.positions.shrink_to(self.positions.len() * 5 / 4);
        }
        self.arena.free(handle);
        true
    }

    /// All members with their values, by position.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> + ExactSizeIterator {
        (0..self.len()).map(|position| self.at(position))
    }

    fn write(&mut self, old: Option<Handle>, position: usize, member: &[u8], value: &[u8]) -> Handle {
        let position = u32::try_from(position).expect("a dict has fewer than 2^32 members");
        let (member_len, value_len) = (member.len() as u64, value.len() as u64);
        let heads = varint::len(member_len) + varint::len(value_len);
        let len = POSITION_BYTES + heads + member.len() + value.len();
        let handle = match old {
            Some(handle) => self.arena.resize(handle, 0, len, false),
            None => self.arena.alloc(len),
        };
        let record = self.arena.bytes_mut(handle);
        record[..POSITION_BYTES].copy_from_slice(&position.to_le_bytes());
        let first = varint::write(&mut record[POSITION_BYTES..], member_len);
        varint::write(&mut record[POSITION_BYTES + first..], value_len);
        let start = POSITION_BYTES + heads;
        record[start..start + member.len()].copy_from_slice(member);
        record[start + member.len()..len].copy_from_slice(value);
        handle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    /// The same rules on a plain row.
    #[derive(Default)]
    struct Model(Vec<(Vec<u8>, Vec<u8>)>);

    impl Model {
        fn set(&mut self, member: &[u8], value: &[u8]) -> bool {
            if let Some(pair) = self.0.iter_mut().find(|pair| pair.0 == member) {
                pair.1 = value.to_vec();
                return false;
            }
            self.0.push((member.to_vec(), value.to_vec()));
            true
        }

        fn remove(&mut self, member: &[u8]) -> bool {
            let position = self.0.iter().position(|pair| pair.0 == member);
            position.map(|position| self.0.swap_remove(position)).is_some()
        }
    }

    #[test]
    fn it_does_what_a_row_does() {
        let mut random = Seed([5; 32]).stream(Purpose::Reads);
        let mut dict = Dict::new(99);
        let mut model = Model::default();
        for round in 0..20_000_u64 {
            let member = format!("m{}", random.below(if round < 10_000 { 700 } else { 60 }));
            if random.below(5) < 3 {
                let value = vec![b'v'; random.below(40) as usize];
                assert_eq!(dict.set(member.as_bytes(), &value), model.set(member.as_bytes(), &value));
            } else {
                assert_eq!(dict.remove(member.as_bytes()), model.remove(member.as_bytes()));
            }
            let expected = model.0.iter().find(|pair| pair.0 == member.as_bytes()).map(|pair| &pair.1[..]);
            assert_eq!(dict.get(member.as_bytes()), expected);
            if round % 1000 == 0 {
                let expected = model.0.iter().map(|pair| (&pair.0[..], &pair.1[..]));
                assert!(dict.iter().eq(expected));
            }
        }
        while !dict.is_empty() {
            let member = dict.at(0).0.to_vec();
            assert!(dict.remove(&member) && model.remove(&member));
            assert_eq!(dict.len(), model.0.len());
        }
        assert_eq!(dict.arena.used_bytes(), 0);
    }

    #[test]
    fn a_million_members_take_45_bytes_each_at_most() {
        let mut dict = Dict::new(1);
        let mut most = 0;
        for number in 0..1_000_000_u32 {
            dict.set(format!("member:{number:09}").as_bytes(), b"");
            if number > 100_000 && number % 1000 == 0 {
                most = most.max(dict.used_bytes() * 100 / dict.len());
            }
        }
        assert!(most <= 4500, "{most} hundredths of a byte");
        let held = dict.arena.memory_bytes() - dict.arena.used_bytes();
        assert!(held < 500_000, "{held} bytes of pages not in use");
    }
}
