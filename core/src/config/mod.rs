//! Settings: what a node is started with, and what `CONFIG` reads and writes.
//!
//! [`DIRECTIVES`] is the one place that knows names, types and ranges. A directive either lives in a field of
//! [`Config`], or is *accepted without effect*: checked, remembered and shown, so that a `redis.conf` written
//! for Redis loads and tools find what they ask for. Where ignoring a value would be unsafe it is refused,
//! with the reason.

use core::fmt;
use std::collections::BTreeMap;

use crate::bytes::glob;

pub mod file;
mod kind;
mod knobs;
mod table;
mod values;
mod words;

pub use file::{FileError, Line};
pub use knobs::Knobs;
pub use table::{DIRECTIVES, Directive, find};
pub use values::{
    Access, AppendFsync, BufferLimit, BufferLimits, EndpointType, KeyspaceEvents, LogLevel, MaxmemoryPolicy,
    Profile, PubsubDefault, RaftReads, SavePoint, ShutdownOptions, Supervised,
};

/// The settings of a node.
///
/// Fields are called like the directives they hold, with their unit where it is not plain.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// `bind`: addresses to listen on; one that starts with `-` may be missing on this machine.
    pub bind: Vec<String>,
    /// `protected-mode`: without a password, serve this machine only.
    pub protected_mode: bool,
    /// `port`: where clients come; 0 for no TCP at all.
    pub port: u16,
    /// `tcp-backlog`: how many connections may wait to be accepted.
    pub tcp_backlog: u32,
    /// `unixsocket`: path of a socket for local clients; empty for none.
    pub unixsocket: String,
    /// `unixsocketperm`: its permissions; 0 to leave them to the process's mask.
    pub unixsocketperm: u32,
    /// `timeout`: idle clients are disconnected after this many seconds; 0 for never.
    pub timeout_s: u32,
    /// `tcp-keepalive`: seconds between probes of idle connections; 0 for none.
    pub tcp_keepalive_s: u32,
    /// `supervised`.
    pub supervised: Supervised,
    /// `pidfile`: where to write the process id; empty for nowhere.
    pub pidfile: String,
    /// `loglevel`.
    pub loglevel: LogLevel,
    /// `logfile`: where log lines go; empty for the standard output.
    pub logfile: String,
    /// `databases`: how many there are.
    pub databases: u32,
    /// `save`: when a checkpoint is due.
    pub save: Vec<SavePoint>,
    /// `stop-writes-on-bgsave-error`.
    pub stop_writes_on_bgsave_error: bool,
    /// `dir`: the data directory.
    pub dir: String,
    /// `replica-serve-stale-data`.
    pub replica_serve_stale_data: bool,
    /// `replica-read-only`.
    pub replica_read_only: bool,
    /// `replica-announce-ip`; empty for the address of the socket.
    pub replica_announce_ip: String,
    /// `replica-announce-port`; 0 for the port of the socket.
    pub replica_announce_port: u16,
    /// `replica-lazy-flush`.
    pub replica_lazy_flush: bool,
    /// `requirepass`: the default user's password; empty for none.
    pub requirepass: String,
    /// `acllog-max-len`.
    pub acllog_max_len: u64,
    /// `acl-pubsub-default`.
    pub acl_pubsub_default: PubsubDefault,
    /// `enable-protected-configs`; `local` counts as `no`.
    pub enable_protected_configs: Access,
    /// `enable-debug-command`.
    pub enable_debug_command: Access,
    /// `maxclients`.
    pub maxclients: u32,
    /// `client-output-buffer-limit`.
    pub client_output_buffer_limits: BufferLimits,
    /// `client-query-buffer-limit`, in bytes.
    pub client_query_buffer_limit_bytes: u64,
    /// `proto-max-bulk-len`, in bytes.
    pub proto_max_bulk_len_bytes: u64,
    /// `maxmemory`, in bytes; 0 for no limit.
    pub maxmemory_bytes: u64,
    /// `maxmemory-policy`.
    pub maxmemory_policy: MaxmemoryPolicy,
    /// `maxmemory-samples`.
    pub maxmemory_samples: u32,
    /// `lfu-log-factor`.
    pub lfu_log_factor: u32,
    /// `lfu-decay-time`, in minutes.
    pub lfu_decay_time_minutes: u32,
    /// `lazyfree-lazy-eviction`.
    pub lazyfree_lazy_eviction: bool,
    /// `lazyfree-lazy-expire`.
    pub lazyfree_lazy_expire: bool,
    /// `lazyfree-lazy-server-del`.
    pub lazyfree_lazy_server_del: bool,
    /// `lazyfree-lazy-user-del`: DEL is UNLINK.
    pub lazyfree_lazy_user_del: bool,
    /// `lazyfree-lazy-user-flush`.
    pub lazyfree_lazy_user_flush: bool,
    /// `profile`: the preset that the settings below started from.
    pub profile: Profile,
    /// `appendonly`: whether there is a log at all.
    pub appendonly: bool,
    /// `appendfsync`.
    pub appendfsync: AppendFsync,
    /// `auto-aof-rewrite-percentage`: a checkpoint is due when the log has grown by this much; 0 for never.
    pub auto_aof_rewrite_percentage: u32,
    /// `auto-aof-rewrite-min-size`, in bytes: but not while the log is smaller than this.
    pub auto_aof_rewrite_min_size_bytes: u64,
    /// `shutdown-timeout`, in seconds.
    pub shutdown_timeout_s: u32,
    /// `shutdown-on-sigint`.
    pub shutdown_on_sigint: ShutdownOptions,
    /// `shutdown-on-sigterm`.
    pub shutdown_on_sigterm: ShutdownOptions,
    /// `busy-reply-threshold`, in milliseconds.
    pub busy_reply_threshold_ms: u64,
    /// `cluster-enabled`: a node that does not lead redirects clients instead of forwarding their commands.
    pub cluster_enabled: bool,
    /// `cluster-require-full-coverage`.
    pub cluster_require_full_coverage: bool,
    /// `cluster-announce-ip`; empty for the address of the socket.
    pub cluster_announce_ip: String,
    /// `cluster-announce-port`; 0 for the port of the socket.
    pub cluster_announce_port: u16,
    /// `cluster-announce-bus-port`; 0 for the port of `raft-listen`.
    pub cluster_announce_bus_port: u16,
    /// `cluster-announce-hostname`; empty for none.
    pub cluster_announce_hostname: String,
    /// `cluster-preferred-endpoint-type`.
    pub cluster_preferred_endpoint_type: EndpointType,
    /// `raft-id`: this node's number in its group; 0 for a node of its own.
    pub raft_id: u64,
    /// `raft-listen`: `address:port` where the other nodes come; empty for nowhere.
    pub raft_listen: String,
    /// `raft-peers`: the founding members, this node among them: id and `address:port` of each.
    pub raft_peers: Vec<(u64, String)>,
    /// `raft-secret`: what nodes of a group prove to each other; empty for none.
    pub raft_secret: String,
    /// `raft-election-ms`: a follower that hears nothing for this long, or up to twice as long, stands for election.
    pub raft_election_ms: u32,
    /// `raft-heartbeat-ms`: how often an idle leader makes itself heard.
    pub raft_heartbeat_ms: u32,
    /// `raft-reads`.
    pub raft_reads: RaftReads,
    /// `slowlog-log-slower-than`, in microseconds; 0 logs everything, negative nothing.
    pub slowlog_log_slower_than_us: i64,
    /// `slowlog-max-len`.
    pub slowlog_max_len: u64,
    /// `latency-monitor-threshold`, in milliseconds; 0 for off.
    pub latency_monitor_threshold_ms: u64,
    /// `latency-tracking`.
    pub latency_tracking: bool,
    /// `latency-tracking-info-percentiles`.
    pub latency_tracking_info_percentiles: Vec<f64>,
    /// `notify-keyspace-events`.
    pub notify_keyspace_events: KeyspaceEvents,
    /// `hash-max-listpack-entries`.
    pub hash_max_listpack_entries: u64,
    /// `hash-max-listpack-value`, in bytes.
    pub hash_max_listpack_value_bytes: u64,
    /// `list-max-listpack-size`: elements, or -1 to -5 for 4 to 64 KiB.
    pub list_max_listpack_size: i32,
    /// `set-max-intset-entries`.
    pub set_max_intset_entries: u64,
    /// `set-max-listpack-entries`.
    pub set_max_listpack_entries: u64,
    /// `set-max-listpack-value`, in bytes.
    pub set_max_listpack_value_bytes: u64,
    /// `zset-max-listpack-entries`.
    pub zset_max_listpack_entries: u64,
    /// `zset-max-listpack-value`, in bytes.
    pub zset_max_listpack_value_bytes: u64,
    /// `hll-sparse-max-bytes`.
    pub hll_sparse_max_bytes: u64,
    /// `stream-node-max-bytes`.
    pub stream_node_max_bytes: u64,
    /// `stream-node-max-entries`.
    pub stream_node_max_entries: u64,
    /// `hz`: shown, and without other effect: our work is bounded by size, not by ticks.
    pub hz: u32,
    /// How many clients the system has descriptors for; the driver says it, `maxclients` may not exceed it.
    pub clients_possible: u32,
    /// Where the configuration file is, absolute; empty for none. `CONFIG REWRITE` needs one.
    pub config_file: String,
    /// What the driver knows of the process, to be shown.
    pub host: Host,
    /// Sizes and paces.
    pub knobs: Knobs,
    /// Directives without effect.
    pub kept: Kept,
}

