//! What a supervisor is told (sd_notify(3)), and the file that names the process.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use lockstep_core::config::Supervised;

/// The supervisor's socket, if there is one.
#[derive(Debug)]
pub struct Supervisor {
    socket: Option<OsString>,
}

impl Supervisor {
    /// The supervisor that the setting and the environment name.
    pub fn find(supervised: Supervised) -> Self {
        let wanted = matches!(supervised, Supervised::Systemd | Supervised::Auto);
        Self { socket: env::var_os("NOTIFY_SOCKET").filter(|name| wanted && !name.is_empty()) }
    }

    /// Tells it something, such as `READY=1`.
    ///
    /// # Errors
    /// When its socket does not take the message.
    pub fn tell(&self, message: &str) -> io::Result<()> {
        let Some(name) = &self.socket else { return Ok(()) };
        let address = match name.as_bytes() {
            // An abstract name, which is no path.
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(name)?,
        };
        UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address)?;
        Ok(())
    }
}
