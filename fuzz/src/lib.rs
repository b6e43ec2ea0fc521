//! What a fuzzer does to a Lockstep node, as plain functions of bytes.
//!
//! Each target is one function: `cargo +nightly fuzz run <name>` calls it with what libFuzzer makes up, and the
//! workspace's tests call it with the corpus in `corpus/<name>` and with a few thousand fixed mutations of it,
//! on the stable compiler. A target that returns has found nothing; it panics otherwise.
//!
//! ```text
//!  resp_split         a stream cut anywhere ─▶ same replies, same data; in place, from the log
//!  reply_round_trip   replies written by the node ─▶ read by a client of its own
//!  commands           commands ─▶ the node, and a model that is as plain as can be
//!  keyspace           changes ─▶ the keyspace, and plain maps
//!  glob               patterns ─▶ the matcher, and its definition
//!  frame, snapshot    bytes ─▶ readers; records ─▶ written and read back
//!  recover            a real directory, damaged ─▶ a prefix of what was written, or a named error
//!  node_events        any order of events that a correct driver can bring about
//!  rdb                bytes ─▶ the reader of Redis's dumps, cut anywhere
//!  config_file        text ─▶ settings ─▶ text ─▶ the same settings
//! ```

mod config_file;
pub mod driver;
mod frame;
mod glob;
mod keyspace;
pub mod meter;
pub mod mutate;
mod node_events;
mod rdb;
mod recover;
mod reply_round_trip;
pub mod resp;
mod resp_split;
mod snapshot;
pub mod vocabulary;

pub use config_file::config_file;
pub use frame::frame;
pub use glob::glob;
pub use keyspace::keyspace;
pub use node_events::node_events;
pub use rdb::rdb;
pub use recover::recover;
pub use reply_round_trip::reply_round_trip;
pub use resp_split::resp_split;
pub use snapshot::snapshot;

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    ("config_file", config_file),
    ("frame", frame),
    ("glob", glob),
    ("keyspace", keyspace),
    ("node_events", node_events),
    ("rdb", rdb),
    ("recover", recover),
    ("reply_round_trip", reply_round_trip),
    ("resp_split", resp_split),
    ("snapshot", snapshot),
];