/// What the driver knows of the process; shown by `INFO`, and without other effect.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Host {
    /// Name, release and architecture of the system.
    pub os: String,
    /// Number of the process.
    pub process_id: u32,
    /// Path of the program.
    pub executable: String,
    /// Which memory allocator it uses.
    pub allocator: String,
}

/// What was read without going into a field of [`Config`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// Directives without effect that were given, as shown.
    values: BTreeMap<&'static str, String>,
    /// A `save` line was read already.
    save_lines: bool,
}

impl Default for Config {
    fn default() -> Self {
        let point = |seconds, changes| SavePoint { seconds, changes };
        Self {
            bind: vec!["*".into(), "-::*".into()],
            protected_mode: true,
            port: 6379,
            tcp_backlog: 511,
            unixsocket: String::new(),
            unixsocketperm: 0,
            timeout_s: 0,
            tcp_keepalive_s: 300,
            supervised: Supervised::No,
            pidfile: String::new(),
            loglevel: LogLevel::Notice,
            logfile: String::new(),
            databases: 16,
            save: vec![point(3600, 1), point(300, 100), point(60, 10_000)],
            stop_writes_on_bgsave_error: true,
            dir: "./data".into(),
            replica_serve_stale_data: true,
            replica_read_only: true,
            replica_announce_ip: String::new(),
            replica_announce_port: 0,
            replica_lazy_flush: false,
            requirepass: String::new(),
            acllog_max_len: 128,
            acl_pubsub_default: PubsubDefault::ResetChannels,
            enable_protected_configs: Access::No,
            enable_debug_command: Access::No,
            maxclients: 10_000,
            client_output_buffer_limits: BufferLimits::default(),
            client_query_buffer_limit_bytes: 1 << 30,
            proto_max_bulk_len_bytes: 512 << 20,
            maxmemory_bytes: 0,
            maxmemory_policy: MaxmemoryPolicy::NoEviction,
            maxmemory_samples: 5,
            lfu_log_factor: 10,
            lfu_decay_time_minutes: 1,
            lazyfree_lazy_eviction: false,
            lazyfree_lazy_expire: false,
            lazyfree_lazy_server_del: false,
            lazyfree_lazy_user_del: false,
            lazyfree_lazy_user_flush: false,
            profile: Profile::Durable,
            appendonly: true,
            appendfsync: AppendFsync::Always,
            auto_aof_rewrite_percentage: 100,
            auto_aof_rewrite_min_size_bytes: 64 << 20,
            shutdown_timeout_s: 10,
            shutdown_on_sigint: ShutdownOptions::default(),
            shutdown_on_sigterm: ShutdownOptions::default(),
            busy_reply_threshold_ms: 5000,
            cluster_enabled: false,
            cluster_require_full_coverage: true,
            cluster_announce_ip: String::new(),
            cluster_announce_port: 0,
            cluster_announce_bus_port: 0,
            cluster_announce_hostname: String::new(),
            cluster_preferred_endpoint_type: EndpointType::Ip,
            raft_id: 0,
            raft_listen: String::new(),
            raft_peers: Vec::new(),
            raft_secret: String::new(),
            raft_election_ms: 1000,
            raft_heartbeat_ms: 100,
            raft_reads: RaftReads::Index,
            slowlog_log_slower_than_us: 10_000,
            slowlog_max_len: 128,
            latency_monitor_threshold_ms: 0,
            latency_tracking: true,
            latency_tracking_info_percentiles: vec![50.0, 99.0, 99.9],
            notify_keyspace_events: KeyspaceEvents::default(),
            hash_max_listpack_entries: 512,
            hash_max_listpack_value_bytes: 64,
            list_max_listpack_size: -2,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value_bytes: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value_bytes: 64,
            hll_sparse_max_bytes: 3000,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
            hz: 10,
            clients_possible: u32::MAX,
            config_file: String::new(),
            host: Host::default(),
            knobs: Knobs::default(),
            kept: Kept::default(),
        }
    }
}

