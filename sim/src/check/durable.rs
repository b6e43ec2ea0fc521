//! INV-P3, INV-S3 and INV-S7: which acknowledged commands must survive which crash.
//!
//! ```text
//!                     the process dies      the machine loses power
//!   always            all that was told     all that was told; checked when it is told, against the worst crash
//!   everysec          all that was told     all but what was told within the bound of the first that is lost
//!   no                all that was told     what a sync had covered
//! ```

use lockstep_core::Mono;

use super::log::Log;
use crate::disk::Disk;
use crate::history::{Violation, violated};

/// How often the log is synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// Before every reply.
    Always,
    /// Once a second.
    EverySecond,
    /// When the system likes.
    No,
}

impl Policy {
    /// As the configuration writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::EverySecond => "everysec",
            Self::No => "no",
        }
    }
}

/// What was promised.
#[derive(Debug)]
pub struct Durable {
    policy: Policy,
    /// Under `everysec`, what was told within so many microseconds of the first command that is lost may be lost too.
    window_us: u64,
    /// Commands that somebody was told the effects of.
    told: u64,
    /// When that grew: commands told of, and the node's monotonic clock.
    tellings: Vec<(u64, Mono)>,
    /// Entries that would be read back after any crash.
    safe_entries: u64,
    /// A power loss, or a disk that failed, came after the last time the node served.
    power_lost: bool,
    /// The promise does not hold: damage that cannot be told from a torn write was done to the disk.
    pub waived: bool,
}

impl Durable {
    /// Nothing was promised yet.
    #[must_use]
    pub fn new(policy: Policy, window_us: u64) -> Self {
        Self {
            policy,
            window_us,
            told: 0,
            tellings: Vec::new(),
            safe_entries: 0,
            power_lost: false,
            waived: false,
        }
    }

    /// Somebody is told of the effects of the first `units` commands.
    ///
    /// # Errors
    /// When that is more than the policy allows.
    pub fn tell(&mut self, log: &Log, disk: &Disk, units: u64, mono: Mono) -> Result<(), Violation> {
        if units <= self.told {
            return Ok(());
        }
        self.told = units;
        self.tellings.push((units, mono));
        self.look(log, disk);
        if self.policy == Policy::Always && log.units_at(self.safe_entries) < units {
            let unsafe_entry = self.safe_entries + 1;
            return violated(
                "INV-P3",
                format!(
                    "a reply left that tells of command {units}, while entry {unsafe_entry} is not on the platter"
                ),
            );
        }
        Ok(())
    }

    /// Sees how much of the log has become safe: by a sync, not by chance. Between a crash and the first new entry,
    /// single entries may be on the platter that nobody could find there.
    pub fn look(&mut self, log: &Log, disk: &Disk) {
        if !log.goes_on {
            return;
        }
        let is_safe = |entry: &super::log::Entry| {
            entry.places.iter().any(|&(file, offset)| disk.is_durable(file, offset, &entry.frame))
        };
        while log.entries.get(self.safe_entries as usize).is_some_and(is_safe) {
            self.safe_entries += 1;
        }
    }

    /// The process is gone.
    pub fn crashed(&mut self, log: &Log, disk: &Disk, power_lost: bool) {
        self.look(log, disk);
        self.power_lost |= power_lost;
    }

    /// The node goes on behind entry `index`; what was behind it is lost.
    ///
    /// # Errors
    /// When something is lost that must not be.
    pub fn recovered(&mut self, log: &Log, index: u64) -> Result<(), Violation> {
        let kept = log.units_at(index);
        let result = self.judge(log, index, kept);
        self.told = self.told.min(kept);
        self.tellings.retain(|(units, _)| *units <= kept);
        self.safe_entries = self.safe_entries.min(index);
        self.power_lost = false;
        result
    }

