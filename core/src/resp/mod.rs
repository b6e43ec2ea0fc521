//! The Redis serialization protocol, both directions, versions 2 and 3.
//!
//! [`parse`] finds commands in the bytes clients send, wherever those were cut; [`Args`] gives handlers typed
//! access to one command; [`Reply`] writes answers; [`ReplyError`] is every error a client can be told.

mod args;
mod error;
pub mod parse;
mod reply;

pub use args::{Args, Span};
pub use error::ReplyError;
pub use parse::{Limits, ProtocolError};
pub use reply::{Protocol, Reply};
