//! A server under measurement: the real process, on core 0, on a port and a directory of its own.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};

/// Where the servers run.
const SERVER_CORE: usize = 0;
/// Where the load runs.
const LOAD_CORE: usize = 1;
/// How long a start may take: large files are read.
const PATIENCE: Duration = Duration::from_secs(300);

/// Which program.
#[derive(Clone, Debug)]
pub enum Program {
    Redis(PathBuf),
    Lockstep(PathBuf),
}

/// A running server. It is killed when dropped; its files go away with its directory.
pub struct Server {
    child: Child,
    pub port: u16,
    program: Program,
    arguments: Vec<String>,
    pub directory: PathBuf,
}

/// Runs this thread, and every process it starts from now on, on one core.
fn run_on(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).map_err(io::Error::from)
}

/// Puts the load on its core.
pub fn settle() -> io::Result<()> {
    run_on(LOAD_CORE)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl Server {
    /// Starts a server on an empty directory and waits until it serves.
    pub fn start(program: &Program, directory: &Path, arguments: &[&str]) -> io::Result<Self> {
        let _ = fs::remove_dir_all(directory);
        fs::create_dir_all(directory)?;
        let arguments = arguments.iter().map(|&argument| argument.to_string()).collect::<Vec<_>>();
        let (child, port) = spawn(program, directory, &arguments)?;
        let server = Self { child, port, program: program.clone(), arguments, directory: directory.into() };
        server.await_ready()?;
        Ok(server)
    }

    /// Stops it cleanly and starts it on the same files; how long the start took, in seconds.
    pub fn restart(&mut self) -> io::Result<f64> {
        // The answer to SHUTDOWN is the end of the connection.
        let _ = self.ask(&["SHUTDOWN", "NOSAVE"]);
        let stop = Instant::now();
        while self.child.try_wait()?.is_none() {
            if stop.elapsed() > PATIENCE {
                return Err(io::Error::other("it does not stop"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let start = Instant::now();
        (self.child, self.port) = spawn(&self.program, &self.directory, &self.arguments)?;
        self.await_ready()?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Waits until it answers and has loaded its files.
    fn await_ready(&self) -> io::Result<()> {
        let start = Instant::now();
        loop {
            if self.ask(&["DBSIZE"]).is_ok_and(|answer| answer.starts_with(':')) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("{:?} does not serve", self.program)));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends one command over a connection of its own; the first line of the answer, and for a bulk its text.
    pub fn ask(&self, words: &[&str]) -> io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        stream.write_all(request.as_bytes())?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_string();
        if let Some(length) = line.strip_prefix('$').and_then(|length| length.parse::<usize>().ok()) {
            let mut text = vec![0; length];
            io::Read::read_exact(&mut reader, &mut text)?;
            return Ok(String::from_utf8_lossy(&text).into_owned());
        }
        Ok(line)
    }

    /// A field of `INFO`.
    pub fn info(&self, section: &str, field: &str) -> io::Result<String> {
        let text = self.ask(&["INFO", section])?;
        let found = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        found.map(str::to_string).ok_or_else(|| io::Error::other(format!("INFO {section} has no {field}")))
    }

    /// CPU time of the process so far, in seconds; the kernel counts it in hundredths.
    pub fn cpu_seconds(&self) -> io::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
        // Fields 14 and 15, counted from the one behind the name, which is the third.
        let ticks: u64 =
            fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Resident memory, in bytes.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        kilobytes(&status, "VmRSS:").ok_or_else(|| io::Error::other("no VmRSS"))
    }

    /// Memory of the process and of those it forked, in bytes, what they share counted once.
    pub fn family_bytes(&self) -> io::Result<u64> {
        let parent = self.child.id();
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        let mut total = 0;
        for process in std::iter::once(parent).chain(children) {
            // A child may be gone by now.
            if let Ok(text) = fs::read_to_string(format!("/proc/{process}/smaps_rollup")) {
                total += kilobytes(&text, "Pss:").unwrap_or(0);
            }
        }
        Ok(total)
    }
}

fn kilobytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|count| count * 1024)
}

fn spawn(program: &Program, directory: &Path, arguments: &[String]) -> io::Result<(Child, u16)> {
    let port = free_port()?;
    let (Program::Redis(binary) | Program::Lockstep(binary)) = program;
    let mut command = Command::new(binary);
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--daemonize", "no", "--dir"]);
    command.arg(directory).args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    run_on(SERVER_CORE)?;
    let child = command.spawn();
    run_on(LOAD_CORE)?;
    let child = child.map_err(|error| io::Error::other(format!("{}: {error}", binary.display())))?;
    Ok((child, port))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}
