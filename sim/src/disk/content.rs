//! One file: what the page cache holds, what the platter holds, and what lies between.

use lockstep_core::DiskFault;

use super::Profile;
use crate::random::Stream;

/// What a disk writes as a whole, in bytes.
pub const SECTOR_BYTES: usize = 512;

/// What the system caches as a whole, in bytes.
pub const PAGE_BYTES: usize = 4096;

/// Something done to a file that no sync has covered yet.
#[derive(Clone, Debug)]
enum Change {
    /// Bytes were written.
    Data { offset: usize, bytes: Vec<u8> },
    /// The file was made longer, reading as zeros.
    Extend { length: usize },
}

/// A file.
#[derive(Clone, Debug, Default)]
pub struct Content {
    cache: Vec<u8>,
    platter: Vec<u8>,
    pending: Vec<Change>,
    /// A sync failed: the platter lacks something that the system takes for written.
    stale: bool,
    /// Where the next append goes.
    appended: usize,
    /// The directory entry is on the platter.
    pub named: bool,
    /// The first failure in this life of the process; everything after it fails likewise.
    pub fault: Option<DiskFault>,
}

impl Content {
    /// Its length as the system tells it, in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.cache.len()
    }

    /// Where the next append will go.
    #[must_use]
    pub fn appended(&self) -> usize {
        self.appended
    }

    /// How many bytes an append of this length adds to the file's length.
    #[must_use]
    pub fn growth(&self, bytes: usize) -> usize {
        (self.appended + bytes).saturating_sub(self.cache.len())
    }

    /// Puts bytes behind what was appended so far, into the page cache. Gives where they went.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let offset = self.appended;
        self.write(offset, bytes);
        self.appended += bytes.len();
        offset
    }

    /// Puts bytes somewhere into the page cache.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        overlay(&mut self.cache, offset, bytes);
        let change = Change::Data { offset, bytes: bytes.to_vec() };
        self.pending.push(if self.stale { self.whole_pages(&change) } else { change });
    }

    /// The change as the system will write it: pages as they are in the cache now. That makes a difference only where
    /// the platter lacks something that the system takes for written.
    fn whole_pages(&self, change: &Change) -> Change {
        match change {
            Change::Data { offset, bytes } => {
                let start = offset / PAGE_BYTES * PAGE_BYTES;
                let end = (offset + bytes.len()).next_multiple_of(PAGE_BYTES).min(self.cache.len());
                Change::Data { offset: start, bytes: self.cache[start..end].to_vec() }
            }
            Change::Extend { length } => Change::Extend { length: *length },
        }
    }

    /// Makes the file at least so long.
    pub fn extend(&mut self, length: usize) {
        if length > self.cache.len() {
            self.cache.resize(length, 0);
            self.pending.push(Change::Extend { length });
        }
    }

    /// What a read finds; less than asked for at the end.
    #[must_use]
    pub fn read(&self, offset: u64, length: u32) -> &[u8] {
        let start = usize::try_from(offset).map_or(self.cache.len(), |start| start.min(self.cache.len()));
        let end = (start + length as usize).min(self.cache.len());
        &self.cache[start..end]
    }

    /// How much a sync that begins now will cover.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.pending.len()
    }

    /// A sync that covers the first `count` changes is done.
    pub fn synced(&mut self, count: usize) {
        for change in self.pending.drain(..count) {
            apply(&mut self.platter, &change);
        }
    }

    /// A sync that covers the first `count` changes failed: some sectors reached the platter, and the system takes
    /// all of them for clean. The cache keeps the new content, as in ext4, or falls back to the old, as in Btrfs
    /// (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
    pub fn sync_failed(&mut self, count: usize, draws: &mut Stream) {
        let covered: Vec<Change> = self.pending.drain(..count).collect();
        scatter(&mut self.platter, &covered, Profile::Subset, draws);
        if draws.coin() {
            self.fall_back();
        }
        self.stale = true;
        self.pending = self.pending.iter().map(|change| self.whole_pages(change)).collect();
    }

    /// Pages that nobody wrote to since read as they are on the platter.
    fn fall_back(&mut self) {
        for start in (0..self.cache.len()).step_by(PAGE_BYTES) {
            let end = (start + PAGE_BYTES).min(self.cache.len());
            let newer = self.pending.iter().any(|change| match change {
                Change::Data { offset, bytes } => *offset < end && start < offset + bytes.len(),
                Change::Extend { .. } => false,
            });
            if !newer {
                let old = self.platter.get(start..end.min(self.platter.len())).unwrap_or_default();
                self.cache[start..start + old.len()].copy_from_slice(old);
                self.cache[start + old.len()..end].fill(0);
            }
        }
    }

    /// Whether these bytes would be read back from there after any crash.
    #[must_use]
    pub fn is_durable(&self, offset: usize, bytes: &[u8]) -> bool {
        let end = offset + bytes.len();
        let touched = |change: &Change| match change {
            Change::Data { offset: at, bytes } => *at < end && offset < at + bytes.len(),
            Change::Extend { .. } => false,
        };
        let believed = self.named && self.fault.is_none();
        believed && self.platter.get(offset..end) == Some(bytes) && !self.pending.iter().any(touched)
    }

    /// The process is gone, the machine goes on. Pages that the system takes for clean may have been dropped.
    pub fn process_ended(&mut self, draws: &mut Stream) {
        self.fault = None;
        if self.cache != self.platter && draws.coin() {
            self.fall_back();
        }
        self.appended = self.cache.len();
    }

    /// The machine lost its power.
    pub fn power_lost(&mut self, profile: Profile, draws: &mut Stream) {
        let pending = std::mem::take(&mut self.pending);
        scatter(&mut self.platter, &pending, profile, draws);
        self.cache.clone_from(&self.platter);
        self.stale = false;
        self.appended = self.cache.len();
        self.fault = None;
    }

    /// Flips one bit that is on the platter; `false` when there is none.
    pub fn rot(&mut self, draws: &mut Stream) -> bool {
        if self.platter.is_empty() {
            return false;
        }
        let at = draws.below(self.platter.len() as u64) as usize;
        let bit = 1 << draws.below(8);
        self.platter[at] ^= bit;
        if let Some(byte) = self.cache.get_mut(at) {
            *byte ^= bit;
        }
        true
    }

    /// Copies one sector of the platter over another; `false` when there are not two.
    pub fn misdirect(&mut self, draws: &mut Stream) -> bool {
        let sectors = self.platter.len() / SECTOR_BYTES;
        if sectors < 2 {
            return false;
        }
        let from = draws.below(sectors as u64) as usize * SECTOR_BYTES;
        let to = draws.below(sectors as u64) as usize * SECTOR_BYTES;
        let sector = self.platter[from..from + SECTOR_BYTES].to_vec();
        let differs = |bytes: &[u8]| bytes.get(to..to + SECTOR_BYTES) != Some(&sector[..]);
        let differs = differs(&self.platter) || differs(&self.cache);
        overlay(&mut self.platter, to, &sector);
        overlay(&mut self.cache, to, &sector);
        differs
    }
}

