//! A hash index of blocks: from a hash to the handles that may be meant, in one cache line.
//!
//! ```text
//! directory   [partition][partition]…        by the upper bits of the hash, at most a thousand buckets each
//! partition   [bucket][bucket]…              by the following bits, in hash order
//! bucket      ten tags of a byte | overflow | ten handles of five bytes          64 bytes, one cache line
//! ```
//!
//! Three things follow from laying buckets out in *hash order* rather than by remainder:
//!
//! - Any number of buckets will do, so a partition grows by two fifths instead of doubling.
//! - A walk in hash order is a walk over memory, and a place in it can be named by a hash alone. Such a name stays
//!   good whatever the table does meanwhile, which is what cursors and incremental saves need.
//! - A partition that has become too large splits in two with no key changing its order (extendible hashing:
//!   Fagin and others, "Extendible Hashing – A Fast Access Method for Dynamic Files", 1979). So an empty table
//!   costs nothing, and no insertion ever moves more than one partition.
//!
//! A bucket that is full passes entries on to the next one and counts them, so that a search knows where to
//! stop (as in folly's F14). Nothing is marked as deleted.
//!
//! The lowest bit of a hash takes no part in the order, so a place in the walk has 63 bits.

mod prepare;

use super::arena::Handle;

pub use prepare::SAMPLE_LEN;

/// Entries per bucket.
const SLOTS: usize = 10;
/// A partition of more buckets than this splits: 64 KiB of index, some 7000 entries to move at once.
const BUCKETS_MAX: usize = 1024;
/// The directory doubles only while there are this many entries for each of its places. Hashes that are spread
/// give ten times as many; those that are not must not make the directory larger than what it leads to.
const ENTRIES_PER_PLACE_MIN: usize = 512;

/// Where in a table an entry is named. Good until the next insertion or removal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    partition: u32,
    bucket: u32,
    slot: u8,
}

/// Ten entries in one cache line.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
struct Bucket {
    /// Eight bits of each entry's hash, never 0; 0 where there is no entry.
    tags: [u8; SLOTS],
    /// How many entries were passed on because this bucket was full; at 255 it is no longer exact and stays.
    overflow: u8,
    high: [u8; SLOTS],
    low: [u32; SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 64, "a bucket is one cache line");

const EMPTY: Bucket = Bucket { tags: [0; SLOTS], overflow: 0, high: [0; SLOTS], low: [0; SLOTS] };

/// A range of hashes: those that share their upper `depth` bits.
#[derive(Clone, Debug, Default)]
struct Partition {
    buckets: Vec<Bucket>,
    len: u32,
    /// If less than the directory's, this partition serves several places of the directory, and stands in the
    /// first of them; in the others only this number is meant.
    depth: u8,
}

/// A hash index. See the module's comment.
#[derive(Clone, Debug)]
pub struct Table {
    directory: Vec<Partition>,
    depth: u8,
    len: usize,
    buckets: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { directory: vec![Partition::default()], depth: 0, len: 0, buckets: 0 }
    }
}

#[inline]
fn tag_of(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// The part of a hash that orders: all but the lowest bit.
#[inline]
#[must_use]
pub fn order(hash: u64) -> u64 {
    hash & !1
}

/// The bucket where a search for `hash` begins.
#[inline]
fn home(hash: u64, depth: u8, buckets: usize) -> usize {
    ((u128::from(order(hash) << depth) * buckets as u128) >> 64) as usize
}

/// The lowest hash whose home is `bucket`, counted from its partition's lowest. `bucket` is not the first.
fn home_start(bucket: usize, depth: u8, buckets: usize) -> u64 {
    let start = ((bucket as u128) << 64).div_ceil(buckets as u128);
    // Rounded up to a hash that orders: the lowest bit does not.
    (start.div_ceil(1 << (depth + 1)) << 1) as u64
}

impl Bucket {
    /// A bit for each of the eight bytes of `word` that equals `tag`: the uppermost of the byte.
    #[inline]
    fn equal_bytes(word: u64, tag: u8) -> u64 {
        const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        let differ = word ^ (u64::from(tag) * 0x0101_0101_0101_0101);
        !(((differ & LOW) + LOW) | differ | LOW)
    }

    /// The slots with this tag, as bits of a number whose bytes are slots. `tag` is not 0.
    #[inline]
    fn with_tag(&self, tag: u8) -> u128 {
        let front = u64::from_le_bytes(self.tags[..8].try_into().expect("eight bytes"));
        let back = u64::from(u16::from_le_bytes([self.tags[8], self.tags[9]]));
        // The six bytes that are not there are 0 and equal no tag.
        u128::from(Self::equal_bytes(back, tag)) << 64 | u128::from(Self::equal_bytes(front, tag))
    }

    fn free_slot(&self) -> Option<usize> {
        self.tags.iter().position(|&tag| tag == 0)
    }

    #[inline]
    fn handle(&self, slot: usize) -> Handle {
        Handle::join(self.low[slot], self.high[slot])
    }

    fn set(&mut self, slot: usize, tag: u8, handle: Handle) {
        self.tags[slot] = tag;
        (self.low[slot], self.high[slot]) = handle.split();
    }

    fn handles(&self) -> impl Iterator<Item = Handle> + '_ {
        (0..SLOTS).filter(|&slot| self.tags[slot] != 0).map(|slot| self.handle(slot))
    }
}

