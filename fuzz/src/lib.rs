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
//!  config_file        text ─▶ settings ─▶ text ─▶ the same settings
//! ```

mod commands;
mod config_file;
pub mod driver;
mod frame;
mod glob;
mod keyspace;
pub mod meter;
pub mod mutate;
mod node_events;
mod recover;
mod reply_round_trip;
pub mod resp;
mod resp_split;
mod snapshot;
pub mod vocabulary;

pub use commands::commands;
pub use config_file::config_file;
pub use frame::frame;
pub use glob::glob;
pub use keyspace::keyspace;
pub use node_events::node_events;
pub use recover::recover;
pub use reply_round_trip::reply_round_trip;
pub use resp_split::resp_split;
pub use snapshot::snapshot;

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    ("commands", commands),
    ("config_file", config_file),
    ("frame", frame),
    ("glob", glob),
    ("keyspace", keyspace),
    ("node_events", node_events),
    ("recover", recover),
    ("reply_round_trip", reply_round_trip),
    ("resp_split", resp_split),
    ("snapshot", snapshot),
];

/// Runs a target on every file of its corpus and on `mutations` fixed mutations of them; how many runs that were.
///
/// # Panics
/// When the target does, or when the corpus cannot be read or is empty.
pub fn replay(target: Target, mutations: usize) -> usize {
    let (name, run) = target;
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let listed =
        std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<_> = listed.map(|entry| entry.expect("a readable directory").path()).collect();
    // Inputs that a fuzzer made up and left here have no part in a run that is the same everywhere.
    paths.retain(|path| {
        let name = path.file_name().expect("it was listed").to_string_lossy();
        name.starts_with("seed-") || name.starts_with("found-")
    });
    paths.sort();
    let corpus: Vec<Vec<u8>> =
        paths.iter().map(|path| std::fs::read(path).expect("a readable file")).collect();
    assert!(!corpus.is_empty(), "{} holds no inputs", directory.display());
    for (path, input) in paths.iter().zip(&corpus) {
        run_shown(run, input, &path.display().to_string());
    }
    let mut draw = mutate::Draw(1);
    for number in 0..mutations {
        let (one, other) = (draw.below(corpus.len()), draw.below(corpus.len()));
        let input = mutate::mutate(&corpus[one], &corpus[other], &mut draw);
        run_shown(run, &input, &format!("{name}, mutation {number}"));
    }
    corpus.len() + mutations
}

/// Says which input it was when the target panics.
fn run_shown(run: fn(&[u8]), input: &[u8], what: &str) {
    if let Err(panic) = std::panic::catch_unwind(|| run(input)) {
        eprintln!("{what} failed; the input: \"{}\"", input.escape_ascii());
        std::panic::resume_unwind(panic);
    }
}
