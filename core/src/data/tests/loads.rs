//! Loads in the order of a save and in any other, with true numbers of keys announced and with false ones.

use super::*;

const KEYS: u64 = 30_000;

/// A keyspace of two databases, one with three times as many keys as the other.
fn filled() -> Keyspace {
    let mut keyspace = Keyspace::new(DATABASES, 5);
    for number in 0..KEYS {
        let name = format!("key {number}").into_bytes();
        let key = keyspace.key(&name);
        let mut edit = keyspace.edit(if number % 4 == 0 { 2 } else { 0 }, key, UnixMillis(0));
        edit.set_string(&number.to_le_bytes(), StringForm::Plain);
    }
    keyspace
}

/// The records of a save, in its order.
fn records(keyspace: &mut Keyspace) -> Vec<Vec<u8>> {
    keyspace.save_begin();
    while !keyspace.save_step(10_000) {}
    let bytes = keyspace.save_take();
    let (mut rest, mut records) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let before = rest;
        decode(&mut rest).expect("a save writes good records");
        records.push(before[..before.len() - rest.len()].to_vec());
    }
    records
}

fn shuffle(records: &mut [Vec<u8>]) {
    let mut random = Seed([13; 32]).stream(Purpose::Reads);
    for at in (1..records.len()).rev() {
        records.swap(at, random.below(at as u64 + 1) as usize);
    }
}

#[test]
fn any_order_and_any_announcement_load_the_same() {
    let mut keyspace = filled();
    let limits = HashLimits::default();
    let in_order = records(&mut keyspace);
    let mut in_none = in_order.clone();
    shuffle(&mut in_none);
    let bound = in_order.concat().len() as u64;
    for records in [in_order, in_none] {
        for announced in [0, 1, 5000, KEYS, KEYS * 11 / 10, bound] {
            let mut copy = Keyspace::new(DATABASES, 5);
            copy.expect_keys(announced);
            for part in records.chunks(777) {
                assert_eq!(copy.load(&part.concat(), limits), Ok(part.len()));
            }
            assert_eq!(copy.digest(), keyspace.digest());
            assert_eq!((copy.len(0), copy.len(1), copy.len(2)), (22_500, 0, 7500));
            for twice in records.iter().step_by(1000) {
                assert_eq!(copy.load(twice, limits), Err(DecodeError::DuplicateKey));
            }
            assert_eq!(contents(&copy).len() as u64, KEYS);
            assert_eq!(copy.flush_all() as u64, KEYS);
            assert_eq!(copy.held_bytes(), 0);
        }
    }
}

#[test]
fn a_load_in_order_takes_no_more_memory_than_the_keys_did() {
    let mut keyspace = filled();
    let before = keyspace.used_bytes();
    let bytes = records(&mut keyspace).concat();
    let mut copy = Keyspace::new(DATABASES, 5);
    copy.expect_keys(KEYS);
    assert_eq!(copy.load(&bytes, HashLimits::default()), Ok(KEYS as usize));
    let after = copy.used_bytes();
    assert!(after < before + before / 20, "{before} bytes became {after}");
}

#[test]
fn a_key_that_comes_twice_in_order_is_an_error() {
    let mut keyspace = filled();
    let mut records = records(&mut keyspace);
    let again = records[9000].clone();
    records.insert(9001, again);
    let mut copy = Keyspace::new(DATABASES, 5);
    copy.expect_keys(KEYS);
    assert_eq!(copy.load(&records.concat(), HashLimits::default()), Err(DecodeError::DuplicateKey));
    assert_eq!(copy.len(0), 9001, "what came before is there");
}
