//! A copy of the keyspace as it was at one moment, made step by step while it goes on changing.
//!
//! The save walks each database in hash order. Whoever changes a key that the walk has yet to come to hands
//! over the value as it was, before changing it, and *stamps* the entry with the number of the save; the walk
//! passes over stamped entries and wipes the stamp off. A key made ahead of the walk is stamped from birth: it
//! was not there when the save began. Behind the walk, nobody needs to do anything.
//!
//! ```text
//!   hash order   0 ───────────── save_from ───────────── end
//!                  saved; free      walk      copy before write
//! ```
//!
//! A database that is emptied meanwhile is handed over whole and walked to its end; one that is exchanged with
//! another keeps the number it had when the save began. (This is the scheme that Dragonfly calls a conservative
//! snapshot; no memory is copied but what changes, and no process forks.)

use super::arena::Handle;
use super::database::{Database, SAVED};
use super::encode::encode;
use super::entry;
use crate::mark::plant;

/// How far a save has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SaveProgress {
    /// Whether one is under way.
    pub running: bool,
    /// Keys written so far.
    pub keys_done: u64,
    /// Keys there were when it began.
    pub keys_total: u64,
    /// Memory held for it: output not taken yet, and databases that were emptied meanwhile.
    pub extra_bytes: usize,
}

/// The save of a keyspace, if one is under way.
#[derive(Debug, Default)]
pub struct Save {
    running: bool,
    /// Stamp of the running save, or of the last one; 0 if no entry can be stamped.
    epoch: u8,
    output: Vec<u8>,
    /// Databases that were emptied before the walk was through with them.
    emptied: Vec<Database>,
    keys_done: u64,
    keys_total: u64,
    entries: Vec<(u64, Handle)>,
}

impl Save {
    pub fn running(&self) -> bool {
        self.running
    }

    /// Begins a save of these databases, whose numbers are their places.
    ///
    /// # Panics
    /// When one is under way.
    pub fn begin(&mut self, databases: &mut [Option<Box<Database>>]) {
        assert!(!self.running, "one save at a time");
        if self.epoch == u8::MAX {
            // Only saves that were aborted leave stamps behind. After 255 of those in a row the numbers are used
            // up, and all stamps are wiped off in one go.
            for database in databases.iter_mut().flatten() {
                wipe_stamps(database);
            }
            self.epoch = 0;
        }
        self.epoch += 1;
        self.running = true;
        self.keys_done = 0;
        self.keys_total = 0;
        for (label, database) in databases.iter_mut().enumerate() {
            let Some(database) = database else { continue };
            self.keys_total += database.table.len() as u64;
            database.save_from = 0;
            database.save_label = label as u32;
            database.save_epoch = self.epoch;
        }
    }

    /// Ends the save, complete or not. If not, stamps stay where they are; the next save has another.
    pub fn finish(&mut self, databases: &mut [Option<Box<Database>>]) {
        databases.iter_mut().flatten().for_each(|database| database.save_from = SAVED);
        self.running = false;
        self.emptied = Vec::new();
        self.entries = Vec::new();
    }

    /// Walks on until `budget_bytes` were written or passed over, or more if one value is larger than that.
    /// Whether the save is complete; its output is, too, then.
    ///
    /// # Panics
    /// When no save is under way.
    pub fn step(&mut self, databases: &mut [Option<Box<Database>>], budget_bytes: usize) -> bool {
        assert!(self.running, "a save is under way");
        let mut spent = 0;
        while spent < budget_bytes {
            let living = databases.iter_mut().flatten().map(|database| &mut **database);
            let waiting =
                living.chain(self.emptied.iter_mut()).filter(|database| database.save_from != SAVED);
            let Some(database) = waiting.min_by_key(|database| database.save_label) else {
                assert_eq!(self.keys_done, self.keys_total, "a save holds each key once");
                self.finish(databases);
                self.epoch = 0;
                return true;
            };
            spent += walk(database, &mut self.entries, &mut self.output, &mut self.keys_done);
            if database.save_from == SAVED {
                self.emptied.retain(|database| database.save_from != SAVED);
            }
        }
        false
    }

    /// Before a change of an entry ahead of the walk: its value as it is goes into the save, unless it is in
    /// there already.
    #[cold]
    pub fn keep(&mut self, database: &mut Database, handle: Handle) {
        if plant!("ST8", entry::stamp(database.arena.bytes(handle)) == database.save_epoch, true) {
            return;
        }
        encode(database, database.save_label, handle, &mut self.output);
        self.keys_done += 1;
        entry::set_stamp(database.arena.bytes_mut(handle), database.save_epoch);
    }

    /// A database is emptied: it is kept if the walk is not through with it.
    pub fn hand_over(&mut self, database: Database) {
        if database.save_from != SAVED {
            self.emptied.push(database);
        }
    }

    /// What was written since the last call: whole records.
    pub fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.output)
    }

    pub fn progress(&self) -> SaveProgress {
        let emptied: usize = self.emptied.iter().map(Database::used_bytes).sum();
        SaveProgress {
            running: self.running,
            keys_done: self.keys_done,
            keys_total: self.keys_total,
            extra_bytes: self.output.capacity() + emptied,
        }
    }
}

/// What passing over an entry counts for, in bytes.
const PASSED_BYTES: usize = 16;

/// One step of the walk: the entries of one bucket. Returns what it cost.
fn walk(
    database: &mut Database,
    entries: &mut Vec<(u64, Handle)>,
    output: &mut Vec<u8>,
    keys_done: &mut u64,
) -> usize {
    entries.clear();
    let next = database.table.walk(database.save_from, |handle| database.hash_of(handle), entries);
    let before = output.len();
    for &(_, handle) in entries.iter() {
        if entry::stamp(database.arena.bytes(handle)) != database.save_epoch {
            encode(database, database.save_label, handle, output);
            *keys_done += 1;
        }
        if entry::stamp(database.arena.bytes(handle)) != 0 {
            entry::set_stamp(database.arena.bytes_mut(handle), 0);
        }
    }
    database.save_from = next.unwrap_or(SAVED);
    output.len() - before + (entries.len() + 1) * PASSED_BYTES
}

fn wipe_stamps(database: &mut Database) {
    let handles: Vec<Handle> = database.table.handles().collect();
    for handle in handles {
        entry::set_stamp(database.arena.bytes_mut(handle), 0);
    }
}
