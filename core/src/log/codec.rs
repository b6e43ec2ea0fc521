//! Records to bytes and back; the layouts are drawn at the records themselves.

use super::frame::{self, word};
use super::record::{
    CUT_BYTES, Cut, END_BYTES, ENTRY_BYTES, End, Entry, EntryKind, FORMAT, HEAD_BYTES, Head, Malformed,
    PART_BYTES, Previous, Proof, Record, SNAPSHOT_HEAD_BYTES, STATE_BYTES, SYNCED_BYTES, SnapshotHead, State,
    Synced,
};
use crate::ids::{EntryId, GroupId, LogIndex, NodeId, Position, Term};
use crate::time::UnixMillis;

/// The largest position, length or file number that a head may hold: what no node will ever reach.
pub(super) const PLACE_MAX: u64 = 1 << 62;

const HEAD: u8 = 1;
const STATE: u8 = 2;
const ENTRY: u8 = 3;
const SYNCED: u8 = 4;
const CUT: u8 = 5;
const SNAPSHOT_HEAD: u8 = 6;
const PART: u8 = 7;
const END: u8 = 8;

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
