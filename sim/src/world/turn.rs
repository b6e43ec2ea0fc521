//! A turn of the node: what happened is handed to it, and what it wants is done, in order.

use lockstep_core::ids::{ConnId, File};
use lockstep_core::{Action, Event, Level, Origin, Role};

use super::{Happening, World};
use crate::disk::Completion;
use crate::history::{Violation, violated};
use crate::network::piece;

/// More actions than this in one turn are an endless loop.
const ACTIONS_MAX: u32 = 1_000_000;

/// What a node is told in a turn.
enum Told {
    Completion(Completion),
    Accepted(usize),
    Bytes(usize),
    Closed(ConnId),
    Timer,
    Stop,
}

impl World {
    /// Something waits for the node: it takes a turn soon.
    pub(super) fn wake(&mut self) {
        if self.node.is_none() || self.machine.turn_scheduled {
            return;
        }
        self.machine.turn_scheduled = true;
        let latency_us = self.machine.draws.range(1, 40) * self.machine.slow_cpu;
        let free_at = self.machine.busy_until.max(self.machine.paused_until).max(self.now_us());
        self.schedule.at(free_at + latency_us, Happening::Turn { life: self.machine.lives });
    }

    /// Lets the disk's worker begin its next job.
    pub(super) fn work_disk(&mut self) {
        if let Some(takes_us) = self.machine.disk.begin() {
            self.schedule.after(takes_us, Happening::Disk { life: self.machine.lives });
        }
    }

    pub(super) fn turn(&mut self) -> Result<(), Violation> {
        self.machine.turn_scheduled = false;
        let now_us = self.now_us();
        if self.machine.paused_until > now_us {
            self.wake();
            return Ok(());
        }
        self.turns += 1;
        for serial in std::mem::take(&mut self.links_to_write) {
            self.write(serial)?;
        }
        self.tell();
        self.settle()?;
        let cost_us = self.machine.draws.range(1, 30) * self.machine.slow_cpu;
        self.machine.busy_until = self.machine.busy_until.max(now_us + cost_us);
        self.look()?;
        self.set_timer();
        Ok(())
    }

    /// Hands over all that happened since the last turn, in any order.
    fn tell(&mut self) {
        let mut told: Vec<Told> = Vec::new();
        let now = self.machine.clock.now(self.now_us());
        let accepts = std::mem::take(&mut self.machine.accepts);
        told.extend(accepts.into_iter().map(Told::Accepted));
        let readable = self.machine.conns.values().filter(|&&serial| {
            let link = &self.links[serial];
            !link.paused && (!link.inbox.is_empty() || link.ended)
        });
        told.extend(readable.map(|&serial| Told::Bytes(serial)));
        told.extend(std::mem::take(&mut self.machine.closes).into_iter().map(Told::Closed));
        if std::mem::take(&mut self.machine.stop_asked) {
            told.push(Told::Stop);
        }
        if self
            .node
            .as_ref()
            .and_then(lockstep_core::Node::deadline)
            .is_some_and(|deadline| deadline <= now.mono)
        {
            told.push(Told::Timer);
        }
        self.machine.draws.shuffle(&mut told);
        // Completions keep their order among each other; where they stand among the rest is open.
        let place = self.machine.draws.below(told.len() as u64 + 1) as usize;
        let completions: Vec<Told> =
            std::iter::from_fn(|| self.machine.disk.completion()).map(Told::Completion).collect();
        told.splice(place..place, completions);
        for what in told {
            self.tell_one(what);
        }
    }

