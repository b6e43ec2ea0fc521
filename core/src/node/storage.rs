//! The log on its way to the disk: sealing, syncing, reserving space, changing segments, and what it means
//! when any of that fails.

use super::Node;
use super::lane::Gate;
use crate::bytes::Slice;
use crate::command::Conditions;
use crate::config::AppendFsync;
use crate::ids::Ticket;
use crate::log::record::EntryKind;
use crate::log::writer::Limits;
use crate::mark::plant;
use crate::{Action, Config, DiskFault, Halt, Level, Mono, When};

/// What the node knows of its disk beyond what the writer knows.
#[derive(Debug)]
pub(super) struct Storage {
    /// Commands run in place, and their replies leave with this turn.
    gate_open: bool,
    /// When the last sync by the clock was issued.
    last_sync: Mono,
    /// Since when there are bytes that no sync under way covers.
    unsynced_since: Option<Mono>,
    /// Since when there were bytes that a sync under way covers.
    syncing_since: Option<Mono>,
    /// Syncs under way, with what to count when they are done.
    syncs: u32,
    /// Requests for space that were not answered; a segment may be left before its last one is.
    reserves: Vec<Ticket>,
    /// Log bytes were handed out in this turn.
    appended: bool,
    /// The number that the next file gets.
    pub(super) next_file: u64,
    /// How often replies had to wait for a late disk.
    pub(super) delayed_syncs: u64,
}

impl Storage {
    pub(super) fn new(now: Mono) -> Self {
        Self {
            gate_open: false,
            last_sync: now,
            unsynced_since: None,
            syncing_since: None,
            syncs: 0,
            reserves: Vec::new(),
            appended: false,
            next_file: 1,
            delayed_syncs: 0,
        }
    }

    /// Syncs under way.
    pub(super) fn syncs_pending(&self) -> u64 {
        u64::from(self.syncs)
    }
}

impl Node {
    /// The writer's sizes.
    pub(super) fn log_limits(config: &Config) -> Limits {
        let segment_bytes = config.knobs.segment_bytes;
        Limits { segment_bytes, reserve_bytes: segment_bytes }
    }

    /// Whether a write may run before it is on the platter.
    pub(super) fn gate_is_open(&self) -> bool {
        self.storage.gate_open
    }

    /// Decides it anew: at the start of a turn, or when a setting changed.
    pub(super) fn refresh_gate(&mut self) {
        let logging = self.writer.file().is_some();
        self.storage.gate_open = match self.config.appendfsync {
            _ if !logging => true,
            AppendFsync::No => true,
            AppendFsync::Always => plant!("ST6", false, true),
            AppendFsync::EverySecond => {
                let oldest = self.storage.syncing_since.or(self.storage.unsynced_since);
                let late_us = u64::from(self.config.knobs.sync_late_ms) * 1000;
                let late = oldest.is_some_and(|oldest| self.now.mono.micros_since(oldest) > late_us);
                if late && self.storage.gate_open {
                    self.storage.delayed_syncs += 1;
                }
                plant!("EV1", !late, true)
            }
        };
    }

    /// Closes the open entry, if there is anything in it, and the open batch with it.
    pub(super) fn seal(&mut self) {
        let filling = self.lane.is_filling();
        if self.writer.open_bytes() == 0 {
            if filling {
                // Reads only: they wait for what is before them, and that is already in the lane.
                self.lane.seal(Gate::Open, self.writer.time(), None);
            }
            return;
        }
        let kind = if self.open_units > 0 { EntryKind::Commands } else { EntryKind::Clock };
        let time = self.writer.time();
        // Without a log there is no frame to read the payload from later.
        let unlogged = (filling && self.writer.file().is_none()).then(|| self.writer.open_from(0).to_vec());
        let commit = self.applied;
        let sealed = self.writer.seal(kind, commit);
        if !sealed.append.is_empty() {
            self.append_to_log(sealed.append);
        }
        self.open_units = 0;
        self.open_database = 0;
        // Entries run in place are applied when they are sealed; others when their batch runs. An entry that
        // only removes keys was run in place exactly if nothing waits.
        if self.gate_is_open() && !filling && self.lane.is_idle() {
            self.applied = sealed.id.index;
            return;
        }
        let payload = unlogged.map_or_else(|| Self::payload(&sealed.frame), Slice::from);
        let gate = if self.gate_is_open() { Gate::Open } else { Gate::Synced(self.writer.written()) };
        self.lane.seal(gate, time, Some((sealed.id.index, payload)));
    }

