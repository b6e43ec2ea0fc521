//! `LATENCY`: how the durations of commands are distributed, and events that took longer than wanted.

use std::collections::BTreeMap;

use super::Node;
use crate::command::ask::LatencyAsk;
use crate::command::{CommandId, table};
use crate::ids::ConnId;
use crate::resp::{Reply, ReplyError};

/// Buckets of a histogram: the last one ends beyond half an hour.
const BUCKETS: usize = 31;
/// Samples of an event that are remembered.
const SAMPLES_MAX: usize = 160;
/// Columns of a graph.
const COLUMNS: usize = 80;

/// Durations of one command, in buckets that double.
#[derive(Clone, Debug)]
struct Histogram {
    counts: [u64; BUCKETS],
}

/// The longest duration that counts for a bucket, in nanoseconds. Redis's histogram keeps two significant digits
/// and so ends its buckets a little above the powers of two; clients see those ends.
const fn bucket_end(bucket: usize) -> u64 {
    (1 << (10 + bucket)) + (1 << (3 + bucket)) - 1
}

fn bucket_of(nanos: u64) -> usize {
    let guess = (nanos.max(1024).ilog2() - 10) as usize;
    (guess + usize::from(nanos > bucket_end(guess.min(BUCKETS - 1)))).min(BUCKETS - 1)
}

impl Histogram {
    fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The end of the bucket below which so many percent are, in nanoseconds.
    fn percentile(&self, percent: f64) -> u64 {
        let total = self.total();
        let wanted = ((percent.clamp(0.0, 100.0) / 100.0 * total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return bucket_end(bucket);
            }
        }
        0
    }

    /// The buckets that hold something: their ends in microseconds, and how many durations are up to there.
    fn cumulative(&self) -> Vec<(u64, u64)> {
        let mut seen = 0;
        let mut shown = Vec::new();
        for (bucket, &count) in self.counts.iter().enumerate() {
            seen += count;
            if count > 0 {
                shown.push((bucket_end(bucket) / 1000, seen));
            }
        }
        shown
    }
}

/// What is known of durations.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// By row of the table, up to the last that ran.
    histograms: Vec<Option<Box<Histogram>>>,
    events: BTreeMap<&'static str, Event>,
}

/// Something that takes time now and then.
#[derive(Debug, Default)]
struct Event {
    /// Time in seconds and the longest delay in that second, in milliseconds; the latest last.
    samples: Vec<(u64, u64)>,
    /// The longest ever, in milliseconds.
    longest_ms: u64,
}

impl Latency {
    /// A command took so long, so many times.
    pub(super) fn record(&mut self, command: CommandId, nanos: u64, count: u32) {
        let index = command.index();
        if index >= self.histograms.len() {
            self.histograms.resize_with(index + 1, || None);
        }
        let histogram =
            self.histograms[index].get_or_insert_with(|| Box::new(Histogram { counts: [0; BUCKETS] }));
        histogram.counts[bucket_of(nanos)] += u64::from(count);
    }

    /// An event took longer than wanted.
    pub(super) fn note(&mut self, event: &'static str, now_s: u64, delay_ms: u64) {
        let event = self.events.entry(event).or_default();
        event.longest_ms = event.longest_ms.max(delay_ms);
        match event.samples.last_mut() {
            Some((time, longest)) if *time == now_s => *longest = delay_ms.max(*longest),
            _ => {
                if event.samples.len() == SAMPLES_MAX {
                    event.samples.remove(0);
                }
                event.samples.push((now_s, delay_ms));
            }
        }
    }

    /// `CONFIG RESETSTAT`: forgets the distributions.
    pub(super) fn reset_histograms(&mut self) {
        self.histograms.clear();
    }

    /// Every command that ran, with its percentiles in microseconds.
    pub(super) fn percentiles(&self, wanted: &[f64]) -> Vec<(String, Vec<(f64, f64)>)> {
        CommandId::all()
            .filter_map(|command| Some((command, self.histogram(command)?)))
            .map(|(command, histogram)| {
                let shown = wanted
                    .iter()
                    .map(|&percent| (percent, histogram.percentile(percent) as f64 / 1000.0))
                    .collect();
                (command.spec().full_name(), shown)
            })
            .collect()
    }

    fn histogram(&self, command: CommandId) -> Option<&Histogram> {
        self.histograms.get(command.index())?.as_deref()
    }
}

