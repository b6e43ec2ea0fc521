//! The end of a run: nothing goes wrong any more, every client gets its answers, and then everything that is stored is
//! read and compared.

use super::{Happening, Mend, World};
use crate::history::{Violation, violated};
use crate::resp::Words;
use crate::schedule::Micros;

/// So long everything may take once nothing goes wrong, in microseconds.
const HEAL_US: Micros = 120_000_000;
/// How often it is looked whether it is done.
const STEP_US: Micros = 50_000;

impl World {
    pub(super) fn finish(&mut self) -> Result<(), Violation> {
        self.heal();
        self.clients.iter_mut().for_each(|client| client.done = true);
        self.await_answers("INV-V2")?;
        if self.refused.is_some() {
            return Ok(());
        }
        self.read_everything();
        self.await_answers("INV-V2")
    }

    fn heal(&mut self) {
        let now_us = self.now_us();
        self.trace.line(now_us, || "nothing goes wrong any more".into());
        self.healing = true;
        [Mend::Disk, Mend::Space, Mend::Cpu].into_iter().for_each(|what| self.mend(what));
        self.machine.disk.condition = crate::disk::Condition::default();
        self.machine.paused_until = 0;
        self.machine.doom = None;
        if self.node.is_none() {
            self.schedule.after(0, Happening::Start);
        }
        self.wake();
    }

    fn await_answers(&mut self, invariant: &'static str) -> Result<(), Violation> {
        let until_us = self.now_us() + HEAL_US;
        while self.now_us() < until_us && self.refused.is_none() {
            if self.is_quiet() {
                return Ok(());
            }
            let step_us = self.now_us() + STEP_US;
            self.schedule.at(step_us, Happening::Mend(Mend::Cpu));
            self.run_until(step_us)?;
        }
        if self.refused.is_some() {
            return Ok(());
        }
        let waiting: Vec<usize> =
            (0..self.clients.len()).filter(|&client| !self.is_answered(client)).collect();
        let serving = self.node.as_ref().is_some_and(lockstep_core::Node::is_serving);
        violated(
            invariant,
            format!(
                "{} s after everything was well, clients {waiting:?} wait; serving: {serving}",
                HEAL_US / 1_000_000
            ),
        )
    }

    fn is_quiet(&self) -> bool {
        self.node.as_ref().is_some_and(lockstep_core::Node::is_serving)
            && self.machine.stopping.is_none()
            && (0..self.clients.len()).all(|client| self.is_answered(client))
    }

    fn is_answered(&self, number: usize) -> bool {
        let client = &self.clients[number];
        let Some(serial) = client.link else { return client.script.is_empty() };
        let link = &self.links[serial];
        client.script.is_empty() && client.sent == self.checks.answered_within(serial, link.received)
    }

    /// One client for each database asks for all that was ever there.
    fn read_everything(&mut self) {
        let known = self.checks.known_keys();
        for database in 0..2 {
            let mut script: Vec<Words> = Vec::new();
            for (_, name) in known.iter().filter(|(of, _)| *of == database) {
                for command in [&b"GET"[..], b"HGETALL", b"TYPE", b"PEXPIRETIME"] {
                    script.push(vec![command.to_vec(), name.clone()]);
                }
            }
            if script.is_empty() {
                continue;
            }
            let number = self.clients.len();
            let mut client = crate::client::Client::new(&self.swarm, 1_000 + database as u64);
            (client.database, client.done, client.slow, client.script) = (database, true, false, script);
            self.clients.push(client);
            self.schedule.after(0, Happening::Client { client: number });
        }
    }
}
