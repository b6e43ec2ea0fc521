//! Tools on bytes; no policy.

pub mod extended;
pub mod glob;
pub mod hash;
mod natural;
pub mod number;
pub mod sha256;
mod slice;

pub use slice::Slice;
