//! A little node for tests: a log whose entries carry one number each, a disk that remembers what was not
//! synced, and the protocol of starts, segment changes and checkpoints.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;

use lockstep_core::ids::{EntryId, File, GroupId, LogIndex, NodeId, Ticket};
use lockstep_core::log::image::Image;
use lockstep_core::log::parts::PartsWriter;
use lockstep_core::log::record::{EntryKind, Head, SnapshotHead, State};
use lockstep_core::log::recovery::{Damaged, Recovered, Step};
use lockstep_core::log::writer::{Limits, Writer};
use lockstep_core::{Mono, UnixMillis};

/// What the disk is asked to do.
#[derive(Clone, Debug)]
pub enum Op {
    /// Bytes at a place of a file.
    Write(File, u64, Vec<u8>),
    /// Zeros up to a length.
    Reserve(File, u64),
    /// The file and its name to the platter.
    Sync(File),
    /// A file is to go.
    Remove(File),
    /// The directory to the platter.
    SyncDirectory,
}

/// A platter, and what has not reached it.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    platter: Image,
    pending: Vec<Op>,
}

impl From<Image> for Disk {
    fn from(platter: Image) -> Self {
        Self { platter, pending: Vec::new() }
    }
}

fn apply(image: &mut Image, op: &Op) {
    match op {
        Op::Write(file, offset, bytes) => {
            let contents = image.files.entry(*file).or_default();
            let (start, end) = (*offset as usize, *offset as usize + bytes.len());
            contents.resize(contents.len().max(end), 0);
            contents[start..end].copy_from_slice(bytes);
        }
        Op::Reserve(file, length) => {
            let contents = image.files.entry(*file).or_default();
            contents.resize(contents.len().max(*length as usize), 0);
        }
        Op::Remove(file) => {
            image.files.remove(file);
        }
        Op::Sync(_) | Op::SyncDirectory => {}
    }
}

fn same_sector(left: &Op, right: &Op) -> bool {
    match (left, right) {
        (Op::Write(left, at, _), Op::Write(right, other, _)) => left == right && at / 512 == other / 512,
        _ => false,
    }
}

impl Disk {
    pub fn perform(&mut self, op: &Op) {
        let done = |pending: &Op| match (op, pending) {
            (Op::Sync(file), Op::Write(other, ..) | Op::Reserve(other, _)) => file == other,
            (Op::SyncDirectory, Op::Remove(_)) => true,
            _ => false,
        };
        match op {
            // Sectors reach the platter one by one.
            Op::Write(file, offset, bytes) => {
                let mut at = 0;
                while at < bytes.len() {
                    let begin = *offset as usize + at;
                    let count = (512 - begin % 512).min(bytes.len() - at);
                    self.pending.push(Op::Write(*file, begin as u64, bytes[at..at + count].to_vec()));
                    at += count;
                }
            }
            Op::Reserve(..) | Op::Remove(_) => self.pending.push(op.clone()),
            Op::Sync(_) | Op::SyncDirectory => {
                let (now, later): (Vec<Op>, Vec<Op>) = self.pending.drain(..).partition(done);
                now.iter().for_each(|op| apply(&mut self.platter, op));
                self.pending = later;
            }
        }
    }

    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// What a restart of the process sees.
    pub fn cache(&self) -> Image {
        self.crash(u64::MAX)
    }

    /// What a restart of the machine sees, if those pending operations took effect whose bits are set. A sector
    /// is written as it stands in the cache, so one write to it brings all earlier ones to it along.
    pub fn crash(&self, mask: u64) -> Image {
        let mut image = self.platter.clone();
        let chosen = |bit: usize| mask >> (bit % 64) & 1 == 1;
        for (bit, op) in self.pending.iter().enumerate() {
            let brought = || {
                let mut later = self.pending.iter().enumerate().skip(bit + 1);
                later.any(|(other, later)| chosen(other) && same_sector(op, later))
            };
            if chosen(bit) || brought() {
                apply(&mut image, op);
            }
        }
        image
    }
}

pub enum Outcome {
    Open(Box<Store>),
    Damaged(Damaged),
}

/// A node that holds a list of numbers.
pub struct Store {
    /// The numbers, as its log says.
    pub state: Vec<u64>,
    /// The directory was empty.
    pub founded: bool,
    /// What it started from, and everything it did since.
    pub first: Image,
    pub history: Vec<Op>,
    pub disk: Disk,
    writer: Writer,
    next_number: u64,
    next_ticket: u64,
    /// By length of the history: how many numbers were proven, and written.
    durable: BTreeMap<usize, usize>,
    written: BTreeMap<usize, usize>,
    snapshots: Vec<u64>,
    segments: Vec<u64>,
}

