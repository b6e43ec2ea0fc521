//! `INFO` and `MEMORY STATS`: what the node knows of itself.

use std::collections::VecDeque;

use super::Node;
use super::recovery::Phase;
use crate::Mono;
use crate::command::CommandId;
use crate::command::info::{self, Facts};
use crate::ids::{ConnId, File};
use crate::session::{Session, State};

/// How far back rates look, in samples; there is one every second or so.
const SAMPLES: usize = 4;

/// Counters as they stood lately, to tell rates from.
#[derive(Debug, Default)]
pub(super) struct Rates {
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Mono,
    commands: u64,
    input_bytes: u64,
    output_bytes: u64,
}

impl Rates {
    fn note(&mut self, sample: Sample) {
        // Counters go back when they are reset; then looking begins anew.
        if self.samples.back().is_some_and(|last| last.commands > sample.commands) {
            self.samples.clear();
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// Commands, bytes in and bytes out, per second.
    fn per_second(&self) -> [f64; 3] {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else { return [0.0; 3] };
        let seconds = last.at.micros_since(first.at) as f64 / 1e6;
        if seconds == 0.0 {
            return [0.0; 3];
        }
        let rate = |first: u64, last: u64| last.saturating_sub(first) as f64 / seconds;
        [
            rate(first.commands, last.commands),
            rate(first.input_bytes, last.input_bytes),
            rate(first.output_bytes, last.output_bytes),
        ]
    }
}

impl Node {
    /// Figures from the driver, about once a second.
    pub(super) fn measured(&mut self, measures: crate::Measures) {
        self.measures = measures;
        self.resident_peak_bytes = self.resident_peak_bytes.max(measures.resident_bytes);
        self.used_peak_bytes = self.used_peak_bytes.max(self.used_bytes());
        let sample = Sample {
            at: self.now.mono,
            commands: self.commands_run(),
            input_bytes: self.stats.input_bytes,
            output_bytes: self.stats.output_bytes,
        };
        self.rates.note(sample);
    }

    /// `INFO`.
    pub(super) fn tell_info(&mut self, conn: ConnId, sections: &[String]) {
        self.charge_untold();
        let facts = self.facts(sections);
        let mut text = String::new();
        info::render(&facts, sections, &mut text);
        self.reply(conn, |reply| reply.verbatim("txt", text.as_bytes()));
    }

    /// Everything that `INFO` shows of the sections asked for; what is dear to find out is left out when it is not.
    fn facts(&mut self, sections: &[String]) -> Facts {
        self.used_peak_bytes = self.used_peak_bytes.max(self.used_bytes());
        let wants = |section: &str| info::wants(sections, section);
        Facts {
            server: self.server_facts(),
            clients: self.client_facts(),
            memory: self.memory_facts(),
            persistence: self.persistence_facts(),
            stats: self.stat_facts(),
            replication: self.replication_facts(),
            cpu: info::Cpu { system_us: self.measures.cpu_system_us, user_us: self.measures.cpu_user_us },
            commands: if wants("commandstats") { self.command_facts() } else { Vec::new() },
            errors: self.error_facts(),
            latencies: if wants("latencystats") {
                self.latency.percentiles(&self.config.latency_tracking_info_percentiles)
            } else {
                Vec::new()
            },
            databases: if wants("keyspace") { self.database_facts() } else { Vec::new() },
            cluster_enabled: self.config.cluster_enabled,
        }
    }

    fn commands_run(&self) -> u64 {
        self.stats.commands.iter().map(|command| command.calls).sum()
    }

    /// Memory held for connections, in bytes.
    fn client_bytes(&self) -> u64 {
        let held = |session: &Session| {
            size_of::<Session>() + session.input.memory_bytes() + session.output.unsent().len()
        };
        self.sessions.iter().map(|session| held(session) as u64).sum()
    }

    /// Memory in use by our own count, in bytes.
    fn used_bytes(&self) -> u64 {
        self.counted_bytes() + self.client_bytes()
    }

    fn server_facts(&self) -> info::Server {
        let config = &self.config;
        let mut listeners = Vec::new();
        if config.port > 0 {
            let bind: Vec<String> = config.bind.iter().map(|address| format!("bind={address}")).collect();
            listeners.push(format!("name=tcp,{},port={}", bind.join(","), config.port));
        }
        if !config.unixsocket.is_empty() {
            listeners.push(format!("name=unix,bind={}", config.unixsocket));
        }
        let supervised = crate::config::find("supervised").expect("a directive of that name").0;
        info::Server {
            os: config.host.os.clone(),
            process_id: config.host.process_id,
            supervised: config.show(supervised),
            run_id: self.run_id.clone(),
            tcp_port: config.port,
            listeners,
            time_us: self.now.wall_us,
            uptime_us: self.now.mono.micros_since(self.started.mono),
            hz: config.hz,
            executable: config.host.executable.clone(),
            config_file: config.config_file.clone(),
        }
    }

    fn client_facts(&self) -> info::Clients {
        let input = self.sessions.iter().map(|session| session.input.bytes.len()).max().unwrap_or(0);
        let output = self.sessions.iter().map(|session| session.output.unsent().len()).max().unwrap_or(0);
        let deadlines: Vec<Option<Mono>> = self
            .sessions
            .iter()
            .filter_map(|session| match session.state {
                State::Blocked(wait) => Some(wait.deadline),
                _ => None,
            })
            .collect();
        info::Clients {
            connected: self.sessions.len() as u64,
            max: u64::from(self.config.maxclients),
            max_input_bytes: input as u64,
            max_output_bytes: output as u64,
            blocked: deadlines.len() as u64,
            in_timeout_table: deadlines.iter().flatten().count() as u64,
        }
    }

    fn memory_facts(&self) -> info::Memory {
        let policy = crate::config::find("maxmemory-policy").expect("a directive of that name").0;
        info::Memory {
            used: self.used_bytes(),
            used_peak: self.used_peak_bytes,
            dataset: self.keyspace.used_bytes() as u64,
            startup: size_of::<Self>() as u64,
            resident: self.measures.resident_bytes,
            resident_peak: self.resident_peak_bytes,
            allocated: self.measures.allocated_bytes,
            system: self.measures.system_bytes,
            max: self.config.maxmemory_bytes,
            policy: self.config.show(policy),
            clients: self.client_bytes(),
            log_buffer: self.writer.open_bytes() as u64,
            allocator: self.config.host.allocator.clone(),
        }
    }

    fn persistence_facts(&self) -> info::Persistence {
        let seconds_since = |since: Mono| self.now.mono.micros_since(since) / 1_000_000;
        let checkpoint = &self.checkpoint;
        let progress = self.keyspace.save_progress();
        let (keys_done, keys_total, extra) = if progress.running {
            (progress.keys_done, progress.keys_total, progress.extra_bytes as u64)
        } else {
            (0, 0, 0)
        };
        let loading = self.loading_progress().map(|progress| info::Loading {
            start_s: self.started.wall_us / 1_000_000,
            took_us: self.now.mono.micros_since(self.started.mono),
            total_bytes: progress.total_bytes,
            loaded_bytes: progress.read_bytes,
        });
        info::Persistence {
            loading: loading.or_else(|| (!matches!(self.phase, Phase::Running)).then(info::Loading::default)),
            changes: self.stats.changes_since_checkpoint,
            last_save_s: checkpoint.last_save.0 / 1000,
            last_save_ok: checkpoint.last_ok,
            last_save_took_s: (checkpoint.saves > 0).then_some(checkpoint.last_took_us / 1_000_000),
            save_running_s: checkpoint.is_running().then(|| checkpoint.began().map_or(0, seconds_since)),
            save_scheduled: checkpoint.is_scheduled(),
            saves: checkpoint.saves,
            failures: checkpoint.failures,
            keys_done,
            keys_total,
            extra_bytes: extra,
            extra_bytes_peak: checkpoint.extra_bytes_peak,
            keys_loaded: self.keys_loaded,
            log: self.log_facts(),
            write_ok: !self.writer.space_refused(),
        }
    }

    fn log_facts(&self) -> Option<info::LogFacts> {
        let Some(File::Segment(_)) = self.writer.file() else { return None };
        Some(info::LogFacts {
            size_bytes: self.log_size_bytes(),
            base_bytes: self.checkpoint.file_bytes,
            segment_bytes: self.writer.segment_bytes(),
            segments: self.segments.len() as u64,
            written_position: self.writer.written().0,
            synced_position: self.writer.synced().position.0,
            last_index: self.writer.last().index.0,
            applied_index: self.applied.0,
            delayed_syncs: self.storage.delayed_syncs,
            syncs_pending: self.storage.syncs_pending(),
        })
    }

    fn stat_facts(&self) -> info::Stats {
        let [commands_per_second, input, output] = self.rates.per_second();
        let denied = self.stats.errors.iter().find(|(code, _)| **code == *b"WRONGPASS");
        info::Stats {
            connections: self.stats.connections,
            commands: self.commands_run(),
            commands_per_second: commands_per_second.round() as u64,
            input_bytes: self.stats.input_bytes,
            output_bytes: self.stats.output_bytes,
            input_kib_per_second: input / 1024.0,
            output_kib_per_second: output / 1024.0,
            rejected_connections: self.stats.rejected_connections,
            expired_keys: self.keyspace.journal().expired() - self.stats.expired_before,
            evicted_keys: 0,
            evicted_clients: self.stats.output_limit_closed,
            hits: self.stats.lookups.hits,
            misses: self.stats.lookups.misses,
            protocol_errors: self.stats.protocol_errors,
            error_replies: self.stats.error_replies,
            reads: self.stats.reads,
            writes: self.stats.writes,
            turns: self.stats.turns,
            turns_us: self.stats.turns_us,
            denied_logins: denied.map_or(0, |(_, count)| *count),
        }
    }

    /// The history of a group's data is named by the group; Redis wants 40 digits.
    fn replication_facts(&self) -> info::Replication {
        let id = format!("{:0<40}", self.group.to_string());
        info::Replication { id, offset: self.writer.written().0 }
    }

    fn command_facts(&self) -> Vec<info::CommandFacts> {
        CommandId::all()
            .map(|command| (command, self.stats.commands[command.index()]))
            .filter(|(_, stats)| stats.calls + stats.rejected + stats.failed > 0)
            .map(|(command, stats)| info::CommandFacts {
                name: command.spec().full_name(),
                calls: stats.calls,
                micros: stats.nanos / 1000,
                rejected: stats.rejected,
                failed: stats.failed,
            })
            .collect()
    }

    fn error_facts(&self) -> Vec<(String, u64)> {
        let mut errors: Vec<(String, u64)> = self
            .stats
            .errors
            .iter()
            .map(|(code, count)| (String::from_utf8_lossy(code).into_owned(), *count))
            .collect();
        errors.sort();
        errors
    }

    fn database_facts(&self) -> Vec<info::DatabaseFacts> {
        (0..self.keyspace.databases())
            .filter(|&number| self.keyspace.len(number) > 0)
            .map(|number| info::DatabaseFacts {
                number,
                keys: self.keyspace.len(number) as u64,
                expires: self.keyspace.expires_len(number) as u64,
                average_ttl_ms: self.keyspace.average_ttl_ms(number, self.writer.time()),
            })
            .collect()
    }

    /// `MEMORY STATS`.
    pub(super) fn tell_memory_stats(&mut self, conn: ConnId) {
        let memory = self.memory_facts();
        let peak = memory.used_peak.max(memory.used);
        let databases = self.database_facts();
        let keys: u64 = databases.iter().map(|database| database.keys).sum();
        let net = memory.used.saturating_sub(memory.startup).max(1);
        let allocated = if memory.allocated > 0 { memory.allocated } else { memory.used };
        let resident = memory.resident.max(allocated);
        let ratio = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let counts = [
            ("peak.allocated", peak),
            ("total.allocated", memory.used),
            ("startup.allocated", memory.startup),
            ("replication.backlog", 0),
            ("clients.slaves", 0),
            ("clients.normal", memory.clients),
            ("cluster.links", 0),
            ("aof.buffer", memory.log_buffer),
            ("lua.caches", 0),
            ("functions.caches", 0),
            ("overhead.total", memory.used - memory.dataset),
            ("keys.count", keys),
            ("keys.bytes-per-key", memory.dataset.checked_div(keys).unwrap_or(0)),
            ("dataset.bytes", memory.dataset),
        ];
        let allocator = [
            ("allocator.allocated", allocated),
            ("allocator.active", resident),
            ("allocator.resident", resident),
        ];
        self.reply(conn, |reply| {
            reply.map(counts.len() + allocator.len() + 10);
            for (name, value) in counts {
                reply.text(name);
                reply.integer(value as i64);
            }
            reply.text("dataset.percentage");
            reply.double(ratio(memory.dataset, net) * 100.0);
            reply.text("peak.percentage");
            reply.double(ratio(memory.used, peak) * 100.0);
            for (name, value) in allocator {
                reply.text(name);
                reply.integer(value as i64);
            }
            let pairs = [
                ("allocator-fragmentation", ratio(resident, allocated), resident - allocated),
                ("allocator-rss", 1.0, 0),
                ("rss-overhead", 1.0, 0),
            ];
            for (name, share, bytes) in pairs {
                reply.text(&format!("{name}.ratio"));
                reply.double(share);
                reply.text(&format!("{name}.bytes"));
                reply.integer(bytes as i64);
            }
            reply.text("fragmentation");
            reply.double(ratio(memory.resident, memory.used));
            reply.text("fragmentation.bytes");
            reply.integer(memory.resident as i64 - memory.used as i64);
        });
    }

    /// `MEMORY DOCTOR`.
    pub(super) fn tell_memory_doctor(&mut self, conn: ConnId) {
        let memory = self.memory_facts();
        let mut found: Vec<String> = Vec::new();
        // Below this, shares of nearly nothing would be judged.
        const SMALL_BYTES: u64 = 5 << 20;
        if memory.used >= SMALL_BYTES {
            if memory.used_peak > memory.used / 2 * 3 {
                found.push(
                    "Much more memory was in use once than is now; the process may still hold it.".into(),
                );
            }
            if memory.resident > memory.used / 5 * 7 {
                found.push(
                    "The process holds much more memory than is in use: what was freed is scattered.".into(),
                );
            }
            if memory.clients > memory.used / 4 {
                found.push(
                    "Connections hold a good part of the memory: CLIENT LIST shows which (tot-mem).".into(),
                );
            }
            if memory.max > 0 && memory.dataset > memory.max / 10 * 9 {
                found.push("The keys are close to maxmemory.".into());
            }
        }
        let text = if memory.used < SMALL_BYTES {
            "There is too little in memory to say anything about it.\n".to_owned()
        } else if found.is_empty() {
            "Nothing about the memory looks wrong.\n".to_owned()
        } else {
            found.iter().map(|line| format!("- {line}\n")).collect()
        };
        self.reply(conn, |reply| reply.verbatim("txt", text.as_bytes()));
    }
}
