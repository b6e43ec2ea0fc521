//! A driver for one node: connections, a disk in memory and a clock, all moved by the caller only. With `TRACE`
//! set in the environment it prints every event and action.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lockstep_core::ids::{ConnId, File, FileInfo, Ticket};
use lockstep_core::{Action, Config, DiskFault, Event, Halt, Mono, Node, Now, Origin, Role, Seed, When};

/// 1 January 2026, in microseconds.
pub const START_WALL_US: u64 = 1_767_225_600_000_000;

/// Turns and completions that a node may need to come to rest.
const ROUNDS_MAX: usize = 200_000;

/// One file: what was appended, and how far zeros are reserved.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    /// What was appended.
    pub bytes: Vec<u8>,
    /// The file's length, zeros included, if that is longer.
    pub length_bytes: u64,
}

impl Contents {
    fn len(&self) -> u64 {
        self.length_bytes.max(self.bytes.len() as u64)
    }

    fn load(&self, offset: u64, length_bytes: u32) -> Vec<u8> {
        let end = self.len().min(offset.saturating_add(u64::from(length_bytes)));
        let stored = self.bytes.len() as u64;
        let mut loaded = self.bytes
            [offset.min(stored) as usize..end.min(stored).max(offset.min(stored)) as usize]
            .to_vec();
        loaded.resize(end.saturating_sub(offset) as usize, 0);
        loaded
    }
}

/// A directory.
pub type Disk = BTreeMap<File, Contents>;

/// Work of the disk that is not answered yet.
#[derive(Clone, Copy, Debug)]
enum Job {
    Synced(Ticket, Option<File>),
    Loaded(Ticket, File, u64, u32),
    Reserved(Ticket, File),
    /// Answered only when it fails.
    Written(Ticket, File),
}

#[derive(Debug, Default)]
struct Client {
    received: Vec<u8>,
    /// Sent while the node had paused the connection.
    waiting: Vec<u8>,
    paused: bool,
    closed: bool,
    /// The node closed it, and may not name it any more.
    dismissed: bool,
}

/// A node with everything around it. Nothing moves unless the caller says so.
pub struct Driver {
    node: Node,
    /// Both clocks.
    pub now: Now,
    /// What the page cache holds.
    pub disk: Disk,
    /// Why the node stopped, when it did.
    pub halted: Option<Halt>,
    /// What the disk has yet to answer, in order.
    jobs: VecDeque<Job>,
    clients: BTreeMap<ConnId, Client>,
    generations: BTreeMap<u32, u32>,
    flushes: BTreeSet<ConnId>,
    resumed: VecDeque<ConnId>,
    spoiled: BTreeSet<File>,
    /// Directives that the node asked to be applied.
    applied: BTreeSet<&'static str>,
    /// Print what happens.
    trace: bool,
    /// The most bytes that one flush sends; the rest waits for [`Driver::drain`].
    pub socket_bytes: usize,
}

/// A configuration for fuzzing: nothing on a disk, small bounds, `DEBUG` allowed.
#[must_use]
pub fn volatile() -> Config {
    let mut config = Config { appendonly: false, save: Vec::new(), ..Config::default() };
    config.proto_max_bulk_len_bytes = 1 << 20;
    config.client_query_buffer_limit_bytes = 8 << 20;
    config.enable_debug_command = lockstep_core::config::Access::Yes;
    config.knobs.segment_bytes = 64 << 10;
    config
}

impl Driver {
    /// A node that starts on what `disk` holds. Nothing is done yet.
    #[must_use]
    pub fn start(config: Config, disk: Disk) -> Self {
        Self::start_at(config, disk, Now { mono: Mono(1_000_000), wall_us: START_WALL_US })
    }

    /// Likewise, at a time.
    #[must_use]
    pub fn start_at(config: Config, disk: Disk, now: Now) -> Self {
        let infos: Vec<FileInfo> =
            disk.iter().map(|(&file, contents)| FileInfo { file, length_bytes: contents.len() }).collect();
        Self {
            node: Node::new(config, Seed([7; 32]), now, &infos),
            now,
            disk,
            halted: None,
            jobs: VecDeque::new(),
            clients: BTreeMap::new(),
            generations: BTreeMap::new(),
            flushes: BTreeSet::new(),
            resumed: VecDeque::new(),
            spoiled: BTreeSet::new(),
            applied: BTreeSet::new(),
            trace: std::env::var_os("TRACE").is_some(),
            socket_bytes: usize::MAX,
        }
    }

    /// Something happens, if the node still listens. The turn stays open.
    pub fn happen(&mut self, event: Event<'_>) {
        if self.halted.is_none() {
            if self.trace {
                eprintln!("{:?} {}", self.now, shown(&event));
            }
            self.node.handle(self.now, event);
        }
    }

