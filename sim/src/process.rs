//! A node's process on its machine: what it holds in memory, and when it runs.

use std::collections::BTreeMap;

use lockstep_core::ids::ConnId;
use lockstep_core::{Config, Mono, Node, Seed};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::fault::Fault;
use crate::history::Moment;
use crate::random::{Domain, Keyed, Stream};
use crate::schedule::Micros;

/// The end of a process, on its way.
#[derive(Clone, Copy, Debug)]
pub struct Doom {
    /// So many more actions are performed.
    pub actions_left: u32,
    /// The machine loses its power too.
    pub power: bool,
    /// When it starts again.
    pub down_us: Micros,
    /// How often it is ended again while it starts.
    pub again: u32,
}

impl Doom {
    /// The doom that a fault brings, if it brings one.
    #[must_use]
    pub fn of(fault: Fault) -> Option<Self> {
        match fault {
            Fault::Kill { after_actions, down_us, again } => {
                Some(Self { actions_left: after_actions, power: false, down_us, again })
            }
            Fault::PowerLoss { after_actions, down_us, again } => {
                Some(Self { actions_left: after_actions, power: true, down_us, again })
            }
            _ => None,
        }
    }
}

/// A machine with its process.
#[derive(Debug)]
pub struct Machine {
    /// The files.
    pub disk: Disk,
    /// The clocks.
    pub clock: Clock,
    /// How often the process was started.
    pub lives: u64,
    /// It stands still until then.
    pub paused_until: Micros,
    /// It is busy until then.
    pub busy_until: Micros,
    /// A turn is on its way.
    pub turn_scheduled: bool,
    /// When the node's timer is set to.
    pub timer_at: Option<Micros>,
    /// How many times longer everything takes.
    pub slow_cpu: u64,
    /// Its end, if it is near.
    pub doom: Option<Doom>,
    /// It ends on purpose, and starts again after so long.
    pub stopping: Option<Micros>,
    /// The operator's wish to stop, not yet told.
    pub stop_asked: bool,
    /// Connections not yet accepted, by serial number.
    pub accepts: Vec<usize>,
    /// Connections whose end is not yet told.
    pub closes: Vec<ConnId>,
    /// Connections by their names.
    pub conns: BTreeMap<ConnId, usize>,
    /// Free places in the table of connections, and how often each place was used.
    free_slots: Vec<u32>,
    generations: Vec<u32>,
    /// Draws of this machine.
    pub draws: Stream,
    entropy: Stream,
}

impl Machine {
    /// A machine with an empty disk.
    #[must_use]
    pub fn new(seed: Keyed, number: u64, disk: Disk, clock: Clock) -> Self {
        Self {
            disk,
            clock,
            lives: 0,
            paused_until: 0,
            busy_until: 0,
            turn_scheduled: false,
            timer_at: None,
            slow_cpu: 1,
            doom: None,
            stopping: None,
            stop_asked: false,
            accepts: Vec::new(),
            closes: Vec::new(),
            conns: BTreeMap::new(),
            free_slots: Vec::new(),
            generations: Vec::new(),
            draws: seed.stream(Domain::Process, number),
            entropy: seed.stream(Domain::Entropy, number),
        }
    }

    /// A new life of the process.
    #[must_use]
    pub fn start(&mut self, config: &Config, true_us: Micros) -> Node {
        self.lives += 1;
        let mut seed = [0; 32];
        for part in seed.chunks_exact_mut(8) {
            part.copy_from_slice(&self.entropy.draw().to_le_bytes());
        }
        Node::new(config.clone(), Seed(seed), self.clock.now(true_us), &self.disk.list())
    }

    /// What ends with a process. Gives its connections.
    pub fn end(&mut self) -> Vec<usize> {
        self.timer_at = None;
        self.doom = None;
        self.stopping = None;
        self.stop_asked = false;
        self.turn_scheduled = false;
        self.closes.clear();
        self.free_slots.clear();
        self.generations.clear();
        let mut serials = std::mem::take(&mut self.accepts);
        serials.extend(std::mem::take(&mut self.conns).into_values());
        serials
    }

    /// A name for a new connection.
    pub fn name(&mut self, serial: usize) -> ConnId {
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.generations.push(0);
            self.generations.len() as u32 - 1
        });
        let conn = ConnId { slot, generation: self.generations[slot as usize] };
        self.conns.insert(conn, serial);
        conn
    }

    /// A connection is gone at the node; its place may be used again.
    pub fn forget(&mut self, conn: ConnId) -> Option<usize> {
        let serial = self.conns.remove(&conn)?;
        self.generations[conn.slot as usize] += 1;
        self.free_slots.push(conn.slot);
        Some(serial)
    }

    /// This moment, as the checkers want it.
    #[must_use]
    pub fn moment(&self, true_us: Micros) -> Moment {
        let now = self.clock.now(true_us);
        Moment { true_us, mono: now.mono, wall_ms: now.wall().0 }
    }

    /// When the node's clock will show this.
    #[must_use]
    pub fn when(&self, mono: Mono) -> Micros {
        self.clock.when(mono)
    }
}
