//! The reading end of one file: bytes in, records out, and how it ended.
//!
//! A [`FileReader`] is fed with the bytes of one file, cut anywhere, and keeps only the frame that is not yet
//! complete. It believes a frame only if everything about it agrees (see [`super::frame`]), and it stops at
//! the first place where no believable frame begins. What is behind that place is read on, but not believed:
//! it only helps to tell *why* the frame is bad.
//!
//! * Everything from there on is zero, or the file ends: that is how a segment ends.
//! * Missing sectors explain it: some sector of the frame reads as zeros from the frame's first byte on, or
//!   the file ends inside it. That is what a write looks like that was under way when the power went.
//! * Anything else is damage: no crash explains it.
//!
//! A sector that is lost long after it was written looks the same as one that was never written. So a later
//! `Synced` record is searched for behind the bad place, at any offset: whoever wrote it knew that everything
//! before its position was on the platter.

use super::aftermath::Aftermath;
use super::codec::preview_entry;
use super::frame::{self, FrameFault, HEADER_BYTES, Header, OVERHEAD_BYTES, entry_marker, local_marker};
use super::record::{Head, Malformed, PREVIEW_BYTES, Proof, Record, SnapshotHead};
use crate::ids::{File, GroupId, Position};

/// Why no frame is believed at some place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// A zero marker with something behind it.
    Hole,
    /// The file ends inside.
    Short,
    /// The length makes no sense.
    Length,
    /// The marker is not the one that belongs there: another place, another log or another life.
    Marker,
    /// The checksum does not match.
    Crc,
    /// The marker at the end is not the one at the beginning.
    EndMarker,
    /// The checksum matches, but this version cannot read it.
    Malformed(Malformed),
    /// A record that does not belong there: a second head, or a snapshot's record in a segment.
    Misplaced,
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Hole => f.write_str("zeros where a frame should begin"),
            Self::Short => f.write_str("the file ends inside a frame"),
            Self::Length => f.write_str("a length that makes no sense"),
            Self::Marker => f.write_str("a marker that does not belong there"),
            Self::Crc => f.write_str("a checksum that does not match"),
            Self::EndMarker => f.write_str("an end marker that does not match"),
            Self::Malformed(Malformed::Format(format)) => write!(f, "format version {format}"),
            Self::Malformed(_) => f.write_str("a record this version cannot read"),
            Self::Misplaced => f.write_str("a record that does not belong there"),
        }
    }
}

/// Where and how the believable part of a file ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// The end of the last believed frame, in bytes from the beginning of the file.
    pub offset: u64,
    /// What is wrong there; `None` when the file simply ends.
    pub fault: Option<Fault>,
    /// How many bytes from `offset` to the last byte that is not zero.
    pub trailing_bytes: u64,
    /// The furthest proof found behind `offset`.
    pub proof: Option<Proof>,
}

/// What is wrong with a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Why it is not believed.
    pub reason: Reason,
    /// Missing sectors explain it.
    pub torn: bool,
}

/// A record and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found<'a> {
    /// Of its frame's first byte, from the beginning of the file.
    pub offset: u64,
    /// What it says.
    pub record: Record<'a>,
    /// The whole frame.
    pub frame: &'a [u8],
}

/// From what the markers of a file derive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// The first record has not been read: it says so itself.
    Unknown(File),
    Segment {
        group: GroupId,
        incarnation: u64,
        start: Position,
    },
    Snapshot {
        incarnation: u64,
        number: u64,
    },
}

/// Reads one file.
#[derive(Debug)]
pub struct FileReader {
    place: Place,
    /// Bytes fed and not yet given out; `buffer[at..]` are the ones still to be looked at.
    buffer: Vec<u8>,
    at: usize,
    /// The length of the frame before `buffer[at]`, given out last.
    current_bytes: usize,
    /// Where `buffer[at]` stands in the file.
    offset: u64,
    /// Where the file ends, or where reading is to end.
    length_bytes: u64,
    aftermath: Option<Aftermath>,
    ending: Option<Ending>,
}

impl FileReader {
    /// A reader of a whole file, or of its first `length_bytes`.
    #[must_use]
    pub fn new(file: File, length_bytes: u64) -> Self {
        Self {
            place: Place::Unknown(file),
            buffer: Vec::new(),
            at: 0,
            current_bytes: 0,
            offset: 0,
            length_bytes,
            aftermath: None,
            ending: None,
        }
    }

