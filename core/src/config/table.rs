//! The table of directives: every name a stock `redis.conf` of version 7.0 or 7.2 can hold, and our own.

use super::kind::{Home, Kind};
use super::values::{
    Access, AppendFsync, EndpointType, LogLevel, MaxmemoryPolicy, Profile, PubsubDefault, RaftReads,
    Supervised,
};
use super::words;

/// One directive.
pub struct Directive {
    /// Its name.
    pub name: &'static str,
    /// Its older or newer name, which `CONFIG GET` lists too.
    pub alias: Option<&'static str>,
    pub(super) kind: Kind,
    /// Only known from the start on, `CONFIG SET` refuses it.
    pub fixed: bool,
    /// `CONFIG SET` refuses it unless `enable-protected-configs` is `yes`.
    pub protected: bool,
    /// Its value is a secret and belongs into no log.
    pub secret: bool,
    /// When it changes, the driver has to do something about it, by [`Action::Apply`](crate::Action::Apply).
    pub driver: bool,
    /// Ignoring it would be unsafe: any value but the first text is refused, for the reason given.
    pub refused: Option<(&'static str, &'static str)>,
}

impl Directive {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            alias: None,
            kind,
            fixed: false,
            protected: false,
            secret: false,
            driver: false,
            refused: None,
        }
    }

    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    const fn fixed(mut self) -> Self {
        self.fixed = true;
        self
    }

    const fn protected(mut self) -> Self {
        self.protected = true;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    const fn driver(mut self) -> Self {
        self.driver = true;
        self
    }

    const fn only(mut self, value: &'static str, reason: &'static str) -> Self {
        self.refused = Some((value, reason));
        self
    }

    /// Whether it is accepted without effect.
    #[must_use]
    pub fn is_without_effect(&self) -> bool {
        self.kind.is_kept()
    }
}

/// The directive called `name`, whatever its case, and its name as the table writes it.
#[must_use]
pub fn find(name: &str) -> Option<(&'static Directive, &'static str)> {
    DIRECTIVES.iter().find_map(|directive| {
        let names = [Some(directive.name), directive.alias];
        let known = names.into_iter().flatten().find(|known| known.eq_ignore_ascii_case(name))?;
        Some((directive, known))
    })
}

/// A field of numbers, whatever their width: the range of the directive lies within the field's.
macro_rules! number {
    ($field:ident, $low:expr, $high:expr) => {
        Kind::Number {
            home: Home::Field {
                read: |config| i128::from(config.$field).min(i128::from(i64::MAX)) as i64,
                write: |config, value| config.$field = value as _,
            },
            low: $low,
            high: $high,
        }
    };
}

macro_rules! memory {
    ($field:ident, $low:expr, $high:expr) => {
        Kind::Memory {
            home: Home::Field { read: |config| config.$field, write: |config, value| config.$field = value },
            low: $low,
            high: $high,
        }
    };
}

macro_rules! boolean {
    ($field:ident) => {
        Kind::Bool(Home::Field { read: |config| config.$field, write: |config, value| config.$field = value })
    };
}

macro_rules! text {
    ($field:ident, $check:expr) => {
        Kind::Text {
            home: Home::Field {
                read: |config| config.$field.clone(),
                write: |config, value| config.$field = value,
            },
            check: $check,
        }
    };
}

/// A field of an enum: each value with its word, in the order in which errors list them.
macro_rules! choice {
    ($field:ident: $($word:literal = $value:path),+ $(,)?) => {
        Kind::Choice {
            home: Home::Field {
                read: |config| {
                    let values = [$($value),+];
                    let place = values.iter().position(|value| *value == config.$field);
                    place.expect("every value has its word")
                },
                write: |config, place| config.$field = [$($value),+][place],
            },
            options: &[$($word),+],
        }
    };
}

const fn kept_bool(default: &'static str) -> Kind {
    Kind::Bool(Home::Kept(default))
}

const fn kept_number(default: &'static str, low: i64, high: i64) -> Kind {
    Kind::Number { home: Home::Kept(default), low, high }
}

const fn kept_memory(default: &'static str, low: u64, high: u64) -> Kind {
    Kind::Memory { home: Home::Kept(default), low, high }
}

