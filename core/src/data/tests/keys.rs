//! What readers and watchers see of keys: scans, chance, deadlines, the journal.

use std::collections::{BTreeMap, BTreeSet};

use super::COLLIDING_SEED;
use crate::data::*;
use crate::seed::{Purpose, Seed};
use crate::time::UnixMillis;

#[test]
fn a_scan_returns_what_is_there_throughout_exactly_once() {
    for (before, after) in [(100, 30_000), (30_000, 100), (3000, 3001)] {
        let mut keyspace = Keyspace::new(1, 42);
        let mut random = Seed([1; 32]).stream(Purpose::Reads);
        let name = |number: u32| format!("key:{number}").into_bytes();
        let add = |keyspace: &mut Keyspace, number: u32| {
            let bytes = name(number);
            let key = keyspace.key(&bytes);
            keyspace.edit(0, key, UnixMillis(0)).set_string(b"x", StringForm::Plain);
        };
        (0..before).for_each(|number| add(&mut keyspace, number));
        let throughout = 0..before.min(after);
        let mut seen: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        let (mut cursor, mut count, mut calls) = (0, before, 0_u32);
        loop {
            let visit = |key: &[u8], _: Value<'_>| *seen.entry(key.to_vec()).or_default() += 1;
            cursor = keyspace.scan(0, cursor, 20, UnixMillis(0), visit);
            calls += 1;
            if cursor == 0 {
                break;
            }
            assert!(cursor < 1 << 63);
            for _ in 0..random.below(600) {
                if count < after {
                    add(&mut keyspace, count);
                    count += 1;
                } else if count > after {
                    count -= 1;
                    let bytes = name(count);
                    let key = keyspace.key(&bytes);
                    assert!(keyspace.edit(0, key, UnixMillis(0)).remove());
                }
            }
        }
        assert!(calls > 4, "{calls} calls");
        for number in throughout {
            assert_eq!(seen.get(&name(number)), Some(&1), "{number} of {before} to {after}");
        }
        assert!(seen.values().all(|&times| times == 1));
    }
}

#[test]
fn a_field_scan_returns_what_is_there_throughout() {
    let mut keyspace = Keyspace::new(1, 42);
    let mut random = Seed([2; 32]).stream(Purpose::Reads);
    let key = keyspace.key(b"hash");
    let name = |number: u64| format!("field:{number}").into_bytes();
    let mut edit = keyspace.edit(0, key, UnixMillis(0));
    let mut hash = edit.hash_or_create(HashLimits::default()).expect("a new key");
    (0..2000).for_each(|number| assert!(hash.set(&name(number), b"x")));
    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut removed: BTreeSet<u64> = BTreeSet::new();
    let mut cursor = 0;
    loop {
        let view = hash.view().expect("it is there");
        cursor = view.scan(cursor, 10, |field, _| {
            seen.insert(field.to_vec());
        });
        if cursor == 0 {
            break;
        }
        for _ in 0..random.below(15) {
            let number = random.below(2000);
            hash.remove(&name(number));
            removed.insert(number);
            hash.set(&name(10_000 + number), b"new");
        }
    }
    assert!(removed.len() > 100, "{}", removed.len());
    assert!((0..2000).filter(|number| !removed.contains(number)).all(|number| seen.contains(&name(number))));
}

#[test]
fn random_keys_are_about_equally_likely_and_never_expired() {
    let mut keyspace = Keyspace::new(2, 3);
    let mut random = Seed([4; 32]).stream(Purpose::Reads);
    assert_eq!(keyspace.random(0, &mut random, UnixMillis(0)), None);
    for number in 0..200_u32 {
        let name = number.to_le_bytes();
        let key = keyspace.key(&name);
        let deadline = (number >= 100).then_some(UnixMillis(10));
        keyspace.edit(0, key, UnixMillis(0)).replace_string(b"", StringForm::Plain, deadline);
    }
    let mut counts = [0_u32; 100];
    for _ in 0..50_000 {
        let found = keyspace.random(0, &mut random, UnixMillis(10)).expect("half of the keys live");
        let name = keyspace.name(found).try_into().expect("names have four bytes");
        counts[u32::from_le_bytes(name) as usize] += 1;
    }
    // 500 each are expected; seven standard deviations.
    assert!(counts.iter().all(|count| (345..655).contains(count)), "{counts:?}");
    assert!(keyspace.random(0, &mut random, UnixMillis(9)).is_some());
    for number in 0..100_u32 {
        let name = number.to_le_bytes();
        let key = keyspace.key(&name);
        keyspace.edit(0, key, UnixMillis(0)).remove();
    }
    assert_eq!(keyspace.random(0, &mut random, UnixMillis(10)), None, "all have expired");
}

