//! `lockstep-sim`: runs seeds, and says what they showed.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use lockstep_sim::{End, Swarm, World, batch, plant, run_with};

/// Runs Lockstep nodes by the thousand on a simulated network and disk, under faults, and checks every promise.
///
/// A seed decides a whole run: the settings, the clients, the faults and the order of all events.
#[derive(Parser)]
#[command(
    after_help = "Exit status: 0 when every promise was kept, 1 when one was broken (or with --score, when a \
                        bug was not found), 2 when the options make no sense."
)]
struct Options {
    /// Run only this seed, and print its settings, its faults and how it ended
    #[arg(long, conflicts_with_all = ["runs", "from", "jobs", "violations", "twice"])]
    seed: Option<u64>,
    /// With --seed: print all that happens, with its simulated time
    #[arg(long, requires = "seed")]
    verbose: bool,
    /// How many seeds to run
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// The first seed; the others follow it one by one
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    from: u64,
    /// How many threads run seeds, 1 to 1024 [default: the number of processors]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Stop after this many broken promises
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    violations: u32,
    /// Run seeds that are multiples of this number twice, and compare their traces; 0: none
    #[arg(long, value_name = "NUMBER", default_value_t = 64)]
    twice: u64,
    /// Plant this bug into the node first; needs a build with RUSTFLAGS="--cfg plant"
    #[arg(long, value_name = "BUG")]
    plant: Option<String>,
    /// Plant every bug in turn, run seeds until it is found or its budget is used up, and print a table
    #[arg(long, conflicts_with_all = ["seed", "runs", "violations", "twice", "plant"])]
    score: bool,
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
    let budgets = plant::BUGS.iter().chain([&plant::LV5]).map(|bug| bug.budget);
    let runs = if options.score { budgets.max().unwrap_or(0) } else { options.runs };
    if options.from.checked_add(runs).is_none() {
        return refuse("there are not so many seeds behind --from");
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
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    options.jobs.map_or_else(processors, usize::from)
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
    let violations = options.violations as usize;
    let result = batch::run(options.from, options.runs, jobs, violations, options.twice, planted, |done| {
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
