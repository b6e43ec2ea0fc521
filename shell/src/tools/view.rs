//! The files of a directory as one set, all opened at one moment: what is removed later stays readable, and a part
//! of it can be looked at as if the rest were not there.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use lockstep_core::ids::{EntryId, File, FileInfo};
use lockstep_core::log::check::{Check, Report};
use lockstep_core::log::reader::{Ending, FileReader};
use lockstep_core::log::record::{Head, Record};
use lockstep_core::log::recovery::{Damaged, Recovery, Step, Want};
use rustix::fs::{FlockOperation, flock};

/// How often the directory is listed anew because files came or went meanwhile.
const LISTS_MAX: u32 = 1000;
/// How often the end of a file that is being written to is looked at anew without its having moved.
const LOOKS_MAX: u32 = 20;
/// And how long to wait in between.
const PAUSE: Duration = Duration::from_millis(5);
/// Files are read in pieces of so many bytes.
const PIECE_BYTES: usize = 1 << 20;

/// The files of a directory, opened for reading.
#[derive(Debug)]
pub struct View {
    files: BTreeMap<File, Part>,
    /// Keeps servers out as long as it lives, unless one was there first.
    lock: Option<fs::File>,
}

/// As much of a file as is looked at.
#[derive(Debug)]
pub struct Part {
    handle: fs::File,
    length_bytes: u64,
}

/// What a start would make of the files.
#[derive(Debug)]
pub enum Start {
    /// A start would find nothing.
    Empty(Vec<String>),
    /// It would load this.
    Loads(Loads),
    /// It would refuse.
    Refuses(Damaged),
}

/// What a start would load.
#[derive(Debug)]
pub struct Loads {
    /// The checkpoint's number and the last entry it covers.
    pub snapshot: Option<(u64, EntryId)>,
    /// How many entries it would run on top of it.
    pub entries: u64,
    /// The last entry of all.
    pub last: EntryId,
    /// What does not count, and why.
    pub notes: Vec<String>,
}

impl View {
    /// No files.
    pub fn empty() -> Self {
        Self { files: BTreeMap::new(), lock: None }
    }

    /// Opens all files of a directory as they are at one moment. No server can start on it while the view lives; one
    /// that is there already is not disturbed.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn open(path: &Path) -> Result<Self, String> {
        let fail = |error: io::Error| format!("Can't read the data directory '{}': {error}", path.display());
        let handle = fs::File::open(path).map_err(fail)?;
        let lock = match flock(&handle, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Some(handle),
            Err(rustix::io::Errno::WOULDBLOCK) => None,
            Err(error) => return Err(fail(error.into())),
        };
        let mut before = list(path).map_err(fail)?;
        for _ in 0..LISTS_MAX {
            let files = open_all(path, &before).map_err(fail)?;
            let after = list(path).map_err(fail)?;
            // Numbers are never used again: what is there before and after was there all the time.
            if let Some(files) = files
                && before == after
            {
                return Ok(Self { files, lock });
            }
            before = after;
        }
        Err(format!("The files of '{}' come and go faster than they can be opened", path.display()))
    }

    /// Whether a server uses the directory.
    pub fn is_live(&self) -> bool {
        self.lock.is_none()
    }

    /// What a starting node is told.
    pub fn infos(&self) -> Vec<FileInfo> {
        self.files.iter().map(|(&file, part)| FileInfo { file, length_bytes: part.length_bytes }).collect()
    }

    /// Looks at no more than the first bytes of a file from now on.
    pub fn cut(&mut self, file: File, length_bytes: u64) {
        if let Some(part) = self.files.get_mut(&file) {
            part.length_bytes = part.length_bytes.min(length_bytes);
        }
    }

    /// Does not look at a file any more.
    pub fn leave_out(&mut self, file: File) {
        self.files.remove(&file);
    }

    /// Fixes a moment of a directory that a server goes on writing to.
    ///
    /// The server appends in one order, and leaves a segment for good before the next one has its head. So from the
    /// newest segment back to the first that has a head, each is cut at the end of what is whole in it now;
    /// whatever is in older ones, a later look finds at least as much of it. What is cut off was written after
    /// the view was opened, or is being written.
    ///
    /// # Errors
    /// A sentence for the operator: a file cannot be read.
    pub fn settle(&mut self) -> Result<(), String> {
        let segments: Vec<File> =
            self.files.keys().rev().copied().filter(|file| matches!(file, File::Segment(_))).collect();
        let mut begun = false;
        for file in segments {
            let part = self.files.get_mut(&file).expect("it was listed");
            let fail = |error| unreadable(file, &error);
            part.length_bytes = part.handle.metadata().map_err(fail)?.len();
            if begun {
                continue;
            }
            let Some((end, has_head)) = part.end_of_whole(file).map_err(fail)? else {
                // It stays bad: whoever looks at it next will say why.
                return Ok(());
            };
            begun = has_head;
            part.length_bytes = end;
            if !has_head {
                self.files.remove(&file);
            }
        }
        Ok(())
    }

    /// A part of a file; less at its end, nothing of a file that is not there.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn load(&self, file: File, offset: u64, length_bytes: u32) -> Result<Vec<u8>, String> {
        let Some(part) = self.files.get(&file) else { return Ok(Vec::new()) };
        part.read(offset, length_bytes as usize).map_err(|error| unreadable(file, &error))
    }

    fn answer(&self, want: Want) -> Result<Vec<u8>, String> {
        self.load(want.file, want.offset, want.length_bytes)
    }

    /// Verifies every file by itself.
    ///
    /// # Errors
    /// A sentence for the operator: a file cannot be read.
    pub fn reports(&self) -> Result<Vec<Report>, String> {
        let mut check = Check::new(&self.infos());
        let mut reports = Vec::new();
        while !check.finished() {
            while let Some(report) = check.next() {
                reports.push(report);
            }
            if let Some(want) = check.want() {
                check.feed(&self.answer(want)?);
            }
        }
        Ok(reports)
    }

    /// Finds out what a start would make of all files together.
    ///
    /// # Errors
    /// A sentence for the operator: a file cannot be read.
    pub fn start(&self) -> Result<Start, String> {
        let mut recovery = Recovery::new(&self.infos());
        let mut entries = 0;
        loop {
            while let Some(step) = recovery.next() {
                match step {
                    Step::Entry { .. } => entries += 1,
                    Step::Empty(empty) => return Ok(Start::Empty(empty.notes)),
                    Step::Damaged(damaged) => return Ok(Start::Refuses(damaged)),
                    Step::Recovered(recovered) => {
                        let (snapshot, last) = (recovered.snapshot, recovered.last);
                        return Ok(Start::Loads(Loads { snapshot, entries, last, notes: recovered.notes }));
                    }
                    _ => {}
                }
            }
            let want = recovery.want().expect("recovery wants something until it has come to an end");
            recovery.feed(&self.answer(want)?);
        }
    }

    /// Writes a file's part into a directory and brings it to the platter; its length in bytes.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn copy(&self, file: File, target: &Path) -> Result<u64, String> {
        let part = &self.files[&file];
        let path = target.join(file.name());
        let fail = |error: io::Error| format!("Can't write '{}': {error}", path.display());
        let copy = fs::File::create_new(&path).map_err(fail)?;
        let mut at = 0;
        while at < part.length_bytes {
            let bytes = part.read(at, PIECE_BYTES).map_err(|error| unreadable(file, &error))?;
            if bytes.is_empty() {
                return Err(format!("{} became shorter while it was copied", file.name()));
            }
            // What is reserved ahead reads as zeros whether it was written or not.
            if bytes.iter().any(|&byte| byte != 0) {
                copy.write_all_at(&bytes, at).map_err(fail)?;
            }
            at += bytes.len() as u64;
        }
        copy.set_len(part.length_bytes).and_then(|()| copy.sync_all()).map_err(fail)?;
        Ok(part.length_bytes)
    }
}

