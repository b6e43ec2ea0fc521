//! What a frame holds. Every record begins with one byte that says which kind it is; all numbers are
//! little-endian, all offsets are fixed, and bytes drawn as 0 must be 0.
//!
//! ```text
//! segment files                                      snapshot files
//!   Head    1   once, at the beginning                 SnapshotHead  6   once, at the beginning
//!   State   2   term and vote                          Part          7   contents, opaque here
//!   Entry   3   what is replicated                     End           8   once, at the end
//!   Synced  4   what is known to be on the platter
//!   Cut     5   entries that no longer count
//! ```

use super::frame;
use crate::ids::{EntryId, GroupId, LogIndex, NodeId, Position, Term};
use crate::time::UnixMillis;

/// The version of everything in this file; a file of another version is not read.
pub const FORMAT: u16 = 1;

/// Length of a [`Head`]'s body, in bytes.
pub const HEAD_BYTES: usize = 152;
/// Length of a [`State`] record's body, in bytes.
pub const STATE_BYTES: usize = 24;
/// Length of an [`Entry`]'s body before its payload, in bytes.
pub const ENTRY_BYTES: usize = 40;
/// Length of a [`Proof`]'s body, in bytes.
pub const SYNCED_BYTES: usize = 48;
/// Length of a [`Cut`]'s body, in bytes.
pub const CUT_BYTES: usize = 32;
/// Length of a [`SnapshotHead`]'s body, in bytes.
pub const SNAPSHOT_HEAD_BYTES: usize = 72;
/// Length of a part's body before its contents, in bytes.
pub const PART_BYTES: usize = 16;
/// Length of an [`End`]'s body, in bytes.
pub const END_BYTES: usize = 32;

/// How much of a body is enough to tell what its frame's marker must be, in bytes.
pub const PREVIEW_BYTES: usize = 64;

/// The term a node is in and whom it voted for in it (Raft paper, figure 2, persistent state).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// The latest term it has seen.
    pub term: Term,
    /// Who got its vote in that term.
    pub vote: Option<NodeId>,
}

/// What was known to be on the platter at some moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Synced {
    /// Everything before this position; always the end of a frame, or 0.
    pub position: Position,
    /// The last entry of the log at that position.
    pub last: EntryId,
}

/// How a segment continues the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Previous {
    /// The number of the segment before.
    pub number: u64,
    /// How many of its bytes count; what is behind them is not part of the log.
    pub valid_bytes: u64,
}

/// The first record of a segment.
///
/// ```text
///   0  1     2       4       8           24      32            40       48      56
///   ┌──┬─────┬───────┬───────┬───────────┬───────┬─────────────┬────────┬───────┐
///   │ 1│flags│format │ 0     │ group     │ node  │ incarnation │ number │ start │
///   └──┴─────┴───────┴───────┴───────────┴───────┴─────────────┴────────┴───────┘
///   56                64             72        80         88        96
///   ┌─────────────────┬──────────────┬─────────┬──────────┬─────────┬──────────┐
///   │ previous number │ … valid bytes│base term│base index│last term│last index│
///   └─────────────────┴──────────────┴─────────┴──────────┴─────────┴──────────┘
///   104               112          120           128    136    144          152
///   ┌─────────────────┬────────────┬─────────────┬──────┬──────┬────────────┐
///   │ synced position │ … last term│ … last index│ term │ vote │ 0          │
///   └─────────────────┴────────────┴─────────────┴──────┴──────┴────────────┘
///   flags: 1 there is a previous segment   2 a vote was given   4 carries   8 awaits its base
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Whose log this is; the first half is the log id.
    pub group: GroupId,
    /// Whose copy this is.
    pub node: NodeId,
    /// Which life of that node; local markers derive from it.
    pub incarnation: u64,
    /// The number in the file's name: a renamed or copied file is noticed.
    pub number: u64,
    /// The stream position of the segment's first byte. Positions are never used twice: after a restart
    /// they go on behind everything that may have been written.
    pub start: Position,
    /// The segment that this one continues.
    pub previous: Option<Previous>,
    /// The last entry of the snapshot that the log was based on when this was written.
    pub base: EntryId,
    /// The last entry before this segment: the segment's first entry has the next index.
    pub last: EntryId,
    /// What was on the platter when this was written.
    pub synced: Synced,
    /// Term and vote when this was written.
    pub state: State,
    /// The segment was begun by a start: it first carries over, entry by entry, what followed the last
    /// proven position of the segment before, and its first `Synced` record says that all of it is there.
    /// Until then it does not count.
    pub carries: bool,
    /// The segment was begun before its base snapshot was complete (the log was being switched on). Without
    /// that snapshot it does not count.
    pub awaits_base: bool,
}

/// What an entry's payload is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// Commands of clients.
    Commands = 1,
    /// Nothing but the time.
    Clock = 2,
    /// A configuration of the group.
    Members = 3,
}

