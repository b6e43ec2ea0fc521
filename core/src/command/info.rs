//! What `INFO` shows: plain facts, and how they are written.
//!
//! Names and order are those of Redis 7.2, so that what reads them finds them. What does not exist here (forks,
//! defragmentation, scripts) is shown as Redis shows it where it is unused; what exists only here follows the
//! fields of Redis in its section.

mod render;

pub use render::{human_bytes, render, wants};

/// Every figure that `INFO` shows, but for those that follow from others.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    /// Section Server.
    pub server: Server,
    /// Section Clients.
    pub clients: Clients,
    /// Section Memory.
    pub memory: Memory,
    /// Section Persistence.
    pub persistence: Persistence,
    /// Section Stats.
    pub stats: Stats,
    /// Section Replication.
    pub replication: Replication,
    /// Section CPU.
    pub cpu: Cpu,
    /// Section Commandstats: commands that were called or refused.
    pub commands: Vec<CommandFacts>,
    /// Section Errorstats: error codes and how often they were answered.
    pub errors: Vec<(String, u64)>,
    /// Section Latencystats: commands with percentiles and durations in microseconds.
    pub latencies: Vec<(String, Vec<(f64, f64)>)>,
    /// Section Keyspace: databases that hold keys.
    pub databases: Vec<DatabaseFacts>,
    /// `cluster-enabled`.
    pub cluster_enabled: bool,
}

/// Section Server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Server {
    /// Name, release and architecture of the system.
    pub os: String,
    /// Of the process.
    pub process_id: u32,
    /// `supervised`.
    pub supervised: String,
    /// Random for this life of the node, 40 hexadecimal digits.
    pub run_id: String,
    /// Where clients come.
    pub tcp_port: u16,
    /// Where clients come, and by which means: `name=tcp,bind=*,port=6379`.
    pub listeners: Vec<String>,
    /// The wall clock, in microseconds.
    pub time_us: u64,
    /// Since the node was started, in microseconds.
    pub uptime_us: u64,
    /// `hz`.
    pub hz: u32,
    /// Path of the program.
    pub executable: String,
    /// Path of the configuration file; empty for none.
    pub config_file: String,
}

/// Section Clients.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clients {
    /// Connections.
    pub connected: u64,
    /// `maxclients`.
    pub max: u64,
    /// Longest unread input, in bytes.
    pub max_input_bytes: u64,
    /// Longest unsent output, in bytes.
    pub max_output_bytes: u64,
    /// Kept waiting by a command.
    pub blocked: u64,
    /// Kept waiting by a command with a timeout.
    pub in_timeout_table: u64,
}

/// Section Memory; all in bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// By our own count: keys, values, and what connections hold.
    pub used: u64,
    /// The most it was.
    pub used_peak: u64,
    /// Keys and values.
    pub dataset: u64,
    /// What was in use when the node had started, without keys.
    pub startup: u64,
    /// Resident, as the system counts.
    pub resident: u64,
    /// The most it was.
    pub resident_peak: u64,
    /// Handed out by the allocator; 0 when it cannot be told.
    pub allocated: u64,
    /// Of the machine.
    pub system: u64,
    /// `maxmemory`.
    pub max: u64,
    /// `maxmemory-policy`.
    pub policy: String,
    /// Held by connections.
    pub clients: u64,
    /// Log bytes in memory that are not handed out yet.
    pub log_buffer: u64,
    /// Which allocator hands it out.
    pub allocator: String,
}

