//! The one queue of what is going to happen, in simulated time. Time jumps from one happening to the next.

use std::collections::BTreeMap;

use crate::random::{Domain, Keyed, Stream};

/// Microseconds since the run began.
pub type Micros = u64;

/// What is going to happen, by time. Things of the same moment come in a random order that the seed decides.
#[derive(Debug)]
pub struct Schedule<T> {
    queue: BTreeMap<(Micros, u64, u64), T>,
    now_us: Micros,
    sequence: u64,
    ties: Stream,
}

impl<T> Schedule<T> {
    /// An empty queue at time zero.
    #[must_use]
    pub fn new(seed: Keyed) -> Self {
        Self { queue: BTreeMap::new(), now_us: 0, sequence: 0, ties: seed.stream(Domain::Tie, 0) }
    }

    /// The moment of the last happening.
    #[must_use]
    pub fn now_us(&self) -> Micros {
        self.now_us
    }

    /// Adds something that happens after so many microseconds.
    pub fn after(&mut self, delay_us: Micros, what: T) {
        self.at(self.now_us.saturating_add(delay_us), what);
    }

    /// Adds something that happens at this moment, or now if that is past.
    pub fn at(&mut self, at_us: Micros, what: T) {
        self.sequence += 1;
        self.queue.insert((at_us.max(self.now_us), self.ties.draw(), self.sequence), what);
    }

    /// The next happening, if it comes no later than `until_us`; time moves to it.
    pub fn next(&mut self, until_us: Micros) -> Option<T> {
        let (&(at_us, ..), _) = self.queue.first_key_value()?;
        if at_us > until_us {
            return None;
        }
        self.now_us = at_us;
        self.queue.pop_first().map(|(_, what)| what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn happenings_come_in_the_order_of_time_and_ties_in_many_orders() {
        let mut orders = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let mut schedule = Schedule::new(Keyed(seed));
            schedule.at(20, 'z');
            "abc".chars().for_each(|name| schedule.at(10, name));
            let order: String = std::iter::from_fn(|| schedule.next(100)).collect();
            assert!(order.ends_with('z'), "{order}");
            orders.insert(order);
        }
        assert_eq!(orders.len(), 6);
    }

    #[test]
    fn nothing_happens_behind_the_end_or_in_the_past() {
        let mut schedule = Schedule::new(Keyed(1));
        schedule.at(50, ());
        assert!(schedule.next(49).is_none());
        assert!(schedule.next(50).is_some());
        schedule.at(3, ());
        assert!(schedule.next(50).is_some());
        assert_eq!(schedule.now_us(), 50);
    }
}
