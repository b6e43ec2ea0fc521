//! What the access clock of a key says: when it was last used, or how often.
//!
//! The clock has 24 bits. Under most eviction policies it holds the seconds since the epoch, and wraps about every
//! 194 days. Under an LFU policy its upper 16 bits hold the minute of the last use, and its lower 8 a counter that
//! grows with the logarithm of the uses and decays with time (Redis: "Using Redis as an LRU cache").
//!
//! All of it belongs to the node and not to the state: replicas may differ, and what is chosen by it reaches the
//! log as a deletion.

use crate::config::{Config, MaxmemoryPolicy};
use crate::seed::Random;
use crate::time::UnixMillis;

const CLOCK_MASK: u64 = (1 << 24) - 1;
const MINUTES_MASK: u64 = (1 << 16) - 1;
/// What the counter of a new key begins with, lest it be evicted before it can be used again.
const COUNTER_OF_NEW: u8 = 5;

/// Whether uses are counted (LFU), rather than timed.
#[must_use]
pub fn counts_uses(config: &Config) -> bool {
    matches!(config.maxmemory_policy, MaxmemoryPolicy::AllkeysLfu | MaxmemoryPolicy::VolatileLfu)
}

/// The clock of a key that is made now.
#[must_use]
pub fn of_new(config: &Config, now: UnixMillis) -> u32 {
    if counts_uses(config) { join(minutes(now), COUNTER_OF_NEW) } else { seconds(now) }
}

/// The clock of a key that had `clock` and is used now. Draws for the counter only.
#[inline]
#[must_use]
pub fn of_used(config: &Config, now: UnixMillis, clock: u32, random: &mut Random) -> u32 {
    if !counts_uses(config) {
        return seconds(now);
    }
    join(minutes(now), grow(frequency(config, now, clock), config.lfu_log_factor, random))
}

/// How long ago the key was used, in seconds, modulo the clock's range.
#[must_use]
pub fn idle_s(now: UnixMillis, clock: u32) -> u64 {
    u64::from(seconds(now)).wrapping_sub(u64::from(clock)) & CLOCK_MASK
}

/// The counter as it has decayed until now.
#[must_use]
pub fn frequency(config: &Config, now: UnixMillis, clock: u32) -> u8 {
    let counter = (clock & 0xff) as u8;
    if config.lfu_decay_time_minutes == 0 {
        return counter;
    }
    let since = u64::from(minutes(now)).wrapping_sub(u64::from(clock >> 8)) & MINUTES_MASK;
    let periods = since / u64::from(config.lfu_decay_time_minutes);
    counter.saturating_sub(u8::try_from(periods).unwrap_or(u8::MAX))
}

/// One more use: counted with a chance that falls with the count.
fn grow(counter: u8, log_factor: u32, random: &mut Random) -> u8 {
    let base = u64::from(counter.saturating_sub(COUNTER_OF_NEW));
    let one_in = base * u64::from(log_factor) + 1;
    counter.saturating_add(u8::from(random.below(one_in) == 0))
}

fn seconds(now: UnixMillis) -> u32 {
    ((now.0 / 1000) & CLOCK_MASK) as u32
}

fn minutes(now: UnixMillis) -> u16 {
    ((now.0 / 60_000) & MINUTES_MASK) as u16
}

fn join(minutes: u16, counter: u8) -> u32 {
    u32::from(minutes) << 8 | u32::from(counter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    const START: UnixMillis = UnixMillis(1_700_000_000_000);

    fn later(seconds: u64) -> UnixMillis {
        UnixMillis(START.0 + seconds * 1000)
    }

    fn lfu() -> Config {
        Config { maxmemory_policy: MaxmemoryPolicy::AllkeysLfu, ..Config::default() }
    }

    fn random() -> Random {
        Seed([7; 32]).stream(Purpose::Reads)
    }

    #[test]
    fn idle_time_survives_the_wrap_of_the_clock() {
        let config = Config::default();
        let before_wrap = UnixMillis((CLOCK_MASK - 4) * 1000);
        let clock = of_new(&config, before_wrap);
        assert_eq!(idle_s(before_wrap, clock), 0);
        assert_eq!(idle_s(UnixMillis(before_wrap.0 + 10_999), clock), 10);
        assert_eq!(of_used(&config, later(3), clock, &mut random()), seconds(later(3)));
    }

    #[test]
    fn the_counter_decays_by_one_each_period() {
        let mut config = lfu();
        let clock = of_new(&config, START);
        assert_eq!(frequency(&config, START, clock), 5);
        assert_eq!(frequency(&config, later(2 * 60), clock), 3);
        assert_eq!(frequency(&config, later(600 * 60), clock), 0);
        config.lfu_decay_time_minutes = 10;
        assert_eq!(frequency(&config, later(25 * 60), clock), 3);
        config.lfu_decay_time_minutes = 0;
        assert_eq!(frequency(&config, later(600 * 60), clock), 5);
    }

    #[test]
    fn the_counter_grows_with_the_logarithm_of_the_uses() {
        let config = lfu();
        let mut random = random();
        let mut clock = of_new(&config, START);
        let mut after = Vec::new();
        for use_number in 1..=1_000_000 {
            clock = of_used(&config, START, clock, &mut random);
            if [1, 1000, 1_000_000].contains(&use_number) {
                after.push(frequency(&config, START, clock));
            }
        }
        // The first use always counts; Redis documents about 18 after a thousand and 255 after a million.
        assert_eq!(after[0], 6);
        assert!((14..=26).contains(&after[1]), "{after:?}");
        assert_eq!(after[2], 255);
    }
}
