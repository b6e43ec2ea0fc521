//! Records of keys as saves hold them: arbitrary bytes are refused or read, and what is read is written alike.

use lockstep_core::UnixMillis;
use lockstep_core::data::{HashLimits, Keyspace, Payload, decode};

use crate::meter::bounded;

const DATABASES: usize = 4;

fn save(keyspace: &mut Keyspace) -> Vec<u8> {
    keyspace.save_begin();
    while !keyspace.save_step(512) {}
    keyspace.save_take()
}

/// Decodes arbitrary bytes, loads them, and saves and loads again what could be loaded.
pub fn snapshot(data: &[u8]) {
    // A pair of slices is 32 bytes and stands for two bytes of input at least.
    let limit_bytes = 64 * data.len() as i64 + 4096;
    let mut rest = data;
    let mut records = 0;
    bounded(limit_bytes, || {
        while !rest.is_empty() {
            let before = rest.len();
            let Ok(record) = decode(&mut rest) else { break };
            assert!(rest.len() < before, "a record takes bytes");
            if let Payload::Hash(pairs) = &record.payload {
                assert!(!pairs.is_empty());
            }
            records += 1;
        }
    });
    let seed = data.first().copied().unwrap_or(0);
    let limits = HashLimits { entries: usize::from(seed) % 5, value_bytes: usize::from(seed) % 70 };
    let mut keyspace = Keyspace::new(DATABASES, u64::from(seed));
    let loaded = keyspace.load(data, limits);
    if let Ok(count) = loaded {
        assert_eq!(count, records);
    }
    let count: usize = (0..DATABASES).map(|database| keyspace.len(database)).sum();
    let written = save(&mut keyspace);
    // Another order of hashes and other structures: the same contents.
    let mut again = Keyspace::new(DATABASES, 99);
    assert_eq!(again.load(&written, HashLimits::default()), Ok(count));
    assert_eq!(keyspace.digest(), again.digest());
    let twice = save(&mut again);
    assert_eq!(twice.len(), written.len());
    // Removing what is due at the end of time removes exactly what has a deadline.
    let due: usize = (0..DATABASES).map(|database| again.expires_len(database)).sum();
    assert_eq!(again.expire_due(UnixMillis(u64::MAX), usize::MAX), due);
}
