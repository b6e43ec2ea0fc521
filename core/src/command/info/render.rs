//! Writes facts as `INFO` shows them.

use core::fmt::{Display, Write as _};

use super::Facts;

/// Writes the lines of a section.
type Section = fn(&Facts, &mut Text<'_>);

/// The sections in their order: names, and whether a plain `INFO` shows them.
const SECTIONS: &[(&str, bool, Section)] = &[
    ("Server", true, server),
    ("Clients", true, clients),
    ("Memory", true, memory),
    ("Persistence", true, persistence),
    ("Stats", true, stats),
    ("Replication", true, replication),
    ("CPU", true, cpu),
    ("Modules", true, |_, _| {}),
    ("Commandstats", false, commands),
    ("Errorstats", true, errors),
    ("Latencystats", false, latencies),
    ("Cluster", true, cluster),
    ("Keyspace", true, keyspace),
];

/// Whether a list of section names, in lower case, asks for this section. An empty list asks for the usual ones.
#[must_use]
pub fn wants(asked: &[String], section: &str) -> bool {
    let Some((name, usual, _)) = SECTIONS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(section)) else {
        return false;
    };
    if asked.is_empty() {
        return *usual;
    }
    asked.iter().any(|word| match word.as_str() {
        "default" => *usual,
        "everything" => true,
        // Redis leaves out what modules add, and with it the list of modules.
        "all" => *name != "Modules",
        word => word.eq_ignore_ascii_case(name),
    })
}

/// Writes the sections asked for, in lower case; none for the usual ones. Unknown names ask for nothing.
pub fn render(facts: &Facts, asked: &[String], out: &mut String) {
    for (name, _, section) in SECTIONS {
        if !wants(asked, name) {
            continue;
        }
        if !out.is_empty() {
            out.push_str("\r\n");
        }
        out.push_str("# ");
        out.push_str(name);
        out.push_str("\r\n");
        section(facts, &mut Text { out });
    }
}

/// A number of bytes for people: `1.50M`.
#[must_use]
pub fn human_bytes(bytes: u64) -> String {
    let in_unit = |shift: u32| bytes as f64 / (1_u64 << shift) as f64;
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..0x10_0000 => format!("{:.2}K", in_unit(10)),
        0x10_0000..0x4000_0000 => format!("{:.2}M", in_unit(20)),
        0x4000_0000..0x100_0000_0000 => format!("{:.2}G", in_unit(30)),
        _ => format!("{:.2}T", in_unit(40)),
    }
}

struct Text<'a> {
    out: &'a mut String,
}

impl Text<'_> {
    fn line(&mut self, name: impl Display, value: impl Display) {
        write!(self.out, "{name}:{value}\r\n").expect("a string takes everything");
    }

    /// A number of bytes, and the same for people.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.line(name, bytes);
        self.line(format_args!("{name}_human"), human_bytes(bytes));
    }

    fn flag(&mut self, name: &str, on: bool) {
        self.line(name, u8::from(on));
    }

    /// Fields whose subject does not exist here.
    fn zeros(&mut self, names: &[&str]) {
        for name in names {
            self.line(name, 0);
        }
    }

    /// Seconds, or -1 for none.
    fn seconds(&mut self, name: &str, seconds: Option<u64>) {
        match seconds {
            Some(seconds) => self.line(name, seconds),
            None => self.line(name, -1),
        }
    }

    fn status(&mut self, name: &str, ok: bool) {
        self.line(name, if ok { "ok" } else { "err" });
    }
}

/// 100 of `part` in `whole`, as Redis writes it.
fn percent(part: u64, whole: u64) -> String {
    format!("{:.2}%", part as f64 * 100.0 / whole.max(1) as f64)
}

fn ratio(part: u64, whole: u64) -> String {
    let ratio = if part == 0 || whole == 0 { 1.0 } else { part as f64 / whole as f64 };
    format!("{ratio:.2}")
}

