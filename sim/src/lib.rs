//! Lockstep nodes on a simulated network, disk and clock, with simulated clients, under fault injection.
//!
//! ```text
//!                      ┌────────── World: one queue in simulated time ──────────┐
//!   Client ⇄ Link ⇄    │  Machine: Disk, Clock, and the Node that ships          │   ◀── Fault plan
//!                      └────────────────────────────┬───────────────────────────┘
//!                                                    ▼ bytes that cross the node's edge
//!                      Checks: canonical log, model, durability, digests, order of replies
//! ```
//!
//! A run is a function of its seed: [`run`] gives the same [`Outcome`] for it everywhere and always.

pub mod batch;
pub mod check;
pub mod client;
pub mod clock;
pub mod disk;
pub mod fault;
pub mod history;
pub mod model;
pub mod network;
pub mod plant;
pub mod process;
pub mod random;
pub mod report;
pub mod resp;
pub mod schedule;
pub mod swarm;
pub mod trace;
pub mod workload;
pub mod world;

pub use history::Violation;
pub use swarm::Swarm;
pub use world::{End, Outcome, World};

/// Runs a seed. A panic of the node, which is a broken assertion, is a violation like others.
#[must_use]
pub fn run(seed: u64) -> Outcome {
    run_with(seed, false)
}

/// Runs a seed, and prints what happens if that is wanted.
#[must_use]
pub fn run_with(seed: u64, verbose: bool) -> Outcome {
    let world = World::new(Swarm::draw(seed), verbose);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run())).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome::panicked(text.unwrap_or_else(|| "a panic without a text".into()))
    })
}
