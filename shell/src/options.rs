//! The command line and the files it names.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lockstep_core::Config;
use lockstep_core::bytes::glob;
use lockstep_core::config::{Host, Line, file};

/// Includes may be nested this deep; deeper is a circle.
const DEPTH_MAX: usize = 16;

/// What `--help` says.
pub const HELP: &str = "\
Lockstep: a Redis-compatible server that never loses a write it acknowledged.

Usage: lockstep [FILE] [--DIRECTIVE VALUE ...] ... [-]

  FILE              a configuration file in the syntax of redis.conf
  --DIRECTIVE VALUE any directive of that file; the command line wins over the file
  -                 read configuration from the standard input, too
  --help, -h        show this text
  --version, -v     show the version

Start here:
  lockstep                                   serve port 6379, data in ./data, every write synced
  lockstep --port 7000 --dir /var/lib/lockstep
  lockstep --profile fast                    see below
  lockstep /etc/lockstep.conf --loglevel verbose
  echo 'maxmemory 100mb' | lockstep -
  redis-cli -p 6379 SET hello world          any Redis client works

Profiles say how much a crash of the machine may lose; a crash of the process never loses a write that was
answered, except with dev:
  --profile durable     nothing: a write is answered when it is on the disk (default)
  --profile balanced    about two seconds of writes
  --profile fast        what the operating system had not written yet
  --profile dev         everything: nothing is kept

Directives most people need:
  --port 6379  --bind '127.0.0.1 -::1'  --unixsocket PATH  --dir ./data  --requirepass SECRET
  --maxmemory 2gb  --maxmemory-policy allkeys-lru  --logfile PATH  --supervised systemd

Signals: SIGTERM and SIGINT stop cleanly; a second SIGINT stops at once.

Exit codes:
  0  stopped because it was asked to
  1  could not start, or the disk failed while running: the log says why
  3  the data directory holds damaged files: the log says where and what to do
";

/// What the command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Show the help and end.
    Help,
    /// Show the version and end.
    Version,
    /// Serve.
    Serve(Box<Config>),
}

/// Reads the command line (without the program's name), and what it names.
///
/// # Errors
/// A text for the operator.
pub fn read(arguments: &[String]) -> Result<Request, String> {
    match arguments {
        [one] if one == "--help" || one == "-h" => return Ok(Request::Help),
        [one] if one == "--version" || one == "-v" => return Ok(Request::Version),
        _ => {}
    }
    let mut lines = Vec::new();
    let mut config_file = String::new();
    let mut rest = arguments;
    if let [path, after @ ..] = rest
        && !path.starts_with('-')
    {
        config_file = absolute(path)?;
        read_file(Path::new(path), 0, &mut lines)?;
        rest = after;
    }
    if let [before @ .., last] = rest
        && last == "-"
    {
        let mut text = Vec::new();
        io::stdin()
            .read_to_end(&mut text)
            .map_err(|error| format!("Can't read the standard input: {error}"))?;
        add(&text, "the standard input", 0, &mut lines)?;
        rest = before;
    }
    lines.extend(command_line(rest)?);
    let mut config = Config::from_lines(&lines).map_err(|error| error.to_string())?;
    config.config_file = config_file;
    config.host = host();
    Ok(Request::Serve(Box::new(config)))
}

/// What `INFO` shows of the process and the system.
fn host() -> Host {
    let system = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let executable =
        std::env::current_exe().map_or_else(|_| String::new(), |path| path.to_string_lossy().into_owned());
    Host {
        os: format!("{} {} {}", text(system.sysname()), text(system.release()), text(system.machine())),
        process_id: std::process::id(),
        executable,
        allocator: "mimalloc".into(),
    }
}

fn absolute(path: &str) -> Result<String, String> {
    let absolute = std::path::absolute(path).map_err(|error| cannot_open(path, &error))?;
    Ok(absolute.to_string_lossy().into_owned())
}

fn cannot_open(path: &str, error: &io::Error) -> String {
    format!("Fatal error, can't open config file '{path}': {error}")
}