fn server(facts: &Facts, text: &mut Text<'_>) {
    let server = &facts.server;
    text.line("redis_version", crate::REDIS_VERSION);
    text.line("redis_git_sha1", "00000000");
    text.line("redis_git_dirty", 0);
    text.line("redis_build_id", env!("CARGO_PKG_VERSION"));
    text.line("redis_mode", if facts.cluster_enabled { "cluster" } else { "standalone" });
    text.line("os", &server.os);
    text.line("arch_bits", usize::BITS);
    text.line("monotonic_clock", "POSIX clock_gettime");
    text.line("multiplexing_api", "epoll");
    text.line("atomicvar_api", "rust-core");
    text.line("gcc_version", "0.0.0");
    text.line("process_id", server.process_id);
    text.line("process_supervised", &server.supervised);
    text.line("run_id", &server.run_id);
    text.line("tcp_port", server.tcp_port);
    text.line("server_time_usec", server.time_us);
    text.line("uptime_in_seconds", server.uptime_us / 1_000_000);
    text.line("uptime_in_days", server.uptime_us / 86_400_000_000);
    text.line("hz", server.hz);
    text.line("configured_hz", server.hz);
    text.line("lru_clock", (server.time_us / 1_000_000) & 0xff_ffff);
    text.line("executable", &server.executable);
    text.line("config_file", &server.config_file);
    text.line("io_threads_active", 0);
    for (number, listener) in server.listeners.iter().enumerate() {
        text.line(format_args!("listener{number}"), listener);
    }
    text.line("server_name", "lockstep");
    text.line("lockstep_version", env!("CARGO_PKG_VERSION"));
}

fn clients(facts: &Facts, text: &mut Text<'_>) {
    let clients = &facts.clients;
    text.line("connected_clients", clients.connected);
    text.line("cluster_connections", 0);
    text.line("maxclients", clients.max);
    text.line("client_recent_max_input_buffer", clients.max_input_bytes);
    text.line("client_recent_max_output_buffer", clients.max_output_bytes);
    text.line("blocked_clients", clients.blocked);
    text.line("tracking_clients", 0);
    text.line("clients_in_timeout_table", clients.in_timeout_table);
    text.zeros(&["total_blocking_keys", "total_blocking_keys_on_nokey"]);
}

fn memory(facts: &Facts, text: &mut Text<'_>) {
    let memory = &facts.memory;
    let overhead = memory.used.saturating_sub(memory.dataset);
    let allocated = if memory.allocated > 0 { memory.allocated } else { memory.used };
    text.bytes("used_memory", memory.used);
    text.bytes("used_memory_rss", memory.resident);
    text.bytes("used_memory_peak", memory.used_peak);
    text.line("used_memory_peak_perc", percent(memory.used, memory.used_peak));
    text.line("used_memory_overhead", overhead);
    text.line("used_memory_startup", memory.startup);
    text.line("used_memory_dataset", memory.dataset);
    let net = memory.used.saturating_sub(memory.startup);
    text.line("used_memory_dataset_perc", percent(memory.dataset.min(net), net));
    text.line("allocator_allocated", allocated);
    text.line("allocator_active", memory.resident.max(allocated));
    text.line("allocator_resident", memory.resident.max(allocated));
    text.bytes("total_system_memory", memory.system);
    text.zeros(&["used_memory_lua", "used_memory_vm_eval"]);
    text.line("used_memory_lua_human", "0B");
    let of_scripts = [
        "used_memory_scripts_eval",
        "number_of_cached_scripts",
        "number_of_functions",
        "number_of_libraries",
    ];
    text.zeros(&of_scripts);
    text.zeros(&["used_memory_vm_functions", "used_memory_vm_total"]);
    text.line("used_memory_vm_total_human", "0B");
    text.zeros(&["used_memory_functions", "used_memory_scripts"]);
    text.line("used_memory_scripts_human", "0B");
    text.bytes("maxmemory", memory.max);
    text.line("maxmemory_policy", &memory.policy);
    let resident = memory.resident.max(allocated);
    text.line("allocator_frag_ratio", ratio(resident, allocated));
    text.line("allocator_frag_bytes", resident - allocated);
    text.line("allocator_rss_ratio", "1.00");
    text.line("allocator_rss_bytes", 0);
    text.line("rss_overhead_ratio", ratio(memory.resident, resident));
    text.line("rss_overhead_bytes", 0);
    text.line("mem_fragmentation_ratio", ratio(memory.resident, memory.used));
    text.line("mem_fragmentation_bytes", memory.resident as i64 - memory.used as i64);
    text.zeros(&[
        "mem_not_counted_for_evict",
        "mem_replication_backlog",
        "mem_total_replication_buffers",
        "mem_clients_slaves",
    ]);
    text.line("mem_clients_normal", memory.clients);
    text.line("mem_cluster_links", 0);
    text.line("mem_aof_buffer", memory.log_buffer);
    text.line("mem_allocator", &memory.allocator);
    text.zeros(&["active_defrag_running", "lazyfree_pending_objects", "lazyfreed_objects"]);
    text.bytes("used_memory_rss_peak", memory.resident_peak);
}

