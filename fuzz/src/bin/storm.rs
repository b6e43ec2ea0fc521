//! Runs a target without libFuzzer: its corpus, then mutations of it, until the time is up.
//!
//! `cargo run --release --no-default-features --bin storm -- <target> <seconds> [seed]`
//!
//! `storm <target> <file>` runs that one input.
//!
//! An input that makes the target panic is left in `artifacts/<target>/`.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use lockstep_fuzz::TARGETS;
use lockstep_fuzz::mutate::{Draw, mutate, noise};

/// New inputs are kept as seeds of others up to this many.
const SEEDS_MAX: usize = 4000;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, seconds, seed @ ..] = &arguments[..] else {
        eprintln!("usage: storm <target> <seconds> [seed] | storm <target> <file>");
        process::exit(2);
    };
    let Some(&(_, target)) = TARGETS.iter().find(|(known, _)| known == name) else {
        eprintln!(
            "no such target; there are: {:?}",
            TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        );
        process::exit(2);
    };
    if let Ok(input) = fs::read(seconds) {
        return target(&input);
    }
    let duration = Duration::from_secs(seconds.parse().expect("seconds are a number"));
    let seed = seed.first().map_or(1, |seed| seed.parse().expect("a seed is a number"));
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = vec![Vec::new()];
    for entry in fs::read_dir(directory.join("corpus").join(name)).into_iter().flatten() {
        seeds.push(fs::read(entry.expect("a readable directory").path()).expect("a readable file"));
    }
    let mut draw = Draw(seed);
    let begun = Instant::now();
    let mut runs = 0_u64;
    while begun.elapsed() < duration {
        let input = match draw.below(4) {
            0 => noise(&mut draw),
            _ => {
                let (one, other) = (draw.below(seeds.len()), draw.below(seeds.len()));
                mutate(&seeds[one], &seeds[other], &mut draw)
            }
        };
        let started = Instant::now();
        if std::panic::catch_unwind(|| target(&input)).is_err() {
            let place = directory.join("artifacts").join(name);
            fs::create_dir_all(&place).expect("artifacts can be written");
            let path = place.join(format!("storm-{seed}-{runs}"));
            fs::write(&path, &input).expect("artifacts can be written");
            println!("{name}: run {runs} failed: {}", path.display());
            process::exit(1);
        }
        if started.elapsed() > Duration::from_secs(2) {
            let path = directory.join("artifacts").join(format!("slow-{name}-{seed}-{runs}"));
            fs::create_dir_all(directory.join("artifacts")).expect("artifacts can be written");
            fs::write(&path, &input).expect("artifacts can be written");
            println!("{name}: run {runs} took {:?}: {}", started.elapsed(), path.display());
        }
        if seeds.len() < SEEDS_MAX && draw.below(8) == 0 {
            seeds.push(input);
        }
        runs += 1;
    }
    println!("{name}: {runs} runs, no failure");
}