/// Directives of the command line: a name that begins with `--`, and its values up to the next such name.
fn command_line(arguments: &[String]) -> Result<Vec<Line>, String> {
    let mut lines: Vec<Line> = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        if let Some(name) = argument.strip_prefix("--").filter(|name| !name.is_empty()) {
            // Both `--port 7000` and `--port=7000`.
            let words = match name.split_once('=') {
                Some((name, value)) => vec![name.to_string(), value.to_string()],
                None => vec![name.to_string()],
            };
            let text = format!("--{}", words.join(" "));
            lines.push(Line { place: "the command line".into(), number: index + 1, text, words });
        } else if let Some(line) = lines.last_mut() {
            line.text += &format!(" {argument}");
            line.words.push(argument.clone());
        } else {
            return Err(format!(
                "'{argument}' on the command line is no directive: write --name value, or see --help"
            ));
        }
    }
    Ok(lines)
}

fn read_file(path: &Path, depth: usize, lines: &mut Vec<Line>) -> Result<(), String> {
    let shown = path.display().to_string();
    let text = fs::read(path).map_err(|error| cannot_open(&shown, &error))?;
    let place =
        if depth == 0 { "the configuration file".into() } else { format!("the included file {shown}") };
    add(&text, &place, depth, lines)
}

/// Adds the lines of a text, and of the files that it includes, in place of the `include`.
fn add(text: &[u8], place: &str, depth: usize, lines: &mut Vec<Line>) -> Result<(), String> {
    for line in file::parse(place, text).map_err(|error| error.to_string())? {
        if !line.words[0].eq_ignore_ascii_case("include") {
            lines.push(line);
            continue;
        }
        let [_, pattern] = &line.words[..] else {
            return Err(line.error("wrong number of arguments").to_string());
        };
        if depth == DEPTH_MAX {
            return Err(line.error("Files include each other in a circle").to_string());
        }
        for path in expand(pattern).map_err(|error| cannot_open(pattern, &error))? {
            read_file(&path, depth + 1, lines)?;
        }
    }
    Ok(())
}

/// The files a pattern names, sorted; wildcards may stand in the last part of the path.
fn expand(pattern: &str) -> io::Result<Vec<PathBuf>> {
    let path = Path::new(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains(['*', '?', '[']) {
        return Ok(vec![path.to_path_buf()]);
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if glob::matches(name.as_bytes(), entry.file_name().as_encoded_bytes(), false) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn config(arguments: &[&str]) -> Result<Config, String> {
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.to_string()).collect();
        match read(&arguments)? {
            Request::Serve(config) => Ok(*config),
            other => panic!("{arguments:?} means {other:?}"),
        }
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let scratch = Scratch::new("options");
        let path = scratch.path().join("a.conf");
        let more = scratch.path().join("extra-1.conf");
        fs::write(&more, "timeout 9\nhz 20\n").expect("writable");
        let include = scratch.path().join("extra-*.conf");
        fs::write(&path, format!("port 1\ntimeout 1\ninclude {}\nhz 30\n", include.display()))
            .expect("writable");
        let path = path.to_str().expect("plain").to_string();
        let config =
            config(&[&path, "--port", "7", "--save", "1", "2", "--bind", "127.0.0.1 -::1", "--databases=3"])
                .expect("good");
        assert_eq!((config.port, config.timeout_s, config.hz, config.databases), (7, 9, 30, 3));
        assert_eq!(config.bind, ["127.0.0.1", "-::1"]);
        assert_eq!((config.save.len(), config.save[0].changes), (1, 2));
        assert_eq!(config.config_file, path);
    }

    #[test]
    fn errors_name_the_place() {
        for (arguments, expected) in [
            (&["--port", "x"][..], "Reading the command line, at line 1\n>>> '--port x'\n"),
            (&["--hz", "5", "--port"], "Reading the command line, at line 3\n>>> '--port'\nwrong number"),
            (&["/nonexistent.conf"], "Fatal error, can't open config file '/nonexistent.conf': No such file"),
            (&["--nosuch", "1"], "Bad directive or wrong number of arguments"),
            (&["-x"], "is no directive"),
        ] {
            let error = config(arguments).expect_err("wrong");
            assert!(error.contains(expected), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn a_circle_of_includes_ends() {
        let scratch = Scratch::new("circle");
        let path = scratch.path().join("a.conf");
        fs::write(&path, format!("include {}\n", path.display())).expect("writable");
        let error = config(&[path.to_str().expect("plain")]).expect_err("a circle");
        assert!(error.contains("circle"), "{error}");
    }
}
