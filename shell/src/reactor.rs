//! The loop: wait, read the clock once, hand events to the node, do what it wants, write.
//!
//! ```text
//!  wait ─▶ clock ─▶ completions, accepts, reads ─▶ handle ─┐
//!   ▲                                                      ▼
//!   └────── write what Flush named ◀── perform ◀── poll until None
//! ```
//!
//! Sockets are watched edge-triggered: the system tells once that there is something to read. A read that gave
//! less than the buffer holds has emptied the socket, so a connection costs one read and one write in a turn; one
//! that did not is remembered, and read again in the next turn after everybody else had theirs.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lockstep_core::config::LogLevel;
use lockstep_core::ids::ConnId;
use lockstep_core::{Action, Config, Event, Halt, Level, Mono, Node, Now, Origin, Role, Seed};
use mio::{Events, Poll, Token, Waker};

use crate::clock::Clock;
use crate::conns::Conns;
use crate::dial::{Dialed, Dialer};
use crate::disk::{Completion, Disk};
use crate::files::Directory;
use crate::listen::{Arrival, Listener};
use crate::log::Log;
use crate::measure::measure;
use crate::signals::Signals;
use crate::socket::Socket;
use crate::supervise::Supervisor;

/// The one buffer that everything is read into.
const BUFFER_BYTES: usize = 256 << 10;
/// How often one connection is read from in one turn at most.
const READS_PER_TURN: u32 = 4;
/// How many connections are accepted in one turn at most.
const ACCEPTS_PER_TURN: u32 = 1000;
/// How many readiness events one wait takes.
const EVENTS: usize = 1024;
/// After running out of descriptors, accepting is tried again this much later.
const ACCEPT_AGAIN_MS: u64 = 100;
/// How often the process is measured.
const MEASURE_MS: u64 = 1000;
/// A connection whose end was read right behind its last bytes is kept this long for their answer.
const LINGER_MS: u64 = 5000;
/// A node that serves says so in a line that begins like this.
const SERVING: &str = "Ready to accept connections";

const WAKER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);
/// Listeners count down from here, connections up from 0.
const LISTENERS: usize = usize::MAX - 2;
/// More listeners than `bind` takes addresses, with room.
const LISTENERS_MAX: usize = 256;

/// What drives a node.
pub struct Reactor {
    poll: Poll,
    clock: Clock,
    node: Node,
    /// The clocks as of this turn.
    now: Now,
    /// How long the last turn took, in microseconds.
    turn_us: u64,
    disk: Disk,
    dialer: Dialer,
    signals: Signals,
    listeners: Vec<Listener>,
    conns: Conns,
    buffer: Box<[u8]>,
    /// Slots of connections to read from.
    readable: Vec<u32>,
    /// Those of this turn, while they are being read from; kept for its room.
    reading: Vec<u32>,
    /// Connections to write to when polling has run dry.
    flushes: Vec<ConnId>,
    /// What was sent and not yet told to the node.
    sent: Vec<(ConnId, usize)>,
    /// Connections that are gone, not yet told to the node.
    lost: Vec<ConnId>,
    /// Connections kept for a last answer.
    lingering: Vec<ConnId>,
    accept_again: Option<Mono>,
    measure_next: Mono,
    keepalive_s: u32,
    config_file: String,
    supervisor: Supervisor,
    halted: Option<Halt>,
}