    /// A reader of a part of a segment whose head is known: from `offset`, where a frame begins, to
    /// `length_bytes` from the beginning of the file.
    #[must_use]
    pub fn within(head: &Head, offset: u64, length_bytes: u64) -> Self {
        let place = Place::Segment { group: head.group, incarnation: head.incarnation, start: head.start };
        Self { place, offset, ..Self::new(File::Segment(head.number), length_bytes) }
    }

    /// A reader of a part of a snapshot file whose head is known.
    #[must_use]
    pub fn within_snapshot(head: &SnapshotHead, offset: u64, length_bytes: u64) -> Self {
        let place = Place::Snapshot { incarnation: head.incarnation, number: head.number };
        Self { place, offset, ..Self::new(File::Snapshot(head.number), length_bytes) }
    }

    /// The next bytes of the file; what is behind its length is ignored.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        let room = self.length_bytes.saturating_sub(self.offset + self.buffer.len() as u64);
        let count = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        self.buffer.extend_from_slice(&bytes[..count]);
    }

    /// The next record; `None` when more bytes are needed or the file has ended.
    #[allow(clippy::should_implement_trait, reason = "what it gives borrows from the reader")]
    pub fn next(&mut self) -> Option<Found<'_>> {
        self.advance().then(|| self.current())
    }

    /// The record that was given last.
    ///
    /// # Panics
    /// When there was none since bytes were last fed.
    #[must_use]
    pub fn current(&self) -> Found<'_> {
        let length = self.current_bytes;
        let frame = &self.buffer[self.at - length..self.at];
        let body = &frame[HEADER_BYTES..length - frame::FOOTER_BYTES];
        let record = Record::decode(body).expect("it was decoded before it was believed");
        Found { offset: self.offset - length as u64, record, frame }
    }

    /// How the file ended, once it has.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// How far the file was read and understood, in bytes from its beginning: until it has ended, where the
    /// next frame begins.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Moves behind the next believable frame; whether there was one.
    pub(super) fn advance(&mut self) -> bool {
        if self.ending.is_some() {
            return false;
        }
        if self.aftermath.is_none() {
            match self.look() {
                Look::More => return false,
                Look::Believed(length) => {
                    self.at += length;
                    self.offset += length as u64;
                    self.current_bytes = length;
                    return true;
                }
                Look::Not { reason, frame_bytes } => {
                    let end = self.offset.saturating_add(frame_bytes);
                    self.aftermath = Some(Aftermath::new(self.offset, end, reason, self.scope()));
                }
            }
        }
        if let Some(aftermath) = &mut self.aftermath {
            let studied = aftermath.study(&self.buffer[self.at..], self.length_bytes);
            self.at += studied;
            self.offset += studied as u64;
            self.ending = aftermath.ending(self.length_bytes);
        }
        false
    }

    /// Judges the frame that begins at `at`.
    fn look(&mut self) -> Look {
        let bytes = &self.buffer[self.at..];
        let left = self.length_bytes - self.offset.min(self.length_bytes);
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            let all = bytes.len() as u64 == left;
            return if all { Look::not(Reason::Short, HEADER_BYTES as u64) } else { Look::More };
        };
        let (marker, body_bytes) = match Header::parse(header) {
            Header::Nothing => return Look::not(Reason::Hole, 8),
            Header::Bad => return Look::not(Reason::Length, HEADER_BYTES as u64),
            Header::Frame { marker, body_bytes } => (marker, body_bytes),
        };
        let frame_bytes = (body_bytes + OVERHEAD_BYTES) as u64;
        if frame_bytes > left {
            return Look::not(Reason::Short, frame_bytes);
        }
        // An entry that is not what its marker says is not waited for, however long it claims to be.
        let preview = body_bytes.min(PREVIEW_BYTES);
        if bytes.len() < HEADER_BYTES + preview {
            return Look::More;
        }
        if let (Place::Segment { group, .. }, Some(index)) =
            (self.place, preview_entry(&bytes[HEADER_BYTES..HEADER_BYTES + preview]))
            && marker != entry_marker(group.log_id(), index)
        {
            return Look::not(Reason::Marker, frame_bytes);
        }
        let Some(bytes) = bytes.get(..body_bytes + OVERHEAD_BYTES) else { return Look::More };
        match Self::judge(self.place, self.offset, bytes) {
            Ok(place) => {
                self.place = place;
                Look::Believed(bytes.len())
            }
            Err(reason) => Look::not(reason, frame_bytes),
        }
    }

    /// Checks one whole frame; gives from what the following markers derive.
    fn judge(place: Place, offset: u64, bytes: &[u8]) -> Result<Place, Reason> {
        let (marker, body) = frame::open(bytes).map_err(|fault| match fault {
            FrameFault::Length => Reason::Length,
            FrameFault::Crc => Reason::Crc,
            FrameFault::EndMarker => Reason::EndMarker,
        })?;
        let record = Record::decode(&bytes[body]).map_err(Reason::Malformed)?;
        let place = match (place, &record) {
            (Place::Unknown(File::Segment(number)), Record::Head(head)) if head.number == number => {
                Place::Segment { group: head.group, incarnation: head.incarnation, start: head.start }
            }
            (Place::Unknown(File::Snapshot(number)), Record::SnapshotHead(head)) if head.number == number => {
                Place::Snapshot { incarnation: head.incarnation, number }
            }
            (
                Place::Segment { .. },
                Record::State(_) | Record::Entry(..) | Record::Synced(_) | Record::Cut(_),
            )
            | (Place::Snapshot { .. }, Record::Part { .. } | Record::End(_)) => place,
            _ => return Err(Reason::Misplaced),
        };
        let expected = match (place, &record) {
            (Place::Segment { group, .. }, Record::Entry(entry, _)) => {
                entry_marker(group.log_id(), entry.id.index)
            }
            (Place::Segment { incarnation, start, .. }, _) => {
                let position = start.0.checked_add(offset).map(Position).ok_or(Reason::Misplaced)?;
                if let Record::Synced(proof) = &record
                    && (proof.incarnation, proof.written) != (incarnation, position)
                {
                    return Err(Reason::Misplaced);
                }
                local_marker(incarnation, position)
            }
            (Place::Snapshot { incarnation, number }, _) => {
                frame::snapshot_marker(incarnation, number, offset)
            }
            (Place::Unknown(_), _) => return Err(Reason::Misplaced),
        };
        if marker == expected { Ok(place) } else { Err(Reason::Marker) }
    }

    /// Which later proofs count: all that claim their own place rightly, and if the head is known, come from
    /// its writer. Snapshots hold none.
    fn scope(&self) -> Option<Scope> {
        match self.place {
            Place::Segment { incarnation, start, .. } => Some(Scope::Of { incarnation, start }),
            Place::Unknown(File::Segment(_)) => Some(Scope::Any),
            Place::Unknown(File::Snapshot(_)) | Place::Snapshot { .. } => None,
        }
    }
}

