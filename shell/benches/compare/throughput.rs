//! How many commands a second, row by row.

use std::io;
use std::time::Duration;

use crate::load::Load;
use crate::server::Server;
use crate::work::{Batch, Keys, Work};
use crate::{Bench, Line, median};

/// What two servers are compared, and how they are set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Setup {
    /// Redis and Lockstep, nothing written.
    Volatile,
    /// Lockstep without a log, and Lockstep with one that is synced every second.
    LogOrNot,
    /// Redis and Lockstep, every write synced before it is answered.
    Always,
}

struct Row {
    name: &'static str,
    title: &'static str,
    setup: Setup,
    work: Work,
    value_bytes: usize,
    clients: usize,
    pipeline: usize,
    wanted: f64,
}

const BASE: Row = Row {
    name: "",
    title: "",
    setup: Setup::Volatile,
    work: Work::Get,
    value_bytes: 64,
    clients: 50,
    pipeline: 16,
    wanted: 1.0,
};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { name: "get-1", title: "GET, no pipelining", pipeline: 1, wanted: 1.12, ..BASE },
    Row { name: "set-1", title: "SET, no pipelining", work: Work::Set, pipeline: 1, wanted: 1.12, ..BASE },
    Row { name: "get-16", title: "GET, pipeline 16", wanted: 2.4, ..BASE },
    Row { name: "set-16", title: "SET, pipeline 16", work: Work::Set, wanted: 2.2, ..BASE },
    Row { name: "get-64", title: "GET, pipeline 64", pipeline: 64, wanted: 3.2, ..BASE },
    Row { name: "set-64", title: "SET, pipeline 64", work: Work::Set, pipeline: 64, wanted: 2.8, ..BASE },
    Row { name: "incr-16", title: "INCR, pipeline 16", work: Work::Incr, wanted: 2.0, ..BASE },
    Row { name: "hset-16", title: "HSET, pipeline 16", work: Work::HashSet, wanted: 1.8, ..BASE },
    Row { name: "mset-16", title: "MSET of 10, pipeline 16", work: Work::MultiSet, wanted: 3.5, ..BASE },
    Row { name: "get-16-1k", title: "GET of 1 KiB, pipeline 16", value_bytes: 1024, wanted: 2.6, ..BASE },
    Row { name: "set-16-1k", title: "SET of 1 KiB, pipeline 16", work: Work::Set, value_bytes: 1024, wanted: 2.6, ..BASE },
    Row { name: "log-1", title: "SET, everysec against no log, no pipelining", setup: Setup::LogOrNot, work: Work::Set, pipeline: 1, wanted: 0.85, ..BASE },
    Row { name: "log-16", title: "SET, everysec against no log, pipeline 16", setup: Setup::LogOrNot, work: Work::Set, wanted: 0.85, ..BASE },
    Row { name: "log-64", title: "SET, everysec against no log, pipeline 64", setup: Setup::LogOrNot, work: Work::Set, pipeline: 64, wanted: 0.85, ..BASE },
    Row { name: "always-1", title: "SET under `always`, 1 client", setup: Setup::Always, work: Work::Set, clients: 1, pipeline: 1, wanted: 1.3, ..BASE },
    Row { name: "always-50", title: "SET under `always`, 50 clients", setup: Setup::Always, work: Work::Set, pipeline: 1, wanted: 1.2, ..BASE },
    Row { name: "always-50-16", title: "SET under `always`, 50 clients, pipeline 16", setup: Setup::Always, work: Work::Set, wanted: 2.0, ..BASE },
];

/// Settings of a server that writes nothing.
pub const VOLATILE: &[&str] = &["--save", "", "--appendonly", "no"];
/// Settings of a server whose log is synced every second and never rewritten by itself.
pub const EVERY_SECOND: &[&str] =
    &["--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"];
