//! A machine's disk: files in the page cache and on the platter, and one worker that does background jobs in order.

mod content;

use std::collections::{BTreeMap, VecDeque};

use lockstep_core::bytes::Slice;
use lockstep_core::ids::{File, FileInfo, Ticket};
use lockstep_core::{DiskFault, When};

use crate::random::{Domain, Keyed, Stream};
use crate::schedule::Micros;
use content::{Content, PAGE_BYTES};

/// What a power loss does to what was not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// It is gone.
    Strict,
    /// Any prefix of it is there (an ordered journal).
    Prefix,
    /// Any subset of its sectors is there, each in any of its versions (delayed allocation).
    Subset,
    /// A subset, and what is missing may read as anything.
    Garbage,
    /// All of it is there.
    Benign,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Strict, Self::Prefix, Self::Subset, Self::Garbage, Self::Benign];
}

/// The error code of a failing device (EIO).
const EIO: i32 = 5;

/// What became of a job.
#[derive(Clone, PartialEq, Eq, Debug)]
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

#[derive(Debug)]
enum Job {
    Append { ticket: Ticket, file: File, bytes: Slice, synced: bool },
    Sync { ticket: Ticket, file: File },
    Load { ticket: Ticket, file: File, offset: u64, length: u32 },
    Remove { ticket: Ticket, file: File },
    Reserve { ticket: Ticket, file: File, length: u64, zeroed: bool },
}

/// What the worker is doing.
#[derive(Debug)]
enum Work {
    /// A sync of a file, for all these, of so many changes.
    Sync {
        file: File,
        tickets: Vec<Ticket>,
        covers: usize,
    },
    /// Something that was done when it began.
    Done,
    Load {
        ticket: Ticket,
        file: File,
        offset: u64,
        length: u32,
    },
    Remove {
        ticket: Ticket,
    },
    Reserve {
        ticket: Ticket,
        file: File,
        covers: Option<usize>,
    },
}

/// What is wrong with the disk for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Condition {
    /// Everything takes so many times as long; 0 counts as 1.
    pub slowness: u64,
    /// No more bytes than this, if it is set.
    pub capacity_bytes: Option<u64>,
    /// So many of the next syncs fail.
    pub syncs_to_fail: u32,
    /// So many of the next appends fail.
    pub appends_to_fail: u32,
    /// So many of the next reads fail.
    pub loads_to_fail: u32,
}

/// How often faults took effect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Syncs that were done.
    pub syncs: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Appends that failed.
    pub failed_appends: u64,
    /// Reads that failed.
    pub failed_loads: u64,
    /// Requests for space that were refused.
    pub refused_space: u64,
    /// Files whose names a power loss took.
    pub lost_names: u64,
    /// Removals that a power loss took back.
    pub undone_removals: u64,
}

/// A machine's disk.
#[derive(Debug)]
pub struct Disk {
    files: BTreeMap<File, Content>,
    /// Removed, but not yet for good.
    removed: Vec<(File, Content)>,
    queue: VecDeque<Job>,
    work: Option<Work>,
    completions: VecDeque<Completion>,
    profile: Profile,
    base_sync_us: u64,
    /// What is wrong just now.
    pub condition: Condition,
    /// What has happened.
    pub counts: Counts,
    delays: Stream,
    crashes: Stream,
}

impl Disk {
    /// An empty disk whose syncs take about so long.
    #[must_use]
    pub fn new(seed: Keyed, machine: u64, profile: Profile, base_sync_us: u64) -> Self {
        Self {
            files: BTreeMap::new(),
            removed: Vec::new(),
            queue: VecDeque::new(),
            work: None,
            completions: VecDeque::new(),
            profile,
            base_sync_us,
            condition: Condition::default(),
            counts: Counts::default(),
            delays: seed.stream(Domain::DiskDelay, machine),
            crashes: seed.stream(Domain::Crash, machine),
        }
    }

