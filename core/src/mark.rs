//! Planted bugs: places where the node can be made to do the wrong thing, to see whether the simulator notices.
//!
//! They exist only in builds with `--cfg plant`. In all others `plant!` is its normal expression and nothing else:
//! no name, no test, no byte of it is in a release.

/// `plant!("ST6", normal, broken)`: the normal expression, unless this very bug was planted in this thread.
#[cfg(plant)]
macro_rules! plant {
    ($name:literal, $normal:expr, $broken:expr) => {
        if $crate::mark::is_planted($name) { $broken } else { $normal }
    };
}

/// `plant!("ST6", normal, broken)`: the normal expression.
#[cfg(not(plant))]
macro_rules! plant {
    ($name:literal, $normal:expr, $broken:expr) => {
        $normal
    };
}

pub(crate) use plant;

#[cfg(plant)]
thread_local! {
    static PLANTED: core::cell::Cell<&'static str> = const { core::cell::Cell::new("") };
}

/// Plants a bug in every node of this thread; an empty name plants none.
#[cfg(plant)]
pub fn choose(name: &'static str) {
    PLANTED.set(name);
}

/// Whether this bug is planted.
#[cfg(plant)]
pub(crate) fn is_planted(name: &str) -> bool {
    PLANTED.get() == name
}
