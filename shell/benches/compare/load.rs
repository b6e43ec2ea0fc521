//! The load: one thread, non-blocking sockets, one send and one receive per batch, nothing allocated.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::work::{Batch, Expected, Keys, Random};

/// Of so many batches of a connection, the replies of one are compared byte by byte.
const CHECKED_EVERY: u64 = 256;
/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const BUFFER_BYTES: usize = 256 << 10;

struct Conn {
    stream: TcpStream,
    batch: Batch,
    sent: usize,
    /// What is still to come.
    left: usize,
    lines: bool,
    batches: u64,
    /// The replies, while they are to be compared.
    replies: Option<Vec<u8>>,
    busy: bool,
    /// When the batch was to be sent.
    due: Instant,
}

/// Connected clients of one server.
pub struct Load {
    poll: Poll,
    events: Events,
    conns: Vec<Conn>,
    keys: Keys,
    random: Random,
    buffer: Vec<u8>,
}

/// What a run did.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    pub commands: u64,
    pub seconds: f64,
}

impl Done {
    pub fn per_second(self) -> f64 {
        self.commands as f64 / self.seconds
    }
}

impl Load {
    /// Connects `clients` clients that send copies of `batch` with keys of their own.
    pub fn connect(port: u16, clients: usize, batch: &Batch, keys: Keys) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut conns = Vec::with_capacity(clients);
        for index in 0..clients {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
            conns.push(Conn {
                stream,
                batch: batch.clone(),
                sent: 0,
                left: 0,
                lines: false,
                batches: 0,
                replies: None,
                busy: false,
                due: Instant::now(),
            });
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            conns,
            keys,
            random: Random(0x9e37_79b9_7f4a_7c15),
            buffer: vec![0; BUFFER_BYTES],
        })
    }

    /// Every client sends its next batch as soon as the last one was answered, for so long.
    pub fn run_for(&mut self, duration: Duration) -> io::Result<Done> {
        let start = Instant::now();
        self.run(|commands| commands > 0 && start.elapsed() >= duration)
    }

    /// Likewise, until so many commands were answered.
    pub fn run_count(&mut self, count: u64) -> io::Result<Done> {
        self.run(|commands| commands >= count)
    }

    fn run(&mut self, enough: impl Fn(u64) -> bool) -> io::Result<Done> {
        let start = Instant::now();
        let mut begun = 0;
        let mut answered = 0;
        let mut stop = false;
        for index in 0..self.conns.len() {
            begun += self.begin(index)?;
        }
        let mut ready = Vec::with_capacity(self.conns.len());
        while answered < begun {
            self.wait(&mut ready, PATIENCE)?;
            if ready.is_empty() {
                return Err(io::Error::other("the server has stopped answering"));
            }
            for index in ready.drain(..) {
                let done = self.receive(index)?;
                answered += done;
                if done > 0 {
                    stop = stop || enough(begun);
                    if !stop {
                        begun += self.begin(index)?;
                    }
                } else {
                    self.conns[index].send()?;
                }
            }
        }
        Ok(Done { commands: answered, seconds: start.elapsed().as_secs_f64() })
    }

    /// Sends batches at a fixed rate to whichever client is free, until `enough`. Gives the time from when each
    /// was *to be* sent until its answer, in microseconds: a server that stands still makes everything late that
    /// was to be sent meanwhile, not only what was.
    pub fn run_at_rate(&mut self, per_second: u32, mut enough: impl FnMut() -> bool) -> io::Result<Vec<u32>> {
        let gap = Duration::from_secs(1) / per_second;
        let start = Instant::now();
        let mut latencies = Vec::with_capacity(1 << 20);
        let mut free: Vec<usize> = (0..self.conns.len()).collect();
        let mut ready = Vec::new();
        let mut count = 0_u32;
        let mut looked = start;
        let mut stop = false;
        loop {
            let now = Instant::now();
            if now.duration_since(looked) >= Duration::from_millis(20) {
                looked = now;
                stop = stop || enough();
            }
            if stop && free.len() == self.conns.len() {
                return Ok(latencies);
            }
            while !stop && let Some(&index) = free.last() {
                let due = start + gap * count;
                if due > now {
                    break;
                }
                free.pop();
                count += 1;
                self.begin(index)?;
                self.conns[index].due = due;
            }
            // The load has a core to itself, so it need not sleep and wake late.
            self.wait(&mut ready, Duration::ZERO)?;
            for index in ready.drain(..) {
                if self.receive(index)? > 0 {
                    let late = self.conns[index].due.elapsed().as_micros();
                    latencies.push(u32::try_from(late).unwrap_or(u32::MAX));
                    free.push(index);
                } else {
                    self.conns[index].send()?;
                }
            }
        }
    }

    fn wait(&mut self, ready: &mut Vec<usize>, patience: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => other?,
        }
        ready.extend(self.events.iter().map(|event| event.token().0));
        Ok(())
    }

    /// Sends the next batch of a client; how many commands it holds.
    fn begin(&mut self, index: usize) -> io::Result<u64> {
        let conn = &mut self.conns[index];
        conn.batch.refill(&mut self.keys, &mut self.random);
        conn.sent = 0;
        (conn.left, conn.lines) = match conn.batch.expected() {
            Expected::Bytes(count) => (count, false),
            Expected::Lines(count) => (count, true),
        };
        conn.batches += 1;
        conn.busy = true;
        conn.replies = (conn.batches % CHECKED_EVERY == 1).then(Vec::new);
        conn.send()?;
        Ok(conn.batch.commands() as u64)
    }

    /// Takes what has arrived for a client; how many commands that completes.
    fn receive(&mut self, index: usize) -> io::Result<u64> {
        let conn = &mut self.conns[index];
        if !conn.busy {
            return Ok(0);
        }
        loop {
            let count = match conn.stream.read(&mut self.buffer) {
                Ok(0) => return Err(io::Error::other("the server has closed a connection")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                Err(error) => return Err(error),
            };
            let bytes = &self.buffer[..count];
            let came = if conn.lines { bytes.iter().filter(|&&byte| byte == b'\n').count() } else { count };
            if let Some(replies) = &mut conn.replies {
                replies.extend_from_slice(bytes);
            }
            if came > conn.left {
                let text = String::from_utf8_lossy(&bytes[..count.min(80)]).into_owned();
                return Err(io::Error::other(format!("more than was asked for: {text:?}")));
            }
            conn.left -= came;
            if conn.left == 0 {
                conn.busy = false;
                if let Some(replies) = conn.replies.take() {
                    conn.batch.check(&replies).map_err(io::Error::other)?;
                }
                return Ok(conn.batch.commands() as u64);
            }
            // Errors are shorter than what they stand for: say so instead of waiting for the rest.
            if bytes[0] == b'-' {
                let text = String::from_utf8_lossy(&bytes[..count.min(80)]).into_owned();
                return Err(io::Error::other(format!("an error: {text:?}")));
            }
            if count < self.buffer.len() {
                return Ok(0);
            }
        }
    }
}

impl Conn {
    fn send(&mut self) -> io::Result<()> {
        while self.busy && self.sent < self.batch.bytes.len() {
            match self.stream.write(&self.batch.bytes[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
