//! The part of a connection's state that commands see and change.

use crate::resp::Protocol;
use crate::time::Mono;

/// A connection as commands know it.
#[derive(Clone, Debug)]
pub struct Client {
    /// Unique for the life of the node, growing.
    pub id: u64,
    /// Version of the protocol.
    pub protocol: Protocol,
    /// The selected database.
    pub database: usize,
    /// `CLIENT SETNAME`; empty for none.
    pub name: Box<[u8]>,
    /// `CLIENT SETINFO LIB-NAME`.
    pub library_name: Box<[u8]>,
    /// `CLIENT SETINFO LIB-VER`.
    pub library_version: Box<[u8]>,
    /// The other end, `address:port`.
    pub peer: Box<str>,
    /// This end.
    pub local: Box<str>,
    /// Came over a Unix socket.
    pub unix: bool,
    /// The driver's descriptor.
    pub descriptor: i32,
    /// Logged in, or nobody has to.
    pub authenticated: bool,
    /// What becomes of replies.
    pub reply_mode: ReplyMode,
    /// `CLIENT NO-EVICT`.
    pub no_evict: bool,
    /// `CLIENT NO-TOUCH`.
    pub no_touch: bool,
    /// `READONLY` was sent.
    pub readonly: bool,
    /// Sees every command (`MONITOR`).
    pub monitor: bool,
    /// Is to be closed when its replies are sent.
    pub closing: bool,
    /// Name of the last command, `config|get` for subcommands.
    pub last_command: Option<super::CommandId>,
    /// When it connected.
    pub created: Mono,
    /// When it last sent something.
    pub active: Mono,
}

/// `CLIENT REPLY`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReplyMode {
    /// Every command is answered.
    #[default]
    On,
    /// None is.
    Off,
    /// `SKIP` was just asked for: the next command is not answered.
    SkipNext,
}

impl Client {
    /// A client that nobody is behind: it replays the log.
    #[must_use]
    pub fn internal() -> Self {
        Self {
            id: 0,
            protocol: Protocol::Resp2,
            database: 0,
            name: Box::default(),
            library_name: Box::default(),
            library_version: Box::default(),
            peer: Box::default(),
            local: Box::default(),
            unix: false,
            descriptor: -1,
            authenticated: true,
            reply_mode: ReplyMode::On,
            no_evict: false,
            no_touch: false,
            readonly: false,
            monitor: false,
            closing: false,
            last_command: None,
            created: Mono(0),
            active: Mono(0),
        }
    }

    /// Back to how it was when it connected, but for its id and addresses (`RESET`).
    pub fn reset(&mut self, authenticated: bool) {
        self.protocol = Protocol::Resp2;
        self.database = 0;
        self.name = Box::default();
        self.authenticated = authenticated;
        self.reply_mode = ReplyMode::On;
        self.no_evict = false;
        self.no_touch = false;
        self.readonly = false;
        self.monitor = false;
    }
}
