//! What an operator does to a data directory beside serving it: look at it, save it, move data into it.
//!
//! | Tool | Reads | Writes |
//! |---|---|---|
//! | [`check`] | a directory | nothing |
//! | [`salvage`] | a damaged directory | a new one |
//! | [`backup`] | a directory, while a server uses it | a new one |
//! | [`import`] | files of Redis | a new one |
//!
//! A new directory gets its name only when everything in it is on the platter ([`staging`]).

mod backup;
mod check;
mod import;
mod offline;
mod salvage;
mod staging;
mod view;

use std::process::ExitCode;

use crate::{DAMAGED, FAILED};

/// What `--help` says about the tools.
pub const HELP: &str = "\
Tools for data directories:
  lockstep check DIR [--digest]      verify every file; --digest also loads the data and shows its fingerprint
  lockstep backup DIR TARGET         copy a consistent state into a new directory, while the server runs
  lockstep salvage DIR TARGET        copy what can still be believed of a damaged directory into a new one
  lockstep import FILE TARGET        read a Redis dump.rdb, appendonly.aof or appendonlydir into a new directory
  lockstep TOOL --help               more about one of them
A configuration file with the name of a tool is written with its path: ./check
";

/// Why a tool did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// It cannot be done: exit code 1.
    Failed(String),
    /// Damage was found: exit code 3.
    Damaged(String),
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

/// A tool, given its arguments.
type Tool = fn(&[String]) -> Result<(), Failure>;

/// Runs the tool that the command line names; `None` when it names none.
pub fn run(arguments: &[String]) -> Option<ExitCode> {
    let [name, rest @ ..] = arguments else { return None };
    let (help, tool): (&str, Tool) = match &**name {
        "check" => (check::HELP, check::run),
        "backup" => (backup::HELP, backup::run),
        "salvage" => (salvage::HELP, salvage::run),
        "import" => (import::HELP, import::run),
        _ => return None,
    };
    if rest.iter().any(|argument| argument == "--help" || argument == "-h") {
        return Some(crate::show(help));
    }
    Some(match tool(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(text)) => {
            eprintln!("{text}");
            ExitCode::from(FAILED)
        }
        Err(Failure::Damaged(text)) => {
            eprintln!("{text}");
            ExitCode::from(DAMAGED)
        }
    })
}

/// Splits a tool's arguments into its paths and whether its one flag was given.
///
/// # Errors
/// A sentence for the operator.
fn arguments<'a, const N: usize>(
    given: &'a [String],
    flag: Option<&str>,
    usage: &str,
) -> Result<([&'a str; N], bool), String> {
    let wrong = |what: String| Err(format!("{what}\n{usage}"));
    let (flags, paths): (Vec<&str>, Vec<&str>) =
        given.iter().map(String::as_str).partition(|argument| argument.starts_with("--"));
    if let Some(unknown) = flags.iter().find(|given| Some(**given) != flag) {
        return wrong(format!("There is no option '{unknown}'."));
    }
    let count = paths.len();
    match paths.try_into() {
        Ok(paths) => Ok((paths, !flags.is_empty())),
        Err(_) => wrong(format!("{N} paths are needed, and {count} were given.")),
    }
}

/// A line for the operator. A reader that went away is no failure.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}
