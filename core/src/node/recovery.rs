//! From files to a running node. The same boundary as everything else: loads go out, bytes come in.
//!
//! ```text
//!  loading ─▶ (recovered | empty) ─▶ the first segment gets space ─▶ head and carried entries ─▶ synced ─▶ running
//! ```

use super::Node;
use crate::bytes::Slice;
use crate::command::Conditions;
use crate::config::AppendFsync;
use crate::data::Keyspace;
use crate::ids::{EntryId, File, FileInfo, GroupId, LogIndex, Ticket};
use crate::log::record::{Head, SnapshotHead};
use crate::log::recovery::{Progress, Recovered, Recovery, Step};
use crate::log::writer::Writer;
use crate::mark::plant;
use crate::{Action, Halt, Level};

/// A key takes at least this many bytes of a checkpoint: database, type, two lengths and, but for one, a name.
const RECORD_BYTES_MIN: u64 = 5;

/// How far the start has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// Files are being read.
    Loading(Box<Loading>),
    /// Everything is read; the segment that the log goes on in waits for space, and for its place on the platter.
    Founding(Box<Founding>),
    /// Clients are served.
    Running,
}

/// Files are being read.
#[derive(Debug)]
pub(super) struct Loading {
    recovery: Recovery,
    /// Loads under way, in order.
    wanted: Vec<Ticket>,
    /// The head of a log that has no files yet.
    founding: Head,
    /// The group whose keyspace is set up.
    group: Option<GroupId>,
    snapshot_index: LogIndex,
    keys: u64,
    entries: u64,
    percent_said: u64,
}

/// The first segment is being made.
#[derive(Debug)]
pub(super) struct Founding {
    recovery: Option<Recovery>,
    remove: Vec<File>,
    /// The segment began.
    began: bool,
    /// Everything was handed out that must be on the platter before clients are served.
    complete: bool,
}

impl Phase {
    /// The beginning.
    pub(super) fn starting(files: &[FileInfo], founding: Head) -> Self {
        Self::Loading(Box::new(Loading {
            recovery: Recovery::new(files),
            wanted: Vec::new(),
            founding,
            group: None,
            snapshot_index: LogIndex(0),
            keys: 0,
            entries: 0,
            percent_said: 0,
        }))
    }
}

impl Node {
    /// Whether clients are served.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// How far loading has come; `None` when it is done.
    pub(super) fn loading_progress(&self) -> Option<Progress> {
        match &self.phase {
            Phase::Loading(loading) => Some(loading.recovery.progress()),
            Phase::Founding(_) | Phase::Running => None,
        }
    }

    /// A part of a file arrived.
    pub(super) fn loaded(&mut self, ticket: Ticket, bytes: &[u8]) {
        let Phase::Loading(loading) = &mut self.phase else { return self.loaded_to_carry(ticket, bytes) };
        assert_eq!(loading.wanted.first(), Some(&ticket), "loads are answered in order");
        loading.wanted.remove(0);
        loading.recovery.feed(bytes);
        self.take_steps();
    }

    /// The bytes that are carried over come after the segment began.
    fn loaded_to_carry(&mut self, _: Ticket, bytes: &[u8]) {
        let Phase::Founding(founding) = &mut self.phase else { return };
        let Some(recovery) = &mut founding.recovery else { return };
        recovery.feed(bytes);
    }

    /// At the end of a turn: reads on, and goes on to serve when everything is in place.
    pub(super) fn advance_recovery(&mut self) {
        match &self.phase {
            Phase::Running => {}
            Phase::Loading(_) => {
                self.take_steps();
                self.ask_for_loads();
                self.say_progress();
            }
            Phase::Founding(_) => self.advance_founding(),
        }
    }

    fn ask_for_loads(&mut self) {
        loop {
            let (Phase::Loading(_) | Phase::Founding(_)) = &self.phase else { return };
            let recovery = match &mut self.phase {
                Phase::Loading(loading) => &mut loading.recovery,
                Phase::Founding(founding) => match &mut founding.recovery {
                    Some(recovery) => recovery,
                    None => return,
                },
                Phase::Running => return,
            };
            let Some(want) = recovery.want() else { return };
            let ticket = self.ticket();
            if let Phase::Loading(loading) = &mut self.phase {
                loading.wanted.push(ticket);
            }
            let (file, offset, length_bytes) = (want.file, want.offset, want.length_bytes);
            self.actions.push_back(Action::Load { ticket, file, offset, length_bytes });
        }
    }

