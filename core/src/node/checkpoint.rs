//! Checkpoints: the keyspace as it is at one entry, written to a file while commands go on, and then the
//! removal of what it replaces. `BGREWRITEAOF` and `BGSAVE` both mean this; there is no fork.
//!
//! ```text
//!  idle ─▶ a new segment begins ─▶ saving, step by step ─▶ end record ─▶ synced ─▶ old files go ─▶ idle
//! ```
//!
//! The new segment comes first, so that the old ones hold only entries that the checkpoint covers and can be
//! removed whole, oldest first, once it is on the platter.

use std::collections::VecDeque;

use super::Node;
use super::storage::describe;
use crate::ids::{ConnId, EntryId, File, Ticket};
use crate::log::parts::PartsWriter;
use crate::log::record::SnapshotHead;
use crate::mark::plant;
use crate::resp::{Reply, ReplyError};
use crate::time::UnixMillis;
use crate::{Action, DiskFault, Level, Mono, Now, When};

/// How checkpoints stand.
#[derive(Debug)]
pub(super) struct Checkpoint {
    stage: Stage,
    /// Asked for again while one was under way.
    again: bool,
    /// Old values held back pass their bound: writes wait.
    behind: bool,
    /// Clients that asked with `SAVE` and wait for the end.
    waiting: Vec<ConnId>,
    /// When the last good one ended.
    pub(super) last_save: UnixMillis,
    /// When the last one began, good or not.
    last_try: Mono,
    /// Whether the last one was good.
    pub(super) last_ok: bool,
    /// Good ones since the start.
    pub(super) saves: u64,
    /// Failed ones since the last good one.
    pub(super) failures: u64,
    /// Length of the newest checkpoint's file, in bytes.
    pub(super) file_bytes: u64,
    /// The newest checkpoint's file.
    pub(super) file: Option<File>,
    /// Files that it replaced and that were not removed yet.
    replaced: Vec<File>,
    /// There may be files to remove.
    removal_due: bool,
    /// Bytes handed to the log when the newest checkpoint was made.
    log_bytes_then: u64,
    /// The largest amount of memory held for a checkpoint so far, in bytes.
    pub(super) extra_bytes_peak: u64,
    /// How long the last one took, in microseconds.
    pub(super) last_took_us: u64,
    /// Removals under way.
    removals: Vec<Ticket>,
    /// What a start found to be replaced, and the sync of the checkpoint that replaces it.
    leftovers: Option<(Ticket, Vec<File>)>,
    /// Appends of a checkpoint that was given up, whose completions mean nothing.
    abandoned: Vec<Ticket>,
}

#[derive(Debug)]
enum Stage {
    Idle,
    /// Waits for a new segment to begin.
    Segment,
    /// Waits for what was logged before it to have run.
    Settling,
    Saving(Box<Saving>),
}

/// A checkpoint being written.
#[derive(Debug)]
struct Saving {
    file: File,
    parts: PartsWriter,
    covered: EntryId,
    /// Appends on their way to the platter, with their lengths.
    under_way: VecDeque<(Ticket, u64)>,
    under_way_bytes: u64,
    /// Set when the last record was handed out.
    ended: bool,
    began: Mono,
    changes: u64,
    log_bytes: u64,
}

impl Checkpoint {
    pub(super) fn new(now: Now) -> Self {
        Self {
            stage: Stage::Idle,
            again: false,
            behind: false,
            waiting: Vec::new(),
            last_save: now.wall(),
            last_try: now.mono,
            last_ok: true,
            saves: 0,
            failures: 0,
            file_bytes: 0,
            file: None,
            replaced: Vec::new(),
            removal_due: false,
            log_bytes_then: 0,
            extra_bytes_peak: 0,
            last_took_us: 0,
            removals: Vec::new(),
            leftovers: None,
            abandoned: Vec::new(),
        }
    }

    /// Whether writes wait for it to catch up.
    pub(super) fn is_behind(&self) -> bool {
        self.behind
    }

    /// Whether one is under way.
    pub(super) fn is_running(&self) -> bool {
        !matches!(self.stage, Stage::Idle)
    }

    /// Whether another begins when the one under way has ended.
    pub(super) fn is_scheduled(&self) -> bool {
        self.again
    }

    /// Since when the one under way is running.
    pub(super) fn began(&self) -> Option<Mono> {
        match &self.stage {
            Stage::Saving(saving) => Some(saving.began),
            _ => None,
        }
    }
}

impl Node {
    /// Begins a checkpoint; `false` when one is under way.
    pub(super) fn begin_checkpoint(&mut self) -> bool {
        if self.checkpoint.is_running() {
            return false;
        }
        self.checkpoint.last_try = self.now.mono;
        if self.writer.file().is_some() {
            if !self.writer.preparing() {
                self.prepare_segment();
            }
            self.checkpoint.stage = Stage::Segment;
        } else {
            self.checkpoint.stage = Stage::Settling;
        }
        true
    }

