//! How many descriptors the process may have.

use lockstep_core::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors kept for files, listeners and the like.
const RESERVED: u64 = 64;

/// Raises the limit as far as the system lets us, and fits `maxclients` to it. Gives a line for the operator
/// when fewer clients can be served than were asked for.
///
/// # Errors
/// When there is not even room for one client.
pub fn raise(config: &mut Config) -> Result<Option<String>, String> {
    let limit = getrlimit(Resource::Nofile);
    // Without a hard limit there still is the system's own; asking for a million is enough for anyone.
    let hard = limit.maximum.unwrap_or(1 << 20);
    if limit.current.is_some_and(|current| current < hard) {
        // If the system refuses, what it shows below is what we have.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(hard), maximum: limit.maximum });
    }
    let have = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = have.saturating_sub(RESERVED);
    if possible == 0 {
        return Err(format!("Only {have} files may be open, {RESERVED} are needed: raise 'ulimit -n'"));
    }
    config.clients_possible = u32::try_from(possible).unwrap_or(u32::MAX);
    if config.maxclients <= config.clients_possible {
        return Ok(None);
    }
    let text = format!(
        "maxclients was {} and is {} now: at most {have} files may be open. Raise 'ulimit -n' for more",
        config.maxclients, config.clients_possible
    );
    config.maxclients = config.clients_possible;
    Ok(Some(text))
}
