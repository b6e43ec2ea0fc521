//! Outgoing connections to other nodes.
//!
//! Names are resolved by the system, which may take seconds, so each attempt has a thread of its own for as long
//! as it lasts. The node makes one attempt per peer at a time.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use lockstep_core::ids::NodeId;
use mio::Waker;

/// How long one address is tried.
const PATIENCE: Duration = Duration::from_secs(3);

/// An attempt that ended.
#[derive(Debug)]
pub struct Dialed {
    /// Whom it led to.
    pub peer: NodeId,
    /// The connection, if there is one.
    pub stream: Option<TcpStream>,
}

/// Makes connections.
#[derive(Debug)]
pub struct Dialer {
    waker: Arc<Waker>,
    sender: Sender<Dialed>,
    ended: Receiver<Dialed>,
}

impl Dialer {
    /// A dialer that wakes the reactor with `waker` when an attempt has ended.
    pub fn new(waker: Arc<Waker>) -> Self {
        let (sender, ended) = mpsc::channel();
        Self { waker, sender, ended }
    }

    /// Begins an attempt.
    pub fn dial(&self, peer: NodeId, address: String) {
        let (sender, waker) = (self.sender.clone(), Arc::clone(&self.waker));
        let attempt = std::thread::Builder::new().name(format!("dial {peer}")).spawn(move || {
            let stream = connect(&address).ok();
            // The reactor may be gone; then nobody waits.
            let _ = sender.send(Dialed { peer, stream });
            let _ = waker.wake();
        });
        if attempt.is_err() {
            let _ = self.sender.send(Dialed { peer, stream: None });
            let _ = self.waker.wake();
        }
    }

    /// The next attempt that ended.
    pub fn ended(&self) -> Option<Dialed> {
        self.ended.try_recv().ok()
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_nonblocking(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
