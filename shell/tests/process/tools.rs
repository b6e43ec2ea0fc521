//! Checking, saving and rescuing data directories, with the real binary.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::server::{Client, Scratch, Server, run};

/// The digest that a server tells.
fn digest(server: &Server) -> String {
    let mut client = server.connect();
    client.send(&["DEBUG", "DIGEST"]);
    client.send(&["QUIT"]);
    let reply = String::from_utf8(client.rest()).expect("text");
    reply.strip_prefix('+').and_then(|rest| rest.split("\r\n").next()).expect("a digest").to_owned()
}

fn write_keys(client: &mut Client, count: u64) {
    for number in 0..count {
        client.ask(&["SET", &format!("key:{number}"), &number.to_string()], "+OK\r\n");
    }
}

/// How many of these keys are there, from the first on; none is there behind the first that is missing.
fn prefix(client: &mut Client, name: &str, count: u64) -> u64 {
    let mut there = Vec::new();
    for number in 0..count {
        client.send(&["EXISTS", &format!("{name}:{number}")]);
        let mut reply = [0; 4];
        std::io::Read::read_exact(&mut client.stream(), &mut reply).expect("the server answers");
        there.push(&reply == b":1\r\n");
    }
    let found = there.iter().take_while(|&&there| there).count();
    assert!(there[found..].iter().all(|&there| !there), "{name}: what is kept is a prefix");
    found as u64
}

/// The only file of this kind in a directory.
fn only(directory: &str, kind: &str) -> String {
    let names = fs::read_dir(directory).expect("readable").map(|entry| entry.expect("readable").file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().expect("text")).collect();
    names.retain(|name| name.starts_with(kind));
    assert_eq!(names.len(), 1, "{names:?}");
    names.remove(0)
}

/// Inverts one byte of a file.
fn damage(path: &str, at: usize) {
    let mut bytes = fs::read(path).expect("readable");
    bytes[at] ^= 0xff;
    fs::write(path, bytes).expect("writable");
}

/// What `check` says a file's believed part is, in bytes.
fn believed(text: &str, name: &str) -> usize {
    let line = text.lines().find(|line| line.starts_with(name)).expect("it was checked");
    let rest = line.split(" records in ").nth(1).expect("a count");
    rest.split(' ').next().and_then(|word| word.parse().ok()).expect("a number")
}

/// Every name in a directory with its bytes.
fn image(directory: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("readable") {
        let entry = entry.expect("readable");
        files.push((
            entry.file_name().into_string().expect("text"),
            fs::read(entry.path()).expect("readable"),
        ));
    }
    files.sort();
    files
}

#[test]
fn check_says_what_a_server_holds() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let data = server.scratch.join("data");
    let mut client = server.connect();
    write_keys(&mut client, 100);
    client.ask(&["SELECT", "3"], "+OK\r\n");
    client.ask(&["HSET", "hash", "a", "1", "b", "2"], ":2\r\n");
    client.ask(&["SET", "mortal", "x", "PX", "100000000"], "+OK\r\n");
    let expected = digest(&server);
    let lines = ["Keys: 102, db0: 100, db3: 2\n".to_owned(), format!("Digest: {expected}\n")];

    let (code, text) = run(&["check", &data, "--digest"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("A server uses this directory"), "{text}");
    assert!(lines.iter().all(|line| text.contains(line)), "{expected}: {text}");
    // With a checkpoint and a log behind it, and when nobody uses it.
    client.ask(&["SAVE"], "+OK\r\n");
    client.ask(&["SET", "later", "x"], "+OK\r\n");
    let expected = digest(&server);
    server.signal("TERM");
    let (_, scratch) = server.wait();
    let before = image(&data);
    let (code, text) = run(&["check", &data, "--digest"]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("A server uses"), "{text}");
    assert!(text.contains("A start would load snapshot-") && text.contains(": whole\n"), "{text}");
    assert!(text.contains(&format!("Keys: 103, db0: 100, db3: 3\nDigest: {expected}\n")), "{text}");
    assert!(image(&data) == before, "nothing was changed");

    let none = scratch.join("none");
    let (code, text) = run(&["check", &none]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("Can't read the data directory") && !Path::new(&none).exists(), "{text}");
}

#[test]
fn tools_say_how_they_are_used() {
    let (code, text) = run(&["--help"]);
    assert_eq!(code, 0);
    for tool in ["check", "backup", "salvage", "import"] {
        assert!(text.contains(&format!("lockstep {tool} ")), "{tool}: {text}");
        let (code, text) = run(&[tool, "--help"]);
        assert_eq!(code, 0, "{tool}");
        assert!(
            text.starts_with(&format!("Usage: lockstep {tool} ")) && text.contains("Exit codes:"),
            "{text}"
        );
        let (code, text) = run(&[tool]);
        assert_eq!(code, 1, "{tool}");
        assert!(text.contains("paths are needed, and 0 were given") && text.contains("Usage:"), "{text}");
    }
    let (code, text) = run(&["check", "a", "--nosuch"]);
    assert!(code == 1 && text.contains("There is no option '--nosuch'"), "{text}");
}

