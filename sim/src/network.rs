//! Connections as two streams of bytes. Bytes on one connection are never lost, doubled or reordered; they come late,
//! cut anywhere, or the connection ends at any of them.

use lockstep_core::ids::ConnId;

use crate::random::Stream;
use crate::schedule::Micros;
use crate::swarm::Cut;

/// One connection.
#[derive(Debug)]
pub struct Link {
    /// Which client's.
    pub client: usize,
    /// Its name at the node, from when the node was told of it until it is gone there.
    pub conn: Option<ConnId>,
    /// The node's side is gone, or was never there.
    pub node_gone: bool,
    /// The client's side is gone.
    pub client_gone: bool,
    /// Bytes that reached the machine and were not read.
    pub inbox: Vec<u8>,
    /// No more bytes will reach the machine.
    pub ended: bool,
    /// Bytes handed to the node.
    pub delivered: u64,
    /// The node does not want to read.
    pub paused: bool,
    /// Bytes the node's socket took, and bytes the client has read.
    pub accepted: u64,
    /// Bytes the client has read.
    pub received: u64,
    up_free_at: Micros,
    down_free_at: Micros,
}

impl Link {
    /// A connection of a client.
    #[must_use]
    pub fn new(client: usize) -> Self {
        Self {
            client,
            conn: None,
            node_gone: false,
            client_gone: false,
            inbox: Vec::new(),
            ended: false,
            delivered: 0,
            paused: false,
            accepted: 0,
            received: 0,
            up_free_at: 0,
            down_free_at: 0,
        }
    }

    /// When something the client sends now arrives: never before what it sent earlier.
    pub fn up_arrival(&mut self, now_us: Micros, delay_us: Micros) -> Micros {
        self.up_free_at = (self.up_free_at + 1).max(now_us + delay_us);
        self.up_free_at
    }

    /// When something the node sends now arrives.
    pub fn down_arrival(&mut self, now_us: Micros, delay_us: Micros) -> Micros {
        self.down_free_at = (self.down_free_at + 1).max(now_us + delay_us);
        self.down_free_at
    }

    /// How much the node's socket still takes.
    #[must_use]
    pub fn room(&self, socket_bytes: u64) -> usize {
        socket_bytes.saturating_sub(self.accepted - self.received) as usize
    }
}

/// How many of so many bytes are read at once.
pub fn piece(cut: Cut, available: usize, draws: &mut Stream) -> usize {
    match cut {
        Cut::One => available.min(1),
        Cut::Most(most) => available.min(most as usize),
        Cut::Any => draws.range(available.min(1) as u64, available as u64) as usize,
        Cut::Whole => available,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Domain, Keyed};

    #[test]
    fn bytes_never_overtake_each_other() {
        let mut link = Link::new(0);
        let first = link.up_arrival(0, 500);
        assert!(link.up_arrival(10, 5) > first);
    }

    #[test]
    fn pieces_are_never_empty_while_there_are_bytes() {
        let mut draws = Keyed(1).stream(Domain::Network, 0);
        for cut in [Cut::One, Cut::Most(7), Cut::Any, Cut::Whole] {
            for available in 1..50 {
                let size = piece(cut, available, &mut draws);
                assert!((1..=available).contains(&size), "{cut:?}");
            }
        }
    }
}