impl Part {
    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.length_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(length)];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.handle.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Where the last whole frame ends, and whether there is a head; `None` when what follows it is bad and stays so.
    ///
    /// A frame may be half written when it is read, and what is behind it may be there a moment later. So a bad
    /// frame is looked at again, from where it begins.
    fn end_of_whole(&mut self, file: File) -> io::Result<Option<(u64, bool)>> {
        let (mut head, mut from, mut looks) = (None, 0, 0);
        while looks < LOOKS_MAX {
            self.length_bytes = self.handle.metadata()?.len();
            let ending = self.walk(file, &mut head, from)?;
            if ending.fault.is_none() {
                return Ok(Some((ending.offset, head.is_some())));
            }
            looks = if ending.offset > from { 0 } else { looks + 1 };
            from = ending.offset;
            std::thread::sleep(PAUSE);
        }
        Ok(None)
    }

    fn walk(&self, file: File, head: &mut Option<Head>, from: u64) -> io::Result<Ending> {
        let mut reader = match head {
            Some(head) => FileReader::within(head, from, self.length_bytes),
            None => FileReader::new(file, self.length_bytes),
        };
        let mut at = from;
        loop {
            while let Some(found) = reader.next() {
                if let Record::Head(found) = found.record {
                    *head = Some(found);
                }
            }
            if let Some(ending) = reader.ending() {
                return Ok(ending);
            }
            let bytes = self.read(at, PIECE_BYTES)?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            at += bytes.len() as u64;
            reader.feed(&bytes);
        }
    }
}

fn unreadable(file: File, error: &io::Error) -> String {
    format!("Can't read {}: {error}", file.name())
}

/// Our files of a directory, in order.
fn list(path: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        files.extend(entry?.file_name().to_str().and_then(File::parse));
    }
    files.sort_unstable();
    Ok(files)
}

/// Opens files; `None` when one is not there any more.
fn open_all(path: &Path, files: &[File]) -> io::Result<Option<BTreeMap<File, Part>>> {
    let mut opened = BTreeMap::new();
    for &file in files {
        let handle = match fs::File::open(path.join(file.name())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let length_bytes = handle.metadata()?.len();
        opened.insert(file, Part { handle, length_bytes });
    }
    Ok(Some(opened))
}
