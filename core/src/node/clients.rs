//! Connections as the node sees them: coming, going, waiting, and what they may cost.

use super::{Node, redact};
use crate::command::{Client, CommandId, Conditions};
use crate::ids::{ConnId, Position};
use crate::mark::plant;
use crate::resp::{Args, Reply, ReplyError};
use crate::session::{Session, State, Wait, WaitReason};
use crate::{Action, Level, Mono, Origin, limits};

/// `CLIENT PAUSE`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    /// Until then.
    pub until: Mono,
    /// Reads go on.
    pub writes_only: bool,
}

impl Node {
    /// A client connected.
    pub(super) fn accepted(&mut self, conn: ConnId, origin: Origin<'_>) {
        self.stats.connections += 1;
        let client = Client {
            id: self.next_client,
            peer: origin.peer.into(),
            local: origin.local.into(),
            unix: origin.unix,
            descriptor: origin.descriptor,
            authenticated: self.config.requirepass.is_empty(),
            created: self.now.mono,
            active: self.now.mono,
            ..Client::internal()
        };
        self.next_client += 1;
        let refusal = self.refuse_connection(origin);
        self.sessions.insert(Session::new(conn, client));
        if let Some(error) = refusal {
            self.stats.rejected_connections += 1;
            if let Some(session) = self.sessions.get_mut(conn) {
                Reply::new(session.output.buffer(), session.client.protocol).error(&error);
                session.client.closing = true;
            }
            self.list_flush(conn);
        }
    }

    fn refuse_connection(&self, origin: Origin<'_>) -> Option<ReplyError> {
        if self.sessions.len() >= self.config.maxclients as usize {
            return Some(ReplyError::fixed("ERR max number of clients reached"));
        }
        let open = self.config.requirepass.is_empty();
        if self.config.protected_mode && open && !origin.loopback {
            return Some(ReplyError::fixed(
                "DENIED Lockstep is running in protected mode, because no password is set. In this mode connections are \
                 accepted from this machine only. To let others in, set a password with 'requirepass' in the \
                 configuration file or with CONFIG SET, or, if nobody untrusted can reach this port, turn the \
                 protection off with 'CONFIG SET protected-mode no' from this machine or '--protected-mode no' at \
                 the start.",
            ));
        }
        None
    }

    /// The socket took bytes.
    pub(super) fn sent(&mut self, conn: ConnId, count_bytes: usize) {
        self.stats.output_bytes += count_bytes as u64;
        self.stats.writes += 1;
        let Some(session) = self.sessions.get_mut(conn) else { return };
        let Some(buffer) = session.output.take_sent(count_bytes) else { return };
        session.over_soft_limit_since = None;
        session.input.shrink();
        if session.client.closing && session.in_lane == 0 {
            self.actions.push_back(Action::Close { conn });
            self.forget_session(conn);
        }
        if buffer.capacity() <= limits::SPARE_OUTPUT_BYTES
            && self.spare_buffers.len() < limits::SPARE_OUTPUT_BUFFERS
        {
            self.spare_buffers.push(buffer);
        }
    }

    /// The connection is gone. What it had sent whole still runs.
    pub(super) fn closed(&mut self, conn: ConnId) {
        self.forget_session(conn);
    }

    /// Forgets a session; its slot may be used again.
    pub(super) fn forget_session(&mut self, conn: ConnId) {
        if self.sessions.remove(conn).is_some() {
            self.monitors.retain(|&monitor| monitor != conn);
            self.blocked.retain(|&blocked| blocked != conn);
            self.note_monitors();
        }
    }

    /// Closes a connection at once, whatever it was still to be told.
    pub(super) fn drop_session(&mut self, conn: ConnId) {
        if self.sessions.get(conn).is_some() {
            self.actions.push_back(Action::Close { conn });
            self.forget_session(conn);
        }
    }