/// The head of an entry; its payload follows in the frame.
///
/// ```text
///   0  1     2       8       16      24      32              40
///   ┌──┬─────┬───────┬───────┬───────┬───────┬───────────────┬─────────
///   │ 3│kind │ 0     │ term  │ index │ time  │ leader commit │ payload
///   └──┴─────┴───────┴───────┴───────┴───────┴───────────────┴─────────
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its term and index.
    pub id: EntryId,
    /// The time at which its commands run, everywhere and in every replay.
    pub time: UnixMillis,
    /// What the leader knew to be committed when it wrote the entry.
    pub commit: LogIndex,
    /// What the payload is.
    pub kind: EntryKind,
}

/// A `Synced` record. It says who wrote it and where, so that it can be recognised behind bytes that cannot
/// be read: a later proof is what tells damage from a torn write.
///
/// ```text
///   0  1       8             16         24                32          40           48
///   ┌──┬───────┬─────────────┬──────────┬─────────────────┬───────────┬────────────┐
///   │ 4│ 0     │ incarnation │ written  │ synced position │ last term │ last index │
///   └──┴───────┴─────────────┴──────────┴─────────────────┴───────────┴────────────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proof {
    /// Which life of the node wrote it.
    pub incarnation: u64,
    /// The position of this record's own first byte.
    pub written: Position,
    /// What was on the platter.
    pub synced: Synced,
}

/// Entries behind `kept` no longer count: another leader's entry follows in their place. Without it, an
/// entry whose index does not follow is damage.
///
/// ```text
///   0  1       8           16           24     32
///   ┌──┬───────┬───────────┬────────────┬──────┐
///   │ 5│ 0     │ kept term │ kept index │ term │
///   └──┴───────┴───────────┴────────────┴──────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The last entry that stays.
    pub kept: EntryId,
    /// The term of the entry that takes the first free place.
    pub term: Term,
}

impl Head {
    /// The head of a log's very first segment.
    #[must_use]
    pub fn founding(group: GroupId, node: NodeId, incarnation: u64, number: u64) -> Self {
        Self {
            group,
            node,
            incarnation,
            number,
            start: Position(0),
            previous: None,
            base: EntryId::default(),
            last: EntryId::default(),
            synced: Synced::default(),
            state: State::default(),
            carries: false,
            awaits_base: false,
        }
    }

    /// The length of its frame, in bytes.
    pub const FRAME_BYTES: usize = HEAD_BYTES + frame::OVERHEAD_BYTES;
}

impl Cut {
    /// The first index that no longer counts.
    #[must_use]
    pub fn from(&self) -> LogIndex {
        self.kept.index.next()
    }
}

/// The first record of a snapshot file.
///
/// ```text
///   0  1    2       4    8        24            32       40     48      56     64     72
///   ┌──┬────┬───────┬────┬────────┬─────────────┬────────┬──────┬───────┬──────┬──────┐
///   │ 6│ 0  │format │ 0  │ group  │ incarnation │ number │ term │ index │ time │ keys │
///   └──┴────┴───────┴────┴────────┴─────────────┴────────┴──────┴───────┴──────┴──────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotHead {
    /// Whose state this is.
    pub group: GroupId,
    /// Which life of the node wrote it.
    pub incarnation: u64,
    /// The number in the file's name.
    pub number: u64,
    /// The last entry whose effects it holds.
    pub covered: EntryId,
    /// That entry's time.
    pub time: UnixMillis,
    /// About how many keys follow: for progress, and for allocation only as far as the file is long enough for them.
    pub keys: u64,
}

/// The last record of a snapshot file, and the proof that it is whole.
///
/// ```text
///   0  1       8       16     24      32
///   ┌──┬───────┬───────┬──────┬───────┐          chain: 0 at first; with each part it becomes
///   │ 8│ 0     │ parts │ keys │ chain │          the crc of itself and that part's crc
///   └──┴───────┴───────┴──────┴───────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct End {
    /// How many parts there are.
    pub parts: u64,
    /// How many keys they hold.
    pub keys: u64,
    /// Binds the parts and their order together.
    pub chain: u64,
}

/// Any record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record<'a> {
    /// A segment begins.
    Head(Head),
    /// Term or vote changed.
    State(State),
    /// An entry.
    Entry(Entry, &'a [u8]),
    /// A proof of what is on the platter.
    Synced(Proof),
    /// Entries were superseded.
    Cut(Cut),
    /// A snapshot begins.
    SnapshotHead(SnapshotHead),
    /// Contents of a snapshot: `index` counts from 0.
    ///
    /// ```text
    ///   0  1       8       16
    ///   ┌──┬───────┬───────┬──────────
    ///   │ 7│ 0     │ index │ contents
    ///   └──┴───────┴───────┴──────────
    /// ```
    Part {
        /// Its place among the parts.
        index: u64,
        /// Opaque here.
        contents: &'a [u8],
    },
    /// A snapshot is complete.
    End(End),
}

/// A body that passed its checksum and still makes no sense: written by another version, or by a bug.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// No record has this first byte.
    Kind(u8),
    /// Its length is not the length of its kind.
    Length,
    /// Another version of the format.
    Format(u16),
    /// A field holds a value that it cannot have.
    Value,
}
