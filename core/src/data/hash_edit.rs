//! Changing a hash, in whichever structure it is.

use super::database::{Head, Slot};
use super::dict::Dict;
use super::edit::Edit;
use super::entry::{INLINE, Kind, OBJECT};
use super::hash_map::HashView;
use super::packed::{self, COUNT_BYTES, Packed};
use super::value::{Object, Value};
use crate::time::UnixMillis;

/// Up to where a hash stays packed: `hash-max-listpack-entries` and `-value`. They choose the structure, and with
/// it what OBJECT ENCODING shows, but neither order nor results, so nodes may differ in them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashLimits {
    /// The most fields of a packed hash.
    pub entries: usize,
    /// The longest field or value of a packed hash, in bytes.
    pub value_bytes: usize,
}

impl Default for HashLimits {
    fn default() -> Self {
        Self { entries: 128, value_bytes: 64 }
    }
}

/// A hash to be changed, made by [`Edit::hash_or_create`].
///
/// Removing the last field removes the key; setting a field makes it again.
#[derive(Debug)]
pub struct HashEdit<'e, 'k> {
    edit: &'e mut Edit<'k>,
    limits: HashLimits,
}

impl<'e, 'k> HashEdit<'e, 'k> {
    /// `edit` is of a hash, or of a key that is not there.
    pub(super) fn new(edit: &'e mut Edit<'k>, limits: HashLimits) -> Self {
        Self { edit, limits }
    }

    /// The hash as it is now; `None` if the key is not there.
    #[must_use]
    pub fn view(&self) -> Option<HashView<'_>> {
        match self.edit.value()? {
            Value::Hash(view) => Some(view),
            Value::String(_) => unreachable!("a hash edit is of a hash"),
        }
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.view()?.get(field)
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().map_or(0, HashView::len)
    }

    /// Whether there are none, and so no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.edit.exists()
    }

    /// Sets a field; whether it is new, and then it stands last.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        if self.edit.exists() && !self.edit.is_packed() {
            self.set_in_dict(field, value)
        } else {
            self.set_in_packed(field, value)
        }
    }

    /// Removes a field; whether it was there. The last field takes its position.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let Some(view) = self.view() else { return false };
        if view.get(field).is_none() {
            return false;
        }
        if view.len() == 1 {
            self.edit.remove();
        } else if self.edit.is_packed() {
            self.remove_from_packed(field);
        } else {
            self.with_dict(|dict| dict.remove(field));
        }
        true
    }

    fn slot(&self) -> Slot {
        self.edit.slot.expect("the key is there")
    }

    fn packed(&self) -> Packed<'_> {
        match self.view() {
            Some(HashView::Packed(packed)) => packed,
            _ => unreachable!("the hash is packed"),
        }
    }

    fn with_dict(&mut self, change: impl FnOnce(&mut Dict) -> bool) -> bool {
        self.edit.prepare();
        let handle = self.slot().handle;
        let Object::Hash(dict) = self.edit.database.object_mut(handle);
        let before = dict.used_bytes();
        let result = change(dict);
        let after = dict.used_bytes();
        self.edit.database.object_resized(before, after);
        result
    }

    fn set_in_dict(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.with_dict(|dict| dict.set(field, value))
    }

    fn set_in_packed(&mut self, field: &[u8], value: &[u8]) -> bool {
        let limit = self.limits.value_bytes;
        let too_long = field.len() > limit || value.len() > limit;
        let pair_bytes = packed::pair_bytes(field, value);
        if !self.edit.exists() {
            return self.create(field, value, too_long || self.limits.entries == 0);
        }
        let packed = self.packed();
        let (len, bytes) = (packed.len(), packed.0.len());
        let found = packed.find(field);
        let most = self.limits.entries.min(packed::PAIRS_MAX);
        if too_long || bytes + pair_bytes > packed::BYTES_MAX || found.is_none() && len >= most {
            self.convert();
            return self.set_in_dict(field, value);
        }
        self.edit.prepare();
        let mut slot = self.slot();
        let Some(pair) = found else {
            self.edit.database.splice(&mut slot, bytes..bytes, pair_bytes, false);
            let all = self.edit.database.value_bytes_mut(slot.handle);
            packed::write_pair(&mut all[bytes..], field, value);
            all[..COUNT_BYTES].copy_from_slice(&(len as u16 + 1).to_le_bytes());
            self.edit.slot = Some(slot);
            return true;
        };
        if pair.value.len() == value.len() {
            self.edit.database.value_bytes_mut(slot.handle)[pair.value].copy_from_slice(value);
            return false;
        }
        let start = pair.whole.start;
        self.edit.database.splice(&mut slot, pair.whole, pair_bytes, false);
        let all = self.edit.database.value_bytes_mut(slot.handle);
        packed::write_pair(&mut all[start..], field, value);
        self.edit.slot = Some(slot);
        false
    }

    fn create(&mut self, field: &[u8], value: &[u8], as_dict: bool) -> bool {
        if as_dict {
            let mut dict = Dict::new(self.edit.database.seed());
            dict.set(field, value);
            self.edit.put_dict(dict, None);
        } else {
            self.edit.put_packed(&[(field, value)], None);
        }
        true
    }

    fn convert(&mut self) {
        let mut dict = Dict::new(self.edit.database.seed());
        for (field, value) in self.packed().iter() {
            dict.set(field, value);
        }
        let expire_at = self.edit.expire_at();
        self.edit.put_dict(dict, expire_at);
    }

    fn remove_from_packed(&mut self, field: &[u8]) {
        self.edit.prepare();
        let packed = self.packed();
        let count = packed.len() as u16 - 1;
        let pair = packed.find(field).expect("the field is there");
        let last = packed.last().expect("a packed hash is not empty").whole;
        let moved = packed.0[last.clone()].to_vec();
        let mut slot = self.slot();
        let database = &mut *self.edit.database;
        database.splice(&mut slot, last.clone(), 0, false);
        if pair.whole != last {
            let start = pair.whole.start;
            database.splice(&mut slot, pair.whole, moved.len(), false);
            database.value_bytes_mut(slot.handle)[start..start + moved.len()].copy_from_slice(&moved);
        }
        database.value_bytes_mut(slot.handle)[..COUNT_BYTES].copy_from_slice(&count.to_le_bytes());
        self.edit.slot = Some(slot);
    }
}

