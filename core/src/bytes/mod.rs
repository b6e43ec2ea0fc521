//! Tools on bytes; no policy.

pub mod glob;
pub mod hash;
pub mod number;
mod slice;

pub use slice::Slice;
