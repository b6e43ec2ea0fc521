//! The one door through which a key changes.
//!
//! An [`Edit`] finds its key once. Whatever it does then, it first lets a running save have the value as it was,
//! tells the journal, and keeps sizes and deadlines in agreement; nobody who changes a value can forget to.

use super::database::{Database, Head, Key, Slot};
use super::entry::{self, INLINE, Kind, OBJECT, Shape, StringForm};
use super::hash_edit::{HashEdit, HashLimits};
use super::journal::Journal;
use super::save::Save;
use super::value::{Content, Parcel, Text, Value, WrongType};
use crate::time::UnixMillis;

/// Access to one key that may change it, made by [`Keyspace::edit`](super::Keyspace::edit).
#[derive(Debug)]
pub struct Edit<'a> {
    pub(super) database: &'a mut Database,
    pub(super) journal: &'a mut Journal,
    pub(super) save: &'a mut Save,
    pub(super) number: u32,
    pub(super) key: Key<'a>,
    pub(super) slot: Option<Slot>,
    /// The access clock a new key begins with.
    pub(super) access: u32,
}

impl<'a> Edit<'a> {
    /// Whether the key is there.
    #[inline]
    #[must_use]
    pub fn exists(&self) -> bool {
        self.slot.is_some()
    }

    /// The type of its value.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.slot.map(|slot| Shape::read(self.database.arena.bytes(slot.handle)).kind)
    }

    /// Its value.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Option<Value<'_>> {
        self.slot.map(|slot| self.database.value(slot.handle))
    }

    /// Its value as a string.
    ///
    /// # Errors
    /// When it holds another type.
    #[inline]
    pub fn string(&self) -> Result<Option<Text<'_>>, WrongType> {
        match self.value() {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Hash(_)) => Err(WrongType),
        }
    }

    /// When it ceases to be.
    #[must_use]
    pub fn expire_at(&self) -> Option<UnixMillis> {
        self.slot.and_then(|slot| entry::expire_at(self.database.arena.bytes(slot.handle)))
    }

    /// The access clock; 0 if the key is not there.
    #[must_use]
    pub fn access(&self) -> u32 {
        self.slot.map_or(0, |slot| entry::access(self.database.arena.bytes(slot.handle)))
    }

    /// Sets the lower 24 bits of the access clock. That is no change of the key.
    pub fn set_access(&mut self, clock: u32) {
        if let Some(slot) = self.slot {
            entry::set_access(self.database.arena.bytes_mut(slot.handle), clock);
        }
    }

    /// Makes the value this string, whatever it was before. The deadline stays.
    #[inline]
    pub fn set_string(&mut self, text: &[u8], form: StringForm) {
        if !self.rewrite(text, form, true) {
            let expire_at = self.expire_at();
            self.put(Head { kind: Kind::String, form: form as u8, expire_at }, text);
        }
    }

    /// Makes the value this string, whatever it was before, with this deadline or none.
    #[inline]
    pub fn replace_string(&mut self, text: &[u8], form: StringForm, expire_at: Option<UnixMillis>) {
        if expire_at.is_some() || !self.rewrite(text, form, false) {
            self.put(Head { kind: Kind::String, form: form as u8, expire_at }, text);
        }
    }

    /// Writes a string over one that differs in nothing but its bytes, which is what most writes do: then neither
    /// head nor index nor deadlines have to be looked at. Whether it was so.
    #[inline]
    fn rewrite(&mut self, text: &[u8], form: StringForm, may_expire: bool) -> bool {
        let Some(slot) = self.slot else { return false };
        let shape = Shape::read(self.database.arena.bytes(slot.handle));
        let fits = shape.kind == Kind::String
            && shape.form == form as u8
            && shape.value_len == text.len()
            && (may_expire || !shape.expires);
        if fits {
            self.prepare();
            let block = self.database.arena.bytes_mut(slot.handle);
            block[shape.value_at()..shape.end()].copy_from_slice(text);
        }
        fits
    }

    /// Appends to the string, or makes it; how long it is then. It becomes `raw`, unless it is new.
    ///
    /// # Errors
    /// When the key holds another type.
    pub fn append(&mut self, tail: &[u8]) -> Result<usize, WrongType> {
        let Some(len) = self.string()?.map(|text| text.bytes.len()) else {
            self.replace_string(tail, StringForm::Plain, None);
            return Ok(tail.len());
        };
        let value = self.grow_string(len + tail.len())?;
        value[len..].copy_from_slice(tail);
        Ok(len + tail.len())
    }

    /// Writes over a part of the string, filling up with zeros before it where it is too short; how long the
    /// string is then. Writing nothing changes nothing.
    ///
    /// # Errors
    /// When the key holds another type.
    ///
    /// # Panics
    /// When the string would be 4 GiB or longer: the caller's limits are lower.
    pub fn set_range(&mut self, offset: usize, part: &[u8]) -> Result<usize, WrongType> {
        let len = self.string()?.map_or(0, |text| text.bytes.len());
        if part.is_empty() {
            return Ok(len);
        }
        let end = offset.checked_add(part.len()).expect("strings are shorter than 4 GiB");
        let value = self.grow_string(end.max(len))?;
        value[offset..end].copy_from_slice(part);
        Ok(value.len())
    }

    /// The bytes of the string to be changed in place, after it was made at least `len` bytes long with zeros,
    /// and created if it was not there. It becomes `raw`. This is a change, whether or not a byte is.
    ///
    /// # Errors
    /// When the key holds another type.
    pub fn grow_string(&mut self, len: usize) -> Result<&mut [u8], WrongType> {
        let old = self.string()?.map(|text| text.bytes.len());
        let slot = match (self.slot, old) {
            (Some(mut slot), Some(old)) => {
                self.prepare();
                if len > old {
                    self.database.splice(&mut slot, old..old, len - old, true);
                    self.database.value_bytes_mut(slot.handle)[old..].fill(0);
                }
                self.database.set_form(slot.handle, StringForm::Raw as u8);
                slot
            }
            _ => {
                self.prepare();
                let head = Head { kind: Kind::String, form: StringForm::Raw as u8, expire_at: None };
                self.database.create(self.key, head, &vec![0; len], self.access)
            }
        };
        self.slot = Some(slot);
        Ok(self.database.value_bytes_mut(slot.handle))
    }

    /// The hash, to be changed; `None` if the key is not there.
    ///
    /// # Errors
    /// When the key holds another type.
    pub fn hash(&mut self, limits: HashLimits) -> Result<Option<HashEdit<'_, 'a>>, WrongType> {
        if self.slot.is_none() { Ok(None) } else { self.hash_or_create(limits).map(Some) }
    }

    /// The hash, to be changed; if the key is not there, setting the first field makes it.
    ///
    /// # Errors
    /// When the key holds another type.
    pub fn hash_or_create(&mut self, limits: HashLimits) -> Result<HashEdit<'_, 'a>, WrongType> {
        match self.kind() {
            None | Some(Kind::Hash) => Ok(HashEdit::new(self, limits)),
            Some(Kind::String) => Err(WrongType),
        }
    }

    /// Sets the deadline, or takes it away; whether the key is there.
    pub fn set_expiry(&mut self, deadline: Option<UnixMillis>) -> bool {
        let Some(mut slot) = self.slot else { return false };
        if deadline.is_none() && self.expire_at().is_none() {
            return true;
        }
        self.prepare();
        self.database.set_deadline(&mut slot, self.key.hash, deadline);
        self.slot = Some(slot);
        true
    }

    /// Removes the key; whether it was there.
    pub fn remove(&mut self) -> bool {
        if self.slot.is_none() {
            return false;
        }
        self.prepare();
        let slot = self.slot.take().expect("it is there");
        self.database.remove(slot, self.key.hash);
        true
    }

    /// Takes the value out, and with it the key away. An object moves as it is, however large.
    pub fn take(&mut self) -> Option<Parcel> {
        self.slot?;
        self.prepare();
        let slot = self.slot.take().expect("it is there");
        Some(self.database.take(slot, self.key.hash))
    }

    /// Puts a value in, whatever was there, with the parcel's deadline.
    pub fn insert(&mut self, parcel: Parcel) {
        let Parcel { kind, expire_at, content } = parcel;
        match content {
            Content::Inline { form, bytes } => self.put(Head { kind, form, expire_at }, &bytes),
            Content::Object(object) => {
                let number = self.database.add_object(object);
                self.put(Head { kind, form: OBJECT, expire_at }, &number);
            }
        }
    }

    /// A copy of the value with its deadline.
    #[must_use]
    pub fn copy(&self) -> Option<Parcel> {
        self.slot.map(|slot| self.database.copy(slot.handle))
    }

    /// Before a change, always: the save gets the value as it was, and the journal a line.
    #[inline]
    pub(super) fn prepare(&mut self) {
        if let Some(slot) = self.slot
            && self.database.unsaved(self.key.hash)
        {
            self.save.keep(self.database, slot.handle);
        }
        self.journal.touch(self.number, self.key.hash);
    }

    /// Writes a whole value, over what is there or as a new key.
    #[inline]
    pub(super) fn put(&mut self, head: Head, value: &[u8]) {
        self.prepare();
        self.slot = Some(match self.slot {
            Some(mut slot) => {
                self.database.overwrite(&mut slot, self.key, head, value);
                slot
            }
            None => self.database.create(self.key, head, value, self.access),
        });
    }

    /// Whether the key is there and its value, a collection, lies in its block.
    pub(super) fn is_packed(&self) -> bool {
        self.slot.is_some_and(|slot| Shape::read(self.database.arena.bytes(slot.handle)).form == INLINE)
    }
}