    /// Takes everything that the bytes so far tell.
    fn take_steps(&mut self) {
        // The recovery lends what it shows, so it stands aside while the node works with it.
        let Phase::Loading(mut loading) = core::mem::replace(&mut self.phase, Phase::Running) else {
            unreachable!("steps are taken while loading");
        };
        let mut next = None;
        while !self.halted && next.is_none() {
            match loading.recovery.next() {
                None => break,
                Some(Step::SnapshotHead(head)) => {
                    loading.group = Some(head.group);
                    self.begin_snapshot(&head, loading.recovery.progress().total_bytes);
                }
                Some(Step::Part(bytes)) => match self.keyspace.load(bytes, self.hash_limits()) {
                    Ok(keys) => loading.keys += keys as u64,
                    Err(error) => {
                        let text = format!(
                            "A checkpoint cannot be loaded: {error}. Its checksums hold, so it was written by \
                             another version or by a bug. Keep the directory, and start an older version on a copy."
                        );
                        self.halt(Halt::Damaged(text));
                    }
                },
                Some(Step::SnapshotEnd(_)) => loading.snapshot_index = self.applied,
                Some(Step::Discard) => {
                    self.adopt_group(self.group);
                    loading.keys = 0;
                }
                Some(Step::Entry { entry, payload, .. }) => {
                    self.writer.tick(entry.time);
                    loading.entries += 1;
                    let replayed = if loading.group.is_some() {
                        if plant!("ST10", false, true) {
                            let _ = self.replay(entry.id.index, entry.time, payload);
                        }
                        // SM1: the wall clock instead of the entry's time.
                        let time = plant!("SM1", entry.time, self.now.wall());
                        self.replay(entry.id.index, time, payload)
                    } else {
                        // The very first entry: the keyspace has to be the group's before it runs.
                        let payload = payload.to_vec();
                        let group =
                            loading.recovery.group().expect("whose entries these are was read before them");
                        loading.group = Some(group);
                        self.adopt_group(group);
                        self.replay(entry.id.index, entry.time, &payload)
                    };
                    if let Err(unreadable) = replayed {
                        let index = entry.id.index;
                        let text = format!(
                            "Entry {index} of the log cannot be run: {unreadable}. Its checksum holds, so another \
                             version wrote it, or it was written under other settings. Nothing was changed."
                        );
                        self.halt(Halt::Unusable(text));
                    }
                }
                Some(Step::Cut(_)) => {}
                Some(Step::Recovered(recovered)) => next = Some(Ok(recovered)),
                Some(Step::Empty(empty)) => next = Some(Err(empty)),
                Some(Step::Damaged(damage)) => {
                    let text = format!(
                        "{damage}. This is no torn write at the end of the log: what is there was on the disk once. \
                         Nothing was changed. `lockstep check DIR` shows what can be read; restore a backup, or copy \
                         what can still be believed with `lockstep salvage DIR TARGET`. On a node of a group, remove \
                         the directory and join it anew instead."
                    );
                    self.halt(Halt::Damaged(text));
                }
                Some(Step::Carry { .. } | Step::CarryCut(_) | Step::Finished) => {
                    unreachable!("nothing is carried before the log was recovered")
                }
            }
        }
        match next {
            None => self.phase = Phase::Loading(loading),
            Some(Ok(recovered)) => self.recovered(*loading, *recovered),
            Some(Err(empty)) => {
                for note in &empty.notes {
                    self.say(Level::Notice, note.clone());
                }
                let head = loading.founding;
                self.adopt_group(head.group);
                self.writer = Writer::new(Self::log_limits(&self.config), &head, self.now.wall());
                self.storage.next_file = empty.next_number.max(1);
                // What is left of a log that never counted goes first: beside the new one it would be another group's.
                for file in empty.remove {
                    self.remove_file(file);
                }
                self.found(None, EntryId::default(), Vec::new());
            }
        }
    }

    fn hash_limits(&self) -> crate::data::HashLimits {
        crate::data::HashLimits {
            entries: self.config.hash_max_listpack_entries as usize,
            value_bytes: self.config.hash_max_listpack_value_bytes as usize,
        }
    }

    /// The group whose files these are decides the order of keys.
    fn adopt_group(&mut self, group: GroupId) {
        self.group = group;
        self.keyspace = Keyspace::new(self.config.databases as usize, group.hash_seed());
        self.applied = LogIndex(0);
    }

    fn begin_snapshot(&mut self, head: &SnapshotHead, total_bytes: u64) {
        self.adopt_group(head.group);
        // A checkpoint may claim any number of keys, but not have more than its files have room for.
        self.keyspace.expect_keys(head.keys.min(total_bytes / RECORD_BYTES_MIN));
        self.applied = head.covered.index;
        self.writer.tick(head.time);
        self.say(
            Level::Notice,
            format!("Loading a checkpoint of {} keys, as of entry {}.", head.keys, self.applied),
        );
    }

