//! Our node as a target: a driver in one process, with a disk in memory and a clock that only waiting moves.
//!
//! What is assumed of the node stands here and nowhere else in these tests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lockstep_core::config::Stage;
use lockstep_core::ids::{ConnId, File, Ticket};
use lockstep_core::{Action, Config, Event, Measures, Mono, Node, Now, Origin, Role, Seed};

use super::target::{Patience, Received, Target};

/// 1 January 2026, in microseconds.
const START_WALL_US: u64 = 1_767_225_600_000_000;
/// Time between two events, in microseconds: a step must not fall on the same moment as the one before.
const TICK_US: u64 = 20;
/// Rounds of events and actions that a node may take to come to rest.
const ROUNDS_MAX: usize = 100_000;

/// A node with everything around it.
pub struct InProcess {
    node: Node,
    now: Now,
    files: BTreeMap<File, Vec<u8>>,
    clients: Vec<Client>,
    completions: VecDeque<Completion>,
    flushes: BTreeSet<ConnId>,
}

struct Client {
    received: Vec<u8>,
    /// Sent while the node had paused the connection.
    waiting: Vec<u8>,
    paused: bool,
    closed: bool,
}

enum Completion {
    Synced(Ticket),
    Loaded(Ticket, Vec<u8>),
    Reserved(Ticket),
}

impl InProcess {
    /// A node that starts on an empty disk with these directives.
    pub fn start(directives: &[(String, String)]) -> Self {
        let mut config = Config::default();
        for (name, value) in directives {
            let words =
                lockstep_core::config::file::split(value).expect("a transcript quotes its settings well");
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            if let Err(problem) = config.set(name.as_bytes(), &words, Stage::Start) {
                panic!("{name} {value}: {problem:?}");
            }
        }
        let now = Now { mono: Mono(1_000_000), wall_us: START_WALL_US };
        let mut target = Self {
            node: Node::new(config, Seed([7; 32]), now, &[]),
            now,
            files: BTreeMap::new(),
            clients: Vec::new(),
            completions: VecDeque::new(),
            flushes: BTreeSet::new(),
        };
        target.settle();
        let measures = Measures { resident_bytes: 1 << 24, system_bytes: 1 << 34, ..Measures::default() };
        target.happen(Event::Measured(measures));
        target
    }

