//! Crashes, enumerated: whatever subset of the writes that were not synced reaches the platter, a restart finds
//! everything that was proven, a prefix of what was written, and no damage.

mod store;

use lockstep_core::ids::File;
use store::{Disk, Op, Outcome, Store};

/// A stream of numbers, the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Opens what a crash left and checks it against what was written before.
fn check(image: &lockstep_core::log::image::Image, written: &[u64], durable: usize, context: &str) -> Store {
    match Store::open(image.clone(), 1024) {
        Outcome::Open(store) => {
            let found = &store.state;
            assert!(found.len() >= durable, "{context}: {} of {durable} proven entries", found.len());
            assert!(written.starts_with(found), "{context}: not a prefix of what was written");
            *store
        }
        Outcome::Damaged(damaged) => panic!("{context}: a crash was taken for damage: {damaged}"),
    }
}

/// Every crash at every step of a history: all subsets of what was pending, or many where there are too many.
fn crash_everywhere(
    store: &Store,
    draw: &mut Draw,
    mut then: impl FnMut(Store, &mut Draw, &[u64], usize),
) -> u64 {
    let mut crashes = 0;
    for step in 0..=store.history.len() {
        let mut disk = Disk::from(store.first.clone());
        for op in &store.history[..step] {
            disk.perform(op);
        }
        let durable = store.durable_at(step);
        let written = store.written_at(step);
        let pending = disk.pending_count();
        let states = 1_u64.checked_shl(pending as u32).unwrap_or(u64::MAX);
        let exhaustive = states <= 256;
        for turn in 0..states.min(256) {
            // Where not all can be tried, the extremes are: nothing, and everything.
            let mask = match turn {
                _ if exhaustive => turn,
                0 => 0,
                1 => u64::MAX,
                _ => draw.below(u64::MAX) ^ draw.below(u64::MAX) << 31 ^ draw.below(4) << 62,
            };
            let image = disk.crash(mask);
            let context = format!("step {step}, mask {mask:x} of {pending}");
            let reopened = check(&image, &written, durable, &context);
            crashes += 1;
            then(reopened, draw, &written, durable);
        }
    }
    crashes
}

#[test]
fn nothing_at_all() {
    let Outcome::Open(store) = Store::open(Default::default(), 1024) else {
        panic!("an empty directory is no damage")
    };
    assert!(store.founded && store.state.is_empty());
}

#[test]
fn crashes_while_writing_and_syncing() {
    let mut store = Store::founded(1024);
    store.write(1, 20);
    store.write(2, 700);
    store.sync();
    store.write(3, 10);
    store.sync();
    store.prove();
    store.write(4, 600);
    store.write(5, 5);
    assert!(crash_everywhere(&store, &mut Draw(1), |_, _, _, _| {}) > 150);
}

#[test]
fn crashes_around_a_segment_change() {
    let mut store = Store::founded(512);
    store.write(1, 100);
    store.sync();
    store.write(2, 300);
    store.change_segment();
    store.write(3, 30);
    store.write(4, 300);
    store.sync();
    store.change_segment();
    store.write(5, 30);
    assert!(crash_everywhere(&store, &mut Draw(2), |_, _, _, _| {}) > 150);
}

#[test]
fn crashes_around_a_checkpoint() {
    let mut store = Store::founded(512);
    store.write(1, 100);
    store.sync();
    store.write(2, 200);
    let snapshot = store.begin_checkpoint();
    store.write(3, 30);
    store.finish_checkpoint(snapshot);
    store.write(4, 100);
    store.sync();
    let snapshot = store.begin_checkpoint();
    store.finish_checkpoint(snapshot);
    store.write(5, 100);
    assert!(crash_everywhere(&store, &mut Draw(3), |_, _, _, _| {}) > 150);
    assert_eq!(store.disk.cache().files.len(), 2, "one snapshot, one segment");
}

/// A crash, and another at every step of the restart that follows it.
#[test]
fn crashes_during_the_restart_after_a_crash() {
    let mut store = Store::founded(512);
    store.write(1, 100);
    store.sync();
    let snapshot = store.begin_checkpoint();
    store.write(2, 300);
    store.finish_checkpoint(snapshot);
    store.write(3, 30);
    let mut seconds = 0;
    crash_everywhere(&store, &mut Draw(4), |mut first, draw, written, durable| {
        if draw.below(8) != 0 {
            return;
        }
        let found = first.state.len();
        first.write(100, 40);
        first.sync();
        // Up to its serving, a restart may only lose what was not proven before; then, nothing.
        for _ in 0..24 {
            let step = draw.below(first.history.len() as u64 + 1) as usize;
            let mut disk = Disk::from(first.first.clone());
            for op in &first.history[..step] {
                disk.perform(op);
            }
            let image = disk.crash(draw.below(u64::MAX) ^ draw.below(u64::MAX) << 31);
            let durable = durable.max(first.durable_at(step));
            let mut expected = written[..found].to_vec();
            if first.written_at(step).last() == Some(&100) {
                expected.push(100);
            }
            check(&image, &expected, durable, &format!("second crash at step {step}"));
            seconds += 1;
        }
    });
    assert!(seconds > 1000);
}

#[test]
fn long_random_lives() {
    let mut crashes = 0;
    for seed in 0..60 {
        let mut draw = Draw(seed);
        let mut store = Store::founded(256 << draw.below(4));
        let mut next = 1;
        for _ in 0..6 {
            for _ in 0..draw.below(14) {
                match draw.below(8) {
                    0 | 1 => store.sync(),
                    2 => store.prove(),
                    3 => store.change_segment(),
                    4 if draw.below(2) == 0 => {
                        let snapshot = store.begin_checkpoint();
                        store.write(next, draw.below(600) as usize);
                        next += 1;
                        store.finish_checkpoint(snapshot);
                    }
                    _ => {
                        store.write(next, draw.below(900) as usize);
                        next += 1;
                    }
                }
            }
            let step = store.history.len() - (draw.below(4) as usize).min(store.history.len());
            let mut disk = Disk::from(store.first.clone());
            for op in &store.history[..step] {
                disk.perform(op);
            }
            let image = disk.crash(draw.below(u64::MAX) ^ draw.below(u64::MAX) << 31);
            store = check(&image, &store.written_at(step), store.durable_at(step), &format!("seed {seed}"));
            crashes += 1;
        }
    }
    assert_eq!(crashes, 360);
}

/// A file that was removed comes back, as it may until the directory is synced: it changes nothing.
#[test]
fn a_removed_file_that_comes_back_is_removed_again() {
    let mut store = Store::founded(512);
    store.write(1, 100);
    store.sync();
    let old = store.disk.cache();
    let snapshot = store.begin_checkpoint();
    store.finish_checkpoint(snapshot);
    store.write(2, 20);
    store.sync();
    let mut image = store.disk.cache();
    for (file, bytes) in old.files {
        image.files.entry(file).or_insert(bytes);
    }
    let reopened = check(&image, &[1, 2], 2, "with old files");
    assert!(!reopened.disk.cache().files.contains_key(&File::Segment(1)));
    assert!(reopened.history.iter().any(|op| matches!(op, Op::Remove(File::Segment(1)))));
}
