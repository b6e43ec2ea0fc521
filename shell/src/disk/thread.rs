//! The disk thread: jobs in order, one sync for many appends.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use lockstep_core::DiskFault;
use lockstep_core::ids::Ticket;
use mio::Waker;
use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate};
use rustix::io::Errno;

use super::{Completion, Job, Shared, fault};
use crate::files::Directory;

/// Zeros are written in pieces of this many bytes.
const ZEROS_BYTES: usize = 1 << 20;

/// How far the system is asked to read ahead of a load, in loads of the same length.
const AHEAD: u64 = 4;

pub(super) struct Worker {
    directory: Arc<Directory>,
    jobs: Receiver<Job>,
    /// Jobs that were taken out of the channel to look at them.
    queue: VecDeque<Job>,
    completions: Sender<Completion>,
    waker: Arc<Waker>,
    halted: Arc<AtomicBool>,
}

impl Worker {
    pub(super) fn new(
        directory: Arc<Directory>,
        jobs: Receiver<Job>,
        completions: Sender<Completion>,
        waker: Arc<Waker>,
        halted: Arc<AtomicBool>,
    ) -> Self {
        Self { directory, jobs, queue: VecDeque::new(), completions, waker, halted }
    }

    /// Works until the reactor is gone or has halted.
    pub(super) fn run(mut self) {
        while let Some(job) = self.next() {
            if self.halted.load(Ordering::SeqCst) {
                return;
            }
            self.perform(job);
            // A waker that fails leaves the reactor to find the completions at its next turn.
            let _ = self.waker.wake();
        }
    }

    fn next(&mut self) -> Option<Job> {
        if self.queue.is_empty() {
            self.queue.push_back(self.jobs.recv().ok()?);
        }
        self.queue.pop_front()
    }

    fn perform(&mut self, job: Job) {
        match job {
            Job::Append { ticket, shared, number, offset, bytes, synced } => {
                match write(&shared, number, offset, &bytes) {
                    Err(fault) => self.complete(Completion::Failed(ticket, fault)),
                    Ok(()) if synced => self.sync_group(ticket, &shared),
                    Ok(()) => {}
                }
            }
            Job::Sync { ticket, shared } => self.sync_group(ticket, &shared),
            Job::Load { ticket, shared, offset, length_bytes } => {
                let loaded = load(&shared.file, offset, length_bytes);
                self.complete(match loaded {
                    Ok(bytes) => Completion::Loaded(ticket, bytes),
                    Err(error) => Completion::Failed(ticket, fault(&error)),
                });
            }
            Job::Remove { ticket, file } => {
                let removed = match fs::remove_file(self.directory.path_of(file)) {
                    // Asked for again after a crash, or never made: gone is what was wanted.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    other => other,
                };
                self.complete(match removed.and_then(|()| self.directory.sync()) {
                    Ok(()) => Completion::Synced(ticket),
                    Err(error) => Completion::Failed(ticket, fault(&error)),
                });
            }
            Job::Reserve { ticket, shared, number, from, to, zeroed } => {
                let reserved = match shared.state().fault {
                    Some(fault) => Err(fault),
                    None => reserve(&shared.file, from, to, zeroed).map_err(|error| fault(&error)),
                };
                // A disk that is full now does not spoil the file: nothing was promised yet.
                let spoiled = reserved.err().filter(|fault| *fault != DiskFault::Full);
                shared.finish(number, spoiled);
                self.complete(match reserved {
                    Ok(()) => Completion::Reserved(ticket),
                    Err(fault) => Completion::Failed(ticket, fault),
                });
            }
        }
    }

    /// Performs the appends and syncs of the same file that queued up behind this one, then syncs once for all.
    fn sync_group(&mut self, first: Ticket, shared: &Arc<Shared>) {
        let mut tickets = vec![first];
        self.queue.extend(self.jobs.try_iter());
        loop {
            let same = match self.queue.front() {
                Some(Job::Append { shared: other, .. } | Job::Sync { shared: other, .. }) => {
                    Arc::ptr_eq(shared, other)
                }
                _ => false,
            };
            if !same {
                break;
            }
            match self.queue.pop_front() {
                Some(Job::Append { ticket, number, offset, bytes, synced, .. }) => {
                    match write(shared, number, offset, &bytes) {
                        Ok(()) if synced => tickets.push(ticket),
                        Ok(()) => {}
                        Err(fault) => self.complete(Completion::Failed(ticket, fault)),
                    }
                }
                Some(Job::Sync { ticket, .. }) => tickets.push(ticket),
                _ => unreachable!("only appends and syncs were let through"),
            }
        }
        let result = self.sync(shared);
        for ticket in tickets {
            self.complete(match result {
                Ok(()) => Completion::Synced(ticket),
                Err(fault) => Completion::Failed(ticket, fault),
            });
        }
    }

    /// Brings the file's bytes, and once its name, to the platter.
    fn sync(&self, shared: &Shared) -> Result<(), DiskFault> {
        let (named, before) = {
            let state = shared.state();
            (state.named, state.fault)
        };
        // After a failure the system may report success without having kept anything.
        if let Some(fault) = before {
            return Err(fault);
        }
        let synced =
            shared.file.sync_data().and_then(|()| if named { Ok(()) } else { self.directory.sync() });
        let mut state = shared.state();
        match synced {
            Ok(()) => {
                state.named = true;
                // An append done by the reactor may have failed meanwhile; its failure is its own completion.
                Ok(())
            }
            Err(error) => {
                let fault = fault(&error);
                state.fault = Some(fault);
                Err(fault)
            }
        }
    }

    fn complete(&self, completion: Completion) {
        // The reactor may be gone already; then nobody waits for this.
        let _ = self.completions.send(completion);
    }
}

fn write(shared: &Shared, number: u64, offset: u64, bytes: &[u8]) -> Result<(), DiskFault> {
    let before = shared.state().fault;
    let written = match before {
        Some(fault) => Err(fault),
        None => shared.file.write_all_at(bytes, offset).map_err(|error| fault(&error)),
    };
    shared.finish(number, written.err());
    written
}

/// Bytes of a file; fewer than asked for only at its end.
fn load(file: &fs::File, offset: u64, length_bytes: u32) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len().saturating_sub(offset).min(u64::from(length_bytes));
    let mut bytes = vec![0; usize::try_from(length).expect("at most 4 GiB")];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    // Files are loaded from front to back, so the next pieces are fetched while the node works on this one.
    // It is a wish; whether the system follows it makes no difference to the result.
    let next = std::num::NonZeroU64::new(u64::from(length_bytes).saturating_mul(AHEAD));
    let _ = fadvise(file, offset + length, next, Advice::WillNeed);
    Ok(bytes)
}

fn reserve(file: &fs::File, from: u64, to: u64, zeroed: bool) -> io::Result<()> {
    if to <= from {
        return Ok(());
    }
    if !zeroed {
        match fallocate(file, FallocateFlags::empty(), from, to - from) {
            Ok(()) => return Ok(()),
            // Not every file system can; writing zeros is what remains.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let zeros = vec![0; ZEROS_BYTES];
    let mut at = from;
    while at < to {
        let piece = usize::try_from(to - at).map_or(ZEROS_BYTES, |rest| rest.min(ZEROS_BYTES));
        file.write_all_at(&zeros[..piece], at)?;
        at += piece as u64;
    }
    // So that the syncs to come find the file's length and blocks on the platter and move data only.
    file.sync_all()
}
