//! The node: what happens to it, and what it wants done. Cut by concern:
//!
//! ```text
//!  events ─▶ intake ─▶ admit ─┬─▶ apply (in place) ──────────┬─▶ session output ─▶ Flush
//!                             └─▶ lane ─▶ gate ─▶ apply ─────┘
//!                                  storage: the log and its syncs     checkpoint: the keyspace to a file
//!                                  recovery: from files to here       clock: log time and expiry
//! ```

mod admit;
mod apply;
mod ask;
mod checkpoint;
mod client_list;
mod clients;
mod clock;
mod facts;
mod intake;
mod lane;
mod latency;
mod recovery;
mod redact;
mod settings;
mod shutdown;
mod slow_log;
mod stats;
mod storage;
mod switch;
mod turn;
mod work;

use std::collections::VecDeque;

use crate::bytes::Slice;
use crate::command::{Client, Conditions, Draws};
use crate::config::Config;
use crate::data::{Digest, Keyspace};
use crate::ids::{ConnId, FileInfo, GroupId, LogIndex, Ticket};
use crate::log::writer::Writer;
use crate::resp::Span;
use crate::seed::{Purpose, Random};
use crate::session::Table;
use crate::{Action, Event, Halt, Level, Measures, Mono, Now, Seed};

use checkpoint::Checkpoint;
use clients::Pause;
use facts::Rates;
use intake::Burst;
use lane::Lane;
use latency::Latency;
use recovery::Phase;
use shutdown::Shutdown;
use slow_log::SlowLog;
use stats::Stats;
use storage::Storage;
use switch::Switch;
use work::Work;

/// A node of a group, or a group of its own.
///
/// See the crate's front page for how it is driven.
pub struct Node {
    config: Config,
    /// The clocks as of this turn.
    now: Now,
    /// When the node was made.
    started: Now,
    phase: Phase,
    group: GroupId,
    incarnation: u64,
    /// Random for this life of the node, shown as `run_id`.
    run_id: String,
    secrets: Random,

    sessions: Table,
    next_client: u64,
    /// Connections whose replies are to be flushed when the turn ends.
    flushes: Vec<ConnId>,
    /// Sessions that may go on.
    ready: Vec<ConnId>,
    /// Sessions that wait for something of the node.
    held: Vec<ConnId>,
    /// Sessions that a command keeps waiting.
    blocked: Vec<ConnId>,
    monitors: Vec<ConnId>,
    pause: Option<Pause>,
    spare_buffers: Vec<Vec<u8>>,

    keyspace: Keyspace,
    /// The last entry that was run.
    applied: LogIndex,
    draws: Draws,
    conditions: Conditions,
    nobody: Client,
    void: Vec<u8>,
    spans: Vec<Span>,
    burst: Burst,

    writer: Writer,
    storage: Storage,
    lane: Lane,
    switch: Switch,
    /// The log's newest segment counts only once the checkpoint under way is complete.
    awaits_base: bool,
    /// The entry that the newest complete checkpoint covers: what a new segment is based on.
    base: crate::ids::EntryId,
    /// Commands in the open entry.
    open_units: u32,
    /// The database that the open entry has chosen.
    open_database: usize,
    /// Reads were run in place in this turn, so they may have told that a key is gone.
    reads_ran: bool,
    next_clock_entry: Mono,
    active_expiry: bool,

    checkpoint: Checkpoint,
    /// Segments of the log that still exist, with the last entry before each, oldest first.
    segments: Vec<(u64, crate::ids::EntryId)>,
    shutdown: Option<Shutdown>,

    stats: Stats,
    measures: Measures,
    resident_peak_bytes: u64,
    last_client_sweep: Mono,
    used_peak_bytes: u64,
    /// Keys that the start read from files.
    keys_loaded: u64,
    rates: Rates,
    work: Work,
    slow_log: SlowLog,
    latency: Latency,

    actions: VecDeque<Action>,
    next_ticket: Ticket,
    turn_open: bool,
    halted: bool,
}

