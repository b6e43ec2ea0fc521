//! The deadlines of a database, in order.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::UnixMillis;

/// Deadlines with the hashes of their keys.
///
/// Hashes rather than blocks name the keys, because the order in which keys expire must be the same on every
/// replica, and where a block lies is not. Two keys with the same hash and the same deadline are one record
/// with a count.
#[derive(Clone, Debug, Default)]
pub struct Expiry {
    records: BTreeSet<(UnixMillis, u64)>,
    /// How many more keys a record stands for; hardly ever anything.
    twins: BTreeMap<(UnixMillis, u64), u32>,
    len: usize,
    /// Sum of all deadlines.
    sum_ms: u128,
}

/// What a deadline is charged: sixteen bytes in a tree whose nodes are some two thirds full.
const RECORD_BYTES: usize = 26;

impl Expiry {
    /// How many keys have a deadline.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The earliest deadline and the hash of its key.
    #[must_use]
    pub fn earliest(&self) -> Option<(UnixMillis, u64)> {
        self.records.first().copied()
    }

    /// The mean of all deadlines; 0 if there are none.
    #[must_use]
    pub fn mean(&self) -> UnixMillis {
        UnixMillis(self.sum_ms.checked_div(self.len as u128).map_or(0, |mean| mean as u64))
    }

    /// Bytes, by an estimate that depends on the number of records only.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.len * RECORD_BYTES
    }

    /// Adds a key's deadline.
    pub fn add(&mut self, at: UnixMillis, hash: u64) {
        if !self.records.insert((at, hash)) {
            *self.twins.entry((at, hash)).or_default() += 1;
        }
        self.len += 1;
        self.sum_ms += u128::from(at.0);
    }

    /// Takes away a key's deadline.
    ///
    /// # Panics
    /// When it is not there.
    pub fn remove(&mut self, at: UnixMillis, hash: u64) {
        self.len -= 1;
        self.sum_ms -= u128::from(at.0);
        if let Some(more) = self.twins.get_mut(&(at, hash)) {
            *more -= 1;
            if *more == 0 {
                self.twins.remove(&(at, hash));
            }
            return;
        }
        assert!(self.records.remove(&(at, hash)), "an entry's deadline is on record");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_and_twins_count() {
        let mut expiry = Expiry::default();
        for (at, hash) in [(5, 1), (3, 9), (3, 2), (3, 2)] {
            expiry.add(UnixMillis(at), hash);
        }
        assert_eq!((expiry.len(), expiry.mean()), (4, UnixMillis(3)));
        let mut order = Vec::new();
        while let Some((at, hash)) = expiry.earliest() {
            order.push((at.0, hash));
            expiry.remove(at, hash);
        }
        assert_eq!(order, [(3, 2), (3, 2), (3, 9), (5, 1)]);
        assert_eq!((expiry.len(), expiry.mean()), (0, UnixMillis(0)));
    }
}
