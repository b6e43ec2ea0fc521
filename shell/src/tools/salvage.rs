//! `lockstep salvage`: the longest prefix of a damaged directory that can still be believed.

use std::path::Path;

use lockstep_core::ids::File;
use lockstep_core::log::check::{Report, Verdict};
use lockstep_core::log::recovery::Damaged;

use super::check::describe;
use super::staging::Staging;
use super::view::{Loads, Start, View};
use super::{Failure, arguments, say};

/// What `lockstep salvage --help` says.
pub const HELP: &str = "\
Usage: lockstep salvage DIR TARGET

Copies the longest prefix of a damaged data directory that can still be believed into TARGET, a new directory on
which a server can start. DIR is only read, and no server may use it. What is lost is said file by file.

A backup may hold more: compare before you choose. On a node of a group, do not salvage: remove the directory and
let the node join anew, since the others still have everything.

Exit codes:
  0  TARGET was made
  1  something cannot be read or written
  3  nothing in DIR can be believed; TARGET was not made
";

/// Runs the tool.
///
/// # Errors
/// Why there is no new directory.
pub fn run(given: &[String]) -> Result<(), Failure> {
    let ([directory, target], _) = arguments(given, None, HELP)?;
    let mut view = View::open(Path::new(directory))?;
    if view.is_live() {
        return Err(format!("A server uses '{directory}': stop it first, or use 'lockstep backup'").into());
    }
    let reports = view.reports()?;
    for report in reports.iter().filter(|report| report.verdict != Verdict::Whole) {
        say(&report.to_string());
    }
    let before = view.infos();
    let loads = narrow(&mut view)?;
    let staging = Staging::begin(target)?;
    for info in view.infos() {
        view.copy(info.file, staging.path())?;
    }
    let copy = View::open(staging.path())?;
    match copy.start()? {
        Start::Loads(copied) if copied.last == loads.last => {}
        other => return Err(format!("The copy is not what was copied: {other:?}").into()),
    }
    drop(copy);
    staging.finish()?;
    for info in &before {
        match view.infos().iter().find(|kept| kept.file == info.file) {
            None => say(&format!("{}: not taken over", info.file.name())),
            Some(kept) if kept.length_bytes < info.length_bytes => {
                say(&format!("{}: taken over up to byte {}", info.file.name(), kept.length_bytes));
            }
            Some(_) => say(&format!("{}: taken over whole", info.file.name())),
        }
    }
    say(&lost(&reports, &loads));
    say(&format!("'{target}' was made. A start on it would load {}.", describe(&loads)));
    Ok(())
}

/// Takes away what cannot be believed, until a start would accept the rest.
fn narrow(view: &mut View) -> Result<Loads, Failure> {
    loop {
        match view.start()? {
            Start::Loads(loads) => return Ok(loads),
            Start::Empty(notes) => {
                notes.iter().for_each(|note| say(note));
                return Err(Failure::Damaged(
                    "Nothing can be believed, and nothing was made. Restore a backup.".into(),
                ));
            }
            Start::Refuses(damaged) => {
                say(&format!("Taken away: {damaged}"));
                take_away(view, &damaged);
            }
        }
    }
}

/// Takes away what is damaged and what only it connects with the rest; at least something.
fn take_away(view: &mut View, damaged: &Damaged) {
    let File::Segment(number) = damaged.file else { return view.leave_out(damaged.file) };
    let infos = view.infos();
    let shortens = infos
        .iter()
        .any(|info| info.file == damaged.file && 0 < damaged.offset && damaged.offset < info.length_bytes);
    if !shortens {
        return view.leave_out(damaged.file);
    }
    view.cut(damaged.file, damaged.offset);
    // What comes later in the stream does not follow from what is left.
    for info in infos {
        if matches!(info.file, File::Segment(other) if other > number) {
            view.leave_out(info.file);
        }
    }
}

/// What is known to be lost.
fn lost(reports: &[Report], loads: &Loads) -> String {
    let entries = reports.iter().filter_map(|report| report.contents.range.map(|(_, last)| last.index));
    let snapshots = reports.iter().filter_map(|report| report.contents.covered.map(|covered| covered.index));
    let seen = entries.chain(snapshots).max().unwrap_or_default();
    let kept = loads.last.index;
    let behind = "What stood in places that cannot be read is not known.";
    if seen > kept {
        format!(
            "LOST: entries {} to {seen}, which were seen but do not follow from what is left. {behind}",
            kept.next()
        )
    } else if reports.iter().any(|report| matches!(report.verdict, Verdict::Damaged(_))) {
        format!("LOST: whatever followed entry {kept}. {behind}")
    } else {
        format!("No entry that was seen is lost: the last one is {kept}.")
    }
}
