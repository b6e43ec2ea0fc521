//! A table made ready for entries that come in hash order.
//!
//! A save writes keys in hash order. A table that grows as they come back would always be full at one end and empty
//! at the other: all that is there crowds into the first buckets of one partition, and searches become long. But
//! the order also helps: how far apart the first thousand hashes are tells how many there will be in all, and a
//! table laid out for that many has each bucket filled once and none moved.

use super::{BUCKETS_MAX, Bucket, EMPTY, Partition, SLOTS, Table};
use crate::data::arena::Handle;

/// So many entries are looked at to tell how many will come. The estimate is then right within a tenth or so,
/// and the slots left free make up for more than that.
pub const SAMPLE_LEN: usize = 1024;
/// Entries for each bucket of a table that was made ready: five eighths of its slots. It grows at six.
const PER_BUCKET_EIGHTHS: usize = SLOTS * 5;
/// Entries of a partition at most, so that it can grow once and needs not split.
const PER_PARTITION: usize = BUCKETS_MAX * PER_BUCKET_EIGHTHS / 8 * 5 / 7;

/// How many entries there will be, if these are the hashes of the first ones in hash order; if they come in any
/// other order, hardly more than there are.
///
/// The middle one of them decides, so a few that are out of order do no harm.
fn estimate(hashes: &mut [u64]) -> u64 {
    let half = hashes.len() / 2;
    let (_, middle, _) = hashes.select_nth_unstable(half);
    let share = u128::from(*middle).max(1);
    u64::try_from(((half as u128) << 64) / share).unwrap_or(u64::MAX)
}

impl Table {
    /// To be called when there are [`SAMPLE_LEN`] entries: if they are the first of many in hash order, makes ready
    /// for all of them, but for no more than `most`.
    ///
    /// What this takes is some ten bytes for each of `most` entries, of which those for a range of hashes are not
    /// touched, and not counted as used, before the first entry comes there. If the guess is wrong, nothing but
    /// time and that memory is lost.
    pub fn foresee(&mut self, most: u64, hash_of: impl Fn(Handle) -> u64) {
        let mut hashes: Vec<u64> = self.handles().map(&hash_of).collect();
        if hashes.is_empty() {
            return;
        }
        let guess = estimate(&mut hashes);
        // What was announced for all is exact where there is one table only.
        let announced = guess.abs_diff(most) < guess / 6;
        let expected = if announced { most } else { guess.min(most) };
        let Ok(expected) = usize::try_from(expected) else { return };
        if expected >= self.len * 2 {
            self.make_ready(expected, hash_of);
        }
    }

    /// Lays the table out anew for so many entries, spread evenly.
    fn make_ready(&mut self, expected: usize, hash_of: impl Fn(Handle) -> u64) {
        let places = expected.div_ceil(PER_PARTITION).next_power_of_two();
        let depth = places.trailing_zeros() as u8;
        let buckets = (expected / places * 8 / PER_BUCKET_EIGHTHS + 1).min(BUCKETS_MAX);
        let directory =
            (0..places).map(|_| Partition { buckets: Vec::with_capacity(buckets), len: 0, depth }).collect();
        let old = core::mem::replace(self, Self { directory, depth, len: 0, buckets: 0 });
        for handle in old.handles() {
            self.insert(hash_of(handle), handle, &hash_of);
        }
        assert_eq!(self.len, old.len, "laying out anew loses nothing");
    }

