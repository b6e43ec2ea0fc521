//! The configuration of a run: every size, pace, policy and rate, drawn from the seed.
//!
//! Each kind of fault is on in half of the seeds and then at a rate of its own; sizes are drawn by magnitude, so
//! that tiny ones, which make rare paths common, are as likely as large ones (Groce et al., "Swarm Testing", 2012).

use std::fmt;

use lockstep_core::Config;
use lockstep_core::config::{AppendFsync, SavePoint};

use crate::check::durable::Policy;
use crate::disk::Profile;
use crate::fault;
use crate::random::{Domain, Keyed, Stream};
use crate::schedule::Micros;
use crate::workload::{self, Workload};

/// How a stream of bytes is cut when it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Byte by byte.
    One,
    /// At most so many.
    Most(u64),
    /// Any number.
    Any,
    /// As it comes.
    Whole,
}

/// Everything that is drawn for a run.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// The seed.
    pub seed: Keyed,
    /// How long faults and work go on, in microseconds.
    pub run_us: Micros,
    /// When the log is synced.
    pub policy: Policy,
    /// What a power loss leaves.
    pub profile: Profile,
    /// The node's settings.
    pub config: Config,
    /// How long a sync takes.
    pub sync_us: u64,
    /// How fast the clock runs.
    pub drift_ppm: i64,
    /// How many clients there are.
    pub clients: u64,
    /// How many requests each may have outstanding.
    pub pipeline: u64,
    /// How many requests there are at most.
    pub requests: u64,
    /// How long a client thinks at most.
    pub think_us: u64,
    /// How long bytes travel at most.
    pub delay_us: u64,
    /// How bytes are cut.
    pub cut: Cut,
    /// How many bytes a socket takes.
    pub socket_bytes: u64,
    /// How many requests in a million end with their client gone.
    pub hang_up: u64,
    /// How many clients in a million read slowly.
    pub slow_reader: u64,
    /// What is asked for.
    pub workload: Workload,
    /// The mean time between faults of each kind.
    pub means_us: [Option<Micros>; fault::KINDS.len()],
}

impl Swarm {
    /// The configuration of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let seed = Keyed(seed);
        let draws = &mut seed.stream(Domain::Swarm, 0);
        let policy = *draws.pick(&[
            Policy::Always,
            Policy::Always,
            Policy::EverySecond,
            Policy::EverySecond,
            Policy::No,
        ]);
        let profile = *draws.pick(&[
            Profile::Strict,
            Profile::Prefix,
            Profile::Prefix,
            Profile::Subset,
            Profile::Subset,
            Profile::Subset,
            Profile::Garbage,
            Profile::Benign,
        ]);
        let run_us = draws.magnitude(500_000, 15_000_000);
        let (clients, pipeline) = (draws.magnitude(1, 12), draws.magnitude(1, 64));
        let requests = draws.magnitude(30, 3_000);
        // So that the requests are spread over the run: a batch holds half a pipeline, and the mean of a draw by
        // magnitude is about a seventh of its end.
        let think_us = (run_us * clients * pipeline * 7 / requests / 2).clamp(1_000, 20_000_000);
        Self {
            seed,
            run_us,
            policy,
            profile,
            config: config(policy, draws),
            sync_us: draws.magnitude(50, 20_000),
            drift_ppm: draws.range(0, 20_000) as i64 - 10_000,
            clients,
            pipeline,
            requests,
            think_us: draws.magnitude(think_us / 4, think_us * 2),
            delay_us: draws.magnitude(50, 30_000),
            cut: match draws.below(20) {
                0 => Cut::One,
                1..=3 => Cut::Most(7),
                4..=8 => Cut::Most(1460),
                9..=14 => Cut::Any,
                _ => Cut::Whole,
            },
            socket_bytes: draws.magnitude(512, 1 << 20),
            hang_up: if draws.coin() { draws.magnitude(100, 50_000) } else { 0 },
            slow_reader: if draws.chance(300_000) { draws.magnitude(50_000, 500_000) } else { 0 },
            workload: workload(draws),
            means_us: rates(run_us, draws),
        }
    }
}