    /// Begins the checkpoint that a log is based on which was just turned on: it covers exactly what came before.
    pub(super) fn begin_checkpoint_here(&mut self) {
        self.checkpoint.last_try = self.now.mono;
        self.checkpoint.stage = Stage::Settling;
    }

    /// Begins a checkpoint as soon as none is under way.
    pub(super) fn schedule_checkpoint(&mut self) {
        if !self.begin_checkpoint() {
            self.checkpoint.again = true;
        }
    }

    /// This client is answered when the checkpoint under way, or the next, has ended.
    pub(super) fn await_checkpoint(&mut self, conn: ConnId) {
        self.checkpoint.waiting.push(conn);
    }

    /// A segment began; a checkpoint may have waited for it.
    pub(super) fn segment_began(&mut self) {
        // Its space was granted, whatever was refused to the one before.
        self.note_room();
        if let Some(File::Segment(number)) = self.writer.file() {
            self.segments.push((number, self.writer.last()));
        }
        if matches!(self.checkpoint.stage, Stage::Segment) {
            self.checkpoint.stage = Stage::Settling;
        }
    }

    /// Writes on, and begins when it is time.
    pub(super) fn advance_checkpoint(&mut self) {
        if !self.is_running() {
            return;
        }
        self.remove_replaced();
        if !self.checkpoint.is_running() && self.checkpoint_is_due() {
            self.begin_checkpoint();
        }
        if matches!(self.checkpoint.stage, Stage::Settling) {
            self.settle_checkpoint();
        }
        let Stage::Saving(saving) = &self.checkpoint.stage else { return };
        let room = saving.under_way_bytes < u64::from(self.config.knobs.snapshot_window_bytes);
        if !saving.ended && room {
            self.save_on();
        }
        let extra = self.keyspace.save_progress().extra_bytes as u64;
        self.checkpoint.extra_bytes_peak = self.checkpoint.extra_bytes_peak.max(extra);
        self.checkpoint.behind = extra > self.config.knobs.snapshot_copies_bytes;
    }

    /// The state is that of an entry between turns, when everything that was logged before the new segment ran.
    fn settle_checkpoint(&mut self) {
        let boundary = self.segments.last().map_or(0, |(_, before)| before.index.0);
        if self.applied.0 < boundary {
            return;
        }
        let term = self.writer.state().term;
        let index = plant!("SN1", self.applied, self.applied.next());
        let covered = EntryId { term, index };
        let file = File::Snapshot(self.next_file_number());
        self.keyspace.save_begin();
        let head = SnapshotHead {
            group: self.group,
            incarnation: self.incarnation,
            number: file.number(),
            covered,
            time: self.writer.time(),
            keys: self.keyspace.save_progress().keys_total,
        };
        let (parts, bytes) = PartsWriter::new(head);
        let ticket = self.ticket();
        let length = bytes.len() as u64;
        self.actions.push_back(Action::Append { ticket, file, bytes, when: When::Synced });
        let changes = core::mem::take(&mut self.stats.changes_since_checkpoint);
        self.checkpoint.stage = Stage::Saving(Box::new(Saving {
            file,
            parts,
            covered,
            under_way: VecDeque::from([(ticket, length)]),
            under_way_bytes: length,
            ended: false,
            began: self.now.mono,
            changes,
            log_bytes: self.stats.log_bytes,
        }));
        self.say(
            Level::Notice,
            format!("Checkpoint begun: {} keys, as of entry {}.", head.keys, covered.index),
        );
    }

    /// One step of the save.
    fn save_on(&mut self) {
        let complete = self.keyspace.save_step(self.config.knobs.snapshot_step_bytes as usize);
        let contents = self.keyspace.save_take();
        let keys = self.keyspace.save_progress().keys_done;
        let ticket = (!contents.is_empty()).then(|| self.ticket());
        let end_ticket = complete.then(|| self.ticket());
        let Stage::Saving(saving) = &mut self.checkpoint.stage else { return };
        let file = saving.file;
        let mut append = |ticket: Ticket, bytes: crate::bytes::Slice| {
            let length = bytes.len() as u64;
            self.actions.push_back(Action::Append { ticket, file, bytes, when: When::Synced });
            saving.under_way.push_back((ticket, length));
            saving.under_way_bytes += length;
        };
        if let Some(ticket) = ticket {
            let mut buffer = PartsWriter::buffer();
            buffer.extend_from_slice(&contents);
            append(ticket, saving.parts.part(buffer));
        }
        if let Some(ticket) = end_ticket {
            append(ticket, saving.parts.clone().end(keys));
            saving.ended = true;
        }
    }

