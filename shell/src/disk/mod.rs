//! The node's files: what must be done now is done here, everything else by one thread in the background.
//!
//! ```text
//!  reactor ── append now ──────────────▶ page cache
//!     │
//!     └─ job ─▶ queue ─▶ disk thread ──▶ page cache, platter
//!                             │
//!     ◀── completion + waker ─┘
//! ```
//!
//! Where bytes go is decided here, in the order of the actions; so it does not matter for their places which
//! thread writes them. It matters for a crash: bytes that are in the page cache behind others that are not yet
//! would be a hole in the log. So an append that must be done now waits for those of its file that are still
//! queued; that happens only when the fsync policy has just changed.

mod thread;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};

use lockstep_core::bytes::Slice;
use lockstep_core::ids::{File, Ticket};
use lockstep_core::{DiskFault, When};
use mio::Waker;
use rustix::io::Errno;

use crate::files::Directory;

/// What became of a job.
#[derive(Debug)]
pub enum Completion {
    /// It is on the platter.
    Synced(Ticket),
    /// These are the bytes.
    Loaded(Ticket, Vec<u8>),
    /// The space is there.
    Reserved(Ticket),
    /// It failed.
    Failed(Ticket, DiskFault),
}

/// Work for the disk thread.
#[derive(Debug)]
enum Job {
    Append { ticket: Ticket, shared: Arc<Shared>, number: u64, offset: u64, bytes: Slice, synced: bool },
    Sync { ticket: Ticket, shared: Arc<Shared> },
    Load { ticket: Ticket, shared: Arc<Shared>, offset: u64, length_bytes: u32 },
    Remove { ticket: Ticket, file: File },
    Reserve { ticket: Ticket, shared: Arc<Shared>, number: u64, from: u64, to: u64, zeroed: bool },
}

/// An open file, as both threads see it.
#[derive(Debug)]
struct Shared {
    file: fs::File,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Jobs that write to this file are numbered; those up to this number are done or failed.
    done: u64,
    /// The file's name is on the platter.
    named: bool,
    /// The first failure. What comes after it cannot be trusted, so everything after it fails likewise.
    fault: Option<DiskFault>,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds a file's state")
    }

    /// Notes that the job is done, or how it failed.
    fn finish(&self, number: u64, fault: Option<DiskFault>) {
        let mut state = self.state();
        state.done = state.done.max(number);
        state.fault = state.fault.or(fault);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until every job up to `number` is done; gives the file's first failure, if there was one.
    fn wait(&self, number: u64) -> Option<DiskFault> {
        let state = self.state();
        let done = self.changed.wait_while(state, |state| state.done < number);
        done.expect("no thread panics while it holds a file's state").fault
    }
}

/// An open file, as the reactor sees it.
#[derive(Debug)]
struct Open {
    shared: Arc<Shared>,
    /// Where the next append goes, in bytes.
    appended: u64,
    /// How long the file is, or will be when the queued jobs are done, in bytes.
    length: u64,
    /// How many jobs that write were queued.
    queued: u64,
    /// The number of the last queued append.
    last_append: u64,
    /// The last queued job that reserves, and where its space begins.
    reserving: Option<(u64, u64)>,
}

/// The node's files.
#[derive(Debug)]
pub struct Disk {
    directory: Arc<Directory>,
    files: BTreeMap<File, Open>,
    jobs: Sender<Job>,
    completions: Receiver<Completion>,
    /// Completions of jobs that failed before they were queued.
    early: VecDeque<Completion>,
    halted: Arc<AtomicBool>,
}