#[test]
fn a_damaged_log_is_named_and_its_prefix_salvaged() {
    const KEYS: u64 = 300;
    let server = Server::start(&[]);
    let data = server.scratch.join("data");
    write_keys(&mut server.connect(), KEYS);
    server.signal("TERM");
    let (_, scratch) = server.wait();
    let (code, text) = run(&["check", &data]);
    assert_eq!(code, 0, "{text}");
    let name = only(&data, "log-");
    let file = format!("{data}/{name}");
    damage(&file, believed(&text, &name) / 2);
    let before = image(&data);

    let (code, text) = run(&["check", &data]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains(&format!("{name}: ")) && text.contains(": DAMAGED at byte "), "{text}");
    assert!(text.contains("a start would refuse: ") && text.contains("lockstep salvage"), "{text}");
    let (code, text) = run(&["--port", "0", "--unixsocket", &scratch.join("s"), "--dir", &data]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("lockstep salvage DIR TARGET"), "{text}");
    let (code, text) = run(&["backup", &data, &scratch.join("backup")]);
    assert_eq!(code, 3, "{text}");
    assert!(!Path::new(&scratch.join("backup")).exists(), "a damaged backup is none");

    let rescued = Scratch::new();
    let target = rescued.join("data");
    let (code, text) = run(&["salvage", &data, &target]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("LOST: ") && text.contains(&format!("{name}: taken over up to byte ")), "{text}");
    assert!(image(&data) == before, "the damaged directory stays as it was");
    let (code, text) = run(&["check", &target]);
    assert_eq!(code, 0, "{text}");
    let server = Server::start_in(rescued, &[]);
    let kept = prefix(&mut server.connect(), "key", KEYS);
    assert!((KEYS / 4..KEYS * 3 / 4).contains(&kept), "{kept}");
    let (code, text) = run(&["salvage", &target, &scratch.join("other")]);
    assert!(code == 1 && text.contains("A server uses"), "{text}");
}

#[test]
fn what_only_a_damaged_checkpoint_held_cannot_be_salvaged() {
    let server = Server::start(&[]);
    let data = server.scratch.join("data");
    let mut client = server.connect();
    write_keys(&mut client, 100);
    client.ask(&["SAVE"], "+OK\r\n");
    // What the checkpoint replaces goes a little later, when the log's new segment is on the disk too.
    let start = std::time::Instant::now();
    while Path::new(&format!("{data}/log-0000000000000001")).exists() {
        assert!(start.elapsed() < crate::server::PATIENCE, "the old segment stays");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    server.signal("TERM");
    let (_, scratch) = server.wait();
    let file = format!("{data}/{}", only(&data, "snapshot-"));
    let length = fs::metadata(&file).expect("there").len() as usize;
    damage(&file, length / 2);
    let (code, text) = run(&["check", &data]);
    assert_eq!(code, 3, "{text}");
    let target = scratch.join("target");
    let (code, text) = run(&["salvage", &data, &target]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("Nothing can be believed"), "{text}");
    assert!(!Path::new(&target).exists() && !Path::new(&format!("{target}.unfinished")).exists());
}

/// Writes `<name>:<n>` for growing n until it is told to stop, and counts what was answered.
fn write_on(mut client: Client, name: &str, answered: &AtomicU64, stop: &AtomicBool) {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let value = format!("{number:0>500}");
        client.ask(&["SET", &format!("{name}:{number}"), &value], "+OK\r\n");
        number += 1;
        answered.store(number, Ordering::SeqCst);
    }
}

#[test]
fn backups_hold_everything_answered_before_they_began() {
    const WRITERS: usize = 4;
    const BACKUPS: usize = 6;
    let server = Server::start(&["--appendfsync", "always"]);
    let data = server.scratch.join("data");
    let answered: Vec<AtomicU64> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (writer, answered) in answered.iter().enumerate() {
            let (client, stop) = (server.connect(), &stop);
            scope.spawn(move || write_on(client, &format!("w{writer}"), answered, stop));
        }
        let (mut operator, stop) = (server.connect(), &stop);
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                operator.ask(&["SAVE"], "+OK\r\n");
            }
        });
        for round in 0..BACKUPS {
            while answered[0].load(Ordering::SeqCst) < 50 * (round as u64 + 1) {
                std::thread::yield_now();
            }
            let before: Vec<u64> = answered.iter().map(|answered| answered.load(Ordering::SeqCst)).collect();
            let copy = Scratch::new();
            let (code, text) = run(&["backup", &data, &copy.join("data")]);
            assert_eq!(code, 0, "{text}");
            let limit: Vec<u64> =
                answered.iter().map(|answered| answered.load(Ordering::SeqCst) + 1).collect();
            let restored = Server::start_in(copy, &[]);
            let mut client = restored.connect();
            for writer in 0..WRITERS {
                let kept = prefix(&mut client, &format!("w{writer}"), limit[writer] + 8);
                assert!((before[writer]..=limit[writer]).contains(&kept), "{before:?} {kept} {limit:?}");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_backup_of_a_stopped_server_is_its_state() {
    let server = Server::start(&["--enable-debug-command", "yes", "--appendfsync", "everysec"]);
    let data = server.scratch.join("data");
    write_keys(&mut server.connect(), 50);
    let expected = digest(&server);
    server.signal("KILL");
    let (_, scratch) = server.wait();
    let target = scratch.join("copy");
    let (code, text) = run(&["backup", &data, &target]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&["check", &target, "--digest"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(&format!("Digest: {expected}\n")), "{text}");
    let (code, text) = run(&["backup", &data, &target]);
    assert!(code == 1 && text.contains("is not empty"), "{text}");
    let empty = scratch.join("empty");
    fs::create_dir(&empty).expect("possible");
    let (code, text) = run(&["backup", &empty, &scratch.join("other")]);
    assert!(code == 1 && text.contains("nothing to back up"), "{text}");
}
