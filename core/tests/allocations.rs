//! The hot path asks for no memory: in steady state, a turn of common commands allocates nothing, however many
//! commands there are in it; with a log, one small block.

mod counting;

use counting::{Bare, allocations, command};

const CLIENTS: u32 = 4;
const PIPELINE: usize = 32;
const TURNS: u64 = 50;

fn chunks(words: impl Fn(usize) -> Vec<String>) -> Vec<Vec<u8>> {
    (0..CLIENTS as usize)
        .map(|client| {
            let mut bytes = Vec::new();
            for index in 0..PIPELINE {
                let words = words(client * PIPELINE + index);
                command(&words.iter().map(String::as_str).collect::<Vec<_>>(), &mut bytes);
            }
            bytes
        })
        .collect()
}

fn words(text: &str, number: usize) -> Vec<String> {
    text.replace('#', &number.to_string()).split(' ').map(str::to_string).collect()
}

/// Allocations in so many turns, after as many turns of the same that may allocate.
fn in_steady_state(log: &str, prepare: &str, text: &str) -> u64 {
    let settings = [("appendonly", log), ("appendfsync", "everysec"), ("save", "")];
    let mut node = Bare::start(&settings, CLIENTS);
    if !prepare.is_empty() {
        node.turn(&chunks(|number| words(prepare, number)));
    }
    let chunks = chunks(|number| words(text, number));
    for _ in 0..TURNS {
        node.turn(&chunks);
    }
    let (before, replied) = (allocations(), node.reply_bytes);
    for _ in 0..TURNS {
        node.turn(&chunks);
    }
    assert!(node.reply_bytes > replied, "{text} was answered");
    allocations() - before
}

// One function, because the count is the whole process's.
#[test]
fn common_commands_allocate_nothing() {
    let sets = "SET key:# a-value-of-some-length-that-stays-the-same";
    for (prepare, text) in [
        ("", "PING"),
        ("", "SET key:# a-value-of-some-length-that-stays-the-same"),
        (sets, "GET key:#"),
        ("", "GET nothing:#"),
        ("SET count:# 1000", "INCR count:#"),
        ("", "HSET hash:# field value"),
        (sets, "MSET key:# a-value-of-some-length-that-stays-the-same key:# the-same"),
        (sets, "MGET key:# nothing:#"),
        (sets, "MSETNX nothing:# x key:# y"),
        (sets, "SET key:# a-value-of-some-length-that-stays-the-same XX GET"),
        (sets, "GETSET key:# a-value-of-some-length-that-stays-the-same"),
        (sets, "GETEX key:#"),
        (sets, "SETNX key:# x"),
        (sets, "STRLEN key:#"),
        (sets, "GETRANGE key:# 2 -3"),
        (sets, "SETRANGE key:# 2 part"),
        ("SET count:# 1000000", "DECR count:#"),
        ("SET count:# 1000000", "INCRBY count:# 17"),
        ("SET brief:# value EX 1000", "TTL brief:#"),
        ("SET brief:# value EX 1000", "SET brief:# other KEEPTTL"),
        ("SET brief:# value EX 1000", "EXPIRE brief:# 2000 LT"),
        (sets, "PERSIST key:#"),
    ] {
        assert_eq!(in_steady_state("no", prepare, text), 0, "{text}, without a log");
        // The bytes of an entry are shared with the disk, which takes one small block an entry: a turn has one.
        let logged = in_steady_state("yes", prepare, text);
        assert!(logged <= TURNS + 8, "{text}, with a log: {logged} allocations in {TURNS} turns");
    }
    assert_ne!(
        in_steady_state("no", "", "LPOP nothing:#"),
        0,
        "the count counts: an error's text is allocated"
    );
}