impl Partition {
    fn with_buckets(buckets: usize, depth: u8) -> Self {
        Self { buckets: vec![EMPTY; buckets], len: 0, depth }
    }

    /// How many entries it may hold before it grows: three quarters of its slots.
    fn room(&self) -> usize {
        self.buckets.len() * SLOTS * 3 / 4
    }

    /// There is a free slot.
    fn place(&mut self, hash: u64, handle: Handle) -> (usize, usize) {
        let count = self.buckets.len();
        let mut at = home(hash, self.depth, count);
        loop {
            let bucket = &mut self.buckets[at];
            if let Some(slot) = bucket.free_slot() {
                bucket.set(slot, tag_of(hash), handle);
                self.len += 1;
                return (at, slot);
            }
            bucket.overflow = bucket.overflow.saturating_add(1);
            at = if at + 1 == count { 0 } else { at + 1 };
        }
    }

    fn remove(&mut self, hash: u64, at: usize, slot: usize) {
        let count = self.buckets.len();
        let mut passed = home(hash, self.depth, count);
        while passed != at {
            let overflow = &mut self.buckets[passed].overflow;
            *overflow = if *overflow == u8::MAX { u8::MAX } else { *overflow - 1 };
            passed = if passed + 1 == count { 0 } else { passed + 1 };
        }
        self.buckets[at].tags[slot] = 0;
        self.len -= 1;
    }
}

