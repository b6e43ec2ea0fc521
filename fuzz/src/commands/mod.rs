//! Arbitrary commands on strings, hashes, keys and deadlines: the node answers what a model answers that is as
//! plain as can be, whether commands run in place or from the log, and a restart finds what the model has.

mod model;

use arbitrary::{Arbitrary, Result, Unstructured};
use lockstep_core::config::AppendFsync;

use crate::driver::{Disk, Driver, START_WALL_US, volatile};
use model::Model;

/// Numbers at the edges of what commands accept, and ordinary ones.
const NUMBERS: &[i64] = &[
    0,
    1,
    -1,
    2,
    3,
    5,
    -5,
    10,
    100,
    1000,
    1_767_225_600,
    1_767_225_601,
    1_767_225_600_500,
    1_767_225_602_000,
    i64::MAX,
    i64::MAX - 1,
    i64::MIN,
    i64::MIN + 1,
    i64::MAX / 1000,
    i64::MAX / 1000 + 1,
    i64::MIN / 1000,
    i64::MIN / 1000 - 1,
    i64::MAX - 1_767_225_600_000,
    i64::MAX - 1_767_225_600_001,
    (i64::MAX - 1_767_225_600_000) / 1000,
    1 << 32,
];

fn number(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(if from.ratio(1, 3)? {
        i64::from(i8::arbitrary(from)?).to_string().into_bytes()
    } else {
        from.choose(NUMBERS)?.to_string().into_bytes()
    })
}

fn key(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(format!("k{}", from.int_in_range(0..=4)?).into_bytes())
}

fn field(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(format!("f{}", from.int_in_range(0..=9)?).into_bytes())
}

fn value(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(match from.int_in_range(0..=5)? {
        0 | 1 => number(from)?,
        2 => b"01 2".to_vec(),
        3 => vec![b'x'; from.int_in_range(0..=300)?],
        4 => Vec::new(),
        _ => {
            let length = from.int_in_range(0..=30)?.min(from.len());
            from.bytes(length)?.to_vec()
        }
    })
}

/// One command; which words stand where follows from its pattern.
fn command(from: &mut Unstructured<'_>) -> Result<Vec<Vec<u8>>> {
    const PATTERNS: &[&str] = &[
        "GET k",
        "SET k v",
        "SET k v o",
        "SET k v o o",
        "SET k v o o o",
        "GETSET k v",
        "GETDEL k",
        "GETEX k",
        "GETEX k x n",
        "GETEX k p",
        "SETNX k v",
        "SETEX k n v",
        "PSETEX k n v",
        "APPEND k v",
        "STRLEN k",
        "INCR k",
        "DECR k",
        "INCRBY k n",
        "DECRBY k n",
        "GETRANGE k n n",
        "SETRANGE k n v",
        "MGET k k k",
        "MSET k v k v",
        "MSETNX k v k v",
        "DEL k k",
        "UNLINK k",
        "EXISTS k k",
        "TYPE k",
        "RENAME k k",
        "RENAMENX k k",
        "COPY k k",
        "COPY k k r",
        "PERSIST k",
        "EXPIRE k n",
        "EXPIRE k n c",
        "PEXPIRE k n c",
        "EXPIREAT k n c",
        "PEXPIREAT k n c",
        "PEXPIRE k n",
        "TTL k",
        "PTTL k",
        "EXPIRETIME k",
        "PEXPIRETIME k",
        "HSET k f v",
        "HSET k f v f v",
        "HSETNX k f v",
        "HGET k f",
        "HMGET k f f",
        "HGETALL k",
        "HDEL k f f",
        "HEXISTS k f",
        "HLEN k",
        "HSTRLEN k f",
        "HINCRBY k f n",
        "HKEYS k",
        "HVALS k",
        "DBSIZE",
        "FLUSHDB",
        "TOUCH k k",
    ];
    let pattern = from.choose(PATTERNS)?;
    let mut words = Vec::new();
    for part in pattern.split(' ') {
        match part {
            "k" => words.push(key(from)?),
            "v" => words.push(value(from)?),
            "n" => words.push(number(from)?),
            "f" => words.push(field(from)?),
            "o" => {
                let options = ["NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT"];
                let option = from.choose(&options)?;
                words.push(option.as_bytes().to_vec());
                if option.contains('X') && option.len() != 2 || matches!(*option, "EX" | "PX") {
                    words.push(number(from)?);
                }
            }
            "x" => words.push(from.choose(&["EX", "PX", "EXAT", "PXAT"])?.as_bytes().to_vec()),
            "p" => words.push(b"PERSIST".to_vec()),
            "c" => words.push(from.choose(&["NX", "XX", "GT", "LT"])?.as_bytes().to_vec()),
            "r" => words.push(b"REPLACE".to_vec()),
            name => words.push(name.as_bytes().to_vec()),
        }
    }
    Ok(words)
}

fn play(from: &mut Unstructured<'_>) -> Result<()> {
    let mut config = volatile();
    config.appendonly = from.arbitrary()?;
    config.appendfsync = *from.choose(&[AppendFsync::Always, AppendFsync::No])?;
    config.hash_max_listpack_entries = from.int_in_range(0..=6)?;
    let mut driver = Driver::start(config.clone(), Disk::new());
    driver.settle();
    let mut conn = driver.open();
    driver.settle();
    let mut model = Model::new(START_WALL_US / 1000);
    let mut told: Vec<String> = Vec::new();
    for _ in 0..120 {
        if from.is_empty() {
            break;
        }
        match from.int_in_range(0..=24)? {
            0 | 1 => {
                let millis = *from.choose(&[1, 3, 500, 1000, 5000])?;
                driver.pass(millis * 1000);
                model.now += millis;
                driver.settle();
            }
            2 if config.appendonly => {
                let disk = std::mem::take(&mut driver.disk);
                driver = Driver::start_at(config.clone(), disk, driver.now);
                driver.settle();
                conn = driver.open();
                driver.settle();
            }
            _ => {
                let words = command(from)?;
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                let shown: Vec<String> = words.iter().map(|word| word.escape_ascii().to_string()).collect();
                told.push(shown.join(" "));
                let answer = driver.ask(conn, &words);
                let expected = model.answer(&words);
                let (answer, expected) =
                    (answer.escape_ascii().to_string(), expected.escape_ascii().to_string());
                assert_eq!(answer, expected, "at {} ms after\n{}", model.now, told.join("\n"));
            }
        }
    }
    Ok(())
}

/// Plays arbitrary commands to a node and to the model.
pub fn commands(data: &[u8]) {
    // Input that ends early leaves a shorter story.
    let _ = play(&mut Unstructured::new(data));
}
