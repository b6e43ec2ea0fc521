//! INV-R5 and INV-S1: what a node holds depends on the log alone. The same entry, the same digest: while serving, after a
//! restart, and after another.

use std::collections::BTreeMap;

use lockstep_core::data::Digest;

use crate::history::{Violation, violated};

/// The digest at each entry that was seen.
#[derive(Debug, Default)]
pub struct Digests {
    at: BTreeMap<u64, Digest>,
    /// How often a digest was compared with one seen before.
    pub compared: u64,
    last: u64,
}

impl Digests {
    /// Whether the digest at this entry is worth its walk over all keys: often, not always. It always is at the end of
    /// a process and at its start.
    #[must_use]
    pub fn wants(&self, index: u64) -> bool {
        let known = self.at.contains_key(&index);
        index != self.last && (known || index.is_multiple_of(8) || self.last == 0)
    }

    /// A process starts.
    pub fn restarted(&mut self) {
        self.last = 0;
    }

    /// A node that ran the log up to entry `index` holds this.
    ///
    /// # Errors
    /// When it held something else there before.
    pub fn see(&mut self, index: u64, digest: Digest) -> Result<(), Violation> {
        self.last = index;
        let before = *self.at.entry(index).or_insert(digest);
        self.compared += 1;
        if before == digest {
            return Ok(());
        }
        violated("INV-R5", format!("the state at entry {index} was {before}, and is {digest}"))
    }

    /// The entries behind this one never were.
    pub fn truncate(&mut self, index: u64) {
        self.at.split_off(&(index + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_core::data::{Keyspace, StringForm};
    use lockstep_core::time::UnixMillis;

    fn digest(key: &[u8]) -> Digest {
        let mut keyspace = Keyspace::new(1, 7);
        let key = keyspace.key(key);
        keyspace.edit(0, key, UnixMillis(0)).set_string(b"value", StringForm::Plain);
        keyspace.digest()
    }

    #[test]
    fn a_state_that_differs_is_seen_unless_its_entry_never_was() {
        let mut digests = Digests::default();
        assert!(digests.see(4, digest(b"a")).is_ok());
        assert!(digests.see(4, digest(b"a")).is_ok());
        assert!(digests.see(4, digest(b"b")).is_err());
        digests.truncate(3);
        assert!(digests.see(4, digest(b"b")).is_ok());
    }
}
