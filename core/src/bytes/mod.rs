//! Tools on bytes; no policy.

pub mod glob;
pub mod hash;
mod slice;

pub use slice::Slice;