    /// Everything was read.
    fn recovered(&mut self, loading: Loading, recovered: Recovered) {
        self.keys_loaded =
            (0..self.keyspace.databases()).map(|database| self.keyspace.len(database) as u64).sum();
        let Loading { recovery, keys, entries, .. } = loading;
        for note in &recovered.notes {
            self.say(Level::Warning, note.clone());
        }
        self.group = recovered.head.group;
        self.incarnation = recovered.head.incarnation;
        self.applied = recovered.last.index;
        self.writer = Writer::new(Self::log_limits(&self.config), &recovered.head, recovered.time);
        self.writer.tick(self.now.wall());
        self.storage.next_file = recovered.head.number;
        self.segments = recovered.segments;
        let mut base = recovered.head.base;
        if let Some((number, covered)) = recovered.snapshot {
            self.checkpoint.file = Some(File::Snapshot(number));
            base = covered;
        }
        let took_ms = self.now.mono.micros_since(self.started.mono) / 1000;
        self.say(
            Level::Notice,
            format!(
                "Loaded {keys} keys from a checkpoint and {entries} entries from the log in {took_ms} ms."
            ),
        );
        self.found(Some(recovery), base, recovered.remove);
    }

    /// The log goes on in a segment of its own, or is not kept.
    fn found(&mut self, recovery: Option<Recovery>, base: EntryId, remove: Vec<File>) {
        self.base = base;
        if self.config.appendonly {
            self.prepare_segment();
            let founding = Founding { recovery, remove, began: false, complete: false };
            self.phase = Phase::Founding(Box::new(founding));
        } else {
            self.serve(remove);
        }
    }

    fn advance_founding(&mut self) {
        let Phase::Founding(founding) = &self.phase else { return };
        if !founding.began {
            if !self.writer.may_begin_segment() {
                return;
            }
            self.begin_segment(self.base, false);
            if let Phase::Founding(founding) = &mut self.phase {
                founding.began = true;
            }
        }
        self.carry();
        self.ask_for_loads();
        let synced = self.log_is_synced();
        let Phase::Founding(founding) = &mut self.phase else { return };
        if founding.complete && plant!("RC1", synced, true) {
            let remove = core::mem::take(&mut founding.remove);
            self.serve(remove);
        }
    }

    /// Appends anew what was not proven to be on the platter.
    fn carry(&mut self) {
        let Phase::Founding(founding) = &mut self.phase else { return };
        if founding.complete {
            return;
        }
        let Some(mut recovery) = founding.recovery.take() else {
            founding.complete = true;
            self.settle_founding();
            return;
        };
        let mut finished = false;
        while let Some(step) = recovery.next() {
            match step {
                Step::Carry { entry, frame } => {
                    let before = self.writer.adopt(&entry, frame.len() as u64);
                    if let Some(before) = before {
                        self.append_to_log(before);
                    }
                    self.append_to_log(Slice::from(frame.to_vec()));
                }
                Step::CarryCut(cut) => {
                    let bytes = self.writer.cut(cut.kept, cut.term);
                    self.append_to_log(bytes);
                }
                Step::Finished => {
                    finished = true;
                    break;
                }
                Step::Damaged(damage) => {
                    self.halt(Halt::Damaged(format!(
                        "{damage}. It could be read a moment ago: the disk is failing."
                    )));
                    return;
                }
                other => unreachable!("only what is carried comes now, not {other:?}"),
            }
        }
        let Phase::Founding(founding) = &mut self.phase else { return };
        if !finished {
            founding.recovery = Some(recovery);
            return;
        }
        founding.complete = true;
        if self.writer.carrying() {
            let bytes = self.writer.finish_carrying();
            self.append_to_log(bytes);
        }
        self.settle_founding();
    }

    /// What was handed out must be on the platter before anybody is served.
    fn settle_founding(&mut self) {
        if self.config.appendfsync != AppendFsync::Always {
            self.sync_log();
        }
    }

    /// From now on clients are served.
    fn serve(&mut self, remove: Vec<File>) {
        self.phase = Phase::Running;
        self.conditions.set(Conditions::LOADING, false);
        self.refresh_conditions();
        self.remove_leftovers(remove);
        self.refresh_gate();
        self.checkpoint.last_save = self.now.wall();
        // Log time begins here, whatever the clock did while nobody was looking.
        if self.writer.file().is_some() {
            self.log_expiry(0);
        }
        let what = super::shutdown::durability(&self.config);
        self.say(Level::Notice, what);
        self.say(Level::Notice, "Ready to accept connections");
    }

    fn say_progress(&mut self) {
        let Phase::Loading(loading) = &mut self.phase else { return };
        let progress = loading.recovery.progress();
        let percent = progress.read_bytes.saturating_mul(100) / progress.total_bytes.max(1);
        if progress.total_bytes > (64 << 20) && percent >= loading.percent_said + 10 {
            loading.percent_said = percent - percent % 10;
            let text = format!("Loading: {percent} % of {} MB.", progress.total_bytes >> 20);
            self.say(Level::Notice, text);
        }
    }
}
