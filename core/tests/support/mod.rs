//! Command transcripts: stories of commands and replies, recorded from a real server and compared with ours.
//!
//! [`script`] reads the files, [`value`] and [`pattern`] are the replies in them, [`story`] plays a section
//! against a [`target::Target`], [`server`] is a real server as a target, and [`compare`] ties them together
//! for the test functions. The format is described in `core/tests/commands/README.md`.

pub mod compare;
pub mod expect;
pub mod node;
pub mod pattern;
pub mod quote;
pub mod script;
pub mod server;
pub mod story;
pub mod target;
pub mod value;
