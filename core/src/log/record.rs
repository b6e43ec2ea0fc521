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

use super::frame::{self, word};
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

/// The largest position, length or file number that a head may hold: what no node will ever reach.
const PLACE_MAX: u64 = 1 << 62;

const HEAD: u8 = 1;
const STATE: u8 = 2;
const ENTRY: u8 = 3;
const SYNCED: u8 = 4;
const CUT: u8 = 5;
const SNAPSHOT_HEAD: u8 = 6;
const PART: u8 = 7;
const END: u8 = 8;

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
    /// About how many keys follow: for progress, not for allocation.
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

impl<'a> Record<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is not a record of this version.
    pub fn decode(body: &'a [u8]) -> Result<Self, Malformed> {
        let kind = *body.first().ok_or(Malformed::Length)?;
        let (least, exact) = match kind {
            HEAD => (HEAD_BYTES, true),
            STATE => (STATE_BYTES, true),
            ENTRY => (ENTRY_BYTES, false),
            SYNCED => (SYNCED_BYTES, true),
            CUT => (CUT_BYTES, true),
            SNAPSHOT_HEAD => (SNAPSHOT_HEAD_BYTES, true),
            PART => (PART_BYTES, false),
            END => (END_BYTES, true),
            other => return Err(Malformed::Kind(other)),
        };
        if matches!(kind, HEAD | SNAPSHOT_HEAD) && body.len() >= 4 {
            let format = u16::from_le_bytes([body[2], body[3]]);
            if format != FORMAT {
                return Err(Malformed::Format(format));
            }
        }
        if body.len() < least || (exact && body.len() != least) {
            return Err(Malformed::Length);
        }
        let record = match kind {
            HEAD => decode_head(body),
            STATE => decode_state(body[1], word(body, 8), word(body, 16)).map(Record::State),
            ENTRY => decode_entry(body).map(|entry| Record::Entry(entry, &body[ENTRY_BYTES..])),
            SYNCED => decode_proof(body),
            CUT => entry_id(body, 8).map(|kept| Record::Cut(Cut { kept, term: Term(word(body, 24)) })),
            SNAPSHOT_HEAD => decode_snapshot_head(body),
            PART => Some(Record::Part { index: word(body, 8), contents: &body[PART_BYTES..] }),
            _ => Some(Record::End(End { parts: word(body, 8), keys: word(body, 16), chain: word(body, 24) })),
        };
        let spare = match kind {
            HEAD => &body[4..8],
            ENTRY | STATE => &body[2..8],
            SNAPSHOT_HEAD => &body[4..8],
            _ => &body[1..8],
        };
        if spare.iter().any(|&byte| byte != 0) {
            return Err(Malformed::Value);
        }
        record.ok_or(Malformed::Value)
    }

    /// Adds the body to `bytes`. The markers and the crc are the frame's.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Head(head) => encode_head(head, bytes),
            Self::State(state) => {
                bytes.extend_from_slice(&[STATE, u8::from(state.vote.is_some()), 0, 0, 0, 0, 0, 0]);
                put_words(bytes, [state.term.0, state.vote.map_or(0, |node| node.0)]);
            }
            Self::Entry(entry, payload) => {
                bytes.extend_from_slice(&encode_entry(entry));
                bytes.extend_from_slice(payload);
            }
            Self::Synced(proof) => {
                put_kind(bytes, SYNCED);
                let Synced { position, last } = proof.synced;
                put_words(bytes, [proof.incarnation, proof.written.0, position.0, last.term.0, last.index.0]);
            }
            Self::Cut(cut) => {
                put_kind(bytes, CUT);
                put_words(bytes, [cut.kept.term.0, cut.kept.index.0, cut.term.0]);
            }
            Self::SnapshotHead(head) => {
                bytes.extend_from_slice(&[SNAPSHOT_HEAD, 0]);
                bytes.extend_from_slice(&FORMAT.to_le_bytes());
                bytes.extend_from_slice(&[0; 4]);
                bytes.extend_from_slice(&head.group.0);
                let EntryId { term, index } = head.covered;
                put_words(bytes, [head.incarnation, head.number, term.0, index.0, head.time.0, head.keys]);
            }
            Self::Part { index, contents } => {
                put_kind(bytes, PART);
                put_words(bytes, [*index]);
                bytes.extend_from_slice(contents);
            }
            Self::End(end) => {
                put_kind(bytes, END);
                put_words(bytes, [end.parts, end.keys, end.chain]);
            }
        }
    }

    /// The record in its frame.
    #[must_use]
    pub fn frame(&self, marker: u64) -> Vec<u8> {
        let mut bytes = vec![0; frame::HEADER_BYTES];
        self.encode(&mut bytes);
        frame::close(&mut bytes, 0, marker);
        bytes
    }
}

/// Whether `body`, of which at least [`PREVIEW_BYTES`] or all are given, begins an entry, and with which index.
pub(super) fn preview_entry(body: &[u8]) -> Option<LogIndex> {
    (body.len() >= ENTRY_BYTES && body[0] == ENTRY).then(|| LogIndex(word(body, 16)))
}

