//! Taking over files of Redis: made by the real one, and compared with it key by key.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::server::{Guarded, PATIENCE, Scratch, Server, free_port, run};

/// A dump and a log that Redis 7.0.15 made of what [`tell_story`] tells, for machines that have no Redis, and
/// compared with what it held then.
// Recorded anew by running the comparison with RECORD in the environment.
const DUMP: &[u8] = include_bytes!("redis-7.0/dump.rdb");
const LOG: &[u8] = include_bytes!("redis-7.0/incr.aof");

/// A reply.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Reply {
    Line(String),
    Bulk(Option<Vec<u8>>),
    Array(Vec<Reply>),
}

/// A connection that reads any reply.
struct Talk(BufReader<TcpStream>);

impl Talk {
    fn to(port: u16) -> Self {
        let start = Instant::now();
        loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
                    return Self(BufReader::new(stream));
                }
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
            }
            std::thread::yield_now();
        }
    }

    fn ask(&mut self, words: &[&[u8]]) -> Reply {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&request).expect("the server reads");
        self.reply()
    }

    fn line(&mut self, words: &str) -> Reply {
        let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        self.ask(&words)
    }

    fn reply(&mut self) -> Reply {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the server answers");
        let line = line.trim_end();
        let length = || line[1..].parse::<i64>().expect("a length");
        match line.as_bytes().first() {
            Some(b'$') if length() < 0 => Reply::Bulk(None),
            Some(b'$') => {
                let mut bytes = vec![0; length() as usize + 2];
                self.0.read_exact(&mut bytes).expect("the server answers");
                bytes.truncate(bytes.len() - 2);
                Reply::Bulk(Some(bytes))
            }
            Some(b'*') => Reply::Array((0..length()).map(|_| self.reply()).collect()),
            _ => Reply::Line(line.to_owned()),
        }
    }
}

/// Everything a server holds: per key its database, name, type, deadline and contents, in order.
fn contents(talk: &mut Talk) -> Vec<(u32, Vec<u8>, Reply, Reply, Reply)> {
    let mut all = Vec::new();
    for database in 0..16 {
        talk.line(&format!("SELECT {database}"));
        let Reply::Array(mut keys) = talk.line("KEYS *") else { panic!("keys") };
        keys.sort();
        for key in keys {
            let Reply::Bulk(Some(key)) = key else { panic!("a key") };
            let kind = talk.ask(&[b"TYPE", &key]);
            let deadline = talk.ask(&[b"PEXPIRETIME", &key]);
            let value = match talk
                .ask(&[if kind == Reply::Line("+hash".into()) { b"HGETALL" } else { b"GET" }, &key])
            {
                Reply::Array(parts) => {
                    let mut pairs: Vec<Reply> =
                        parts.chunks(2).map(|pair| Reply::Array(pair.to_vec())).collect();
                    pairs.sort();
                    Reply::Array(pairs)
                }
                value => value,
            };
            all.push((database, key, kind, deadline, value));
        }
    }
    all
}

/// What Redis is told: strings and hashes in all forms that it writes.
fn tell_story(talk: &mut Talk) {
    let mut ok = |words: &[&[u8]]| {
        let reply = talk.ask(words);
        assert!(!matches!(&reply, Reply::Line(line) if line.starts_with('-')), "{reply:?}");
    };
    for number in 0..100 {
        ok(&[b"SET", format!("key:{number}").as_bytes(), format!("value {number}").as_bytes()]);
    }
    for integer in
        [0, 13, -128, 127, 128, -32768, 32767, 1 << 20, i64::from(i32::MIN), i64::from(i32::MAX), 1 << 40]
    {
        ok(&[b"SET", format!("integer:{integer}").as_bytes(), integer.to_string().as_bytes()]);
    }
    ok(&[b"SET", b"empty", b""]);
    ok(&[b"SET", b"binary \r\n\0\xff", b"\0\xff\r\n"]);
    ok(&[b"SET", b"long and packed", "abcabcabd".repeat(3000).as_bytes()]);
    let random: Vec<u8> =
        (0..20_000_u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8).collect();
    ok(&[b"SET", b"long and not packed", &random]);
    ok(&[b"SET", b"mortal", b"x", b"PXAT", b"4102444800123"]);
    ok(&[
        b"HSET",
        b"small",
        b"a",
        b"1",
        b"b",
        b"-5",
        b"c",
        b"70000",
        b"d",
        b"text",
        b"e",
        b"9223372036854775807",
    ]);
    ok(&[b"HSET", b"small and long", b"field", "x".repeat(60).as_bytes(), b"", b""]);
    ok(&[b"PEXPIREAT", b"small", b"4102444800456"]);
    for number in 0..700 {
        ok(&[b"HSET", b"large", format!("field {number}").as_bytes(), number.to_string().as_bytes()]);
    }
    ok(&[b"HSET", b"long", b"field", "y".repeat(5000).as_bytes()]);
    ok(&[b"PEXPIREAT", b"large", b"4102444800789"]);
    ok(&[b"SELECT", b"9"]);
    ok(&[b"SET", b"elsewhere", b"1"]);
    ok(&[b"MULTI"]);
    ok(&[b"INCR", b"elsewhere"]);
    ok(&[b"SELECT", b"2"]);
    ok(&[b"SET", b"in two", b"3"]);
    ok(&[b"EXEC"]);
    ok(&[b"SET", b"gone", b"x"]);
    ok(&[b"DEL", b"gone"]);
    ok(&[b"SELECT", b"0"]);
    ok(&[b"SET", b"back", b"home", b"EX", b"2000000000"]);
}

