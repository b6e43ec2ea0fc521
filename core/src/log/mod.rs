//! One stream of frames: the node's log, its snapshots, and how both are read back.
//!
//! This module turns records into bytes and bytes into records. It performs nothing: it says which bytes are
//! to be appended and which part of which file it wants to read.

mod aftermath;
pub mod frame;
pub mod image;
pub mod parts;
pub mod reader;
pub mod record;
pub mod recovery;
mod reservation;
pub mod writer;

pub use reservation::Reserve;
