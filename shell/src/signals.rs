//! Signals: SIGTERM and SIGINT ask for a clean stop, SIGHUP and SIGPIPE mean nothing.

use std::io::{self, Read};
use std::os::unix::net::UnixStream as StdStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// A pipe that becomes readable when a stop is asked for.
#[derive(Debug)]
pub struct Signals {
    pipe: UnixStream,
}

impl Signals {
    /// Takes over the signals and registers the pipe under `token`. SIGINT after the first request to stop
    /// ends the process at once, with exit code 1.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn register(registry: &Registry, token: Token) -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        // The order matters: the first SIGINT must find the flag unset.
        signal_hook::flag::register_conditional_shutdown(SIGINT, 1, Arc::clone(&asked))?;
        let (pipe, sender) = StdStream::pair()?;
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
            signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        signal_hook::flag::register(SIGHUP, Arc::new(AtomicBool::new(false)))?;
        pipe.set_nonblocking(true)?;
        let mut pipe = UnixStream::from_std(pipe);
        registry.register(&mut pipe, token, Interest::READABLE)?;
        Ok(Self { pipe })
    }

    /// Whether a stop was asked for since the last call.
    pub fn take(&mut self) -> bool {
        let mut bytes = [0; 64];
        let mut asked = false;
        while matches!(self.pipe.read(&mut bytes), Ok(1..)) {
            asked = true;
        }
        asked
    }
}