    fn tell_one(&mut self, what: Told) {
        let now = self.machine.clock.now(self.schedule.now_us());
        let now_us = self.schedule.now_us();
        let moment = self.machine.moment(now_us);
        let Some(node) = &mut self.node else { return };
        if node.is_serving() {
            // Before, the log's time does not follow the clock yet.
            self.checks.turn(moment);
        }
        match what {
            Told::Completion(completion) => {
                let event = match &completion {
                    Completion::Synced(ticket) => Event::Synced { ticket: *ticket },
                    Completion::Loaded(ticket, bytes) => Event::Loaded { ticket: *ticket, bytes },
                    Completion::Reserved(ticket) => Event::Reserved { ticket: *ticket },
                    Completion::Failed(ticket, fault) => Event::Failed { ticket: *ticket, fault: *fault },
                };
                self.trace.line(now_us, || match &completion {
                    Completion::Loaded(ticket, bytes) => format!("  loaded {ticket}: {} bytes", bytes.len()),
                    other => format!("  {other:?}"),
                });
                node.handle(now, event);
            }
            Told::Accepted(serial) => {
                let conn = self.machine.name(serial);
                self.links[serial].conn = Some(conn);
                let peer = format!("10.0.0.{}:{}", self.links[serial].client + 1, 40_000 + serial % 20_000);
                let descriptor = conn.slot as i32 + 8;
                let origin =
                    Origin { peer: &peer, local: "10.0.1.1:6379", loopback: true, unix: false, descriptor };
                self.trace.note(now_us, 3, &[serial as u64]);
                self.trace.line(now_us, || format!("  #{serial} accepted"));
                node.handle(now, Event::Accepted { conn, role: Role::Client, origin });
            }
            Told::Bytes(serial) => self.tell_bytes(serial),
            Told::Closed(conn) => {
                if self.machine.forget(conn).is_some() {
                    self.trace.line(now_us, || format!("  {conn:?} closed by its client"));
                    node.handle(now, Event::Closed { conn });
                }
            }
            Told::Timer => node.handle(now, Event::Timer),
            Told::Stop => node.handle(now, Event::StopAsked),
        }
    }

    fn tell_bytes(&mut self, serial: usize) {
        let now_us = self.schedule.now_us();
        let now = self.machine.clock.now(now_us);
        let link = &mut self.links[serial];
        let Some(conn) = link.conn else { return };
        let Some(node) = &mut self.node else { return };
        if !link.inbox.is_empty() {
            let count = piece(self.swarm.cut, link.inbox.len(), &mut self.network);
            let bytes: Vec<u8> = link.inbox.drain(..count).collect();
            link.delivered += count as u64;
            self.trace.note(now_us, 4, &[serial as u64]);
            self.trace.bytes(&bytes);
            self.trace.line(now_us, || format!("  #{serial} > {}", crate::report::shorten(&bytes)));
            self.checks.arrived(serial, link.delivered);
            node.handle(now, Event::Received { conn, bytes: &bytes });
        } else if link.ended {
            self.machine.forget(conn);
            self.links[serial].conn = None;
            node.handle(now, Event::Closed { conn });
            self.drop_link(serial);
        }
    }

    /// Does what the node wants until it wants nothing more.
    fn settle(&mut self) -> Result<(), Violation> {
        let now = self.machine.clock.now(self.now_us());
        let mut actions = 0;
        loop {
            let mut flushes: Vec<ConnId> = Vec::new();
            while let Some(action) = self.node.as_mut().and_then(|node| node.poll(now)) {
                actions += 1;
                if actions > ACTIONS_MAX {
                    return violated("INV-M3", "a turn does not end");
                }
                if self.doom_has_come()? {
                    return Ok(());
                }
                self.perform(action, &mut flushes)?;
            }
            if self.node.is_none() {
                return Ok(());
            }
            for conn in flushes {
                if self.doom_has_come()? {
                    return Ok(());
                }
                if let Some(&serial) = self.machine.conns.get(&conn) {
                    self.write(serial)?;
                }
            }
            // What was written may have ended a turn of its own.
            let Some(action) = self.node.as_mut().and_then(|node| node.poll(now)) else { return Ok(()) };
            let mut flushes = Vec::new();
            self.perform(action, &mut flushes)?;
            for conn in flushes {
                if let Some(&serial) = self.machine.conns.get(&conn) {
                    self.write(serial)?;
                }
            }
        }
    }