    /// Begins to use a partition that was made ready. Whether it was.
    pub(super) fn open(&mut self, owner: usize) -> bool {
        let buckets: &mut Vec<Bucket> = &mut self.directory[owner].buckets;
        let ready = buckets.is_empty() && buckets.capacity() > 0;
        if ready {
            buckets.resize(buckets.capacity(), EMPTY);
            self.buckets += buckets.len();
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::super::home;
    use super::super::tests::{Hashes, check, handle, number};
    use super::*;
    use crate::seed::{Purpose, Random, Seed};

    /// Fills a table with these hashes, in this order, as a load does. Also how many buckets were passed in search
    /// of a free slot.
    fn fill(hashes: &Hashes, most: u64) -> (Table, usize) {
        let (mut table, mut passed) = (Table::default(), 0);
        for (one, &hash) in hashes.iter().enumerate() {
            let hash_of = |other| hashes[number(other)];
            assert_eq!(table.find(hash, |other| number(other) == one), None);
            let place = table.insert(hash, handle(one), hash_of);
            let partition = &table.directory[place.partition as usize];
            let count = partition.buckets.len();
            passed += (place.bucket as usize + count - home(hash, partition.depth, count)) % count;
            if table.len() == SAMPLE_LEN {
                // Until here nothing could be known.
                passed = 0;
                table.foresee(most, hash_of);
            }
        }
        (table, passed)
    }

    fn sorted(count: usize) -> Hashes {
        let mut random = Seed([9; 32]).stream(Purpose::Reads);
        let mut hashes: Hashes = (0..count).map(|_| random.next_u64()).collect();
        hashes.sort_unstable();
        hashes
    }

    #[test]
    fn hash_order_fills_each_bucket_once() {
        let hashes = sorted(60_000);
        // The number announced is exact, that of several tables together, or far too low.
        for most in [60_000, 1_000_000] {
            let (table, passed) = fill(&hashes, most);
            check(&table, &hashes, &(0..hashes.len()).collect());
            assert!(passed < hashes.len() / 10, "{passed} buckets were passed");
            let bytes = table.memory_bytes() / hashes.len();
            assert!((8..13).contains(&bytes), "{bytes} bytes an entry");
        }
        let (low, passed_more) = fill(&hashes, 3000);
        assert!(passed_more > hashes.len(), "without that, {passed_more} buckets are passed");
        check(&low, &hashes, &(0..hashes.len()).collect());
    }

    #[test]
    fn a_few_out_of_order_do_no_harm() {
        let mut hashes = sorted(60_000);
        for at in (0..2000).step_by(5) {
            hashes.swap(at, 30_000 + at);
        }
        let (table, passed) = fill(&hashes, 70_000);
        check(&table, &hashes, &(0..hashes.len()).collect());
        assert!(passed < hashes.len() / 10, "{passed} buckets were passed");
    }

    #[test]
    fn no_order_is_told_from_hash_order() {
        let mut random = Seed([10; 32]).stream(Purpose::Reads);
        let hashes: Hashes = (0..20_000).map(|_| random.next_u64()).collect();
        let ((table, _), mut plain) = (fill(&hashes, u64::MAX), Table::default());
        for (one, &hash) in hashes.iter().enumerate() {
            plain.insert(hash, handle(one), |other| hashes[number(other)]);
        }
        check(&table, &hashes, &(0..hashes.len()).collect());
        assert_eq!(table.memory_bytes(), plain.memory_bytes());
    }

    #[test]
    fn a_lie_costs_no_more_than_was_announced() {
        let crowded = |random: &mut Random| random.next_u64() >> 40;
        let mut random = Seed([11; 32]).stream(Purpose::Reads);
        let hashes: Hashes = (0..3000).map(|_| crowded(&mut random)).collect();
        let (mut table, _) = fill(&hashes, 100_000);
        check(&table, &hashes, &(0..hashes.len()).collect());
        let reserved: usize = table.directory.iter().map(|partition| partition.buckets.capacity()).sum();
        let bytes = reserved * size_of::<Bucket>();
        assert!((100_000 * 8..100_000 * 13).contains(&bytes), "{bytes} bytes are set aside");
        assert!(table.memory_bytes() < 3000 * 32, "only what was touched counts");
        for (one, &hash) in hashes.iter().enumerate() {
            let (place, _) = table.find(hash, |other| number(other) == one).expect("it is there");
            table.remove(hash, place, |other| hashes[number(other)]);
        }
        assert_eq!(table.memory_bytes(), Table::default().memory_bytes(), "an empty table is as good as new");
    }
}
