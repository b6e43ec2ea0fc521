//! What a handler may touch, and what it may answer to the node.

use super::ask::Ask;
use super::client::Client;
use super::spec::Spec;
use crate::config::Config;
use crate::data::{Edit, Found, HashLimits, Keyspace};
use crate::ids::{GroupId, LogIndex};
use crate::resp::{Reply, ReplyError};
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

    /// Finds a key to read: counts it, and notes its use.
    pub fn find(&mut self, key: &[u8]) -> Option<Found> {
        let found = self.peek(key);
        self.lookups.count(found.is_some());
        if let Some(found) = found
            && !self.client.no_touch
        {
            self.keyspace.touch(found);
        }
        found
    }

    /// Finds a key without counting it as used (`TTL`, `TYPE`, `OBJECT`).
    #[must_use]
    pub fn peek(&self, key: &[u8]) -> Option<Found> {
        self.keyspace.find(self.client.database, self.keyspace.key(key), self.time)
    }

    /// The door to change a key.
    pub fn edit<'k>(&'k mut self, key: &'k [u8]) -> Edit<'k> {
        let key = self.keyspace.key(key);
        self.keyspace.edit(self.client.database, key, self.time)
    }

    /// The door to change a key, and beside it the reply, so that a value can be told before it changes.
    pub fn edit_and_reply<'k>(&'k mut self, key: &'k [u8]) -> (Edit<'k>, &'k mut Reply<'a>) {
        let key = self.keyspace.key(key);
        (self.keyspace.edit(self.client.database, key, self.time), &mut self.reply)
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

    /// The stream of the current command. A handler asks once: for a write, asking again starts anew.
    #[must_use]
    pub fn stream(&mut self) -> Random {
        match self.command {
            Some((group, index, ordinal)) => Random::of_command(group, index, ordinal),
            None => self.reads.split(),
        }
    }
}
