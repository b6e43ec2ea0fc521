//! Log time and expiry.
//!
//! Commands see the time of their entry, and log time never goes back. A key is gone when its deadline is not
//! later than that time; reads only hide it, and it is removed by execution: a write removes what it touches,
//! and an entry may say how many due keys are to go, in the order of their deadlines. A turn in which somebody
//! may have been told that a key is gone logs its time, so no restart with an earlier clock brings the key back.

use super::Node;
use crate::Mono;
use crate::mark::plant;

impl Node {
    /// Whether some key's deadline has passed at the log's time.
    pub(super) fn expiry_is_due(&self) -> bool {
        self.keyspace.earliest_deadline().is_some_and(|deadline| deadline <= self.writer.time())
    }

    /// The access clock of keys used in this turn.
    pub(super) fn note_access_clock(&mut self) {
        let seconds = (self.now.wall_us / 1_000_000) as u32;
        self.keyspace.set_access_of_new(seconds & 0x00ff_ffff);
    }

    /// Logs that due keys go, if this turn has to: it told somebody so, it writes anyway, or it is time.
    pub(super) fn settle_expiry(&mut self) {
        if !self.is_running() || !self.active_expiry || self.stop_is_syncing() || !self.expiry_is_due() {
            return;
        }
        let busy = plant!("XP1", self.reads_ran, false) || self.open_units > 0 || self.lane.is_filling();
        if !busy && self.now.mono < self.next_clock_entry {
            return;
        }
        if !self.writer.fits(super::apply::SELECT_BYTES_MAX) {
            // No room to say so: reads go on hiding the keys, and nothing is removed until there is.
            self.writer.demand(super::apply::SELECT_BYTES_MAX);
            return;
        }
        self.next_clock_entry = self.now.mono.after_ms(u64::from(self.config.knobs.clock_entry_ms));
        let limit = self.config.knobs.expire_keys_per_entry as usize;
        if self.gate_is_open() && self.lane.is_idle() {
            let removed = self.keyspace.expire_due(self.writer.time(), limit);
            self.log_expiry(removed);
        } else {
            self.log_expiry(limit);
        }
    }

    /// When the next keys are due.
    pub(super) fn clock_deadline(&self) -> Option<Mono> {
        if !self.is_running() || !self.active_expiry || self.stop_is_syncing() {
            return None;
        }
        let deadline = self.keyspace.earliest_deadline()?;
        let wait_ms = deadline.0.saturating_sub(self.writer.time().0.max(self.now.wall().0));
        Some(self.now.mono.after_ms(wait_ms).max(self.next_clock_entry))
    }
}