/// Whose proofs to look for behind a bad frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    /// The segment's head is known.
    Of { incarnation: u64, start: Position },
    /// It is not.
    Any,
}

enum Look {
    /// More bytes are needed.
    More,
    /// A frame of this length, in bytes.
    Believed(usize),
    /// No believable frame; if there was one, it was this long, in bytes.
    Not { reason: Reason, frame_bytes: u64 },
}

impl Look {
    fn not(reason: Reason, frame_bytes: u64) -> Self {
        Self::Not { reason, frame_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{EntryId, LogIndex, NodeId, Term, Ticket};
    use crate::log::record::{EntryKind, State};
    use crate::log::writer::{Limits, Writer};
    use crate::time::{Mono, UnixMillis};

    const FILE: File = File::Segment(5);

    /// A segment of every kind of record, reserved ahead to 8 KiB, and where each frame begins and the last ends.
    fn segment() -> (Vec<u8>, Vec<usize>) {
        let head = Head {
            start: Position(1000),
            state: State { term: Term(2), vote: None },
            ..Head::founding(GroupId([3; 16]), NodeId(1), 7, 5)
        };
        let limits = Limits { segment_bytes: 1 << 20, reserve_bytes: 1 << 16 };
        let mut writer = Writer::new(limits, &head, UnixMillis(0));
        writer.prepare_segment(5);
        let reserve = writer.reserve_wanted(Mono(0)).expect("space for the first segment");
        writer.reserve_issued(Ticket(0), reserve);
        assert!(writer.reserve_done(Ticket(0)));
        let mut pieces = vec![writer.begin_segment(EntryId::default(), false)];
        for length in [10, 900, 0] {
            writer.open().extend(core::iter::repeat_n(b'x', length));
            pieces.push(writer.seal(EntryKind::Commands, LogIndex(0)).frame);
        }
        writer.sync_issued(Ticket(1));
        writer.sync_done(Ticket(1));
        pieces.push(writer.proof().expect("due"));
        pieces.push(writer.set_state(State { term: Term(3), vote: Some(NodeId(2)) }));
        pieces.push(writer.cut(EntryId { term: Term(2), index: LogIndex(1) }, Term(3)));
        writer.open().extend_from_slice(&[b'y'; 1500]);
        pieces.push(writer.seal(EntryKind::Members, LogIndex(1)).frame);
        let mut bytes = Vec::new();
        let mut bounds = vec![0];
        for piece in pieces {
            bytes.extend_from_slice(&piece);
            bounds.push(bytes.len());
        }
        assert_eq!(writer.segment_bytes(), bytes.len() as u64);
        bytes.resize(8192, 0);
        (bytes, bounds)
    }

    /// Reads in chunks; gives where each believed frame began, and how it ended.
    fn read(bytes: &[u8], chunk: usize) -> (Vec<usize>, Ending) {
        let mut reader = FileReader::new(FILE, bytes.len() as u64);
        let mut frames = Vec::new();
        let mut chunks = bytes.chunks(chunk);
        loop {
            while let Some(found) = reader.next() {
                let offset = found.offset as usize;
                assert_eq!(found.frame, &bytes[offset..offset + found.frame.len()]);
                frames.push(offset);
            }
            match (reader.ending(), chunks.next()) {
                (Some(ending), _) => return (frames, ending),
                (None, Some(chunk)) => reader.feed(chunk),
                (None, None) => panic!("the whole file was fed"),
            }
        }
    }

    #[test]
    fn a_whole_segment_in_chunks_of_any_size() {
        let (bytes, bounds) = segment();
        let end = *bounds.last().expect("some");
        for chunk in [1, 7, 100, 513, 8192] {
            let (frames, ending) = read(&bytes, chunk);
            assert_eq!(frames, bounds[..bounds.len() - 1]);
            assert_eq!(ending, Ending { offset: end as u64, fault: None, trailing_bytes: 0, proof: None });
        }
    }

    /// As after a crash without space reserved: the file just ends somewhere.
    #[test]
    fn every_cut_point_is_torn_and_loses_only_the_frame_it_hits() {
        let (bytes, bounds) = segment();
        for length in 0..*bounds.last().expect("some") {
            let (frames, ending) = read(&bytes[..length], 300);
            let whole = bounds.iter().filter(|&&bound| bound <= length).count() - 1;
            assert_eq!(frames, bounds[..whole]);
            assert_eq!(ending.offset, bounds[whole] as u64);
            let expected = length > bounds[whole];
            assert_eq!(ending.fault.map(|fault| fault.torn), expected.then_some(true), "cut at {length}");
        }
    }

    #[test]
    fn every_flipped_bit_loses_its_frame_and_is_damage() {
        let (bytes, bounds) = segment();
        let end = *bounds.last().expect("some");
        let proof_at = bounds[4];
        for bit in 0..end * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (frames, ending) = read(&bytes, 8192);
            let hit = bounds.iter().filter(|&&bound| bound <= bit / 8).count() - 1;
            assert_eq!(frames, bounds[..hit], "bit {bit}");
            assert_eq!(ending.offset, bounds[hit] as u64);
            let fault = ending.fault.expect("something is wrong");
            assert!(!fault.torn, "bit {bit}: {fault:?}");
            assert_eq!(
                ending.proof.is_some(),
                hit < 4,
                "the proof at {proof_at} is found if it is behind bit {bit}"
            );
        }
    }

    #[test]
    fn a_lost_sector_looks_torn_and_a_later_proof_is_found() {
        let (bytes, bounds) = segment();
        let end = *bounds.last().expect("some");
        for sector in 0..end.div_ceil(512) {
            let mut bytes = bytes.clone();
            bytes[sector * 512..(sector + 1) * 512].fill(0);
            let (_, ending) = read(&bytes, 1000);
            // Behind zeros at the very end nothing is left to complain about.
            if let Some(fault) = ending.fault {
                assert!(fault.torn, "sector {sector}");
            } else {
                assert!(bounds.contains(&(ending.offset as usize)) && ending.offset as usize >= sector * 512);
            }
            let proof_is_whole = bounds[4] / 512 != sector && (bounds[5] - 1) / 512 != sector;
            assert_eq!(ending.proof.is_some(), proof_is_whole && ending.offset < bounds[4] as u64);
        }
    }

    #[test]
    fn a_tail_that_did_not_reach_the_platter_within_a_sector_looks_torn() {
        let (bytes, bounds) = segment();
        // The sector as it was before the last frame was appended to it.
        let start = bounds[bounds.len() - 2];
        let mut bytes = bytes;
        let sector_end = (start / 512 + 1) * 512;
        bytes[start..sector_end].fill(0);
        let (_, ending) = read(&bytes, 8192);
        assert_eq!(ending.offset, start as u64);
        assert_eq!(ending.fault, Some(Fault { reason: Reason::Hole, torn: true }));
    }

    #[test]
    fn garbage_behind_the_end_is_damage() {
        let (mut bytes, bounds) = segment();
        let end = *bounds.last().expect("some");
        for length in [1, 8, 15, 16, 100, 600] {
            bytes[end..end + length].fill(0xa5);
            let (frames, ending) = read(&bytes, 8192);
            assert_eq!(frames.len(), bounds.len() - 1);
            assert_eq!((ending.offset, ending.trailing_bytes), (end as u64, length as u64));
            assert!(!ending.fault.expect("garbage").torn);
        }
    }

    #[test]
    fn an_old_frame_in_the_wrong_place_is_not_believed() {
        let (bytes, bounds) = segment();
        let end = *bounds.last().expect("some");
        // A state record of this very file, and the same record of another segment's stream.
        let mut moved = bytes.clone();
        moved.copy_within(bounds[5]..bounds[6], end);
        assert_eq!(read(&moved, 8192).1.fault.map(|fault| fault.reason), Some(Reason::Marker));
        // An entry's marker holds anywhere; that it does not follow is for whoever knows the index.
        let mut repeated = bytes.clone();
        repeated.copy_within(bounds[1]..bounds[2], end);
        assert_eq!(read(&repeated, 8192).0.len(), bounds.len());
        // A head belongs at the beginning only, and to the file it names.
        let mut second = bytes.clone();
        second.copy_within(..bounds[1], end);
        assert_eq!(read(&second, 8192).1.fault.map(|fault| fault.reason), Some(Reason::Misplaced));
        let mut renamed = FileReader::new(File::Segment(6), 8192);
        renamed.feed(&bytes);
        assert_eq!(renamed.next(), None);
        assert_eq!(
            renamed.ending().and_then(|ending| ending.fault).map(|fault| fault.reason),
            Some(Reason::Misplaced)
        );
    }

    #[test]
    fn a_claimed_length_costs_nothing_until_bytes_arrive() {
        let mut bytes = segment().0[..Head::FRAME_BYTES].to_vec();
        let length = frame::BODY_BYTES_MAX as u32;
        bytes.extend_from_slice(&77_u64.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&(!length).to_le_bytes());
        let mut reader = FileReader::new(FILE, 1 << 40);
        reader.feed(&bytes);
        assert!(reader.next().is_some());
        assert_eq!(reader.next(), None);
        assert!(reader.buffer.capacity() < 4096);
        // An entry whose marker is wrong is given up as soon as its index is known.
        reader.feed(&[3; PREVIEW_BYTES]);
        assert_eq!(reader.next(), None);
        assert!(reader.aftermath.is_some());
        for _ in 0..100 {
            reader.feed(&[3; 4096]);
            assert_eq!(reader.next(), None);
        }
        assert!(reader.buffer.capacity() < 16384, "what is behind it is read and dropped");
    }

    #[test]
    fn a_part_of_a_segment_is_read_from_a_known_head() {
        let (bytes, bounds) = segment();
        let mut reader = FileReader::new(FILE, 8192);
        reader.feed(&bytes);
        let Some(Found { record: Record::Head(head), .. }) = reader.next() else {
            panic!("a head comes first")
        };
        let mut part = FileReader::within(&head, bounds[4] as u64, bounds[6] as u64);
        part.feed(&bytes[bounds[4]..]);
        let mut count = 0;
        while part.next().is_some() {
            count += 1;
        }
        assert_eq!(count, 2);
        let ending = part.ending().expect("at its limit");
        assert_eq!((ending.offset, ending.fault), (bounds[6] as u64, None));
    }
}
