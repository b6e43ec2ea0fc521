//! All databases of a node, and every path to a value.

use super::arena::Handle;
use super::database::{Database, Head, Key, Slot, hash_key};
use super::decode::{DecodeError, Payload, decode};
use super::digest::Digest;
use super::edit::Edit;
use super::entry::{self, Kind, Shape};
use super::hash_edit::HashLimits;
use super::journal::Journal;
use super::save::{Save, SaveProgress};
use super::table::SAMPLE_LEN;
use super::value::{Parcel, Value};
use crate::seed::Random;
use crate::time::UnixMillis;

/// All databases of a node.
///
/// Databases are numbered from 0 and made when first used. A number beyond those there are is a mistake of the
/// caller, who checks what clients send, and panics.
#[derive(Debug)]
pub struct Keyspace {
    databases: Vec<Option<Box<Database>>>,
    hash_seed: u64,
    access: u32,
    journal: Journal,
    save: Save,
    /// How many keys a load is to bring at most; 0 if it was not said.
    expected: u64,
}

/// A key that was found. Good until the next change of the keyspace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    database: u32,
    handle: Handle,
}

impl Keyspace {
    /// An empty keyspace of so many databases. `hash_seed` is the group's: hash order, and so cursors and saves,
    /// mean the same on all its nodes.
    #[must_use]
    pub fn new(databases: usize, hash_seed: u64) -> Self {
        Self {
            databases: (0..databases).map(|_| None).collect(),
            hash_seed,
            access: 0,
            journal: Journal::default(),
            save: Save::default(),
            expected: 0,
        }
    }

    /// How many databases it has, used or not.
    #[must_use]
    pub fn databases(&self) -> usize {
        self.databases.len()
    }