/// When a directive is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Before the node starts: anything may be set.
    Start,
    /// By `CONFIG SET`.
    Running,
}

/// Why a directive was not set. Shown as the text of Redis's error, without the code `ERR`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetError {
    /// There is no directive of that name.
    Unknown {
        /// As it was given.
        name: String,
    },
    /// It cannot be set like this.
    Refused {
        /// Which directive.
        name: &'static str,
        /// Why not.
        reason: String,
    },
}

impl SetError {
    /// What is wrong, without the command around it, as a configuration file's error says it.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Unknown { .. } => "Bad directive or wrong number of arguments",
            Self::Refused { reason, .. } => reason,
        }
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                write!(f, "Unknown option or number of arguments for CONFIG SET - '{name}'")
            }
            Self::Refused { name, reason } => {
                write!(f, "CONFIG SET failed (possibly related to argument '{name}') - {reason}")
            }
        }
    }
}

impl core::error::Error for SetError {}

impl Config {
    /// The settings that lines of configuration files and of the command line make, `include`s resolved.
    /// A `profile` counts before everything else, wherever it stands; of the rest, later lines win.
    ///
    /// # Errors
    /// The first line that cannot be followed.
    pub fn from_lines(lines: &[Line]) -> Result<Self, FileError> {
        let mut config = Self::default();
        let is_profile = |line: &&Line| line.words[0].eq_ignore_ascii_case("profile");
        let profile = lines.iter().filter(is_profile);
        for line in profile.chain(lines.iter().filter(|line| !is_profile(line))) {
            let values: Vec<&[u8]> = line.words[1..].iter().map(String::as_bytes).collect();
            config
                .set(line.words[0].as_bytes(), &values, Stage::Start)
                .map_err(|error| line.error(error.reason()))?;
        }
        if let Err((name, reason)) = config.check_together() {
            let culprit = lines.iter().rev().find(|line| line.words[0].eq_ignore_ascii_case(name));
            return Err(match culprit {
                Some(line) => line.error(reason),
                None => FileError {
                    place: "the configuration".into(),
                    number: 0,
                    text: name.into(),
                    reason: reason.into(),
                },
            });
        }
        Ok(config)
    }

