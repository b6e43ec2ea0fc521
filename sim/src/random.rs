//! Keyed randomness: a draw is a hash of the seed, what it is for, whom it concerns and how many came before.
//!
//! So a new draw in one place shifts nothing anywhere else, and cutting a fault out of a schedule leaves the rest of
//! the run as it was.

/// What a stream of draws is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Domain {
    /// The configuration of a seed.
    Swarm = 1,
    /// The schedule of faults.
    Faults = 2,
    /// How long disk jobs take.
    DiskDelay = 3,
    /// What a crash leaves on the platter.
    Crash = 4,
    /// Delays and cuts of byte streams.
    Network = 5,
    /// When clients act.
    Client = 6,
    /// What clients ask for.
    Workload = 7,
    /// Drift of clocks.
    Clock = 8,
    /// When a process takes its turns, and in which order it sees what happened.
    Process = 9,
    /// The node's own entropy.
    Entropy = 10,
    /// The order of things that happen at the same moment.
    Tie = 11,
    /// Damage done to files at rest.
    Damage = 12,
}

/// The seed of a run, from which every stream is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keyed(pub u64);

impl Keyed {
    /// The stream of one entity for one purpose.
    #[must_use]
    pub fn stream(self, domain: Domain, entity: u64) -> Stream {
        Stream { key: mix(mix(self.0, domain as u64), entity), count: 0 }
    }
}

/// Draws for one purpose and one entity.
#[derive(Clone, Debug)]
pub struct Stream {
    key: u64,
    count: u64,
}

impl Stream {
    /// Sixty-four bits.
    pub fn draw(&mut self) -> u64 {
        self.count += 1;
        mix(self.key, self.count)
    }

    /// A number in `0..bound`.
    ///
    /// # Panics
    /// When `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a bound of 0 leaves nothing to draw");
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// A number in `low..=high` whose magnitude is drawn first, so small ones are as likely as large ones.
    pub fn magnitude(&mut self, low: u64, high: u64) -> u64 {
        let (first, last) = (low.max(1).ilog2(), high.max(1).ilog2());
        let bits = self.range(u64::from(first), u64::from(last)) as u32;
        let value = (1 << bits) + self.below(1 << bits);
        value.clamp(low, high)
    }

    /// True in so many of a million cases.
    pub fn chance(&mut self, per_million: u64) -> bool {
        self.below(1_000_000) < per_million
    }

    /// True in every other case.
    pub fn coin(&mut self) -> bool {
        self.draw() & 1 == 1
    }

    /// One of these.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// The index of one of these, by weight.
    ///
    /// # Panics
    /// When all weights are 0.
    pub fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (index, &weight) in weights.iter().enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        unreachable!("a draw below the sum falls on one of them")
    }

    /// Puts items in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

/// Sixty-four well stirred bits of two words.
#[must_use]
pub fn mix(first: u64, second: u64) -> u64 {
    let mut word = first.rotate_left(25) ^ second.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for factor in [0xd6e8_feb8_6659_fd93, 0xa076_1d64_78bd_642f_u64] {
        word ^= word >> 32;
        word = word.wrapping_mul(factor);
    }
    word ^ (word >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_do_not_shift_each_other() {
        let seed = Keyed(7);
        let mut alone = seed.stream(Domain::Client, 1);
        let expected: Vec<u64> = (0..5).map(|_| alone.draw()).collect();
        let (mut other, mut again) = (seed.stream(Domain::Client, 2), seed.stream(Domain::Client, 1));
        let mixed: Vec<u64> = (0..5)
            .map(|_| {
                other.draw();
                again.draw()
            })
            .collect();
        assert_eq!(expected, mixed);
    }

    #[test]
    fn draws_keep_their_bounds_and_reach_both_ends() {
        let mut stream = Keyed(1).stream(Domain::Swarm, 0);
        let drawn: Vec<u64> = (0..2000).map(|_| stream.range(3, 9)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&9)));
        let sizes: Vec<u64> = (0..2000).map(|_| stream.magnitude(4, 5000)).collect();
        assert!(sizes.iter().all(|size| (4..=5000).contains(size)));
        let small = sizes.iter().filter(|&&size| size < 64).count();
        assert!((500..1000).contains(&small), "four of eleven magnitudes are below 64: {small}");
    }

    #[test]
    fn weights_of_zero_are_never_chosen() {
        let mut stream = Keyed(3).stream(Domain::Swarm, 0);
        assert!((0..500).all(|_| stream.weighted(&[0, 2, 0, 5]) % 2 == 1));
    }
}