    /// A key with its hash: computed once, used by every step after.
    #[inline]
    #[must_use]
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        Key { bytes, hash: hash_key(self.hash_seed, bytes) }
    }

    /// What happened so far.
    #[inline]
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// To switch watching on and off, and to forget touched keys.
    pub fn journal_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// The access clock that new keys begin with: 24 bits whose meaning is the eviction policy's.
    pub fn set_access_of_new(&mut self, clock: u32) {
        self.access = clock;
    }

    // Counting.

    /// How many keys a database has, expired but not removed ones included.
    #[must_use]
    pub fn len(&self, database: usize) -> usize {
        self.databases[database].as_ref().map_or(0, |database| database.table.len())
    }

    /// Whether no database has a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.databases.iter().flatten().all(|database| database.table.is_empty())
    }

    /// How many keys of a database have a deadline.
    #[must_use]
    pub fn expires_len(&self, database: usize) -> usize {
        self.databases[database].as_ref().map_or(0, |database| database.expiry.len())
    }

    /// The mean time to live of a database's keys that have a deadline, in milliseconds; 0 if there are none.
    #[must_use]
    pub fn average_ttl_ms(&self, database: usize, now: UnixMillis) -> u64 {
        let mean = self.databases[database].as_ref().map_or(0, |database| database.expiry.mean().0);
        mean.saturating_sub(now.0)
    }

    /// Bytes of everything: entries as rounded up to their blocks, objects, index, deadlines. Counted by our own
    /// rules and not by the allocator, and goes down when something is removed.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.databases.iter().flatten().map(|database| database.used_bytes()).sum()
    }

    /// Bytes held from the system for entries and index: [`used_bytes`](Self::used_bytes) without objects and
    /// deadlines, but with what is free inside pages. The difference is fragmentation. Counts all large values.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let used = self.databases.iter().flatten();
        used.map(|database| database.arena.memory_bytes() + database.table.memory_bytes()).sum()
    }

    /// Bytes of one entry with its share of the index, for MEMORY USAGE.
    #[must_use]
    pub fn memory_usage(&self, found: Found) -> usize {
        self.used(found).entry_bytes(found.handle)
    }

    /// The fingerprint of all keys, expired but not removed ones included. In time proportional to everything.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut digest = Digest::default();
        for (label, database) in self.databases.iter().enumerate() {
            if let Some(database) = database {
                digest.add_database(database, label as u32);
            }
        }
        digest
    }

    /// The fingerprint of one value: the same for equal values under whatever key, both with a deadline or both
    /// without.
    #[must_use]
    pub fn digest_value(&self, found: Found) -> Digest {
        Digest::of_value(self.read(found), self.expire_at(found).is_some())
    }

    // Reading.

    /// Finds a key that is there and has not expired.
    #[inline]
    #[must_use]
    pub fn find(&self, database: usize, key: Key<'_>, now: UnixMillis) -> Option<Found> {
        let used = self.databases[database].as_ref()?;
        let slot = used.find(key)?;
        (!used.expired(slot.handle, now)).then_some(Found { database: database as u32, handle: slot.handle })
    }

    /// The value.
    #[inline]
    #[must_use]
    pub fn read(&self, found: Found) -> Value<'_> {
        self.used(found).value(found.handle)
    }

    /// The type of the value.
    #[must_use]
    pub fn kind(&self, found: Found) -> Kind {
        Shape::read(self.used(found).arena.bytes(found.handle)).kind
    }

    /// The key itself, for keys found by [`random`](Self::random).
    #[must_use]
    pub fn name(&self, found: Found) -> &[u8] {
        entry::key(self.used(found).arena.bytes(found.handle))
    }

    /// When the key ceases to be, if ever.
    #[must_use]
    pub fn expire_at(&self, found: Found) -> Option<UnixMillis> {
        entry::expire_at(self.used(found).arena.bytes(found.handle))
    }

    /// A copy of the value with its deadline.
    #[must_use]
    pub fn copy(&self, found: Found) -> Parcel {
        self.used(found).copy(found.handle)
    }

    /// The access clock, 24 bits.
    #[inline]
    #[must_use]
    pub fn access(&self, found: Found) -> u32 {
        entry::access(self.used(found).arena.bytes(found.handle))
    }

    /// Notes that a key was used now.
    #[inline]
    pub fn touch(&mut self, found: Found) {
        // Most keys that are used were used within the same tick, and then their memory stays clean.
        if self.access(found) != self.access {
            self.set_access(found, self.access);
        }
    }

    /// Sets the lower 24 bits of the access clock. That is no change: it belongs to the node, not to the state.
    #[inline]
    pub fn set_access(&mut self, found: Found, clock: u32) {
        let database = self.databases[found.database as usize].as_mut().expect("what was found is there");
        entry::set_access(database.arena.bytes_mut(found.handle), clock);
    }

    /// The hash of a key's name.
    #[inline]
    #[must_use]
    pub fn hash(&self, name: &[u8]) -> u64 {
        self.key(name).hash
    }

    /// Touches what searches for these hashes, and reads of what they find, will touch: first the index for all
    /// of them, then the entries, so that the memory fetches them side by side.
    pub fn warm(&self, database: usize, hashes: &[u64]) {
        let Some(used) = self.databases[database].as_ref() else { return };
        let mut sum = 0_u64;
        for &hash in hashes {
            sum = sum.wrapping_add(used.table.warm(hash));
        }
        // The sums mean nothing, but must be used, lest the accesses be optimised away.
        core::hint::black_box(sum);
        for &hash in hashes {
            sum = sum.wrapping_add(used.warm_front(hash));
        }
        core::hint::black_box(sum);
        for &hash in hashes {
            sum = sum.wrapping_add(used.warm_rest(hash));
        }
        core::hint::black_box(sum);
    }

    /// A key that has not expired, each with about the same chance. `None` if there is none, or if among many
    /// expired ones none was found.
    #[must_use]
    pub fn random(&self, database: usize, random: &mut Random, now: UnixMillis) -> Option<Found> {
        /// A table a third full gives a key in three draws on average.
        const DRAWS_MAX: usize = 100;
        /// How many expired keys are passed over, at least, before we give up.
        const WALKED_MAX: usize = 10_000;
        let used = self.databases[database].as_ref().filter(|used| !used.table.is_empty())?;
        let found = |handle| Found { database: database as u32, handle };
        for _ in 0..DRAWS_MAX {
            let (place, choice) = (random.next_u64(), random.next_u64());
            if let Some(handle) = used.table.draw(place, choice)
                && !used.expired(handle, now)
            {
                return Some(found(handle));
            }
        }
        // Sparse, or mostly expired: the next one from anywhere, once around.
        let mut entries = Vec::new();
        let mut from = super::table::order(random.next_u64());
        let mut rounds = 0;
        while rounds < 2 && entries.len() < WALKED_MAX {
            let begin = entries.len();
            let next = used.table.walk(from, |handle| used.hash_of(handle), &mut entries);
            if let Some((_, handle)) = entries[begin..].iter().find(|(_, handle)| !used.expired(*handle, now))
            {
                return Some(found(*handle));
            }
            rounds += usize::from(next.is_none());
            from = next.unwrap_or(0);
        }
        None
    }

    /// Visits at least `count` keys, if there are as many, and returns the next cursor: 0 at the end, as at the
    /// beginning. Keys that have expired count, but are not visited.
    ///
    /// A cursor is a lower bound of hashes, of 63 bits: it is good on every node of the group. Every key that is
    /// there throughout is visited exactly once.
    pub fn scan(
        &self,
        database: usize,
        cursor: u64,
        count: usize,
        now: UnixMillis,
        mut visit: impl FnMut(&[u8], Value<'_>),
    ) -> u64 {
        let Some(used) = self.databases[database].as_ref().filter(|_| cursor < 1 << 63) else { return 0 };
        // Where most buckets are empty, many are passed for few keys; that too has a limit.
        let steps_max = count.saturating_mul(10).saturating_add(100);
        let mut from = cursor << 1;
        let mut seen = 0;
        let mut entries = Vec::new();
        for _ in 0..steps_max {
            entries.clear();
            let next = used.table.walk(from, |handle| used.hash_of(handle), &mut entries);
            for &(_, handle) in &entries {
                if !used.expired(handle, now) {
                    visit(entry::key(used.arena.bytes(handle)), used.value(handle));
                }
            }
            seen += entries.len();
            match next {
                None => return 0,
                Some(next) => from = next,
            }
            if seen >= count {
                break;
            }
        }
        from >> 1
    }

    // Changing.

    /// The way to change a key. If it has expired, it is removed now, which is a change.
    #[inline]
    pub fn edit<'a>(&'a mut self, database: usize, key: Key<'a>, now: UnixMillis) -> Edit<'a> {
        let used = self.databases[database].get_or_insert_with(|| Box::new(Database::new(self.hash_seed)));
        let slot = used.find(key);
        let expired = slot.is_some_and(|slot| used.expired(slot.handle, now));
        let mut edit = Edit {
            database: used,
            journal: &mut self.journal,
            save: &mut self.save,
            number: database as u32,
            key,
            slot,
            access: self.access,
        };
        if expired {
            edit.journal.count_expired();
            edit.remove();
        }
        edit
    }

    /// Exchanges two databases.
    pub fn swap(&mut self, left: usize, right: usize) {
        if left != right && (self.len(left) != 0 || self.len(right) != 0) {
            self.journal.change_all();
        }
        self.databases.swap(left, right);
    }

    /// Empties a database; how many keys it had.
    pub fn flush(&mut self, database: usize) -> usize {
        let Some(used) = self.databases[database].take() else { return 0 };
        let len = used.table.len();
        if len != 0 {
            self.journal.change_all();
        }
        self.save.hand_over(*used);
        len
    }

    /// Empties all databases; how many keys they had.
    pub fn flush_all(&mut self) -> usize {
        (0..self.databases.len()).map(|database| self.flush(database)).sum()
    }

    /// The earliest deadline of all.
    #[must_use]
    pub fn earliest_deadline(&self) -> Option<UnixMillis> {
        let used = self.databases.iter().flatten();
        used.filter_map(|database| database.expiry.earliest()).min().map(|(at, _)| at)
    }

    /// Removes keys whose time has come, up to `limit` of them, in the order of (deadline, hash, database, key);
    /// how many. The same on every node that has the same keys.
    pub fn expire_due(&mut self, now: UnixMillis, limit: usize) -> usize {
        for count in 0..limit {
            let earliest = self.databases.iter().enumerate().filter_map(|(number, database)| {
                let (at, hash) = database.as_ref()?.expiry.earliest()?;
                (at <= now).then_some((at, hash, number))
            });
            let Some((at, hash, number)) = earliest.min() else { return count };
            let database = self.databases[number].as_mut().expect("it has a deadline");
            let Slot { place, handle } = database.due(at, hash);
            if database.unsaved(hash) {
                self.save.keep(database, handle);
            }
            self.journal.touch(number as u32, hash);
            self.journal.count_expired();
            database.remove(Slot { place, handle }, hash);
        }
        limit
    }

    // Saving and loading.

    /// Begins a save of the state as it is now.
    ///
    /// # Panics
    /// When one is under way.
    pub fn save_begin(&mut self) {
        self.save.begin(&mut self.databases);
    }

    /// Writes on, about `budget_bytes` worth, or as much as one value if that is larger; whether the save is
    /// complete. Between steps, changes add to the output whatever they are about to overwrite.
    ///
    /// # Panics
    /// When no save is under way.
    pub fn save_step(&mut self, budget_bytes: usize) -> bool {
        self.save.step(&mut self.databases, budget_bytes)
    }

    /// What was written since the last call: whole records, as [`load`](Self::load) reads them.
    pub fn save_take(&mut self) -> Vec<u8> {
        self.save.take()
    }

    /// Gives up the save under way, if there is one, and its output.
    pub fn save_abort(&mut self) {
        if self.save.running() {
            self.save.finish(&mut self.databases);
        }
        drop(self.save.take());
    }

    /// How far the save has come.
    #[must_use]
    pub fn save_progress(&self) -> SaveProgress {
        self.save.progress()
    }

    /// Says how many keys, at most, the calls of [`load`](Self::load) from here on bring in all. They are faster then
    /// if the keys come in the order in which a save writes them.
    ///
    /// For a database whose keys begin in that order, some ten bytes are set aside for each of them at once, and for
    /// no more than `count`, whatever comes. So let it be no more than the memory that may be lost to a lie.
    pub fn expect_keys(&mut self, count: u64) {
        self.expected = count;
    }

    /// Reads records that a save wrote and adds their keys; how many. `limits` choose structures.
    ///
    /// # Errors
    /// When the bytes are not whole records, or a key is there already; the records before that are added.
    pub fn load(&mut self, mut bytes: &[u8], limits: HashLimits) -> Result<usize, DecodeError> {
        let mut count = 0;
        while !bytes.is_empty() {
            let record = decode(&mut bytes)?;
            let database = usize::try_from(record.database)
                .ok()
                .filter(|&database| database < self.databases.len())
                .ok_or(DecodeError::Database)?;
            let key = self.key(record.key);
            let mut edit = self.edit(database, key, UnixMillis(0));
            if edit.exists() {
                return Err(DecodeError::DuplicateKey);
            }
            match record.payload {
                Payload::String { text, form } => {
                    let head = Head { kind: Kind::String, form: form as u8, expire_at: record.expire_at };
                    edit.put(head, text);
                }
                Payload::Hash(pairs) => {
                    edit.load_hash(&pairs, record.expire_at, limits);
                }
            }
            count += 1;
            if let Some(used) = &mut self.databases[database]
                && used.table.len() == SAMPLE_LEN
            {
                used.foresee(self.expected);
            }
        }
        Ok(count)
    }

    #[inline]
    fn used(&self, found: Found) -> &Database {
        self.databases[found.database as usize].as_ref().expect("what was found is there")
    }
}