impl Store {
    /// A new node whose segments are to be this long, in bytes, for reservations.
    pub fn founded(reserve_bytes: u64) -> Self {
        match Self::open(Image::default(), reserve_bytes) {
            Outcome::Open(store) => *store,
            Outcome::Damaged(damaged) => panic!("{damaged}"),
        }
    }

    /// Starts from what is there.
    pub fn open(image: Image, reserve_bytes: u64) -> Outcome {
        let mut state = Vec::new();
        let mut recovered = None;
        let mut carried = Vec::new();
        let mut empty = None;
        let mut failure = None;
        image.recover(|step| match step {
            Step::SnapshotHead(_) | Step::Discard => state.clear(),
            Step::Part(bytes) => state.extend(
                bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight"))),
            ),
            Step::Entry { entry, payload, .. } => {
                state.push(u64::from_le_bytes(payload[..8].try_into().expect("eight")));
                assert_eq!(entry.id.index.0, state.len() as u64);
            }
            Step::Recovered(found) => recovered = Some(*found),
            Step::Carry { entry, frame } => carried.push((entry, frame.to_vec())),
            Step::Empty(found) => empty = Some(*found),
            Step::Damaged(damaged) => failure = Some(damaged),
            Step::SnapshotEnd(end) => assert_eq!(end.keys, state.len() as u64),
            Step::Finished => {}
            Step::Cut(_) | Step::CarryCut(_) => panic!("nobody cut anything"),
        });
        if let Some(failure) = failure {
            return Outcome::Damaged(failure);
        }
        let (head, remove, segments, snapshot) = match (recovered, empty) {
            (Some(Recovered { head, remove, segments, snapshot, .. }), None) => {
                (head, remove, segments, snapshot)
            }
            (None, Some(empty)) => {
                let head = Head::founding(GroupId([9; 16]), NodeId(1), 77, empty.next_number);
                (head, empty.remove, Vec::new(), None)
            }
            other => panic!("one of both: {other:?}"),
        };
        let limits = Limits { segment_bytes: 4 * reserve_bytes, reserve_bytes };
        let mut store = Self {
            founded: head.last == EntryId::default() && !head.carries,
            first: image.clone(),
            history: Vec::new(),
            disk: Disk::from(image),
            writer: Writer::new(limits, &head, UnixMillis(0)),
            next_number: head.number,
            next_ticket: 1,
            durable: BTreeMap::new(),
            written: BTreeMap::from([(0, state.len())]),
            snapshots: snapshot.iter().map(|(number, _)| *number).collect(),
            segments: segments.iter().map(|(number, _)| *number).collect(),
            state,
        };
        store.begin_segment(head.base);
        for (entry, frame) in carried {
            if let Some(before) = store.writer.adopt(&entry, frame.len() as u64) {
                store.append(&before);
            }
            store.append(&frame);
        }
        if store.writer.carrying() {
            let done = store.writer.finish_carrying();
            store.append(&done);
        }
        assert_eq!(store.writer.last().index.0, store.state.len() as u64, "everything is in the log again");
        if store.founded {
            let state = store.writer.set_state(State { term: lockstep_core::ids::Term(1), vote: None });
            store.append(&state);
        }
        store.sync();
        store.remove(remove);
        Outcome::Open(Box::new(store))
    }

    /// Adds a number, in an entry of this much more payload.
    pub fn write(&mut self, number: u64, payload_bytes: usize) {
        self.writer.open().extend_from_slice(&number.to_le_bytes());
        self.writer.open().extend(std::iter::repeat_n(b'.', payload_bytes));
        if !self.writer.fits(0) {
            self.writer.demand(0);
            self.reserve();
        }
        let sealed = self.writer.seal(EntryKind::Commands, LogIndex(0));
        self.state.push(number);
        self.written.insert(self.history.len() + 1, self.state.len());
        self.append(&sealed.append);
    }

    pub fn sync(&mut self) {
        let ticket = self.ticket();
        self.writer.sync_issued(ticket);
        let file = self.writer.file().expect("a segment");
        self.perform(Op::Sync(file));
        self.writer.sync_done(ticket);
        self.durable.insert(self.history.len(), self.state.len());
    }