/// A real Redis on a directory of its own; `None` when the machine has none.
fn redis(scratch: &Scratch, arguments: &[&str]) -> Option<(Guarded, Talk)> {
    let port = free_port();
    let number = port.to_string();
    let base = ["--port", &number, "--bind", "127.0.0.1", "--save", "", "--dir", &scratch.join("")];
    let child = Command::new("redis-server").args(base).args(arguments).stdout(Stdio::null()).spawn();
    let child = match child {
        Ok(child) => Guarded(child),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("redis-server is not installed: only the recorded files are read here");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let mut talk = Talk::to(port);
    let start = Instant::now();
    while talk.line("PING") != Reply::Line("+PONG".into()) {
        assert!(start.elapsed() < PATIENCE, "Redis does not load");
    }
    Some((child, talk))
}

/// Imports and starts on the result.
fn imported(source: &str, more: &[&str]) -> (Server, String) {
    let scratch = Scratch::new();
    let target = scratch.join("data");
    let (code, text) = run(&[&["import", source, &target], more].concat());
    assert_eq!(code, 0, "{text}");
    (Server::start_in(scratch, &[]), text)
}

#[test]
fn every_key_of_a_real_redis_arrives() {
    let scratch = Scratch::new();
    let Some((redis, mut talk)) =
        redis(&scratch, &["--appendonly", "yes", "--hash-max-listpack-entries", "100"])
    else {
        return;
    };
    tell_story(&mut talk);
    let expected = contents(&mut talk);
    assert_eq!(expected.len(), 100 + 11 + 5 + 4 + 2 + 1, "the story is told whole");
    assert_eq!(talk.line("SAVE"), Reply::Line("+OK".into()));
    if std::env::var_os("RECORD").is_some() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/process/redis-7.0");
        fs::copy(scratch.join("dump.rdb"), format!("{here}/dump.rdb")).expect("writable");
        let log = scratch.join("appendonlydir/appendonly.aof.1.incr.aof");
        fs::copy(log, format!("{here}/incr.aof")).expect("writable");
    }
    let compare = |source: &str| {
        let (server, text) = imported(source, &[]);
        let found = contents(&mut Talk::to(server.port));
        assert_eq!(found.len(), expected.len(), "{source}: {text}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{source}");
        }
        // What was taken over is kept as if it had been written here.
        server.signal("KILL");
        let server = Server::start_in(server.wait().1, &[]);
        assert!(contents(&mut Talk::to(server.port)) == expected, "{source}, after another start");
    };
    // The dump; the log in several files, by its directory and by its manifest.
    compare(&scratch.join("dump.rdb"));
    let log = scratch.join("appendonlydir");
    compare(&log);
    compare(&format!("{log}/appendonly.aof.manifest"));
    // A log that begins with a dump, as Redis 6 keeps it in one file.
    let single =
        [fs::read(scratch.join("dump.rdb")).expect("there"), b"*2\r\n$3\r\nDEL\r\n$4\r\nnone\r\n".to_vec()];
    fs::write(scratch.join("single.aof"), single.concat()).expect("writable");
    compare(&scratch.join("single.aof"));
    // A log without a dump, cut within its last command.
    let mut log = fs::read(format!("{log}/appendonly.aof.1.incr.aof")).expect("there");
    log.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nab");
    fs::write(scratch.join("cut.aof"), log).expect("writable");
    compare(&scratch.join("cut.aof"));
    drop(redis);
}