#[test]
fn due_keys_go_in_the_same_order_whatever_made_them() {
    let order = |numbers: &mut dyn Iterator<Item = u32>| {
        let mut keyspace = Keyspace::new(2, COLLIDING_SEED);
        for number in numbers {
            let name = number.to_le_bytes();
            let key = keyspace.key(&name);
            let deadline = Some(UnixMillis(u64::from(number % 7)));
            let mut edit = keyspace.edit(number as usize % 2, key, UnixMillis(0));
            edit.replace_string(b"", StringForm::Plain, deadline);
            edit.set_expiry(Some(UnixMillis(u64::from(number % 7 + 1))));
        }
        let mut digests = Vec::new();
        while keyspace.expire_due(UnixMillis(100), 1) == 1 {
            digests.push(keyspace.digest());
        }
        assert_eq!(keyspace.journal().expired(), digests.len() as u64);
        digests
    };
    let up = order(&mut (0..120));
    assert_eq!(up.len(), 120);
    assert_eq!(up, order(&mut (0..120).rev()));
}

#[test]
fn the_journal_tells_what_changed() {
    let mut keyspace = Keyspace::new(2, 3);
    let (first, second) = (keyspace.key(b"first"), keyspace.key(b"second"));
    let at = UnixMillis;
    keyspace.edit(0, first, at(0)).set_string(b"1", StringForm::Plain);
    assert!(keyspace.journal().touched().is_empty(), "nobody asked");
    keyspace.journal_mut().watch(true);
    let changes = keyspace.journal().changes();
    assert!(!keyspace.edit(0, second, at(0)).remove());
    assert!(keyspace.edit(0, first, at(0)).hash(HashLimits::default()).is_err());
    assert!(keyspace.edit(0, first, at(0)).set_expiry(None));
    assert_eq!(keyspace.edit(0, first, at(0)).set_range(10, b""), Ok(1));
    assert_eq!(keyspace.flush(1), 0);
    assert_eq!(keyspace.journal().changes(), changes, "nothing changed");
    keyspace.edit(0, first, at(0)).set_expiry(Some(at(5)));
    keyspace.edit(1, second, at(0)).set_string(b"2", StringForm::Plain);
    assert!(!keyspace.edit(0, first, at(5)).exists(), "it has expired");
    let expected = [(0, first.hash), (1, second.hash), (0, first.hash)];
    assert_eq!(keyspace.journal().touched(), expected);
    assert_eq!((keyspace.journal().changes(), keyspace.journal().expired()), (changes + 3, 1));
    keyspace.journal_mut().clear_touched();
    assert!(keyspace.journal().touched().is_empty());
}

#[test]
fn readers_do_not_see_what_has_expired() {
    let mut keyspace = Keyspace::new(1, 3);
    let key = keyspace.key(b"key");
    keyspace.edit(0, key, UnixMillis(0)).replace_string(b"1", StringForm::Plain, Some(UnixMillis(10)));
    let seen = |now| {
        let mut seen = 0;
        keyspace.scan(0, 0, 10, UnixMillis(now), |_, _| seen += 1);
        (keyspace.find(0, key, UnixMillis(now)).is_some(), seen)
    };
    assert_eq!(seen(9), (true, 1));
    assert_eq!(seen(10), (false, 0));
    assert_eq!(
        (keyspace.len(0), keyspace.expires_len(0), keyspace.average_ttl_ms(0, UnixMillis(4))),
        (1, 1, 6)
    );
    assert_eq!(keyspace.scan(0, u64::MAX, 10, UnixMillis(0), |_, _| ()), 0, "no such cursor");
}
