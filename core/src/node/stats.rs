//! Counters for `INFO`: plain integers, by command.

use crate::command::context::Lookups;
use crate::command::table::COUNT;
use crate::resp::ReplyError;

/// What is counted of one command.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CommandStats {
    /// How often it ran.
    pub calls: u64,
    /// Nanoseconds of turns charged to it.
    pub nanos: u64,
    /// Refused before it ran.
    pub rejected: u64,
    /// Answered an error.
    pub failed: u64,
}

/// Everything that is counted.
#[derive(Debug)]
pub(super) struct Stats {
    /// By row of the table.
    pub commands: Vec<CommandStats>,
    /// By code; at most [`ERRORS_MAX`] different ones.
    pub errors: Vec<(Box<[u8]>, u64)>,
    /// Error replies.
    pub error_replies: u64,
    /// Of clients.
    pub lookups: Lookups,
    /// Of replays; shown to nobody.
    pub unseen_lookups: Lookups,
    /// Bytes received.
    pub input_bytes: u64,
    /// Bytes sent.
    pub output_bytes: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused.
    pub rejected_connections: u64,
    /// Requests that were none.
    pub protocol_errors: u64,
    /// Bytes handed to the log.
    pub log_bytes: u64,
    /// Writes since the last checkpoint began.
    pub changes_since_checkpoint: u64,
    /// Connections closed because of their output.
    pub output_limit_closed: u64,
    /// Deliveries of bytes from connections.
    pub reads: u64,
    /// Deliveries of bytes to connections.
    pub writes: u64,
    /// Turns whose length was told.
    pub turns: u64,
    /// How long they took together, in microseconds.
    pub turns_us: u64,
    /// Keys removed because their time was up, before counting began.
    pub expired_before: u64,
}

/// More different error codes than this are not counted apart: a client can make up neither codes nor memory.
const ERRORS_MAX: usize = 128;

impl Stats {
    pub(super) fn new() -> Self {
        Self {
            commands: vec![CommandStats::default(); COUNT],
            errors: Vec::new(),
            error_replies: 0,
            lookups: Lookups::default(),
            unseen_lookups: Lookups::default(),
            input_bytes: 0,
            output_bytes: 0,
            connections: 0,
            rejected_connections: 0,
            protocol_errors: 0,
            log_bytes: 0,
            changes_since_checkpoint: 0,
            output_limit_closed: 0,
            reads: 0,
            writes: 0,
            turns: 0,
            turns_us: 0,
            expired_before: 0,
        }
    }

    /// An error reply was written.
    pub(super) fn count_error(&mut self, error: &ReplyError) {
        self.error_replies += 1;
        let code = error.code();
        if let Some((_, count)) = self.errors.iter_mut().find(|(known, _)| **known == *code) {
            *count += 1;
        } else if self.errors.len() < ERRORS_MAX {
            self.errors.push((code.into(), 1));
        }
    }

    /// `CONFIG RESETSTAT`.
    pub(super) fn reset(&mut self) {
        let changes = self.changes_since_checkpoint;
        let log_bytes = self.log_bytes;
        *self = Self::new();
        self.changes_since_checkpoint = changes;
        self.log_bytes = log_bytes;
    }
}
