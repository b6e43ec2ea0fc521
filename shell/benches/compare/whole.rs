//! What is not a number of commands a second: memory, starting, saving, idle connections.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::load::Load;
use crate::server::{Program, Server};
use crate::throughput::{EVERY_SECOND, VOLATILE, fill};
use crate::work::{Batch, Keys, Work};
use crate::{Bench, Line, median};

const VALUE_BYTES: [(&str, usize, f64); 3] =
    [("memory-8", 8, 0.48), ("memory-64", 64, 0.62), ("memory-1024", 1024, 0.88)];
const START: &str = "start";
const SAVE: &str = "save";
const IDLE: &str = "idle";

/// The load while a save runs.
const SAVE_RATE: u32 = 20_000;
/// How long a save may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// The names of all rows.
pub fn names() -> impl Iterator<Item = &'static str> {
    VALUE_BYTES.iter().map(|row| row.0).chain([START, SAVE, IDLE])
}

/// Measures the rows that are wanted.
pub fn run(bench: &Bench, lines: &mut Vec<Line>) -> io::Result<()> {
    let mut add = |line: Line| {
        bench.tell(&line);
        lines.push(line);
    };
    for (name, value_bytes, wanted) in VALUE_BYTES.into_iter().filter(|row| bench.wants(row.0)) {
        let [redis, lockstep] = on_both(bench, |program| memory(bench, program, value_bytes))?;
        add(Line {
            name,
            title: format!("resident bytes a key, {value_bytes}-byte values, {} keys", bench.many_keys),
            baseline: format!("{redis:.1}"),
            lockstep: format!("{lockstep:.1}"),
            ratio: lockstep / redis,
            wanted,
            lower_is_better: true,
            note: format!("keys and values alone: {}", value_bytes + crate::work::KEY_BYTES),
        });
    }
    if bench.wants(START) {
        let [redis, lockstep] = on_both(bench, |program| start(bench, program))?;
        for (index, (title, wanted)) in
            [("log not rewritten", 2.5), ("after a rewrite", 2.0)].into_iter().enumerate()
        {
            add(Line {
                name: START,
                title: format!("start with {} keys, {title}", bench.many_keys),
                baseline: format!("{:.2} s", redis[index]),
                lockstep: format!("{:.2} s", lockstep[index]),
                ratio: redis[index] / lockstep[index],
                wanted,
                lower_is_better: false,
                note: String::new(),
            });
        }
    }
    if bench.wants(SAVE) {
        let [redis, lockstep] = on_both(bench, |program| save(bench, program))?;
        add(Line {
            name: SAVE,
            title: format!("p99.9 of {SAVE_RATE} commands/s while {} keys are saved", bench.many_keys),
            baseline: redis.show(),
            lockstep: lockstep.show(),
            ratio: f64::from(lockstep.late_us) / f64::from(redis.late_us.max(1)),
            wanted: 0.2,
            lower_is_better: true,
            note: format!("save took {:.1} s and {:.1} s", redis.seconds, lockstep.seconds),
        });
        add(Line {
            name: SAVE,
            title: "extra memory meanwhile, of what was in use".to_string(),
            baseline: format!("{:+.1} %", redis.extra * 100.0),
            lockstep: format!("{:+.1} %", lockstep.extra * 100.0),
            ratio: lockstep.extra,
            wanted: 0.1,
            lower_is_better: true,
            note: "the figure itself, not a ratio".to_string(),
        });
    }
    if bench.wants(IDLE) {
        let [redis, lockstep] = on_both(bench, |program| idle(bench, program))?;
        add(Line {
            name: IDLE,
            title: format!("resident bytes of an idle connection, {} of them", bench.idle_connections),
            baseline: format!("{redis:.0}"),
            lockstep: format!("{lockstep:.0}"),
            ratio: lockstep / redis,
            wanted: 0.3,
            lower_is_better: true,
            note: String::new(),
        });
    }
    Ok(())
}

fn on_both<T>(bench: &Bench, measure: impl Fn(&Program) -> io::Result<T>) -> io::Result<[T; 2]> {
    Ok([measure(&bench.redis)?, measure(&bench.lockstep)?])
}

fn memory(bench: &Bench, program: &Program, value_bytes: usize) -> io::Result<f64> {
    let server = Server::start(program, &bench.directory.join("memory"), VOLATILE)?;
    let before = server.resident_bytes()?;
    fill(&server, Work::Set, value_bytes, bench.many_keys)?;
    let after = server.resident_bytes()?;
    Ok(after.saturating_sub(before) as f64 / f64::from(bench.many_keys))
}

