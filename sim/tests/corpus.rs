//! The fuzzers' corpora on the stable compiler: every input that is kept, and some fixed mutations of them. What a
//! fuzzer found once stays found.

use lockstep_fuzz::{TARGETS, replay};

/// One test for each target, so that they run side by side and a failure says whose it is.
macro_rules! targets {
    ($($name:ident: $mutations:expr),* $(,)?) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                let target = TARGETS.iter().find(|(name, _)| *name == stringify!($name));
                assert!(replay(*target.expect("it is a target"), $mutations) > $mutations);
            }
        )*
    };
}

targets! {
    commands: 100,
    config_file: 400,
    frame: 1000,
    glob: 2000,
    keyspace: 100,
    node_events: 100,
    rdb: 1000,
    recover: 200,
    reply_round_trip: 1000,
    resp_split: 300,
    snapshot: 1000,
}

#[test]
fn every_target_has_a_test() {
    let mut all: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    all.sort_unstable();
    assert_eq!(NAMES, all);
}