fn overlay(onto: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if onto.len() < offset + bytes.len() {
        onto.resize(offset + bytes.len(), 0);
    }
    onto[offset..offset + bytes.len()].copy_from_slice(bytes);
}

fn apply(onto: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Data { offset, bytes } => overlay(onto, *offset, bytes),
        Change::Extend { length } => onto.resize(onto.len().max(*length), 0),
    }
}

/// Lets a part of the changes reach the platter, as the profile allows.
fn scatter(platter: &mut Vec<u8>, changes: &[Change], profile: Profile, draws: &mut Stream) {
    match profile {
        Profile::Strict => {}
        Profile::Benign => changes.iter().for_each(|change| apply(platter, change)),
        Profile::Prefix => scatter_prefix(platter, changes, draws),
        Profile::Subset | Profile::Garbage => scatter_sectors(platter, changes, profile, draws),
    }
}

/// A prefix of the changes, the last of them torn between two sectors.
fn scatter_prefix(platter: &mut Vec<u8>, changes: &[Change], draws: &mut Stream) {
    let whole = draws.below(changes.len() as u64 + 1) as usize;
    changes[..whole].iter().for_each(|change| apply(platter, change));
    if let Some(Change::Data { offset, bytes }) = changes.get(whole) {
        let sectors = (offset + bytes.len()).div_ceil(SECTOR_BYTES) - offset / SECTOR_BYTES;
        let kept = draws.below(sectors as u64) as usize;
        if kept > 0 {
            let end = (offset / SECTOR_BYTES + kept) * SECTOR_BYTES;
            overlay(platter, *offset, &bytes[..(end - offset).min(bytes.len())]);
        }
    }
}

