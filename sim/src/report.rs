//! What people read: lines about runs.

use crate::fault;
use crate::world::{End, Outcome};

/// Bytes as a short line.
#[must_use]
pub fn shorten(bytes: &[u8]) -> String {
    let shown = bytes[..bytes.len().min(80)].escape_ascii();
    if bytes.len() > 80 { format!("{shown}… ({} bytes)", bytes.len()) } else { shown.to_string() }
}

/// Sums over many runs.
#[derive(Clone, Default, Debug)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Runs in which the node refused to go on, as it may.
    pub refused: u64,
    /// Simulated microseconds.
    pub simulated_us: u64,
    /// Happenings.
    pub events: u64,
    /// Turns.
    pub turns: u64,
    /// Replies compared with the model.
    pub replies: u64,
    /// Commands in the log.
    pub units: u64,
    /// Recoveries.
    pub recoveries: u64,
    /// Commands that were lost, as they may be.
    pub lost: u64,
    /// Requests without an answer.
    pub unknown: u64,
    /// Digests compared.
    pub digests: u64,
    /// Effective faults by kind.
    pub faults: [u64; fault::KINDS.len()],
    /// Rare places, by name.
    pub sometimes: Vec<(&'static str, u64)>,
}

impl Totals {
    /// Adds a run.
    pub fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.refused += u64::from(matches!(outcome.end, End::Refused(_)));
        self.simulated_us += outcome.simulated_us;
        self.events += outcome.events;
        self.turns += outcome.turns;
        self.replies += outcome.counts.replies;
        self.units += outcome.counts.units;
        self.recoveries += outcome.counts.recoveries;
        self.lost += outcome.counts.lost;
        self.unknown += outcome.counts.unknown;
        self.digests += outcome.digests;
        for (sum, count) in self.faults.iter_mut().zip(outcome.faults) {
            *sum += count;
        }
        let places = places(outcome);
        if self.sometimes.is_empty() {
            self.sometimes = places.map(|(name, _)| (name, 0)).to_vec();
        }
        for (sum, (_, count)) in self.sometimes.iter_mut().zip(places) {
            sum.1 += u64::from(count > 0);
        }
    }

    /// Adds the sums of others.
    pub fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.refused += other.refused;
        self.simulated_us += other.simulated_us;
        self.events += other.events;
        self.turns += other.turns;
        self.replies += other.replies;
        self.units += other.units;
        self.recoveries += other.recoveries;
        self.lost += other.lost;
        self.unknown += other.unknown;
        self.digests += other.digests;
        for (sum, count) in self.faults.iter_mut().zip(other.faults) {
            *sum += count;
        }
        if self.sometimes.is_empty() {
            self.sometimes = other.sometimes.iter().map(|&(name, _)| (name, 0)).collect();
        }
        for (sum, (_, count)) in self.sometimes.iter_mut().zip(&other.sometimes) {
            sum.1 += count;
        }
    }

    /// The sums, to be read.
    #[must_use]
    pub fn show(&self, took_s: f64) -> String {
        let simulated_s = self.simulated_us as f64 / 1e6;
        let mut text = format!(
            "{} runs in {took_s:.1} s ({:.0}/s), {simulated_s:.0} simulated seconds ({:.0} times as fast), {:.2} M events, {} turns\n",
            self.runs,
            self.runs as f64 / took_s,
            simulated_s / took_s,
            self.events as f64 / 1e6,
            self.turns,
        );
        text += &format!(
            "{} replies compared, {} commands logged, {} recoveries, {} commands lost as they may be, {} requests unknown, {} digests, {} refusals\n",
            self.replies, self.units, self.recoveries, self.lost, self.unknown, self.digests, self.refused
        );
        text += "faults:";
        for (name, count) in fault::KINDS.iter().zip(self.faults) {
            text += &format!("  {name} {count}");
        }
        text += "\nseeds that reached:";
        for (name, count) in &self.sometimes {
            text += &format!("  {name} {count}");
        }
        text
    }
}

/// Rare places and how often a run reached them.
#[must_use]
pub fn places(outcome: &Outcome) -> [(&'static str, u64); 11] {
    let at = &outcome.sometimes;
    [
        ("ended while starting", at.ended_starting),
        ("checkpoint", at.checkpoints),
        ("start from a checkpoint", at.starts_from_checkpoint),
        ("space asked for", at.segments),
        ("halt after a failed disk", at.failed_syncs),
        ("space refused", at.refused_space),
        ("commands lost", at.lost_commands),
        ("torn log", at.torn),
        ("reading paused", at.pauses),
        ("closed by the node", at.closed_by_node),
        ("directory entry lost", at.lost_names),
    ]
}