/// The head of an entry, ready to stand before a payload.
pub(super) fn encode_entry(entry: &Entry) -> [u8; ENTRY_BYTES] {
    let mut head = [0; ENTRY_BYTES];
    head[0] = ENTRY;
    head[1] = entry.kind as u8;
    let words = [entry.id.term.0, entry.id.index.0, entry.time.0, entry.commit.0];
    for (room, word) in head[8..].chunks_exact_mut(8).zip(words) {
        room.copy_from_slice(&word.to_le_bytes());
    }
    head
}

fn encode_head(head: &Head, bytes: &mut Vec<u8>) {
    let flags = u8::from(head.previous.is_some())
        | u8::from(head.state.vote.is_some()) << 1
        | u8::from(head.carries) << 2
        | u8::from(head.awaits_base) << 3;
    bytes.extend_from_slice(&[HEAD, flags]);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&head.group.0);
    let previous = head.previous.unwrap_or(Previous { number: 0, valid_bytes: 0 });
    put_words(bytes, [head.node.0, head.incarnation, head.number, head.start.0]);
    put_words(bytes, [previous.number, previous.valid_bytes, head.base.term.0, head.base.index.0]);
    put_words(bytes, [head.last.term.0, head.last.index.0, head.synced.position.0]);
    put_words(bytes, [head.synced.last.term.0, head.synced.last.index.0]);
    put_words(bytes, [head.state.term.0, head.state.vote.map_or(0, |node| node.0), 0]);
}

fn decode_head<'a>(body: &[u8]) -> Option<Record<'a>> {
    let flags = body[1];
    // Numbers that the stream could not have reached would overflow sums later on.
    if [40, 48, 64, 104].iter().any(|&at| word(body, at) > PLACE_MAX) {
        return None;
    }
    let previous = Previous { number: word(body, 56), valid_bytes: word(body, 64) };
    let has_previous = flags & 1 != 0;
    if flags > 15
        || word(body, 144) != 0
        || (!has_previous && (previous.number, previous.valid_bytes) != (0, 0))
    {
        return None;
    }
    Some(Record::Head(Head {
        group: GroupId(body[8..24].try_into().expect("sixteen bytes")),
        node: NodeId(word(body, 24)),
        incarnation: word(body, 32),
        number: word(body, 40),
        start: Position(word(body, 48)),
        previous: has_previous.then_some(previous),
        base: entry_id(body, 72)?,
        last: entry_id(body, 88)?,
        synced: Synced { position: Position(word(body, 104)), last: entry_id(body, 112)? },
        state: decode_state(flags >> 1 & 1, word(body, 128), word(body, 136))?,
        carries: flags & 4 != 0,
        awaits_base: flags & 8 != 0,
    }))
}

fn decode_state(voted: u8, term: u64, vote: u64) -> Option<State> {
    let vote = match (voted, vote) {
        (0, 0) => None,
        (1, node) => Some(NodeId(node)),
        _ => return None,
    };
    Some(State { term: Term(term), vote })
}

fn decode_proof<'a>(body: &[u8]) -> Option<Record<'a>> {
    let synced = Synced { position: Position(word(body, 24)), last: entry_id(body, 32)? };
    let (incarnation, written) = (word(body, 8), Position(word(body, 16)));
    // A proof speaks of what stands before it.
    (synced.position <= written).then_some(Record::Synced(Proof { incarnation, written, synced }))
}

fn decode_entry(body: &[u8]) -> Option<Entry> {
    let kind = match body[1] {
        1 => EntryKind::Commands,
        2 => EntryKind::Clock,
        3 => EntryKind::Members,
        _ => return None,
    };
    let id = entry_id(body, 8)?;
    if id.index.0 == 0 {
        return None;
    }
    Some(Entry { id, time: UnixMillis(word(body, 24)), commit: LogIndex(word(body, 32)), kind })
}

fn decode_snapshot_head<'a>(body: &[u8]) -> Option<Record<'a>> {
    if body[1] != 0 {
        return None;
    }
    Some(Record::SnapshotHead(SnapshotHead {
        group: GroupId(body[8..24].try_into().expect("sixteen bytes")),
        incarnation: word(body, 24),
        number: word(body, 32),
        covered: entry_id(body, 40)?,
        time: UnixMillis(word(body, 56)),
        keys: word(body, 64),
    }))
}

/// `None` for the last index there could be: it has no successor.
fn entry_id(bytes: &[u8], at: usize) -> Option<EntryId> {
    let id = EntryId { term: Term(word(bytes, at)), index: LogIndex(word(bytes, at + 8)) };
    (id.index.0 != u64::MAX).then_some(id)
}

fn put_kind(bytes: &mut Vec<u8>, kind: u8) {
    bytes.extend_from_slice(&[kind, 0, 0, 0, 0, 0, 0, 0]);
}