fn config(policy: Policy, draws: &mut Stream) -> Config {
    // The draws are made in the order in which the fields stand here: another order is another run for each seed.
    let mut config = Config {
        appendonly: true,
        appendfsync: match policy {
            Policy::Always => AppendFsync::Always,
            Policy::EverySecond => AppendFsync::EverySecond,
            Policy::No => AppendFsync::No,
        },
        databases: 3,
        auto_aof_rewrite_percentage: if draws.coin() { draws.magnitude(10, 400) as u32 } else { 0 },
        auto_aof_rewrite_min_size_bytes: draws.magnitude(1_000, 1 << 20),
        save: if draws.chance(300_000) {
            vec![SavePoint { seconds: draws.range(1, 3), changes: draws.magnitude(1, 100) }]
        } else {
            Vec::new()
        },
        stop_writes_on_bgsave_error: draws.coin(),
        ..Config::default()
    };
    if draws.chance(300_000) {
        config.client_output_buffer_limits.normal.hard_bytes = draws.magnitude(2_000, 200_000);
    }
    config.hash_max_listpack_entries = draws.magnitude(1, 128);
    let knobs = &mut config.knobs;
    knobs.segment_bytes = draws.magnitude(4 << 10, 1 << 19);
    knobs.entry_batch_bytes = draws.magnitude(1, 1 << 20) as u32;
    knobs.snapshot_step_bytes = draws.magnitude(1, 1 << 16) as u32;
    knobs.snapshot_window_bytes = draws.magnitude(1, 1 << 20) as u32;
    knobs.snapshot_copies_bytes = draws.magnitude(64, 1 << 24);
    knobs.lane_bytes = draws.magnitude(256, 1 << 24);
    knobs.load_chunk_bytes = draws.magnitude(700, 1 << 18) as u32;
    knobs.expire_keys_per_entry = draws.magnitude(1, 200) as u32;
    knobs.commands_per_turn = draws.magnitude(1, 10_000) as u32;
    knobs.clock_entry_ms = draws.magnitude(1, 100) as u32;
    if draws.coin() {
        knobs.sync_interval_ms = draws.magnitude(10, 1000) as u32;
        knobs.sync_late_ms = knobs.sync_interval_ms * 2;
    }
    config
}

fn workload(draws: &mut Stream) -> Workload {
    let mut weights = [0; workload::KINDS.len()];
    for weight in &mut weights {
        *weight = if draws.coin() { draws.magnitude(1, 64) } else { 0 };
    }
    // Something that writes, and of what is not for keys only a little.
    weights[0] += 8;
    weights[5] = weights[5].min(4);
    weights[6] = if draws.coin() { draws.range(1, 3) } else { 0 };
    Workload { weights, keys: draws.magnitude(1, 40), value_bytes: draws.magnitude(1, 6_000) }
}

fn rates(run_us: Micros, draws: &mut Stream) -> [Option<Micros>; fault::KINDS.len()] {
    let mut means_us = [None; fault::KINDS.len()];
    for (kind, mean_us) in means_us.iter_mut().enumerate() {
        let name = fault::KINDS[kind];
        let on = match name {
            // Faults after which a node may refuse to go on make up few seeds.
            "fail-load" | "rot" | "misdirect" => draws.chance(40_000),
            "fail-sync" | "fail-append" => draws.chance(150_000),
            _ => draws.coin(),
        };
        let mean = draws.magnitude(run_us / 16, run_us);
        *mean_us = on.then_some(mean);
    }
    means_us
}

impl fmt::Display for Swarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let knobs = &self.config.knobs;
        writeln!(
            f,
            "  seed {}  {:.1} s  appendfsync {}  crashes {:?}",
            self.seed.0,
            self.run_us as f64 / 1e6,
            self.policy.name(),
            self.profile
        )?;
        writeln!(
            f,
            "  clients {}  pipeline {}  requests {}  think {} µs  delay {} µs  sync {} µs  cut {:?}  socket {} B  drift {} ppm",
            self.clients,
            self.pipeline,
            self.requests,
            self.think_us,
            self.delay_us,
            self.sync_us,
            self.cut,
            self.socket_bytes,
            self.drift_ppm
        )?;
        writeln!(
            f,
            "  hang-up {}  slow readers {}  output limit {}",
            self.hang_up, self.slow_reader, self.config.client_output_buffer_limits.normal.hard_bytes
        )?;
        writeln!(
            f,
            "  keys {}  values {} B  weights {:?}",
            self.workload.keys, self.workload.value_bytes, self.workload.weights
        )?;
        writeln!(f, "  {knobs:?}")?;
        writeln!(
            f,
            "  rewrite {} % from {} B  save {:?}",
            self.config.auto_aof_rewrite_percentage,
            self.config.auto_aof_rewrite_min_size_bytes,
            self.config.save
        )?;
        write!(f, "  faults")?;
        for (kind, mean_us) in self.means_us.iter().enumerate() {
            if let Some(mean_us) = mean_us {
                write!(f, "  {} every {:.2} s", fault::KINDS[kind], *mean_us as f64 / 1e6)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_and_each_draws_the_same_again() {
        let show = |seed| Swarm::draw(seed).to_string();
        assert_eq!(show(1), show(1));
        assert_ne!(show(1), show(2));
        let policies: std::collections::BTreeSet<&str> =
            (0..50).map(|seed| Swarm::draw(seed).policy.name()).collect();
        assert_eq!(policies.len(), 3);
    }
}
