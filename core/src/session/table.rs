//! All sessions, found by the driver's slot.

use super::Session;
use crate::ids::ConnId;

/// A slab of sessions. Slots are the driver's; a stale id finds nothing.
#[derive(Debug, Default)]
pub struct Table {
    slots: Vec<Option<Box<Session>>>,
    count: usize,
}

impl Table {
    /// Adds a session under its connection's slot.
    ///
    /// # Panics
    /// When the slot is taken: the driver reuses a slot only after it reported the connection closed.
    pub fn insert(&mut self, session: Session) {
        let slot = session.conn.slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        assert!(self.slots[slot].is_none(), "a slot is reused only after its connection was closed");
        self.slots[slot] = Some(Box::new(session));
        self.count += 1;
    }

    /// The session of this connection.
    #[must_use]
    pub fn get(&self, conn: ConnId) -> Option<&Session> {
        self.slots.get(conn.slot as usize)?.as_deref().filter(|session| session.conn == conn)
    }

    /// The session of this connection, to change.
    #[must_use]
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut Session> {
        self.slots.get_mut(conn.slot as usize)?.as_deref_mut().filter(|session| session.conn == conn)
    }

    /// Takes the session of this connection out.
    pub fn remove(&mut self, conn: ConnId) -> Option<Box<Session>> {
        self.get(conn)?;
        self.count -= 1;
        self.slots[conn.slot as usize].take()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All sessions, by slot.
    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        self.slots.iter().filter_map(Option::as_deref)
    }
}