fn put_words<const COUNT: usize>(bytes: &mut Vec<u8>, words: [u64; COUNT]) {
    for word in words {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(term: u64, index: u64) -> EntryId {
        EntryId { term: Term(term), index: LogIndex(index) }
    }

    fn head() -> Head {
        Head {
            group: GroupId(*b"0123456789abcdef"),
            node: NodeId(0x11),
            incarnation: 0x12,
            number: 0x13,
            start: Position(0x14),
            previous: Some(Previous { number: 0x15, valid_bytes: 0x16 }),
            base: id(0x17, 0x18),
            last: id(0x19, 0x1a),
            synced: Synced { position: Position(0x1b), last: id(0x1c, 0x1d) },
            state: State { term: Term(0x1e), vote: Some(NodeId(0x1f)) },
            carries: true,
            awaits_base: false,
        }
    }

    fn samples() -> Vec<Record<'static>> {
        let entry =
            Entry { id: id(1, 2), time: UnixMillis(3), commit: LogIndex(4), kind: EntryKind::Commands };
        let snapshot = SnapshotHead {
            group: GroupId([7; 16]),
            incarnation: 1,
            number: 2,
            covered: id(3, 4),
            time: UnixMillis(5),
            keys: 6,
        };
        vec![
            Record::Head(head()),
            Record::Head(Head { previous: None, state: State::default(), carries: false, ..head() }),
            Record::Head(Head { awaits_base: true, ..head() }),
            Record::State(State { term: Term(9), vote: None }),
            Record::State(State { term: Term(9), vote: Some(NodeId(0)) }),
            Record::Entry(entry, b"payload"),
            Record::Entry(Entry { kind: EntryKind::Clock, ..entry }, b""),
            Record::Entry(Entry { kind: EntryKind::Members, ..entry }, b"x"),
            Record::Synced(Proof {
                incarnation: 1,
                written: Position(3),
                synced: Synced { position: Position(2), last: id(4, 5) },
            }),
            Record::Cut(Cut { kept: id(1, 2), term: Term(3) }),
            Record::SnapshotHead(snapshot),
            Record::Part { index: 1, contents: b"keys" },
            Record::End(End { parts: 1, keys: 2, chain: 3 }),
        ]
    }

    fn encoded(record: &Record<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        bytes
    }

    #[test]
    fn round_trip() {
        for record in samples() {
            assert_eq!(Record::decode(&encoded(&record)), Ok(record));
        }
    }

    /// One word per line, as it stands in the file.
    #[test]
    fn golden_head() {
        let expected: [u64; 19] = [
            0x0000_0000_0001_0701,
            u64::from_le_bytes(*b"01234567"),
            u64::from_le_bytes(*b"89abcdef"),
            0x11,
            0x12,
            0x13,
            0x14,
            0x15,
            0x16,
            0x17,
            0x18,
            0x19,
            0x1a,
            0x1b,
            0x1c,
            0x1d,
            0x1e,
            0x1f,
            0,
        ];
        let bytes: Vec<u8> = expected.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(encoded(&Record::Head(head())), bytes);
    }

    #[test]
    fn golden_bodies() {
        let bodies: Vec<String> = samples()[3..]
            .iter()
            .map(|record| {
                let bytes = encoded(record);
                let (words, rest) = bytes.as_chunks::<8>();
                let words = words.iter().map(|word| format!("{:x}", u64::from_le_bytes(*word)));
                format!("{} {}", words.collect::<Vec<_>>().join(" "), String::from_utf8_lossy(rest))
            })
            .collect();
        assert_eq!(
            bodies,
            [
                "2 9 0 ",
                "102 9 0 ",
                "103 1 2 3 4 payload",
                "203 1 2 3 4 ",
                "303 1 2 3 4 x",
                "4 1 3 2 4 5 ",
                "5 1 2 3 ",
                "10006 707070707070707 707070707070707 1 2 3 4 5 6 ",
                "7 1 keys",
                "8 1 2 3 ",
            ]
        );
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        assert_eq!(Record::decode(b""), Err(Malformed::Length));
        assert_eq!(Record::decode(&[9; 40]), Err(Malformed::Kind(9)));
        for record in samples() {
            let bytes = encoded(&record);
            for length in 1..bytes.len() {
                let cut = Record::decode(&bytes[..length]);
                assert!(
                    cut.is_err() || matches!(record, Record::Entry(..) | Record::Part { .. }),
                    "{record:?}"
                );
            }
            let mut spare = bytes.clone();
            spare[6] = 1;
            assert_eq!(Record::decode(&spare), Err(Malformed::Value));
        }
        let mut newer = encoded(&Record::Head(head()));
        newer[2] = 2;
        newer.truncate(60);
        assert_eq!(Record::decode(&newer), Err(Malformed::Format(2)), "before its length is judged");
        let mut flags = encoded(&Record::Head(head()));
        flags[1] = 16;
        assert_eq!(Record::decode(&flags), Err(Malformed::Value));
    }

    #[test]
    fn there_is_no_entry_without_an_index() {
        for index in [0, u64::MAX] {
            let entry =
                Entry { id: id(1, index), time: UnixMillis(0), commit: LogIndex(0), kind: EntryKind::Clock };
            assert_eq!(Record::decode(&encode_entry(&entry)), Err(Malformed::Value));
        }
    }
}
