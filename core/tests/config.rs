//! Settings, compared with what a real Redis shows and says.

use lockstep_core::Config;
use lockstep_core::config::{AppendFsync, DIRECTIVES, SavePoint, Stage, file};

/// Recorded from redis-server 7.0.15.
const RECORDED: &str = include_str!("config/redis-7.0.txt");

/// Where our defaults differ on purpose, or the recorded server was started with something else.
const DIFFERING: &[&str] = &["appendfsync", "appendonly", "dir", "port"];

fn recorded() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = RECORDED.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap_or((line, "")))
}

fn read(text: &str) -> Result<Config, String> {
    let lines = file::parse("the configuration file", text.as_bytes()).map_err(|error| error.to_string())?;
    Config::from_lines(&lines).map_err(|error| error.reason)
}

fn set(config: &mut Config, pairs: &[(&str, &str)]) -> Result<(), String> {
    let pairs: Vec<(&[u8], &[u8])> =
        pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    config.set_all(&pairs).map(|_| ()).map_err(|error| error.to_string())
}

fn get(config: &Config, pattern: &str) -> Vec<(String, String)> {
    config.get(&[pattern.as_bytes()])
}

#[test]
fn every_directive_of_redis_is_known_with_its_default() {
    let config = Config::default();
    for (name, value) in recorded() {
        let answer = get(&config, name);
        assert_eq!(answer.len(), 1, "{name} is known");
        if !DIFFERING.contains(&name) {
            assert_eq!(answer[0].1, value, "{name}");
        }
    }
}

#[test]
fn a_file_of_every_directive_loads_and_shows_the_same() {
    let mut text = String::new();
    for (name, value) in recorded() {
        let split = ["bind", "save", "client-output-buffer-limit"].contains(&name);
        text += &if split { format!("{name} {value}\n") } else { format!("{name} {}\n", file::quote(value)) };
    }
    let config = read(&text).expect("a stock file loads");
    for (name, value) in recorded() {
        assert_eq!(get(&config, name)[0].1, value, "{name}");
    }
    assert!(config.without_effect().is_empty(), "{:?}", config.without_effect());
}

#[test]
fn values_that_differ_come_back_from_the_file_they_are_written_to() {
    let text = "port 7000\nsave 60 5\nsave 10 1\nrequirepass \"a \\\"b\\\" c\"\nmaxmemory 3gb\n\
                client-output-buffer-limit pubsub 1mb 0 10\nnotify-keyspace-events KEA\nhz 50\n\
                syslog-enabled yes\nlatency-tracking-info-percentiles \"\"\nbind 127.0.0.1 -::1\n\
                unixsocketperm 770\nshutdown-on-sigterm nosave now\nmaxmemory-policy allkeys-lfu\n";
    let config = read(text).expect("a good file");
    let lines: Vec<String> = config
        .differing()
        .into_iter()
        .flat_map(|(name, lines)| lines.into_iter().map(move |line| format!("{name} {line}")))
        .collect();
    assert!(lines.contains(&"save 60 5".to_string()) && lines.contains(&"save 10 1".to_string()));
    assert!(lines.contains(&"client-output-buffer-limit pubsub 1048576 0 10".to_string()));
    assert!(!lines.iter().any(|line| line.starts_with("client-output-buffer-limit normal")));
    assert_eq!(read(&lines.join("\n")).expect("what we write we read"), config);
    assert_eq!(config.without_effect(), ["syslog-enabled"]);
    assert!(Config::default().differing().is_empty());
}