impl Disk {
    /// Starts the disk thread; it wakes the reactor with `waker` when there are completions.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(directory: Directory, waker: Arc<Waker>) -> io::Result<Self> {
        let directory = Arc::new(directory);
        let (jobs, queue) = mpsc::channel();
        let (sender, completions) = mpsc::channel();
        let halted = Arc::new(AtomicBool::new(false));
        let worker = thread::Worker::new(Arc::clone(&directory), queue, sender, waker, Arc::clone(&halted));
        std::thread::Builder::new().name("disk".into()).spawn(move || worker.run())?;
        Ok(Self { directory, files: BTreeMap::new(), jobs, completions, early: VecDeque::new(), halted })
    }

    /// Adds bytes to a file. With [`When::Now`] they are in the page cache when this returns.
    ///
    /// # Errors
    /// Only with [`When::Now`]; other failures come as completions.
    pub fn append(&mut self, ticket: Ticket, file: File, bytes: Slice, when: When) -> Result<(), DiskFault> {
        let open = match self.open(file, true) {
            Ok(open) => open,
            Err(error) if when == When::Now => return Err(fault(&error)),
            Err(error) => {
                self.early.push_back(Completion::Failed(ticket, fault(&error)));
                return Ok(());
            }
        };
        let offset = open.appended;
        open.appended += bytes.len() as u64;
        open.length = open.length.max(open.appended);
        if when == When::Now {
            return open.append_now(offset, &bytes);
        }
        open.queued += 1;
        open.last_append = open.queued;
        let (shared, number) = (Arc::clone(&open.shared), open.queued);
        self.queue(Job::Append { ticket, shared, number, offset, bytes, synced: when == When::Synced });
        Ok(())
    }

    /// Brings a file to the platter.
    pub fn sync(&mut self, ticket: Ticket, file: File) {
        match self.open(file, true) {
            Ok(open) => {
                let shared = Arc::clone(&open.shared);
                self.queue(Job::Sync { ticket, shared });
            }
            Err(error) => self.early.push_back(Completion::Failed(ticket, fault(&error))),
        }
    }

    /// Reads a part of a file.
    pub fn load(&mut self, ticket: Ticket, file: File, offset: u64, length_bytes: u32) {
        match self.open(file, false) {
            Ok(open) => {
                let shared = Arc::clone(&open.shared);
                self.queue(Job::Load { ticket, shared, offset, length_bytes });
            }
            Err(error) => self.early.push_back(Completion::Failed(ticket, fault(&error))),
        }
    }

    /// Removes a file.
    pub fn remove(&mut self, ticket: Ticket, file: File) {
        self.files.remove(&file);
        self.queue(Job::Remove { ticket, file });
    }

    /// Makes room up to a length. Space that the file already has is left as it is.
    pub fn reserve(&mut self, ticket: Ticket, file: File, length_bytes: u64, zeroed: bool) {
        let open = match self.open(file, true) {
            Ok(open) => open,
            Err(error) => {
                self.early.push_back(Completion::Failed(ticket, fault(&error)));
                return;
            }
        };
        let (from, to) = (open.length, length_bytes.max(open.length));
        open.length = to;
        open.queued += 1;
        open.reserving = Some((open.queued, from));
        let (shared, number) = (Arc::clone(&open.shared), open.queued);
        self.queue(Job::Reserve { ticket, shared, number, from, to, zeroed });
    }

    /// The next completion.
    pub fn completion(&mut self) -> Option<Completion> {
        self.early.pop_front().or_else(|| self.completions.try_recv().ok())
    }

    /// Whether there are completions that the waker did not announce.
    pub fn has_early_completions(&self) -> bool {
        !self.early.is_empty()
    }

    /// Lets the disk thread begin nothing more.
    pub fn halt(&self) {
        self.halted.store(true, Ordering::SeqCst);
    }

    fn queue(&self, job: Job) {
        self.jobs.send(job).expect("the disk thread lives as long as its queue");
    }

    fn open(&mut self, file: File, create: bool) -> io::Result<&mut Open> {
        use std::collections::btree_map::Entry;
        match self.files.entry(file) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let handle = self.directory.open_file(file, create)?;
                let length = handle.metadata()?.len();
                let state = Mutex::new(State { done: 0, named: false, fault: None });
                let shared = Arc::new(Shared { file: handle, state, changed: Condvar::new() });
                Ok(entry.insert(Open {
                    shared,
                    appended: length,
                    length,
                    queued: 0,
                    last_append: 0,
                    reserving: None,
                }))
            }
        }
    }
}

impl Open {
    fn append_now(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskFault> {
        let end = offset + bytes.len() as u64;
        let mut before = self.last_append;
        if let Some((number, from)) = self.reserving
            && end > from
        {
            // These bytes would race with the zeros on their way to the same place.
            before = before.max(number);
        }
        if let Some(fault) = self.shared.wait(before) {
            return Err(fault);
        }
        self.shared.file.write_all_at(bytes, offset).map_err(|error| {
            let fault = fault(&error);
            self.shared.finish(0, Some(fault));
            fault
        })
    }
}

/// The failure as the node knows it.
fn fault(error: &io::Error) -> DiskFault {
    let full = [Errno::NOSPC.raw_os_error(), Errno::DQUOT.raw_os_error()];
    match error.raw_os_error() {
        Some(code) if full.contains(&code) => DiskFault::Full,
        Some(code) => DiskFault::Io(code),
        None => DiskFault::Io(Errno::IO.raw_os_error()),
    }
}

#[cfg(test)]
mod tests;