#[test]
fn what_does_not_exist_here_is_named_and_skipped_only_when_asked() {
    let scratch = Scratch::new();
    let Some((redis, mut talk)) = redis(&scratch, &["--appendonly", "yes"]) else { return };
    for line in [
        "SET kept 1",
        "RPUSH short a b c",
        "SADD numbers 1 2 3",
        "SADD words a b c",
        "ZADD scores 1 a 2.5 b -inf c",
        "XADD stream 5-1 f v",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group consumer STREAMS stream >",
        "HSET hash f v",
    ] {
        talk.line(line);
    }
    for number in 0..2000 {
        talk.line(&format!("RPUSH long element-{number}"));
        talk.line(&format!("ZADD many {number}.5 member-{number}"));
        talk.line(&format!("SADD crowd member-{number}"));
    }
    assert_eq!(talk.line("SAVE"), Reply::Line("+OK".into()));
    let refused = "2 x list, 3 x set, 2 x sorted set, 1 x stream";
    let target = scratch.join("target");
    let (code, text) = run(&["import", &scratch.join("dump.rdb"), &target]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(&format!("Nothing was imported: {refused} cannot be taken over")), "{text}");
    assert!(!fs::exists(&target).expect("readable"));
    let (code, text) = run(&["import", &scratch.join("appendonlydir"), &target]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("2001 x command RPUSH") && text.contains("1 x command XADD"), "{text}");
    for source in ["dump.rdb", "appendonlydir"] {
        let (server, text) = imported(&scratch.join(source), &["--skip-unsupported"]);
        assert!(text.contains("Skipped: "), "{text}");
        assert_eq!(contents(&mut Talk::to(server.port)).len(), 2, "{source}");
    }
    drop(redis);
}

#[test]
fn recorded_files_are_read() {
    let scratch = Scratch::new();
    let (dump, log) = (scratch.join("dump.rdb"), scratch.join("incr.aof"));
    fs::write(&dump, DUMP).expect("writable");
    fs::write(&log, LOG).expect("writable");
    let (from_dump, _) = imported(&dump, &[]);
    let (from_log, _) = imported(&log, &[]);
    let found = contents(&mut Talk::to(from_dump.port));
    assert_eq!(found.len(), 123);
    assert!(found == contents(&mut Talk::to(from_log.port)), "both tell the same");
    let mut talk = Talk::to(from_dump.port);
    for (line, expected) in [
        ("GET key:99", Reply::Bulk(Some(b"value 99".to_vec()))),
        ("GET integer:-2147483648", Reply::Bulk(Some(b"-2147483648".to_vec()))),
        ("HGET large field", Reply::Bulk(None)),
        ("HLEN large", Reply::Line(":700".into())),
        ("HGET small e", Reply::Bulk(Some(b"9223372036854775807".to_vec()))),
        ("PEXPIRETIME large", Reply::Line(":4102444800789".into())),
        ("PEXPIRETIME mortal", Reply::Line(":4102444800123".into())),
        ("STRLEN empty", Reply::Line(":0".into())),
        ("DBSIZE", Reply::Line(":121".into())),
    ] {
        assert_eq!(talk.line(line), expected, "{line}");
    }
}

#[test]
fn bad_files_are_named_with_the_place() {
    let scratch = Scratch::new();
    let (source, target) = (scratch.join("file"), scratch.join("target"));
    let mut flipped = DUMP.to_vec();
    flipped[DUMP.len() / 2] ^= 1;
    let log = |bytes: &[u8]| bytes.to_vec();
    for (bytes, expected) in [
        (DUMP[..DUMP.len() / 2].to_vec(), "the file ends too early"),
        (flipped, "at byte "),
        (log(b"hello"), "at byte 0: no command begins here"),
        (log(b"*1\r\n$4\r\nQUIT\r\n"), "1 x command QUIT"),
        (log(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*x\r\n"), "at byte 27: ERR Protocol error"),
        (log(b"*2\r\n$3\r\nSET\r\n$1\r\na\r\n"), "at byte 0: ERR wrong number of arguments"),
        (log(b"*2\r\n$6\r\nSELECT\r\n$4\r\n9999\r\n"), "at byte 0: database 9999 is beyond"),
        (log(b"*0\r\n"), "at byte 0: an empty command"),
        (log(b"REDIS0011\x00\x01a\x01b\x00\x01a\x01c\xff\0\0\0\0\0\0\0\0"), "the key 'a' comes twice"),
        (log(b"REDIS0011\x04\x01h\x02\x01f\x01v\x01f\x01w\xff"), "a field comes twice in the hash 'h'"),
    ] {
        fs::write(&source, bytes).expect("writable");
        let (code, text) = run(&["import", &source, &target]);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(expected), "{expected}: {text}");
        assert!(!fs::exists(&target).expect("readable"), "nothing is left");
    }
    let (code, text) = run(&["import", &scratch.join("none"), &target]);
    assert!(code == 1 && text.contains("Can't read "), "{text}");
    let (code, text) = run(&["import", &scratch.join(""), &target]);
    assert!(code == 1 && text.contains("holds no manifest"), "{text}");
}
