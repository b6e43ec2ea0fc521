//! What commands mean: one row and one function each, nothing about how they came or where they are logged.

pub mod ask;
pub mod client;
pub mod connection;
pub mod context;
pub mod expire;
pub mod generic;
pub mod hash;
pub mod server;
pub mod spec;
pub mod string;
pub mod table;

pub use ask::Ask;
pub use client::Client;
pub use context::{Context, Draws, Handled, Outcome};
pub use spec::{Flags, Spec};
pub use table::{CommandId, Conditions};
