//! Commands that wait for a gate, in batches, first in first out.
//!
//! ```text
//! arrive ─▶ open ─▶ sealed ─▶ appended ─▶ synced ─▶ gate opens ─▶ run ─▶ reply        (in this order for all)
//! ```
//!
//! The writes of a batch are one entry of the log and are run from its bytes; reads that must not overtake
//! them are kept aside. A read that stands behind an unsynced write waits with it, so nobody observes what may
//! still be lost.

use std::collections::VecDeque;

use crate::bytes::Slice;
use crate::ids::{ConnId, LogIndex, Position};
use crate::time::UnixMillis;

/// When a batch may run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gate {
    /// At once.
    Open,
    /// When everything before this position is on the platter.
    Synced(Position),
}

/// Which bytes a run is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// The payload of the entry.
    Entry,
    /// Bytes that are not logged.
    Aside,
}

/// Consecutive commands of one connection from one source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Whose.
    pub conn: ConnId,
    /// Where they stand.
    pub source: Source,
    /// How many.
    pub commands: u32,
}

/// The commands accepted between two seals.
#[derive(Debug)]
pub(super) struct Batch {
    /// When they may run.
    pub gate: Gate,
    /// The time they run at.
    pub time: UnixMillis,
    /// The entry that holds the writes: its index, and its payload as it went to the log.
    pub entry: Option<(LogIndex, Slice)>,
    /// The reads.
    pub aside: Vec<u8>,
    /// Who asked, in order.
    pub runs: Vec<Run>,
}

/// All batches that wait, and the one being filled.
#[derive(Debug, Default)]
pub(super) struct Lane {
    batches: VecDeque<Batch>,
    aside: Vec<u8>,
    runs: Vec<Run>,
    waiting_bytes: u64,
}

impl Lane {
    /// Whether nothing waits: a command may run in place without overtaking anything.
    pub fn is_idle(&self) -> bool {
        self.batches.is_empty() && self.runs.is_empty()
    }

    /// Whether the batch being filled holds anything.
    pub fn is_filling(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Bytes of all commands that wait.
    pub fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    /// A write of this connection was added to the open entry.
    pub fn push_write(&mut self, conn: ConnId, bytes: usize) {
        self.waiting_bytes += bytes as u64;
        self.push(conn, Source::Entry);
    }

    /// Keeps a read of this connection.
    pub fn push_read(&mut self, conn: ConnId, unit: &[u8]) {
        self.waiting_bytes += unit.len() as u64;
        self.aside.extend_from_slice(unit);
        self.push(conn, Source::Aside);
    }

    fn push(&mut self, conn: ConnId, source: Source) {
        match self.runs.last_mut() {
            Some(run) if run.conn == conn && run.source == source => run.commands += 1,
            _ => self.runs.push(Run { conn, source, commands: 1 }),
        }
    }

    /// Closes the batch being filled.
    pub fn seal(&mut self, gate: Gate, time: UnixMillis, entry: Option<(LogIndex, Slice)>) {
        let aside = core::mem::take(&mut self.aside);
        let runs = core::mem::take(&mut self.runs);
        self.batches.push_back(Batch { gate, time, entry, aside, runs });
    }

    /// No gate is closed any more: the log that they waited for has ended.
    pub fn open_all(&mut self) {
        for batch in &mut self.batches {
            batch.gate = Gate::Open;
        }
    }

    /// Whether the gate of the first batch is open, with everything before `synced` on the platter.
    pub fn is_ready(&self, synced: Position) -> bool {
        match self.batches.front().map(|batch| batch.gate) {
            None => false,
            Some(Gate::Open) => true,
            Some(Gate::Synced(position)) => position <= synced,
        }
    }

    /// Takes the first batch if its gate is open, with everything before `synced` on the platter.
    pub fn take_ready(&mut self, synced: Position) -> Option<Batch> {
        if !self.is_ready(synced) {
            return None;
        }
        let batch = self.batches.pop_front()?;
        let entry_bytes = batch.entry.as_ref().map_or(0, |(_, payload)| payload.len());
        let bytes = (entry_bytes + batch.aside.len()) as u64;
        // An entry also holds what the node adds itself (database changes, expiry).
        self.waiting_bytes = if self.is_idle() { 0 } else { self.waiting_bytes.saturating_sub(bytes) };
        Some(batch)
    }
}
