//! The world: takes the next happening from the queue, lets it happen, and looks whether every promise is kept.

mod clients;
mod faults;
mod finish;
mod turn;

use lockstep_core::{Halt, Node};

use crate::check::{Checks, Counts};
use crate::client::Client;
use crate::clock::Clock;
use crate::disk::Disk;
use crate::fault::{self, Fault, Plan};
use crate::history::Violation;
use crate::network::Link;
use crate::process::Machine;
use crate::random::{Domain, Stream};
use crate::schedule::{Micros, Schedule};
use crate::swarm::Swarm;
use crate::trace::Trace;

/// What can happen.
#[derive(Debug)]
enum Happening {
    /// The process starts.
    Start,
    /// The node takes a turn, if its process is still in this life.
    Turn { life: u64 },
    /// The disk's worker is done with a job.
    Disk { life: u64 },
    /// The node's timer.
    Timer { life: u64, at: Micros },
    /// A connection reaches the machine.
    Connect { serial: usize },
    /// Bytes reach the machine.
    Up { serial: usize, bytes: Vec<u8> },
    /// The client's end of a connection reaches the machine.
    UpEnd { serial: usize },
    /// Bytes reach the client.
    Down { serial: usize, count: u64 },
    /// The machine's end of a connection reaches the client.
    DownEnd { serial: usize },
    /// A client acts.
    Client { client: usize },
    /// A fault of the plan.
    Fault { number: usize },
    /// A condition of the disk or the processor ends.
    Mend(Mend),
}

/// What is mended.
#[derive(Clone, Copy, Debug)]
enum Mend {
    Disk,
    Space,
    Cpu,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// Everything was answered and compared.
    Complete,
    /// The node refused to go on, as it may after the damage that was done.
    Refused(String),
    /// A promise was broken.
    Violated(Violation),
}

/// What a run showed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// The hash of everything that crossed the node's edge.
    pub hash: u64,
    /// Simulated time, in microseconds.
    pub simulated_us: Micros,
    /// Turns of nodes.
    pub turns: u64,
    /// Happenings.
    pub events: u64,
    /// How much was checked.
    pub counts: Counts,
    /// Digests that were compared.
    pub digests: u64,
    /// Faults that took effect, by kind.
    pub faults: [u64; fault::KINDS.len()],
    /// Times that rare places were reached.
    pub sometimes: Sometimes,
}

impl Outcome {
    /// A run that ended in a panic.
    #[must_use]
    pub fn panicked(text: String) -> Self {
        Self {
            end: End::Violated(Violation { invariant: "PANIC", text }),
            hash: 0,
            simulated_us: 0,
            turns: 0,
            events: 0,
            counts: Counts::default(),
            digests: 0,
            faults: [0; fault::KINDS.len()],
            sometimes: Sometimes::default(),
        }
    }
}

/// Rare places that a good range of seeds must reach.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sometimes {
    /// The process was ended while it was starting.
    pub ended_starting: u64,
    /// A checkpoint was completed.
    pub checkpoints: u64,
    /// A start began from a checkpoint.
    pub starts_from_checkpoint: u64,
    /// A segment was followed by another.
    pub segments: u64,
    /// A sync failed and the node halted.
    pub failed_syncs: u64,
    /// Space was refused.
    pub refused_space: u64,
    /// A power loss took something that was told, as it may.
    pub lost_commands: u64,
    /// A torn end of the log was found.
    pub torn: u64,
    /// A connection was paused.
    pub pauses: u64,
    /// The node closed a connection.
    pub closed_by_node: u64,
    /// A power loss took a name, or a removal back.
    pub lost_names: u64,
}

/// The world of one seed.
pub struct World {
    swarm: Swarm,
    plan: Plan,
    schedule: Schedule<Happening>,
    machine: Machine,
    node: Option<Node>,
    links: Vec<Link>,
    /// Connections whose sockets have room again.
    links_to_write: Vec<usize>,
    clients: Vec<Client>,
    checks: Checks,
    network: Stream,
    damage: Stream,
    next_request: u64,
    trace: Trace,
    /// Something was done after which a node may refuse to go on.
    damaged: bool,
    refused: Option<String>,
    healing: bool,
    turns: u64,
    events: u64,
    faults: [u64; fault::KINDS.len()],
    sometimes: Sometimes,
}

