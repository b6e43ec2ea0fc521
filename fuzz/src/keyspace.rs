//! The keyspace against plain maps: keys, packed and large hashes, deadlines, and saves while all that changes.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Result, Unstructured};
use lockstep_core::UnixMillis;
use lockstep_core::data::{HashLimits, Keyspace, Kind, StringForm, Value};

/// Rows of a hash, in the order that its history gives them.
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Clone, PartialEq, Eq, Debug)]
enum Plain {
    String(Vec<u8>),
    Hash(Rows),
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    value: Plain,
    expire_at: Option<u64>,
}

/// What the keyspace should hold: by database and key.
type Model = BTreeMap<(usize, Vec<u8>), Entry>;

const DATABASES: usize = 3;

#[derive(Arbitrary, Debug)]
enum Step {
    SetString { database: u8, key: u8, text: Vec<u8>, keep: bool },
    Append { database: u8, key: u8, text: Vec<u8> },
    SetRange { database: u8, key: u8, offset: u16, text: Vec<u8> },
    SetField { database: u8, key: u8, field: u8, length: u8, wide: bool },
    RemoveField { database: u8, key: u8, field: u8 },
    ManyFields { database: u8, key: u8, count: u8 },
    Remove { database: u8, key: u8 },
    Expire { database: u8, key: u8, at: Option<u16> },
    Move { database: u8, key: u8, to_database: u8, to_key: u8, copy: bool },
    Pass { millis: u8, limit: u8 },
    Swap { left: u8, right: u8 },
    Flush { database: u8 },
    SaveBegin,
    SaveMore { budget: u16 },
    Limits { entries: u8, value_bytes: u8 },
    Scan { database: u8, count: u8 },
}

struct World {
    keyspace: Keyspace,
    model: Model,
    now: u64,
    limits: HashLimits,
    /// What the model was when the save under way began, and what the save wrote.
    saving: Option<(Model, Vec<u8>)>,
}

fn key_name(key: u8) -> Vec<u8> {
    // Short, long and equal-length names.
    let mut name = format!("k{}", key % 23).into_bytes();
    name.resize(name.len() + usize::from(key % 3) * 30, b'.');
    name
}

impl World {
    /// The model without what has expired at this key, as every access through the way to change it leaves it.
    fn purge(&mut self, place: &(usize, Vec<u8>)) {
        let now = self.now;
        if self.model.get(place).is_some_and(|entry| entry.expire_at.is_some_and(|at| at <= now)) {
            self.model.remove(place);
        }
    }