    /// One more action is about to be performed; whether the process does not live to see it.
    fn doom_has_come(&mut self) -> Result<bool, Violation> {
        let Some(doom) = &mut self.machine.doom else { return Ok(false) };
        if let Some(left) = doom.actions_left.checked_sub(1) {
            doom.actions_left = left;
            return Ok(false);
        }
        let doom = *doom;
        self.end_process(doom.power, doom.down_us)?;
        if doom.again > 0 {
            let actions_left = self.machine.draws.below(20) as u32;
            self.machine.doom = Some(crate::process::Doom { actions_left, again: doom.again - 1, ..doom });
        }
        Ok(true)
    }

    fn perform(&mut self, action: Action, flushes: &mut Vec<ConnId>) -> Result<(), Violation> {
        let now_us = self.now_us();
        let moment = self.machine.moment(now_us);
        match action {
            Action::Append { ticket, file, bytes, when } => {
                let offset = self.machine.disk.append_offset(file);
                self.trace.note(now_us, 5, &[file.number(), offset as u64]);
                self.trace.bytes(&bytes);
                self.trace.line(now_us, || {
                    format!("  append {} +{offset}: {} bytes, {when:?} ({ticket})", file.name(), bytes.len())
                });
                let serving = self.node.as_ref().is_some_and(lockstep_core::Node::is_serving);
                match self.machine.disk.append(ticket, file, bytes.clone(), when) {
                    Ok(()) => self.checks.appended(file, offset, &bytes, serving, moment)?,
                    Err(fault) => {
                        let now = self.machine.clock.now(now_us);
                        if let Some(node) = &mut self.node {
                            node.handle(now, Event::Failed { ticket, fault });
                        }
                    }
                }
            }
            Action::Sync { ticket, file } => {
                self.trace.note(now_us, 6, &[file.number()]);
                self.trace.line(now_us, || format!("  sync {} ({ticket})", file.name()));
                self.machine.disk.sync(ticket, file);
            }
            Action::Load { ticket, file, offset, length_bytes } => {
                self.trace
                    .line(now_us, || format!("  load {} +{offset}: {length_bytes} ({ticket})", file.name()));
                self.machine.disk.load(ticket, file, offset, length_bytes);
            }
            Action::Remove { ticket, file } => {
                self.trace.note(now_us, 7, &[file.number()]);
                self.trace.line(now_us, || format!("  remove {} ({ticket})", file.name()));
                self.machine.disk.remove(ticket, file);
            }
            Action::Reserve { ticket, file, length_bytes, zeroed } => {
                self.trace.line(now_us, || {
                    format!("  reserve {} {length_bytes} zeroed {zeroed} ({ticket})", file.name())
                });
                self.machine.disk.reserve(ticket, file, length_bytes, zeroed);
                self.sometimes.segments += u64::from(matches!(file, File::Segment(_)));
            }
            Action::Flush { conn } => flushes.push(conn),
            Action::Pause { conn } => {
                if let Some(&serial) = self.machine.conns.get(&conn) {
                    self.links[serial].paused = true;
                    self.sometimes.pauses += 1;
                }
            }
            Action::Resume { conn } => {
                if let Some(&serial) = self.machine.conns.get(&conn) {
                    self.links[serial].paused = false;
                    self.wake();
                }
            }
            Action::Close { conn } => {
                if let Some(serial) = self.machine.forget(conn) {
                    self.trace.note(now_us, 8, &[serial as u64]);
                    self.trace.line(now_us, || format!("  #{serial} closed by the node"));
                    self.sometimes.closed_by_node += 1;
                    self.links[serial].conn = None;
                    self.drop_link(serial);
                }
            }
            Action::Stall { micros } => {
                self.machine.busy_until = self.machine.busy_until.max(now_us) + micros
            }
            Action::Say { level, text } => self.said(level, &text),
            Action::Halt { reason } => self.halted(reason)?,
            Action::Connect { .. } => {
                return violated("INV-C4", "a node of a group of one wants to connect to a peer");
            }
            Action::Apply { .. } | Action::Rewrite { .. } => {}
        }
        self.work_disk();
        Ok(())
    }