const fn kept_choice(default: &'static str, options: &'static [&'static str]) -> Kind {
    Kind::Choice { home: Home::Kept(default), options }
}

const fn kept_text(default: &'static str) -> Kind {
    Kind::Text { home: Home::Kept(default), check: words::check_any }
}

const INT: i64 = i32::MAX as i64;
const UINT: i64 = u32::MAX as i64;
const LONG: i64 = i64::MAX;
const SIZE: u64 = i64::MAX as u64;
const PORT: i64 = u16::MAX as i64;

const NO_TLS: &str = "TLS is not supported: put a TLS proxy in front, or use a private network";
const NO_ACL_FILE: &str =
    "there is one user, whose password is requirepass; more users are not supported yet";
const YES_NO_LOCAL: &[&str] = &["no", "yes", "local"];
const FACILITIES: &[&str] =
    &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];

/// Every directive, grouped as in `redis.conf`.
#[rustfmt::skip]
pub static DIRECTIVES: &[Directive] = &[
    // Network
    Directive::new("bind", Kind::Words { write: words::write_bind, show: words::show_bind, lines: words::lines_bind }).fixed(),
    Directive::new("bind-source-addr", kept_text("")),
    Directive::new("protected-mode", boolean!(protected_mode)),
    Directive::new("port", number!(port, 0, PORT)).fixed(),
    Directive::new("tcp-backlog", number!(tcp_backlog, 0, INT)).fixed(),
    Directive::new("unixsocket", text!(unixsocket, words::check_any)).fixed(),
    Directive::new("unixsocketperm", Kind::Words { write: words::write_socket_mode, show: words::show_socket_mode, lines: |config| vec![words::show_socket_mode(config)] }).fixed(),
    Directive::new("timeout", number!(timeout_s, 0, INT)),
    Directive::new("tcp-keepalive", number!(tcp_keepalive_s, 0, INT)).driver(),
    Directive::new("socket-mark-id", kept_number("0", 0, UINT)).fixed(),
    // TLS
    Directive::new("tls-port", kept_number("0", 0, PORT)).fixed().only("0", NO_TLS),
    Directive::new("tls-replication", kept_bool("no")).only("no", NO_TLS),
    Directive::new("tls-cluster", kept_bool("no")).only("no", NO_TLS),
    Directive::new("tls-cert-file", kept_text("")),
    Directive::new("tls-key-file", kept_text("")),
    Directive::new("tls-key-file-pass", kept_text("")).secret(),
    Directive::new("tls-client-cert-file", kept_text("")),
    Directive::new("tls-client-key-file", kept_text("")),
    Directive::new("tls-client-key-file-pass", kept_text("")).secret(),
    Directive::new("tls-dh-params-file", kept_text("")),
    Directive::new("tls-ca-cert-file", kept_text("")),
    Directive::new("tls-ca-cert-dir", kept_text("")),
    Directive::new("tls-auth-clients", kept_choice("yes", &["no", "yes", "optional"])),
    Directive::new("tls-protocols", kept_text("")),
    Directive::new("tls-ciphers", kept_text("")),
    Directive::new("tls-ciphersuites", kept_text("")),
    Directive::new("tls-prefer-server-ciphers", kept_bool("no")),
    Directive::new("tls-session-caching", kept_bool("yes")),
    Directive::new("tls-session-cache-size", kept_number("20480", 0, INT)),
    Directive::new("tls-session-cache-timeout", kept_number("300", 0, INT)),
    // General
    Directive::new("daemonize", kept_bool("no")).fixed()
        .only("no", "this server stays in the foreground: let systemd, a container or another supervisor run it, with 'daemonize no'"),
    Directive::new("supervised", choice!(supervised: "upstart" = Supervised::Upstart, "systemd" = Supervised::Systemd, "auto" = Supervised::Auto, "no" = Supervised::No)).fixed(),
    Directive::new("pidfile", text!(pidfile, words::check_any)).fixed(),
    Directive::new("loglevel", choice!(loglevel: "debug" = LogLevel::Debug, "verbose" = LogLevel::Verbose, "notice" = LogLevel::Notice, "warning" = LogLevel::Warning)).driver(),
    Directive::new("logfile", text!(logfile, words::check_any)).fixed(),
    Directive::new("syslog-enabled", kept_bool("no")).fixed(),
    Directive::new("syslog-ident", kept_text("redis")).fixed(),
    Directive::new("syslog-facility", kept_choice("local0", FACILITIES)).fixed(),
    Directive::new("crash-log-enabled", kept_bool("yes")),
    Directive::new("crash-memcheck-enabled", kept_bool("yes")),
    Directive::new("databases", number!(databases, 1, INT)).fixed(),
    Directive::new("always-show-logo", kept_bool("no")).fixed(),
    Directive::new("set-proc-title", kept_bool("yes")).fixed(),
    Directive::new("proc-title-template", kept_text("{title} {listen-addr} {server-mode}")),
    Directive::new("locale-collate", kept_text("")),
    Directive::new("ignore-warnings", kept_text("")),
    // Checkpoints
    Directive::new("save", Kind::Words { write: words::write_save, show: words::show_save, lines: words::lines_save }),
    Directive::new("stop-writes-on-bgsave-error", boolean!(stop_writes_on_bgsave_error)),
    Directive::new("rdbcompression", kept_bool("yes")),
    Directive::new("rdbchecksum", kept_bool("yes")).fixed(),
    Directive::new("sanitize-dump-payload", kept_choice("no", &["no", "yes", "clients"])),
    Directive::new("dbfilename", Kind::Text { home: Home::Kept("dump.rdb"), check: words::check_file_name }).protected(),
    Directive::new("rdb-del-sync-files", kept_bool("no")),
    Directive::new("rdb-save-incremental-fsync", kept_bool("yes")),
    Directive::new("dir", text!(dir, words::check_any)).protected().fixed(),
    // Replication
    Directive::new("replicaof", Kind::KeptWords { check: words::check_replica_of, default: "" }).alias("slaveof").fixed()
        .only("", "nodes follow each other by Raft: name the members with raft-peers"),
    Directive::new("masterauth", kept_text("")).secret(),
    Directive::new("masteruser", kept_text("")),
    Directive::new("replica-serve-stale-data", boolean!(replica_serve_stale_data)).alias("slave-serve-stale-data"),
    Directive::new("replica-read-only", boolean!(replica_read_only)).alias("slave-read-only"),
    Directive::new("repl-diskless-sync", kept_bool("yes")),
    Directive::new("repl-diskless-sync-delay", kept_number("5", 0, INT)),
    Directive::new("repl-diskless-sync-max-replicas", kept_number("0", 0, INT)),
    Directive::new("repl-diskless-load", kept_choice("disabled", &["disabled", "on-empty-db", "swapdb"])),
    Directive::new("repl-ping-replica-period", kept_number("10", 1, INT)).alias("repl-ping-slave-period"),
    Directive::new("repl-timeout", kept_number("60", 1, INT)),
    Directive::new("repl-disable-tcp-nodelay", kept_bool("no")),
    Directive::new("repl-backlog-size", kept_memory("1048576", 1, SIZE)),
    Directive::new("repl-backlog-ttl", kept_number("3600", 0, LONG)),
    Directive::new("replica-priority", kept_number("100", 0, INT)).alias("slave-priority"),
    Directive::new("replica-announced", kept_bool("yes")),
    Directive::new("replica-announce-ip", text!(replica_announce_ip, words::check_any)).alias("slave-announce-ip"),
    Directive::new("replica-announce-port", number!(replica_announce_port, 0, PORT)).alias("slave-announce-port"),
    Directive::new("replica-ignore-maxmemory", kept_bool("yes")).alias("slave-ignore-maxmemory"),
    Directive::new("replica-ignore-disk-write-errors", kept_bool("no")),
    Directive::new("replica-lazy-flush", boolean!(replica_lazy_flush)).alias("slave-lazy-flush"),
    Directive::new("propagation-error-behavior", kept_choice("ignore", &["ignore", "panic", "panic-on-replicas"])),
    Directive::new("min-replicas-to-write", kept_number("0", 0, INT)).alias("min-slaves-to-write"),
    Directive::new("min-replicas-max-lag", kept_number("10", 0, INT)).alias("min-slaves-max-lag"),
    Directive::new("tracking-table-max-keys", kept_number("1000000", 0, LONG)),
    // Security
    Directive::new("requirepass", text!(requirepass, words::check_any)).secret(),
    Directive::new("aclfile", kept_text("")).fixed().only("", NO_ACL_FILE),
    Directive::new("acllog-max-len", number!(acllog_max_len, 0, LONG)),
    Directive::new("acl-pubsub-default", choice!(acl_pubsub_default: "allchannels" = PubsubDefault::AllChannels, "resetchannels" = PubsubDefault::ResetChannels)),
    Directive::new("enable-protected-configs", choice!(enable_protected_configs: "no" = Access::No, "yes" = Access::Yes, "local" = Access::Local)).fixed(),
    Directive::new("enable-debug-command", choice!(enable_debug_command: "no" = Access::No, "yes" = Access::Yes, "local" = Access::Local)).fixed(),
    Directive::new("enable-module-command", kept_choice("no", YES_NO_LOCAL)).fixed(),
    // Clients
    Directive::new("maxclients", number!(maxclients, 1, UINT)),
    Directive::new("client-output-buffer-limit", Kind::Words { write: words::write_buffer_limits, show: words::show_buffer_limits, lines: words::lines_buffer_limits }),
    Directive::new("client-query-buffer-limit", memory!(client_query_buffer_limit_bytes, 1 << 20, SIZE)),
    Directive::new("proto-max-bulk-len", memory!(proto_max_bulk_len_bytes, 1 << 20, SIZE)),
    Directive::new("maxmemory-clients", Kind::Text { home: Home::Kept("0"), check: words::check_client_memory }),
    // Memory
    Directive::new("maxmemory", memory!(maxmemory_bytes, 0, u64::MAX)),
    Directive::new("maxmemory-policy", choice!(maxmemory_policy:
        "volatile-lru" = MaxmemoryPolicy::VolatileLru, "volatile-lfu" = MaxmemoryPolicy::VolatileLfu,
        "volatile-random" = MaxmemoryPolicy::VolatileRandom, "volatile-ttl" = MaxmemoryPolicy::VolatileTtl,
        "allkeys-lru" = MaxmemoryPolicy::AllkeysLru, "allkeys-lfu" = MaxmemoryPolicy::AllkeysLfu,
        "allkeys-random" = MaxmemoryPolicy::AllkeysRandom, "noeviction" = MaxmemoryPolicy::NoEviction)),
    Directive::new("maxmemory-samples", number!(maxmemory_samples, 1, INT)),
    Directive::new("maxmemory-eviction-tenacity", kept_number("10", 0, 100)),
    Directive::new("lfu-log-factor", number!(lfu_log_factor, 0, INT)),
    Directive::new("lfu-decay-time", number!(lfu_decay_time_minutes, 0, INT)),
    Directive::new("active-expire-effort", kept_number("1", 1, 10)),
    Directive::new("lazyfree-lazy-eviction", boolean!(lazyfree_lazy_eviction)),
    Directive::new("lazyfree-lazy-expire", boolean!(lazyfree_lazy_expire)),
    Directive::new("lazyfree-lazy-server-del", boolean!(lazyfree_lazy_server_del)),
    Directive::new("lazyfree-lazy-user-del", boolean!(lazyfree_lazy_user_del)),
    Directive::new("lazyfree-lazy-user-flush", boolean!(lazyfree_lazy_user_flush)),
    // Threads, processes, the kernel
    Directive::new("io-threads", kept_number("1", 1, 128)).fixed(),
    Directive::new("io-threads-do-reads", kept_bool("no")).fixed(),
    Directive::new("oom-score-adj", kept_choice("no", &["no", "yes", "relative", "absolute"])),
    Directive::new("oom-score-adj-values", Kind::KeptWords { check: words::check_oom_scores, default: "0 200 800" }),
    Directive::new("disable-thp", kept_bool("yes")).fixed(),
    Directive::new("server_cpulist", kept_text("")).alias("server-cpulist").fixed(),
    Directive::new("bio_cpulist", kept_text("")).alias("bio-cpulist").fixed(),
    Directive::new("aof_rewrite_cpulist", kept_text("")).alias("aof-rewrite-cpulist").fixed(),
    Directive::new("bgsave_cpulist", kept_text("")).alias("bgsave-cpulist").fixed(),
    // Log
    Directive::new("profile", choice!(profile: "durable" = Profile::Durable, "balanced" = Profile::Balanced, "fast" = Profile::Fast, "dev" = Profile::Dev)).fixed(),
    Directive::new("appendonly", boolean!(appendonly)),
    Directive::new("appendfilename", Kind::Text { home: Home::Kept("appendonly.aof"), check: words::check_file_name }).fixed(),
    Directive::new("appenddirname", Kind::Text { home: Home::Kept("appendonlydir"), check: words::check_file_name }).fixed(),
    Directive::new("appendfsync", choice!(appendfsync: "everysec" = AppendFsync::EverySecond, "always" = AppendFsync::Always, "no" = AppendFsync::No)),
    Directive::new("no-appendfsync-on-rewrite", kept_bool("no")),
    Directive::new("auto-aof-rewrite-percentage", number!(auto_aof_rewrite_percentage, 0, INT)),
    Directive::new("auto-aof-rewrite-min-size", memory!(auto_aof_rewrite_min_size_bytes, 0, SIZE)),
    Directive::new("aof-load-truncated", kept_bool("yes")),
    Directive::new("aof-use-rdb-preamble", kept_bool("yes")),
    Directive::new("aof-timestamp-enabled", kept_bool("no")),
    Directive::new("aof-disable-auto-gc", kept_bool("no")),
    Directive::new("aof-rewrite-incremental-fsync", kept_bool("yes")),
    // Stopping
    Directive::new("shutdown-timeout", number!(shutdown_timeout_s, 0, INT)),
    Directive::new("shutdown-on-sigint", Kind::Words { write: words::write_on_sigint, show: words::show_on_sigint, lines: |config| vec![words::show_on_sigint(config)] }),
    Directive::new("shutdown-on-sigterm", Kind::Words { write: words::write_on_sigterm, show: words::show_on_sigterm, lines: |config| vec![words::show_on_sigterm(config)] }),
    // Scripts
    Directive::new("busy-reply-threshold", number!(busy_reply_threshold_ms, 0, LONG)).alias("lua-time-limit"),
    // Cluster
    Directive::new("cluster-enabled", boolean!(cluster_enabled)).fixed(),
    Directive::new("cluster-config-file", kept_text("nodes.conf")).fixed(),
    Directive::new("cluster-node-timeout", kept_number("15000", 0, LONG)),
    Directive::new("cluster-port", kept_number("0", 0, PORT)).fixed(),
    Directive::new("cluster-replica-validity-factor", kept_number("10", 0, INT)).alias("cluster-slave-validity-factor"),
    Directive::new("cluster-migration-barrier", kept_number("1", 0, INT)),
    Directive::new("cluster-allow-replica-migration", kept_bool("yes")),
    Directive::new("cluster-require-full-coverage", boolean!(cluster_require_full_coverage)),
    Directive::new("cluster-replica-no-failover", kept_bool("no")).alias("cluster-slave-no-failover"),
    Directive::new("cluster-allow-reads-when-down", kept_bool("no")),
    Directive::new("cluster-allow-pubsubshard-when-down", kept_bool("yes")),
    Directive::new("cluster-link-sendbuf-limit", kept_memory("0", 0, u64::MAX)),
    Directive::new("cluster-announce-ip", text!(cluster_announce_ip, words::check_any)),
    Directive::new("cluster-announce-port", number!(cluster_announce_port, 0, PORT)),
    Directive::new("cluster-announce-tls-port", kept_number("0", 0, PORT)),
    Directive::new("cluster-announce-bus-port", number!(cluster_announce_bus_port, 0, PORT)),
    Directive::new("cluster-announce-hostname", text!(cluster_announce_hostname, words::check_hostname)),
    Directive::new("cluster-announce-human-nodename", Kind::Text { home: Home::Kept(""), check: words::check_hostname }),
    Directive::new("cluster-preferred-endpoint-type", choice!(cluster_preferred_endpoint_type: "ip" = EndpointType::Ip, "hostname" = EndpointType::Hostname, "unknown-endpoint" = EndpointType::UnknownEndpoint)),
    // Raft
    Directive::new("raft-id", number!(raft_id, 0, LONG)).fixed(),
    Directive::new("raft-listen", text!(raft_listen, words::check_any)).fixed(),
    Directive::new("raft-peers", Kind::Words { write: words::write_peers, show: words::show_peers, lines: words::lines_peers }).fixed(),
    Directive::new("raft-secret", text!(raft_secret, words::check_any)).fixed().secret(),
    Directive::new("raft-election-ms", number!(raft_election_ms, 10, INT)).fixed(),
    Directive::new("raft-heartbeat-ms", number!(raft_heartbeat_ms, 1, INT)).fixed(),
    Directive::new("raft-reads", choice!(raft_reads: "index" = RaftReads::Index, "lease" = RaftReads::Lease)).fixed(),
    // Observation
    Directive::new("slowlog-log-slower-than", number!(slowlog_log_slower_than_us, -1, LONG)),
    Directive::new("slowlog-max-len", number!(slowlog_max_len, 0, LONG)),
    Directive::new("latency-monitor-threshold", number!(latency_monitor_threshold_ms, 0, LONG)),
    Directive::new("latency-tracking", boolean!(latency_tracking)),
    Directive::new("latency-tracking-info-percentiles", Kind::Words { write: words::write_percentiles, show: words::show_percentiles, lines: words::lines_percentiles }),
    Directive::new("notify-keyspace-events", Kind::Words { write: words::write_events, show: words::show_events, lines: words::lines_events }),
    // Encodings
    Directive::new("hash-max-listpack-entries", number!(hash_max_listpack_entries, 0, LONG)).alias("hash-max-ziplist-entries"),
    Directive::new("hash-max-listpack-value", memory!(hash_max_listpack_value_bytes, 0, SIZE)).alias("hash-max-ziplist-value"),
    Directive::new("list-max-listpack-size", number!(list_max_listpack_size, i32::MIN as i64, INT)).alias("list-max-ziplist-size"),
    Directive::new("list-compress-depth", kept_number("0", 0, INT)),
    Directive::new("set-max-intset-entries", number!(set_max_intset_entries, 0, LONG)),
    Directive::new("set-max-listpack-entries", number!(set_max_listpack_entries, 0, LONG)),
    Directive::new("set-max-listpack-value", memory!(set_max_listpack_value_bytes, 0, SIZE)),
    Directive::new("zset-max-listpack-entries", number!(zset_max_listpack_entries, 0, LONG)).alias("zset-max-ziplist-entries"),
    Directive::new("zset-max-listpack-value", memory!(zset_max_listpack_value_bytes, 0, SIZE)).alias("zset-max-ziplist-value"),
    Directive::new("hll-sparse-max-bytes", memory!(hll_sparse_max_bytes, 0, SIZE)),
    Directive::new("stream-node-max-bytes", memory!(stream_node_max_bytes, 0, SIZE)),
    Directive::new("stream-node-max-entries", number!(stream_node_max_entries, 0, LONG)),
    Directive::new("activerehashing", kept_bool("yes")),
    Directive::new("hz", Kind::Number { home: Home::Field { read: |config| i64::from(config.hz), write: |config, value| config.hz = value.clamp(1, 500) as u32 }, low: 0, high: INT }),
    Directive::new("dynamic-hz", kept_bool("yes")),
    Directive::new("jemalloc-bg-thread", kept_bool("yes")),
    Directive::new("activedefrag", kept_bool("no")),
    Directive::new("active-defrag-ignore-bytes", kept_memory("104857600", 1, SIZE)),
    Directive::new("active-defrag-threshold-lower", kept_number("10", 0, 1000)),
    Directive::new("active-defrag-threshold-upper", kept_number("100", 0, 1000)),
    Directive::new("active-defrag-cycle-min", kept_number("1", 1, 99)),
    Directive::new("active-defrag-cycle-max", kept_number("25", 1, 99)),
    Directive::new("active-defrag-max-scan-fields", kept_number("1000", 1, LONG)),
];

/// Names that stand in configuration files but are no settings, with the reason for refusing them.
pub(super) static STATEMENTS: &[(&str, &str)] = &[
    ("rename-command", "commands keep their names"),
    ("user", NO_ACL_FILE),
    ("loadmodule", "modules cannot be loaded"),
    ("sentinel", "there is no Sentinel mode: members of a group elect their leader themselves"),
];
