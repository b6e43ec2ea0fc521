//! TCP and Unix sockets behind one name.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{SockRef, TcpKeepalive};

/// A connected socket.
#[derive(Debug)]
pub enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

impl Socket {
    /// Reads what is there, as far as it fits.
    ///
    /// # Errors
    /// The system's; `WouldBlock` when there is nothing.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    /// Writes as much as the socket takes.
    ///
    /// # Errors
    /// The system's; `WouldBlock` when it takes nothing.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    /// The descriptor's number.
    pub fn descriptor(&self) -> RawFd {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        }
    }

    /// Registers for what is to be waited for: reading always, writing on request.
    ///
    /// # Errors
    /// The system's.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.source().register(registry, token, Interest::READABLE)
    }

    /// Waits for room to write, too.
    ///
    /// # Errors
    /// The system's.
    pub fn want_writable(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.source().reregister(registry, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Sends small replies at once, and probes the other end when it has been silent for `keepalive_s` seconds
    /// (0 for never). Of little weight: a socket that refuses works without.
    pub fn tune(&self, keepalive_s: u32) {
        let Self::Tcp(stream) = self else { return };
        let _ = stream.set_nodelay(true);
        let socket = SockRef::from(stream);
        if keepalive_s == 0 {
            let _ = socket.set_keepalive(false);
            return;
        }
        // As Redis does: three probes, a third of the time apart.
        let apart = Duration::from_secs(u64::from(keepalive_s / 3).max(1));
        let probes = TcpKeepalive::new()
            .with_time(Duration::from_secs(u64::from(keepalive_s)))
            .with_interval(apart)
            .with_retries(3);
        let _ = socket.set_tcp_keepalive(&probes);
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
        }
    }
}