    /// What a starting process finds in its directory.
    #[must_use]
    pub fn list(&self) -> Vec<FileInfo> {
        let info =
            |(&file, content): (&File, &Content)| FileInfo { file, length_bytes: content.length() as u64 };
        self.files.iter().map(info).collect()
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.files.values().map(|content| content.length() as u64).sum()
    }

    /// Where the next append to a file will go, once those that wait are done.
    #[must_use]
    pub fn append_offset(&self, file: File) -> usize {
        let waiting = self.queue.iter().map(|job| match job {
            Job::Append { file: other, bytes, .. } if *other == file => bytes.len(),
            _ => 0,
        });
        self.files.get(&file).map_or(0, Content::appended) + waiting.sum::<usize>()
    }

    /// Whether a segment of the log failed in this life of the process.
    #[must_use]
    pub fn log_failed(&self) -> bool {
        self.files.iter().any(|(file, content)| matches!(file, File::Segment(_)) && content.fault.is_some())
    }

    /// Whether these bytes would be read back after any crash.
    #[must_use]
    pub fn is_durable(&self, file: File, offset: usize, bytes: &[u8]) -> bool {
        self.files.get(&file).is_some_and(|content| content.is_durable(offset, bytes))
    }

    /// Adds bytes. With [`When::Now`] they are in the page cache afterwards.
    ///
    /// # Errors
    /// Only with [`When::Now`]; other failures come as completions.
    pub fn append(&mut self, ticket: Ticket, file: File, bytes: Slice, when: When) -> Result<(), DiskFault> {
        if when == When::Now {
            // Bytes behind others that are not in the page cache yet would be a hole in the file.
            while self.append_offset(file) != self.files.get(&file).map_or(0, Content::appended) {
                self.hurry();
            }
            return self.append_to_cache(file, &bytes);
        }
        self.files.entry(file).or_default();
        self.queue.push_back(Job::Append { ticket, file, bytes, synced: when == When::Synced });
        Ok(())
    }

    /// Brings a file to the platter.
    pub fn sync(&mut self, ticket: Ticket, file: File) {
        self.queue.push_back(Job::Sync { ticket, file });
    }

    /// Reads a part of a file.
    pub fn load(&mut self, ticket: Ticket, file: File, offset: u64, length: u32) {
        self.queue.push_back(Job::Load { ticket, file, offset, length });
    }

    /// Removes a file.
    pub fn remove(&mut self, ticket: Ticket, file: File) {
        self.queue.push_back(Job::Remove { ticket, file });
    }

    /// Makes a file at least so long.
    pub fn reserve(&mut self, ticket: Ticket, file: File, length: u64, zeroed: bool) {
        self.queue.push_back(Job::Reserve { ticket, file, length, zeroed });
    }