    /// A sync that may be the checkpoint's; whether it was.
    pub(super) fn checkpoint_synced(&mut self, ticket: Ticket) -> bool {
        if let Some(files) = self.take_leftovers(ticket) {
            files.into_iter().for_each(|file| self.remove_file(file));
            return true;
        }
        if let Some(at) = self.checkpoint.removals.iter().position(|&removal| removal == ticket) {
            self.checkpoint.removals.swap_remove(at);
            return true;
        }
        let abandoned = self.checkpoint_abandoned(ticket);
        let Stage::Saving(saving) = &mut self.checkpoint.stage else { return abandoned };
        let Some(at) = saving.under_way.iter().position(|&(known, _)| known == ticket) else {
            return abandoned;
        };
        for (_, length) in saving.under_way.drain(..=at) {
            saving.under_way_bytes -= length;
        }
        if saving.ended && plant!("SN4", saving.under_way.is_empty(), true) {
            self.finish_checkpoint();
        }
        true
    }

    /// The checkpoint is on the platter: what it replaces may go.
    fn finish_checkpoint(&mut self) {
        let Stage::Saving(saving) = core::mem::replace(&mut self.checkpoint.stage, Stage::Idle) else {
            return;
        };
        self.keyspace.save_abort();
        self.checkpoint.behind = false;
        self.checkpoint.last_ok = true;
        self.checkpoint.saves += 1;
        self.checkpoint.failures = 0;
        self.checkpoint.last_save = self.now.wall();
        self.checkpoint.last_took_us = self.now.mono.micros_since(saving.began);
        self.checkpoint.file_bytes = saving.parts.length_bytes();
        self.checkpoint.log_bytes_then = saving.log_bytes;
        self.refresh_conditions();
        let bytes = saving.parts.length_bytes();
        self.say(
            Level::Notice,
            format!("Checkpoint complete: {bytes} bytes, as of entry {}.", saving.covered.index),
        );
        self.base = saving.covered;
        if core::mem::take(&mut self.awaits_base) && !self.writer.preparing() {
            // From its next segment on, the log waits for nothing.
            self.prepare_segment();
        }
        let old = self.checkpoint.file.replace(saving.file);
        self.checkpoint.replaced.extend(old);
        self.checkpoint.removal_due = true;
        self.answer_waiting(Ok(()));
        if core::mem::take(&mut self.checkpoint.again) {
            self.begin_checkpoint();
        }
    }

    /// Removes what the newest checkpoint replaces, once the log's head that follows it is on the platter too.
    fn remove_replaced(&mut self) {
        if !self.checkpoint.removal_due || !self.writer.head_synced() || self.awaits_base {
            return;
        }
        self.checkpoint.removal_due = false;
        let covered = self.base.index;
        // Oldest first: segments whose successor begins no later than the checkpoint ends, then the old checkpoint.
        while let [(number, _), (_, next), ..] = self.segments[..] {
            if next.index > covered {
                break;
            }
            self.remove_file(File::Segment(number));
            self.segments.remove(0);
        }
        if self.writer.file().is_none() {
            // No log goes on from here, so what is left of an older one is replaced too.
            for (number, _) in core::mem::take(&mut self.segments) {
                self.remove_file(File::Segment(number));
            }
        }
        for old in core::mem::take(&mut self.checkpoint.replaced) {
            self.remove_file(old);
        }
    }

    /// Removes what a start found to be of no more use. The checkpoint that makes it so was read whole, but perhaps
    /// from the page cache only: it is brought to the platter first.
    pub(super) fn remove_leftovers(&mut self, remove: Vec<File>) {
        match self.checkpoint.file {
            Some(file) if plant!("SN5", !remove.is_empty(), false) => {
                let ticket = self.ticket();
                self.actions.push_back(Action::Sync { ticket, file });
                self.checkpoint.leftovers = Some((ticket, remove));
            }
            _ => remove.into_iter().for_each(|file| self.remove_file(file)),
        }
    }

    /// Takes the files that waited for this ticket, if it is theirs.
    fn take_leftovers(&mut self, ticket: Ticket) -> Option<Vec<File>> {
        self.checkpoint.leftovers.take_if(|(known, _)| *known == ticket).map(|(_, files)| files)
    }

    /// Removes a file that nothing depends on.
    pub(super) fn remove_file(&mut self, file: File) {
        let ticket = self.ticket();
        self.checkpoint.removals.push(ticket);
        self.actions.push_back(Action::Remove { ticket, file });
    }

