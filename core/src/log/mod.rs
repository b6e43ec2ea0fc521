//! One stream of frames: the node's log, its snapshots, and how both are read back.
//!
//! This module turns records into bytes and bytes into records. It performs nothing: it says which bytes are
//! to be appended and which part of which file it wants to read.
//!
//! ```text
//!   stream     0 ─────────────────────▶ position                    one per node, across restarts
//!   segments   ├── log-1 ──────┤├── log-2 ────────┤ ├── log-4 ───…   its files; numbers and positions only grow
//!   frames     [Head][Entry][Synced][Entry] 0 0 0                    a segment: head first, zeros reserved ahead
//!   snapshot   [SnapshotHead][Part][Part]…[End]                      the state up to one entry
//! ```
//!
//! | File | What |
//! |---|---|
//! | [`frame`] | markers, length, checksum around any record |
//! | [`record`] | what records say, and how they lie in bytes |
//! | [`writer`] | the writing end: open entry, proofs, segments, space |
//! | [`parts`] | the writing end of a snapshot file |
//! | [`reader`] | one file back into records, and why it ends where it ends |
//! | [`recovery`] | a whole directory back into what a node knew |
//! | [`check`] | a verdict on each file, for the operator |
//! | [`image`] | a directory in memory, for tests and tools |
//!
//! Who appends, syncs and removes must keep these orders; recovery rests on them:
//!
//! 1. Bytes handed out by the writer are appended in the order in which they were handed out.
//! 2. A sync of the old segment is issued before the new one begins, and syncs complete in the order of issue
//!    (the writer asserts the first half).
//! 3. A file is removed only when nothing needs it any more *on the platter*: a segment when a synced snapshot
//!    covers it and the newest segment's head is synced ([`writer::Writer::head_synced`]), oldest first; an
//!    older snapshot when a newer one is synced; what recovery lists when the new segment is synced.
//! 4. A restart serves only after the new segment was synced with all that was carried over.

mod aftermath;
pub mod check;
mod codec;
pub mod frame;
pub mod image;
pub mod parts;
pub mod reader;
pub mod record;
pub mod recovery;
mod reservation;
mod source;
pub mod writer;

pub use reservation::Reserve;