/// Section Persistence.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Persistence {
    /// Files are being read.
    pub loading: Option<Loading>,
    /// Writes since the last checkpoint.
    pub changes: u64,
    /// When the last good checkpoint ended, in seconds since 1970.
    pub last_save_s: u64,
    /// The last checkpoint was good.
    pub last_save_ok: bool,
    /// How long it took, in seconds; `None` before the first.
    pub last_save_took_s: Option<u64>,
    /// How long the one under way has taken, in seconds.
    pub save_running_s: Option<u64>,
    /// A checkpoint begins when the one under way has ended.
    pub save_scheduled: bool,
    /// Checkpoints that ended well since the start.
    pub saves: u64,
    /// Checkpoints that failed since the last good one.
    pub failures: u64,
    /// Keys that the checkpoint under way has written.
    pub keys_done: u64,
    /// Keys there were when it began.
    pub keys_total: u64,
    /// Memory held for it, in bytes.
    pub extra_bytes: u64,
    /// The most it was for any checkpoint, in bytes.
    pub extra_bytes_peak: u64,
    /// Keys read at the start.
    pub keys_loaded: u64,
    /// The log, when there is one.
    pub log: Option<LogFacts>,
    /// The disk accepts what is written.
    pub write_ok: bool,
}

/// Files being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Loading {
    /// When it began, in seconds since 1970.
    pub start_s: u64,
    /// Since then, in microseconds.
    pub took_us: u64,
    /// Bytes there are.
    pub total_bytes: u64,
    /// Bytes that were read.
    pub loaded_bytes: u64,
}

/// The log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogFacts {
    /// What a start would read: the newest checkpoint and the log behind it, in bytes.
    pub size_bytes: u64,
    /// The newest checkpoint, in bytes.
    pub base_bytes: u64,
    /// The current segment, in bytes.
    pub segment_bytes: u64,
    /// Segments there are.
    pub segments: u64,
    /// Stream position behind the last byte handed out.
    pub written_position: u64,
    /// Stream position up to which everything is on the platter.
    pub synced_position: u64,
    /// Index of the last entry.
    pub last_index: u64,
    /// Index of the last entry that was run.
    pub applied_index: u64,
    /// How often replies had to wait for a late disk.
    pub delayed_syncs: u64,
    /// Syncs under way.
    pub syncs_pending: u64,
}

/// Section Stats.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Commands run.
    pub commands: u64,
    /// Commands per second, lately.
    pub commands_per_second: u64,
    /// Bytes received.
    pub input_bytes: u64,
    /// Bytes sent.
    pub output_bytes: u64,
    /// KiB received per second, lately.
    pub input_kib_per_second: f64,
    /// KiB sent per second, lately.
    pub output_kib_per_second: f64,
    /// Connections refused.
    pub rejected_connections: u64,
    /// Keys removed because their time was up.
    pub expired_keys: u64,
    /// Keys removed for lack of memory.
    pub evicted_keys: u64,
    /// Connections closed for lack of memory or because they did not read.
    pub evicted_clients: u64,
    /// Keys that were to be read and were there.
    pub hits: u64,
    /// Keys that were to be read and were not there.
    pub misses: u64,
    /// Error replies to things that were no requests.
    pub protocol_errors: u64,
    /// Error replies.
    pub error_replies: u64,
    /// Deliveries of bytes from connections.
    pub reads: u64,
    /// Deliveries of bytes to connections.
    pub writes: u64,
    /// Turns.
    pub turns: u64,
    /// How long they took together, in microseconds.
    pub turns_us: u64,
    /// Log-ins that were refused.
    pub denied_logins: u64,
}

/// Section Replication.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Replication {
    /// Names the history of this group's data, 40 hexadecimal digits.
    pub id: String,
    /// Bytes of the log stream.
    pub offset: u64,
}

/// Section CPU; in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cpu {
    /// In the kernel.
    pub system_us: u64,
    /// Outside of it.
    pub user_us: u64,
}

/// One command in section Commandstats.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CommandFacts {
    /// `get`, `config|get`.
    pub name: String,
    /// How often it ran.
    pub calls: u64,
    /// How long it took in all, in microseconds.
    pub micros: u64,
    /// Refused before it ran.
    pub rejected: u64,
    /// Answered an error.
    pub failed: u64,
}

/// One database in section Keyspace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DatabaseFacts {
    /// Its number.
    pub number: usize,
    /// Keys in it.
    pub keys: u64,
    /// Keys with a deadline.
    pub expires: u64,
    /// How far off the deadlines are on average, in milliseconds.
    pub average_ttl_ms: u64,
}
