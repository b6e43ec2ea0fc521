//! A client: asks, waits, asks again; now and then it hangs up in the middle, or reads slowly.

use crate::random::{Domain, Stream};
use crate::swarm::Swarm;

/// A client.
#[derive(Debug)]
pub struct Client {
    /// Its connection, by serial number.
    pub link: Option<usize>,
    /// The database it uses.
    pub database: usize,
    /// Requests sent on this connection.
    pub sent: usize,
    /// Whether it acts soon without being woken.
    pub awake: bool,
    /// It reads slowly.
    pub slow: bool,
    /// It has nothing more to ask.
    pub done: bool,
    /// What it asks for at last, once everything else is over.
    pub script: Vec<crate::resp::Words>,
    /// Its draws.
    pub draws: Stream,
    /// Draws for what it asks.
    pub asks: Stream,
}

impl Client {
    /// A client.
    #[must_use]
    pub fn new(swarm: &Swarm, number: u64) -> Self {
        let mut draws = swarm.seed.stream(Domain::Client, number);
        Self {
            link: None,
            database: if draws.chance(250_000) { 1 } else { 0 },
            sent: 0,
            awake: true,
            slow: draws.chance(swarm.slow_reader),
            done: false,
            script: Vec::new(),
            draws,
            asks: swarm.seed.stream(Domain::Workload, number),
        }
    }
}
