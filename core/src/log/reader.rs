//! The reading end of one file: bytes in, records out, and how it ended.
//!
//! A [`FileReader`] is fed with the bytes of one file, cut anywhere, and keeps only the frame that is not yet
//! complete. It believes a frame only if everything about it agrees (see [`frame`](super::frame)), and it stops at
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
use super::frame::{self, FrameFault, HEADER_BYTES, Header, OVERHEAD_BYTES, entry_marker, local_marker};
use super::record::{Head, Malformed, PREVIEW_BYTES, Proof, Record, SnapshotHead, preview_entry};
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
