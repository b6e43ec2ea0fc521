//! Time as the core knows it: two readings handed in with every turn, and nothing else.

/// Milliseconds since the Unix epoch. May jump in both directions; never used for elections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UnixMillis(pub u64);

/// Microseconds of a clock that never goes back. Its zero means nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Mono(pub u64);

impl Mono {
    /// The moment `millis` milliseconds later, or the end of time.
    #[must_use]
    pub fn after_ms(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1000)))
    }

    /// Microseconds from `earlier` to this moment; 0 when it is not earlier.
    #[must_use]
    pub fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The two clocks, read once per turn by the driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// For time-outs and intervals.
    pub mono: Mono,
    /// For what clients see, and for expiry by way of the log.
    pub wall_us: u64,
}

impl Now {
    /// The wall clock in milliseconds.
    #[must_use]
    pub fn wall(self) -> UnixMillis {
        UnixMillis(self.wall_us / 1000)
    }
}
