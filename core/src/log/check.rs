//! Verifies a directory file by file, without starting from it: what an operator looks at when a node says that
//! its files are damaged.
//!
//! It is pulled like [`Recovery`](super::recovery::Recovery): wants are answered in order, reports come out. What a
//! report calls torn or damaged is judged by the file alone; a proof in a later file may say otherwise, so
//! the last word has a recovery of the whole directory.

use std::collections::VecDeque;

use super::parts::PartsCheck;
use super::reader::{Ending, FileReader};
use super::record::Record;
use super::source::{Source, Want};
use crate::ids::{EntryId, File, FileInfo, Position};

/// What one file holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    /// Frames that are believed.
    pub frames: u64,
    /// Entries among them.
    pub entries: u64,
    /// The first and the last entry.
    pub range: Option<(EntryId, EntryId)>,
    /// The stream position of its first byte, for a segment with a head.
    pub start: Option<Position>,
    /// Up to where its own proofs say that everything was on the platter.
    pub synced: Option<Position>,
    /// For a snapshot: the last entry it covers.
    pub covered: Option<EntryId>,
    /// For a snapshot: its parts are all there, and its end says so.
    pub complete: bool,
}

/// How one file stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Everything in it is believed.
    Whole,
    /// A write was under way when the machine stopped, or the file was never finished.
    Torn(String),
    /// No crash explains what stands there.
    Damaged(String),
}

/// The report on one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Which file.
    pub file: File,
    /// Its length, in bytes.
    pub length_bytes: u64,
    /// How many bytes of it are believed, from its beginning: where the first bad frame begins, if there is one.
    pub believed_bytes: u64,
    /// What these hold.
    pub contents: Contents,
    /// How it stands.
    pub verdict: Verdict,
}

impl core::fmt::Display for Report {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Contents { frames, entries, range, covered, .. } = &self.contents;
        write!(
            f,
            "{}: {frames} records in {} of {} bytes",
            self.file.name(),
            self.believed_bytes,
            self.length_bytes
        )?;
        if let Some((first, last)) = range {
            write!(f, ", {entries} entries from {} to {}", first.index, last.index)?;
        }
        if let Some(covered) = covered {
            write!(f, ", up to entry {} of term {}", covered.index, covered.term)?;
        }
        match &self.verdict {
            Verdict::Whole => f.write_str(": whole"),
            Verdict::Torn(what) => write!(f, ": torn at byte {}: {what}", self.believed_bytes),
            Verdict::Damaged(what) => write!(f, ": DAMAGED at byte {}: {what}", self.believed_bytes),
        }
    }
}

/// Verifies files one after the other.
#[derive(Debug)]
pub struct Check {
    files: VecDeque<FileInfo>,
    source: Source,
    contents: Contents,
    parts: PartsCheck,
    /// Where the parts of a snapshot stopped to make sense, and why.
    disorder: Option<(u64, &'static str)>,
}

impl Check {
    /// Begins with the list of files. Nothing is read yet.
    #[must_use]
    pub fn new(files: &[FileInfo]) -> Self {
        let mut check = Self {
            files: files.iter().copied().collect(),
            source: Source::new(),
            contents: Contents::default(),
            parts: PartsCheck::default(),
            disorder: None,
        };
        check.open();
        check
    }

    /// The next part of a file to be read; `None` when enough is under way, or all files were verified.
    pub fn want(&mut self) -> Option<Want> {
        if self.files.is_empty() { None } else { self.source.want() }
    }

    /// The answer to the oldest want that has none. Less than was wanted ends the file there.
    ///
    /// # Panics
    /// When nothing was wanted.
    pub fn feed(&mut self, bytes: &[u8]) {
        if let Err((_, length_bytes)) = self.source.feed(bytes)
            && let Some(info) = self.files.front_mut()
        {
            // Read it anew, as long as it now is: an offline tool may meet a file that is being removed.
            info.length_bytes = length_bytes.min(info.length_bytes.saturating_sub(1));
            self.open();
        }
    }

    /// The report on the next file, when it was read.
    #[allow(clippy::should_implement_trait, reason = "it is fed between the calls")]
    pub fn next(&mut self) -> Option<Report> {
        let info = *self.files.front()?;
        while self.source.reader.advance() {
            self.count();
        }
        let ending = self.source.reader.ending()?;
        let (believed_bytes, verdict) = self.judge(info.file, &ending);
        let contents = core::mem::take(&mut self.contents);
        self.files.pop_front();
        self.open();
        Some(Report { file: info.file, length_bytes: info.length_bytes, believed_bytes, contents, verdict })
    }

    /// Whether all files were verified.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.files.is_empty()
    }

    fn open(&mut self) {
        self.contents = Contents::default();
        self.parts = PartsCheck::default();
        self.disorder = None;
        if let Some(&FileInfo { file, length_bytes }) = self.files.front() {
            self.source.open(file, FileReader::new(file, length_bytes), 0, length_bytes);
        }
    }

    fn count(&mut self) {
        let found = self.source.reader.current();
        self.contents.frames += 1;
        match found.record {
            Record::Head(head) => {
                self.contents.start = Some(head.start);
                self.contents.synced = Some(head.synced.position);
            }
            Record::Synced(proof) => {
                self.contents.synced = self.contents.synced.max(Some(proof.synced.position));
            }
            Record::Entry(entry, _) => {
                self.contents.entries += 1;
                let first = self.contents.range.map_or(entry.id, |(first, _)| first);
                self.contents.range = Some((first, entry.id));
            }
            Record::SnapshotHead(head) => self.contents.covered = Some(head.covered),
            _ => {}
        }
        if matches!(self.source.file, File::Snapshot(_))
            && let Err(what) = self.parts.see(&found)
        {
            self.disorder.get_or_insert((found.offset, what));
        }
        self.contents.complete = self.parts.end().is_some();
    }

    fn judge(&self, file: File, ending: &Ending) -> (u64, Verdict) {
        if let Some((offset, what)) = self.disorder {
            return (offset, Verdict::Damaged(what.to_owned()));
        }
        let position = self.contents.start.map(|start| start.0.saturating_add(ending.offset));
        let own = self.contents.synced.map(|synced| synced.0);
        let behind = ending.proof.map(|proof| proof.synced.position.0);
        let proven = match (own.max(behind), position) {
            (Some(synced), Some(position)) => synced > position,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let verdict = match ending.fault {
            Some(fault) if proven => {
                Verdict::Damaged(format!("{}; it was on the platter once", fault.reason))
            }
            None if proven => Verdict::Damaged("what followed was on the platter once".to_owned()),
            Some(fault) if fault.torn => Verdict::Torn(fault.reason.to_string()),
            Some(fault) => Verdict::Damaged(fault.reason.to_string()),
            None if matches!(file, File::Snapshot(_)) && !self.contents.complete => {
                Verdict::Torn("it was never finished".to_owned())
            }
            None if self.contents.frames == 0 => Verdict::Torn("nothing is in it".to_owned()),
            None => Verdict::Whole,
        };
        (ending.offset, verdict)
    }
}