    /// A client connects. The turn stays open.
    pub fn open(&mut self) -> ConnId {
        let slot = (0..).find(|slot| !self.is_slot_used(*slot)).expect("few connections");
        let generation = self.generations.entry(slot).and_modify(|generation| *generation += 1).or_default();
        let conn = ConnId { slot, generation: *generation };
        self.clients.insert(conn, Client::default());
        let peer = format!("127.0.0.1:{}", 50_000 + slot);
        let origin =
            Origin { peer: &peer, local: "127.0.0.1:6379", loopback: true, unix: false, descriptor: 8 };
        self.happen(Event::Accepted { conn, role: Role::Client, origin });
        conn
    }

    fn is_slot_used(&self, slot: u32) -> bool {
        self.clients.iter().any(|(conn, client)| conn.slot == slot && !client.closed)
    }

    /// Whether the connection stands.
    #[must_use]
    pub fn is_open(&self, conn: ConnId) -> bool {
        self.clients.get(&conn).is_some_and(|client| !client.closed)
    }

    /// A client sends. What it sends to a paused connection stays in the socket. The turn stays open.
    pub fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        let Some(client) = self.clients.get_mut(&conn).filter(|client| !client.closed) else { return };
        if client.paused || !client.waiting.is_empty() {
            client.waiting.extend_from_slice(bytes);
        } else {
            self.happen(Event::Received { conn, bytes });
        }
    }

    /// A client hangs up. The turn stays open.
    pub fn hang_up(&mut self, conn: ConnId) {
        if self.is_open(conn) {
            self.clients.get_mut(&conn).expect("it is open").closed = true;
            self.happen(Event::Closed { conn });
        }
    }

    /// What a client received and did not look at yet.
    pub fn take(&mut self, conn: ConnId) -> Vec<u8> {
        self.clients.get_mut(&conn).map(|client| std::mem::take(&mut client.received)).unwrap_or_default()
    }

    /// Ends the turn: does what the node asks for and sends what is to be flushed.
    pub fn turn(&mut self) {
        while let Some(action) = self.node.poll(self.now) {
            self.perform(action);
        }
        for conn in std::mem::take(&mut self.flushes) {
            self.drain(conn);
        }
        while let Some(conn) = self.resumed.pop_front() {
            let Some(client) = self.clients.get_mut(&conn) else { continue };
            let bytes = std::mem::take(&mut client.waiting);
            self.send(conn, &bytes);
        }
    }

    /// The socket takes bytes of a connection, as many as it takes at once. The turn stays open.
    pub fn drain(&mut self, conn: ConnId) {
        if !self.is_open(conn) || matches!(self.halted, Some(ref reason) if *reason != Halt::Asked) {
            return;
        }
        let unsent = self.node.outgoing(conn);
        let count_bytes = unsent.len().min(self.socket_bytes);
        let client = self.clients.get_mut(&conn).expect("it is open");
        client.received.extend_from_slice(&unsent[..count_bytes]);
        if count_bytes > 0 {
            self.happen(Event::Sent { conn, count_bytes });
        }
    }

    /// How many bytes a connection has yet to be sent.
    #[must_use]
    pub fn unsent(&self, conn: ConnId) -> usize {
        self.node.outgoing(conn).len()
    }

    /// The disk answers its oldest job; whether there was one. The turn stays open.
    pub fn complete(&mut self) -> bool {
        let Some(job) = self.jobs.pop_front() else { return false };
        match job {
            Job::Synced(ticket, Some(file)) | Job::Reserved(ticket, file) if self.spoiled.contains(&file) => {
                // What comes after a failure cannot be trusted, so all of it fails.
                self.fail(ticket, DiskFault::Io(5));
            }
            Job::Synced(ticket, _) => self.happen(Event::Synced { ticket }),
            Job::Loaded(ticket, file, offset, length_bytes) => {
                let bytes = self
                    .disk
                    .get(&file)
                    .map(|contents| contents.load(offset, length_bytes))
                    .unwrap_or_default();
                self.happen(Event::Loaded { ticket, bytes: &bytes });
            }
            Job::Reserved(ticket, ..) => self.happen(Event::Reserved { ticket }),
            Job::Written(ticket, file) => {
                if self.spoiled.contains(&file) {
                    self.fail(ticket, DiskFault::Io(5));
                }
            }
        }
        true
    }

    /// The disk fails at its oldest job; whether there was one. A full disk refuses space only. The turn
    /// stays open.
    pub fn fail_next(&mut self, fault: DiskFault) -> bool {
        let Some(job) = self.jobs.pop_front() else { return false };
        let (ticket, file) = match job {
            Job::Synced(ticket, file) => (ticket, file),
            Job::Loaded(ticket, file, ..) | Job::Written(ticket, file) => (ticket, Some(file)),
            Job::Reserved(ticket, file) => (ticket, Some(file)),
        };
        if let Some(file) = file
            && !(fault == DiskFault::Full && matches!(job, Job::Reserved(..)))
        {
            self.spoiled.insert(file);
        }
        self.fail(ticket, fault);
        true
    }

    fn fail(&mut self, ticket: Ticket, fault: DiskFault) {
        self.happen(Event::Failed { ticket, fault });
    }

    /// Whether the node asked for this directive to be applied.
    #[must_use]
    pub fn told_of(&self, directive: &str) -> bool {
        self.applied.contains(directive)
    }

    /// How many jobs the disk has.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// Time passes; the node is told when its deadline has. The turn stays open.
    pub fn pass(&mut self, micros: u64) {
        self.now.mono = Mono(self.now.mono.0 + micros);
        self.now.wall_us += micros;
        if self.halted.is_none() && self.node.deadline().is_some_and(|deadline| deadline <= self.now.mono) {
            self.happen(Event::Timer);
        }
    }

    /// Turns and completions until nothing is under way.
    ///
    /// # Panics
    /// When the node does not come to rest.
    pub fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.turn();
            if self.halted.is_some() {
                return;
            }
            if !self.complete() {
                // What was sent last may have begun a turn.
                self.turn();
                if self.jobs.is_empty() {
                    return;
                }
            }
        }
        panic!("the node does not come to rest");
    }

    /// Sends a command and gives what comes back when the node has come to rest.
    pub fn ask(&mut self, conn: ConnId, words: &[&[u8]]) -> Vec<u8> {
        self.send(conn, &crate::resp::request(words));
        self.settle();
        self.take(conn)
    }

    /// An action may come too late for a client that has just hung up, but never after the node's own close.
    fn assert_known(&self, conn: ConnId) {
        let client = self.clients.get(&conn).expect("actions name connections that were there");
        assert!(!client.dismissed, "after a close there is nothing more to do");
    }

    fn perform(&mut self, action: Action) {
        if self.trace {
            eprintln!("    {}", shown(&action));
        }
        match action {
            Action::Append { ticket, file, bytes, when } => {
                self.disk.entry(file).or_default().bytes.extend_from_slice(&bytes);
                match when {
                    When::Now => {}
                    When::Later => self.jobs.push_back(Job::Written(ticket, file)),
                    When::Synced => self.jobs.push_back(Job::Synced(ticket, Some(file))),
                }
            }
            Action::Sync { ticket, file } => self.jobs.push_back(Job::Synced(ticket, Some(file))),
            Action::Remove { ticket, file } => {
                self.disk.remove(&file);
                self.jobs.push_back(Job::Synced(ticket, None));
            }
            Action::Load { ticket, file, offset, length_bytes } => {
                self.jobs.push_back(Job::Loaded(ticket, file, offset, length_bytes));
            }
            Action::Reserve { ticket, file, length_bytes, .. } => {
                let contents = self.disk.entry(file).or_default();
                contents.length_bytes = contents.length_bytes.max(length_bytes);
                self.jobs.push_back(Job::Reserved(ticket, file));
            }
            Action::Flush { conn } => {
                self.assert_known(conn);
                self.flushes.insert(conn);
            }
            Action::Pause { conn } => {
                if let Some(client) = self.clients.get_mut(&conn) {
                    assert!(!client.paused, "a connection is paused once");
                    client.paused = true;
                }
            }
            Action::Resume { conn } => {
                if let Some(client) = self.clients.get_mut(&conn) {
                    assert!(client.paused, "only a paused connection is resumed");
                    client.paused = false;
                    self.resumed.push_back(conn);
                }
            }
            Action::Close { conn } => {
                self.assert_known(conn);
                let client = self.clients.get_mut(&conn).expect("it is known");
                client.closed = true;
                client.dismissed = true;
            }
            Action::Stall { micros } => {
                self.now.mono = Mono(self.now.mono.0.saturating_add(micros.min(60_000_000)));
                self.now.wall_us += micros.min(60_000_000);
            }
            Action::Halt { reason } => {
                for conn in std::mem::take(&mut self.flushes) {
                    if reason == Halt::Asked {
                        self.drain(conn);
                    }
                }
                self.halted = Some(reason);
            }
            Action::Apply { name, .. } => {
                self.applied.insert(name);
            }
            Action::Connect { .. } | Action::Rewrite { .. } | Action::Say { .. } => {}
        }
    }
}

/// An event or an action on one line, with its bytes as text.
fn shown(what: &impl std::fmt::Debug) -> String {
    const SHOWN_MAX: usize = 2000;
    let text = format!("{what:?}");
    // Bytes are listed as numbers: turn runs of them into text.
    let mut out = String::new();
    let mut rest = &text[..];
    while let Some(start) = rest.find('[') {
        let Some(end) = rest[start..].find(']') else { break };
        let numbers: Result<Vec<u8>, _> =
            rest[start + 1..start + end].split(", ").map(str::parse::<u8>).collect();
        out.push_str(&rest[..start]);
        match numbers {
            Ok(bytes) => out.push_str(&format!("\"{}\"", bytes.escape_ascii())),
            Err(_) => out.push_str(&rest[start..=start + end]),
        }
        rest = &rest[start + end + 1..];
    }
    out.push_str(rest);
    out.chars().take(SHOWN_MAX).collect()
}