    /// Sets one directive, and gives its name as the table writes it.
    ///
    /// # Errors
    /// When the name is unknown, the value does not fit, or it may not be set at this stage. Then nothing changed.
    pub fn set(&mut self, name: &[u8], values: &[&[u8]], stage: Stage) -> Result<&'static str, SetError> {
        let (directive, name) = Self::settable(self, name, stage)?;
        self.write(directive, name, values, stage)?;
        Ok(name)
    }

    /// `CONFIG SET` of several directives: all of them, or none. Gives the directives that were set.
    ///
    /// # Errors
    /// The first that cannot be set: unknown, fixed and repeated names are found before wrong values, as in Redis.
    pub fn set_all(&mut self, pairs: &[(&[u8], &[u8])]) -> Result<Vec<&'static Directive>, SetError> {
        let mut found: Vec<(&'static Directive, &'static str)> = Vec::with_capacity(pairs.len());
        for (name, _) in pairs {
            let (directive, name) = self.settable(name, Stage::Running)?;
            if found.iter().any(|(_, other)| *other == name) {
                return Err(SetError::Refused { name, reason: "duplicate parameter".into() });
            }
            found.push((directive, name));
        }
        let mut changed = self.clone();
        for ((directive, name), (_, value)) in found.iter().zip(pairs) {
            changed.write(directive, name, &[value], Stage::Running)?;
        }
        if let Err((name, reason)) = changed.check_together() {
            return Err(SetError::Refused { name, reason: reason.into() });
        }
        *self = changed;
        Ok(found.into_iter().map(|(directive, _)| directive).collect())
    }

    /// What `CONFIG GET` answers: every name that fits one of the patterns, with its value; sorted by name.
    /// A name that was asked for without wildcards is given back as it was written.
    #[must_use]
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(String, String)> {
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for pattern in patterns {
            if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
                let text = core::str::from_utf8(pattern).unwrap_or_default();
                if let Some((directive, _)) = find(text) {
                    found.insert(text.into(), self.show(directive));
                }
                continue;
            }
            for directive in DIRECTIVES {
                for name in [Some(directive.name), directive.alias].into_iter().flatten() {
                    if glob::matches(pattern, name.as_bytes(), true) && !found.contains_key(name) {
                        found.insert(name.into(), self.show(directive));
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    /// The value of a directive as `CONFIG GET` shows it.
    #[must_use]
    pub fn show(&self, directive: &Directive) -> String {
        directive.kind.show(self, directive.name)
    }

    /// What stands behind a directive's name in a configuration file; most have one line, `save` and
    /// `client-output-buffer-limit` have several.
    #[must_use]
    pub fn lines(&self, directive: &Directive) -> Vec<String> {
        directive.kind.lines(self, directive.name)
    }

    /// Every directive that differs from its default, with its lines in a configuration file.
    #[must_use]
    pub fn differing(&self) -> Vec<(&'static str, Vec<String>)> {
        let default = Self::default();
        let lines = DIRECTIVES.iter().map(|directive| {
            let mut lines = self.lines(directive);
            let usual = default.lines(directive);
            if lines == usual {
                lines.clear();
            } else if directive.name == "client-output-buffer-limit" {
                lines.retain(|line| !usual.contains(line));
            }
            (directive.name, lines)
        });
        lines.filter(|(_, lines)| !lines.is_empty()).collect()
    }

    /// The directives that were set to something else than their default and have no effect here.
    #[must_use]
    pub fn without_effect(&self) -> Vec<&'static str> {
        let default = Self::default();
        let ignored = DIRECTIVES.iter().filter(|directive| {
            directive.is_without_effect() && self.show(directive) != default.show(directive)
        });
        ignored.map(|directive| directive.name).collect()
    }

    /// Whether this node belongs to a group of several.
    #[must_use]
    pub fn is_grouped(&self) -> bool {
        self.raft_id != 0
    }

    fn kept_or(&self, name: &'static str, default: &str) -> String {
        self.kept.values.get(name).map_or(default, String::as_str).to_string()
    }

    /// The directive a name stands for, if it may be set at this stage.
    fn settable(&self, name: &[u8], stage: Stage) -> Result<(&'static Directive, &'static str), SetError> {
        let text = String::from_utf8_lossy(name);
        let Some((directive, name)) = find(&text) else {
            let statement = table::STATEMENTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text));
            return Err(match (statement, stage) {
                (Some(&(name, reason)), Stage::Start) => SetError::Refused { name, reason: reason.into() },
                _ => SetError::Unknown { name: text.into_owned() },
            });
        };
        let refused = |reason: &str| Err(SetError::Refused { name, reason: reason.into() });
        if stage == Stage::Running {
            if directive.protected && self.enable_protected_configs != Access::Yes {
                return refused("can't set protected config");
            }
            if directive.fixed {
                return refused("can't set immutable config");
            }
        }
        Ok((directive, name))
    }

    fn write(
        &mut self,
        directive: &'static Directive,
        name: &'static str,
        values: &[&[u8]],
        stage: Stage,
    ) -> Result<(), SetError> {
        let refused = |reason: String| SetError::Refused { name, reason };
        let words: Result<Vec<&str>, _> = values.iter().map(|value| core::str::from_utf8(value)).collect();
        let words = words.map_err(|_| refused("argument must be valid UTF-8".into()))?;
        if words.is_empty() {
            return Err(refused("wrong number of arguments".into()));
        }
        // Checked before anything is kept, so that a refused value leaves no trace.
        let mut changed = self.clone();
        if stage == Stage::Running {
            changed.kept.save_lines = false;
        }
        directive.kind.write(&mut changed, directive.name, &words).map_err(refused)?;
        if directive.name == "save" {
            changed.kept.save_lines = stage == Stage::Start;
        }
        if directive.name == "profile" {
            changed.apply_profile();
        }
        if let Some((value, reason)) = directive.refused
            && changed.show(directive) != value
            && !changed.show(directive).eq_ignore_ascii_case("no one")
        {
            return Err(refused(reason.into()));
        }
        if directive.name == "maxclients" && changed.maxclients > changed.clients_possible {
            return Err(refused(format!(
                "The operating system is not able to handle the specified number of clients, try with {}",
                changed.clients_possible
            )));
        }
        *self = changed;
        Ok(())
    }

    /// Sets what the profile stands for.
    fn apply_profile(&mut self) {
        (self.appendonly, self.appendfsync) = match self.profile {
            Profile::Durable => (true, AppendFsync::Always),
            Profile::Balanced => (true, AppendFsync::EverySecond),
            Profile::Fast => (true, AppendFsync::No),
            Profile::Dev => (false, AppendFsync::No),
        };
        if self.profile == Profile::Dev {
            self.save.clear();
        }
    }

    /// What no directive can say alone: the one that should change, and why.
    fn check_together(&self) -> Result<(), (&'static str, &'static str)> {
        if !self.is_grouped() {
            return match (self.raft_peers.is_empty(), self.raft_listen.is_empty()) {
                (true, true) => Ok(()),
                (false, _) => Err(("raft-peers", "raft-peers needs raft-id: which of them this node is")),
                (true, false) => Err(("raft-listen", "raft-listen needs raft-id: this node's number")),
            };
        }
        if self.raft_listen.is_empty() {
            return Err(("raft-id", "raft-id needs raft-listen: the address where the other nodes come"));
        }
        if !self.raft_peers.is_empty() && self.raft_peers.iter().all(|(id, _)| *id != self.raft_id) {
            return Err(("raft-peers", "raft-peers lists every founding member, this node among them"));
        }
        if self.raft_election_ms < self.raft_heartbeat_ms.saturating_mul(2) {
            return Err(("raft-election-ms", "raft-election-ms must be at least twice raft-heartbeat-ms"));
        }
        if !self.appendonly {
            return Err(("appendonly", "a node of a group keeps its log: appendonly must be yes"));
        }
        if self.appendfsync != AppendFsync::Always {
            return Err((
                "appendfsync",
                "a node of a group syncs before it acknowledges: appendfsync must be always",
            ));
        }
        Ok(())
    }
}