fn persistence(facts: &Facts, text: &mut Text<'_>) {
    let facts = &facts.persistence;
    let running = facts.save_running_s.is_some();
    text.flag("loading", facts.loading.is_some());
    text.line("async_loading", 0);
    text.line("current_cow_peak", facts.extra_bytes_peak * u64::from(running));
    text.line("current_cow_size", facts.extra_bytes);
    text.line("current_cow_size_age", 0);
    let done = facts.keys_done as f64 * 100.0 / facts.keys_total.max(1) as f64;
    text.line("current_fork_perc", format_args!("{:.2}", if running { done.min(100.0) } else { 0.0 }));
    text.line("current_save_keys_processed", facts.keys_done);
    text.line("current_save_keys_total", facts.keys_total);
    text.line("rdb_changes_since_last_save", facts.changes);
    text.flag("rdb_bgsave_in_progress", running);
    text.line("rdb_last_save_time", facts.last_save_s);
    text.status("rdb_last_bgsave_status", facts.last_save_ok);
    text.seconds("rdb_last_bgsave_time_sec", facts.last_save_took_s);
    text.seconds("rdb_current_bgsave_time_sec", facts.save_running_s);
    text.line("rdb_saves", facts.saves);
    text.line("rdb_last_cow_size", facts.extra_bytes_peak);
    text.line("rdb_last_load_keys_expired", 0);
    text.line("rdb_last_load_keys_loaded", facts.keys_loaded);
    text.flag("aof_enabled", facts.log.is_some());
    let rewriting = running && facts.log.is_some();
    text.flag("aof_rewrite_in_progress", rewriting);
    text.flag("aof_rewrite_scheduled", facts.save_scheduled);
    let with_log = |seconds: Option<u64>| seconds.filter(|_| facts.log.is_some());
    text.seconds("aof_last_rewrite_time_sec", with_log(facts.last_save_took_s));
    text.seconds("aof_current_rewrite_time_sec", with_log(facts.save_running_s));
    text.status("aof_last_bgrewrite_status", facts.last_save_ok);
    text.line("aof_rewrites", if facts.log.is_some() { facts.saves } else { 0 });
    text.line("aof_rewrites_consecutive_failures", facts.failures);
    text.status("aof_last_write_status", facts.write_ok);
    text.line("aof_last_cow_size", facts.extra_bytes_peak);
    text.zeros(&["module_fork_in_progress", "module_fork_last_cow_size"]);
    if let Some(log) = &facts.log {
        text.line("aof_current_size", log.size_bytes);
        text.line("aof_base_size", log.base_bytes);
        text.flag("aof_pending_rewrite", facts.save_scheduled);
        text.line("aof_buffer_length", 0);
        text.line("aof_pending_bio_fsync", log.syncs_pending);
        text.line("aof_delayed_fsync", log.delayed_syncs);
    }
    if let Some(loading) = &facts.loading {
        let perc = loading.loaded_bytes as f64 * 100.0 / loading.total_bytes.max(1) as f64;
        let rest = loading.total_bytes.saturating_sub(loading.loaded_bytes);
        let eta_us = u128::from(loading.took_us) * u128::from(rest) / u128::from(loading.loaded_bytes.max(1));
        text.line("loading_start_time", loading.start_s);
        text.line("loading_total_bytes", loading.total_bytes);
        text.line("loading_rdb_used_mem", 0);
        text.line("loading_loaded_bytes", loading.loaded_bytes);
        text.line("loading_loaded_perc", format_args!("{perc:.2}"));
        text.line("loading_eta_seconds", (eta_us / 1_000_000).max(1));
    }
    text.flag("checkpoint_in_progress", running);
    text.line("checkpoint_keys_done", facts.keys_done);
    text.line("checkpoint_keys_total", facts.keys_total);
    text.line("checkpoint_extra_bytes", facts.extra_bytes);
    text.line("checkpoint_extra_bytes_peak", facts.extra_bytes_peak);
    if let Some(log) = &facts.log {
        text.line("log_segments", log.segments);
        text.line("log_segment_bytes", log.segment_bytes);
        text.line("log_written_position", log.written_position);
        text.line("log_synced_position", log.synced_position);
        text.line("log_last_index", log.last_index);
        text.line("log_applied_index", log.applied_index);
    }
}