/// Seconds until it serves: with the log as it was written, and after a rewrite.
fn start(bench: &Bench, program: &Program) -> io::Result<[f64; 2]> {
    let mut server = Server::start(program, &bench.directory.join("start"), EVERY_SECOND)?;
    fill(&server, Work::Set, 64, bench.many_keys)?;
    let times = |server: &mut Server| -> io::Result<f64> {
        let starts = (0..bench.starts).map(|_| server.restart()).collect::<io::Result<Vec<f64>>>()?;
        let keys = server.ask(&["DBSIZE"])?;
        if keys != format!(":{}", bench.many_keys) {
            return Err(io::Error::other(format!("keys after the start: {keys}")));
        }
        Ok(median(starts))
    };
    let written = times(&mut server)?;
    server.ask(&["BGREWRITEAOF"])?;
    await_info(&server, "aof_rewrite_in_progress")?;
    let rewritten = times(&mut server)?;
    Ok([written, rewritten])
}

fn await_info(server: &Server, field: &str) -> io::Result<()> {
    let start = Instant::now();
    while server.info("persistence", field)? != "0" {
        if start.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("{field} does not end")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

struct Saved {
    late_us: u32,
    quiet_us: u32,
    seconds: f64,
    extra: f64,
}

impl Saved {
    fn show(&self) -> String {
        format!(
            "{:.2} ms (without a save {:.2})",
            f64::from(self.late_us) / 1e3,
            f64::from(self.quiet_us) / 1e3
        )
    }
}

/// Saves twice under load: once for the latencies, and once looking at memory, which itself takes time.
fn save(bench: &Bench, program: &Program) -> io::Result<Saved> {
    let server = Server::start(program, &bench.directory.join("save"), VOLATILE)?;
    fill(&server, Work::Set, 64, bench.many_keys)?;
    let batch = Batch::new(Work::Mixed, 2, 64);
    let mut load = Load::connect(server.port, 50, &batch, Keys::Random { limit: bench.many_keys })?;
    let batches = SAVE_RATE / 2;
    let start = Instant::now();
    let mut quiet = load.run_at_rate(batches, || start.elapsed() > bench.slice * 4)?;

    let begin = Instant::now();
    server.ask(&["BGSAVE"])?;
    let mut late = while_saving(&server, &mut load, batches, || ())?;
    let seconds = begin.elapsed().as_secs_f64();

    let used = server.family_bytes()?;
    let peak = AtomicU64::new(used);
    server.ask(&["BGSAVE"])?;
    while_saving(&server, &mut load, batches, || {
        if let Ok(bytes) = server.family_bytes() {
            peak.fetch_max(bytes, Ordering::Relaxed);
        }
    })?;
    let extra = peak.load(Ordering::Relaxed).saturating_sub(used) as f64 / used as f64;
    Ok(Saved { late_us: tail(&mut late), quiet_us: tail(&mut quiet), seconds, extra })
}

/// Keeps the load up while the save runs, looking at the server from another thread.
fn while_saving(
    server: &Server,
    load: &mut Load,
    batches: u32,
    look: impl Fn() + Sync,
) -> io::Result<Vec<u32>> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| -> io::Result<()> {
            let start = Instant::now();
            let result = loop {
                look();
                std::thread::sleep(Duration::from_millis(50));
                match server.info("persistence", "rdb_bgsave_in_progress") {
                    Ok(text) if text == "0" => break Ok(()),
                    Ok(_) if start.elapsed() < PATIENCE => {}
                    Ok(_) => break Err(io::Error::other("the save does not end")),
                    Err(error) => break Err(error),
                }
            };
            over.store(true, Ordering::Relaxed);
            result
        });
        let latencies = load.run_at_rate(batches, || over.load(Ordering::Relaxed));
        watcher.join().expect("the watcher does not panic")?;
        latencies
    })
}

/// What one in a thousand exceeds.
fn tail(latencies: &mut [u32]) -> u32 {
    latencies.sort_unstable();
    let index = latencies.len().saturating_sub(1 + latencies.len() / 1000);
    latencies.get(index).copied().unwrap_or(0)
}

fn idle(bench: &Bench, program: &Program) -> io::Result<f64> {
    let arguments = [VOLATILE, &["--maxclients", "10000"]].concat();
    let server = Server::start(program, &bench.directory.join("idle"), &arguments)?;
    let before = server.resident_bytes()?;
    let mut streams = Vec::with_capacity(bench.idle_connections);
    for _ in 0..bench.idle_connections {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port))?;
        stream.write_all(b"*1\r\n$4\r\nPING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        streams.push(stream);
    }
    // Redis gives the buffers of idle clients back after two seconds.
    std::thread::sleep(Duration::from_secs(4));
    let after = server.resident_bytes()?;
    Ok(after.saturating_sub(before) as f64 / bench.idle_connections as f64)
}
