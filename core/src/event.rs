//! Everything that can happen to a node.

use crate::ids::{ConnId, NodeId, Ticket};

/// Something that happened. Borrowed bytes are used up before [`Node::handle`](crate::Node::handle) returns.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A connection was accepted.
    Accepted {
        /// Its name from now on.
        conn: ConnId,
        /// Which port it came to.
        role: Role,
        /// What the driver knows of both ends.
        origin: Origin<'a>,
    },
    /// A connection asked for with [`Action::Connect`](crate::Action::Connect) stands.
    Connected {
        /// Its name from now on.
        conn: ConnId,
        /// The node it leads to.
        peer: NodeId,
    },
    /// A connection asked for could not be made.
    Refused {
        /// The node it would have led to.
        peer: NodeId,
    },
    /// Bytes arrived. Never delivered for a paused connection.
    Received {
        /// On this connection.
        conn: ConnId,
        /// Any number of bytes, cut anywhere.
        bytes: &'a [u8],
    },
    /// The socket took the first `count_bytes` of `outgoing(conn)`.
    Sent {
        /// On this connection.
        conn: ConnId,
        /// How many bytes.
        count_bytes: usize,
    },
    /// The connection is gone, whoever closed it. Its id is not used again.
    Closed {
        /// Which.
        conn: ConnId,
    },
    /// An [`Action::Append`](crate::Action::Append) that is to be synced, an
    /// [`Action::Sync`](crate::Action::Sync), or an [`Action::Remove`](crate::Action::Remove) is on the platter,
    /// with everything before it in its file and the file's name in the directory.
    Synced {
        /// Which.
        ticket: Ticket,
    },
    /// The answer to an [`Action::Load`](crate::Action::Load).
    Loaded {
        /// Which.
        ticket: Ticket,
        /// As many bytes as were asked for, fewer only at the end of the file.
        bytes: &'a [u8],
    },
    /// The space asked for with [`Action::Reserve`](crate::Action::Reserve) is there.
    Reserved {
        /// Which.
        ticket: Ticket,
    },
    /// A disk action failed.
    Failed {
        /// Which.
        ticket: Ticket,
        /// How.
        fault: DiskFault,
    },
    /// What only the driver can measure; told about once a second and before it is shown.
    Measured(Measures),
    /// How long the turn before this one took, from its first event to its last action.
    TurnTook {
        /// In microseconds.
        micros: u64,
    },
    /// The operator asked the process to stop (SIGTERM, SIGINT).
    StopAsked,
    /// [`Node::deadline`](crate::Node::deadline) has passed.
    Timer,
}

/// Which port a connection came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Clients, speaking RESP.
    Client,
    /// Other nodes.
    Peer,
}

/// What the driver knows of an accepted connection.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The other end, `address:port`; a Unix socket shows its path and `:0`.
    pub peer: &'a str,
    /// This end, likewise.
    pub local: &'a str,
    /// The other end is on this machine (loopback or a Unix socket).
    pub loopback: bool,
    /// It came over a Unix socket.
    pub unix: bool,
    /// The descriptor's number, for `CLIENT LIST`.
    pub descriptor: i32,
}

/// How a disk action failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiskFault {
    /// No space left (ENOSPC, EDQUOT).
    Full,
    /// Anything else; the number is the system's error code.
    Io(i32),
}

/// Figures that only the driver can measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Measures {
    /// Resident memory of the process, in bytes.
    pub resident_bytes: u64,
    /// Memory handed out by the allocator, in bytes; 0 when the driver cannot tell.
    pub allocated_bytes: u64,
    /// Memory of the machine, in bytes.
    pub system_bytes: u64,
    /// CPU time of the process in the kernel, in microseconds.
    pub cpu_system_us: u64,
    /// CPU time of the process outside the kernel, in microseconds.
    pub cpu_user_us: u64,
}
