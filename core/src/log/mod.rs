//! One stream of frames: the node's log, its snapshots, and how both are read back.
//!
//! This module turns records into bytes and bytes into records. It performs nothing: it says which bytes are
//! to be appended and which part of which file it wants to read.

pub mod frame;
pub mod record;
mod reservation;
pub mod writer;

pub use reservation::Reserve;