    /// Closes a client whose output has passed its limit; whether it may stay.
    pub(super) fn bound_output(&mut self, conn: ConnId) -> bool {
        let limit = self.config.client_output_buffer_limits.normal;
        let Some(session) = self.sessions.get_mut(conn) else { return false };
        let held = session.output.unsent().len() as u64;
        let over_hard = limit.hard_bytes > 0 && held > limit.hard_bytes;
        let over_soft = limit.soft_bytes > 0 && held > limit.soft_bytes;
        if over_soft {
            session.over_soft_limit_since.get_or_insert(self.now.mono);
        } else {
            session.over_soft_limit_since = None;
        }
        let soft_us = limit.soft_s.saturating_mul(1_000_000);
        let too_long =
            session.over_soft_limit_since.is_some_and(|since| self.now.mono.micros_since(since) >= soft_us);
        if plant!("LV5", !(over_hard || over_soft && too_long), true) {
            return true;
        }
        let text = format!(
            "Client {} (id {}) closed: {held} bytes of replies it did not read are more than its output limit.",
            session.client.peer, session.client.id
        );
        self.stats.output_limit_closed += 1;
        self.say(Level::Warning, text);
        self.drop_session(conn);
        false
    }

    /// Keeps what all connections hold together within bounds, closing the largest.
    pub(super) fn bound_all_clients(&mut self) {
        // What a turn can add is bounded, so looking now and then is enough.
        const EVERY_US: u64 = 100_000;
        if self.now.mono.micros_since(self.last_client_sweep) < EVERY_US {
            return;
        }
        self.last_client_sweep = self.now.mono;
        let cost = |session: &Session| session.output.unsent().len() + session.input.memory_bytes();
        let mut total: u64 = self.sessions.iter().map(|session| cost(session) as u64).sum();
        while total > limits::CLIENTS_BYTES {
            let Some(largest) = self
                .sessions
                .iter()
                .filter(|session| !session.client.no_evict)
                .max_by_key(|session| cost(session))
            else {
                return;
            };
            let (conn, held, peer) = (largest.conn, cost(largest), largest.client.peer.clone());
            total -= held as u64;
            self.stats.output_limit_closed += 1;
            self.say(Level::Warning, format!("Client {peer} closed: connections hold too much memory together, and it the most ({held} bytes)."));
            self.drop_session(conn);
        }
        self.close_idle();
    }

    /// `timeout`: closes clients that sent nothing for so long.
    fn close_idle(&mut self) {
        if self.config.timeout_s == 0 {
            return;
        }
        let limit_us = u64::from(self.config.timeout_s) * 1_000_000;
        let idle: Vec<ConnId> = self
            .sessions
            .iter()
            .filter(|session| !session.client.monitor && !matches!(session.state, State::Blocked(_)))
            .filter(|session| self.now.mono.micros_since(session.client.active) > limit_us)
            .map(|session| session.conn)
            .collect();
        for conn in idle {
            self.say(Level::Verbose, "Closing idle client");
            self.drop_session(conn);
        }
    }

    // Waiting.

    /// Keeps a client waiting.
    pub(super) fn block(&mut self, conn: ConnId, reason: WaitReason, timeout_ms: u64) {
        let deadline = (timeout_ms > 0).then(|| self.now.mono.after_ms(timeout_ms));
        if let Some(session) = self.sessions.get_mut(conn) {
            session.state = State::Blocked(Wait { reason, deadline });
            self.blocked.push(conn);
        }
    }

    /// A client that was kept waiting was answered and goes on.
    pub(super) fn unblock(&mut self, conn: ConnId) {
        if let Some(session) = self.sessions.get_mut(conn)
            && matches!(session.state, State::Blocked(_))
        {
            session.state = State::Ready;
            self.blocked.retain(|&blocked| blocked != conn);
            self.ready.push(conn);
            self.list_flush(conn);
        }
    }

    /// Answers those whose time is up, or whose wish came true.
    pub(super) fn expire_waits(&mut self) {
        if self.blocked.is_empty() {
            return;
        }
        let synced = self.writer.synced().position;
        for conn in self.blocked.clone() {
            let Some(session) = self.sessions.get(conn) else { continue };
            let State::Blocked(wait) = session.state else { continue };
            let late = wait.deadline.is_some_and(|deadline| deadline <= self.now.mono);
            let fulfilled = match wait.reason {
                WaitReason::Durable { position, replicas: 0, .. } => position <= synced,
                _ => false,
            };
            if late || fulfilled {
                self.answer_wait(conn, wait.reason, synced);
            }
        }
    }

    /// Answers a wait with how things stand.
    pub(super) fn answer_wait(&mut self, conn: ConnId, reason: WaitReason, synced: Position) {
        let logging = self.writer.file().is_some();
        let Some(session) = self.sessions.get_mut(conn) else { return };
        let mut reply = Reply::new(session.output.buffer(), session.client.protocol);
        match reason {
            WaitReason::Replicas => reply.integer(0),
            WaitReason::Durable { position, .. } => {
                reply.array(2);
                reply.integer(i64::from(logging && position <= synced));
                reply.integer(0);
            }
            // It is answered by what it waits for, and waits without a deadline.
            WaitReason::Checkpoint | WaitReason::Shutdown => return,
        }
        self.unblock(conn);
    }

