//! `lockstep backup`: a consistent copy of a directory, whatever its server does meanwhile.
//!
//! The server is not asked and does not notice. What makes the copy consistent is the order:
//!
//! 1. All files are opened, and the directory looks the same before and after. So the set of files is that of one
//!    moment, and it stays readable when a checkpoint that finishes meanwhile removes some of it.
//! 2. The newest segment is looked at first, and the copy ends with the last whole record in it. Everything that was
//!    answered before that moment is in it or in the files before it, and those do not change any more.
//! 3. Checkpoints that are not finished are left out: as long as one is not finished, the files that it is to
//!    replace are still there, and we have opened them.

use std::path::Path;

use lockstep_core::ids::File;

use super::check::describe;
use super::staging::Staging;
use super::view::{Loads, Start, View};
use super::{Failure, arguments, say};

/// What `lockstep backup --help` says.
pub const HELP: &str = "\
Usage: lockstep backup DIR TARGET

Copies the state of a data directory into TARGET, a new directory, while a server uses it or not. The copy holds
everything that was answered before the backup began, and nothing half done: it is the state of one moment in
between. It is verified and on the disk when this ends. The server is not disturbed. If none uses DIR, none can
start on it until this ends.

To restore, start a server on the copy (or on a copy of the copy): lockstep --dir TARGET
Do not put a backup under a node of a group: let the node join anew.

Exit codes:
  0  the backup was made and verified
  1  something cannot be read or written
  3  DIR is damaged; TARGET was not made
";

/// How often a state that cannot be believed is looked at anew while a server writes.
const ATTEMPTS: u32 = 5;

/// Runs the tool.
///
/// # Errors
/// Why there is no backup.
pub fn run(given: &[String]) -> Result<(), Failure> {
    let ([directory, target], _) = arguments(given, None, HELP)?;
    let staging = Staging::begin(target)?;
    let (view, loads) = take(directory)?;
    let mut bytes = 0;
    for info in view.infos() {
        if wanted(info.file, &loads) {
            bytes += view.copy(info.file, staging.path())?;
        }
    }
    verify(staging.path(), &loads)?;
    staging.finish()?;
    say(&format!(
        "'{target}' was made: {bytes} bytes, verified. A start on it would load {}.",
        describe(&loads)
    ));
    Ok(())
}

/// Fixes a moment that can be believed.
fn take(directory: &str) -> Result<(View, Loads), Failure> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut view = View::open(Path::new(directory))?;
        if view.is_live() {
            view.settle()?;
        }
        match view.start()? {
            Start::Loads(loads) => return Ok((view, loads)),
            Start::Empty(_) => {
                return Err(format!(
                    "There is nothing to back up: a start on '{directory}' would begin anew"
                )
                .into());
            }
            Start::Refuses(_) if view.is_live() && attempt < ATTEMPTS => {}
            Start::Refuses(damaged) => {
                return Err(Failure::Damaged(format!(
                    "'{directory}' is damaged, and a damaged backup is none: {damaged}.\nSee 'lockstep check' and \
                     'lockstep salvage'."
                )));
            }
        }
    }
}

/// Of the checkpoints only the one that a start would load.
fn wanted(file: File, loads: &Loads) -> bool {
    match file {
        File::Segment(_) => true,
        File::Snapshot(number) => loads.snapshot.is_some_and(|(chosen, _)| chosen == number),
    }
}

fn verify(path: &Path, loads: &Loads) -> Result<(), Failure> {
    let copy = View::open(path)?;
    match copy.start()? {
        Start::Loads(copied)
            if (copied.last, copied.entries, copied.snapshot)
                == (loads.last, loads.entries, loads.snapshot) =>
        {
            Ok(())
        }
        other => Err(format!("The copy is not what was copied, so it was removed: {other:?}").into()),
    }
}
