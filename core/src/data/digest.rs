//! A fingerprint of everything in a keyspace, whatever order it came in.

use super::database::Database;
use super::entry;
use super::value::Value;
use super::varint;
use crate::bytes::hash::hash;

/// Sum of fingerprints of keys. Equal contents give equal digests on every node, however the contents came about;
/// nothing at all gives zero.
///
/// It tells accidents apart, and is no proof against somebody who wants two contents to look alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Digest([u64; LANES]);

const LANES: usize = 3;
/// Unrelated seeds: digits of pi, as good as any.
const SEEDS: [u64; LANES] = [0x2438_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0];

impl Digest {
    fn of(bytes: &[u8]) -> Self {
        Self(SEEDS.map(|seed| hash(seed, bytes)))
    }

    fn add(&mut self, other: Self) {
        for (lane, more) in self.0.iter_mut().zip(other.0) {
            *lane = lane.wrapping_add(more);
        }
    }

    fn push_to(self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|lane| out.extend_from_slice(&lane.to_le_bytes()));
    }

    /// Adds every key of a database that goes by the number `label`, expired ones included.
    pub(super) fn add_database(&mut self, database: &Database, label: u32) {
        let mut scratch = Vec::new();
        for handle in database.table.handles() {
            scratch.clear();
            varint::push(&mut scratch, u64::from(label));
            let block = database.arena.bytes(handle);
            let value = database.value(handle);
            scratch.push(value.kind() as u8);
            scratch.extend_from_slice(&entry::expire_at(block).map_or(u64::MAX, |at| at.0).to_le_bytes());
            scratch.push(u8::from(entry::expire_at(block).is_some()));
            varint::push(&mut scratch, entry::key(block).len() as u64);
            scratch.extend_from_slice(entry::key(block));
            push_content(value, &mut scratch);
            self.add(Self::of(&scratch));
        }
    }
}

impl Digest {
    /// The fingerprint of one value, its key's name and the time of its deadline left out.
    pub(super) fn of_value(value: Value<'_>, expires: bool) -> Self {
        let mut scratch = vec![value.kind() as u8, u8::from(expires)];
        push_content(value, &mut scratch);
        Self::of(&scratch)
    }
}

fn push_content(value: Value<'_>, scratch: &mut Vec<u8>) {
    match value {
        Value::String(text) => scratch.extend_from_slice(text.bytes),
        Value::Hash(hash) => {
            let mut fields = Digest::default();
            let mut pair = Vec::new();
            for (field, value) in hash.iter() {
                pair.clear();
                varint::push(&mut pair, field.len() as u64);
                pair.extend_from_slice(field);
                pair.extend_from_slice(value);
                fields.add(Digest::of(&pair));
            }
            fields.push_to(scratch);
        }
    }
}

impl core::fmt::Display for Digest {
    /// Forty hexadecimal digits, as DEBUG DIGEST shows them: the first 160 bits.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [first, second, third] = self.0;
        write!(f, "{first:016x}{second:016x}{:08x}", third >> 32)
    }
}