    /// Whether `CLIENT PAUSE` is in force.
    pub(super) fn pause_is_on(&mut self) -> bool {
        if self.pause.is_some_and(|pause| pause.until <= self.now.mono) {
            self.end_pause();
        }
        self.pause.is_some()
    }

    /// `CLIENT UNPAUSE`.
    pub(super) fn end_pause(&mut self) {
        self.pause = None;
        self.conditions.set(Conditions::PAUSED.and(Conditions::PAUSED_WRITES), false);
    }

    /// `CLIENT PAUSE`: a pause under way is only made longer and stricter.
    pub(super) fn begin_pause(&mut self, timeout_ms: u64, writes_only: bool) {
        let mut pause = Pause { until: self.now.mono.after_ms(timeout_ms), writes_only };
        if self.pause_is_on()
            && let Some(old) = self.pause
        {
            pause.until = pause.until.max(old.until);
            pause.writes_only &= old.writes_only;
        }
        self.pause = Some(pause);
        self.conditions.set(Conditions::PAUSED, !pause.writes_only);
        self.conditions.set(Conditions::PAUSED_WRITES, pause.writes_only);
    }

    /// When a wait or a pause ends, or idle clients are looked for.
    pub(super) fn clients_deadline(&self) -> Option<Mono> {
        let waits = self.blocked.iter().filter_map(|&conn| match self.sessions.get(conn)?.state {
            State::Blocked(wait) => wait.deadline,
            _ => None,
        });
        let pause = self.pause.map(|pause| pause.until);
        let sweep =
            (self.config.timeout_s > 0 && !self.sessions.is_empty()).then(|| self.now.mono.after_ms(1000));
        waits.chain(pause).chain(sweep).min()
    }

    // Watching.

    /// Whether anybody watches decides whether commands take the slow path.
    pub(super) fn note_monitors(&mut self) {
        self.conditions.set(Conditions::MONITORED, !self.monitors.is_empty());
    }

    /// Shows a command to those who watch.
    pub(super) fn tell_monitors(&mut self, conn: ConnId, command: CommandId, args: Args<'_>) {
        let Some(session) = self.sessions.get(conn) else { return };
        let wall = self.now.wall_us;
        let mut line = format!(
            "{}.{:06} [{} {}]",
            wall / 1_000_000,
            wall % 1_000_000,
            session.client.database,
            if session.client.unix {
                format!("unix:{}", session.client.peer)
            } else {
                session.client.peer.to_string()
            }
        )
        .into_bytes();
        for (index, arg) in args.from(0).enumerate() {
            let arg = if redact::is_secret(command, args, index) { redact::REDACTED } else { arg };
            line.extend_from_slice(b" \"");
            for &byte in arg {
                match byte {
                    b'"' | b'\\' => line.extend_from_slice(&[b'\\', byte]),
                    b'\n' => line.extend_from_slice(b"\\n"),
                    b'\r' => line.extend_from_slice(b"\\r"),
                    b'\t' => line.extend_from_slice(b"\\t"),
                    0x07 => line.extend_from_slice(b"\\a"),
                    0x08 => line.extend_from_slice(b"\\b"),
                    0x20..=0x7e => line.push(byte),
                    _ => line.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
                }
            }
            line.push(b'"');
        }
        for monitor in self.monitors.clone() {
            if let Some(session) = self.sessions.get_mut(monitor) {
                let out = session.output.buffer();
                out.push(b'+');
                out.extend_from_slice(&line);
                out.extend_from_slice(b"\r\n");
                self.list_flush(monitor);
            }
        }
    }

    // Memory.

    /// Memory in use that `maxmemory` bounds: keys and values, and the node as such, as Redis counts it too.
    pub(super) fn counted_bytes(&self) -> u64 {
        (self.keyspace.used_bytes() + size_of::<Self>()) as u64
    }

    /// Whether more memory is in use than `maxmemory` allows.
    pub(super) fn out_of_memory(&self) -> bool {
        self.config.maxmemory_bytes > 0 && self.counted_bytes() > self.config.maxmemory_bytes
    }
}
