//! From the files of a directory to what a node knew: which snapshot, which entries, and what is to be done
//! with what was not proven.
//!
//! [`Recovery`] is pulled:
//!
//! ```text
//! let mut recovery = Recovery::new(&files);
//! loop {
//!     while let Some(step) = recovery.next() { … }       // everything that the bytes so far tell
//!     while let Some(want) = recovery.want() { load }    // up to 4 may be under way
//!     recovery.feed(&loaded)                             // answers in the order of the wants
//! }                                                      // until recovery.finished()
//! ```
//!
//! What comes, in order:
//!
//! ```text
//!  ( SnapshotHead  Part*  [ SnapshotEnd | Discard … again ] )?       the state to start from
//!  ( Entry | Cut )*                                                  what is to be run on top of it
//!  Recovered                                                         begin a new segment with its head
//!  ( Carry | CarryCut )*                                             append these to it, then finish carrying
//!  Finished                                                          sync it, remove files, serve
//! ```
//!
//! or at any point `Damaged`, or at once `Empty`. A restart never writes to an old segment: it begins a new
//! one, which continues the old one *up to the last proven position* and carries over what follows. So nothing
//! is believed that only the page cache may hold, and a second crash finds either the old segment or the new
//! one whole.

mod choose;
mod finish;
mod follow;
mod replay;
mod survey;

use std::collections::VecDeque;

pub use super::source::Want;

use self::replay::Replay;
use self::survey::{Link, SegmentSeen, SnapshotSeen, Survey, Wholeness};
use super::codec::PLACE_MAX;
use super::parts::PartsCheck;
use super::record::{Cut, End, Entry, Head, Record, SnapshotHead};
use super::source::Source;
use crate::ids::{EntryId, File, FileInfo, GroupId, LogIndex, NodeId, Position};
use crate::time::UnixMillis;

/// One thing that the files tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// A snapshot begins.
    SnapshotHead(SnapshotHead),
    /// Contents of the snapshot.
    Part(&'a [u8]),
    /// The snapshot is whole.
    SnapshotEnd(End),
    /// The snapshot turned out not to be whole: everything since its head is to be forgotten. Another may follow.
    Discard,
    /// An entry behind the snapshot.
    Entry {
        /// Its head.
        entry: Entry,
        /// What is to be run.
        payload: &'a [u8],
        /// Its whole frame, as peers get it.
        frame: &'a [u8],
    },
    /// The entries behind `kept` never counted.
    Cut(Cut),
    /// That was all that counts. A segment is to begin with the head given.
    Recovered(Box<Recovered>),
    /// An entry to be appended to the new segment, as it is.
    Carry {
        /// Its head.
        entry: Entry,
        /// Its whole frame.
        frame: &'a [u8],
    },
    /// A cut to be appended to the new segment.
    CarryCut(Cut),
    /// Everything was carried over.
    Finished,
    /// The files cannot be believed.
    Damaged(Damaged),
    /// There is nothing, or nothing that ever counted.
    Empty(Box<Empty>),
}

/// What was recovered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// The head of the segment to begin: group, node, incarnation, number, start, state and how it continues
    /// the log. After [`Writer::new`](super::writer::Writer::new) with it and the segment's beginning, what is
    /// carried is appended.
    pub head: Head,
    /// Whose files these are; `None` when there was only a snapshot, and `head.node` is to be filled in.
    pub node: Option<NodeId>,
    /// The snapshot's number and the last entry it covers.
    pub snapshot: Option<(u64, EntryId)>,
    /// The last entry, of the log or of the snapshot.
    pub last: EntryId,
    /// The highest index that an entry says is committed, or the snapshot's.
    pub commit: LogIndex,
    /// The time of the last entry.
    pub time: UnixMillis,
    /// Segments that the new one continues, with the entry before each, oldest first.
    pub segments: Vec<(u64, EntryId)>,
    /// Files to be removed in this order, once the new segment is on the platter.
    pub remove: Vec<File>,
    /// What did not count, for the operator.
    pub notes: Vec<String>,
}

/// A directory without a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Empty {
    /// The first file number that is free.
    pub next_number: u64,
    /// Files that may be removed: they never counted.
    pub remove: Vec<File>,
    /// What they were, for the operator.
    pub notes: Vec<String>,
}

/// Why the files cannot be believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damaged {
    /// In which file.
    pub file: File,
    /// Where, in bytes from its beginning.
    pub offset: u64,
    /// What is wrong, for the operator.
    pub what: String,
}

impl core::fmt::Display for Damaged {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} at byte {}: {}", self.file.name(), self.offset, self.what)
    }
}

fn damaged(file: File, offset: u64, what: String) -> Damaged {
    Damaged { file, offset, what }
}

/// How far reading has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes read so far.
    pub read_bytes: u64,
    /// About how many there are to be read in all.
    pub total_bytes: u64,
}

/// What a snapshot is being read for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Glance {
    Head,
    Tail,
    /// Its end is not where it should be: why?
    Whole,
}

#[derive(Debug)]
enum Phase {
    /// Looking at snapshots, newest first; the first of the list is open.
    Snapshots(Glance),
    /// Looking at segments, newest first; the first of the list is open.
    Segments,
    /// Turning to the best snapshot left.
    Attempt,
    /// Loading the first candidate.
    Load,
    /// Replaying this link of the chain.
    Replay(usize),
    /// A bad place was found in an earlier link: does this one prove that it was whole once?
    Search {
        link: usize,
        hole: Hole,
    },
    /// Reading again what is to be carried over, from this link.
    Carry(usize),
    Finished,
}

