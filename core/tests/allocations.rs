//! Commands that servers spend their lives with take no memory from the system while they run.
//!
//! The reply's buffer and the keys are there beforehand, as they are on a connection that was used before; then
//! each command runs many times, and the allocator must not be asked once.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use lockstep_core::command::context::Lookups;
use lockstep_core::command::{Client, Context, Draws, table};
use lockstep_core::data::Keyspace;
use lockstep_core::resp::{Args, Reply, Span};
use lockstep_core::seed::Purpose;
use lockstep_core::{Config, Seed, UnixMillis};

/// The system's allocator, which counts how often this thread asks it for memory.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // No place to count when the thread ends; nobody looks then.
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
}

// SAFETY: everything is the system allocator's; counting touches no memory that it manages.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A keyspace and all that a handler touches besides.
struct Bench {
    keyspace: Keyspace,
    client: Client,
    draws: Draws,
    lookups: Lookups,
    config: Config,
    out: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        Self {
            keyspace: Keyspace::new(16, 7),
            client: Client::internal(),
            draws: Draws::new(Seed([1; 32]).stream(Purpose::Reads)),
            lookups: Lookups::default(),
            config: Config::default(),
            out: Vec::with_capacity(4096),
        }
    }

    /// Runs a command, which must succeed; how often it asked for memory.
    fn run(&mut self, words: &[&str]) -> usize {
        let bytes = words.concat().into_bytes();
        let mut start = 0;
        let mut span = |word: &&str| {
            start += word.len();
            Span::new(start - word.len(), word.len())
        };
        let spans: Vec<Span> = words.iter().map(&mut span).collect();
        let args = Args::new(&bytes, &spans);
        self.out.clear();
        let before = ASKED.get();
        let spec = table::find(args.get(0)).expect("the command exists").spec();
        let mut context = Context {
            keyspace: &mut self.keyspace,
            client: &mut self.client,
            reply: Reply::new(&mut self.out, lockstep_core::resp::Protocol::Resp2),
            time: UnixMillis(1_700_000_000_000),
            draws: &mut self.draws,
            lookups: &mut self.lookups,
            config: &self.config,
            spec,
        };
        let outcome = (spec.run)(&mut context, args);
        let asked = ASKED.get() - before;
        outcome.expect("the command succeeds");
        assert!(!self.out.is_empty() && self.out[0] != b'-', "{words:?} is answered");
        asked
    }
}

#[test]
fn common_commands_take_no_memory() {
    let mut bench = Bench::new();
    for words in [
        &["SET", "key", "12345678"][..],
        &["SET", "other", "long value that does not fit into a few bytes"],
        &["SET", "counter", "100"],
        &["SET", "volatile", "abcdefgh", "EX", "100"],
        &["HSET", "hash", "field", "value", "count", "10"],
    ] {
        bench.run(words);
    }
    for words in [
        &["GET", "key"][..],
        &["get", "missing"],
        &["SET", "key", "87654321"],
        &["SET", "key", "12345678", "XX"],
        &["SET", "key", "87654321", "GET"],
        &["SET", "volatile", "hgfedcba", "KEEPTTL"],
        &["SETNX", "key", "12345678"],
        &["GETSET", "key", "12345678"],
        &["GETEX", "key"],
        &["MSET", "key", "abcdefgh", "counter", "200"],
        &["MGET", "key", "other", "missing", "hash"],
        &["MSETNX", "new", "a", "key", "b"],
        &["STRLEN", "other"],
        &["GETRANGE", "other", "3", "-3"],
        &["SETRANGE", "other", "3", "xyz"],
        &["INCR", "counter"],
        &["DECR", "counter"],
        &["INCRBY", "counter", "17"],
        &["TTL", "volatile"],
        &["PERSIST", "key"],
        &["EXPIRE", "volatile", "200", "LT"],
        &["EXISTS", "key", "missing"],
        &["TYPE", "key"],
        &["HGET", "hash", "field"],
        &["HSET", "hash", "field", "other"],
        &["HINCRBY", "hash", "count", "1"],
        &["HMGET", "hash", "field", "missing"],
        &["HLEN", "hash"],
        &["HEXISTS", "hash", "field"],
        &["PING"],
        &["ECHO", "text"],
    ] {
        let asked: usize = (0..50).map(|_| bench.run(words)).sum();
        assert_eq!(asked, 0, "{words:?} took memory");
    }
}

/// The count counts: else the other test would prove nothing.
#[test]
fn a_large_new_value_takes_memory() {
    let mut bench = Bench::new();
    let value = "x".repeat(1 << 20);
    assert!(bench.run(&["SET", "key", &value]) > 0);
}
