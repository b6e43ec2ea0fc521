//! One database: blocks, their index, objects and deadlines, and the steps that keep the four in agreement.

use core::ops::Range;

use super::arena::{Arena, Handle};
use super::entry::{self, INLINE, Kind, OBJECT, Shape, StringForm};
use super::expiry::Expiry;
use super::hash_map::HashView;
use super::packed::Packed;
use super::table::{Place, Table, order};
use super::value::{Content, Object, Parcel, Text, Value};
use crate::bytes::hash;
use crate::time::UnixMillis;

/// A key and its hash under the group's seed, made by [`Keyspace::key`](super::Keyspace::key).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key<'a> {
    /// The key.
    pub bytes: &'a [u8],
    /// Its hash.
    pub hash: u64,
}

/// In tests, a seed under which keys share a handful of hashes.
#[cfg(test)]
pub const COLLIDING_SEED: u64 = 0xc011_1d1e;

/// The hash of a key under a seed.
#[inline]
pub fn hash_key(seed: u64, key: &[u8]) -> u64 {
    let hash = hash::hash(seed, key);
    #[cfg(test)]
    if seed == COLLIDING_SEED {
        return hash & 0x9000_0000_0000_0001;
    }
    hash
}

/// Where an entry is: its place in the index and its block.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub place: Place,
    pub handle: Handle,
}

/// "No save is under way here, or it has passed": every hash is below.
pub const SAVED: u64 = u64::MAX;

/// What the processor fetches at once.
const LINE_BYTES: usize = 64;
/// Of a long entry so much is fetched before it is used.
const WARMED_BYTES: usize = 1280;
/// So far into an entry reach its head and a key of usual length.
const HEAD_AND_KEY_BYTES: usize = 24;

/// One database.
#[derive(Clone, Debug)]
pub struct Database {
    pub arena: Arena,
    pub table: Table,
    objects: Vec<Option<Box<Object>>>,
    objects_vacant: Vec<u32>,
    objects_bytes: usize,
    pub expiry: Expiry,
    seed: u64,
    /// The running save has yet to walk the hashes from here on; [`SAVED`] if none.
    pub save_from: u64,
    /// The number this database had when the running save began.
    pub save_label: u32,
    /// The stamp of the running save.
    pub save_epoch: u8,
}

/// What an entry is to be written with, apart from key and value.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub kind: Kind,
    pub form: u8,
    pub expire_at: Option<UnixMillis>,
}

impl Database {
    pub fn new(seed: u64) -> Self {
        Self {
            arena: Arena::default(),
            table: Table::default(),
            objects: Vec::new(),
            objects_vacant: Vec::new(),
            objects_bytes: 0,
            expiry: Expiry::default(),
            seed,
            save_from: SAVED,
            save_label: 0,
            save_epoch: 0,
        }
    }

    pub fn used_bytes(&self) -> usize {
        self.arena.used_bytes() + self.table.memory_bytes() + self.objects_bytes + self.expiry.used_bytes()
    }

    #[inline]
    pub fn find(&self, key: Key<'_>) -> Option<Slot> {
        let arena = &self.arena;
        let (place, handle) =
            self.table.find(key.hash, |handle| entry::key(arena.bytes(handle)) == key.bytes)?;
        Some(Slot { place, handle })
    }

    /// Touches the head and a usual key of the entry that a search for `hash` will most likely find.
    #[inline]
    pub fn warm_front(&self, hash: u64) -> u64 {
        let Some(handle) = self.table.likely(hash) else { return 0 };
        let block = self.arena.bytes(handle);
        u64::from(block[0]) + u64::from(block.get(HEAD_AND_KEY_BYTES).copied().unwrap_or(0))
    }

