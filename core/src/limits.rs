//! Bounds that no setting changes, each with its reason.

/// A session that has to wait keeps at most about so many bytes of what its client goes on sending; then the
/// driver stops reading from it. One shared read buffer is 256 KiB, so a single delivery may overshoot by that.
pub const HELD_INPUT_BYTES: usize = 64 * 1024;

/// Empty output buffers kept to be lent again; more would only hold memory after a burst of connections.
pub const SPARE_OUTPUT_BUFFERS: usize = 256;

/// An output buffer larger than this is not kept when it is empty, in bytes.
pub const SPARE_OUTPUT_BYTES: usize = 64 * 1024;

/// What all connections together may hold in unsent replies and unread commands, in bytes; beyond it the largest
/// is closed. Redis has no such bound, but ten thousand slow readers must not end the process.
pub const CLIENTS_BYTES: u64 = 4 << 30;

/// The longest string that APPEND and SETRANGE make, in bytes: what `proto-max-bulk-len` is when nobody sets it.
/// A constant, because every replica, whatever its settings, must come to the same string.
pub const STRING_BYTES_MAX: usize = 512 << 20;

/// What a command may answer that was asked for random parts with repetition, in bytes: the client names their
/// number, and a short request must not make an endless reply.
pub const REPEATED_DRAWS_BYTES: usize = 256 << 20;

/// The longest command that can be logged, in bytes: an entry holds it whole, with what the node adds.
pub const LOGGED_COMMAND_BYTES: usize = (1 << 30) - 8192;

/// What one connection may hold of unread commands, in bytes, whatever `client-query-buffer-limit` says: places in
/// it are counted in 32 bits.
pub const QUERY_BUFFER_BYTES: u64 = 2 << 30;