#[test]
fn config_set_refuses_in_the_words_of_redis() {
    let failed = |name: &str, reason: &str| {
        format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}")
    };
    // Name, value, and the reason as redis-server 7.0 gives it.
    let cases = [
        ("maxmemory", "abc", "argument must be a memory value"),
        ("maxmemory", "-5", "argument must be a memory value"),
        ("maxmemory", "1.5gb", "argument must be a memory value"),
        ("timeout", "abc", "argument couldn't be parsed into an integer"),
        ("timeout", "+5", "argument couldn't be parsed into an integer"),
        ("timeout", "-1", "argument must be between 0 and 2147483647 inclusive"),
        ("databases", "5", "can't set immutable config"),
        ("dir", "/tmp", "can't set protected config"),
        ("dbfilename", "x.rdb", "can't set protected config"),
        ("save", "900", "Invalid save parameters"),
        ("save", "900 x", "Invalid save parameters"),
        ("save", "0 1", "Invalid save parameters"),
        ("save", "  60   5 ", "Invalid save parameters"),
        ("protected-mode", "1", "argument must be 'yes' or 'no'"),
        ("appendfsync", "maybe", "argument(s) must be one of the following: everysec, always, no"),
        (
            "maxmemory-policy",
            "foo",
            "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, \
             allkeys-lru, allkeys-lfu, allkeys-random, noeviction",
        ),
        ("loglevel", "foo", "argument(s) must be one of the following: debug, verbose, notice, warning"),
        (
            "client-output-buffer-limit",
            "normal 1 2",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "foo 1mb 2mb 60",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal a b c",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        ("notify-keyspace-events", "q", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        ("oom-score-adj-values", "0 200", "wrong number of arguments"),
        (
            "oom-score-adj-values",
            "0 200 5000",
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
        ),
        (
            "latency-tracking-info-percentiles",
            "50 200",
            "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
        ),
        ("maxmemory-clients", "101%", "percentage argument must be less or equal to 100"),
        ("maxmemory-clients", "-5%", "argument must be a memory or percent value"),
        ("slowlog-log-slower-than", "-2", "argument must be between -1 and 9223372036854775807 inclusive"),
        ("maxclients", "0", "argument must be between 1 and 4294967295 inclusive"),
        ("proto-max-bulk-len", "10", "argument must be between 1048576 and 9223372036854775807 inclusive"),
        ("repl-backlog-size", "0", "argument must be between 1 and 9223372036854775807 inclusive"),
        (
            "shutdown-on-sigterm",
            "foo",
            "argument(s) must be one of the following: default, save, nosave, now, force",
        ),
        (
            "shutdown-on-sigterm",
            "save nosave",
            "shutdown options SAVE and NOSAVE can't be used simultaneously",
        ),
        (
            "cluster-announce-hostname",
            "foo_bar!",
            "Hostnames may only contain alphanumeric characters, hyphens or dots",
        ),
        ("lua-time-limit", "-1", "argument must be between 0 and 9223372036854775807 inclusive"),
        ("enable-debug-command", "foo", "can't set immutable config"),
    ];
    for (name, value, reason) in cases {
        let mut config = Config::default();
        assert_eq!(set(&mut config, &[(name, value)]), Err(failed(name, reason)), "{name} {value}");
        assert_eq!(config, Config::default(), "nothing changed");
    }
    let mut config = Config { clients_possible: 19_968, ..Config::default() };
    assert_eq!(
        set(&mut config, &[("maxclients", "100000")]),
        Err(failed(
            "maxclients",
            "The operating system is not able to handle the specified number of clients, try with 19968"
        ))
    );
    for name in ["nosuch", "rename-command", "user", "include"] {
        let unknown = format!("Unknown option or number of arguments for CONFIG SET - '{name}'");
        assert_eq!(set(&mut config, &[(name, "1")]), Err(unknown));
    }
}

#[test]
fn config_set_of_several_is_all_or_nothing() {
    let mut config = Config::default();
    let error = set(&mut config, &[("timeout", "100"), ("hz", "20"), ("maxmemory", "x")]).expect_err("x");
    assert!(error.contains("'maxmemory'"), "{error}");
    assert_eq!(config, Config::default());

    let error = set(&mut config, &[("timeout", "1"), ("TIMEOUT", "2")]).expect_err("twice");
    assert!(error.ends_with("(possibly related to argument 'timeout') - duplicate parameter"), "{error}");

    // Names are looked at before values, in order.
    let error = set(&mut config, &[("hz", "x"), ("databases", "1")]).expect_err("immutable");
    assert!(error.contains("'databases'"), "{error}");

    set(&mut config, &[("timeout", "7"), ("MAXMEMORY", "1KB"), ("slave-read-only", "no")]).expect("good");
    assert_eq!((config.timeout_s, config.maxmemory_bytes, config.replica_read_only), (7, 1024, false));
}

#[test]
fn config_get_takes_patterns_and_echoes_exact_names() {
    let config = Config::default();
    let names = |pattern: &str| get(&config, pattern).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("TCP-B*"), ["tcp-backlog"]);
    assert_eq!(names("MAXMEMORY"), ["MAXMEMORY"]);
    assert_eq!(names("[a-b]i*"), ["bind", "bind-source-addr", "bio-cpulist", "bio_cpulist"]);
    assert_eq!(names("*-read-only"), ["replica-read-only", "slave-read-only"]);
    assert_eq!(names("nosuch"), [""; 0]);
    let all = DIRECTIVES.len() + DIRECTIVES.iter().filter(|directive| directive.alias.is_some()).count();
    assert_eq!(names("*").len(), all, "no name is used twice");
    assert_eq!(config.get(&[b"tcp*", b"hz", b"TCP-B*"]).len(), 3);
}

#[test]
fn some_values_change_shape() {
    let mut config = Config::default();
    for (name, given, shown) in [
        ("hz", "0", "1"),
        ("hz", "100000", "500"),
        ("shutdown-on-sigterm", "now nosave", "nosave now"),
        ("shutdown-on-sigterm", "default now", "now"),
        ("save", "900 1 60 10", "900 1 60 10"),
        ("save", "", ""),
        ("maxmemory", "1m", "1000000"),
        ("maxmemory", "", "0"),
        ("maxmemory-clients", "5%", "5%"),
        ("appendfsync", "EVERYSEC", "everysec"),
        ("latency-tracking-info-percentiles", "50 99.5", "50 99.5"),
        (
            "client-output-buffer-limit",
            "replica 1 2 3 slave 4 5 6 pubsub 0 0 5",
            "normal 0 0 0 slave 4 5 6 pubsub 0 0 5",
        ),
    ] {
        set(&mut config, &[(name, given)]).expect(name);
        assert_eq!(get(&config, name)[0].1, shown, "{name}");
    }
}