impl Node {
    /// `LATENCY …`
    pub(super) fn ask_latency(&mut self, conn: ConnId, ask: &LatencyAsk) {
        self.charge_untold();
        let latency = core::mem::take(&mut self.latency);
        let threshold_ms = self.config.latency_monitor_threshold_ms;
        let now_s = self.now.wall_us / 1_000_000;
        match ask {
            LatencyAsk::Latest => self.reply(conn, |reply| tell_latest(&latency, reply)),
            LatencyAsk::History { event } => {
                let samples = find(&latency, event).map_or(&[][..], |(_, event)| &event.samples);
                self.reply(conn, |reply| {
                    reply.array(samples.len());
                    for (time, delay) in samples {
                        reply.array(2);
                        reply.integer(*time as i64);
                        reply.integer(*delay as i64);
                    }
                });
            }
            LatencyAsk::Graph { event } => match find(&latency, event) {
                Some((name, event)) => {
                    let graph = graph(name, event, now_s);
                    self.reply(conn, |reply| reply.verbatim("txt", graph.as_bytes()));
                }
                None => {
                    let mut text = b"ERR No samples available for event '".to_vec();
                    text.extend_from_slice(event);
                    text.push(b'\'');
                    self.reply(conn, |reply| reply.error(&ReplyError::new(text)));
                }
            },
            LatencyAsk::Doctor => {
                let report = report(&latency, threshold_ms);
                self.reply(conn, |reply| reply.verbatim("txt", report.as_bytes()));
            }
            LatencyAsk::Histogram { commands } => {
                let commands = histogram_commands(commands);
                self.reply(conn, |reply| tell_histograms(&latency, &commands, reply));
            }
            LatencyAsk::Reset { events } => {
                self.latency = latency;
                let before = self.latency.events.len();
                let named = |name: &str| events.iter().any(|event| event == name.as_bytes());
                self.latency.events.retain(|name, _| !events.is_empty() && !named(name));
                let count = before - self.latency.events.len();
                self.reply(conn, |reply| reply.count(count));
                return;
            }
        }
        self.latency = latency;
    }
}

fn find<'a>(latency: &'a Latency, name: &[u8]) -> Option<(&'static str, &'a Event)> {
    latency.events.iter().find(|(known, _)| known.as_bytes() == name).map(|(&name, event)| (name, event))
}

fn tell_latest(latency: &Latency, reply: &mut Reply<'_>) {
    reply.array(latency.events.len());
    for (name, event) in &latency.events {
        let &(time, delay) = event.samples.last().expect("an event has a sample");
        reply.array(4);
        reply.text(name);
        reply.integer(time as i64);
        reply.integer(delay as i64);
        reply.integer(event.longest_ms as i64);
    }
}

/// The commands that names ask for: a container stands for its subcommands, no name for everything.
fn histogram_commands(names: &[Vec<u8>]) -> Vec<CommandId> {
    if names.is_empty() {
        return CommandId::all().collect();
    }
    let mut found = Vec::new();
    for name in names {
        let mut parts = name.splitn(2, |&byte| byte == b'|');
        let Some(command) = parts.next().and_then(table::find) else { continue };
        match parts.next() {
            Some(subcommand) => found.extend(table::find_subcommand(command, subcommand)),
            None => {
                found.push(command);
                let subcommands = command.spec().subcommands;
                found.extend(
                    subcommands.iter().filter_map(|sub| table::find_subcommand(command, sub.name.as_bytes())),
                );
            }
        }
    }
    found
}

fn tell_histograms(latency: &Latency, commands: &[CommandId], reply: &mut Reply<'_>) {
    let found: Vec<(CommandId, &Histogram)> =
        commands.iter().filter_map(|&command| Some((command, latency.histogram(command)?))).collect();
    reply.map(found.len());
    for (command, histogram) in found {
        reply.text(&command.spec().full_name());
        reply.map(2);
        reply.text("calls");
        reply.integer(histogram.total() as i64);
        reply.text("histogram_usec");
        let buckets = histogram.cumulative();
        reply.map(buckets.len());
        for (end_us, count) in buckets {
            reply.integer(end_us as i64);
            reply.integer(count as i64);
        }
    }
}

