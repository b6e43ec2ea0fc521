//! Sizes and paces that no operator needs to set, but that the simulator draws.

/// Sizes and paces inside the node. Small values make rare paths common, so the simulator draws each of them
/// from a wide range; in production they keep these defaults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Knobs {
    /// A log segment is closed when it has reached this length, in bytes; also how much space is reserved at once.
    pub segment_bytes: u64,
    /// A batch of commands is sealed into an entry when it has grown to this many bytes.
    pub entry_batch_bytes: u32,
    /// How many bytes of a checkpoint are written in one turn.
    pub snapshot_step_bytes: u32,
    /// How many bytes of a checkpoint may be on their way to the disk before it waits for the disk.
    pub snapshot_window_bytes: u32,
    /// How many bytes of old values a checkpoint may hold back for keys that change meanwhile; then clients wait.
    pub snapshot_copies_bytes: u64,
    /// How many bytes of accepted and unanswered commands may queue before clients are paused.
    pub lane_bytes: u64,
    /// Files are read in pieces of this many bytes.
    pub load_chunk_bytes: u32,
    /// How many keys that are due one entry removes at most.
    pub expire_keys_per_entry: u32,
    /// How many commands of one connection are taken in one turn at most.
    pub commands_per_turn: u32,
    /// Under `appendfsync everysec`, how long bytes stay unsynced, in milliseconds.
    pub sync_interval_ms: u32,
    /// Under `appendfsync everysec`, replies wait for the disk while the oldest unsynced byte is older than this,
    /// in milliseconds.
    pub sync_late_ms: u32,
    /// When keys are due and nothing is being written, clock entries come at least this far apart, in milliseconds.
    pub clock_entry_ms: u32,
    /// Recent entries are kept in memory for followers up to this many bytes.
    pub tail_bytes: u64,
    /// How many bytes of entries one message to a follower carries at most.
    pub append_bytes: u32,
    /// How many messages to a follower may be unanswered.
    pub append_window: u32,
    /// How many bytes of a checkpoint one message to a follower carries.
    pub transfer_chunk_bytes: u32,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            entry_batch_bytes: 1 << 20,
            snapshot_step_bytes: 256 << 10,
            snapshot_window_bytes: 4 << 20,
            snapshot_copies_bytes: 256 << 20,
            lane_bytes: 64 << 20,
            load_chunk_bytes: 1 << 20,
            expire_keys_per_entry: 200,
            commands_per_turn: 10_000,
            sync_interval_ms: 1000,
            sync_late_ms: 2000,
            clock_entry_ms: 10,
            tail_bytes: 64 << 20,
            append_bytes: 1 << 20,
            append_window: 64,
            transfer_chunk_bytes: 1 << 20,
        }
    }
}