    /// The next thing that is done and was not told yet.
    pub fn completion(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    /// Whether something is done that was not told yet.
    #[must_use]
    pub fn has_completions(&self) -> bool {
        !self.completions.is_empty()
    }

    /// Lets the worker begin the next job if it is idle; how long that will take.
    pub fn begin(&mut self) -> Option<Micros> {
        if self.work.is_some() {
            return None;
        }
        let job = self.queue.pop_front()?;
        let work = self.start(job);
        let base = match &work {
            Work::Sync { .. } | Work::Remove { .. } => {
                self.delays.magnitude(self.base_sync_us / 4 + 1, self.base_sync_us * 4)
            }
            Work::Reserve { .. } => self.delays.magnitude(20, self.base_sync_us.max(20)),
            Work::Load { .. } => self.delays.range(20, 400),
            Work::Done => self.delays.range(5, 60),
        };
        self.work = Some(work);
        Some(base.saturating_mul(self.condition.slowness.max(1)))
    }

    /// The worker is done with its job.
    pub fn finish(&mut self) {
        match self.work.take() {
            None | Some(Work::Done) => {}
            Some(Work::Sync { file, tickets, covers }) => {
                let result = self.finish_sync(file, covers);
                let told = tickets.into_iter().map(|ticket| match result {
                    Ok(()) => Completion::Synced(ticket),
                    Err(fault) => Completion::Failed(ticket, fault),
                });
                self.completions.extend(told);
            }
            Some(Work::Load { ticket, file, offset, length }) => {
                let told = if self.condition.loads_to_fail > 0 {
                    self.condition.loads_to_fail -= 1;
                    self.counts.failed_loads += 1;
                    Completion::Failed(ticket, DiskFault::Io(EIO))
                } else {
                    match self.files.get(&file) {
                        Some(content) => Completion::Loaded(ticket, content.read(offset, length).to_vec()),
                        None => Completion::Failed(ticket, DiskFault::Io(2)),
                    }
                };
                self.completions.push_back(told);
            }
            Some(Work::Remove { ticket }) => {
                self.directory_synced();
                self.completions.push_back(Completion::Synced(ticket));
            }
            Some(Work::Reserve { ticket, file, covers }) => {
                if let (Some(covers), Some(content)) = (covers, self.files.get_mut(&file)) {
                    content.synced(covers);
                }
                self.completions.push_back(Completion::Reserved(ticket));
            }
        }
    }

    /// The process is gone; the page cache is not. What the worker had begun may have got anywhere.
    pub fn process_ended(&mut self) {
        if let Some(Job::Append { file, bytes, .. }) = self.queue.pop_front() {
            // A write cut short by the end of its process: the system ends it between two pages.
            let offset = self.files.get(&file).map_or(0, Content::appended);
            let count = cut_between_pages(offset, bytes.len(), &mut self.crashes);
            let _ = self.append_to_cache(file, &bytes[..count]);
        }
        self.stop();
        for content in self.files.values_mut() {
            content.process_ended(&mut self.crashes);
        }
    }

    /// The machine lost its power.
    pub fn power_lost(&mut self) {
        self.stop();
        let (profile, draws) = (self.profile, &mut self.crashes);
        for (file, content) in std::mem::take(&mut self.removed) {
            // The name is on the platter until the directory is synced without it.
            if content.named && profile != Profile::Benign && draws.coin() && !self.files.contains_key(&file)
            {
                self.counts.undone_removals += 1;
                self.files.insert(file, content);
            }
        }
        let keeps_names = profile == Profile::Benign;
        let counts = &mut self.counts;
        self.files.retain(|_, content| {
            let kept = content.named || keeps_names || (profile != Profile::Strict && draws.coin());
            counts.lost_names += u64::from(!kept);
            kept
        });
        for content in self.files.values_mut() {
            content.power_lost(profile, draws);
            content.named = true;
        }
    }

    /// Flips a bit somewhere on the platter; `false` when there is nothing on it.
    pub fn rot(&mut self, draws: &mut Stream) -> bool {
        self.damage(draws, Content::rot)
    }

    /// Copies a sector over another of the same file; `false` when that changed nothing.
    pub fn misdirect(&mut self, draws: &mut Stream) -> bool {
        self.damage(draws, Content::misdirect)
    }

    fn damage(&mut self, draws: &mut Stream, how: fn(&mut Content, &mut Stream) -> bool) -> bool {
        if self.files.is_empty() {
            return false;
        }
        let at = draws.below(self.files.len() as u64) as usize;
        let content = self.files.values_mut().nth(at).expect("one of them");
        how(content, draws)
    }

    fn stop(&mut self) {
        self.queue.clear();
        self.work = None;
        self.completions.clear();
    }

    /// Does what is next at once, because somebody waits for it.
    fn hurry(&mut self) {
        self.finish();
        if let Some(job) = self.queue.pop_front() {
            let work = self.start(job);
            self.work = Some(work);
            self.finish();
        }
    }

    fn append_to_cache(&mut self, file: File, bytes: &[u8]) -> Result<(), DiskFault> {
        let used = self.used_bytes();
        let content = self.files.entry(file).or_default();
        if let Some(fault) = content.fault {
            return Err(fault);
        }
        let full = self
            .condition
            .capacity_bytes
            .is_some_and(|capacity| used + content.growth(bytes.len()) as u64 > capacity);
        let broken = self.condition.appends_to_fail > 0;
        if broken || (full && content.growth(bytes.len()) > 0) {
            let fault = if broken { DiskFault::Io(EIO) } else { DiskFault::Full };
            self.condition.appends_to_fail -= u32::from(broken);
            self.counts.failed_appends += 1;
            content.fault = Some(fault);
            // A part of it may be there.
            let count = cut_between_pages(content.appended(), bytes.len(), &mut self.crashes);
            content.append(&bytes[..count]);
            return Err(fault);
        }
        content.append(bytes);
        Ok(())
    }

    fn start(&mut self, job: Job) -> Work {
        match job {
            Job::Append { ticket, file, bytes, synced } => match self.append_to_cache(file, &bytes) {
                Err(fault) => {
                    self.completions.push_back(Completion::Failed(ticket, fault));
                    Work::Done
                }
                Ok(()) if synced => self.start_sync(file, ticket),
                Ok(()) => Work::Done,
            },
            Job::Sync { ticket, file } => self.start_sync(file, ticket),
            Job::Load { ticket, file, offset, length } => Work::Load { ticket, file, offset, length },
            Job::Remove { ticket, file } => {
                if let Some(content) = self.files.remove(&file) {
                    self.removed.push((file, content));
                }
                Work::Remove { ticket }
            }
            Job::Reserve { ticket, file, length, zeroed } => {
                self.start_reserve(ticket, file, length as usize, zeroed)
            }
        }
    }

    /// Appends to the same file that wait behind a sync share it.
    fn start_sync(&mut self, file: File, first: Ticket) -> Work {
        let mut tickets = vec![first];
        loop {
            match self.queue.front() {
                Some(Job::Append { file: other, .. } | Job::Sync { file: other, .. }) if *other == file => {}
                _ => break,
            }
            match self.queue.pop_front() {
                Some(Job::Append { ticket, bytes, synced, .. }) => match self.append_to_cache(file, &bytes) {
                    Ok(()) if synced => tickets.push(ticket),
                    Ok(()) => {}
                    Err(fault) => self.completions.push_back(Completion::Failed(ticket, fault)),
                },
                Some(Job::Sync { ticket, .. }) => tickets.push(ticket),
                _ => unreachable!("only appends and syncs are let through"),
            }
        }
        let covers = self.files.get(&file).map_or(0, Content::unsynced);
        Work::Sync { file, tickets, covers }
    }

    fn finish_sync(&mut self, file: File, covers: usize) -> Result<(), DiskFault> {
        self.counts.syncs += 1;
        let content = self.files.entry(file).or_default();
        if let Some(fault) = content.fault {
            return Err(fault);
        }
        if self.condition.syncs_to_fail > 0 {
            self.condition.syncs_to_fail -= 1;
            self.counts.failed_syncs += 1;
            content.sync_failed(covers, &mut self.crashes);
            content.fault = Some(DiskFault::Io(EIO));
            return Err(DiskFault::Io(EIO));
        }
        content.synced(covers);
        if !content.named {
            self.directory_synced();
        }
        Ok(())
    }

    fn start_reserve(&mut self, ticket: Ticket, file: File, length: usize, zeroed: bool) -> Work {
        let used = self.used_bytes();
        let content = self.files.entry(file).or_default();
        let growth = length.saturating_sub(content.length()) as u64;
        let full = self.condition.capacity_bytes.is_some_and(|capacity| used + growth > capacity);
        if let Some(fault) = content.fault.or((full && growth > 0).then_some(DiskFault::Full)) {
            self.counts.refused_space += 1;
            self.completions.push_back(Completion::Failed(ticket, fault));
            return Work::Done;
        }
        content.extend(length);
        Work::Reserve { ticket, file, covers: zeroed.then(|| content.unsynced()) }
    }

    fn directory_synced(&mut self) {
        self.removed.clear();
        self.files.values_mut().for_each(|content| content.named = true);
    }
}

/// How many of so many bytes a write that is cut short gets into the page cache.
fn cut_between_pages(offset: usize, bytes: usize, draws: &mut Stream) -> usize {
    let cut = draws.below(bytes as u64 + 1) as usize;
    ((offset + cut) / PAGE_BYTES * PAGE_BYTES).saturating_sub(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: File = File::Segment(1);

    fn disk(profile: Profile) -> Disk {
        Disk::new(Keyed(5), 0, profile, 100)
    }

    fn run(disk: &mut Disk) -> Vec<Completion> {
        while disk.begin().is_some() {
            disk.finish();
        }
        std::iter::from_fn(|| disk.completion()).collect()
    }

    fn bytes(value: u8, count: usize) -> Slice {
        Slice::from(vec![value; count])
    }

    #[test]
    fn appends_that_wait_share_one_sync() {
        let mut disk = disk(Profile::Strict);
        for ticket in 1..=3 {
            disk.append(Ticket(ticket), LOG, bytes(ticket as u8, 10), When::Synced).expect("queued");
        }
        assert_eq!(
            run(&mut disk),
            (1..=3).map(|ticket| Completion::Synced(Ticket(ticket))).collect::<Vec<_>>()
        );
        assert_eq!(disk.counts.syncs, 1);
        assert!((1..=3).all(|value| disk.is_durable(LOG, usize::from(value - 1) * 10, &[value; 10])));
    }

    #[test]
    fn a_sync_does_not_cover_what_came_after_it_began() {
        let mut disk = disk(Profile::Strict);
        disk.append(Ticket(1), LOG, bytes(1, 600), When::Now).expect("there is room");
        disk.sync(Ticket(2), LOG);
        disk.begin().expect("a sync");
        disk.append(Ticket(3), LOG, bytes(2, 600), When::Now).expect("there is room");
        disk.finish();
        assert!(disk.is_durable(LOG, 0, &[1; 600]) && !disk.is_durable(LOG, 600, &[2; 600]));
        disk.power_lost();
        assert_eq!(disk.list()[0].length_bytes, 600);
    }

    #[test]
    fn names_and_removals_need_a_sync_of_the_directory() {
        let mut disk = disk(Profile::Strict);
        disk.append(Ticket(1), LOG, bytes(1, 10), When::Now).expect("there is room");
        disk.power_lost();
        assert!(disk.list().is_empty(), "never synced, so its name is gone");
        let mut back = 0;
        for seed in 0..40 {
            let mut disk = Disk::new(Keyed(seed), 0, Profile::Subset, 100);
            disk.append(Ticket(1), LOG, bytes(1, 10), When::Synced).expect("queued");
            run(&mut disk);
            disk.remove(Ticket(2), LOG);
            disk.begin().expect("the removal");
            disk.power_lost();
            back += disk.list().len();
        }
        assert!((5..35).contains(&back), "{back}");
    }

    #[test]
    fn a_full_disk_refuses_space_and_spares_what_was_reserved() {
        let mut disk = disk(Profile::Strict);
        disk.condition.capacity_bytes = Some(1000);
        disk.reserve(Ticket(1), LOG, 900, true);
        disk.reserve(Ticket(2), LOG, 1100, true);
        assert_eq!(
            run(&mut disk),
            [Completion::Reserved(Ticket(1)), Completion::Failed(Ticket(2), DiskFault::Full)]
                .into_iter()
                .collect::<Vec<_>>()
        );
        assert!(disk.append(Ticket(3), LOG, bytes(1, 900), When::Now).is_ok());
        assert_eq!(disk.append(Ticket(4), LOG, bytes(1, 200), When::Now), Err(DiskFault::Full));
    }

    #[test]
    fn after_a_failed_sync_everything_on_the_file_fails() {
        let mut disk = disk(Profile::Strict);
        disk.condition.syncs_to_fail = 1;
        disk.append(Ticket(1), LOG, bytes(1, 10), When::Synced).expect("queued");
        assert_eq!(run(&mut disk), [Completion::Failed(Ticket(1), DiskFault::Io(EIO))]);
        disk.sync(Ticket(2), LOG);
        assert_eq!(run(&mut disk), [Completion::Failed(Ticket(2), DiskFault::Io(EIO))]);
        assert!(disk.append(Ticket(3), LOG, bytes(1, 10), When::Now).is_err());
    }
}
