//! Tools on bytes; no policy.

pub mod hash;
mod slice;

pub use slice::Slice;
