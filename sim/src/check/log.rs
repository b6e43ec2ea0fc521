//! The log as it left the node: every entry that was handed to the disk, in order, whatever became of it.

use lockstep_core::Mono;
use lockstep_core::ids::File;
use lockstep_core::log::frame::{FOOTER_BYTES, HEADER_BYTES, Header, open};
use lockstep_core::log::record::Record;

use crate::history::{Violation, violated};

/// An entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its frame, byte for byte.
    pub frame: Vec<u8>,
    /// Its time, in milliseconds.
    pub time_ms: u64,
    /// How many commands the log holds with it.
    pub units_end: u64,
    /// Where it stands: file, offset.
    pub places: Vec<(File, usize)>,
    /// When it was first handed to the disk.
    pub appended: Mono,
}

/// The log.
#[derive(Debug, Default)]
pub struct Log {
    /// The entries; the first has index 1.
    pub entries: Vec<Entry>,
    /// The time of each command.
    pub unit_times: Vec<u64>,
    /// An entry that is new was written in this life of the process.
    pub goes_on: bool,
}

/// An entry's frame among appended bytes.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The entry's index.
    pub index: u64,
    /// Its time, in milliseconds.
    pub time_ms: u64,
    /// Its whole frame.
    pub frame: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
    /// Where the frame begins.
    pub offset: usize,
}

impl Log {
    /// How many commands it holds.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.unit_times.len() as u64
    }

    /// The last entry's index; 0 when there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    /// How many commands it holds up to an entry.
    #[must_use]
    pub fn units_at(&self, index: u64) -> u64 {
        index.checked_sub(1).map_or(0, |at| self.entries[at as usize].units_end)
    }

    /// The entry that holds a command, by its number.
    #[must_use]
    pub fn entry_of(&self, unit: u64) -> &Entry {
        &self.entries[self.entries.partition_point(|entry| entry.units_end <= unit)]
    }

    /// Forgets everything behind an entry.
    pub fn truncate(&mut self, index: u64) {
        self.unit_times.truncate(self.units_at(index) as usize);
        self.entries.truncate(index as usize);
    }
}

/// Finds the entries among bytes that were appended to a segment.
///
/// # Errors
/// When the bytes are not whole frames.
pub fn entries(bytes: &[u8], offset: usize) -> Result<Vec<Seen<'_>>, Violation> {
    let (mut seen, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let header = bytes
            .get(at..at + HEADER_BYTES)
            .map(|header| Header::parse(header.try_into().expect("sixteen bytes")));
        let Some(Header::Frame { body_bytes, .. }) = header else {
            return violated("INV-S2", format!("appended bytes are no frame at {at} of {}", bytes.len()));
        };
        let end = at + HEADER_BYTES + body_bytes + FOOTER_BYTES;
        let Some(frame) = bytes.get(at..end) else {
            return violated("INV-S2", "half a frame was appended");
        };
        let Ok((_, body)) = open(frame) else {
            return violated("INV-S2", "a frame was appended whose checksum is wrong");
        };
        match Record::decode(&frame[body]) {
            Ok(Record::Entry(entry, payload)) => seen.push(Seen {
                index: entry.id.index.0,
                time_ms: entry.time.0,
                frame,
                payload,
                offset: offset + at,
            }),
            Ok(_) => {}
            Err(malformed) => {
                return violated("INV-S2", format!("a record was appended that is none: {malformed:?}"));
            }
        }
        at = end;
    }
    Ok(seen)
}
