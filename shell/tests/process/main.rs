//! The real binary as a process: how it starts and stops, and how it serves connections.

mod importing;
mod keeping;
mod killed;
mod server;
mod serving;
mod starting;
mod tools;
