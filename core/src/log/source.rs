//! Which bytes are wanted next, and to whom they belong when they come.

use std::collections::VecDeque;

use super::reader::FileReader;
use crate::ids::File;

/// Read at once, in bytes.
const CHUNK_BYTES: u64 = 1 << 20;

/// Read at once where probably only the first record matters, in bytes.
const GLANCE_BYTES: u64 = 4096;

/// How many chunks of one file may be under way.
const OUTSTANDING_MAX: usize = 4;

/// A part of a file that is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Want {
    /// Which file.
    pub file: File,
    /// From here.
    pub offset: u64,
    /// Exactly this many bytes.
    pub length_bytes: u32,
}

/// What is being read: one part of one file at a time.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: File,
    pub(super) reader: FileReader,
    /// The next byte to ask for, and the end.
    next: u64,
    end: u64,
    /// Only the first record matters so far.
    glance: bool,
    /// Grows with every file opened: chunks asked for before are dropped when they come.
    generation: u64,
    outstanding: VecDeque<(u64, Want)>,
    pub(super) read_bytes: u64,
}

impl Source {
    pub(super) fn new() -> Self {
        let nothing = File::Segment(0);
        Self {
            file: nothing,
            reader: FileReader::new(nothing, 0),
            next: 0,
            end: 0,
            glance: false,
            generation: 0,
            outstanding: VecDeque::new(),
            read_bytes: 0,
        }
    }

    /// Turns to `file`, from byte `from` to byte `end`, which `reader` is to judge.
    pub(super) fn open(&mut self, file: File, reader: FileReader, from: u64, end: u64) {
        self.file = file;
        self.reader = reader;
        self.next = from;
        self.end = end;
        self.glance = false;
        self.generation += 1;
    }

    /// Likewise, when probably the first record is enough.
    pub(super) fn glance(&mut self, file: File, reader: FileReader, end: u64) {
        self.open(file, reader, 0, end);
        self.glance = true;
    }

    /// Another number for every file that was turned to.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn want(&mut self) -> Option<Want> {
        if self.next >= self.end || self.outstanding.len() >= OUTSTANDING_MAX {
            return None;
        }
        let at_once = if self.glance {
            // Whether more is needed is known only when these have come.
            if self.outstanding.iter().any(|(generation, _)| *generation == self.generation) {
                return None;
            }
            if self.next == 0 { GLANCE_BYTES } else { CHUNK_BYTES }
        } else {
            CHUNK_BYTES
        };
        let length_bytes = u32::try_from((self.end - self.next).min(at_once)).expect("a chunk");
        let want = Want { file: self.file, offset: self.next, length_bytes };
        self.next += u64::from(length_bytes);
        self.outstanding.push_back((self.generation, want));
        Some(want)
    }

    /// Takes the answer to the oldest want; `Err` with the place when bytes are missing from it.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), (File, u64)> {
        let (generation, want) = self.outstanding.pop_front().expect("fed with what was wanted");
        self.read_bytes += bytes.len() as u64;
        if generation != self.generation {
            return Ok(());
        }
        if bytes.len() != want.length_bytes as usize {
            return Err((want.file, want.offset + bytes.len() as u64));
        }
        self.reader.feed(bytes);
        Ok(())
    }
}
