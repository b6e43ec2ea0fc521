//! The keyspace against the plainest model of it, under random changes.

use std::collections::BTreeMap;

use super::database::COLLIDING_SEED;
use super::*;
use crate::seed::{Purpose, Random, Seed};
use crate::time::UnixMillis;

mod keys;
mod loads;

const DATABASES: usize = 3;

#[derive(Clone, PartialEq, Eq, Debug)]
enum Plain {
    String(Vec<u8>),
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
}

/// Value and deadline by database and key.
type Model = BTreeMap<(usize, Vec<u8>), (Plain, Option<u64>)>;

fn plain(value: Value<'_>) -> Plain {
    match value {
        Value::String(text) => Plain::String(text.bytes.to_vec()),
        Value::Hash(hash) => {
            Plain::Hash(hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect())
        }
    }
}

/// Everything in a keyspace, expired keys included, and each exactly once.
fn contents(keyspace: &Keyspace) -> Model {
    let mut model = Model::new();
    for database in 0..keyspace.databases() {
        let mut names = Vec::new();
        let mut cursor = 0;
        loop {
            cursor = keyspace.scan(database, cursor, 5, UnixMillis(0), |key, _| names.push(key.to_vec()));
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(names.len(), keyspace.len(database));
        for name in names {
            let found = keyspace.find(database, keyspace.key(&name), UnixMillis(0)).expect("it was scanned");
            let deadline = keyspace.expire_at(found).map(|at| at.0);
            let old = model.insert((database, name), (plain(keyspace.read(found)), deadline));
            assert_eq!(old, None, "a key is scanned once");
        }
    }
    model
}

/// A keyspace and its model, changed in step.
struct Pair {
    keyspace: Keyspace,
    model: Model,
    random: Random,
    now: u64,
    names: u64,
    /// What the save under way must come to, and its output so far.
    save: Option<(Model, Vec<u8>)>,
    saves_checked: u32,
}

impl Pair {
    fn new(hash_seed: u64, seed: u8) -> Self {
        Self {
            keyspace: Keyspace::new(DATABASES, hash_seed),
            model: Model::new(),
            random: Seed([seed; 32]).stream(Purpose::Reads),
            now: 1000,
            names: 300,
            save: None,
            saves_checked: 0,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn bytes(&mut self, small: u64) -> Vec<u8> {
        let len = match self.below(30) {
            0 => self.below(100_000),
            1 => self.below(4000),
            _ => self.below(small),
        };
        let mut bytes = vec![0; len as usize];
        self.random.fill(&mut bytes);
        bytes
    }

    fn name(&mut self) -> Vec<u8> {
        let number = self.below(self.names);
        match number % 50 {
            0 => format!("{number}{}", "long".repeat(70)).into_bytes(),
            1 => format!("{number}").into_bytes(),
            _ => format!("key:{number:08}").into_bytes(),
        }
    }

    fn limits(&mut self) -> HashLimits {
        HashLimits { entries: self.below(12) as usize, value_bytes: self.below(80) as usize }
    }

    /// One random change of a random key in both.
    fn change(&mut self) {
        let database = self.below(DATABASES as u64) as usize;
        let name = self.name();
        let place = (database, name.clone());
        if self.model.get(&place).is_some_and(|(_, deadline)| deadline.is_some_and(|at| at <= self.now)) {
            self.model.remove(&place);
        }
        let (text, field, limits, roll) =
            (self.bytes(90), format!("f{}", self.below(20)), self.limits(), self.below(100));
        let (offset, deadline) = (self.below(300) as usize, self.now + self.below(50));
        let (other, other_database) = (self.name(), self.below(DATABASES as u64) as usize);
        let now = UnixMillis(self.now);
        let key = self.keyspace.key(&name);
        let mut edit = self.keyspace.edit(database, key, now);
        let old = self.model.get(&place).cloned();
        assert_eq!(edit.value().map(plain), old.clone().map(|(value, _)| value));
        match roll {
            0..25 => {
                let deadline = (roll < 8).then_some(deadline);
                edit.replace_string(&text, StringForm::Plain, deadline.map(UnixMillis));
                self.model.insert(place, (Plain::String(text), deadline));
            }
            25..30 => {
                edit.set_string(&text, StringForm::Embedded);
                self.model.insert(place, (Plain::String(text), old.and_then(|(_, deadline)| deadline)));
            }
            30..40 => {
                let result = edit.append(&text);
                let entry = self.model.entry(place).or_insert((Plain::String(Vec::new()), None));
                let Plain::String(model) = &mut entry.0 else { return assert_eq!(result, Err(WrongType)) };
                model.extend_from_slice(&text);
                assert_eq!(result, Ok(model.len()));
            }
            40..45 => {
                let result = edit.set_range(offset, &text);
                if text.is_empty() && old.is_none() {
                    return assert_eq!(result, Ok(0));
                }
                let entry = self.model.entry(place).or_insert((Plain::String(Vec::new()), None));
                let Plain::String(model) = &mut entry.0 else { return assert_eq!(result, Err(WrongType)) };
                if !text.is_empty() {
                    model.resize(model.len().max(offset + text.len()), 0);
                    model[offset..offset + text.len()].copy_from_slice(&text);
                }
                assert_eq!(result, Ok(model.len()));
            }
            45..65 => {
                let result = edit.hash_or_create(limits);
                let entry = self.model.entry(place).or_insert((Plain::Hash(Vec::new()), None));
                let Plain::Hash(model) = &mut entry.0 else {
                    return assert_eq!(result.map(|_| ()), Err(WrongType));
                };
                let added = result.expect("it is a hash").set(field.as_bytes(), &text);
                match model.iter_mut().find(|pair| pair.0 == field.as_bytes()) {
                    Some(pair) => pair.1 = text,
                    None => model.push((field.clone().into_bytes(), text)),
                }
                assert_eq!(added, old.is_none_or(|(value, _)| {
                    matches!(value, Plain::Hash(pairs) if pairs.iter().all(|pair| pair.0 != field.as_bytes()))
                }));
            }
            65..77 => {
                let result = edit.hash(limits);
                let Some((value, _)) = self.model.get_mut(&place) else {
                    return assert!(result.expect("no other type").is_none());
                };
                let Plain::Hash(model) = value else {
                    return assert_eq!(result.map(|_| ()), Err(WrongType));
                };
                let mut hash = result.expect("it is a hash").expect("it is there");
                let position = model.iter().position(|pair| pair.0 == field.as_bytes());
                assert_eq!(hash.remove(field.as_bytes()), position.is_some());
                position.map(|position| model.swap_remove(position));
                assert_eq!(hash.len(), model.len());
                if model.is_empty() {
                    self.model.remove(&place);
                }
            }
            77..84 => {
                let deadline = (roll < 82).then_some(deadline);
                assert_eq!(edit.set_expiry(deadline.map(UnixMillis)), old.is_some());
                if let Some(entry) = self.model.get_mut(&place) {
                    entry.1 = deadline;
                }
            }
            84..92 => {
                assert_eq!(edit.remove(), old.is_some());
                self.model.remove(&place);
            }
            _ => {
                let parcel = if roll < 96 { edit.take() } else { edit.copy() };
                if roll < 96 {
                    self.model.remove(&place);
                }
                let Some(parcel) = parcel else { return assert_eq!(old, None) };
                let key = self.keyspace.key(&other);
                self.keyspace.edit(other_database, key, now).insert(parcel);
                self.model.insert((other_database, other), old.expect("there was a value"));
            }
        }
    }

    /// What concerns more than one key.
    fn change_much(&mut self) {
        let (left, right) = (self.below(DATABASES as u64) as usize, self.below(DATABASES as u64) as usize);
        match self.below(10) {
            0 => {
                let before = self.model.len();
                self.model.retain(|(database, _), _| *database != left);
                assert_eq!(self.keyspace.flush(left), before - self.model.len());
            }
            1..3 => {
                self.keyspace.swap(left, right);
                let exchange = |database| match database {
                    database if database == left => right,
                    database if database == right => left,
                    database => database,
                };
                let model = core::mem::take(&mut self.model);
                self.model = model
                    .into_iter()
                    .map(|((database, key), value)| ((exchange(database), key), value))
                    .collect();
            }
            _ => {
                self.now += self.below(30);
                let limit = self.below(40) as usize;
                let due = self.model.values().filter(|(_, at)| at.is_some_and(|at| at <= self.now)).count();
                assert_eq!(self.keyspace.expire_due(UnixMillis(self.now), limit), due.min(limit));
                // Which of them went is not the model's to know, as long as they were due and first.
                let left = contents(&self.keyspace);
                let gone: Vec<u64> = self
                    .model
                    .iter()
                    .filter(|(place, _)| !left.contains_key(place))
                    .map(|(_, (_, at))| at.expect("only what has a deadline goes"))
                    .collect();
                assert_eq!(gone.len(), due.min(limit));
                let latest = gone.iter().max().copied().unwrap_or(0);
                assert!(latest <= self.now);
                assert!(
                    left.values().all(|(_, at)| at.is_none_or(|at| at >= latest)),
                    "in order of deadlines"
                );
                self.model.retain(|place, _| left.contains_key(place));
            }
        }
    }

    fn save_on(&mut self) {
        let Some((expected, output)) = &mut self.save else {
            if self.random.below(10) == 0 {
                self.keyspace.save_begin();
                self.save = Some((self.model.clone(), Vec::new()));
            }
            return;
        };
        if self.random.below(60) == 0 {
            self.keyspace.save_abort();
            self.save = None;
            return;
        }
        let done = self.keyspace.save_step(self.random.below(5000) as usize);
        output.extend(self.keyspace.save_take());
        let progress = self.keyspace.save_progress();
        assert_eq!(progress.keys_total, expected.len() as u64);
        assert_eq!(progress.running, !done);
        if done {
            let mut copy = Keyspace::new(DATABASES, 77);
            let limits = HashLimits::default();
            assert_eq!(copy.load(output, limits), Ok(expected.len()));
            assert!(contents(&copy) == *expected, "the save holds what there was when it began");
            self.saves_checked += 1;
            self.save = None;
        }
    }

    fn check(&self) {
        assert!(contents(&self.keyspace) == self.model);
        let with_deadline = self.model.values().filter(|(_, at)| at.is_some()).count();
        assert_eq!((0..DATABASES).map(|at| self.keyspace.expires_len(at)).sum::<usize>(), with_deadline);
        let earliest = self.model.values().filter_map(|(_, at)| *at).min();
        assert_eq!(self.keyspace.earliest_deadline(), earliest.map(UnixMillis));
    }
}

fn run(hash_seed: u64, seed: u8, rounds: u32) -> Pair {
    let mut pair = Pair::new(hash_seed, seed);
    for round in 0..rounds {
        pair.change();
        if pair.below(40) == 0 {
            pair.change_much();
        }
        if pair.below(3) == 0 {
            pair.save_on();
        }
        if round % 500 == 0 {
            pair.check();
            // Times of many keys and times of few.
            pair.names = [300, 2000, 20][pair.random.below(3) as usize];
        }
    }
    pair.check();
    pair
}

#[test]
fn it_does_what_the_model_does_and_saves_what_there_was() {
    for seed in 0..4 {
        let pair = run(1234, seed, 10_000);
        assert!(pair.saves_checked > 10, "{} saves were completed", pair.saves_checked);
    }
}

#[test]
fn colliding_hashes_change_nothing_but_speed() {
    let pair = run(COLLIDING_SEED, 9, 6_000);
    assert!(pair.saves_checked > 5, "{} saves were completed", pair.saves_checked);
}

#[test]
fn equal_contents_have_equal_digests_and_saves_load_back() {
    let mut pair = run(5, 21, 3_000);
    pair.keyspace.save_abort();
    pair.keyspace.save_begin();
    while !pair.keyspace.save_step(1000) {}
    let bytes = pair.keyspace.save_take();
    for (hash_seed, entries) in [(5, 128), (6, 0)] {
        let mut copy = Keyspace::new(DATABASES, hash_seed);
        let limits = HashLimits { entries, value_bytes: 64 };
        assert_eq!(copy.load(&bytes, limits), Ok(pair.model.len()));
        assert_eq!(copy.digest(), pair.keyspace.digest());
        assert_eq!(copy.load(&bytes, limits), Err(DecodeError::DuplicateKey));
    }
    let before = pair.keyspace.digest();
    let key = pair.keyspace.key(b"one more");
    pair.keyspace.edit(0, key, UnixMillis(0)).set_string(b"", StringForm::Plain);
    assert_ne!(pair.keyspace.digest(), before);
    pair.keyspace.edit(0, key, UnixMillis(0)).remove();
    assert_eq!(pair.keyspace.digest(), before);
    assert_eq!(Keyspace::new(1, 1).digest().to_string(), "0".repeat(40));
}

#[test]
fn when_all_is_gone_no_byte_is_in_use() {
    let mut pair = run(8, 33, 3_000);
    pair.keyspace.save_abort();
    let fresh = {
        let mut keyspace = Keyspace::new(DATABASES, 8);
        for database in 0..DATABASES {
            let key = keyspace.key(b"");
            assert!(!keyspace.edit(database, key, UnixMillis(0)).exists());
        }
        keyspace.used_bytes()
    };
    for (database, name) in pair.model.keys() {
        let key = pair.keyspace.key(name);
        pair.keyspace.edit(*database, key, UnixMillis(0)).remove();
    }
    assert!(pair.keyspace.is_empty());
    assert_eq!(pair.keyspace.used_bytes(), fresh);
}

#[test]
fn saves_aborted_more_often_than_stamps_have_numbers_do_no_harm() {
    let mut keyspace = Keyspace::new(1, 3);
    let name = |number: u32| number.to_le_bytes();
    for number in 0..1000 {
        let bytes = name(number);
        let key = keyspace.key(&bytes);
        keyspace.edit(0, key, UnixMillis(0)).set_string(b"0", StringForm::Plain);
    }
    for round in 0..600_u32 {
        keyspace.save_begin();
        let bytes = name(round);
        let key = keyspace.key(&bytes);
        keyspace.edit(0, key, UnixMillis(0)).set_string(b"1", StringForm::Plain);
        keyspace.save_abort();
    }
    let before = contents(&keyspace);
    keyspace.save_begin();
    while !keyspace.save_step(10_000) {}
    let mut copy = Keyspace::new(1, 3);
    assert_eq!(copy.load(&keyspace.save_take(), HashLimits::default()), Ok(1000));
    assert!(contents(&copy) == before);
}

#[test]
fn a_step_of_a_save_is_about_as_large_as_asked() {
    let mut keyspace = Keyspace::new(1, 3);
    for number in 0..5000_u32 {
        let bytes = number.to_le_bytes();
        let key = keyspace.key(&bytes);
        keyspace.edit(0, key, UnixMillis(0)).set_string(&[b'v'; 100], StringForm::Plain);
    }
    keyspace.save_begin();
    let mut steps = 0;
    while !keyspace.save_step(4096) {
        let len = keyspace.save_take().len();
        assert!((1000..10_000).contains(&len), "{len}");
        steps += 1;
    }
    assert!((100..400).contains(&steps), "{steps}");
}

#[test]
fn damaged_records_are_errors_and_never_panics() {
    let mut pair = run(5, 50, 600);
    pair.keyspace.save_abort();
    pair.keyspace.save_begin();
    while !pair.keyspace.save_step(1000) {}
    let mut good = pair.keyspace.save_take();
    good.truncate(40_000);
    let mut random = Seed([8; 32]).stream(Purpose::Reads);
    let mut refused = 0;
    for _ in 0..3000 {
        let mut bytes = good.clone();
        bytes.truncate(random.below(good.len() as u64) as usize);
        for _ in 0..random.below(4) {
            let at = random.below(good.len() as u64) as usize;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.next_u64() as u8;
            }
        }
        refused += u32::from(Keyspace::new(DATABASES, 5).load(&bytes, HashLimits::default()).is_err());
    }
    assert!(refused > 2500, "{refused}");
    let check = |bytes: &[u8], error| {
        assert_eq!(Keyspace::new(1, 5).load(bytes, HashLimits::default()), Err(error), "{bytes:?}");
    };
    check(&[0, 0], DecodeError::Short);
    check(&[0, 0, 1, b'k', 0xff, 0xff, 0xff, 0xff, 0x7f], DecodeError::Short);
    check(&[0x80, 0, 0], DecodeError::Number);
    check(&[1, 0, 1, b'k', 0], DecodeError::Database);
    check(&[0, 9, 1, b'k', 0], DecodeError::Kind);
    check(&[0, 0x30, 1, b'k', 0], DecodeError::Kind);
    check(&[0, 0x80, 1, b'k', 0], DecodeError::Kind);
    check(&[0, 0x11, 1, b'k', 1, 0, 0], DecodeError::Kind);
    check(&[0, 1, 1, b'k', 0], DecodeError::Empty);
    check(&[0, 1, 1, b'k', 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], DecodeError::Short);
    check(&[0, 1, 1, b'k', 2, 1, b'f', 0, 1, b'f', 0], DecodeError::DuplicateField);
}
