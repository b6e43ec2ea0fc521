//! A throw-away real server on a free loopback port.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::target::{Patience, Received, Target};

/// How long a reply may take that must come.
const LONG: Duration = Duration::from_secs(3);
/// How long to listen for a reply that may come.
const SHORT: Duration = Duration::from_millis(60);
/// How long the server may take to start.
const START: Duration = Duration::from_secs(5);

/// Ports to try: below those that systems give to outgoing connections, one of which could else be taken for
/// the server, or even be connected to itself.
const PORTS: std::ops::Range<u32> = 20_000..30_000;

static STARTED: AtomicU32 = AtomicU32::new(0);

/// The program to run: `REDIS_SERVER`, or `redis-server` from the path.
fn program() -> String {
    std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".into())
}

/// The release of the program, as `redis 7.0.15`.
pub fn release() -> Result<String, String> {
    let program = program();
    let output = Command::new(&program).arg("--version").output();
    let output = output.map_err(|problem| format!("{program} cannot be run: {problem}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="));
    version.map(|version| format!("redis {version}")).ok_or_else(|| format!("no version in {text:?}"))
}

/// A running server; it ends with this value.
pub struct Server {
    child: Child,
    directory: PathBuf,
    port: u16,
    streams: Vec<Option<TcpStream>>,
}

impl Server {
    /// Starts one with these directives.
    pub fn start(config: &[(String, String)]) -> Result<Self, String> {
        let mut last = String::new();
        // A port may be taken, even between our looking and the server's binding it.
        for _ in 0..10 {
            match Self::try_start(config) {
                Ok(server) => return Ok(server),
                Err(problem) => last = problem,
            }
        }
        Err(last)
    }

    fn try_start(config: &[(String, String)]) -> Result<Self, String> {
        let say = |what: &'static str| move |problem: std::io::Error| format!("{what}: {problem}");
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("lockstep-transcript-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).map_err(say("making a directory"))?;
        // Each process begins somewhere else; within one, no port is tried twice until all were.
        let place = (std::process::id().wrapping_mul(613).wrapping_add(number)) % PORTS.len() as u32;
        let port = u16::try_from(PORTS.start + place).expect("the range is one of ports");
        drop(TcpListener::bind(("127.0.0.1", port)).map_err(say("looking for a port"))?);
        let mut command = Command::new(program());
        command.current_dir(&directory).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        command.args(["--save", "", "--appendonly", "no", "--loglevel", "warning"]);
        for (name, value) in config {
            command.arg(format!("--{name}")).args(value.split(' ').map(|part| part.trim_matches('"')));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(say("starting the server"))?;
        let mut server = Self { child, directory, port, streams: Vec::new() };
        server.until_ready()?;
        Ok(server)
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut reply = [0];
        stream.set_read_timeout(Some(START)).is_ok()
            && stream.write_all(b"PING\r\n").is_ok()
            && stream.read_exact(&mut reply).is_ok()
            && matches!(reply[0], b'+' | b'-')
    }

    fn until_ready(&mut self) -> Result<(), String> {
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the server ended at once: {status}"));
            }
            // A connection alone says little: a port may answer itself, or be another process's for a moment.
            if self.answers() && matches!(self.child.try_wait(), Ok(None)) {
                return Ok(());
            }
            if start.elapsed() > START {
                return Err("the server does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about a server that cannot be ended, and the test has its result already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Target for Server {
    fn open(&mut self) -> Result<usize, String> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))
            .map_err(|problem| format!("connecting: {problem}"))?;
        stream.set_nodelay(true).map_err(|problem| format!("connecting: {problem}"))?;
        self.streams.push(Some(stream));
        Ok(self.streams.len() - 1)
    }

    fn send(&mut self, conn: usize, bytes: &[u8]) {
        if let Some(stream) = &mut self.streams[conn] {
            // A closed connection shows when it is read.
            let _ = stream.write_all(bytes);
        }
    }

    fn receive(&mut self, conn: usize, patience: Patience) -> Received {
        let Some(stream) = &mut self.streams[conn] else { return Received::Closed };
        let limit = if patience == Patience::Long { LONG } else { SHORT };
        stream.set_read_timeout(Some(limit)).expect("the limits are not zero");
        let mut buffer = [0; 65536];
        match stream.read(&mut buffer) {
            Ok(0) => Received::Closed,
            Ok(count) => Received::Bytes(buffer[..count].to_vec()),
            Err(problem) if matches!(problem.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Received::Nothing
            }
            Err(_) => Received::Closed,
        }
    }

    fn hang_up(&mut self, conn: usize) {
        self.streams[conn] = None;
        // The server must have seen it before the next step.
        std::thread::sleep(Duration::from_millis(20));
    }

    fn wait(&mut self, millis: u64) {
        std::thread::sleep(Duration::from_millis(millis));
    }

    fn addresses(&self, conn: usize) -> (String, String) {
        let stream = self.streams[conn].as_ref().expect("asked for right after opening");
        let text = |address: std::io::Result<std::net::SocketAddr>| {
            address.map_or_else(|problem| problem.to_string(), |address| address.to_string())
        };
        (text(stream.local_addr()), text(stream.peer_addr()))
    }
}
