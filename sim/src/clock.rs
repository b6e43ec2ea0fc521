//! The two clocks of a machine: one that runs a little fast or slow, one that also jumps.

use lockstep_core::{Mono, Now};

use crate::schedule::Micros;

/// 1 January 2026, in microseconds since the Unix epoch.
const EPOCH_US: u64 = 1_767_225_600_000_000;

/// The clocks of one machine.
#[derive(Clone, Debug)]
pub struct Clock {
    /// How much faster than true time, in parts per million.
    drift_ppm: i64,
    wall_offset_us: i64,
}

impl Clock {
    /// Clocks that run so much fast, in parts per million.
    #[must_use]
    pub fn new(drift_ppm: i64) -> Self {
        Self { drift_ppm, wall_offset_us: 0 }
    }

    /// What the machine believes.
    #[must_use]
    pub fn now(&self, true_us: Micros) -> Now {
        let mono_us = self.ran(true_us);
        let wall_us = (EPOCH_US + mono_us).saturating_add_signed(self.wall_offset_us);
        // The zero of the monotonic clock means nothing; that of a fresh machine is some time past.
        Now { mono: Mono(mono_us + 1_000_000), wall_us }
    }

    /// When the monotonic clock will show `mono`, in true time.
    #[must_use]
    pub fn when(&self, mono: Mono) -> Micros {
        let wanted_us = i128::from(mono.0.saturating_sub(1_000_000));
        let guess = (wanted_us * 1_000_000 / i128::from(1_000_000 + self.drift_ppm)) as u64;
        (guess.saturating_sub(1)..).find(|&at| i128::from(self.ran(at)) >= wanted_us).expect("clocks run on")
    }

    /// Moves the wall clock.
    pub fn jump(&mut self, by_us: i64) {
        self.wall_offset_us = self.wall_offset_us.saturating_add(by_us);
    }

    fn ran(&self, true_us: Micros) -> u64 {
        (i128::from(true_us) * i128::from(1_000_000 + self.drift_ppm) / 1_000_000) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_found_on_clocks_that_drift() {
        for drift_ppm in [-9_999, -200, 0, 1, 10_000] {
            let clock = Clock::new(drift_ppm);
            for mono in [1_000_000, 1_000_001, 5_123_457, 3_600_000_000] {
                let at = clock.when(Mono(mono));
                assert!(clock.now(at).mono.0 >= mono);
                assert!(at == 0 || clock.now(at - 1).mono.0 < mono, "no later than needed");
            }
        }
    }

    #[test]
    fn only_the_wall_clock_jumps() {
        let mut clock = Clock::new(0);
        let before = clock.now(10);
        clock.jump(-5_000_000);
        let after = clock.now(10);
        assert_eq!((before.mono, before.wall_us - 5_000_000), (after.mono, after.wall_us));
    }
}
