//! Planted bugs, and who must find them: the test of the simulator itself. They are compiled in with
//! `RUSTFLAGS="--cfg plant"` only.

/// A bug that can be planted.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// Its name in `plant!`.
    pub name: &'static str,
    /// What goes wrong.
    pub what: &'static str,
    /// Which invariants may see it first.
    pub seen_by: &'static [&'static str],
    /// It must be found within so many seeds.
    pub budget: u64,
}

/// All of them. The budget is 100 seeds for an easy bug, 2 000 for a medium one, 20 000 for a hard one.
pub const BUGS: [Bug; 15] = [
    bug("ST1", "a failed sync is taken for done", &["INV-P3", "INV-S3", "INV-S6", "INV-S7"], 2_000),
    bug(
        "ST2",
        "frames are believed without their checksum",
        &["PANIC", "INV-S2", "INV-S6", "INV-R5", "INV-L1"],
        2_000,
    ),
    bug("ST3", "damage in the middle is taken for a torn end", &["INV-S3", "INV-S7"], 2_000),
    bug("ST6", "a reply leaves before its sync under always", &["INV-P3"], 100),
    bug("ST8", "a checkpoint holds values that were changed after it began", &["INV-R5", "INV-L1"], 2_000),
    bug("ST10", "entries are run twice at a start", &["INV-R5", "INV-L1"], 100),
    bug(
        "SN1",
        "a checkpoint is labelled with another entry",
        &["INV-S2", "INV-S3", "INV-S6", "INV-S7", "INV-R5", "INV-L1"],
        2_000,
    ),
    bug(
        "SN4",
        "old files go before the checkpoint is on the platter",
        &["INV-S3", "INV-S6", "INV-S7"],
        2_000,
    ),
    bug(
        "SN5",
        "a start removes old files for a checkpoint that only the cache holds",
        &["INV-S3", "INV-S6"],
        20_000,
    ),
    bug(
        "RC1",
        "clients are served before what was recovered is on the platter",
        &["INV-P3", "INV-S3", "INV-S6"],
        2_000,
    ),
    bug("EV1", "everysec does not wait for a late disk", &["INV-P3"], 2_000),
    bug("XP1", "a read tells of an expiry that is not logged", &["INV-L1"], 20_000),
    bug("SM1", "entries are replayed by the wall clock", &["INV-R5", "INV-L1"], 2_000),
    bug("CL11", "a request cut by a read is parsed wrongly", &["INV-L6", "INV-L1", "PANIC"], 100),
    bug("CL12", "reads overtake writes that wait for the disk", &["INV-L1", "INV-L6", "PANIC"], 100),
];

/// The output bound, which needs readers that are slow: kept apart, since few seeds have them.
pub const LV5: Bug = bug("LV5", "replies nobody reads pile up without a bound", &["INV-M1"], 20_000);

const fn bug(name: &'static str, what: &'static str, seen_by: &'static [&'static str], budget: u64) -> Bug {
    Bug { name, what, seen_by, budget }
}

/// The bug of a name.
#[must_use]
pub fn find(name: &str) -> Option<Bug> {
    BUGS.into_iter().chain([LV5]).find(|bug| bug.name == name)
}

/// Plants a bug in the nodes of this thread; `false` where none is compiled in.
#[must_use]
pub fn plant(name: &'static str) -> bool {
    #[cfg(plant)]
    lockstep_core::mark::choose(name);
    let _ = name;
    cfg!(plant)
}
