//! Makes the seed corpora anew: `cargo run --release --no-default-features --bin seeds`, in this directory.
//!
//! Streams come from the command transcripts, files from a real node's directory, texts from the settings that a
//! Redis server ships with; choices are fixed noise. Files called `seed-…` are replaced, others stay: those that
//! are called `found-…` once made a target fail.

use std::fs;
use std::path::Path;

use lockstep_fuzz::driver::{Disk, Driver, volatile};
use lockstep_fuzz::mutate::{Draw, noise};
use lockstep_fuzz::resp::request;

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let save = |target: &str, number: usize, bytes: &[u8]| {
        let directory = here.join("corpus").join(target);
        fs::create_dir_all(&directory).expect("the corpus can be written");
        fs::write(directory.join(format!("seed-{number:02}")), bytes).expect("the corpus can be written");
    };
    let mut draw = Draw(2026);
    for target in ["commands", "keyspace", "node_events", "recover", "reply_round_trip", "frame"] {
        for number in 0..8 {
            save(target, number, &noise(&mut draw));
        }
    }
    for (number, stream) in streams(&here.join("../core/tests/commands")).iter().enumerate() {
        // How the stream is cut: three lengths.
        let mut bytes = vec![2, 6, number as u8, 40];
        bytes.extend_from_slice(stream);
        save("resp_split", number, &bytes);
    }
    let cases = [
        "h*llo hello",
        "h[^e]llo hallo",
        "h[a-c]llo hbllo",
        "*[0-9]* a1b",
        "a\\*b a*b",
        "[^] a",
        "a[bc ab",
        "***a ba",
        "[\\]]x ]x",
        "*a*b*c* xxaxxbxxcxx",
    ];
    for (number, case) in cases.iter().enumerate() {
        let (pattern, text) = case.split_once(' ').expect("a pattern and a text");
        let head = [(pattern.len() as u8) << 1 | (number & 1) as u8];
        save("glob", number, &[&head, pattern.as_bytes(), text.as_bytes()].concat());
    }
    let settings = fs::read(here.join("../core/tests/config/redis-7.0.txt")).expect("the settings are there");
    for (number, lines) in settings.split(|&byte| byte == b'\n').collect::<Vec<_>>().chunks(24).enumerate() {
        save("config_file", number, &lines.join(&b'\n'));
    }
    for (number, bytes) in files().iter().enumerate() {
        save("snapshot", number, bytes);
        save("frame", 8 + number, bytes);
    }
}

/// The requests of each transcript, a few hundred bytes each.
fn streams(directory: &Path) -> Vec<Vec<u8>> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .expect("the transcripts are there")
        .map(|entry| entry.expect("a readable directory").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    names.sort();
    let mut streams = Vec::new();
    for name in names {
        let text = fs::read_to_string(&name).expect("transcripts are text");
        let mut stream = Vec::new();
        for (number, line) in text.lines().filter_map(|line| line.strip_prefix("> ")).enumerate() {
            let Some(words) = lockstep_core::config::file::split(line) else { continue };
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let inline = number % 7 == 0 && words.iter().all(|word| word.is_ascii()) && !line.contains('\\');
            if inline {
                stream.extend_from_slice(format!("{line}\r\n").as_bytes());
            } else {
                stream.extend_from_slice(&request(&words));
            }
            if stream.len() > 1500 {
                break;
            }
        }
        streams.push(stream);
    }
    streams
}

/// The files that a real node left.
fn files() -> Vec<Vec<u8>> {
    let mut config = volatile();
    config.appendonly = true;
    let mut driver = Driver::start(config, Disk::new());
    driver.settle();
    let conn = driver.open();
    for number in 0..20 {
        let key = format!("key{}", number % 7);
        let value = "v".repeat(number * 3);
        driver.ask(conn, &[b"SET", key.as_bytes(), value.as_bytes(), b"EX", b"100"]);
        driver.ask(conn, &[b"HSET", b"hash", key.as_bytes(), value.as_bytes()]);
        if number == 10 {
            driver.ask(conn, &[b"BGREWRITEAOF"]);
        }
    }
    driver.settle();
    driver.disk.into_values().map(|contents| contents.bytes).collect()
}