impl Reactor {
    /// Starts a node on the files of a directory.
    ///
    /// # Errors
    /// When the system refuses something that cannot be done without.
    pub fn start(
        config: Config,
        seed: Seed,
        directory: Directory,
        mut listeners: Vec<Listener>,
        supervisor: Supervisor,
    ) -> io::Result<Self> {
        if listeners.len() > LISTENERS_MAX {
            return Err(io::Error::other(format!("more than {LISTENERS_MAX} addresses to listen on")));
        }
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let signals = Signals::register(poll.registry(), SIGNALS)?;
        for (index, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), Token(LISTENERS - index))?;
        }
        let files = directory.list()?;
        let clock = Clock::start();
        let now = clock.now();
        let (keepalive_s, config_file) = (config.tcp_keepalive_s, config.config_file.clone());
        Ok(Self {
            clock,
            node: Node::new(config, seed, now, &files),
            now,
            turn_us: 0,
            disk: Disk::start(directory, Arc::clone(&waker))?,
            dialer: Dialer::new(waker),
            poll,
            signals,
            listeners,
            conns: Conns::default(),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            readable: Vec::new(),
            reading: Vec::new(),
            flushes: Vec::new(),
            sent: Vec::new(),
            lost: Vec::new(),
            lingering: Vec::new(),
            accept_again: None,
            measure_next: now.mono,
            keepalive_s,
            config_file,
            supervisor,
            halted: None,
        })
    }

    /// Runs until the node halts, and gives the reason.
    ///
    /// # Errors
    /// When waiting for events fails.
    pub fn run(mut self, log: &mut Log) -> io::Result<Halt> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            self.settle(log);
            if let Some(reason) = self.halted.take() {
                return Ok(reason);
            }
            let end = self.clock.mono();
            self.turn_us = end.micros_since(self.now.mono);
            match self.poll.poll(&mut events, self.patience(end)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
                other => other?,
            }
            self.now = self.clock.now();
            self.node.handle(self.now, Event::TurnTook { micros: self.turn_us });
            self.note(&events, log);
            self.complete(log);
            self.accept(log);
            self.read();
            self.keep_time();
        }
    }

    /// How long to wait for events from `now` on.
    fn patience(&self, now: Mono) -> Option<Duration> {
        if !self.readable.is_empty() || self.disk.has_early_completions() {
            return Some(Duration::ZERO);
        }
        let lingering = self.lingering.first().map(|_| self.now.mono.after_ms(LINGER_MS / 10));
        let due = [self.node.deadline(), self.accept_again, lingering, Some(self.measure_next)];
        let due = due.into_iter().flatten().min().expect("measuring is always due some time");
        Some(Duration::from_micros(due.micros_since(now)))
    }

    /// Notes what the events say; nothing is read or closed yet, so every slot still means what it meant.
    fn note(&mut self, events: &Events, log: &mut Log) {
        for event in events {
            match event.token() {
                WAKER => {}
                SIGNALS => {
                    if self.signals.take() {
                        log.say(Level::Warning, "Asked to stop by a signal");
                        // A supervisor that does not listen is no reason to go on.
                        let _ = self.supervisor.tell("STOPPING=1\n");
                        self.node.handle(self.now, Event::StopAsked);
                    }
                }
                Token(token) if token > LISTENERS - LISTENERS_MAX => {
                    self.listeners[LISTENERS - token].ready = true;
                }
                Token(slot) => {
                    let slot = u32::try_from(slot).expect("tokens of connections are slots");
                    let Some((id, conn)) = self.conns.in_slot(slot) else { continue };
                    conn.ended |= event.is_read_closed() || event.is_error();
                    if event.is_readable() || conn.ended {
                        conn.readable = true;
                        if !conn.queued && !conn.paused {
                            conn.queued = true;
                            self.readable.push(slot);
                        }
                    }
                    if event.is_writable() && conn.full {
                        conn.full = false;
                        list(conn, id, &mut self.flushes);
                    }
                }
            }
        }
    }

    /// Hands over what the disk thread and the dialer have finished.
    fn complete(&mut self, log: &mut Log) {
        while let Some(completion) = self.disk.completion() {
            let event = match &completion {
                Completion::Synced(ticket) => Event::Synced { ticket: *ticket },
                Completion::Loaded(ticket, bytes) => Event::Loaded { ticket: *ticket, bytes },
                Completion::Reserved(ticket) => Event::Reserved { ticket: *ticket },
                Completion::Failed(ticket, fault) => Event::Failed { ticket: *ticket, fault: *fault },
            };
            self.node.handle(self.now, event);
        }
        while let Some(Dialed { peer, stream }) = self.dialer.ended() {
            let socket = stream.map(|stream| Socket::Tcp(mio::net::TcpStream::from_std(stream)));
            match socket.and_then(|socket| self.admit(socket, log)) {
                Some(conn) => self.node.handle(self.now, Event::Connected { conn, peer }),
                None => self.node.handle(self.now, Event::Refused { peer }),
            }
        }
    }

    fn accept(&mut self, log: &mut Log) {
        if self.accept_again.is_some_and(|at| at > self.now.mono) {
            return;
        }
        self.accept_again = None;
        for index in 0..self.listeners.len() {
            let mut left = ACCEPTS_PER_TURN;
            while self.listeners[index].ready {
                match self.listeners[index].accept() {
                    Ok(arrival) => self.arrive(arrival, self.listeners[index].role(), log),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.listeners[index].ready = false;
                    }
                    // Out of descriptors or memory. The connection keeps waiting; so do we, instead of spinning.
                    Err(error) => {
                        let text = format!("Accepting client connection: {error}");
                        log.say(Level::Warning, &text);
                        self.accept_again = Some(self.now.mono.after_ms(ACCEPT_AGAIN_MS));
                        return;
                    }
                }
                left -= 1;
                if left == 0 {
                    // The rest comes in the next turn.
                    self.accept_again = Some(self.now.mono);
                    break;
                }
            }
        }
    }

    fn arrive(&mut self, arrival: Arrival, role: Role, log: &mut Log) {
        let Arrival { socket, peer, local, loopback, unix } = arrival;
        let descriptor = socket.descriptor();
        let Some(conn) = self.admit(socket, log) else { return };
        let origin = Origin { peer: &peer, local: &local, loopback, unix, descriptor };
        self.node.handle(self.now, Event::Accepted { conn, role, origin });
    }

    /// Takes a connected socket in; `None` if the system does not let us wait for it.
    fn admit(&mut self, socket: Socket, log: &mut Log) -> Option<ConnId> {
        socket.tune(self.keepalive_s);
        let id = self.conns.insert(socket);
        let conn = self.conns.get(id).expect("just inserted");
        match conn.socket.register(self.poll.registry(), Token(id.slot as usize)) {
            Ok(()) => Some(id),
            Err(error) => {
                self.conns.remove(id);
                log.say(Level::Warning, &format!("Registering a connection: {error}"));
                None
            }
        }
    }

    fn read(&mut self) {
        // Those that are not done are listed anew, for the next turn.
        std::mem::swap(&mut self.readable, &mut self.reading);
        while let Some(slot) = self.reading.pop() {
            let Some((id, conn)) = self.conns.in_slot(slot) else { continue };
            conn.queued = false;
            if conn.readable && !conn.paused {
                self.read_from(id);
            }
        }
    }

    fn read_from(&mut self, id: ConnId) {
        for _ in 0..READS_PER_TURN {
            let conn = self.conns.get(id).expect("closing waits until reading is done");
            match conn.socket.read(&mut self.buffer) {
                Ok(0) => return self.end(id),
                Ok(count) => {
                    conn.unanswered = true;
                    // With its end already announced, the system will not tell again.
                    conn.readable = count == self.buffer.len() || conn.ended;
                    let more = conn.readable;
                    let bytes = &self.buffer[..count];
                    self.node.handle(self.now, Event::Received { conn: id, bytes });
                    if !more {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    conn.readable = false;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.lose(id),
            }
        }
        let conn = self.conns.get(id).expect("closing waits until reading is done");
        conn.queued = true;
        self.readable.push(id.slot);
    }

    /// The other end sends nothing more. Usually it is gone, and so is the connection. But some only close their
    /// sending half behind the last request (`printf ... | nc`), and are to get their answer.
    fn end(&mut self, id: ConnId) {
        let conn = self.conns.get(id).expect("its end was just read");
        conn.readable = false;
        if conn.unanswered && conn.lingering.is_none() {
            conn.lingering = Some(self.now.mono.after_ms(LINGER_MS));
            self.lingering.push(id);
        } else {
            self.lose(id);
        }
    }

    /// Closes a connection that is gone, and tells the node.
    fn lose(&mut self, id: ConnId) {
        if self.conns.remove(id).is_some() {
            self.node.handle(self.now, Event::Closed { conn: id });
        }
    }

    fn keep_time(&mut self) {
        if self.node.deadline().is_some_and(|due| due <= self.now.mono) {
            self.node.handle(self.now, Event::Timer);
        }
        if self.measure_next <= self.now.mono {
            self.measure_next = self.now.mono.after_ms(MEASURE_MS);
            self.node.handle(self.now, Event::Measured(measure()));
        }
        self.release_lingering();
    }

    /// Lets go of connections that were kept for an answer and got it, or waited long enough.
    fn release_lingering(&mut self) {
        let mut index = 0;
        while index < self.lingering.len() {
            let id = self.lingering[index];
            let over = self.conns.get(id).is_none_or(|conn| {
                !conn.unanswered || conn.lingering.is_none_or(|until| until <= self.now.mono)
            });
            if over {
                self.lingering.swap_remove(index);
                self.lose(id);
            } else {
                index += 1;
            }
        }
    }

    /// Does what the node wants and writes what it named, until it wants nothing more.
    fn settle(&mut self, log: &mut Log) {
        loop {
            while self.halted.is_none()
                && let Some(action) = self.node.poll(self.now)
            {
                self.perform(action, log);
            }
            if self.flushes.is_empty() {
                return;
            }
            self.write();
            if self.halted.is_some() {
                return;
            }
            // Only now may the node be told: nothing comes between its last word and the writing.
            for (conn, count_bytes) in self.sent.drain(..) {
                self.node.handle(self.now, Event::Sent { conn, count_bytes });
            }
            while let Some(id) = self.lost.pop() {
                self.lose(id);
            }
            self.release_lingering();
        }
    }

    fn write(&mut self) {
        for id in self.flushes.drain(..) {
            let Some(conn) = self.conns.get(id) else { continue };
            conn.flushing = false;
            let bytes = self.node.outgoing(id);
            if bytes.is_empty() || conn.full {
                continue;
            }
            match conn.socket.write(bytes) {
                Ok(count) => {
                    self.sent.push((id, count));
                    conn.full = count < bytes.len();
                    conn.unanswered &= conn.full;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => conn.full = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    // Nothing was written; the system tells at once that there is room.
                    conn.full = true;
                    conn.watched = false;
                }
                Err(_) => {
                    self.lost.push(id);
                    continue;
                }
            }
            if conn.full && !conn.watched {
                conn.watched = true;
                let token = Token(id.slot as usize);
                if conn.socket.want_writable(self.poll.registry(), token).is_err() {
                    self.lost.push(id);
                }
            }
        }
    }

    fn perform(&mut self, action: Action, log: &mut Log) {
        match action {
            Action::Append { ticket, file, bytes, when } => {
                if let Err(fault) = self.disk.append(ticket, file, bytes, when) {
                    self.node.handle(self.now, Event::Failed { ticket, fault });
                }
            }
            Action::Sync { ticket, file } => self.disk.sync(ticket, file),
            Action::Load { ticket, file, offset, length_bytes } => {
                self.disk.load(ticket, file, offset, length_bytes);
            }
            Action::Remove { ticket, file } => self.disk.remove(ticket, file),
            Action::Reserve { ticket, file, length_bytes, zeroed } => {
                self.disk.reserve(ticket, file, length_bytes, zeroed);
            }
            Action::Connect { peer, address } => self.dialer.dial(peer, address),
            Action::Flush { conn } => {
                if let Some(known) = self.conns.get(conn) {
                    list(known, conn, &mut self.flushes);
                }
            }
            Action::Pause { conn } => {
                if let Some(conn) = self.conns.get(conn) {
                    conn.paused = true;
                }
            }
            Action::Resume { conn: id } => {
                if let Some(conn) = self.conns.get(id) {
                    conn.paused = false;
                    if conn.readable && !conn.queued {
                        conn.queued = true;
                        self.readable.push(id.slot);
                    }
                }
            }
            Action::Close { conn } => {
                self.conns.remove(conn);
            }
            Action::Apply { name, value } => self.apply(name, &value, log),
            Action::Rewrite { directives } => self.rewrite(&directives, log),
            Action::Stall { micros } => std::thread::sleep(Duration::from_micros(micros)),
            Action::Say { level, text } => self.say(level, &text, log),
            Action::Halt { reason } => {
                self.disk.halt();
                self.halted = Some(reason);
            }
        }
    }

    fn apply(&mut self, name: &'static str, value: &str, log: &mut Log) {
        match name {
            "loglevel" => log.set_level(match value {
                "debug" => LogLevel::Debug,
                "verbose" => LogLevel::Verbose,
                "warning" => LogLevel::Warning,
                _ => LogLevel::Notice,
            }),
            "tcp-keepalive" => {
                self.keepalive_s = value.parse().expect("the node checked it");
                self.conns.iter().for_each(|conn| conn.socket.tune(self.keepalive_s));
            }
            _ => log.say(Level::Warning, &format!("'{name}' takes effect at the next start")),
        }
    }

    fn rewrite(&self, directives: &[(&'static str, Vec<String>)], log: &mut Log) {
        let (level, text) = match crate::rewrite::rewrite(Path::new(&self.config_file), directives) {
            Ok(()) => (Level::Notice, "CONFIG REWRITE executed with success.".to_string()),
            Err(error) => (Level::Warning, format!("CONFIG REWRITE failed: {error}")),
        };
        log.say(level, &text);
    }

    fn say(&self, level: Level, text: &str, log: &mut Log) {
        log.say(level, text);
        if text.starts_with(SERVING)
            && let Err(error) = self.supervisor.tell("READY=1\nSTATUS=Ready to accept connections\n")
        {
            log.say(Level::Warning, &format!("The supervisor was not told: {error}"));
        }
    }
}

/// Puts a connection on the list of those to write to, once.
fn list(conn: &mut crate::conns::Conn, id: ConnId, flushes: &mut Vec<ConnId>) {
    if !conn.flushing {
        conn.flushing = true;
        flushes.push(id);
    }
}