    /// Touches the rest of that entry. Of a very long one only the beginning: there the processor sees by itself
    /// where it goes on.
    #[inline]
    pub fn warm_rest(&self, hash: u64) -> u64 {
        let Some(handle) = self.table.likely(hash) else { return 0 };
        let block = self.arena.bytes(handle);
        let end = Shape::read(block).end().min(WARMED_BYTES).min(block.len());
        let mut sum = end.checked_sub(1).map_or(0, |last| u64::from(block[last]));
        let mut at = LINE_BYTES;
        while at < end {
            sum += u64::from(block[at]);
            at += LINE_BYTES;
        }
        sum
    }

    #[inline]
    pub fn expired(&self, handle: Handle, now: UnixMillis) -> bool {
        entry::expire_at(self.arena.bytes(handle)).is_some_and(|at| at <= now)
    }

    pub fn hash_of(&self, handle: Handle) -> u64 {
        hash_key(self.seed, entry::key(self.arena.bytes(handle)))
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether a running save has yet to come to this hash.
    #[inline]
    pub fn unsaved(&self, hash: u64) -> bool {
        // SAVED is odd, and so above every order.
        order(hash) >= self.save_from
    }

    #[inline]
    pub fn value(&self, handle: Handle) -> Value<'_> {
        let entry = self.arena.bytes(handle);
        let shape = Shape::read(entry);
        let bytes = &entry[shape.value_at()..shape.end()];
        match shape.kind {
            Kind::String => {
                let form = StringForm::from_number(shape.form).expect("strings have a form");
                Value::String(Text { bytes, form })
            }
            Kind::Hash if shape.form == INLINE => Value::Hash(HashView::Packed(Packed(bytes))),
            Kind::Hash => {
                let Object::Hash(dict) = self.object(bytes);
                Value::Hash(HashView::Dict(dict))
            }
        }
    }

    fn object(&self, number: &[u8]) -> &Object {
        self.objects[object_index(number)].as_ref().expect("an entry's object is there")
    }

    /// The object of an entry that has one.
    pub fn object_mut(&mut self, handle: Handle) -> &mut Object {
        let index = object_index(entry::value(self.arena.bytes(handle)));
        self.objects[index].as_mut().expect("an entry's object is there")
    }

    /// An object in use has grown or shrunk.
    pub fn object_resized(&mut self, before_bytes: usize, after_bytes: usize) {
        self.objects_bytes = self.objects_bytes - before_bytes + after_bytes;
    }

    /// Gives an object a number, which an entry then holds as its value.
    pub fn add_object(&mut self, object: Box<Object>) -> [u8; 4] {
        self.objects_bytes += object.used_bytes();
        let index = self.objects_vacant.pop().unwrap_or_else(|| {
            self.objects.push(None);
            u32::try_from(self.objects.len() - 1).expect("fewer than 2^32 objects")
        });
        self.objects[index as usize] = Some(object);
        index.to_le_bytes()
    }

    fn take_object(&mut self, number: &[u8]) -> Box<Object> {
        let index = object_index(number);
        let object = self.objects[index].take().expect("an entry's object is there");
        self.objects_bytes -= object.used_bytes();
        self.objects_vacant.push(index as u32);
        object
    }

    /// Bytes of one entry with everything that belongs to it.
    pub fn entry_bytes(&self, handle: Handle) -> usize {
        /// What an entry takes of the index when that is two thirds full.
        const INDEX_BYTES: usize = 10;
        let entry = self.arena.bytes(handle);
        let shape = Shape::read(entry);
        let object = if shape.kind != Kind::String && shape.form == OBJECT {
            self.object(&entry[shape.value_at()..shape.end()]).used_bytes()
        } else {
            0
        };
        self.arena.block_bytes(handle) + INDEX_BYTES + object
    }

