//! Many seeds, on several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::history::Violation;
use crate::report::Totals;
use crate::world::End;

/// What many seeds showed.
#[derive(Clone, Default, Debug)]
pub struct Result {
    /// Sums.
    pub totals: Totals,
    /// Seeds in which a promise was broken, in order.
    pub violations: Vec<(u64, Violation)>,
}

/// Runs seeds on several threads until so many violations were found. Every `twice`-th seed is run twice and must
/// leave the same trace (0: none). `planted` names a bug to be planted, where bugs are compiled in.
///
/// # Panics
/// When a thread of the simulator itself fails.
pub fn run(
    from: u64,
    runs: u64,
    jobs: usize,
    violations_max: usize,
    twice: u64,
    planted: &'static str,
    mut progress: impl FnMut(u64),
) -> Result {
    let next = AtomicU64::new(from);
    let stop = AtomicBool::new(false);
    let result = Mutex::new(Result::default());
    let work = || {
        let _ = crate::plant::plant(planted);
        let mut totals = Totals::default();
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + runs {
                break;
            }
            let outcome = crate::run(seed);
            totals.add(&outcome);
            let again = twice > 0 && seed.is_multiple_of(twice);
            let violation = match outcome.end {
                End::Violated(violation) => Some(violation),
                _ if again && crate::run(seed).hash != outcome.hash => {
                    let text = "the same seed left another trace".to_owned();
                    Some(Violation { invariant: "INV-D1", text })
                }
                _ => None,
            };
            if let Some(violation) = violation {
                let mut result = result.lock().expect("no thread fails while it holds the result");
                result.violations.push((seed, violation));
                stop.fetch_or(result.violations.len() >= violations_max, Ordering::Relaxed);
            }
        }
        result.lock().expect("no thread fails while it holds the result").totals.merge(&totals);
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        while !workers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            std::thread::sleep(std::time::Duration::from_millis(20));
            progress(next.load(Ordering::Relaxed).saturating_sub(from).min(runs));
        }
    });
    let mut result = result.into_inner().expect("all threads are done");
    result.violations.sort_by_key(|(seed, _)| *seed);
    result
}
