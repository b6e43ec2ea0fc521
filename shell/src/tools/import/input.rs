//! A file read in pieces, which says how far it has come.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// One piece, in bytes.
const PIECE_BYTES: usize = 256 << 10;
/// Smaller files are read too fast to speak of, in bytes.
const SPEAK_BYTES: u64 = 64 << 20;

/// A file being read.
#[derive(Debug)]
pub struct Input {
    file: fs::File,
    name: String,
    length_bytes: u64,
    read_bytes: u64,
    /// The last tenth that was told.
    tenth: u64,
    /// Read, and not given out.
    ahead: Vec<u8>,
}

impl Input {
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> Result<Self, String> {
        let file = fs::File::open(path).map_err(|error| error.to_string())?;
        let length_bytes = file.metadata().map_err(|error| error.to_string())?.len();
        let name = path.display().to_string();
        Ok(Self { file, name, length_bytes, read_bytes: 0, tenth: 0, ahead: Vec::new() })
    }

    /// Whether the file begins with these bytes; only before anything else was read.
    ///
    /// # Errors
    /// The system's.
    pub fn begins_with(&mut self, bytes: &[u8]) -> Result<bool, String> {
        while self.ahead.len() < bytes.len() {
            let more = self.fetch()?;
            if more.is_empty() {
                break;
            }
            self.ahead.extend(more);
        }
        Ok(self.ahead.starts_with(bytes))
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// The system's.
    pub fn piece(&mut self) -> Result<Vec<u8>, String> {
        if !self.ahead.is_empty() {
            return Ok(std::mem::take(&mut self.ahead));
        }
        self.fetch()
    }

    /// How many bytes were given out.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes - self.ahead.len() as u64
    }

    fn fetch(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; PIECE_BYTES];
        let count = loop {
            match self.file.read(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(|error| error.to_string())?,
            }
        };
        bytes.truncate(count);
        self.read_bytes += count as u64;
        let tenth = self.read_bytes.saturating_mul(10) / self.length_bytes.max(1);
        if tenth > self.tenth && self.length_bytes >= SPEAK_BYTES {
            self.tenth = tenth;
            eprintln!("{}: {} % read", self.name, tenth.min(10) * 10);
        }
        Ok(bytes)
    }
}