impl World {
    /// The world of a seed, as its swarm says.
    #[must_use]
    pub fn new(swarm: Swarm, verbose: bool) -> Self {
        let seed = swarm.seed;
        let disk = Disk::new(seed, 0, swarm.profile, swarm.sync_us);
        let machine = Machine::new(seed, 0, disk, Clock::new(swarm.drift_ppm));
        let knobs = &swarm.config.knobs;
        // The bound on what everysec may lose, and what clocks and turns add to it.
        let window_us = u64::from(knobs.sync_late_ms) * 1000 + 100_000;
        let checks = Checks::new(swarm.policy, window_us);
        let mut means_us = swarm.means_us;
        if swarm.profile == crate::disk::Profile::Benign {
            // Losing power is no more than being killed then.
            means_us[1] = means_us[1].or(means_us[0]);
        }
        let plan = fault::plan(&means_us, swarm.run_us, &mut seed.stream(Domain::Faults, 0));
        let mut schedule = Schedule::new(seed);
        schedule.at(0, Happening::Start);
        for (number, (at_us, _)) in plan.iter().enumerate() {
            schedule.at(*at_us, Happening::Fault { number });
        }
        let clients: Vec<Client> = (0..swarm.clients).map(|number| Client::new(&swarm, number)).collect();
        for client in 0..clients.len() {
            schedule.at(0, Happening::Client { client });
        }
        Self {
            plan,
            schedule,
            machine,
            node: None,
            links: Vec::new(),
            links_to_write: Vec::new(),
            clients,
            checks,
            network: seed.stream(Domain::Network, 0),
            damage: seed.stream(Domain::Damage, 0),
            next_request: 1,
            trace: Trace::new(verbose),
            damaged: false,
            refused: None,
            healing: false,
            turns: 0,
            events: 0,
            faults: [0; fault::KINDS.len()],
            sometimes: Sometimes::default(),
            swarm,
        }
    }

    /// The faults that are going to happen.
    #[must_use]
    pub fn plan(&self) -> &[(Micros, Fault)] {
        &self.plan
    }

