//! `lockstep import`: from files of Redis to a directory on which a server starts.
//!
//! ```text
//!   dump.rdb ───────────────▶ items ────┐
//!   appendonly.aof ─▶ (dump) commands ──┼─▶ feed ─▶ a node without sockets ─▶ checkpoint
//!   appendonlydir ─▶ manifest ─▶ files ─┘
//! ```

mod commands;
mod deadline;
mod dump;
mod feed;
mod input;
mod manifest;

use std::fs;
use std::path::{Path, PathBuf};

use self::feed::Feed;
use self::input::Input;
use super::staging::Staging;
use super::{Failure, arguments, say};

/// What `lockstep import --help` says.
pub const HELP: &str = "\
Usage: lockstep import FILE TARGET [--skip-unsupported]

Reads what Redis wrote and makes TARGET, a new directory on which a server can start. FILE may be
  dump.rdb          a dump, as SAVE and BGSAVE write it (RDB versions 1 to 12)
  appendonly.aof    a log, with or without a dump at its beginning (Redis 6 and older)
  appendonlydir     the directory of a log in several files, or the manifest in it (Redis 7 and newer)

Strings and hashes are taken over, with their deadlines. What does not exist here yet (lists, sets, sorted sets,
streams, modules) is counted by name, and then nothing is imported; with --skip-unsupported the rest is. How recently
keys were used is not taken over; libraries of functions are passed over and told.

Takes as much memory as the server will. The server that wrote the files should be stopped, or have finished writing.

Exit codes:
  0  TARGET was made
  1  FILE cannot be read, or holds what is not supported; TARGET was not made
";

/// Runs the tool.
///
/// # Errors
/// Why there is no new directory.
pub fn run(given: &[String]) -> Result<(), Failure> {
    let ([source, target], skip) = arguments(given, Some("--skip-unsupported"), HELP)?;
    let staging = Staging::begin(target)?;
    let files = files(Path::new(source))?;
    let mut feed = Feed::start()?;
    for (place, path) in files.iter().enumerate() {
        read(path, place + 1 == files.len(), &mut feed)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    feed.notes().iter().for_each(|note| say(note));
    if let Some(refused) = feed.refused() {
        if !skip {
            let text = format!(
                "Nothing was imported: {refused} cannot be taken over. With --skip-unsupported the rest is imported."
            );
            return Err(Failure::Failed(text));
        }
        say(&format!("Skipped: {refused}."));
    }
    let summary = feed.summary();
    feed.leave(staging.path())?;
    staging.finish()?;
    say(&format!("'{target}' was made: {summary}."));
    Ok(())
}

/// The files to be read, in order.
fn files(source: &Path) -> Result<Vec<PathBuf>, String> {
    let fail = |error| format!("Can't read '{}': {error}", source.display());
    if fs::metadata(source).map_err(fail)?.is_dir() {
        return manifest::read(&manifest::find(source)?);
    }
    if source.extension().is_some_and(|extension| extension == "manifest") {
        return manifest::read(source);
    }
    Ok(vec![source.to_owned()])
}

/// Reads one file, whatever it is.
fn read(path: &Path, is_last: bool, feed: &mut Feed) -> Result<(), String> {
    let mut input = Input::open(path)?;
    let rest = if input.begins_with(b"REDIS")? || input.begins_with(b"VALKEY")? {
        dump::read(&mut input, feed)?
    } else {
        Vec::new()
    };
    commands::read(&mut input, rest, is_last, feed)
}
