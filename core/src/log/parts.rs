//! A snapshot file: a head, parts in order, and an end that proves that all of them are there.
//!
//! ```text
//!   [SnapshotHead][Part 0][Part 1] … [Part n-1][End n, keys, chain]      nothing is reserved, nothing follows
//! ```

use super::frame::{self, FOOTER_BYTES, HEADER_BYTES, snapshot_marker};
use super::reader::Found;
use super::record::{End, PART_BYTES, Record, SnapshotHead};
use crate::bytes::Slice;

/// Room at the front of a part's buffer, so that framing it moves nothing.
const FRONT: usize = HEADER_BYTES + PART_BYTES;

/// The chain once a part with this crc was added to it.
fn chain(chain: u64, crc: u64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&chain.to_le_bytes());
    bytes[8..].copy_from_slice(&crc.to_le_bytes());
    frame::crc(&bytes)
}

/// Frames the records of one snapshot file. What it gives is to be appended to the file in order.
#[derive(Clone, Debug)]
pub struct PartsWriter {
    head: SnapshotHead,
    offset: u64,
    parts: u64,
    chain: u64,
}

impl PartsWriter {
    /// Begins a file: the writer and the file's first bytes.
    #[must_use]
    pub fn new(head: SnapshotHead) -> (Self, Slice) {
        let mut writer = Self { head, offset: 0, parts: 0, chain: 0 };
        let bytes = writer.frame(&Record::SnapshotHead(head));
        (writer, bytes)
    }

    /// A buffer for a part: contents are to be added at its end.
    #[must_use]
    pub fn buffer() -> Vec<u8> {
        vec![0; FRONT]
    }

    /// How many bytes of contents a buffer holds.
    #[must_use]
    pub fn contents_bytes(buffer: &[u8]) -> usize {
        buffer.len() - FRONT
    }

    /// Completes a part in its buffer.
    ///
    /// # Panics
    /// When the buffer does not come from [`PartsWriter::buffer`], or is longer than a frame can be.
    pub fn part(&mut self, mut buffer: Vec<u8>) -> Slice {
        let mut fixed = Vec::with_capacity(PART_BYTES);
        Record::Part { index: self.parts, contents: b"" }.encode(&mut fixed);
        buffer[HEADER_BYTES..FRONT].copy_from_slice(&fixed);
        let crc = frame::close(&mut buffer, 0, self.marker());
        self.offset += buffer.len() as u64;
        self.parts += 1;
        self.chain = chain(self.chain, crc);
        Slice::from(buffer)
    }

    /// Completes the file, which holds so many keys.
    #[must_use]
    pub fn end(mut self, keys: u64) -> Slice {
        let end = End { parts: self.parts, keys, chain: self.chain };
        self.frame(&Record::End(end))
    }

    /// The length of the file so far, in bytes.
    #[must_use]
    pub fn length_bytes(&self) -> u64 {
        self.offset
    }

    fn marker(&self) -> u64 {
        snapshot_marker(self.head.incarnation, self.head.number, self.offset)
    }

    fn frame(&mut self, record: &Record<'_>) -> Slice {
        let bytes = record.frame(self.marker());
        self.offset += bytes.len() as u64;
        Slice::from(bytes)
    }
}

/// Follows the records of a snapshot file and checks the last one against the others.
#[derive(Debug, Default)]
pub struct PartsCheck {
    parts: u64,
    chain: u64,
    begun: bool,
    end: Option<End>,
}

impl PartsCheck {
    /// The next record of the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn see(&mut self, found: &Found<'_>) -> Result<(), &'static str> {
        match found.record {
            _ if self.end.is_some() => return Err("a record behind the last one"),
            Record::SnapshotHead(_) if !self.begun => self.begun = true,
            Record::Part { index, .. } if index == self.parts => {
                self.parts += 1;
                let crc = frame::word(found.frame, found.frame.len() - FOOTER_BYTES);
                self.chain = chain(self.chain, crc);
            }
            Record::Part { .. } => return Err("a part out of order"),
            Record::End(end) if (end.parts, end.chain) == (self.parts, self.chain) => self.end = Some(end),
            Record::End(_) => return Err("the last record does not fit the parts"),
            _ => return Err("a record that does not belong there"),
        }
        Ok(())
    }

    /// The last record, once it was seen and fits.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.end
    }
}