#[test]
fn save_lines_of_a_file_add_up() {
    let point = |seconds, changes| SavePoint { seconds, changes };
    assert_eq!(read("save 60 5\nsave 10 1").expect("good").save, [point(60, 5), point(10, 1)]);
    assert_eq!(read("save \"\"").expect("good").save, []);
    assert_eq!(read("save 60 5\nsave \"\"\nsave 1 1").expect("good").save, [point(1, 1)]);
    assert_eq!(read("save \"9 8 7 6\"").expect("good").save, [point(9, 8), point(7, 6)]);
    let mut config = read("save 60 5").expect("good");
    set(&mut config, &[("save", "1 2")]).expect("good");
    assert_eq!(config.save, [point(1, 2)]);
}

#[test]
fn a_profile_counts_before_what_is_said_in_detail() {
    let config = read("appendfsync always\nprofile fast").expect("good");
    assert_eq!((config.appendonly, config.appendfsync), (true, AppendFsync::Always));
    let config = read("profile dev").expect("good");
    assert!(!config.appendonly && config.save.is_empty());
    assert_eq!(read("profile balanced").expect("good").appendfsync, AppendFsync::EverySecond);
    assert!(read("profile quick").is_err());
}

#[test]
fn what_would_be_unsafe_to_ignore_is_refused() {
    for line in [
        "daemonize yes",
        "tls-port 6380",
        "replicaof 127.0.0.1 6379",
        "rename-command GET \"\"",
        "user bob on",
        "aclfile users.acl",
        "loadmodule x.so",
    ] {
        let reason = read(line).expect_err(line);
        assert!(reason.len() > 20 && !reason.contains("Bad directive"), "{line}: {reason}");
    }
    for line in ["daemonize no", "tls-port 0", "replicaof no one", "aclfile \"\""] {
        read(line).expect(line);
    }
}

#[test]
fn a_group_needs_its_parts() {
    let good = "raft-id 2\nraft-listen 127.0.0.1:7002\nraft-peers 1@127.0.0.1:7001 2@127.0.0.1:7002\n";
    assert!(read(good).expect("good").is_grouped());
    for (more, culprit) in [
        ("appendfsync everysec", "always"),
        ("appendonly no", "appendonly"),
        ("profile fast", "always"),
        ("raft-heartbeat-ms 900", "twice"),
        ("raft-id 3", "every founding member"),
        ("raft-peers 1@127.0.0.1:7001", "every founding member"),
        ("raft-peers 1:7001", "id@address:port"),
        ("raft-peers 1@a:1 1@b:2", "same id"),
    ] {
        let reason = read(&format!("{good}{more}")).expect_err(more);
        assert!(reason.contains(culprit), "{more}: {reason}");
    }
    assert!(read("raft-peers 1@127.0.0.1:7001").is_err());
    let mut config = read(good).expect("good");
    let error = set(&mut config, &[("appendfsync", "no")]).expect_err("weaker than a group promises");
    assert!(error.contains("appendfsync must be always"), "{error}");
}

#[test]
fn wrong_lines_are_named() {
    for (text, number, reason) in [
        ("foo bar", 1, "Bad directive or wrong number of arguments"),
        ("# a comment\nport abc", 2, "argument couldn't be parsed into an integer"),
        ("\nport", 2, "wrong number of arguments"),
        ("port 1 2", 1, "wrong number of arguments"),
        ("unixsocketperm 999", 1, "argument couldn't be parsed as an octal number"),
        ("port 70000", 1, "argument must be between 0 and 65535 inclusive"),
        ("replicaof a b", 1, "Invalid master port"),
        ("bind 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7", 1, "Too many bind addresses specified."),
    ] {
        let lines = file::parse("x", text.as_bytes()).expect("balanced quotes");
        let error = Config::from_lines(&lines).expect_err(text);
        assert_eq!((error.number, error.reason.as_str()), (number, reason), "{text}");
    }
}

#[test]
fn every_range_fits_its_field() {
    // Whatever number a directive takes, it shows again.
    for directive in DIRECTIVES.iter().filter(|directive| directive.refused.is_none()) {
        for value in
            ["0", "1", "65535", "2147483647", "4294967295", "9223372036854775807", "-1", "-2147483648"]
        {
            let mut config = Config::default();
            let set = config.set(directive.name.as_bytes(), &[value.as_bytes()], Stage::Start);
            if set.is_ok() && !["hz", "client-output-buffer-limit"].contains(&directive.name) {
                assert_eq!(config.show(directive), value, "{}", directive.name);
            }
        }
    }
}