fn stats(facts: &Facts, text: &mut Text<'_>) {
    let stats = &facts.stats;
    text.line("total_connections_received", stats.connections);
    text.line("total_commands_processed", stats.commands);
    text.line("instantaneous_ops_per_sec", stats.commands_per_second);
    text.line("total_net_input_bytes", stats.input_bytes);
    text.line("total_net_output_bytes", stats.output_bytes);
    text.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    text.line("instantaneous_input_kbps", format_args!("{:.2}", stats.input_kib_per_second));
    text.line("instantaneous_output_kbps", format_args!("{:.2}", stats.output_kib_per_second));
    text.line("instantaneous_input_repl_kbps", "0.00");
    text.line("instantaneous_output_repl_kbps", "0.00");
    text.line("rejected_connections", stats.rejected_connections);
    text.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    text.line("expired_keys", stats.expired_keys);
    text.line("expired_stale_perc", "0.00");
    text.zeros(&["expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds"]);
    text.line("evicted_keys", stats.evicted_keys);
    text.line("evicted_clients", stats.evicted_clients);
    text.zeros(&["total_eviction_exceeded_time", "current_eviction_exceeded_time"]);
    text.line("keyspace_hits", stats.hits);
    text.line("keyspace_misses", stats.misses);
    text.zeros(&[
        "pubsub_channels",
        "pubsub_patterns",
        "pubsubshard_channels",
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
        "tracking_total_keys",
        "tracking_total_items",
        "tracking_total_prefixes",
        "unexpected_error_replies",
    ]);
    text.line("total_error_replies", stats.error_replies);
    text.line("dump_payload_sanitizations", 0);
    text.line("total_reads_processed", stats.reads);
    text.line("total_writes_processed", stats.writes);
    text.zeros(&[
        "io_threaded_reads_processed",
        "io_threaded_writes_processed",
        "reply_buffer_shrinks",
        "reply_buffer_expands",
    ]);
    text.line("eventloop_cycles", stats.turns);
    text.line("eventloop_duration_sum", stats.turns_us);
    text.zeros(&[
        "eventloop_duration_cmd_sum",
        "instantaneous_eventloop_cycles_per_sec",
        "instantaneous_eventloop_duration_usec",
    ]);
    text.line("acl_access_denied_auth", stats.denied_logins);
    text.zeros(&["acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"]);
    text.line("total_protocol_errors", stats.protocol_errors);
}

fn replication(facts: &Facts, text: &mut Text<'_>) {
    text.line("role", "master");
    text.line("connected_slaves", 0);
    text.line("master_failover_state", "no-failover");
    text.line("master_replid", &facts.replication.id);
    text.line("master_replid2", "0".repeat(40));
    text.line("master_repl_offset", facts.replication.offset);
    text.line("second_repl_offset", -1);
    text.zeros(&[
        "repl_backlog_active",
        "repl_backlog_size",
        "repl_backlog_first_byte_offset",
        "repl_backlog_histlen",
    ]);
}