impl Edit<'_> {
    /// Makes the key a hash of these pairs, whose fields differ, in this order.
    pub(super) fn load_hash(
        &mut self,
        pairs: &[(&[u8], &[u8])],
        expire_at: Option<UnixMillis>,
        limits: HashLimits,
    ) {
        let bytes: usize = pairs.iter().map(|(field, value)| packed::pair_bytes(field, value)).sum();
        let fits = |part: &[u8]| part.len() <= limits.value_bytes;
        let is_small = pairs.len() <= limits.entries.min(packed::PAIRS_MAX)
            && bytes <= packed::BYTES_MAX
            && pairs.iter().all(|(field, value)| fits(field) && fits(value));
        if is_small {
            self.put_packed(pairs, expire_at);
            return;
        }
        let mut dict = Dict::new(self.database.seed());
        for (field, value) in pairs {
            dict.set(field, value);
        }
        self.put_dict(dict, expire_at);
    }

    fn put_packed(&mut self, pairs: &[(&[u8], &[u8])], expire_at: Option<UnixMillis>) {
        let bytes: usize = pairs.iter().map(|(field, value)| packed::pair_bytes(field, value)).sum();
        let mut all = vec![0; COUNT_BYTES + bytes];
        all[..COUNT_BYTES].copy_from_slice(&(pairs.len() as u16).to_le_bytes());
        let mut at = COUNT_BYTES;
        for (field, value) in pairs {
            packed::write_pair(&mut all[at..], field, value);
            at += packed::pair_bytes(field, value);
        }
        self.put(Head { kind: Kind::Hash, form: INLINE, expire_at }, &all);
    }

    fn put_dict(&mut self, dict: Dict, expire_at: Option<UnixMillis>) {
        let number = self.database.add_object(Box::new(Object::Hash(dict)));
        self.put(Head { kind: Kind::Hash, form: OBJECT, expire_at }, &number);
    }
}
