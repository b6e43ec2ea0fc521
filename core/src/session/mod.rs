//! One client's connection: what it sent and was not run yet, what it is to be told, and why it may have to wait.

mod input;
mod output;
mod table;

pub use input::Pending;
pub use output::Output;
pub use table::Table;

use crate::command::{Client, Conditions};
use crate::ids::ConnId;
use crate::resp::ReplyError;
use crate::time::Mono;

/// A connected client.
#[derive(Debug)]
pub struct Session {
    /// The driver's name for the connection.
    pub conn: ConnId,
    /// What commands see of it.
    pub client: Client,
    /// Bytes that were not run yet.
    pub input: Pending,
    /// Bytes it is to be sent.
    pub output: Output,
    /// Commands of this session that wait in the lane.
    pub in_lane: u32,
    /// What it is told when its last command in the lane was answered, and then it is closed.
    pub last_words: Option<ReplyError>,
    /// Why no more of its commands are run now.
    pub state: State,
    /// Conditions of this connection, tested with the node's.
    pub conditions: Conditions,
    /// It is listed to be flushed at the end of the turn.
    pub flush_listed: bool,
    /// The driver was told not to read from it.
    pub reading_paused: bool,
    /// Since when its output is above the soft limit.
    pub over_soft_limit_since: Option<Mono>,
}

/// Why a session waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It does not.
    Ready,
    /// Its next command needs its commands in the lane to be answered first.
    LaneBusy,
    /// The lane is full, or the log has no reserved room for its next write yet.
    NoRoom,
    /// `CLIENT PAUSE`.
    Paused,
    /// A command keeps it waiting.
    Blocked(Wait),
}

/// What a blocked client waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    /// What.
    pub reason: WaitReason,
    /// Until then; `None` for ever.
    pub deadline: Option<Mono>,
}

/// What a blocked client waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitReason {
    /// `WAIT`: replicas that will not come.
    Replicas,
    /// `WAITAOF`: this stream position on the platter, and as many replicas.
    Durable {
        /// Bytes of the log stream.
        position: crate::ids::Position,
        /// Whether the local sync was asked for.
        local: bool,
        /// How many replicas were asked for.
        replicas: u64,
    },
    /// The checkpoint under way.
    Checkpoint,
    /// The end.
    Shutdown,
}

impl WaitReason {
    /// Whether `CLIENT UNBLOCK` can end it.
    #[must_use]
    pub fn can_be_ended(self) -> bool {
        matches!(self, Self::Replicas | Self::Durable { .. })
    }
}

impl Session {
    /// A session that just connected.
    #[must_use]
    pub fn new(conn: ConnId, client: Client) -> Self {
        let mut conditions = Conditions::default();
        conditions.set(Conditions::UNAUTHENTICATED, !client.authenticated);
        Self {
            conn,
            client,
            input: Pending::default(),
            output: Output::default(),
            in_lane: 0,
            last_words: None,
            state: State::Ready,
            conditions,
            flush_listed: false,
            reading_paused: false,
            over_soft_limit_since: None,
        }
    }
}