    fn step(&mut self, step: Step) {
        let at = |database: u8, key: u8| (usize::from(database) % DATABASES, key_name(key));
        let now = UnixMillis(self.now);
        let limits = self.limits;
        match step {
            Step::SetString { database, key, text, keep } => {
                let place = at(database, key);
                self.purge(&place);
                let key = self.keyspace.key(&place.1);
                let mut edit = self.keyspace.edit(place.0, key, now);
                let kept = self.model.get(&place).and_then(|entry| entry.expire_at).filter(|_| keep);
                if keep {
                    edit.set_string(&text, StringForm::Plain);
                } else {
                    edit.replace_string(&text, StringForm::Plain, None);
                }
                self.model.insert(place, Entry { value: Plain::String(text), expire_at: kept });
            }
            Step::Append { database, key, text } => {
                let place = at(database, key);
                self.purge(&place);
                let key = self.keyspace.key(&place.1);
                let told = self.keyspace.edit(place.0, key, now).append(&text).ok();
                let expected = match self.model.get_mut(&place) {
                    Some(Entry { value: Plain::Hash(_), .. }) => None,
                    Some(Entry { value: Plain::String(old), .. }) => {
                        old.extend_from_slice(&text);
                        Some(old.len())
                    }
                    None => {
                        let length = text.len();
                        self.model.insert(place, Entry { value: Plain::String(text), expire_at: None });
                        Some(length)
                    }
                };
                assert_eq!(told, expected);
            }
            Step::SetRange { database, key, offset, text } => {
                let place = at(database, key);
                self.purge(&place);
                let offset = usize::from(offset);
                let key = self.keyspace.key(&place.1);
                let told = self.keyspace.edit(place.0, key, now).set_range(offset, &text).ok();
                let fresh = || Entry { value: Plain::String(Vec::new()), expire_at: None };
                let expected = match self.model.get_mut(&place) {
                    Some(Entry { value: Plain::Hash(_), .. }) => None,
                    None if text.is_empty() => Some(0),
                    Some(Entry { value: Plain::String(old), .. }) if text.is_empty() => Some(old.len()),
                    _ => {
                        let entry = self.model.entry(place).or_insert_with(fresh);
                        let Plain::String(old) = &mut entry.value else { unreachable!("hashes are above") };
                        old.resize(old.len().max(offset + text.len()), 0);
                        old[offset..offset + text.len()].copy_from_slice(&text);
                        Some(old.len())
                    }
                };
                assert_eq!(told, expected);
            }
            Step::SetField { database, key, field, length, wide } => {
                let value = vec![b'v'; usize::from(length) * if wide { 9 } else { 1 }];
                self.set_field(at(database, key), field, &value);
            }
            Step::ManyFields { database, key, count } => {
                for field in 0..count {
                    self.set_field(at(database, key), field, &[field; 5]);
                }
            }
            Step::RemoveField { database, key, field } => {
                let place = at(database, key);
                self.purge(&place);
                let field = format!("f{field}").into_bytes();
                let key = self.keyspace.key(&place.1);
                let mut edit = self.keyspace.edit(place.0, key, now);
                let told =
                    edit.hash(limits).ok().map(|hash| hash.is_some_and(|mut hash| hash.remove(&field)));
                let expected = match self.model.get_mut(&place) {
                    None => Some(false),
                    Some(Entry { value: Plain::String(_), .. }) => None,
                    Some(Entry { value: Plain::Hash(rows), .. }) => {
                        let found = rows.iter().position(|row| row.0 == field);
                        if let Some(row) = found {
                            rows.swap_remove(row);
                        }
                        if rows.is_empty() {
                            self.model.remove(&place);
                        }
                        Some(found.is_some())
                    }
                };
                assert_eq!(told, expected);
            }
            Step::Remove { database, key } => {
                let place = at(database, key);
                self.purge(&place);
                let key = self.keyspace.key(&place.1);
                let told = self.keyspace.edit(place.0, key, now).remove();
                assert_eq!(told, self.model.remove(&place).is_some());
            }
            Step::Expire { database, key, at: deadline } => {
                let place = at(database, key);
                self.purge(&place);
                let deadline = deadline.map(u64::from);
                let key = self.keyspace.key(&place.1);
                let told = self.keyspace.edit(place.0, key, now).set_expiry(deadline.map(UnixMillis));
                let entry = self.model.get_mut(&place);
                assert_eq!(told, entry.is_some());
                if let Some(entry) = entry {
                    entry.expire_at = deadline;
                }
            }
            Step::Move { database, key, to_database, to_key, copy } => {
                let (from, to) = (at(database, key), at(to_database, to_key));
                if from == to {
                    return;
                }
                self.purge(&from);
                self.purge(&to);
                let key = self.keyspace.key(&from.1);
                let mut edit = self.keyspace.edit(from.0, key, now);
                let parcel = if copy { edit.copy() } else { edit.take() };
                let entry = if copy { self.model.get(&from).cloned() } else { self.model.remove(&from) };
                assert_eq!(parcel.is_some(), entry.is_some());
                let key = self.keyspace.key(&to.1);
                let mut edit = self.keyspace.edit(to.0, key, now);
                if let (Some(parcel), Some(entry)) = (parcel, entry) {
                    assert_eq!(parcel.expire_at.map(|at| at.0), entry.expire_at);
                    edit.insert(parcel);
                    self.model.insert(to, entry);
                }
            }
            Step::Pass { millis, limit } => {
                self.now += u64::from(millis);
                let limit = usize::from(limit);
                let due = |entry: &&Entry| entry.expire_at.is_some_and(|at| at <= self.now);
                let expected = self.model.values().filter(due).count().min(limit);
                assert_eq!(self.keyspace.expire_due(UnixMillis(self.now), limit), expected);
                // Which of several due at the same moment go first depends on their hashes: ask.
                let keyspace = &self.keyspace;
                let gone: Vec<_> = self
                    .model
                    .iter()
                    .filter(|(_, entry)| entry.expire_at.is_some_and(|at| at <= self.now))
                    .filter(|((database, name), _)| {
                        keyspace.find(*database, keyspace.key(name), UnixMillis(0)).is_none()
                    })
                    .map(|(place, entry)| (entry.expire_at, place.clone()))
                    .collect();
                // A deadline of zero is past at any time, and so cannot be asked for.
                if gone.iter().all(|(at, _)| *at != Some(0)) {
                    assert_eq!(gone.len(), expected);
                }
                for (_, place) in gone {
                    self.model.remove(&place);
                }
                self.drop_due_at_zero();
            }
            Step::Swap { left, right } => {
                let (left, right) = (usize::from(left) % DATABASES, usize::from(right) % DATABASES);
                self.keyspace.swap(left, right);
                let swapped = std::mem::take(&mut self.model).into_iter().map(|((database, name), entry)| {
                    let database = match database {
                        _ if database == left => right,
                        _ if database == right => left,
                        other => other,
                    };
                    ((database, name), entry)
                });
                self.model = swapped.collect();
            }
            Step::Flush { database } => {
                let database = usize::from(database) % DATABASES;
                let before = self.model.len();
                self.model.retain(|place, _| place.0 != database);
                assert_eq!(self.keyspace.flush(database), before - self.model.len());
            }
            Step::SaveBegin => {
                if self.saving.is_some() {
                    self.keyspace.save_abort();
                }
                self.keyspace.save_begin();
                self.saving = Some((self.model.clone(), Vec::new()));
            }
            Step::SaveMore { budget } => self.save_step(usize::from(budget)),
            Step::Limits { entries, value_bytes } => {
                self.limits = HashLimits { entries: entries.into(), value_bytes: value_bytes.into() };
            }
            Step::Scan { database, count } => self.scan(usize::from(database) % DATABASES, count),
        }
    }