    fn said(&mut self, level: Level, text: &str) {
        self.trace.line(self.now_us(), || format!("  {level:?}: {text}"));
        self.sometimes.checkpoints += u64::from(text.starts_with("Checkpoint complete"));
        self.sometimes.starts_from_checkpoint += u64::from(text.starts_with("Loading a checkpoint"));
        self.sometimes.torn += u64::from(text.contains("torn") || text.contains("dropped"));
    }

    /// Lets a socket take what the node has for it, as far as it has room.
    pub(super) fn write(&mut self, serial: usize) -> Result<(), Violation> {
        let now_us = self.now_us();
        let moment = self.machine.moment(now_us);
        let now = self.machine.clock.now(now_us);
        let (Some(node), Some(conn)) = (&mut self.node, self.links[serial].conn) else { return Ok(()) };
        let link = &mut self.links[serial];
        let outgoing = node.outgoing(conn);
        let count = outgoing.len().min(link.room(self.swarm.socket_bytes));
        if count == 0 {
            return Ok(());
        }
        let bytes = outgoing[..count].to_vec();
        link.accepted += count as u64;
        self.trace.note(now_us, 9, &[serial as u64]);
        self.trace.bytes(&bytes);
        self.trace.line(now_us, || format!("  #{serial} < {}", crate::report::shorten(&bytes)));
        node.handle(now, Event::Sent { conn, count_bytes: count });
        self.checks.left(serial, &bytes, &self.machine.disk, moment)?;
        self.send_down(serial, count as u64);
        Ok(())
    }

    /// Looks at the node between two turns.
    fn look(&mut self) -> Result<(), Violation> {
        let Some(node) = &self.node else { return Ok(()) };
        if self.checks.digests.wants(node.applied().0) {
            self.see_digest()?;
        }
        let Some(node) = &self.node else { return Ok(()) };
        self.checks.durable.look(&self.checks.log, &self.machine.disk);
        let limit = self.swarm.config.client_output_buffer_limits.normal.hard_bytes;
        if limit > 0 {
            for (&conn, serial) in &self.machine.conns {
                let held = node.outgoing(conn).len() as u64;
                if held > limit {
                    return violated(
                        "INV-M1",
                        format!("{held} bytes of replies wait for connection {serial}, the limit is {limit}"),
                    );
                }
            }
        }
        // There is something left that the node was not told.
        let more = self.machine.conns.values().any(|&serial| {
            let link = &self.links[serial];
            !link.paused && (!link.inbox.is_empty() || link.ended)
        });
        if more || self.machine.disk.has_completions() {
            self.wake();
        }
        Ok(())
    }

    /// Compares what the node holds with what it held at the same entry before.
    pub(super) fn see_digest(&mut self) -> Result<(), Violation> {
        match &self.node {
            Some(node) if node.is_recovered() && node.is_settled() => {
                self.checks.digests.see(node.applied().0, node.digest())
            }
            _ => Ok(()),
        }
    }

    fn set_timer(&mut self) {
        let Some(deadline) = self.node.as_ref().and_then(lockstep_core::Node::deadline) else { return };
        // Timers come late, never early.
        let at =
            self.machine.when(deadline).max(self.now_us() + 1) + self.machine.draws.magnitude(1, 2_000) - 1;
        if self.machine.timer_at.is_none_or(|before| at < before) {
            self.machine.timer_at = Some(at);
            self.schedule.at(at, Happening::Timer { life: self.machine.lives, at });
        }
    }
}
