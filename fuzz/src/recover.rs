//! Directories that a real node wrote, then damaged: a start finds a prefix of what was written, or says what is
//! wrong. Records forged with good checksums, and bytes that are nothing at all, are at least survived.

use arbitrary::{Result, Unstructured};
use lockstep_core::config::AppendFsync;
use lockstep_core::ids::{ConnId, File};
use lockstep_core::log::frame::{self, FOOTER_BYTES, HEADER_BYTES, Header};
use lockstep_core::{Config, Halt};

use crate::driver::{Contents, Disk, Driver, volatile};
use crate::meter::bounded;

/// What a start may hold for files this small, in bytes; buffers of readers and writers included.
const HELD_BYTES_MAX: i64 = 24 << 20;

/// What was written: the disk, and the digest after each write, oldest first.
struct History {
    disk: Disk,
    digests: Vec<Vec<u8>>,
}

fn digest(driver: &mut Driver, conn: ConnId) -> Vec<u8> {
    driver.ask(conn, &[b"DEBUG", b"DIGEST"])
}

fn write(driver: &mut Driver, conn: ConnId, kind: u8, number: usize) {
    let key = format!("k{}", kind % 5);
    let value = format!("{number}{}", ".".repeat(usize::from(kind >> 4) * 20));
    let (key, value) = (key.as_bytes(), value.as_bytes());
    let words: &[&[u8]] = match kind & 15 {
        0..=6 => &[b"SET", key, value],
        7..=9 => &[b"HSET", b"h", key, value, b"g", value],
        10 => &[b"DEL", key],
        11 => &[b"APPEND", b"a", value],
        12 => &[b"INCR", b"i"],
        13 => &[b"HDEL", b"h", key],
        14 => &[b"SET", key, value, b"EX", b"1000"],
        _ => &[b"BGREWRITEAOF"],
    };
    driver.ask(conn, words);
}

fn configure(from: &mut Unstructured<'_>) -> Result<Config> {
    let mut config = volatile();
    config.appendonly = true;
    config.appendfsync = *from.choose(&[AppendFsync::Always, AppendFsync::EverySecond, AppendFsync::No])?;
    config.knobs.segment_bytes = *from.choose(&[700, 4096, 65_536])?;
    config.knobs.snapshot_step_bytes = *from.choose(&[50, 1 << 18])?;
    Ok(config)
}

/// A real node writes, perhaps starts anew in between, and is killed.
fn history(from: &mut Unstructured<'_>, config: &Config) -> Result<History> {
    let mut driver = Driver::start(config.clone(), Disk::new());
    driver.settle();
    let mut conn = driver.open();
    let mut digests = vec![digest(&mut driver, conn)];
    let count = from.int_in_range(0..=40)?;
    for number in 0..count {
        let kind: u8 = from.arbitrary()?;
        if kind == 255 {
            let now = driver.now;
            driver = Driver::start_at(config.clone(), std::mem::take(&mut driver.disk), now);
            driver.settle();
            conn = driver.open();
        }
        write(&mut driver, conn, kind, number);
        digests.push(digest(&mut driver, conn));
        if kind & 7 == 7 {
            driver.pass(1_100_000);
            driver.settle();
        }
    }
    assert_eq!(driver.halted, None);
    Ok(History { disk: driver.disk, digests })
}

/// What a damaged directory may come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    /// Everything, or damage: each bit of what was proven counts.
    AllOrDamage,
    /// Some prefix of what was written, or damage.
    Prefix,
    /// Anything but a panic.
    Anything,
}

/// The places of frames in a file that begins with one.
fn frames(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(header) = bytes.get(at..).and_then(|rest| rest.first_chunk::<HEADER_BYTES>()) {
        let Header::Frame { body_bytes, .. } = Header::parse(header) else { break };
        let end = at + frame::frame_bytes(body_bytes);
        if end > bytes.len() {
            break;
        }
        found.push(at..end);
        at = end;
    }
    found
}

/// Changes the directory in one way.
fn damage(from: &mut Unstructured<'_>, disk: &mut Disk) -> Result<Expected> {
    let files: Vec<File> = disk.keys().copied().collect();
    let Some(&file) = files.get(from.choose_index(files.len().max(1))?) else { return Ok(Expected::Prefix) };
    let contents = disk.get_mut(&file).expect("it was listed");
    let length = contents.bytes.len();
    let at = from.int_in_range(0..=length)?;
    match from.int_in_range(0..=10)? {
        0 | 1 if at < length => {
            contents.bytes[at] ^= 1 << from.int_in_range(0..=7)?;
            return Ok(Expected::Prefix);
        }
        2 => {
            contents.bytes.truncate(at);
            contents.length_bytes = contents.length_bytes.min(at as u64);
        }
        3 => {
            // Sectors that were never written.
            let end = (at | 511).saturating_add(1).min(length);
            contents.bytes[at & !511..end].fill(0);
        }
        4 => {
            let count = from.int_in_range(0..=100)?.min(from.len());
            let bytes = from.bytes(count)?;
            contents.bytes.splice(at..(at + count).min(length), bytes.iter().copied());
        }
        5 => drop(disk.remove(&file)),
        6 => {
            // A file under another's name, or under one that no node gives.
            let moved = disk.remove(&file).expect("it was listed");
            let number = *from.choose(&[0, 1, 2, 3, 7, u64::MAX - 1, u64::MAX])?;
            let other = if from.arbitrary()? { File::Segment(number) } else { File::Snapshot(number) };
            disk.insert(other, moved);
        }
        7 => {
            let copied = contents.clone();
            let number = *from.choose(&[0, 1, 2, 3, 4, 9, u64::MAX])?;
            let other = if from.arbitrary()? { File::Segment(number) } else { File::Snapshot(number) };
            disk.insert(other, copied);
        }
        8 | 9 => return forge(from, &mut contents.bytes),
        _ => {
            let count = from.int_in_range(0..=300)?.min(from.len());
            let contents =
                Contents { bytes: from.bytes(count)?.to_vec(), length_bytes: from.int_in_range(0..=5000)? };
            disk.insert(File::Segment(from.int_in_range(0..=5)?), contents);
        }
    }
    Ok(Expected::Prefix)
}