    /// Keys due at time zero are removed from both, so that the comparison of the others stays exact.
    fn drop_due_at_zero(&mut self) {
        let due: Vec<_> = self
            .model
            .iter()
            .filter(|(_, entry)| entry.expire_at == Some(0))
            .map(|(place, _)| place.clone())
            .collect();
        for place in due {
            let key = self.keyspace.key(&place.1);
            self.keyspace.edit(place.0, key, UnixMillis(self.now)).remove();
            self.model.remove(&place);
        }
    }

    fn set_field(&mut self, place: (usize, Vec<u8>), field: u8, value: &[u8]) {
        self.purge(&place);
        let field = format!("f{field}").into_bytes();
        let key = self.keyspace.key(&place.1);
        let mut edit = self.keyspace.edit(place.0, key, UnixMillis(self.now));
        let told = edit.hash_or_create(self.limits).ok().map(|mut hash| hash.set(&field, value));
        let empty = || Entry { value: Plain::Hash(Vec::new()), expire_at: None };
        let expected = match &mut self.model.entry(place).or_insert_with(empty).value {
            Plain::String(_) => None,
            Plain::Hash(rows) => match rows.iter_mut().find(|row| row.0 == field) {
                Some(row) => {
                    row.1 = value.to_vec();
                    Some(false)
                }
                None => {
                    rows.push((field, value.to_vec()));
                    Some(true)
                }
            },
        };
        assert_eq!(told, expected);
    }

    fn save_step(&mut self, budget: usize) {
        let Some((_, written)) = &mut self.saving else { return };
        let complete = self.keyspace.save_step(budget.max(1));
        written.extend_from_slice(&self.keyspace.save_take());
        if !complete {
            return;
        }
        let (model, written) = self.saving.take().expect("it was there");
        let mut loaded = Keyspace::new(DATABASES, 5);
        let count = loaded.load(&written, self.limits).expect("what a save wrote can be read");
        assert_eq!(count, model.len(), "a save holds each key once");
        compare(&loaded, &model, 0);
    }

