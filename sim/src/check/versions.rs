//! Every version that every key ever had, by how many commands of the log had run.

use std::collections::BTreeMap;

use crate::model::{Item, Key, Model};

/// The history of all keys.
#[derive(Debug, Default)]
pub struct Versions {
    keys: BTreeMap<Key, Vec<(u64, Option<Item>)>>,
}

impl Versions {
    /// What a key held after so many commands, hidden items included.
    #[must_use]
    pub fn at(&self, key: &Key, units: u64) -> Option<&Item> {
        let versions = self.keys.get(key)?;
        let after = versions.partition_point(|(from, _)| *from <= units);
        versions[..after].last()?.1.as_ref()
    }

    /// A model that holds these keys as they were.
    #[must_use]
    pub fn model(&self, keys: &[Key], units: u64) -> Model {
        let held = keys.iter().filter_map(|key| Some((key.clone(), self.at(key, units)?.clone())));
        Model { keys: held.collect() }
    }

    /// Notes how a command left these keys; it was the one that makes `units`.
    pub fn note(&mut self, keys: &[Key], units: u64, model: &Model) {
        for key in keys {
            let item = model.keys.get(key).cloned();
            if self.at(key, units) != item.as_ref() {
                self.keys.entry(key.clone()).or_default().push((units, item));
            }
        }
    }

    /// When these keys changed, behind `from` and up to `to`, in order.
    #[must_use]
    pub fn changes(&self, keys: &[Key], from: u64, to: u64) -> Vec<u64> {
        let mut changes = Vec::new();
        for versions in keys.iter().filter_map(|key| self.keys.get(key)) {
            let begin = versions.partition_point(|(units, _)| *units <= from);
            changes
                .extend(versions[begin..].iter().map(|(units, _)| *units).take_while(|units| *units <= to));
        }
        changes.sort_unstable();
        changes.dedup();
        changes
    }

    /// Forgets what commands behind the first `units` did.
    pub fn truncate(&mut self, units: u64) {
        for versions in self.keys.values_mut() {
            versions.retain(|(at, _)| *at <= units);
        }
    }

    /// All keys that ever held something.
    #[must_use]
    pub fn known(&self) -> Vec<Key> {
        self.keys.keys().cloned().collect()
    }
}
