//! Tools on bytes; no policy.

pub mod extended;
pub mod glob;
pub mod hash;
mod natural;
pub mod number;
mod slice;

pub use slice::Slice;
