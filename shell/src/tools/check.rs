//! `lockstep check`: what is in a directory, and what a start would make of it.

use std::path::Path;

use lockstep_core::log::check::Verdict;

use super::offline::Offline;
use super::view::{Loads, Start, View};
use super::{Failure, arguments, say};

/// What `lockstep check --help` says.
pub const HELP: &str = "\
Usage: lockstep check DIR [--digest]

Verifies every file of a data directory, record by record, and says what a start would make of all of them.
Nothing is changed.

  --digest   also load the data, as a start would, and show how many keys there are and their digest: the same 40
             digits that DEBUG DIGEST shows on a server that holds the same keys. Takes as much memory as the
             server. Keys that have expired count until a server removes them.

While a server uses the directory, what it had written at one moment is verified; the server is not disturbed. While
this runs on a directory that no server uses, none can start on it.

Exit codes:
  0  no damage was found
  1  the directory cannot be read
  3  damage was found: the lines above say in which file and at which byte
";

/// Runs the tool.
///
/// # Errors
/// Why there is nothing to show, or that damage was found.
pub fn run(given: &[String]) -> Result<(), Failure> {
    let ([directory], digest) = arguments(given, Some("--digest"), HELP)?;
    let mut view = View::open(Path::new(directory))?;
    if view.is_live() {
        say("A server uses this directory: what it had written a moment ago is looked at.");
        view.settle()?;
    }
    let mut damaged_files = 0;
    for report in view.reports()? {
        say(&report.to_string());
        damaged_files += u32::from(matches!(report.verdict, Verdict::Damaged(_)));
    }
    match view.start()? {
        Start::Refuses(damaged) => {
            return Err(Failure::Damaged(format!(
                "DAMAGED: a start would refuse: {damaged}.\nRestore a backup, or copy what can still be believed with \
                 'lockstep salvage {directory} TARGET'."
            )));
        }
        Start::Empty(notes) => {
            notes.iter().for_each(|note| say(note));
            say("A start would find nothing and begin anew.");
        }
        Start::Loads(loads) => {
            loads.notes.iter().for_each(|note| say(note));
            say(&format!("A start would load {}.", describe(&loads)));
        }
    }
    if digest {
        show_state(&view)?;
    }
    if damaged_files > 0 {
        return Err(Failure::Damaged(format!(
            "DAMAGED: {damaged_files} of the files above. A start would not need what cannot be read of them."
        )));
    }
    Ok(())
}

/// What a start would load, in words.
pub fn describe(loads: &Loads) -> String {
    let Loads { snapshot, entries, last, .. } = loads;
    let log = format!("{entries} entries from the log, up to entry {}", last.index);
    match snapshot {
        Some((number, covered)) => format!(
            "{} (as of entry {}) and {log}",
            lockstep_core::ids::File::Snapshot(*number).name(),
            covered.index
        ),
        None => log,
    }
}

fn show_state(view: &View) -> Result<(), Failure> {
    let mut node = Offline::start(view)?;
    let databases = node.databases();
    let keys: u64 = databases.iter().map(|&(_, keys)| keys).sum();
    let shown: Vec<String> = databases.iter().map(|(number, keys)| format!(", db{number}: {keys}")).collect();
    say(&format!("Keys: {keys}{}", shown.concat()));
    say(&format!("Digest: {}", node.digest()));
    Ok(())
}