/// A place in the chain where it stops to be believable.
#[derive(Clone, Copy, Debug)]
struct Hole {
    link: usize,
    offset: u64,
    position: Position,
}

/// What `run` came to.
enum Out {
    Step(Step<'static>),
    /// The reader's current record is to be shown.
    Found,
}

/// Reads a directory back. See the module's page.
#[derive(Debug)]
pub struct Recovery {
    phase: Phase,
    source: Source,
    survey: Survey,
    /// Numbers still to be looked at, in the phase under way.
    list: VecDeque<u64>,
    parts: PartsCheck,
    failure: Option<Damaged>,
    candidates: VecDeque<u64>,
    snapshot: Option<(u64, SnapshotHead)>,
    /// A snapshot that was finished and cannot be read, and that the log has to make up for.
    lost: Option<(EntryId, Damaged)>,
    chain: Vec<Link>,
    /// Why the chain does not go further back.
    broken: Option<Damaged>,
    replay: Option<Replay>,
    /// Where carrying begins in the first link that it concerns, in bytes.
    carry_from: u64,
    /// The last entry that the new segment holds or continues, while carrying.
    carry_last: EntryId,
    next_number: u64,
    total_bytes: u64,
}

impl Recovery {
    /// Begins with the list of files. Nothing is read yet.
    #[must_use]
    pub fn new(files: &[FileInfo]) -> Self {
        let mut survey = Survey::default();
        for info in files {
            let length_bytes = info.length_bytes;
            match info.file {
                File::Segment(number) => {
                    survey.segments.insert(number, SegmentSeen { length_bytes, head: None, ending: None });
                }
                File::Snapshot(number) => {
                    let wholeness = Wholeness::Unfinished;
                    survey.snapshots.insert(number, SnapshotSeen { length_bytes, head: None, wholeness });
                }
            }
        }
        let newest = files.iter().map(|info| info.file).max_by_key(|file| file.number());
        let failure = newest.filter(|file| file.number() > PLACE_MAX).map(|file| {
            // Nothing could follow a file with the highest number of all.
            damaged(file, 0, "the number in its name is one that no node gives".to_owned())
        });
        let list: VecDeque<u64> = survey.snapshots.keys().rev().copied().collect();
        let mut recovery = Self {
            phase: Phase::Snapshots(Glance::Head),
            source: Source::new(),
            survey,
            list,
            parts: PartsCheck::default(),
            failure,
            candidates: VecDeque::new(),
            snapshot: None,
            lost: None,
            chain: Vec::new(),
            broken: None,
            replay: None,
            carry_from: 0,
            carry_last: EntryId::default(),
            next_number: newest.map_or(1, |newest| newest.number().saturating_add(1)),
            total_bytes: files.iter().map(|info| info.length_bytes).sum(),
        };
        recovery.glance_at_snapshot();
        recovery
    }

    /// Whose files these are, once a head was read.
    #[must_use]
    pub fn group(&self) -> Option<GroupId> {
        self.survey.one_group().ok().flatten()
    }

    /// The next part of a file to be read; `None` when enough is under way, or recovery has finished.
    pub fn want(&mut self) -> Option<Want> {
        if self.finished() { None } else { self.source.want() }
    }

    /// The answer to the oldest want that has none. [`Recovery::next`] is to be called until `None` before the
    /// next.
    ///
    /// # Panics
    /// When nothing was wanted.
    pub fn feed(&mut self, bytes: &[u8]) {
        if let Err((file, offset)) = self.source.feed(bytes) {
            let what = "the file is shorter than its directory says".to_owned();
            self.failure = Some(damaged(file, offset, what));
        }
    }

    /// The next thing that the bytes so far tell; `None` when more are needed, or recovery has finished.
    #[allow(clippy::should_implement_trait, reason = "what it gives borrows from the recovery")]
    pub fn next(&mut self) -> Option<Step<'_>> {
        if self.finished() {
            return None;
        }
        let result = match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.run(),
        };
        let found = match result {
            Ok(None) => return None,
            Ok(Some(Out::Step(step))) => {
                if matches!(step, Step::Finished | Step::Empty(_)) {
                    self.phase = Phase::Finished;
                }
                return Some(step);
            }
            Ok(Some(Out::Found)) => self.source.reader.current(),
            Err(damaged) => {
                self.phase = Phase::Finished;
                return Some(Step::Damaged(damaged));
            }
        };
        match found.record {
            Record::Part { contents, .. } => Some(Step::Part(contents)),
            Record::Entry(entry, _) if matches!(self.phase, Phase::Carry(_)) => {
                Some(Step::Carry { entry, frame: found.frame })
            }
            Record::Entry(entry, payload) => Some(Step::Entry { entry, payload, frame: found.frame }),
            other => unreachable!("only parts and entries are shown where they lie: {other:?}"),
        }
    }

    /// Whether everything was told.
    #[must_use]
    pub fn finished(&self) -> bool {
        matches!(self.phase, Phase::Finished)
    }

    /// How far reading has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let read_bytes = self.source.read_bytes;
        Progress { read_bytes, total_bytes: self.total_bytes.max(read_bytes) }
    }
}
