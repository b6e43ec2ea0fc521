//! The two clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lockstep_core::{Mono, Now};

/// Reads both clocks; its zero is when the process started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts at zero.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Both readings. A wall clock before 1970 reads as 1970.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: self.mono(), wall_us: micros(wall) }
    }

    /// The clock that never goes back.
    pub fn mono(&self) -> Mono {
        Mono(micros(self.start.elapsed()))
    }
}

/// Whole microseconds of a duration; 584 000 years fit.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
