//! A key with its value as bytes: what saves and digests are made of.
//!
//! ```text
//! database    varint
//! what        1        type (4 bits) | form of a string (2 bits) | has a deadline (1 bit)
//! deadline    8        milliseconds, little-endian, if there is one
//! key         varint length, bytes
//! string      varint length, bytes
//! hash        varint count, then per field in order: varint length, bytes, varint length, bytes
//! ```
//!
//! The bytes are *canonical*: equal contents give equal bytes, whatever structure holds them. (The order of a
//! hash's fields is part of its contents here, since replicas must agree on it.)

use super::arena::Handle;
use super::database::Database;
use super::entry::{self, Kind};
use super::value::Value;
use super::varint;

/// Where the form stands in `what`.
pub const FORM_SHIFT: u32 = 4;
/// The bit in `what` that says there is a deadline.
pub const HAS_DEADLINE: u8 = 1 << 6;

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::push(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends one entry of a database that goes by the number `label`.
pub fn encode(database: &Database, label: u32, handle: Handle, out: &mut Vec<u8>) {
    let block = database.arena.bytes(handle);
    let value = database.value(handle);
    let deadline = entry::expire_at(block);
    let form = match value {
        Value::String(text) => text.form as u8,
        Value::Hash(_) => 0,
    };
    varint::push(out, u64::from(label));
    out.push(value.kind() as u8 | form << FORM_SHIFT | if deadline.is_some() { HAS_DEADLINE } else { 0 });
    if let Some(at) = deadline {
        out.extend_from_slice(&at.0.to_le_bytes());
    }
    push_bytes(out, entry::key(block));
    match value {
        Value::String(text) => push_bytes(out, text.bytes),
        Value::Hash(hash) => {
            varint::push(out, hash.len() as u64);
            for (field, value) in hash.iter() {
                push_bytes(out, field);
                push_bytes(out, value);
            }
        }
    }
}

const _: () = assert!((Kind::Hash as u8) < 1 << FORM_SHIFT, "types fit into their bits");
