//! Values and where they live.
//!
//! ```text
//! Keyspace ── Database ─┬─ Table    hash → block, one cache line per search
//!                       ├─ Arena    blocks: each a key with its value; small collections packed into it
//!                       ├─ objects  large collections, each with an arena and an index of its own
//!                       └─ Expiry   deadlines in order
//! ```
//!
//! Nothing in here knows of clients, sessions or the log, or that it is replicated. All of it is deterministic:
//! the same changes give the same contents, in the same order wherever order can be seen, on every node.
//!
//! - To read: [`Keyspace::key`], [`Keyspace::find`], [`Keyspace::read`].
//! - To change: [`Keyspace::edit`], the only way, and then [`Edit`].
//! - To copy it all while it changes: [`Keyspace::save_begin`], [`Keyspace::save_step`].

mod arena;
mod database;
mod decode;
mod dict;
mod digest;
mod edit;
mod encode;
mod entry;
mod expiry;
mod hash_edit;
mod hash_map;
mod journal;
mod keyspace;
mod packed;
mod save;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod varint;

pub use database::Key;
pub use decode::{DecodeError, Pair, Payload, Record, decode};
pub use digest::Digest;
pub use edit::Edit;
pub use entry::{Kind, StringForm};
pub use hash_edit::{HashEdit, HashLimits};
pub use hash_map::{HashIter, HashView};
pub use journal::Journal;
pub use keyspace::{Found, Keyspace};
pub use save::SaveProgress;
pub use value::{Parcel, Text, Value, WrongType};