    /// Hands bytes of the log to the disk.
    pub(super) fn append_to_log(&mut self, bytes: Slice) {
        let Some(file) = self.writer.file() else { return };
        let ticket = self.ticket();
        let always = self.config.appendfsync == AppendFsync::Always;
        let when = if always { When::Synced } else { When::Now };
        self.stats.log_bytes += bytes.len() as u64;
        self.actions.push_back(Action::Append { ticket, file, bytes, when });
        self.storage.appended = true;
        if always {
            self.note_sync(ticket);
        } else {
            self.storage.unsynced_since.get_or_insert(self.now.mono);
        }
    }

    fn note_sync(&mut self, ticket: Ticket) {
        self.writer.sync_issued(ticket);
        self.storage.syncs += 1;
        self.storage.syncing_since = self.storage.syncing_since.or(self.storage.unsynced_since);
        self.storage.unsynced_since = None;
    }

    /// Asks that everything handed out so far be brought to the platter.
    pub(super) fn sync_log(&mut self) {
        let Some(file) = self.writer.file() else { return };
        let ticket = self.ticket();
        self.actions.push_back(Action::Sync { ticket, file });
        self.storage.last_sync = self.now.mono;
        self.note_sync(ticket);
    }

    /// No log: nothing is waited for.
    pub(super) fn forget_syncs(&mut self) {
        self.storage.syncs = 0;
        self.storage.syncing_since = None;
        self.storage.unsynced_since = None;
    }

    /// Whether everything in the log is on the platter.
    pub(super) fn log_is_synced(&self) -> bool {
        self.storage.syncs == 0 && self.storage.unsynced_since.is_none()
    }

    /// Whether a sync of the log is under way.
    pub(super) fn log_is_syncing(&self) -> bool {
        self.storage.syncs > 0
    }

    /// At the end of a turn: syncs that are due, space, the next segment, a proof when nothing else is written.
    pub(super) fn advance_storage(&mut self) {
        if self.writer.file().is_some() {
            let every_second = self.config.appendfsync == AppendFsync::EverySecond;
            let interval_us = u64::from(self.config.knobs.sync_interval_ms) * 1000;
            let due = self.now.mono.micros_since(self.storage.last_sync) >= interval_us;
            if every_second && due && self.storage.syncs == 0 && self.storage.unsynced_since.is_some() {
                self.sync_log();
            }
            if self.writer.segment_full() && !self.writer.preparing() && self.is_running() {
                self.prepare_segment();
            }
            if self.is_running() && self.writer.may_begin_segment() {
                self.begin_segment(self.base, self.awaits_base);
            }
            if !self.storage.appended
                && self.is_running()
                && let Some(proof) = self.writer.proof()
            {
                self.append_proof(proof);
            }
        }
        self.storage.appended = false;
        self.request_space();
    }

    /// A proof says what is synced; it need not be synced itself.
    pub(super) fn append_proof(&mut self, bytes: Slice) {
        let Some(file) = self.writer.file() else { return };
        let ticket = self.ticket();
        // Under `always` all appends go through the background, so that the file grows in order.
        let background = self.config.appendfsync == AppendFsync::Always;
        let when = if background { When::Later } else { When::Now };
        self.actions.push_back(Action::Append { ticket, file, bytes, when });
    }

    /// A new segment is to follow; space is asked for first.
    pub(super) fn prepare_segment(&mut self) {
        let number = self.next_file_number();
        self.writer.prepare_segment(number);
        self.request_space();
    }

    /// The next file's number; never used again.
    pub(super) fn next_file_number(&mut self) -> u64 {
        let number = self.storage.next_file;
        self.storage.next_file = number.checked_add(1).expect("file numbers do not run out");
        number
    }

    /// Goes on in the prepared segment.
    pub(super) fn begin_segment(&mut self, base: crate::ids::EntryId, awaits_base: bool) {
        if self.writer.sync_wanted_to_begin() {
            self.sync_log();
        }
        let head = self.writer.begin_segment(base, awaits_base);
        self.append_to_log(head);
        // The head must be on the platter before the segment after this one begins.
        if self.config.appendfsync != AppendFsync::Always {
            self.sync_log();
        }
        self.segment_began();
    }

