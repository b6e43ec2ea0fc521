//! What happened to the keyspace, for whoever asks afterwards.

/// Counts of changes, and on demand which keys they touched.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    changes: u64,
    expired: u64,
    watching: bool,
    touched: Vec<(u32, u64)>,
}

impl Journal {
    /// Grows whenever anything in the keyspace changes. A command after which it is the same changed nothing.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// How many keys were removed because their time had come.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.expired
    }

    /// Whether touched keys are recorded. Off, [`touched`](Self::touched) stays empty and costs nothing.
    pub fn watch(&mut self, on: bool) {
        self.watching = on;
        if !on {
            self.touched = Vec::new();
        }
    }

    /// The keys touched since the last [`clear_touched`](Self::clear_touched), as (database, hash of the key), in
    /// order, possibly repeated. Exchanging and emptying whole databases is not in here: who does that knows.
    #[must_use]
    pub fn touched(&self) -> &[(u32, u64)] {
        &self.touched
    }

    /// Forgets the touched keys, and keeps the memory.
    pub fn clear_touched(&mut self) {
        self.touched.clear();
    }

    #[inline]
    pub(super) fn touch(&mut self, database: u32, hash: u64) {
        self.changes += 1;
        if self.watching && self.touched.last() != Some(&(database, hash)) {
            self.touched.push((database, hash));
        }
    }

    pub(super) fn count_expired(&mut self) {
        self.expired += 1;
    }

    /// Something changed that is not one key.
    pub(super) fn change_all(&mut self) {
        self.changes += 1;
    }
}