const ALWAYS: &[&str] =
    &["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];

/// The names of all rows.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

/// Two servers, and which keys they hold already.
struct Pair {
    setup: Setup,
    value_bytes: usize,
    servers: [Server; 2],
    filled: Vec<Work>,
}

impl Pair {
    fn start(bench: &Bench, row: &Row) -> io::Result<Self> {
        let (left, right) = match row.setup {
            Setup::Volatile => ((&bench.redis, VOLATILE), (&bench.lockstep, VOLATILE)),
            Setup::LogOrNot => ((&bench.lockstep, VOLATILE), (&bench.lockstep, EVERY_SECOND)),
            Setup::Always => ((&bench.redis, ALWAYS), (&bench.lockstep, ALWAYS)),
        };
        let servers = [
            Server::start(left.0, &bench.directory.join("left"), left.1)?,
            Server::start(right.0, &bench.directory.join("right"), right.1)?,
        ];
        Ok(Self { setup: row.setup, value_bytes: row.value_bytes, servers, filled: Vec::new() })
    }

    fn serves(&self, row: &Row) -> bool {
        self.setup == row.setup && self.value_bytes == row.value_bytes
    }

    /// Makes the keys that a row's commands use, unless they are there.
    fn fill(&mut self, bench: &Bench, row: &Row) -> io::Result<()> {
        let family = match row.work {
            Work::Get | Work::MultiSet | Work::Mixed => Work::Set,
            work => work,
        };
        if !self.filled.contains(&family) {
            self.filled.push(family);
            for server in &self.servers {
                fill(server, family, row.value_bytes, bench.hot_keys)?;
            }
        }
        Ok(())
    }
}

/// Runs a command on each of the first `keys` keys.
pub fn fill(server: &Server, work: Work, value_bytes: usize, keys: u32) -> io::Result<()> {
    let batch = Batch::new(work, 64, value_bytes);
    let mut load = Load::connect(server.port, 50, &batch, Keys::InOrder { next: 0, limit: keys })?;
    load.run_count(u64::from(keys)).map(|_| ())
}

/// Measures the rows that are wanted.
pub fn run(bench: &Bench, lines: &mut Vec<Line>) -> io::Result<()> {
    let mut pair: Option<Pair> = None;
    for row in ROWS.iter().filter(|row| bench.wants(row.name)) {
        if !pair.as_ref().is_some_and(|pair| pair.serves(row)) {
            // The old ones first, since their directories have the same names.
            drop(pair.take());
            pair = Some(Pair::start(bench, row)?);
        }
        let pair = pair.as_mut().expect("just started");
        pair.fill(bench, row)?;
        let line = measure(bench, row, &pair.servers)?;
        bench.tell(&line);
        lines.push(line);
    }
    Ok(())
}

/// Takes turns: a slice of time for the one, then for the other, and again. What else the machine does then hits
/// both, and the median of the ratios passes over what hits only one.
fn measure(bench: &Bench, row: &Row, servers: &[Server; 2]) -> io::Result<Line> {
    let batch = Batch::new(row.work, row.pipeline, row.value_bytes);
    let keys = Keys::Random { limit: bench.hot_keys };
    let connect = |server: &Server| Load::connect(server.port, row.clients, &batch, keys);
    let mut loads = [connect(&servers[0])?, connect(&servers[1])?];
    for load in &mut loads {
        load.run_for(bench.slice / 4)?;
    }
    let (mut rates, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
    let (mut commands, mut cpu) = ([0.0; 2], [0.0; 2]);
    for round in 0..bench.rounds {
        let mut rate = [0.0; 2];
        // Who goes first changes too.
        for side in [round % 2, 1 - round % 2] {
            let before = servers[side].cpu_seconds()?;
            let done = loads[side].run_for(bench.slice)?;
            cpu[side] += servers[side].cpu_seconds()? - before;
            commands[side] += done.commands as f64;
            rate[side] = done.per_second();
            rates[side].push(rate[side]);
        }
        ratios.push(rate[1] / rate[0]);
        if row.setup == Setup::LogOrNot {
            // What one wrote is not to be written back on the other's time.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let [left, right] = rates.map(median);
    let cost = [0, 1].map(|side| cpu[side] / commands[side] * 1e6);
    let show = |rate: f64, cost: f64| format!("{:.0}k/s, {cost:.2} µs", rate / 1000.0);
    Ok(Line {
        name: row.name,
        title: row.title.to_string(),
        baseline: show(left, cost[0]),
        lockstep: show(right, cost[1]),
        ratio: median(ratios),
        wanted: row.wanted,
        lower_is_better: false,
        note: format!("CPU {:.2}", cost[0] / cost[1]),
    })
}
