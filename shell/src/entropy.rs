//! The one place where chance comes in.

use std::fs::File;
use std::io::{self, Read};

use lockstep_core::Seed;

/// A seed from the system's random source.
///
/// # Errors
/// When the source cannot be read.
pub fn seed() -> io::Result<Seed> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(Seed(bytes))
}