impl Table {
    /// How many entries it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the index.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.buckets * size_of::<Bucket>() + self.directory.capacity() * size_of::<Partition>()
    }

    #[inline]
    fn owner(&self, hash: u64) -> usize {
        // In two steps, since a shift by 64 is none.
        let at = (hash >> 1 >> (63 - self.depth)) as usize;
        let depth = self.directory[at].depth;
        if depth == self.depth { at } else { at >> (self.depth - depth) << (self.depth - depth) }
    }

    /// The first entry with this hash's tag, on the path of this hash, that `is_it` accepts.
    #[inline]
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(Handle) -> bool) -> Option<(Place, Handle)> {
        let owner = self.owner(hash);
        let partition = &self.directory[owner];
        let count = partition.buckets.len();
        if count == 0 {
            return None;
        }
        let tag = tag_of(hash);
        let mut at = home(hash, partition.depth, count);
        for _ in 0..count {
            let bucket = &partition.buckets[at];
            let mut found = bucket.with_tag(tag);
            while found != 0 {
                let slot = found.trailing_zeros() as usize / 8;
                let handle = bucket.handle(slot);
                if is_it(handle) {
                    let place = Place { partition: owner as u32, bucket: at as u32, slot: slot as u8 };
                    return Some((place, handle));
                }
                found &= found - 1;
            }
            if bucket.overflow == 0 {
                return None;
            }
            at = if at + 1 == count { 0 } else { at + 1 };
        }
        None
    }

    /// Touches the bucket a search for `hash` begins with, so that it is on its way when the search comes. The
    /// result means nothing, but must be used, lest the access be optimised away.
    #[inline]
    #[must_use]
    pub fn warm(&self, hash: u64) -> u64 {
        let partition = &self.directory[self.owner(hash)];
        let at = home(hash, partition.depth, partition.buckets.len());
        partition.buckets.get(at).map_or(0, |bucket| u64::from(bucket.overflow))
    }

    /// The first entry in the home bucket of `hash` that has its tag: very likely the one a search will find.
    #[inline]
    #[must_use]
    pub fn likely(&self, hash: u64) -> Option<Handle> {
        let partition = &self.directory[self.owner(hash)];
        let at = home(hash, partition.depth, partition.buckets.len());
        let bucket = partition.buckets.get(at)?;
        let found = bucket.with_tag(tag_of(hash));
        (found != 0).then(|| bucket.handle(found.trailing_zeros() as usize / 8))
    }

    /// Names another block at a place: the entry has moved.
    pub fn set(&mut self, place: Place, handle: Handle) {
        let bucket = &mut self.directory[place.partition as usize].buckets[place.bucket as usize];
        let slot = usize::from(place.slot);
        debug_assert!(bucket.tags[slot] != 0, "an entry moves only where there is one");
        (bucket.low[slot], bucket.high[slot]) = handle.split();
    }

    /// Adds an entry that is not there yet. `hash_of` tells the hash of any entry that is.
    pub fn insert(&mut self, hash: u64, handle: Handle, hash_of: impl Fn(Handle) -> u64) -> Place {
        let mut owner = self.owner(hash);
        while self.directory[owner].len as usize >= self.directory[owner].room() {
            if self.open(owner) {
                continue;
            }
            let partition = &self.directory[owner];
            let count = partition.buckets.len();
            let larger = (count + count * 2 / 5).max(count + 1);
            let splits =
                partition.depth < self.depth || self.directory.len() <= self.len / ENTRIES_PER_PLACE_MIN;
            if larger > BUCKETS_MAX && splits {
                self.split(owner, larger / 2 + 1, &hash_of);
                owner = self.owner(hash);
            } else {
                self.rebuild(owner, larger, &hash_of);
            }
        }
        let (bucket, slot) = self.directory[owner].place(hash, handle);
        self.len += 1;
        Place { partition: owner as u32, bucket: bucket as u32, slot: slot as u8 }
    }

    /// Takes away the entry at a place. Its block must still be readable: `hash_of` may be asked for the hash of
    /// any other.
    pub fn remove(&mut self, hash: u64, place: Place, hash_of: impl Fn(Handle) -> u64) {
        let owner = place.partition as usize;
        self.directory[owner].remove(hash, place.bucket as usize, usize::from(place.slot));
        self.len -= 1;
        let partition = &self.directory[owner];
        let (len, count) = (partition.len as usize, partition.buckets.len());
        if len == 0 {
            self.buckets -= count;
            self.directory[owner].buckets = Vec::new();
        } else if count > 1 && len * 10 < count * SLOTS * 3 {
            // Left at half full, so that neither growing nor shrinking is near.
            self.rebuild(owner, (len * 2).div_ceil(SLOTS), &hash_of);
        }
        if self.len == 0 {
            *self = Self::default();
        }
    }

    /// Appends every entry whose home is the bucket where hashes from `from` begin and whose hash is not below
    /// `from`, in hash order. Returns where to go on, or `None` at the end.
    ///
    /// Beginning at 0 and going on until `None` gives every entry that is there throughout exactly once,
    /// whatever else comes and goes in between.
    pub fn walk(
        &self,
        from: u64,
        hash_of: impl Fn(Handle) -> u64,
        entries: &mut Vec<(u64, Handle)>,
    ) -> Option<u64> {
        let owner = self.owner(from);
        let partition = &self.directory[owner];
        let (count, depth) = (partition.buckets.len(), partition.depth);
        let next_partition = || {
            let at = owner + (1 << (self.depth - depth));
            (at < self.directory.len()).then(|| (at as u64) << 1 << (63 - self.depth))
        };
        if count == 0 {
            return next_partition();
        }
        let begin = entries.len();
        let first = home(from, depth, count);
        let mut at = first;
        for _ in 0..count {
            let bucket = &partition.buckets[at];
            for handle in bucket.handles() {
                let hash = hash_of(handle);
                if home(hash, depth, count) == first && order(hash) >= from {
                    entries.push((hash, handle));
                }
            }
            if bucket.overflow == 0 {
                break;
            }
            at = if at + 1 == count { 0 } else { at + 1 };
        }
        entries[begin..].sort_unstable();
        if first + 1 == count {
            return next_partition();
        }
        let base = (owner as u64) << 1 << (63 - self.depth);
        Some(base | home_start(first + 1, depth, count))
    }

    /// All entries, in no particular order.
    pub fn handles(&self) -> impl Iterator<Item = Handle> + '_ {
        self.directory.iter().flat_map(|partition| &partition.buckets).flat_map(Bucket::handles)
    }

    /// An entry near a random place, each with about the same chance; `None` if this draw found none.
    #[must_use]
    pub fn draw(&self, random: u64, choice: u64) -> Option<Handle> {
        let partition = &self.directory[self.owner(random)];
        let count = partition.buckets.len();
        let bucket = partition.buckets.get(home(random, partition.depth, count))?;
        let slot = (choice % SLOTS as u64) as usize;
        (bucket.tags[slot] != 0).then(|| bucket.handle(slot))
    }

    fn rebuild(&mut self, owner: usize, count: usize, hash_of: &impl Fn(Handle) -> u64) {
        let old = &self.directory[owner];
        let mut new = Partition::with_buckets(count, old.depth);
        for handle in old.buckets.iter().flat_map(Bucket::handles) {
            new.place(hash_of(handle), handle);
        }
        assert_eq!(new.len, old.len, "rebuilding loses nothing");
        self.buckets = self.buckets - old.buckets.len() + count;
        self.directory[owner] = new;
    }

    /// Gives each half of a partition's hashes a partition of its own.
    fn split(&mut self, owner: usize, count: usize, hash_of: &impl Fn(Handle) -> u64) {
        let mut owner = owner;
        let old_depth = self.directory[owner].depth;
        let depth = old_depth + 1;
        if old_depth == self.depth {
            // Every place becomes two; what stood in it stands in the first, and serves both.
            let old = core::mem::take(&mut self.directory);
            self.directory = Vec::with_capacity(old.len() * 2);
            for partition in old {
                let twin = Partition { buckets: Vec::new(), len: 0, depth: partition.depth };
                self.directory.extend([partition, twin]);
            }
            self.depth += 1;
            owner *= 2;
        }
        let old = core::mem::take(&mut self.directory[owner]);
        let half = 1 << (self.depth - depth);
        for place in owner..owner + 2 * half {
            self.directory[place].depth = depth;
        }
        // Hashes come in no particular share, so each half gets what it needs and at least its part.
        let entries: Vec<(u64, Handle)> =
            old.buckets.iter().flat_map(Bucket::handles).map(|handle| (hash_of(handle), handle)).collect();
        let is_upper = |hash: u64| hash >> (64 - depth) & 1 == 1;
        let uppers = entries.iter().filter(|(hash, _)| is_upper(*hash)).count();
        let need = |len: usize| count.max(len * 2 / SLOTS + 1).min(BUCKETS_MAX.max(len / SLOTS + 1));
        self.directory[owner] = Partition::with_buckets(need(entries.len() - uppers), depth);
        self.directory[owner + half] = Partition::with_buckets(need(uppers), depth);
        for (hash, handle) in entries {
            let side = if is_upper(hash) { owner + half } else { owner };
            self.directory[side].place(hash, handle);
        }
        self.buckets = self.buckets - old.buckets.len()
            + self.directory[owner].buckets.len()
            + self.directory[owner + half].buckets.len();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::seed::{Purpose, Random, Seed};

    /// Entries are numbers; this is the hash of each.
    pub type Hashes = Vec<u64>;

    pub fn number(handle: Handle) -> usize {
        let (low, high) = handle.split();
        assert_eq!(high, (low % 251) as u8, "handles come back whole");
        low as usize
    }

    pub fn handle(number: usize) -> Handle {
        Handle::join(number as u32, (number % 251) as u8)
    }

    /// Everything that must hold between two calls.
    pub fn check(table: &Table, hashes: &Hashes, there: &BTreeSet<usize>) {
        let hash_of = |handle| hashes[number(handle)];
        assert_eq!(table.len(), there.len());
        assert_eq!(table.directory.len(), 1 << table.depth);
        assert!(table.directory.len() < 1000, "a small table has a small directory");
        let buckets: usize = table.directory.iter().map(|partition| partition.buckets.len()).sum();
        assert_eq!(table.buckets, buckets);
        let mut at = 0;
        while at < table.directory.len() {
            let partition = &table.directory[at];
            let span = 1 << (table.depth - partition.depth);
            assert_eq!(at % span, 0, "a partition begins where its hashes do");
            for alias in &table.directory[at + 1..at + span] {
                assert_eq!((alias.depth, alias.buckets.len()), (partition.depth, 0));
            }
            check_partition(partition, hash_of);
            at += span;
        }
        let expected: BTreeSet<(u64, usize)> = there.iter().map(|&one| (order(hashes[one]), one)).collect();
        let (mut from, mut walked) = (Some(0), Vec::new());
        while let Some(start) = from {
            let begin = walked.len();
            from = table.walk(start, hash_of, &mut walked);
            let bounds = start..=from.map_or(u64::MAX, |next| next - 1);
            assert!(walked[begin..].iter().all(|(hash, _)| bounds.contains(&order(*hash))));
        }
        assert!(walked.is_sorted_by_key(|(hash, _)| order(*hash)));
        let walked: Vec<(u64, usize)> =
            walked.into_iter().map(|(hash, handle)| (order(hash), number(handle))).collect();
        assert_eq!(walked.len(), expected.len());
        assert_eq!(walked.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    fn check_partition(partition: &Partition, hash_of: impl Fn(Handle) -> u64) {
        let count = partition.buckets.len();
        let mut passed = vec![0_u32; count];
        for (at, bucket) in partition.buckets.iter().enumerate() {
            for slot in (0..SLOTS).filter(|&slot| bucket.tags[slot] != 0) {
                let hash = hash_of(bucket.handle(slot));
                assert_eq!(bucket.tags[slot], tag_of(hash));
                let mut step = home(hash, partition.depth, count);
                while step != at {
                    passed[step] += 1;
                    step = (step + 1) % count;
                }
            }
        }
        for (bucket, passed) in partition.buckets.iter().zip(passed) {
            assert!(bucket.overflow == u8::MAX || u32::from(bucket.overflow) == passed);
        }
    }

    fn run(make: impl Fn(&mut Random) -> u64, most: usize) {
        let mut random = Seed([6; 32]).stream(Purpose::Reads);
        let (mut table, mut hashes, mut there) = (Table::default(), Hashes::new(), BTreeSet::new());
        for rising in [true, false, true, false] {
            let goal = if rising { most } else { 0 };
            let mut steps = 0_usize;
            while there.len() != goal {
                if (random.below(10) < 8) == rising || there.is_empty() {
                    let one = hashes.len();
                    hashes.push(make(&mut random));
                    let place = table.insert(hashes[one], handle(one), |other| hashes[number(other)]);
                    let found = table.find(hashes[one], |other| number(other) == one);
                    assert_eq!(found, Some((place, handle(one))));
                    there.insert(one);
                } else {
                    let pivot = random.below(hashes.len() as u64) as usize;
                    let next = there.range(pivot..).next().or_else(|| there.first());
                    let one = *next.expect("there is one");
                    let (place, _) = table
                        .find(hashes[one], |other| number(other) == one)
                        .expect("what is there is found");
                    table.remove(hashes[one], place, |other| hashes[number(other)]);
                    assert_eq!(table.find(hashes[one], |other| number(other) == one), None);
                    there.remove(&one);
                }
                steps += 1;
                if steps.is_multiple_of(most / 3) {
                    check(&table, &hashes, &there);
                }
            }
            for &one in &there {
                assert!(table.find(hashes[one], |other| number(other) == one).is_some());
            }
            check(&table, &hashes, &there);
        }
        assert_eq!(table.memory_bytes(), Table::default().memory_bytes(), "an empty table is as good as new");
    }

    #[test]
    fn spread_hashes() {
        run(Random::next_u64, 40_000);
    }

    #[test]
    fn equal_hashes() {
        run(|_| 0xdead_beef_dead_beef, 1000);
        run(|_| u64::MAX, 300);
    }

    #[test]
    fn hashes_in_one_corner() {
        // All partitions but one stay empty, and splitting does not help for long.
        run(|random| u64::MAX << 60 | random.next_u64() >> 4, 20_000);
        run(|random| random.next_u64() >> 3, 20_000);
        run(|random| random.next_u64() >> 40, 2000);
        run(|random| random.below(64) << 58, 3000);
    }

    #[test]
    fn a_place_in_the_walk_outlives_any_growth() {
        let mut random = Seed([7; 32]).stream(Purpose::Reads);
        let hashes: Hashes = (0..60_000).map(|_| random.next_u64()).collect();
        let mut table = Table::default();
        let hash_of = |handle| hashes[number(handle)];
        let (mut from, mut seen, mut count) = (Some(0), Vec::new(), 0);
        while count < 2000 {
            table.insert(hashes[count], handle(count), hash_of);
            count += 1;
        }
        while let Some(start) = from {
            from = table.walk(start, hash_of, &mut seen);
            for _ in 0..200 {
                if count < hashes.len() {
                    table.insert(hashes[count], handle(count), hash_of);
                    count += 1;
                }
            }
        }
        assert!(table.depth > 0, "it has split meanwhile");
        let mut old: Vec<usize> = seen.iter().map(|seen| number(seen.1)).filter(|&one| one < 2000).collect();
        assert!(old.len() == 2000 && seen.is_sorted());
        old.sort_unstable();
        old.dedup();
        assert_eq!(old.len(), 2000, "each once");
    }

    #[test]
    fn tags_are_found_wherever_they_are() {
        for slot in 0..SLOTS {
            for tag in 1..=255_u8 {
                let mut bucket = EMPTY;
                bucket.tags =
                    core::array::from_fn(|other| if other == slot { tag } else { tag.wrapping_add(1) });
                assert_eq!(bucket.with_tag(tag), 0x80 << (8 * slot), "{tag} in {slot}");
            }
        }
    }
}
