//! Randomness: every stream in the node comes from the one seed it was started with, or from the log.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::ids::{GroupId, LogIndex};

/// The entropy of a node's life: 32 bytes handed in when it starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seed(pub [u8; 32]);

/// What a stream is for; each purpose has a stream of its own, so a new draw in one does not shift another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Ids of groups, runs and connections.
    Ids = 1,
    /// Random answers to reads.
    Reads = 2,
    /// Passwords and nonces.
    Secrets = 3,
}

impl Seed {
    /// The stream for one purpose.
    #[must_use]
    pub fn stream(&self, purpose: Purpose) -> Random {
        let mut rng = ChaCha8Rng::from_seed(self.0);
        rng.set_stream(purpose as u64);
        Random(rng)
    }
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of one logged command: the same on every replica and in every replay.
    ///
    /// `ordinal` counts the commands before it in its entry.
    #[must_use]
    pub fn of_command(group: GroupId, index: LogIndex, ordinal: u32) -> Self {
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(&group.0);
        seed[16..24].copy_from_slice(&index.0.to_le_bytes());
        seed[24..28].copy_from_slice(&ordinal.to_le_bytes());
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// A stream of its own, seeded from this one.
    #[must_use]
    pub fn split(&mut self) -> Self {
        let mut seed = [0; 32];
        self.fill(&mut seed);
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// Sixty-four random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `0..bound`, without bias (Lemire, "Fast Random Integer Generation in an Interval", 2019).
    ///
    /// # Panics
    /// When `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a bound of 0 leaves nothing to draw");
        let mut wide = u128::from(self.next_u64()) * u128::from(bound);
        if (wide as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (wide as u64) < threshold {
                wide = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (wide >> 64) as u64
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}