    /// Something happens, and the node comes to rest.
    fn happen(&mut self, event: Event<'_>) {
        self.pass(TICK_US);
        self.node.handle(self.now, event);
        self.settle();
    }

    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            while let Some(action) = self.node.poll(self.now) {
                self.perform(action);
            }
            for conn in std::mem::take(&mut self.flushes) {
                self.flush(conn);
            }
            let Some(completion) = self.completions.pop_front() else {
                // What was flushed may have ended a turn of its own.
                if let Some(action) = self.node.poll(self.now) {
                    self.perform(action);
                    continue;
                }
                return;
            };
            let event = match &completion {
                Completion::Synced(ticket) => Event::Synced { ticket: *ticket },
                Completion::Loaded(ticket, bytes) => Event::Loaded { ticket: *ticket, bytes },
                Completion::Reserved(ticket) => Event::Reserved { ticket: *ticket },
            };
            self.node.handle(self.now, event);
        }
        panic!("the node does not come to rest");
    }

    fn flush(&mut self, conn: ConnId) {
        let client = &mut self.clients[conn.slot as usize];
        let bytes = self.node.outgoing(conn);
        let count_bytes = bytes.len();
        client.received.extend(bytes);
        if count_bytes > 0 {
            self.node.handle(self.now, Event::Sent { conn, count_bytes });
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Append { ticket, file, bytes, when } => {
                self.files.entry(file).or_default().extend_from_slice(&bytes);
                if when == lockstep_core::When::Synced {
                    self.completions.push_back(Completion::Synced(ticket));
                }
            }
            Action::Sync { ticket, .. } => self.completions.push_back(Completion::Synced(ticket)),
            Action::Remove { ticket, file } => {
                self.files.remove(&file);
                self.completions.push_back(Completion::Synced(ticket));
            }
            Action::Load { ticket, file, offset, length_bytes } => {
                let content = self.files.get(&file).map_or(&[][..], Vec::as_slice);
                let start = usize::try_from(offset).map_or(content.len(), |start| start.min(content.len()));
                let end = (start + length_bytes as usize).min(content.len());
                self.completions.push_back(Completion::Loaded(ticket, content[start..end].to_vec()));
            }
            Action::Reserve { ticket, file, .. } => {
                self.files.entry(file).or_default();
                self.completions.push_back(Completion::Reserved(ticket));
            }
            Action::Flush { conn } => {
                self.flushes.insert(conn);
            }
            Action::Pause { conn } => self.clients[conn.slot as usize].paused = true,
            Action::Resume { conn } => {
                let client = &mut self.clients[conn.slot as usize];
                client.paused = false;
                let bytes = std::mem::take(&mut client.waiting);
                if !bytes.is_empty() {
                    self.node.handle(self.now, Event::Received { conn, bytes: &bytes });
                }
            }
            Action::Close { conn } => self.clients[conn.slot as usize].closed = true,
            Action::Stall { micros } => self.pass(micros),
            Action::Halt { reason } => panic!("the node halted: {reason:?}"),
            Action::Connect { .. } | Action::Apply { .. } | Action::Rewrite { .. } | Action::Say { .. } => {}
        }
    }

    fn pass(&mut self, micros: u64) {
        self.now.mono = Mono(self.now.mono.0 + micros);
        self.now.wall_us += micros;
    }
}

fn name(conn: usize) -> ConnId {
    ConnId { slot: u32::try_from(conn).expect("few connections"), generation: 0 }
}

fn ends(conn: usize) -> (String, String) {
    (format!("127.0.0.1:{}", 50_000 + conn), "127.0.0.1:6379".into())
}

impl Target for InProcess {
    fn open(&mut self) -> Result<usize, String> {
        let conn = self.clients.len();
        let client = Client { received: Vec::new(), waiting: Vec::new(), paused: false, closed: false };
        self.clients.push(client);
        let (peer, local) = ends(conn);
        let descriptor = 8 + i32::try_from(conn).expect("few connections");
        let origin = Origin { peer: &peer, local: &local, loopback: true, unix: false, descriptor };
        self.happen(Event::Accepted { conn: name(conn), role: Role::Client, origin });
        Ok(conn)
    }

    fn send(&mut self, conn: usize, bytes: &[u8]) {
        let client = &mut self.clients[conn];
        if client.closed {
            return;
        }
        if client.paused {
            client.waiting.extend(bytes);
            return;
        }
        self.happen(Event::Received { conn: name(conn), bytes });
    }

    fn receive(&mut self, conn: usize, _patience: Patience) -> Received {
        let client = &mut self.clients[conn];
        if !client.received.is_empty() {
            Received::Bytes(std::mem::take(&mut client.received))
        } else if client.closed {
            Received::Closed
        } else {
            Received::Nothing
        }
    }

    fn hang_up(&mut self, conn: usize) {
        if !std::mem::replace(&mut self.clients[conn].closed, true) {
            self.happen(Event::Closed { conn: name(conn) });
        }
    }

    fn wait(&mut self, millis: u64) {
        let end = self.now.mono.after_ms(millis);
        while self.now.mono < end {
            // A deadline that has passed already must still let time go on.
            let next = self.node.deadline().unwrap_or(end).clamp(Mono(self.now.mono.0 + 1), end);
            self.pass(next.micros_since(self.now.mono));
            self.node.handle(self.now, Event::Timer);
            self.settle();
        }
    }

    fn addresses(&self, conn: usize) -> (String, String) {
        ends(conn)
    }
}