    /// Asks for space ahead, if some is wanted.
    pub(super) fn request_space(&mut self) {
        let zeroed = self.config.appendfsync == AppendFsync::Always;
        while let Some(reserve) = self.writer.reserve_wanted(self.now.mono) {
            let ticket = self.ticket();
            let (file, length_bytes) = (reserve.file, reserve.length_bytes);
            self.actions.push_back(Action::Reserve { ticket, file, length_bytes, zeroed });
            self.writer.reserve_issued(ticket, reserve);
            self.storage.reserves.push(ticket);
        }
    }

    /// Space is there.
    pub(super) fn reserved(&mut self, ticket: Ticket) {
        self.storage.reserves.retain(|&asked| asked != ticket);
        if self.writer.reserve_done(ticket) {
            self.note_room();
        }
    }

    /// The log can grow: writes are accepted again if they were not.
    pub(super) fn note_room(&mut self) {
        if self.conditions.meets(Conditions::DISK_FULL) && !self.writer.space_refused() {
            self.conditions.set(Conditions::DISK_FULL, false);
            self.say(Level::Notice, "The log has room again: writes are accepted.");
        }
    }

    /// Something is on the platter.
    pub(super) fn synced(&mut self, ticket: Ticket) {
        if self.checkpoint_synced(ticket) {
            return;
        }
        if self.writer.file().is_none() {
            // A sync of a log that has ended.
            return;
        }
        self.writer.sync_done(ticket);
        self.storage.syncs = self.storage.syncs.saturating_sub(1);
        if self.storage.syncs == 0 {
            self.storage.syncing_since = None;
        }
        self.refresh_gate();
    }

    /// Runs every batch whose gate is open.
    pub(super) fn run_lane(&mut self) {
        while let Some(batch) = self.lane.take_ready(self.writer.synced().position) {
            self.run_batch(&batch);
        }
    }

    /// A disk action failed.
    pub(super) fn failed(&mut self, ticket: Ticket, fault: DiskFault) {
        if let Some(at) = self.storage.reserves.iter().position(|&asked| asked == ticket) {
            self.storage.reserves.swap_remove(at);
            // The log may have gone on in another segment meanwhile; then nobody needs that space.
            if self.writer.reserve_failed(ticket, self.now.mono) {
                self.space_refused(fault);
            }
            return;
        }
        if self.checkpoint_failed(ticket, fault) {
            return;
        }
        if plant!("ST1", false, true) {
            return self.synced(ticket);
        }
        // Nothing that depends on it may be told any more (Rebello et al., "Can Applications Recover from fsync
        // Failures?", 2020: what a failed sync covered is lost, whatever a second one says).
        self.halt(Halt::DiskFailed(format!(
            "The log could not be written or synced ({}). Nothing is acknowledged any more. What was acknowledged \
             before is in the log; check the disk, then start again.",
            describe(fault)
        )));
    }

    /// The log cannot grow for now.
    fn space_refused(&mut self, fault: DiskFault) {
        if self.conditions.meets(Conditions::DISK_FULL) {
            return;
        }
        self.conditions.set(Conditions::DISK_FULL, true);
        self.say(
            Level::Warning,
            format!(
                "The log cannot get more room ({}). Writes are refused before they run, reads go on; it is tried \
                 again every second.",
                describe(fault)
            ),
        );
    }

    /// When the disk needs something without an event.
    pub(super) fn storage_deadline(&self) -> Option<Mono> {
        let sync = (self.config.appendfsync == AppendFsync::EverySecond
            && self.storage.unsynced_since.is_some())
        .then(|| self.storage.last_sync.after_ms(u64::from(self.config.knobs.sync_interval_ms)));
        let sync = sync.filter(|_| self.storage.syncs == 0);
        [sync, self.writer.retry_at()].into_iter().flatten().min()
    }
}

/// A fault in words.
pub(super) fn describe(fault: DiskFault) -> String {
    match fault {
        DiskFault::Full => "no space left on the disk".into(),
        DiskFault::Io(code) => format!("system error {code}"),
    }
}