    /// A disk fault that may be the checkpoint's; whether it was. The log is not concerned: the old files stay.
    pub(super) fn checkpoint_failed(&mut self, ticket: Ticket, fault: DiskFault) -> bool {
        if self.take_leftovers(ticket).is_some() {
            self.say(
                Level::Warning,
                format!(
                    "The checkpoint that was loaded could not be synced: {}. The files it replaces are kept.",
                    describe(fault)
                ),
            );
            return true;
        }
        if let Some(at) = self.checkpoint.removals.iter().position(|&removal| removal == ticket) {
            self.checkpoint.removals.swap_remove(at);
            self.say(Level::Warning, format!("An old file could not be removed: {}.", describe(fault)));
            return true;
        }
        let Stage::Saving(saving) = &self.checkpoint.stage else {
            // A later completion of a checkpoint that was given up already.
            return self.checkpoint_abandoned(ticket);
        };
        if !saving.under_way.iter().any(|&(known, _)| known == ticket) {
            return self.checkpoint_abandoned(ticket);
        }
        let Stage::Saving(saving) = core::mem::replace(&mut self.checkpoint.stage, Stage::Idle) else {
            return true;
        };
        self.keyspace.save_abort();
        self.checkpoint.behind = false;
        self.checkpoint.last_ok = false;
        self.checkpoint.failures += 1;
        self.stats.changes_since_checkpoint += saving.changes;
        self.refresh_conditions();
        self.checkpoint.abandoned.extend(saving.under_way.iter().map(|&(ticket, _)| ticket));
        self.say(
            Level::Warning,
            format!("The checkpoint failed: {}. The files it was to replace are kept.", describe(fault)),
        );
        self.remove_file(saving.file);
        self.answer_waiting(Err(ReplyError::new(format!("ERR the checkpoint failed: {}", describe(fault)))));
        true
    }

    /// Whether a ticket belongs to a checkpoint that was given up.
    fn checkpoint_abandoned(&mut self, ticket: Ticket) -> bool {
        let found = self.checkpoint.abandoned.iter().position(|&known| known == ticket);
        found.map(|at| self.checkpoint.abandoned.swap_remove(at)).is_some()
    }

    fn answer_waiting(&mut self, result: Result<(), ReplyError>) {
        for conn in core::mem::take(&mut self.checkpoint.waiting) {
            let Some(session) = self.sessions.get_mut(conn) else { continue };
            let mut reply = Reply::new(session.output.buffer(), session.client.protocol);
            match &result {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(error),
            }
            self.unblock(conn);
        }
    }

    /// Whether a trigger asks for a checkpoint: `save`, or the growth of the log.
    fn checkpoint_is_due(&self) -> bool {
        // After a failure, not at once again.
        const RETRY_US: u64 = 5_000_000;
        let since_try = self.now.mono.micros_since(self.checkpoint.last_try);
        if !self.checkpoint.last_ok && since_try < RETRY_US {
            return false;
        }
        let seconds = self.now.wall().0.saturating_sub(self.checkpoint.last_save.0) / 1000;
        let changes = self.stats.changes_since_checkpoint;
        let by_save =
            self.config.save.iter().any(|point| changes >= point.changes && seconds >= point.seconds);
        by_save || self.log_has_grown()
    }

    /// `auto-aof-rewrite-percentage` and `auto-aof-rewrite-min-size`, with the newest checkpoint as the base.
    fn log_has_grown(&self) -> bool {
        let percentage = u64::from(self.config.auto_aof_rewrite_percentage);
        if percentage == 0 || self.writer.file().is_none() {
            return false;
        }
        let size = self.log_size_bytes();
        let base = self.checkpoint.file_bytes.max(1);
        size >= self.config.auto_aof_rewrite_min_size_bytes
            && (size.saturating_sub(base)).saturating_mul(100) / base >= percentage
    }

    /// What a start would read: the newest checkpoint and the log behind it, in bytes.
    pub(super) fn log_size_bytes(&self) -> u64 {
        self.checkpoint.file_bytes + self.stats.log_bytes.saturating_sub(self.checkpoint.log_bytes_then)
    }

    /// When it wants to go on without an event.
    pub(super) fn checkpoint_deadline(&self) -> Option<Mono> {
        if !self.is_running() {
            return None;
        }
        match &self.checkpoint.stage {
            Stage::Saving(saving) => {
                let room = saving.under_way_bytes < u64::from(self.config.knobs.snapshot_window_bytes);
                (room && !saving.ended).then_some(self.now.mono)
            }
            Stage::Segment | Stage::Settling => None,
            Stage::Idle => {
                let wanted = self.stats.changes_since_checkpoint > 0 && !self.config.save.is_empty();
                wanted.then(|| self.now.mono.after_ms(1000))
            }
        }
    }
}