    /// Adds a key that is not there.
    pub fn create(&mut self, key: Key<'_>, head: Head, value: &[u8], access: u32) -> Slot {
        let shape = Shape {
            kind: head.kind,
            form: head.form,
            expires: head.expire_at.is_some(),
            key_len: key.bytes.len(),
            value_len: value.len(),
        };
        let handle = self.arena.alloc(shape.end());
        // A key that was not there when the save began is none of its business.
        let stamp = if self.unsaved(key.hash) { self.save_epoch } else { 0 };
        let block = self.arena.bytes_mut(handle);
        shape.write(block);
        entry::set_stamp(block, stamp);
        entry::set_access(block, access);
        if let Some(at) = head.expire_at {
            entry::set_expire_at(block, at);
            self.expiry.add(at, key.hash);
        }
        block[shape.key_at()..shape.value_at()].copy_from_slice(key.bytes);
        block[shape.value_at()..shape.end()].copy_from_slice(value);
        let (arena, seed) = (&self.arena, self.seed);
        let hash_of = |other| hash_key(seed, entry::key(arena.bytes(other)));
        let place = self.table.insert(key.hash, handle, hash_of);
        Slot { place, handle }
    }

    /// Makes the index ready for at most `most` keys, if the keys so far came in hash order.
    pub fn foresee(&mut self, most: u64) {
        let (arena, seed) = (&self.arena, self.seed);
        self.table.foresee(most, |handle| hash_key(seed, entry::key(arena.bytes(handle))));
    }

    /// Writes a whole value over the one that is there. Stamp and access clock stay.
    pub fn overwrite(&mut self, slot: &mut Slot, key: Key<'_>, head: Head, value: &[u8]) {
        let block = self.arena.bytes(slot.handle);
        let old = Shape::read(block);
        let old_deadline = entry::expire_at(block);
        let shape = Shape {
            kind: head.kind,
            form: head.form,
            expires: head.expire_at.is_some(),
            key_len: key.bytes.len(),
            value_len: value.len(),
        };
        if old == shape && old.kind == Kind::String {
            // What SET does most often: nothing but the bytes differ.
            let block = self.arena.bytes_mut(slot.handle);
            block[shape.value_at()..shape.end()].copy_from_slice(value);
            if let Some(at) = head.expire_at {
                entry::set_expire_at(block, at);
                self.deadline_changed(key.hash, old_deadline, head.expire_at);
            }
            return;
        }
        if old.kind != Kind::String && old.form == OBJECT {
            let number: [u8; 4] = entry::value(self.arena.bytes(slot.handle))
                .try_into()
                .expect("objects have four-byte numbers");
            drop(self.take_object(&number));
        }
        if !self.arena.suits(slot.handle, shape.end()) {
            let keep = old.key_at().min(shape.key_at());
            self.move_to(slot, keep, shape.end(), false);
        }
        let block = self.arena.bytes_mut(slot.handle);
        shape.write(block);
        if let Some(at) = head.expire_at {
            entry::set_expire_at(block, at);
        }
        block[shape.key_at()..shape.value_at()].copy_from_slice(key.bytes);
        block[shape.value_at()..shape.end()].copy_from_slice(value);
        self.deadline_changed(key.hash, old_deadline, head.expire_at);
    }

    /// Replaces `range` of the value as it lies in the block by `insert` bytes of unspecified content. With
    /// `spare`, growth is prepared for more to come.
    pub fn splice(&mut self, slot: &mut Slot, range: Range<usize>, insert: usize, spare: bool) {
        let old = Shape::read(self.arena.bytes(slot.handle));
        debug_assert!(range.start <= range.end && range.end <= old.value_len, "a range of the value");
        let shape = Shape { value_len: old.value_len - range.len() + insert, ..old };
        let tail = old.value_at() + range.end..old.end();
        let tail_to = shape.value_at() + range.start + insert;
        // If the lengths become wide, or narrow again, deadline and key move along with the value.
        let deadline = if old.expires { 8 } else { 0 };
        let head = old.key_at() - deadline..old.value_at() + range.start;
        let head_to = shape.key_at() - deadline;
        if shape.end() >= old.end() {
            self.move_to(slot, old.end(), shape.end(), spare);
            let block = self.arena.bytes_mut(slot.handle);
            block.copy_within(tail, tail_to);
            block.copy_within(head, head_to);
            shape.write(block);
        } else {
            let block = self.arena.bytes_mut(slot.handle);
            block.copy_within(head, head_to);
            block.copy_within(tail, tail_to);
            shape.write(block);
            self.move_to(slot, shape.end(), shape.end(), spare);
        }
    }

