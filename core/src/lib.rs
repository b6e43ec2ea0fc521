//! The Lockstep node: a pure, deterministic state machine. Events in, actions out.
//!
//! **The contract: handle any number of events, then poll until `None`; what was handled in between is one
//! turn. Perform actions in the order given; an append marked [`When::Now`] is in the page cache before the
//! next action is performed, and if it fails, the failure is handled before the next action is performed.**
//!
//! A driver is a loop:
//!
//! ```text
//! node.handle(now, event)            // any number of times
//! while let Some(action) = node.poll(now) { perform(action) }
//! // now, and only now, bytes of outgoing(conn) may be written, for connections named by Flush
//! sleep until the next event or node.deadline()
//! ```
//!
//! All change goes through [`Node::handle`] and [`Node::poll`]; [`Node::outgoing`] and [`Node::deadline`]
//! only look. So a run is a list of (now, event), and can be recorded, replayed, fuzzed and shrunk. There is
//! no I/O, clock, thread, entropy or environment in this crate.
//!
//! The second half of the contract is what makes a reply mean something without another round through the
//! node: by the time a reply is flushed, the write it speaks of is in the page cache, so killing the process
//! loses nothing, and only losing the machine can (under the fsync policies that say so).
//!
//! Bytes of `outgoing(conn)` may also be written when a socket that was full becomes writable again, but
//! never between `handle` and the end of the polling that follows it.

#![forbid(unsafe_code)]

mod action;
pub mod bytes;
pub mod command;
pub mod config;
pub mod data;
mod event;
pub mod ids;
pub mod limits;
pub mod log;
#[cfg(plant)]
pub mod mark;
#[cfg(not(plant))]
mod mark;
mod node;
pub mod rdb;
pub mod resp;
pub mod seed;
mod session;
pub mod time;

pub use action::{Action, Halt, Level, When};
pub use config::{Config, Knobs};
pub use event::{DiskFault, Event, Measures, Origin, Role};
pub use node::Node;
pub use seed::Seed;
pub use time::{Mono, Now, UnixMillis};

/// The version of Redis whose behaviour clients may expect.
pub const REDIS_VERSION: &str = "7.2.5";