fn cpu(facts: &Facts, text: &mut Text<'_>) {
    let seconds = |micros: u64| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.line("used_cpu_sys", seconds(facts.cpu.system_us));
    text.line("used_cpu_user", seconds(facts.cpu.user_us));
    text.line("used_cpu_sys_children", seconds(0));
    text.line("used_cpu_user_children", seconds(0));
    text.line("used_cpu_sys_main_thread", seconds(facts.cpu.system_us));
    text.line("used_cpu_user_main_thread", seconds(facts.cpu.user_us));
}

fn commands(facts: &Facts, text: &mut Text<'_>) {
    for command in &facts.commands {
        let per_call = command.micros as f64 / command.calls.max(1) as f64;
        text.line(
            format_args!("cmdstat_{}", command.name),
            format_args!(
                "calls={},usec={},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
                command.calls, command.micros, command.rejected, command.failed
            ),
        );
    }
}

fn errors(facts: &Facts, text: &mut Text<'_>) {
    for (code, count) in &facts.errors {
        text.line(format_args!("errorstat_{code}"), format_args!("count={count}"));
    }
}

fn latencies(facts: &Facts, text: &mut Text<'_>) {
    for (name, percentiles) in &facts.latencies {
        let shown: Vec<String> =
            percentiles.iter().map(|(percentile, micros)| format!("p{percentile}={micros:.3}")).collect();
        text.line(format_args!("latency_percentiles_usec_{name}"), shown.join(","));
    }
}

fn cluster(facts: &Facts, text: &mut Text<'_>) {
    text.flag("cluster_enabled", facts.cluster_enabled);
}

fn keyspace(facts: &Facts, text: &mut Text<'_>) {
    for database in &facts.databases {
        text.line(
            format_args!("db{}", database.number),
            format_args!(
                "keys={},expires={},avg_ttl={}",
                database.keys, database.expires, database.average_ttl_ms
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(facts: &Facts, asked: &[&str]) -> String {
        let asked: Vec<String> = asked.iter().map(|&name| name.to_owned()).collect();
        let mut out = String::new();
        render(facts, &asked, &mut out);
        out
    }

    fn titles(text: &str) -> Vec<&str> {
        text.lines().filter_map(|line| line.strip_prefix("# ")).collect()
    }

    #[test]
    fn sections_come_in_their_order_whatever_is_asked_first() {
        let facts = Facts::default();
        assert_eq!(
            shown(&facts, &["keyspace", "cluster"]),
            "# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\n"
        );
        assert_eq!(shown(&facts, &["nosuch"]), "");
        let usual = shown(&facts, &[]);
        assert_eq!(usual, shown(&facts, &["default"]));
        assert!(!titles(&usual).contains(&"Commandstats") && titles(&usual).contains(&"Modules"));
        assert_eq!(titles(&shown(&facts, &["everything"])).len(), SECTIONS.len());
        assert_eq!(titles(&shown(&facts, &["all"])).len(), SECTIONS.len() - 1);
    }

    #[test]
    fn every_line_is_a_name_and_a_value_and_no_name_comes_twice() {
        let facts = Facts {
            persistence: super::super::Persistence {
                loading: Some(super::super::Loading::default()),
                log: Some(super::super::LogFacts::default()),
                ..Default::default()
            },
            ..Facts::default()
        };
        let text = shown(&facts, &["everything"]);
        let mut names: Vec<&str> = Vec::new();
        for line in text.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, _) = line.split_once(':').expect("a name, a colon, a value");
            assert!(!names.contains(&name), "{name} comes twice");
            names.push(name);
        }
        assert!(names.len() > 150);
    }

    #[test]
    fn bytes_for_people() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1536, "1.50K"),
            (1 << 20, "1.00M"),
            (3 << 29, "1.50G"),
            (1 << 41, "2.00T"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
    }
}