    /// Writes into the value as it lies in the block.
    #[inline]
    pub fn value_bytes_mut(&mut self, handle: Handle) -> &mut [u8] {
        let block = self.arena.bytes_mut(handle);
        let shape = Shape::read(block);
        &mut block[shape.value_at()..shape.end()]
    }

    /// Changes the form of a value whose bytes stay.
    pub fn set_form(&mut self, handle: Handle, form: u8) {
        let block = self.arena.bytes_mut(handle);
        let shape = Shape::read(block);
        Shape { form, ..shape }.write(block);
    }

    /// Sets or takes away a deadline; the value stays.
    pub fn set_deadline(&mut self, slot: &mut Slot, hash: u64, deadline: Option<UnixMillis>) {
        let block = self.arena.bytes(slot.handle);
        let old = Shape::read(block);
        let old_deadline = entry::expire_at(block);
        let shape = Shape { expires: deadline.is_some(), ..old };
        if shape.end() > old.end() {
            self.move_to(slot, old.end(), shape.end(), false);
        }
        let block = self.arena.bytes_mut(slot.handle);
        block.copy_within(old.key_at()..old.end(), shape.key_at());
        shape.write(block);
        if let Some(at) = deadline {
            entry::set_expire_at(block, at);
        }
        if shape.end() < old.end() {
            self.move_to(slot, shape.end(), shape.end(), false);
        }
        self.deadline_changed(hash, old_deadline, deadline);
    }

    /// Removes an entry with all that belongs to it.
    pub fn remove(&mut self, slot: Slot, hash: u64) {
        let block = self.arena.bytes(slot.handle);
        let shape = Shape::read(block);
        if shape.kind != Kind::String && shape.form == OBJECT {
            let number: [u8; 4] =
                block[shape.value_at()..shape.end()].try_into().expect("objects have four-byte numbers");
            drop(self.take_object(&number));
        }
        self.forget(slot, hash);
    }

    /// Removes an entry and hands out its value.
    pub fn take(&mut self, slot: Slot, hash: u64) -> Parcel {
        let block = self.arena.bytes(slot.handle);
        let shape = Shape::read(block);
        let expire_at = entry::expire_at(block);
        let bytes = block[shape.value_at()..shape.end()].to_vec();
        let content = if shape.kind != Kind::String && shape.form == OBJECT {
            Content::Object(self.take_object(&bytes))
        } else {
            Content::Inline { form: shape.form, bytes }
        };
        self.forget(slot, hash);
        Parcel { kind: shape.kind, expire_at, content }
    }

    /// A copy of an entry's value.
    pub fn copy(&self, handle: Handle) -> Parcel {
        let block = self.arena.bytes(handle);
        let shape = Shape::read(block);
        let bytes = &block[shape.value_at()..shape.end()];
        let content = if shape.kind != Kind::String && shape.form == OBJECT {
            Content::Object(Box::new(self.object(bytes).clone()))
        } else {
            Content::Inline { form: shape.form, bytes: bytes.to_vec() }
        };
        Parcel { kind: shape.kind, expire_at: entry::expire_at(block), content }
    }

