//! Where connections come from.

use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use lockstep_core::{Config, Role};
use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use rustix::fs::Mode;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Type};

use crate::socket::Socket;

/// A socket that connections come to.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    role: Role,
    /// There may be connections that were not accepted yet.
    pub ready: bool,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// A connection that came.
#[derive(Debug)]
pub struct Arrival {
    /// Its socket.
    pub socket: Socket,
    /// The other end.
    pub peer: String,
    /// This end.
    pub local: String,
    /// The other end is on this machine.
    pub loopback: bool,
    /// It came over a Unix socket.
    pub unix: bool,
}

/// Opens everything that the settings name.
///
/// # Errors
/// A sentence for the operator.
pub fn open(config: &Config) -> Result<Vec<Listener>, String> {
    let mut listeners = Vec::new();
    if config.port != 0 {
        for address in &config.bind {
            open_tcp(&mut listeners, address, config.port, config.tcp_backlog, Role::Client)?;
        }
    }
    if !config.unixsocket.is_empty() {
        listeners.push(open_unix(Path::new(&config.unixsocket), config.unixsocketperm)?);
    }
    if listeners.is_empty() {
        return Err("Configured to not listen anywhere: set 'port' and 'bind', or 'unixsocket'".into());
    }
    if config.is_grouped() {
        let wrong = || format!("raft-listen '{}' is not an address:port", config.raft_listen);
        let (address, port) = config.raft_listen.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let address = address.trim_start_matches('[').trim_end_matches(']');
        open_tcp(&mut listeners, address, port, config.tcp_backlog, Role::Peer)?;
    }
    Ok(listeners)
}

/// Opens one address of `bind`: `*` and `::*` mean every address of their kind, and one that starts with `-` may
/// be missing on this machine.
fn open_tcp(
    listeners: &mut Vec<Listener>,
    address: &str,
    port: u16,
    backlog: u32,
    role: Role,
) -> Result<(), String> {
    let (optional, name) = match address.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, address),
    };
    let host = match name {
        "*" => "0.0.0.0",
        "::*" => "::",
        other => other,
    };
    let opened = (host, port).to_socket_addrs().and_then(|addresses| {
        addresses.map(|address| bind(address, backlog)).collect::<io::Result<Vec<TcpListener>>>()
    });
    match opened {
        Ok(opened) => {
            let opened = opened.into_iter();
            listeners.extend(opened.map(|listener| Listener {
                kind: Kind::Tcp(listener),
                role,
                ready: true,
            }));
            Ok(())
        }
        Err(error) if optional && is_missing(&error) => Ok(()),
        Err(error) => Err(format!("Could not create server TCP listening socket {name}:{port}: {error}")),
    }
}

/// Whether the machine does not know such an address.
fn is_missing(error: &io::Error) -> bool {
    let missing = [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT, Errno::PFNOSUPPORT];
    match error.raw_os_error() {
        Some(code) => missing.iter().any(|errno| errno.raw_os_error() == code),
        // A name that cannot be resolved has no code.
        None => true,
    }
}

fn bind(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait until old connections have been forgotten.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from_std(socket.into()))
}

fn open_unix(path: &Path, permissions: u32) -> Result<Listener, String> {
    let fail = |error: io::Error| format!("Failed opening Unix socket '{}': {error}", path.display());
    if let Ok(metadata) = fs::symlink_metadata(path) {
        // A socket without a listener was left behind by a process that is gone.
        let stale = metadata.file_type().is_socket() && StdUnixStream::connect(path).is_err();
        if !stale {
            return Err(fail(io::ErrorKind::AddrInUse.into()));
        }
        fs::remove_file(path).map_err(fail)?;
    }
    // Nobody may connect before the permissions are what was asked for.
    let before = rustix::process::umask(if permissions == 0 {
        let mask = rustix::process::umask(Mode::empty());
        rustix::process::umask(mask);
        mask
    } else {
        Mode::from_raw_mode(0o777 & !permissions)
    });
    let bound = UnixListener::bind(path);
    rustix::process::umask(before);
    let listener = bound.map_err(fail)?;
    if permissions != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(permissions)).map_err(fail)?;
    }
    Ok(Listener { kind: Kind::Unix(listener, path.to_path_buf()), role: Role::Client, ready: true })
}

impl Listener {
    /// Which kind of connections come here.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What it is called in the log.
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| "?".into(), |address| address.to_string())
            }
            Kind::Unix(_, path) => path.display().to_string(),
        }
    }

    /// The next connection. Errors that only concern the connection itself are passed over.
    ///
    /// # Errors
    /// The system's; `WouldBlock` when there is none.
    pub fn accept(&self) -> io::Result<Arrival> {
        loop {
            let accepted = match &self.kind {
                Kind::Tcp(listener) => listener.accept().map(|(stream, peer)| {
                    let local = stream.local_addr().map_or_else(|_| "?:0".into(), |local| local.to_string());
                    let loopback = peer.ip().to_canonical().is_loopback();
                    let socket = Socket::Tcp(stream);
                    Arrival { socket, peer: peer.to_string(), local, loopback, unix: false }
                }),
                Kind::Unix(listener, path) => listener.accept().map(|(stream, _)| {
                    let name = format!("{}:0", path.display());
                    let socket = Socket::Unix(stream);
                    Arrival { socket, peer: name.clone(), local: name, loopback: true, unix: true }
                }),
            };
            match accepted {
                Err(error) if is_passing(&error) => {}
                other => return other,
            }
        }
    }

    /// Registers with the poll.
    ///
    /// # Errors
    /// The system's.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let source: &mut dyn Source = match &mut self.kind {
            Kind::Tcp(listener) => listener,
            Kind::Unix(listener, _) => listener,
        };
        source.register(registry, token, Interest::READABLE)
    }
}

/// Whether the error was the end of one connection only (accept(2), "Error handling").
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Kind::Unix(_, path) = &self.kind {
            let _ = fs::remove_file(path);
        }
    }
}
