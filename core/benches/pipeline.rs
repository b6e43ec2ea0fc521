//! What a command costs the node itself: time and allocations per command through `handle` and `poll`, with no
//! socket and no disk. `cargo bench -p lockstep-core`, with words to choose among the lines.

#[path = "../tests/counting/mod.rs"]
mod counting;

use std::time::Instant;

use counting::{Bare, allocations, command};

const CLIENTS: u32 = 50;
const KEYS: usize = 100_000;
/// Different turns, so that keys are neither few nor in order.
const TURNS: usize = 64;
/// Each line is measured so often; the fastest counts, since nothing makes a processor faster than it is.
const ROUNDS: usize = 15;

struct Line {
    name: &'static str,
    prepare: &'static str,
    text: &'static str,
}

const LINES: &[Line] = &[
    Line { name: "ping", prepare: "", text: "PING" },
    Line { name: "get", prepare: "SET key:# @", text: "GET key:#" },
    Line { name: "set", prepare: "SET key:# @", text: "SET key:# @" },
    Line { name: "incr", prepare: "SET cnt:# 1000", text: "INCR cnt:#" },
    Line { name: "hset", prepare: "HSET hsh:# field @", text: "HSET hsh:# field @" },
    Line {
        name: "mset",
        prepare: "SET key:# @",
        text: "MSET key:# @ key:# @ key:# @ key:# @ key:# @ key:# @ key:# @ key:# @ key:# @ key:# @",
    },
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    println!("{:<8} {:>9} {:>5} {:>12} {:>14}", "command", "pipeline", "log", "ns/command", "allocs/turn");
    for line in LINES.iter().filter(|line| wanted.is_empty() || wanted.iter().any(|name| name == line.name)) {
        for log in ["no", "yes"] {
            for pipeline in [1, 16, 64] {
                measure(line, log, pipeline);
            }
        }
    }
}

fn measure(line: &Line, log: &str, pipeline: usize) {
    let mut node = Bare::start(&[("appendonly", log), ("appendfsync", "everysec"), ("save", "")], CLIENTS);
    let mut next = 0;
    for _ in 0..KEYS.div_ceil(CLIENTS as usize * 64) {
        let mut in_order = || {
            next += 1;
            next % KEYS
        };
        let chunks: Vec<_> = (0..CLIENTS).map(|_| chunk(line.prepare, 64, &mut in_order)).collect();
        node.turn(&chunks);
    }
    let mut state = 1_usize;
    let mut anywhere = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % KEYS
    };
    let turns: Vec<Vec<_>> = (0..TURNS)
        .map(|_| (0..CLIENTS).map(|_| chunk(line.text, pipeline, &mut anywhere)).collect())
        .collect();
    let run = |node: &mut Bare| turns.iter().for_each(|chunks| node.turn(chunks));
    run(&mut node);
    let (before, mut best) = (allocations(), f64::INFINITY);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run(&mut node);
        best = best.min(start.elapsed().as_secs_f64());
    }
    let commands = TURNS * CLIENTS as usize * pipeline;
    let per_turn = (allocations() - before) as f64 / (TURNS * ROUNDS) as f64;
    let nanoseconds = best * 1e9 / commands as f64;
    println!("{:<8} {pipeline:>9} {log:>5} {nanoseconds:>12.1} {per_turn:>14.2}", line.name);
}

/// A command so often; `#` is a key's number and `@` a value.
fn chunk(text: &str, count: usize, number: &mut impl FnMut() -> usize) -> Vec<u8> {
    let value = "v".repeat(64);
    let mut bytes = Vec::new();
    if text.is_empty() {
        return bytes;
    }
    for _ in 0..count {
        let words: Vec<String> = text
            .split(' ')
            .map(|word| match word.strip_suffix('#') {
                Some(family) => format!("{family}{:012}", number()),
                None if word == "@" => value.clone(),
                None => word.to_string(),
            })
            .collect();
        command(&words.iter().map(String::as_str).collect::<Vec<_>>(), &mut bytes);
    }
    bytes
}
