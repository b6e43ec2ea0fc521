//! What commands mean: one row and one function each, nothing about how they came or where they are logged.

pub mod access;
pub mod acl;
pub mod arguments;
pub mod ask;
pub mod client;
pub mod cluster;
pub mod connection;
mod connection_client;
pub mod context;
mod database;
mod deadline;
mod debug;
pub mod diagnosis;
pub mod docs;
pub mod expire;
pub mod generic;
pub mod hash;
mod hash_random;
pub mod info;
pub mod lcs;
mod memory;
mod object;
pub mod replication;
mod scan;
pub mod server;
pub mod spec;
pub mod string;
pub mod string_counter;
pub mod string_range;
pub mod table;
#[cfg(test)]
mod testing;

pub use ask::Ask;
pub use client::Client;
pub use context::{Context, Draws, Handled, Outcome};
pub use spec::{Flags, Spec};
pub use table::{CommandId, Conditions};

use crate::resp::ReplyError;

/// The reply of a `HELP` subcommand: the container's name, the lines, and how to ask again.
fn help(context: &mut Context<'_>, lines: &[&str]) -> Handled {
    let Spec { name, parent, .. } = context.spec;
    let container = if parent.is_empty() { name } else { parent }.to_uppercase();
    context.reply.array(lines.len() + 3);
    context.reply.simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for line in lines {
        context.reply.simple(line);
    }
    context.reply.simple("HELP");
    context.reply.simple("    Print this help.");
    Ok(Outcome::Done)
}

/// What Redis says to a subcommand that a container does not have.
#[must_use]
pub fn unknown_subcommand(container: &str, name: &[u8]) -> ReplyError {
    let mut text = b"ERR unknown subcommand '".to_vec();
    text.extend_from_slice(&name[..name.len().min(128)]);
    text.extend_from_slice(format!("'. Try {} HELP.", container.to_uppercase()).as_bytes());
    ReplyError::new(text)
}

/// What Redis says to a subcommand that checks its arguments itself, and does not like their number.
#[must_use]
pub fn wrong_subcommand(container: &str, name: &[u8]) -> ReplyError {
    let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
    text.extend_from_slice(&name[..name.len().min(128)]);
    text.extend_from_slice(format!("'. Try {} HELP.", container.to_uppercase()).as_bytes());
    ReplyError::new(text)
}