/// A drawing of the latest delays: four lines of columns, and below each column how long ago it was.
fn graph(name: &str, event: &Event, now_s: u64) -> String {
    let samples = &event.samples[event.samples.len().saturating_sub(COLUMNS)..];
    let high = samples.iter().map(|&(_, delay)| delay).max().unwrap_or(0);
    let low = samples.iter().map(|&(_, delay)| delay).min().unwrap_or(0);
    let mut text = format!(
        "{name} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
        event.longest_ms,
        "-".repeat(COLUMNS)
    );
    const LINES: u64 = 4;
    const STEPS: [char; 3] = ['_', 'o', '#'];
    let levels = LINES * STEPS.len() as u64;
    for line in (0..LINES).rev() {
        for &(_, delay) in samples {
            let level = ((delay - low) * (levels - 1)).checked_div(high - low).unwrap_or(0);
            let here = level as i64 - (line * STEPS.len() as u64) as i64;
            text.push(match usize::try_from(here) {
                Err(_) => ' ',
                Ok(step) => STEPS.get(step).copied().unwrap_or('|'),
            });
        }
        text.push('\n');
    }
    let ages: Vec<Vec<char>> =
        samples.iter().map(|&(time, _)| age(now_s.saturating_sub(time)).chars().collect()).collect();
    let longest = ages.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..longest {
        text.push('\n');
        text.extend(ages.iter().map(|age| age.get(line).copied().unwrap_or(' ')));
    }
    text.push('\n');
    text
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn report(latency: &Latency, threshold_ms: u64) -> String {
    if threshold_ms == 0 {
        return "I'm sorry, nothing can be said: delays are not watched (latency-monitor-threshold is 0). \
                CONFIG SET latency-monitor-threshold <milliseconds> begins to watch them.\n"
            .into();
    }
    if latency.events.is_empty() {
        return format!("Nothing took longer than {threshold_ms} ms since delays are watched.\n");
    }
    let mut text = format!("These took longer than {threshold_ms} ms:\n\n");
    for (name, event) in &latency.events {
        let count = event.samples.len() as u64;
        let sum: u64 = event.samples.iter().map(|&(_, delay)| delay).sum();
        let (first, last) = (event.samples[0].0, event.samples[event.samples.len() - 1].0);
        text.push_str(&format!(
            "- {name}: {count} seconds with delays in the last {} s, {} ms on average, {} ms at worst ever.\n",
            last - first + 1,
            sum / count,
            event.longest_ms
        ));
    }
    text.push_str("\nSLOWLOG GET tells which commands were slow; large values, and commands that walk all keys, are the usual reasons.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ends that a Redis server shows: 1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113 microseconds and so on.
    #[test]
    fn buckets_end_where_those_of_redis_do() {
        let ends: Vec<u64> = (0..16).map(|bucket| bucket_end(bucket) / 1000).collect();
        assert_eq!(ends, [1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454, 16908, 33816]);
        for (nanos, bucket) in [(0, 0), (1031, 0), (1032, 1), (2063, 1), (2064, 2), (u64::MAX, BUCKETS - 1)] {
            assert_eq!(bucket_of(nanos), bucket, "{nanos}");
        }
    }

    #[test]
    fn percentiles_and_cumulative_counts() {
        let mut latency = Latency::default();
        let get = table::find(b"get").expect("a known command");
        for _ in 0..99 {
            latency.record(get, 500, 1);
        }
        latency.record(get, 3_000_000, 1);
        let histogram = latency.histogram(get).expect("recorded");
        assert_eq!(histogram.cumulative(), [(1, 99), (4227, 100)]);
        let shown = latency.percentiles(&[50.0, 99.0, 99.9]);
        assert_eq!(shown, [("get".to_owned(), vec![(50.0, 1.031), (99.0, 1.031), (99.9, 4227.071)])]);
    }

    #[test]
    fn samples_of_one_second_are_one_and_the_oldest_go() {
        let mut latency = Latency::default();
        latency.note("command", 7, 10);
        latency.note("command", 7, 30);
        latency.note("command", 7, 20);
        assert_eq!(latency.events["command"].samples, [(7, 30)]);
        for time in 8..8 + SAMPLES_MAX as u64 {
            latency.note("command", time, 1);
        }
        let event = &latency.events["command"];
        assert_eq!((event.samples.len(), event.samples[0], event.longest_ms), (SAMPLES_MAX, (8, 1), 30));
    }

    #[test]
    fn a_graph_has_a_column_for_every_sample() {
        let event = Event { samples: vec![(10, 1), (20, 12)], longest_ms: 99 };
        let drawn = graph("command", &event, 140);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines[0], "command - high 12 ms, low 1 ms (all time high 99 ms)");
        assert_eq!(&lines[2..6], [" #", " |", " |", "_|"]);
        assert_eq!(&lines[7..9], ["22", "mm"]);
    }
}