    /// Runs to the end.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        let result = self.run_all();
        let disk = &self.machine.disk.counts;
        self.sometimes.refused_space = disk.refused_space;
        self.sometimes.lost_names = disk.lost_names + disk.undone_removals;
        self.sometimes.lost_commands = self.checks.counts.lost;
        let end = match (result, self.refused) {
            (Err(violation), _) => End::Violated(violation),
            (Ok(()), Some(text)) => End::Refused(text),
            (Ok(()), None) => End::Complete,
        };
        Outcome {
            end,
            hash: self.trace.hash(),
            simulated_us: self.schedule.now_us(),
            turns: self.turns,
            events: self.events,
            counts: self.checks.counts,
            digests: self.checks.digests.compared,
            faults: self.faults,
            sometimes: self.sometimes,
        }
    }

    fn run_all(&mut self) -> Result<(), Violation> {
        self.run_until(self.swarm.run_us)?;
        if self.refused.is_none() {
            self.finish()?;
        }
        Ok(())
    }

    fn run_until(&mut self, until_us: Micros) -> Result<(), Violation> {
        while self.refused.is_none()
            && let Some(happening) = self.schedule.next(until_us)
        {
            self.events += 1;
            self.happen(happening)?;
        }
        Ok(())
    }

    fn now_us(&self) -> Micros {
        self.schedule.now_us()
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Violation> {
        let life = self.machine.lives;
        match happening {
            Happening::Start => self.start(),
            Happening::Turn { life: of } if of == life && self.node.is_some() => self.turn(),
            Happening::Disk { life: of } if of == life && self.node.is_some() => {
                self.machine.disk.finish();
                self.checks.durable.look(&self.checks.log, &self.machine.disk);
                self.work_disk();
                if self.machine.disk.has_completions() {
                    self.wake();
                }
                Ok(())
            }
            Happening::Timer { life: of, at } if of == life && self.machine.timer_at == Some(at) => {
                self.machine.timer_at = None;
                self.wake();
                Ok(())
            }
            // Of a process that is gone, or a timer that was set anew.
            Happening::Turn { .. } | Happening::Disk { .. } | Happening::Timer { .. } => Ok(()),
            Happening::Fault { number } => self.fault(self.plan[number].1),
            Happening::Mend(what) => {
                self.mend(what);
                Ok(())
            }
            Happening::Client { client } => {
                self.client_acts(client);
                Ok(())
            }
            Happening::Connect { serial } => {
                self.connection_arrives(serial);
                Ok(())
            }
            Happening::Up { serial, bytes } => {
                self.bytes_arrive(serial, bytes);
                Ok(())
            }
            Happening::UpEnd { serial } => {
                self.end_arrives(serial);
                Ok(())
            }
            Happening::Down { serial, count } => {
                self.replies_arrive(serial, count);
                Ok(())
            }
            Happening::DownEnd { serial } => {
                self.client_loses(serial);
                Ok(())
            }
        }
    }

    fn start(&mut self) -> Result<(), Violation> {
        if self.node.is_some() {
            return Ok(());
        }
        let now_us = self.now_us();
        self.node = Some(self.machine.start(&self.swarm.config, now_us));
        let files = self.machine.disk.list().len() as u64;
        self.trace.note(now_us, 1, &[self.machine.lives, files]);
        self.trace.line(now_us, || format!("start {} on {files} files", self.machine.lives));
        self.wake();
        Ok(())
    }

    /// The process is gone: killed, or with the machine's power.
    fn end_process(&mut self, power: bool, again_after_us: Micros) -> Result<(), Violation> {
        // In the middle of a turn the node may be ahead of what it has handed out.
        if self.node.as_ref().is_some_and(|node| self.checks.is_logged(node.applied().0)) {
            self.see_digest()?;
        }
        let now_us = self.now_us();
        self.trace.note(now_us, 2, &[u64::from(power)]);
        self.trace.line(now_us, || if power { "POWER LOST".into() } else { "process ended".to_owned() });
        if self.node.take().is_some_and(|node| !node.is_serving()) {
            self.sometimes.ended_starting += 1;
        }
        if power {
            self.checks.crashed(&self.machine.disk, true);
            self.machine.disk.power_lost();
        } else {
            // After a failed sync the cache may show what the platter never got, or not even that.
            let failed = self.machine.disk.log_failed();
            self.checks.crashed(&self.machine.disk, failed);
            self.machine.disk.process_ended();
        }
        for serial in self.machine.end() {
            self.drop_link(serial);
        }
        self.schedule.after(again_after_us, Happening::Start);
        Ok(())
    }

    /// The node said that it does nothing more.
    fn halted(&mut self, reason: Halt) -> Result<(), Violation> {
        let now_us = self.now_us();
        self.trace.line(now_us, || format!("halted: {reason:?}"));
        let failing = self.machine.disk.counts.failed_syncs
            + self.machine.disk.counts.failed_appends
            + self.machine.disk.counts.failed_loads
            > 0;
        match &reason {
            Halt::Asked => {}
            Halt::DiskFailed(_) if failing => self.sometimes.failed_syncs += 1,
            Halt::Damaged(text) | Halt::Unusable(text) if self.may_refuse() => {
                self.refused = Some(text.clone());
                return Ok(());
            }
            _ => {
                return crate::history::violated(
                    "INV-S6",
                    format!("the node halted without a cause: {reason:?}"),
                );
            }
        }
        let down_us = self.machine.stopping.take().unwrap_or(10_000);
        self.end_process(false, down_us)
    }

    /// Whether damage was done after which a node may refuse to go on.
    fn may_refuse(&self) -> bool {
        let garbage = self.swarm.profile == crate::disk::Profile::Garbage && self.faults[1] > 0;
        self.damaged || garbage || self.machine.disk.counts.failed_loads > 0
    }
}
