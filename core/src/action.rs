//! Everything a node can ask for.

use crate::bytes::Slice;
use crate::ids::{ConnId, File, NodeId, Ticket};

/// Something to be done. Actions are performed in the order in which they are taken.
#[derive(Clone, Debug)]
pub enum Action {
    /// Add bytes at the end of what was appended to a file so far (not behind its reserved zeros).
    Append {
        /// Names the completion.
        ticket: Ticket,
        /// To this file; it is created when it does not exist.
        file: File,
        /// What to add.
        bytes: Slice,
        /// How soon.
        when: When,
    },
    /// Bring everything appended to a file, and its name, to the platter; answered by `Synced`.
    Sync {
        /// Names the completion.
        ticket: Ticket,
        /// Which file.
        file: File,
    },
    /// Read a part of a file; answered by `Loaded`.
    Load {
        /// Names the completion.
        ticket: Ticket,
        /// Which file.
        file: File,
        /// From here.
        offset: u64,
        /// At most this many bytes.
        length_bytes: u32,
    },
    /// Remove a file and sync the directory; answered by `Synced`.
    Remove {
        /// Names the completion.
        ticket: Ticket,
        /// Which file.
        file: File,
    },
    /// Make sure that a file can grow to this length without asking for more space, reading as zeros until
    /// it is written; answered by `Reserved`.
    Reserve {
        /// Names the completion.
        ticket: Ticket,
        /// Which file; it is created when it does not exist.
        file: File,
        /// The length, in bytes, from the beginning of the file.
        length_bytes: u64,
        /// Write the zeros, so that a later sync moves data only; without it, asking the file system is enough.
        zeroed: bool,
    },
    /// Open a connection to another node.
    Connect {
        /// Which node.
        peer: NodeId,
        /// Where it listens, `address:port`.
        address: String,
    },
    /// `outgoing(conn)` has bytes to send.
    Flush {
        /// On this connection.
        conn: ConnId,
    },
    /// Stop reading from a connection.
    Pause {
        /// Which.
        conn: ConnId,
    },
    /// Read from a connection again.
    Resume {
        /// Which.
        conn: ConnId,
    },
    /// Close a connection now; what `outgoing(conn)` still holds is dropped. `Closed` is not sent for it.
    Close {
        /// Which.
        conn: ConnId,
    },
    /// Apply a setting that only the driver can: the name of a directive and its new value.
    Apply {
        /// The directive's name.
        name: &'static str,
        /// Its value, as `CONFIG GET` shows it.
        value: String,
    },
    /// Write the configuration file anew (`CONFIG REWRITE`): each of these directives with its value.
    Rewrite {
        /// Name and values of every directive that differs from its default.
        directives: Vec<(&'static str, Vec<String>)>,
    },
    /// Do nothing for a while (`DEBUG SLEEP`).
    Stall {
        /// How long, in microseconds.
        micros: u64,
    },
    /// Tell the operator something.
    Say {
        /// How much it matters.
        level: Level,
        /// One line.
        text: String,
    },
    /// Do nothing more, ever.
    Halt {
        /// Why.
        reason: Halt,
    },
}

/// How soon an append must be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// In the page cache before the next action is performed; a failure is reported before it too.
    /// There is no other completion.
    Now,
    /// In the background, in order with other background work on any file; a failure is reported.
    Later,
    /// In the background, and then on the platter; answered by `Synced`.
    Synced,
}

/// How much a line for the operator matters, as in Redis's log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// For those who look into the node.
    Debug,
    /// Rarely useful, not a mess.
    Verbose,
    /// Moderately verbose: what one wants in production.
    Notice,
    /// Only what is very important.
    Warning,
}

/// Why a node stopped for good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Halt {
    /// It was asked to.
    Asked,
    /// The disk failed to write or sync: what was promised can no longer be kept.
    DiskFailed(String),
    /// Damage was found in the files: the text says where and what to do.
    Damaged(String),
    /// The directory cannot be used: the text says why and what to do.
    Unusable(String),
}