/// Changes a record and gives it a good checksum: what a bug, or somebody with a grudge, would write.
fn forge(from: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<Expected> {
    let frames = frames(bytes);
    if frames.is_empty() {
        return Ok(Expected::Prefix);
    }
    let range = from.choose(&frames)?.clone();
    let marker = u64::from_le_bytes(bytes[range.start..range.start + 8].try_into().expect("eight bytes"));
    let mut body = bytes[range.start + HEADER_BYTES..range.end - FOOTER_BYTES].to_vec();
    for _ in 0..from.int_in_range(1..=4)? {
        let at = from.int_in_range(0..=body.len().saturating_sub(1))?;
        match from.int_in_range(0..=4)? {
            0 if at < body.len() => body[at] = from.arbitrary()?,
            1 if at + 8 <= body.len() => {
                let at = at & !7;
                let words =
                    [0, 1, 2, u64::MAX, u64::MAX - 1, 1 << 62, (1 << 62) + 1, 1 << 63, 1 << 32, 1 << 40];
                body[at..at + 8].copy_from_slice(&from.choose(&words)?.to_le_bytes());
            }
            2 => body.truncate(at),
            3 => {
                let count = from.int_in_range(0..=60)?.min(from.len());
                let more = from.bytes(count)?;
                body.splice(at.min(body.len())..at.min(body.len()), more.iter().copied());
            }
            _ => {
                // Another command in the place of one that was logged.
                let words = crate::vocabulary::command(from)?;
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                body.truncate(40);
                body.extend_from_slice(&crate::resp::request(&words));
            }
        }
    }
    let mut forged = vec![0; HEADER_BYTES];
    forged.extend_from_slice(&body);
    frame::close(&mut forged, 0, marker);
    bytes.splice(range, forged);
    Ok(Expected::Anything)
}

fn check(config: &Config, history: &History, disk: Disk, expected: Expected) {
    let mut driver = Driver::start(config.clone(), disk);
    bounded(HELD_BYTES_MAX, || driver.settle());
    match &driver.halted {
        Some(Halt::Damaged(text) | Halt::Unusable(text)) => return assert!(!text.is_empty()),
        Some(other) => panic!("files made the node halt with {other:?}"),
        None => {}
    }
    let conn = driver.open();
    let found = digest(&mut driver, conn);
    match expected {
        Expected::AllOrDamage => assert_eq!(Some(&found), history.digests.last(), "everything"),
        Expected::Prefix => assert!(history.digests.contains(&found), "a prefix of what was written"),
        Expected::Anything => {}
    }
    // It goes on from there: what is written now is there after the next start.
    driver.ask(conn, &[b"SET", b"after", b"damage"]);
    let written = digest(&mut driver, conn);
    if driver.halted.is_some() {
        assert_eq!(expected, Expected::Anything);
        return;
    }
    let mut again = Driver::start_at(config.clone(), driver.disk, driver.now);
    again.settle();
    if expected == Expected::Anything && again.halted.is_some() {
        return;
    }
    assert_eq!(again.halted, None, "a start after a good one is good");
    let conn = again.open();
    assert_eq!(digest(&mut again, conn), written, "the second start finds what the first one had");
}

fn play(from: &mut Unstructured<'_>) -> Result<()> {
    let config = configure(from)?;
    let history = history(from, &config)?;
    check(&config, &history, history.disk.clone(), Expected::AllOrDamage);
    let mut disk = history.disk.clone();
    let mut expected = damage(from, &mut disk)?;
    while !from.is_empty() && from.ratio(1, 3)? {
        let more = damage(from, &mut disk)?;
        if more == Expected::Anything {
            expected = more;
        }
    }
    check(&config, &history, disk, expected);
    Ok(())
}

/// Files that hold nothing but the input.
fn anything(data: &[u8]) {
    let Some((&head, rest)) = data.split_first() else { return };
    let mut disk = Disk::new();
    let (first, second) = rest.split_at(usize::from(head).min(rest.len()));
    for (number, bytes) in [first, second].into_iter().enumerate() {
        let file = if head & 1 == 0 { File::Segment(number as u64) } else { File::Snapshot(number as u64) };
        disk.insert(file, Contents { bytes: bytes.to_vec(), length_bytes: 0 });
    }
    let mut config = volatile();
    config.appendonly = true;
    let mut driver = Driver::start(config, disk);
    bounded(HELD_BYTES_MAX, || driver.settle());
}

/// Starts a node on arbitrary files, and on the damaged files of a real one.
pub fn recover(data: &[u8]) {
    anything(data);
    // Input that ends early does less damage.
    let _ = play(&mut Unstructured::new(data));
}