    fn judge(&self, log: &Log, index: u64, kept: u64) -> Result<(), Violation> {
        if self.waived {
            return Ok(());
        }
        if index < self.safe_entries {
            return violated(
                "INV-S3",
                format!(
                    "entries up to {} were on the platter, and the node goes on behind {index}",
                    self.safe_entries
                ),
            );
        }
        if kept >= self.told {
            return Ok(());
        }
        let policy = self.policy.name();
        let told = self.told;
        if !self.power_lost {
            return violated(
                "INV-S7",
                format!("the process died ({policy}): {told} commands had been told of, {kept} are left"),
            );
        }
        match self.policy {
            Policy::Always => violated(
                "INV-P3",
                format!("the power went ({policy}): {told} commands had been told of, {kept} are left"),
            ),
            Policy::No => Ok(()),
            Policy::EverySecond => {
                let first_lost = log.entry_of(kept).appended;
                let last_told = self.tellings.last().map_or(first_lost, |&(_, mono)| mono);
                let span_us = last_told.micros_since(first_lost);
                if span_us > self.window_us {
                    return violated(
                        "INV-P3",
                        format!(
                            "the power went ({policy}): commands told of over {span_us} µs are lost, {} at most may be",
                            self.window_us
                        ),
                    );
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::log::Entry;
    use crate::disk::Profile;
    use crate::random::Keyed;
    use lockstep_core::When;
    use lockstep_core::bytes::Slice;
    use lockstep_core::ids::{File, Ticket};

    const FILE: File = File::Segment(1);

    /// A log of three entries with a command each, of which the disk has synced `synced`.
    fn world(synced: usize) -> (Log, Disk) {
        let mut disk = Disk::new(Keyed(1), 0, Profile::Strict, 10);
        let mut log = Log { goes_on: true, ..Log::default() };
        for unit in 0..3_u64 {
            let frame = vec![unit as u8 + 1; 100];
            disk.append(Ticket(unit), FILE, Slice::from(frame.clone()), When::Now).expect("there is room");
            if unit + 1 == synced as u64 {
                disk.sync(Ticket(10), FILE);
                while disk.begin().is_some() {
                    disk.finish();
                }
            }
            log.unit_times.push(unit);
            let places = vec![(FILE, unit as usize * 100)];
            let appended = Mono(1_000_000 * unit);
            log.entries.push(Entry { frame, time_ms: unit, units_end: unit + 1, places, appended });
        }
        (log, disk)
    }

    #[test]
    fn under_always_a_reply_needs_the_platter() {
        let (log, disk) = world(2);
        let mut durable = Durable::new(Policy::Always, 0);
        assert_eq!(durable.tell(&log, &disk, 2, Mono(0)), Ok(()));
        assert_eq!(
            durable.tell(&log, &disk, 3, Mono(0)).map_err(|violation| violation.invariant),
            Err("INV-P3")
        );
    }

    #[test]
    fn the_end_of_a_process_loses_nothing_that_was_told() {
        for policy in [Policy::Always, Policy::EverySecond, Policy::No] {
            let (log, disk) = world(0);
            let mut durable = Durable::new(policy, 0);
            let _ = durable.tell(&log, &disk, 2, Mono(0));
            durable.crashed(&log, &disk, false);
            assert!(durable.judge(&log, 1, 1).is_err(), "{policy:?}");
            assert!(durable.judge(&log, 2, 2).is_ok(), "{policy:?}");
        }
    }

    #[test]
    fn what_was_synced_survives_whatever_the_policy() {
        let (log, disk) = world(2);
        let mut durable = Durable::new(Policy::No, 0);
        durable.crashed(&log, &disk, true);
        assert_eq!(durable.recovered(&log, 1).map_err(|violation| violation.invariant), Err("INV-S3"));
        assert!(durable.recovered(&log, 2).is_ok());
    }

    #[test]
    fn everysec_loses_a_bounded_time() {
        for (window_us, good) in [(2_000_000, true), (1_999_999, false)] {
            let (log, disk) = world(0);
            let mut durable = Durable::new(Policy::EverySecond, window_us);
            assert!(durable.tell(&log, &disk, 3, Mono(2_000_000)).is_ok());
            durable.crashed(&log, &disk, true);
            assert_eq!(durable.recovered(&log, 0).is_ok(), good);
        }
    }
}
