//! What a handler may touch, and what it may answer to the node.

use super::access;
use super::ask::Ask;
use super::client::Client;
use super::spec::Spec;
use crate::config::Config;
use crate::data::{Edit, Found, HashLimits, Keyspace, WrongType};
use crate::ids::{GroupId, LogIndex};
use crate::resp::{Args, Reply, ReplyError};
use crate::seed::Random;
use crate::time::UnixMillis;

/// What a handler returns; an error replaces whatever it had written.
pub type Handled = Result<Outcome, ReplyError>;

/// How a command ended.
#[derive(Debug)]
pub enum Outcome {
    /// The reply is written.
    Done,
    /// The node has to do something, and writes the reply.
    Ask(Ask),
}

/// What a handler may touch. There is nothing else: no node, no log, no clock.
pub struct Context<'a> {
    /// All databases.
    pub keyspace: &'a mut Keyspace,
    /// The connection's state.
    pub client: &'a mut Client,
    /// Where the reply goes.
    pub reply: Reply<'a>,
    /// The entry's time, not the machine's.
    pub time: UnixMillis,
    /// Where random choices come from.
    pub draws: &'a mut Draws,
    /// Counts of look-ups, for statistics.
    pub lookups: &'a mut Lookups,
    /// The settings.
    pub config: &'a Config,
    /// The row of this command.
    pub spec: &'static Spec,
}

impl<'a> Context<'a> {
    /// The database the connection selected.
    #[must_use]
    pub fn database(&self) -> usize {
        self.client.database
    }

    /// Finds a key to read: counts the look-up, and notes the key's use.
    pub fn find(&mut self, key: &[u8]) -> Option<Found> {
        let found = self.find_unused(key)?;
        if !self.client.no_touch {
            self.touch(found);
        }
        Some(found)
    }

    /// Finds a key to tell about it: counts the look-up, but not as a use of the key (`TTL`, `TYPE`, `OBJECT`).
    pub fn find_unused(&mut self, key: &[u8]) -> Option<Found> {
        let found = self.peek(key);
        self.lookups.count(found.is_some());
        found
    }

    /// Finds a key and counts nothing.
    #[must_use]
    pub fn peek(&self, key: &[u8]) -> Option<Found> {
        self.peek_in(self.client.database, key)
    }

    /// Finds a key of any database and counts nothing.
    #[must_use]
    pub fn peek_in(&self, database: usize, key: &[u8]) -> Option<Found> {
        self.keyspace.find(database, self.keyspace.key(key), self.time)
    }

    /// Notes that a key was used now.
    pub fn touch(&mut self, found: Found) {
        let before = self.keyspace.access(found);
        let after = access::of_used(self.config, self.time, before, self.draws.local());
        // Most keys that are used were used within the same second, and then their memory stays clean.
        if after != before {
            self.keyspace.set_access(found, after);
        }
    }

    /// The door to change a key. Notes its use.
    pub fn edit<'k>(&'k mut self, key: &'k [u8]) -> Edit<'k> {
        self.edit_in(self.client.database, key)
    }

    /// The door to change a key of any database. Notes its use.
    pub fn edit_in<'k>(&'k mut self, database: usize, key: &'k [u8]) -> Edit<'k> {
        self.edit_and_reply_in(database, key).0
    }

    fn edit_and_reply_in<'k>(&'k mut self, database: usize, key: &'k [u8]) -> (Edit<'k>, &'k mut Reply<'a>) {
        self.keyspace.set_access_of_new(access::of_new(self.config, self.time));
        let key = self.keyspace.key(key);
        let mut edit = self.keyspace.edit(database, key, self.time);
        if edit.exists() && !self.client.no_touch {
            let before = edit.access();
            let after = access::of_used(self.config, self.time, before, self.draws.local());
            if after != before {
                edit.set_access(after);
            }
        }
        (edit, &mut self.reply)
    }

    /// The number of a database that an argument names.
    ///
    /// # Errors
    /// When the argument is no number, or there is no such database.
    pub fn database_number(&self, args: Args<'_>, index: usize) -> Result<usize, ReplyError> {
        let number = args.integer32(index)?;
        usize::try_from(number)
            .ok()
            .filter(|&number| number < self.keyspace.databases())
            .ok_or(ReplyError::DATABASE_RANGE)
    }

    /// The door to change a key, and beside it the reply, so that a value can be told before it changes.
    pub fn edit_and_reply<'k>(&'k mut self, key: &'k [u8]) -> (Edit<'k>, &'k mut Reply<'a>) {
        self.edit_and_reply_in(self.client.database, key)
    }

    /// When a hash stays packed.
    #[must_use]
    pub fn hash_limits(&self) -> HashLimits {
        HashLimits {
            entries: self.config.hash_max_listpack_entries as usize,
            value_bytes: self.config.hash_max_listpack_value_bytes as usize,
        }
    }
}

impl From<WrongType> for ReplyError {
    fn from(_: WrongType) -> Self {
        Self::WRONG_TYPE
    }
}

/// How often keys that were to be read were there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lookups {
    /// Found.
    pub hits: u64,
    /// Not found.
    pub misses: u64,
}

impl Lookups {
    /// One more key was looked for.
    #[inline]
    pub fn count(&mut self, found: bool) {
        if found {
            self.hits += 1;
        } else {
            self.misses += 1;
        }
    }
}

/// Where random choices come from: for a write, from its place in the log, so that every replica and every
/// replay chooses the same; for a read, from a stream of this node.
#[derive(Clone, Debug)]
pub struct Draws {
    reads: Random,
    command: Option<(GroupId, LogIndex, u32)>,
}

impl Draws {
    /// Reads draw from this stream.
    #[must_use]
    pub fn new(reads: Random) -> Self {
        Self { reads, command: None }
    }

    /// The next command is a write: unit `ordinal` of the entry at `index`.
    pub fn for_write(&mut self, group: GroupId, index: LogIndex, ordinal: u32) {
        self.command = Some((group, index, ordinal));
    }

    /// The next command is a read.
    pub fn for_read(&mut self) {
        self.command = None;
    }

    /// A stream for choices that never reach the state: those about access clocks.
    #[must_use]
    pub fn local(&mut self) -> &mut Random {
        &mut self.reads
    }

    /// The stream of the current command. A handler asks once: for a write, asking again starts anew.
    #[must_use]
    pub fn stream(&mut self) -> Random {
        match self.command {
            Some((group, index, ordinal)) => Random::of_command(group, index, ordinal),
            None => self.reads.split(),
        }
    }
}