    /// Appends a proof, if one is due.
    pub fn prove(&mut self) {
        if let Some(proof) = self.writer.proof() {
            self.append(&proof);
        }
    }

    /// Changes the segment while the sync of the old one is still to come.
    pub fn change_segment(&mut self) {
        let old = self.writer.file().expect("a segment");
        self.begin_segment(self.writer.base());
        // In the order of issue, though later than the first bytes of the new segment.
        self.perform(Op::Sync(old));
        self.writer.sync_done(Ticket(self.next_ticket - 1));
        self.prove();
    }

    fn begin_segment(&mut self, base: EntryId) {
        let number = self.number();
        self.writer.prepare_segment(number);
        self.reserve();
        if self.writer.file().is_some() && !self.writer.may_begin_segment() {
            self.sync();
        }
        if self.writer.sync_wanted_to_begin() {
            let ticket = self.ticket();
            self.writer.sync_issued(ticket);
        }
        let head = self.writer.begin_segment(base, false);
        self.segments.push(number);
        self.append(&head);
    }

    /// A new segment, and a snapshot of what stands before it, without its end.
    pub fn begin_checkpoint(&mut self) -> (PartsWriter, File, EntryId) {
        self.change_segment();
        let number = self.number();
        let covered = self.writer.last();
        let (mut parts, head) = PartsWriter::new(SnapshotHead {
            group: GroupId([9; 16]),
            incarnation: 77,
            number,
            covered,
            time: UnixMillis(0),
            keys: self.state.len() as u64,
        });
        let file = File::Snapshot(number);
        self.perform(Op::Write(file, 0, head.to_vec()));
        for numbers in self.state.clone().chunks(2) {
            let mut buffer = PartsWriter::buffer();
            numbers.iter().for_each(|number| buffer.extend_from_slice(&number.to_le_bytes()));
            let offset = parts.length_bytes();
            let part = parts.part(buffer);
            self.perform(Op::Write(file, offset, part.to_vec()));
        }
        (parts, file, covered)
    }

    /// The end of the snapshot, its sync, and the removal of what it covers.
    pub fn finish_checkpoint(&mut self, (parts, file, covered): (PartsWriter, File, EntryId)) {
        let offset = parts.length_bytes();
        let end = parts.end(covered.index.0);
        self.perform(Op::Write(file, offset, end.to_vec()));
        self.perform(Op::Sync(file));
        // The segment that goes on behind the snapshot must be there before those before it go.
        self.sync();
        let newest = self.segments.pop().expect("the current one");
        let mut old: Vec<File> = self.segments.drain(..).map(File::Segment).collect();
        old.extend(self.snapshots.drain(..).map(File::Snapshot));
        self.segments.push(newest);
        self.snapshots.push(file.number());
        self.remove(old);
    }

    /// How many numbers were proven when the history had this length.
    pub fn durable_at(&self, step: usize) -> usize {
        self.durable.range(..=step).next_back().map_or(0, |(_, &count)| count)
    }

    /// What was written when the history had this length.
    pub fn written_at(&self, step: usize) -> Vec<u64> {
        let count = self.written.range(..=step).next_back().map_or(0, |(_, &count)| count);
        self.state[..count].to_vec()
    }

    fn remove(&mut self, files: Vec<File>) {
        files.into_iter().for_each(|file| self.perform(Op::Remove(file)));
        self.perform(Op::SyncDirectory);
    }

    fn reserve(&mut self) {
        while let Some(reserve) = self.writer.reserve_wanted(Mono(0)) {
            let ticket = self.ticket();
            self.writer.reserve_issued(ticket, reserve);
            self.perform(Op::Reserve(reserve.file, reserve.length_bytes));
            assert!(self.writer.reserve_done(ticket));
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        let file = self.writer.file().expect("a segment");
        let end = self.writer.segment_bytes();
        // Handed out in order, so what was handed out before ends where this begins.
        let offset = self.end_of(file);
        assert!(offset + bytes.len() as u64 <= end, "positions agree with the file");
        self.perform(Op::Write(file, offset, bytes.to_vec()));
    }

    fn end_of(&self, file: File) -> u64 {
        let ends = self.history.iter().filter_map(|op| match op {
            Op::Write(other, offset, bytes) if *other == file => Some(offset + bytes.len() as u64),
            _ => None,
        });
        ends.max().unwrap_or(0)
    }

    fn perform(&mut self, op: Op) {
        self.disk.perform(&op);
        self.history.push(op);
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket - 1)
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }
}