impl Node {
    /// A node that starts on these files. It asks for what it wants to read when it is polled.
    #[must_use]
    pub fn new(config: Config, seed: Seed, now: Now, files: &[FileInfo]) -> Self {
        let mut ids = seed.stream(Purpose::Ids);
        let mut run = [0; 20];
        ids.fill(&mut run);
        let mut group = GroupId::default();
        ids.fill(&mut group.0);
        let incarnation = ids.next_u64();
        let founding = crate::log::record::Head::founding(group, crate::ids::NodeId(1), incarnation, 0);
        let writer = Writer::new(Self::log_limits(&config), &founding, now.wall());
        let keyspace = Keyspace::new(config.databases as usize, group.hash_seed());
        let mut conditions = Conditions::default();
        conditions.set(Conditions::LOADING, true);
        Self {
            phase: Phase::starting(files, founding),
            storage: Storage::new(now.mono),
            active_expiry: true,
            config,
            now,
            started: now,
            group,
            incarnation,
            run_id: run.iter().map(|byte| format!("{byte:02x}")).collect(),
            secrets: seed.stream(Purpose::Secrets),
            sessions: Table::default(),
            next_client: 1,
            flushes: Vec::new(),
            ready: Vec::new(),
            held: Vec::new(),
            blocked: Vec::new(),
            monitors: Vec::new(),
            pause: None,
            spare_buffers: Vec::new(),
            keyspace,
            applied: LogIndex(0),
            draws: Draws::new(seed.stream(Purpose::Reads)),
            conditions,
            nobody: Client::internal(),
            void: Vec::new(),
            spans: Vec::new(),
            burst: Burst::default(),
            writer,
            lane: Lane::default(),
            switch: Switch::default(),
            awaits_base: false,
            base: crate::ids::EntryId::default(),
            open_units: 0,
            open_database: 0,
            reads_ran: false,
            next_clock_entry: now.mono,
            checkpoint: Checkpoint::new(now),
            segments: Vec::new(),
            shutdown: None,
            stats: Stats::new(),
            measures: Measures::default(),
            resident_peak_bytes: 0,
            last_client_sweep: now.mono,
            used_peak_bytes: 0,
            keys_loaded: 0,
            rates: Rates::default(),
            work: Work::default(),
            slow_log: SlowLog::default(),
            latency: Latency::default(),
            actions: VecDeque::new(),
            next_ticket: Ticket(0),
            turn_open: true,
            halted: false,
        }
    }

    /// Takes in something that happened.
    pub fn handle(&mut self, now: Now, event: Event<'_>) {
        if self.halted {
            return;
        }
        self.begin_turn(now);
        match event {
            Event::Accepted { conn, role: crate::Role::Client, origin } => self.accepted(conn, origin),
            // A group of one has no peers: nobody has anything to say there.
            Event::Accepted { conn, role: crate::Role::Peer, .. } => {
                self.actions.push_back(Action::Close { conn })
            }
            Event::Received { conn, bytes } => self.received(conn, bytes),
            Event::Sent { conn, count_bytes } => self.sent(conn, count_bytes),
            Event::Closed { conn } => self.closed(conn),
            Event::Synced { ticket } => self.synced(ticket),
            Event::Loaded { ticket, bytes } => self.loaded(ticket, bytes),
            Event::Reserved { ticket } => self.reserved(ticket),
            Event::Failed { ticket, fault } => self.failed(ticket, fault),
            Event::Measured(measures) => self.measured(measures),
            Event::TurnTook { micros } => self.turn_took(micros),
            Event::StopAsked => self.stop_asked(),
            // Nobody dials yet: a group of one has no peers.
            Event::Connected { .. } | Event::Refused { .. } => {}
            // Whatever is due is done when the turn ends.
            Event::Timer => {}
        }
    }

    /// The next thing to do, until there is `None`.
    pub fn poll(&mut self, now: Now) -> Option<Action> {
        if self.turn_open && !self.halted {
            self.now = now;
            self.end_turn();
            self.turn_open = false;
        }
        self.actions.pop_front()
    }

    /// When [`Event::Timer`] is wanted at the latest; `None` when only events matter.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        if self.halted { None } else { self.next_deadline() }
    }

    /// What a connection is to be sent and was not yet.
    #[must_use]
    pub fn outgoing(&self, conn: ConnId) -> &[u8] {
        self.sessions.get(conn).map_or(&[], |session| session.output.unsent())
    }

    /// A fingerprint of everything that the node holds, removed and hidden keys as they are: the same for everybody
    /// who ran the same entries. It costs a walk over all keys.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.keyspace.digest()
    }

    /// The last entry whose effects the keyspace holds.
    #[must_use]
    pub fn applied(&self) -> LogIndex {
        self.applied
    }

    /// Whether everything that ran is in a sealed entry: between two turns it always is.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.open_units == 0
    }

    /// Whether it has read its files: what it holds is the state at [`Node::applied`].
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        !matches!(self.phase, Phase::Loading(_)) && !self.halted
    }

    /// Whether it has read its files and serves clients.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.is_running() && !self.halted
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket = self.next_ticket.next();
        self.next_ticket
    }

    fn say(&mut self, level: Level, text: impl Into<String>) {
        self.actions.push_back(Action::Say { level, text: text.into() });
    }

    /// Stops for good. What clients were still to be told is withheld.
    fn halt(&mut self, reason: Halt) {
        self.actions.retain(|action| matches!(action, Action::Say { .. }));
        self.actions.push_back(Action::Halt { reason });
        self.halted = true;
    }

    /// The payload within an entry's frame.
    fn payload(frame: &Slice) -> Slice {
        use crate::log::frame::{FOOTER_BYTES, HEADER_BYTES};
        use crate::log::record::ENTRY_BYTES;
        frame.part(HEADER_BYTES + ENTRY_BYTES..frame.len() - FOOTER_BYTES)
    }
}