/// Each sector as any of the changes to it left it, independently of all others.
fn scatter_sectors(platter: &mut Vec<u8>, changes: &[Change], profile: Profile, draws: &mut Stream) {
    let end_of = |change: &Change| match change {
        Change::Data { offset, bytes } => offset + bytes.len(),
        Change::Extend { length } => *length,
    };
    let before = platter.len();
    let longest = changes.iter().map(end_of).max().unwrap_or(0).max(before);
    let style = draws.below(4);
    let mut written_end = before;
    let mut after = platter.clone();
    after.resize(longest, 0);
    for sector in 0..longest.div_ceil(SECTOR_BYTES) {
        let (start, end) = (sector * SECTOR_BYTES, ((sector + 1) * SECTOR_BYTES).min(longest));
        let touching: Vec<(usize, &[u8])> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Data { offset, bytes } => {
                    let (from, to) = (start.max(*offset), end.min(offset + bytes.len()));
                    (from < to).then(|| (from, &bytes[from - offset..to - offset]))
                }
                Change::Extend { .. } => None,
            })
            .collect();
        if touching.is_empty() {
            continue;
        }
        let all = touching.len();
        let kept = match style {
            0 if draws.chance(100_000) => 0,
            0 => all,
            1 if draws.chance(100_000) => all,
            1 => 0,
            2 if draws.coin() => all,
            2 => 0,
            _ => draws.below(all as u64 + 1) as usize,
        };
        for (from, bytes) in &touching[..kept] {
            overlay(&mut after, *from, bytes);
            written_end = written_end.max(from + bytes.len());
        }
        if kept == 0 && profile == Profile::Garbage && start >= before && draws.chance(300_000) {
            after[start..end].fill_with(|| draws.draw() as u8);
        }
    }
    // The length may have reached the platter without the data, never the other way round.
    let length = if draws.coin() { longest } else { written_end };
    after.truncate(length);
    *platter = after;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Domain, Keyed};

    fn draws(seed: u64) -> Stream {
        Keyed(seed).stream(Domain::Crash, 0)
    }

    fn crashed(profile: Profile, seed: u64) -> Vec<u8> {
        let mut content = Content { named: true, ..Content::default() };
        content.append(&[1; 700]);
        content.synced(content.unsynced());
        for value in 2..=5 {
            content.append(&[value; 700]);
        }
        content.power_lost(profile, &mut draws(seed));
        content.read(0, 10_000).to_vec()
    }

    #[test]
    fn what_was_synced_survives_under_every_profile() {
        for profile in Profile::ALL {
            for seed in 0..200 {
                assert_eq!(&crashed(profile, seed)[..700], &[1; 700], "{profile:?} {seed}");
            }
        }
    }

    #[test]
    fn profiles_differ_as_they_say() {
        let whole: Vec<u8> = (1..=5).flat_map(|value| [value; 700]).collect();
        let is_prefix = |bytes: &Vec<u8>| whole.starts_with(bytes);
        let of = |profile| (0..300).map(|seed| crashed(profile, seed)).collect::<Vec<_>>();
        assert!(of(Profile::Strict).iter().all(|bytes| bytes.len() == 700));
        assert!(of(Profile::Benign).iter().all(|bytes| *bytes == whole));
        assert!(of(Profile::Prefix).iter().all(is_prefix));
        let subset = of(Profile::Subset);
        assert!(subset.iter().any(|bytes| !is_prefix(bytes)), "holes");
        let fits =
            |bytes: &Vec<u8>| bytes.iter().zip(&whole).all(|(found, wrote)| found == wrote || *found == 0);
        assert!(subset.iter().all(fits), "only what was written, or nothing");
        assert!(!of(Profile::Garbage).iter().all(fits), "stale bytes");
    }

    #[test]
    fn a_failed_sync_leaves_pages_that_are_never_written() {
        let mut lost = 0;
        for seed in 0..100 {
            let mut content = Content { named: true, ..Content::default() };
            content.append(&[7; 2000]);
            content.sync_failed(1, &mut draws(seed));
            content.synced(content.unsynced());
            lost += u32::from(!content.is_durable(0, &[7; 2000]));
            content.power_lost(Profile::Benign, &mut draws(seed));
            assert_eq!(content.cache, content.platter);
        }
        assert!(lost > 50, "a later sync does not bring it back: {lost}");
    }
}
