//! What goes wrong, and when: drawn into an explicit schedule before the run, so that a run can be repeated with a
//! part of it.

use crate::random::Stream;
use crate::schedule::Micros;

/// Something that goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The process is killed; what it wrote stays in the page cache.
    Kill {
        /// So many more actions of the node are performed first.
        after_actions: u32,
        /// Microseconds until the process starts again.
        down_us: Micros,
        /// So often the process is killed again while it starts.
        again: u32,
    },
    /// The machine loses its power, and the disk what was not synced, as its profile says.
    PowerLoss {
        /// So many more actions of the node are performed first.
        after_actions: u32,
        /// Microseconds until the process starts again.
        down_us: Micros,
        /// So often the power is lost again while the process starts.
        again: u32,
    },
    /// The process stands still; the disk and the network go on.
    Pause {
        /// For so many microseconds.
        for_us: Micros,
    },
    /// The process is asked to stop.
    Stop {
        /// Microseconds from its end until it starts again.
        down_us: Micros,
    },
    /// Every turn of the node takes longer.
    SlowCpu {
        /// So many times as long.
        factor: u64,
        /// For so many microseconds.
        for_us: Micros,
    },
    /// Connections are reset.
    Reset {
        /// The chance of each open connection to be reset, in millionths.
        per_million: u64,
    },
    /// The next syncs fail.
    FailSync {
        /// So many of them.
        count: u32,
    },
    /// The next append fails.
    FailAppend,
    /// The next read fails.
    FailLoad,
    /// The disk has little room left.
    Full {
        /// So many bytes more than the files take up now.
        spare_bytes: u64,
        /// For so many microseconds.
        for_us: Micros,
    },
    /// The disk takes longer.
    SlowDisk {
        /// So many times as long.
        factor: u64,
        /// For so many microseconds.
        for_us: Micros,
    },
    /// The wall clock jumps; the monotonic clock does not.
    WallJump {
        /// By so many microseconds: forwards, or backwards when negative.
        by_us: i64,
    },
    /// A bit flips on the platter; the process is restarted to find it.
    Rot,
    /// A sector is written in the wrong place of its file; the process is restarted to find it.
    Misdirect,
}

/// The kinds of faults, in the order of their rates.
pub const KINDS: [&str; 14] = [
    "kill",
    "power",
    "pause",
    "stop",
    "slow-cpu",
    "reset",
    "fail-sync",
    "fail-append",
    "fail-load",
    "full",
    "slow-disk",
    "wall-jump",
    "rot",
    "misdirect",
];

impl Fault {
    /// Its place among the kinds.
    #[must_use]
    pub fn kind(self) -> usize {
        match self {
            Self::Kill { .. } => 0,
            Self::PowerLoss { .. } => 1,
            Self::Pause { .. } => 2,
            Self::Stop { .. } => 3,
            Self::SlowCpu { .. } => 4,
            Self::Reset { .. } => 5,
            Self::FailSync { .. } => 6,
            Self::FailAppend => 7,
            Self::FailLoad => 8,
            Self::Full { .. } => 9,
            Self::SlowDisk { .. } => 10,
            Self::WallJump { .. } => 11,
            Self::Rot => 12,
            Self::Misdirect => 13,
        }
    }

    /// One of a kind.
    ///
    /// # Panics
    /// When there is no such kind.
    pub fn draw(kind: usize, draws: &mut Stream) -> Self {
        let again = |draws: &mut Stream| if draws.chance(150_000) { draws.range(1, 4) as u32 } else { 0 };
        let for_us = |draws: &mut Stream| draws.magnitude(1_000, 3_000_000);
        let down_us = |draws: &mut Stream| draws.magnitude(100, 500_000);
        let after = |draws: &mut Stream| draws.below(12) as u32;
        match kind {
            0 => Self::Kill { after_actions: after(draws), down_us: down_us(draws), again: again(draws) },
            1 => {
                Self::PowerLoss { after_actions: after(draws), down_us: down_us(draws), again: again(draws) }
            }
            2 => Self::Pause { for_us: for_us(draws) },
            3 => Self::Stop { down_us: down_us(draws) },
            4 => Self::SlowCpu { factor: draws.magnitude(10, 1000), for_us: for_us(draws) },
            5 => Self::Reset { per_million: draws.magnitude(50_000, 1_000_000) },
            6 => Self::FailSync { count: draws.range(1, 2) as u32 },
            7 => Self::FailAppend,
            8 => Self::FailLoad,
            9 => Self::Full { spare_bytes: draws.magnitude(1, 100_000), for_us: for_us(draws) },
            10 => Self::SlowDisk { factor: draws.magnitude(10, 1000), for_us: for_us(draws) },
            11 => {
                let size = draws.magnitude(1_000, 1_800_000_000) as i64;
                Self::WallJump { by_us: if draws.coin() { size } else { -size } }
            }
            12 => Self::Rot,
            13 => Self::Misdirect,
            _ => panic!("no such kind of fault"),
        }
    }
}

/// The schedule of a run: what goes wrong when, in order.
pub type Plan = Vec<(Micros, Fault)>;

/// Draws a schedule; `means_us` holds the mean time between two faults of each kind, where they occur.
pub fn plan(means_us: &[Option<Micros>; KINDS.len()], until_us: Micros, draws: &mut Stream) -> Plan {
    let mut plan = Plan::new();
    for (kind, mean_us) in means_us.iter().enumerate() {
        let Some(mean_us) = *mean_us else { continue };
        let mut at = 0;
        loop {
            at += draws.range(1, mean_us.saturating_mul(2));
            if at >= until_us {
                break;
            }
            plan.push((at, Fault::draw(kind, draws)));
        }
    }
    plan.sort_by_key(|(at, _)| *at);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Domain, Keyed};

    #[test]
    fn every_kind_can_be_drawn_and_knows_its_place() {
        let mut draws = Keyed(1).stream(Domain::Faults, 0);
        for (kind, name) in KINDS.iter().enumerate() {
            assert_eq!(Fault::draw(kind, &mut draws).kind(), kind, "{name}");
        }
    }

    #[test]
    fn a_plan_holds_about_as_many_faults_as_its_rates_say() {
        let mut means = [None; KINDS.len()];
        means[0] = Some(1000);
        let plan = plan(&means, 1_000_000, &mut Keyed(2).stream(Domain::Faults, 0));
        assert!((800..1200).contains(&plan.len()), "{}", plan.len());
        assert!(plan.is_sorted_by_key(|(at, _)| *at));
    }
}
