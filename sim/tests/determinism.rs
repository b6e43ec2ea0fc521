//! INV-D1: a run is a function of its seed.

use std::collections::BTreeSet;

#[test]
fn the_same_seed_leaves_the_same_trace() {
    let mut hashes = BTreeSet::new();
    for seed in 5_000..5_030 {
        let (one, other) = (lockstep_sim::run(seed), lockstep_sim::run(seed));
        assert_eq!(one.hash, other.hash, "seed {seed}");
        assert_eq!((one.events, one.turns, one.end), (other.events, other.turns, other.end), "seed {seed}");
        hashes.insert(one.hash);
    }
    assert_eq!(hashes.len(), 30, "different seeds, different runs");
}

#[test]
fn watching_a_run_does_not_change_it() {
    let watched = lockstep_sim::World::new(lockstep_sim::Swarm::draw(7), true).run();
    assert_eq!(watched.hash, lockstep_sim::run(7).hash);
}

#[test]
fn no_bug_is_planted_unless_it_is_compiled_in() {
    assert_eq!(lockstep_sim::plant::plant(""), cfg!(plant));
}
