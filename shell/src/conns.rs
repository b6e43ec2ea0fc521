//! The table of connections: sockets by slot, and the ids by which the node knows them.

use lockstep_core::Mono;
use lockstep_core::ids::ConnId;

use crate::socket::Socket;

/// One connection.
#[derive(Debug)]
pub struct Conn {
    /// Its socket.
    pub socket: Socket,
    /// The node does not want to read from it for now.
    pub paused: bool,
    /// The socket may hold bytes that were not read yet.
    pub readable: bool,
    /// It stands in the list of connections to read from.
    pub queued: bool,
    /// The other end sends nothing more: read until the end, however little a read gives.
    pub ended: bool,
    /// The socket is full; the system will tell when it is not.
    pub full: bool,
    /// Writability is waited for since the socket was full for the first time.
    pub watched: bool,
    /// It stands in the list of connections to write to.
    pub flushing: bool,
    /// Bytes were received since the last time everything was sent.
    pub unanswered: bool,
    /// The end was read, and the connection is kept until this moment for the answer to its last bytes.
    pub lingering: Option<Mono>,
}

impl Conn {
    fn new(socket: Socket) -> Self {
        Self {
            socket,
            paused: false,
            readable: false,
            queued: false,
            ended: false,
            full: false,
            watched: false,
            flushing: false,
            unanswered: false,
            lingering: None,
        }
    }
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    conn: Option<Conn>,
}

/// All connections.
#[derive(Debug, Default)]
pub struct Conns {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Conns {
    /// Takes a socket in and names it.
    ///
    /// # Panics
    /// When there are 2^32 slots, which descriptors do not suffice for.
    pub fn insert(&mut self, socket: Socket) -> ConnId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("fewer connections than 2^32")
        });
        let place = &mut self.slots[slot as usize];
        assert!(place.conn.is_none(), "a free slot is empty");
        place.conn = Some(Conn::new(socket));
        ConnId { slot, generation: place.generation }
    }

    /// The connection, unless it is gone.
    pub fn get(&mut self, id: ConnId) -> Option<&mut Conn> {
        let place = self.slots.get_mut(id.slot as usize)?;
        if place.generation == id.generation { place.conn.as_mut() } else { None }
    }

    /// Whatever connection is in a slot.
    pub fn in_slot(&mut self, slot: u32) -> Option<(ConnId, &mut Conn)> {
        let place = self.slots.get_mut(slot as usize)?;
        let id = ConnId { slot, generation: place.generation };
        place.conn.as_mut().map(|conn| (id, conn))
    }

    /// Lets a connection go; dropping it closes the socket.
    pub fn remove(&mut self, id: ConnId) -> Option<Conn> {
        self.get(id)?;
        let place = &mut self.slots[id.slot as usize];
        let conn = place.conn.take();
        // A slot that was used 2^32 times is not used again, so that no id ever comes twice.
        if let Some(next) = place.generation.checked_add(1) {
            place.generation = next;
            self.free.push(id.slot);
        }
        conn
    }

    /// Every connection.
    pub fn iter(&self) -> impl Iterator<Item = &Conn> {
        self.slots.iter().filter_map(|slot| slot.conn.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::net::UnixStream;

    fn socket() -> Socket {
        Socket::Unix(UnixStream::pair().expect("a pair").0)
    }

    #[test]
    fn an_id_outlives_its_connection_without_harm() {
        let mut conns = Conns::default();
        let first = conns.insert(socket());
        let second = conns.insert(socket());
        assert_ne!(first.slot, second.slot);
        assert!(conns.remove(first).is_some());
        let third = conns.insert(socket());
        assert_eq!((third.slot, third.generation), (first.slot, first.generation + 1));
        assert!(conns.get(first).is_none() && conns.remove(first).is_none());
        assert!(conns.get(third).is_some() && conns.get(second).is_some());
        assert_eq!(conns.in_slot(first.slot).map(|(id, _)| id), Some(third));
        assert_eq!(conns.iter().count(), 2);
    }

    #[test]
    fn a_worn_out_slot_is_retired() {
        let mut conns = Conns::default();
        let id = conns.insert(socket());
        conns.slots[0].generation = u32::MAX;
        assert!(conns.get(id).is_none());
        assert!(conns.remove(ConnId { slot: 0, generation: u32::MAX }).is_some());
        assert_eq!(conns.insert(socket()).slot, 1);
    }
}
