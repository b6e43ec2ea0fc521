//! Tools on bytes; no policy.

pub mod glob;
pub mod hash;
pub mod number;
pub mod sha256;
mod slice;

pub use slice::Slice;
