//! `lockstep-sim`: runs seeds, and says what they showed.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use lockstep_sim::{End, Swarm, World, batch, plant, run_with};

/// Runs Lockstep nodes by the thousand on a simulated network and disk, under faults, and checks every promise.
#[derive(Parser)]
struct Options {
    /// Run this one seed.
    #[arg(long, conflicts_with_all = ["runs", "from"])]
    seed: Option<u64>,
    /// Print all that happens in the seed.
    #[arg(long, requires = "seed")]
    verbose: bool,
    /// Run so many seeds.
    #[arg(long, default_value_t = 1000)]
    runs: u64,
    /// Begin with this seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run on so many threads; as many as there are cores if it is not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Go on after a violation, and show so many.
    #[arg(long, default_value_t = 1)]
    violations: usize,
    /// Plant this bug first; it needs a build with `--cfg plant`.
    #[arg(long)]
    plant: Option<String>,
    /// Plant every bug in turn, each for its budget of seeds, and print which were found by whom.
    #[arg(long, conflicts_with_all = ["seed", "runs"])]
    score: bool,
    /// Run every so manieth seed twice, and compare.
    #[arg(long, default_value_t = 64)]
    twice: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let planted = match options.plant.as_deref().map(plant::find) {
        None => "",
        Some(Some(bug)) => bug.name,
        Some(None) => return refuse("there is no such planted bug"),
    };
    if (options.score || !planted.is_empty()) && !plant::plant(planted) {
        return refuse("no bugs are compiled in: build with RUSTFLAGS=\"--cfg plant\"");
    }
    match options.seed {
        _ if options.score => score(&options),
        Some(seed) => one(seed, options.verbose),
        None => many(&options, planted),
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("lockstep-sim: {why}");
    ExitCode::from(2)
}

/// The table of planted bugs: found or not, by whom, after how long.
fn score(options: &Options) -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let jobs = jobs(options);
    let mut missed = 0;
    println!("{:<6}{:>8}{:>8}{:>9}  {:<8}  what", "bug", "budget", "seeds", "seconds", "found by");
    for bug in plant::BUGS.into_iter().chain([plant::LV5]) {
        let began = Instant::now();
        let result = batch::run(options.from, bug.budget, jobs, 1, 0, bug.name, |_| {});
        let took_s = began.elapsed().as_secs_f64() * jobs as f64;
        let found = result.violations.first().map(|(_, violation)| violation.invariant);
        let expected = found.is_some_and(|by| bug.seen_by.contains(&by));
        let mark = if expected {
            ""
        } else if found.is_some() {
            " (?)"
        } else {
            ""
        };
        missed += u32::from(found.is_none());
        let by = format!("{}{mark}", found.unwrap_or("-"));
        println!(
            "{:<6}{:>8}{:>8}{took_s:>9.1}  {by:<8}  {}",
            bug.name, bug.budget, result.totals.runs, bug.what
        );
    }
    println!("{missed} not found");
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn jobs(options: &Options) -> usize {
    options.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn one(seed: u64, verbose: bool) -> ExitCode {
    let swarm = Swarm::draw(seed);
    println!("{swarm}");
    for (at_us, fault) in World::new(swarm, false).plan() {
        println!("  {:>10.6} s  {fault:?}", *at_us as f64 / 1e6);
    }
    let outcome = run_with(seed, verbose);
    println!("trace {:016x}  {:?}", outcome.hash, outcome.counts);
    for (name, count) in lockstep_sim::report::places(&outcome) {
        print!("  {name} {count}");
    }
    println!();
    match outcome.end {
        End::Complete => println!("complete: every promise was kept"),
        End::Refused(text) => println!("refused, as it may after such damage: {text}"),
        End::Violated(violation) => {
            println!("VIOLATED {}: {}", violation.invariant, violation.text);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn many(options: &Options, planted: &'static str) -> ExitCode {
    let jobs = jobs(options);
    let began = Instant::now();
    // A panic is told as a violation; its trace would only hide the command that repeats it.
    std::panic::set_hook(Box::new(|_| {}));
    let mut told = Instant::now();
    let result =
        batch::run(options.from, options.runs, jobs, options.violations, options.twice, planted, |done| {
            if told.elapsed().as_secs() >= 5 {
                told = Instant::now();
                eprintln!(
                    "{done} of {} seeds, {:.0} a second",
                    options.runs,
                    done as f64 / began.elapsed().as_secs_f64()
                );
            }
        });
    println!("{}", result.totals.show(began.elapsed().as_secs_f64()));
    for (seed, violation) in &result.violations {
        println!("VIOLATED {} in seed {seed}: {}", violation.invariant, violation.text);
        println!("  repeat it with: lockstep-sim --seed {seed} --verbose");
    }
    if result.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