    /// The entry due at this deadline with this hash; of several the one whose key sorts first.
    pub fn due(&self, at: UnixMillis, hash: u64) -> Slot {
        let mut candidates = Vec::new();
        // The search is told "no" throughout, so that it comes by every entry that could be meant.
        let nothing = self.table.find(hash, |handle| {
            if entry::expire_at(self.arena.bytes(handle)) == Some(at) && self.hash_of(handle) == hash {
                candidates.push(handle);
            }
            false
        });
        debug_assert!(nothing.is_none(), "every candidate was turned down");
        let key_of = |handle: &Handle| entry::key(self.arena.bytes(*handle));
        let first = candidates.into_iter().min_by(|left, right| key_of(left).cmp(key_of(right)));
        let first = first.expect("a deadline on record has its entry");
        let found = self.table.find(hash, |handle| handle == first);
        let (place, handle) = found.expect("what was found once is found again");
        Slot { place, handle }
    }

    fn forget(&mut self, slot: Slot, hash: u64) {
        let (arena, seed) = (&self.arena, self.seed);
        let deadline = entry::expire_at(arena.bytes(slot.handle));
        let hash_of = |other| hash_key(seed, entry::key(arena.bytes(other)));
        self.table.remove(hash, slot.place, hash_of);
        self.arena.free(slot.handle);
        self.deadline_changed(hash, deadline, None);
    }

    fn move_to(&mut self, slot: &mut Slot, keep: usize, len: usize, spare: bool) {
        let handle = self.arena.resize(slot.handle, keep, len, spare);
        if handle != slot.handle {
            slot.handle = handle;
            self.table.set(slot.place, handle);
        }
    }

    #[inline]
    fn deadline_changed(&mut self, hash: u64, old: Option<UnixMillis>, new: Option<UnixMillis>) {
        if old == new {
            return;
        }
        if let Some(at) = old {
            self.expiry.remove(at, hash);
        }
        if let Some(at) = new {
            self.expiry.add(at, hash);
        }
    }
}

fn object_index(number: &[u8]) -> usize {
    u32::from_le_bytes(number.try_into().expect("objects have four-byte numbers")) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn splicing_does_what_it_does_to_a_vector() {
        let mut random = Seed([12; 32]).stream(Purpose::Reads);
        for (key_len, expire_at) in
            [(5, None), (5, Some(UnixMillis(9))), (300, None), (300, Some(UnixMillis(9)))]
        {
            let mut database = Database::new(1);
            let bytes = vec![b'k'; key_len];
            let key = Key { bytes: &bytes, hash: hash_key(1, &bytes) };
            let head = Head { kind: Kind::String, form: 0, expire_at };
            let mut slot = database.create(key, head, b"", 0x123456);
            let mut model: Vec<u8> = Vec::new();
            let (mut widened, mut narrowed) = (0, 0);
            for _ in 0..4000 {
                // Around the length where lengths become wide, and around that where blocks get their own vector.
                let goal = [65_536, 1900][random.below(2) as usize] + random.below(300) as usize;
                let start = random.below(model.len() as u64 + 1) as usize;
                let insert = goal.saturating_sub(model.len()) + random.below(80) as usize;
                let excess = model.len().saturating_sub(goal) + random.below(80) as usize;
                let range = start..(start + excess).min(model.len());
                let mut part = vec![0; insert];
                random.fill(&mut part);
                let before = model.len();
                database.splice(&mut slot, range.clone(), insert, random.below(2) == 0);
                database.value_bytes_mut(slot.handle)[range.start..range.start + insert]
                    .copy_from_slice(&part);
                model.splice(range, part);
                widened += u32::from(before <= 65_535 && model.len() > 65_535);
                narrowed += u32::from(before > 65_535 && model.len() <= 65_535);
                let block = database.arena.bytes(slot.handle);
                assert!(entry::key(block) == key.bytes && entry::value(block) == model);
                assert_eq!((entry::expire_at(block), entry::access(block)), (expire_at, 0x123456));
                assert_eq!(database.find(key).map(|found| found.handle), Some(slot.handle));
            }
            assert!(widened > 100 && narrowed > 100, "{widened} {narrowed}");
            database.remove(slot, key.hash);
            assert_eq!(database.used_bytes(), Database::new(1).used_bytes());
        }
    }
}