    fn scan(&self, database: usize, count: u8) {
        let mut names = Vec::new();
        let mut cursor = 0;
        for round in 0.. {
            assert!(round < 10_000, "a scan comes to an end");
            let now = UnixMillis(self.now);
            cursor = self.keyspace.scan(database, cursor, usize::from(count), now, |name, _| {
                names.push(name.to_vec());
            });
            if cursor == 0 {
                break;
            }
        }
        names.sort();
        let mut expected: Vec<Vec<u8>> = self
            .model
            .iter()
            .filter(|(place, entry)| place.0 == database && entry.expire_at.is_none_or(|at| at > self.now))
            .map(|(place, _)| place.1.clone())
            .collect();
        expected.sort();
        assert_eq!(names, expected, "each key once");
    }
}

/// Holds the keyspace to the model. Expired keys count until they are removed.
fn compare(keyspace: &Keyspace, model: &Model, now: u64) {
    for database in 0..DATABASES {
        let of_it = model.iter().filter(|(place, _)| place.0 == database);
        assert_eq!(keyspace.len(database), of_it.clone().count());
        let expiring = of_it.filter(|(_, entry)| entry.expire_at.is_some()).count();
        assert_eq!(keyspace.expires_len(database), expiring);
    }
    for ((database, name), entry) in model {
        let found = keyspace.find(*database, keyspace.key(name), UnixMillis(now));
        let Some(found) = found else {
            assert!(entry.expire_at.is_some_and(|at| at <= now), "{name:?} is missing");
            continue;
        };
        assert!(entry.expire_at.is_none_or(|at| at > now), "an expired key is not found");
        assert_eq!(keyspace.expire_at(found).map(|at| at.0), entry.expire_at);
        assert_eq!(keyspace.name(found), name);
        match (keyspace.read(found), &entry.value) {
            (Value::String(text), Plain::String(expected)) => assert_eq!(text.bytes, expected),
            (Value::Hash(hash), Plain::Hash(expected)) => {
                assert_eq!(keyspace.kind(found), Kind::Hash);
                assert_eq!(hash.len(), expected.len());
                let rows = expected.iter().map(|(field, value)| (&field[..], &value[..]));
                assert!(hash.iter().eq(rows), "rows in the order of their history");
                for (position, (field, value)) in expected.iter().enumerate() {
                    assert_eq!(hash.get(field), Some(&value[..]));
                    assert_eq!(hash.at(position), (&field[..], &value[..]));
                }
                assert_eq!(hash.get(b"nobody"), None);
            }
            (other, expected) => panic!("{other:?} instead of {expected:?}"),
        }
    }
    let earliest = model.values().filter_map(|entry| entry.expire_at).min();
    assert_eq!(keyspace.earliest_deadline().map(|at| at.0), earliest);
}

fn steps(from: &mut Unstructured<'_>, world: &mut World) -> Result<()> {
    for count in 0..300 {
        if from.is_empty() {
            break;
        }
        world.step(Step::arbitrary(from)?);
        if count % 16 == 0 {
            compare(&world.keyspace, &world.model, world.now);
        }
    }
    Ok(())
}

/// Changes a keyspace and plain maps in the same arbitrary ways.
pub fn keyspace(data: &[u8]) {
    let mut world = World {
        keyspace: Keyspace::new(DATABASES, 77),
        model: Model::new(),
        now: 1,
        limits: HashLimits::default(),
        saving: None,
    };
    // Input that ends early leaves a shorter history.
    let _ = steps(&mut Unstructured::new(data), &mut world);
    compare(&world.keyspace, &world.model, world.now);
    while world.saving.is_some() {
        world.save_step(1000);
    }
    for database in 0..DATABASES {
        world.keyspace.flush(database);
    }
    assert!(world.keyspace.is_empty());
}
