//! A running server for tests: the real binary, on a directory and a port of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: long, since a loaded machine is slow, and nothing waits for it
/// when all is well.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An empty directory that goes away with the test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("lockstep-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("the temporary directory is writable");
        Self(path)
    }

    pub fn join(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a plain path").to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server that serves.
pub struct Server {
    child: Child,
    pub port: u16,
    pub scratch: Scratch,
}

/// A process that does not outlive the test, whatever becomes of the test.
pub struct Guarded(pub Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the binary to its end: exit code, and both outputs.
pub fn run(arguments: &[&str]) -> (i32, String) {
    let output = command(arguments).stdin(Stdio::null()).output().expect("the binary runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().expect("no signal"), String::from_utf8(text).expect("UTF-8"))
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(arguments);
    command
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

impl Server {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_in(Scratch::new(), arguments)
    }

    /// Starts on the `data` in a directory. Another process may take the port between our look and the server's;
    /// then another port is tried.
    pub fn start_in(scratch: Scratch, arguments: &[&str]) -> Self {
        loop {
            let port = free_port();
            let (data, number) = (scratch.join("data"), port.to_string());
            let base = ["--bind", "127.0.0.1", "--port", &number, "--dir", &data];
            let mut child = command(&[&base, arguments].concat())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .expect("the binary runs");
            let mut log = BufReader::new(child.stdout.take().expect("piped"));
            let mut seen = String::new();
            loop {
                let before = seen.len();
                if log.read_line(&mut seen).expect("a log") == 0 {
                    break;
                }
                if seen[before..].contains("Ready to accept connections") {
                    // Keeps the pipe from filling up.
                    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                    return Self { child, port, scratch };
                }
            }
            let status = child.wait().expect("it ended");
            assert!(seen.contains("Address already in use"), "{status}: {seen}");
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn connect(&self) -> Client {
        Client::over(TcpStream::connect(("127.0.0.1", self.port)).expect("it listens"))
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits for the end, and gives back the directory.
    pub fn wait(mut self) -> (ExitStatus, Scratch) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return (status, std::mem::replace(&mut self.scratch, Scratch(PathBuf::new())));
            }
            assert!(start.elapsed() < PATIENCE, "the server did not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that speaks just enough.
pub struct Client<S = TcpStream> {
    stream: S,
}

impl Client<TcpStream> {
    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Self { stream }
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl<S: Read + Write> Client<S> {
    pub fn new(stream: S) -> Self {
        Self { stream }
    }

    /// Sends one command.
    pub fn send(&mut self, words: &[&str]) {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.stream.write_all(request.as_bytes()).expect("the server reads");
    }

    /// Expects these bytes next.
    pub fn expect(&mut self, reply: &str) {
        let mut bytes = vec![0; reply.len()];
        self.stream.read_exact(&mut bytes).expect("the server answers");
        assert_eq!(String::from_utf8_lossy(&bytes), reply);
    }

    /// Sends one command and expects its reply.
    pub fn ask(&mut self, words: &[&str], reply: &str) {
        self.send(words);
        self.expect(reply);
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("the server closes");
        bytes
    }
}

/// Connects to a Unix socket as soon as somebody listens there.
pub fn connect_unix(path: &str) -> UnixStream {
    let start = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
                return stream;
            }
            Err(error) => assert!(start.elapsed() < PATIENCE, "{path}: {error}"),
        }
        std::thread::yield_now();
    }
}
