//! Any cut of a byte stream gives the same replies and the same data.

use lockstep_core::Config;
use lockstep_core::config::AppendFsync;

use crate::driver::{Disk, Driver, volatile};

/// Words of commands that tell of turns, of bytes received, or of a work that takes several turns.
const OF_TURNS: &[&str] = &[
    "info",
    "client",
    "memory",
    "latency",
    "slowlog",
    "monitor",
    "save",
    "bgrewriteaof",
    "wait",
    "shutdown",
    "config",
    "debug",
    "reset",
];

/// What a stream came to.
#[derive(PartialEq, Eq, Debug)]
struct Result {
    replies: Vec<u8>,
    open: bool,
    halted: bool,
    digest: Vec<u8>,
}

/// How a stream is delivered.
#[derive(Clone, Copy)]
enum Delivery<'a> {
    Whole,
    /// In pieces of these lengths, again and again.
    Cut(&'a [u8], Turns),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turns {
    One,
    Many,
}

fn run(config: Config, stream: &[u8], delivery: Delivery<'_>) -> Result {
    let mut driver = Driver::start(config, Disk::new());
    driver.settle();
    let conn = driver.open();
    driver.settle();
    match delivery {
        Delivery::Whole => driver.send(conn, stream),
        Delivery::Cut(lengths, turns) => {
            let mut rest = stream;
            for length in lengths.iter().cycle() {
                let (piece, after) = rest.split_at((usize::from(*length) + 1).min(rest.len()));
                driver.send(conn, piece);
                if turns == Turns::Many {
                    driver.settle();
                }
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
        }
    }
    driver.settle();
    let replies = driver.take(conn);
    let observer = driver.open();
    driver.settle();
    let digest = driver.ask(observer, &[b"DEBUG", b"DIGEST"]);
    Result { replies, open: driver.is_open(conn), halted: driver.halted.is_some(), digest }
}

/// Delivers one stream whole, cut within a turn, cut into turns, and to a node that answers only what is on
/// its disk; all must come to the same. The first byte says how many of the next are lengths of pieces.
pub fn resp_split(data: &[u8]) {
    let Some((&count, data)) = data.split_first() else { return };
    let Some((lengths, stream)) = data.split_at_checked(usize::from(count % 8) + 1) else { return };
    if stream.len() > 64 << 10 {
        return;
    }
    let whole = run(volatile(), stream, Delivery::Whole);
    let within = run(volatile(), stream, Delivery::Cut(lengths, Turns::One));
    let lower = stream.to_ascii_lowercase();
    let tells_of_turns =
        OF_TURNS.iter().any(|word| lower.windows(word.len()).any(|window| window == word.as_bytes()));
    let many = run(volatile(), stream, Delivery::Cut(lengths, Turns::Many));
    let mut durable = volatile();
    durable.appendonly = true;
    durable.appendfsync = AppendFsync::Always;
    let durable = run(durable, stream, Delivery::Cut(lengths, Turns::Many));
    if !tells_of_turns {
        assert_eq!(whole, within, "cut within a turn");
        assert_eq!(whole, many, "cut into turns");
        assert_eq!(whole, durable, "answered from the disk");
    }
}
