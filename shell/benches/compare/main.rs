//! Redis and Lockstep side by side, in turns, as ratios: `cargo bench -p lockstep --bench compare`.
//!
//! The servers share one core and the load has the other, so a machine with two cores will do. What the rows mean
//! and what was found is in `docs/PERFORMANCE.md`.

mod load;
mod server;
mod throughput;
mod whole;
mod work;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::Program;

const HELP: &str = "\
Usage: cargo bench -p lockstep --bench compare -- [options] [row or beginning of a row's name]...

  --quick            small sizes: shows that it works, measures little
  --keys N           keys of the rows about memory, starting and saving (5000000)
  --rounds N         how often each row is measured on both servers (9)
  --slice MS         how long each time, in milliseconds (700)
  --redis PATH       the server compared with (redis-server)
  --lockstep PATH    the server compared (the one just built)
  --dir PATH         where their files go
  --list             names of the rows
";

/// What is to be measured, and how.
pub struct Bench {
    redis: Program,
    lockstep: Program,
    directory: PathBuf,
    /// Keys in use where speed is measured.
    hot_keys: u32,
    /// Keys in use where size is.
    many_keys: u32,
    idle_connections: usize,
    rounds: usize,
    starts: usize,
    slice: Duration,
    only: Vec<String>,
}

/// A line of the table.
pub struct Line {
    name: &'static str,
    title: String,
    baseline: String,
    lockstep: String,
    ratio: f64,
    wanted: f64,
    lower_is_better: bool,
    note: String,
}

impl Line {
    fn show(&self) -> String {
        let met = if self.lower_is_better { self.ratio <= self.wanted } else { self.ratio >= self.wanted };
        let bound = if self.lower_is_better { "≤" } else { "≥" };
        let mark = if met { "" } else { " ✗" };
        format!(
            "| {} | {} | {} | {} | **{:.2}** | {bound} {}{mark} | {} |",
            self.name, self.title, self.baseline, self.lockstep, self.ratio, self.wanted, self.note
        )
    }
}

impl Bench {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| name.starts_with(wanted.as_str()))
    }

    fn tell(&self, line: &Line) {
        eprintln!("{}", line.show());
    }
}

/// The one in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn read_options() -> Result<Option<Bench>, String> {
    let directory =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("compare-{}", std::process::id()));
    let mut bench = Bench {
        redis: Program::Redis("redis-server".into()),
        lockstep: Program::Lockstep(env!("CARGO_BIN_EXE_lockstep").into()),
        directory,
        hot_keys: 1_000_000,
        many_keys: 5_000_000,
        idle_connections: 5000,
        rounds: 9,
        starts: 3,
        slice: Duration::from_millis(700),
        only: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        let number = |text: String| text.parse::<u32>().map_err(|_| format!("'{text}' is not a number"));
        match argument.as_str() {
            // What cargo says to every benchmark.
            "--bench" => {}
            "--help" => return Ok(None),
            "--list" => {
                throughput::names().chain(whole::names()).for_each(|name| println!("{name}"));
                std::process::exit(0);
            }
            "--quick" => {
                (bench.hot_keys, bench.many_keys, bench.idle_connections) = (20_000, 50_000, 200);
                (bench.rounds, bench.starts, bench.slice) = (2, 1, Duration::from_millis(60));
            }
            "--keys" => bench.many_keys = number(value()?)?.clamp(1, 9_999_999),
            "--rounds" => bench.rounds = number(value()?)?.max(1) as usize,
            "--slice" => bench.slice = Duration::from_millis(number(value()?)?.into()),
            "--redis" => bench.redis = Program::Redis(value()?.into()),
            "--lockstep" => bench.lockstep = Program::Lockstep(value()?.into()),
            "--dir" => bench.directory = value()?.into(),
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ => bench.only.push(argument),
        }
    }
    if throughput::names().chain(whole::names()).any(|name| bench.wants(name)) {
        Ok(Some(bench))
    } else {
        Err("no row has such a name; --list shows them".into())
    }
}

fn main() -> ExitCode {
    let bench = match read_options() {
        Ok(Some(bench)) => bench,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(text) => {
            eprintln!("{text}\n\n{HELP}");
            return ExitCode::FAILURE;
        }
    };
    let mut lines = Vec::new();
    let result = measure(&bench, &mut lines);
    let _ = std::fs::remove_dir_all(&bench.directory);
    println!("\n| Row | Work | Baseline | Lockstep | Ratio | Wanted | |\n|---|---|---|---|---|---|---|");
    lines.iter().for_each(|line| println!("{}", line.show()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(bench: &Bench, lines: &mut Vec<Line>) -> io::Result<()> {
    server::settle()?;
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    throughput::run(bench, lines)?;
    whole::run(bench, lines)
}
