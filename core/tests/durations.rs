//! What the node makes of how long its turns took: the slow log, delays, and statistics of commands.

use lockstep_core::ids::ConnId;
use lockstep_core::{Action, Config, Event, Mono, Node, Now, Origin, Role, Seed};

const CONN: ConnId = ConnId { slot: 0, generation: 0 };

/// A node without files, and one client.
struct Bench {
    node: Node,
    now: Now,
}

impl Bench {
    fn new() -> Self {
        let config = Config { appendonly: false, save: Vec::new(), ..Config::default() };
        let now = Now { mono: Mono(1_000_000), wall_us: 1_767_225_600_000_000 };
        let mut bench = Self { node: Node::new(config, Seed([7; 32]), now, &[]), now };
        bench.settle();
        let origin = Origin {
            peer: "127.0.0.1:5",
            local: "127.0.0.1:6379",
            loopback: true,
            unix: false,
            descriptor: 9,
        };
        bench.happen(Event::Accepted { conn: CONN, role: Role::Client, origin });
        bench
    }

    fn happen(&mut self, event: Event<'_>) {
        self.node.handle(self.now, event);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(action) = self.node.poll(self.now) {
            assert!(!matches!(action, Action::Halt { .. }), "{action:?}");
        }
    }

    /// Sends commands as one chunk of lines, lets them take `micros`, and gives the replies.
    fn run(&mut self, lines: &str, micros: u64) -> String {
        self.now.mono = self.now.mono.after_ms(1000);
        self.now.wall_us += 1_000_000;
        self.happen(Event::Received { conn: CONN, bytes: lines.as_bytes() });
        let bytes = self.node.outgoing(CONN).to_vec();
        // As a driver does: what was sent is told in a turn of its own, and only then how long all of it took.
        self.happen(Event::Sent { conn: CONN, count_bytes: bytes.len() });
        self.happen(Event::TurnTook { micros });
        String::from_utf8(bytes).expect("these replies are text")
    }
}

fn number(text: &str, field: &str) -> u64 {
    let (_, rest) = text.split_once(field).unwrap_or_else(|| panic!("{field} is in {text}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number follows")
}

#[test]
fn a_slow_command_is_noted_with_its_turn() {
    let mut bench = Bench::new();
    bench.run("SET key value\r\n", 50);
    bench.run("KEYS *\r\n", 9_999);
    assert_eq!(bench.run("SLOWLOG LEN\r\n", 50), ":0\r\n");
    bench.run("KEYS *\r\n", 25_000);
    let shown = bench.run("SLOWLOG GET\r\n", 50);
    let expected = "*1\r\n*6\r\n:0\r\n:1767225604\r\n:25000\r\n*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n$11\r\n127.0.0.1:5\r\n$0\r\n\r\n";
    assert_eq!(shown, expected);
}

#[test]
fn a_slow_turn_is_charged_to_who_did_the_work() {
    let mut bench = Bench::new();
    bench.run("GET a\r\nKEYS *\r\nGET b\r\n", 100_000);
    let shown = bench.run("INFO commandstats\r\n", 50);
    let usec = |name: &str| {
        number(&shown, &format!("cmdstat_{name}:calls={},usec=", if name == "get" { 2 } else { 1 }))
    };
    let (get, keys) = (usec("get"), usec("keys"));
    assert!(keys > 90_000 && get > 0 && get + keys <= 100_000, "{shown}");
    assert_eq!(bench.run("SLOWLOG LEN\r\n", 50), ":1\r\n");
}

#[test]
fn delays_are_watched_when_asked_for() {
    let mut bench = Bench::new();
    bench.run("KEYS *\r\n", 30_000);
    assert_eq!(bench.run("LATENCY LATEST\r\n", 50), "*0\r\n");
    bench.run("CONFIG SET latency-monitor-threshold 20\r\n", 50);
    bench.run("KEYS *\r\n", 30_000);
    bench.run("KEYS *\r\n", 21_000);
    bench.run("GET a\r\n", 40_000);
    let shown = bench.run("LATENCY LATEST\r\n", 50);
    let command = "*4\r\n$7\r\ncommand\r\n:1767225605\r\n:21\r\n:30\r\n";
    let fast = "*4\r\n$12\r\nfast-command\r\n:1767225606\r\n:40\r\n:40\r\n";
    assert_eq!(shown, format!("*2\r\n{command}{fast}"));
    assert_eq!(bench.run("LATENCY RESET command nosuch\r\n", 50), ":1\r\n");
    assert_eq!(bench.run("LATENCY RESET\r\n", 50), ":1\r\n");
}

#[test]
fn durations_are_counted_in_buckets() {
    let mut bench = Bench::new();
    for micros in [1, 1, 3, 1000] {
        bench.run("GET a\r\n", micros);
    }
    let shown = bench.run("LATENCY HISTOGRAM get\r\n", 50);
    assert_eq!(
        shown,
        "*2\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:4\r\n$14\r\nhistogram_usec\r\n*6\r\n:1\r\n:2\r\n:4\r\n:3\r\n:1056\r\n:4\r\n"
    );
    bench.run("CONFIG SET latency-tracking no\r\n", 50);
    bench.run("GET a\r\n", 1);
    assert_eq!(bench.run("LATENCY HISTOGRAM get\r\n", 50), "*0\r\n");
}

#[test]
fn secrets_stay_out_of_the_slow_log() {
    let mut bench = Bench::new();
    bench.run("CONFIG SET slowlog-log-slower-than 0\r\nSLOWLOG RESET\r\n", 50);
    bench.run("CONFIG SET requirepass hush1 timeout 5\r\n", 50);
    bench.run("AUTH default hush1\r\n", 50);
    bench.run("HELLO 2 AUTH default hush1 SETNAME me\r\n", 50);
    let shown = bench.run("SLOWLOG GET\r\n", 50);
    assert!(shown.contains("requirepass") && shown.contains("SETNAME"), "{shown}");
    assert!(!shown.contains("hush1"), "{shown}");
    assert_eq!(shown.matches("(redacted)").count(), 5, "{shown}");
}

#[test]
fn the_slow_log_keeps_no_more_than_it_may() {
    let mut bench = Bench::new();
    bench.run("CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 4\r\n", 50);
    for _ in 0..10 {
        bench.run("PING\r\n", 50);
    }
    assert_eq!(bench.run("SLOWLOG LEN\r\n", 50), ":4\r\n");
    bench.run("CONFIG SET slowlog-max-len 2\r\n", 50);
    assert_eq!(bench.run("SLOWLOG LEN\r\n", 50), ":2\r\n");
}

#[test]
fn counters_begin_anew() {
    let mut bench = Bench::new();
    bench.run("SET key value\r\nGET key\r\nGET other\r\nNOSUCH\r\n", 50);
    let before = bench.run("INFO stats\r\n", 50);
    assert_eq!((number(&before, "keyspace_hits:"), number(&before, "keyspace_misses:")), (1, 1));
    assert_eq!(number(&before, "total_error_replies:"), 1);
    bench.run("CONFIG RESETSTAT\r\n", 50);
    let after = bench.run("INFO stats\r\n", 50);
    for field in ["keyspace_hits:", "keyspace_misses:", "total_error_replies:", "total_connections_received:"]
    {
        assert_eq!(number(&after, field), 0, "{field}");
    }
    // The command that reset them is the first that counts.
    assert_eq!(number(&after, "total_commands_processed:"), 1);
    assert!(bench.run("INFO errorstats\r\n", 50).ends_with("# Errorstats\r\n\r\n"));
}
