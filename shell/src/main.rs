//! The Lockstep server: sockets, files, clocks and threads around a [`Node`](lockstep_core::Node).
//!
//! Nothing here decides anything. What happens is told to the node, what the node wants is done, in the order in
//! which it wants it; [`reactor`] is the loop.

mod clock;
mod conns;
mod descriptors;
mod dial;
mod disk;
mod entropy;
mod files;
mod listen;
mod log;
mod measure;
mod options;
mod reactor;
mod rewrite;
#[cfg(test)]
mod scratch;
mod signals;
mod socket;
mod supervise;
mod tools;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use lockstep_core::{Config, Halt, Level};

use crate::files::Directory;
use crate::log::Log;
use crate::options::Request;
use crate::reactor::Reactor;
use crate::supervise::Supervisor;

/// Small values come and go by the million; see `docs/DEPENDENCIES.md` for what was measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What `--version` says.
const VERSION: &str = concat!("Lockstep v=", env!("CARGO_PKG_VERSION"));

/// Exit code of a start that failed, and of a disk that failed.
const FAILED: u8 = 1;
/// Exit code for damaged files.
const DAMAGED: u8 = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    if let Some(code) = tools::run(&arguments) {
        return code;
    }
    let config = match options::read(&arguments) {
        Ok(Request::Help) => return show(&format!("{}\n{}", options::HELP, tools::HELP)),
        Ok(Request::Version) => return show(&format!("{VERSION}\n")),
        Ok(Request::Serve(config)) => *config,
        Err(text) => {
            eprintln!("\n{text}");
            return ExitCode::from(FAILED);
        }
    };
    let mut log = Log::stdout(config.loglevel);
    if let Err(error) = log.open(&config.logfile) {
        eprintln!("Can't open the log file '{}': {error}", config.logfile);
        return ExitCode::from(FAILED);
    }
    let pidfile = config.pidfile.clone();
    let code = serve(config, log);
    // Another process that refused to start must not take away the name of the one that runs.
    if fs::read_to_string(&pidfile).is_ok_and(|text| text == pid_line()) {
        let _ = fs::remove_file(pidfile);
    }
    code
}

fn pid_line() -> String {
    format!("{}\n", std::process::id())
}

/// A reader that went away is no failure.
fn show(text: &str) -> ExitCode {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn serve(config: Config, mut log: Log) -> ExitCode {
    log.say(
        Level::Notice,
        &format!("{VERSION}, bits={}, pid={}, just started", usize::BITS, std::process::id()),
    );
    let reactor = match start(config, &mut log) {
        Ok(reactor) => reactor,
        Err(text) => {
            log.say(Level::Warning, &text);
            return ExitCode::from(FAILED);
        }
    };
    match reactor.run(&mut log) {
        Ok(Halt::Asked) => ExitCode::SUCCESS,
        Ok(Halt::Damaged(text)) => {
            log.say(Level::Warning, &format!("The data is damaged: {text}"));
            ExitCode::from(DAMAGED)
        }
        Ok(Halt::DiskFailed(text)) => {
            log.say(Level::Warning, &format!("The disk failed, stopping before anything is lost: {text}"));
            ExitCode::from(FAILED)
        }
        Ok(Halt::Unusable(text)) => {
            log.say(Level::Warning, &format!("The data cannot be used: {text}"));
            ExitCode::from(FAILED)
        }
        Err(error) => {
            log.say(Level::Warning, &format!("The system failed: {error}"));
            ExitCode::from(FAILED)
        }
    }
}

/// Everything that can fail before the node runs.
fn start(mut config: Config, log: &mut Log) -> Result<Reactor, String> {
    let ignored = config.without_effect();
    if !ignored.is_empty() {
        log.say(Level::Warning, &format!("Settings without effect here: {}", ignored.join(", ")));
    }
    if let Some(text) = descriptors::raise(&mut config)? {
        log.say(Level::Warning, &text);
    }
    let directory = Directory::open(Path::new(&config.dir))?;
    config.dir = directory.path().to_string_lossy().into_owned();
    if !config.pidfile.is_empty()
        && let Err(error) = fs::write(&config.pidfile, pid_line())
    {
        log.say(Level::Warning, &format!("Can't write the pid file '{}': {error}", config.pidfile));
    }
    let listeners = listen::open(&config)?;
    for listener in &listeners {
        log.say(Level::Notice, &format!("Listening on {}", listener.name()));
    }
    log.say(Level::Notice, &format!("Data in {}", config.dir));
    let supervisor = Supervisor::find(config.supervised);
    let seed = entropy::seed().map_err(|error| format!("No randomness from the system: {error}"))?;
    Reactor::start(config, seed, directory, listeners, supervisor)
        .map_err(|error| format!("Can't start: {error}"))
}
