//! DEBUG: what tests of clients and servers need. Subcommands that would crash the server are not there.

use core::fmt::Write as _;

use super::access;
use super::ask::Ask;
use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, Group, Spec};
use crate::bytes::number::parse_f64;
use crate::config::Access;
use crate::data::{Digest, HashView, Value};
use crate::resp::{Args, Protocol, ReplyError};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[Spec {
    name: "debug",
    arity: -2,
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
    group: Group::Server,
    run: debug,
    complexity: "Depends on subcommand.",
    summary: "Looks behind the scenes, for tests.",
    ..Spec::BASE
}];

/// Subcommands that tune what this server does not have, with their number of arguments.
const WITHOUT_EFFECT: &[(&str, usize)] = &[
    ("aof-flush-sleep", 3),
    ("change-repl-id", 2),
    ("config-rewrite-force-all", 2),
    ("dict-resizing", 3),
    ("drop-cluster-packet-filter", 3),
    ("pause-cron", 3),
    ("quicklist-packed-threshold", 3),
    ("replicate", 3),
    ("replybuffer", 4),
    ("set-disable-deny-scripts", 3),
    ("set-skip-checksum-validation", 3),
];

fn debug(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    check_access(context)?;
    let is = |name: &str, count: usize| args.is(1, name) && args.len() == count;
    if is("help", 2) {
        return help(context);
    }
    if is("object", 3) {
        return object(context, args);
    }
    if is("digest", 2) {
        let digest = context.keyspace.digest();
        context.reply.simple(&digest.to_string());
        return Ok(Outcome::Done);
    }
    if args.is(1, "digest-value") {
        return digest_value(context, args);
    }
    if is("sleep", 3) {
        // As C reads it: what is no number is zero. The conversion saturates.
        let seconds = parse_f64(args.get(2)).unwrap_or(0.0);
        return Ok(Outcome::Ask(Ask::DebugSleep { micros: (seconds * 1e6) as u64 }));
    }
    if is("set-active-expire", 3) {
        return Ok(Outcome::Ask(Ask::DebugActiveExpire { on: args.get(2) != b"0" }));
    }
    if args.is(1, "reload") {
        return reload(args);
    }
    if is("loadaof", 2) {
        return Ok(Outcome::Ask(Ask::DebugLoadLog));
    }
    if is("protocol", 3) {
        return protocol(context, args);
    }
    if is("error", 3) {
        return Err(ReplyError::new(args.get(2)));
    }
    if args.is(1, "htstats") && args.len() >= 3 {
        return htstats(context, args);
    }
    if is("stringmatch-test", 2) {
        context.reply.simple("Patterns are tested with the program, not by it");
        return Ok(Outcome::Done);
    }
    if WITHOUT_EFFECT.iter().any(|&(name, count)| is(name, count)) {
        context.reply.ok();
        return Ok(Outcome::Done);
    }
    let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
    text.extend_from_slice(&args.get(1)[..args.get(1).len().min(128)]);
    text.extend_from_slice(b"'. Try DEBUG HELP.");
    Err(ReplyError::new(text))
}

/// `enable-debug-command`: nobody, everybody, or clients on this machine.
fn check_access(context: &Context<'_>) -> Result<(), ReplyError> {
    let client = &context.client;
    let is_local = client.unix || client.peer.starts_with("127.") || client.peer.starts_with("[::1]:");
    match context.config.enable_debug_command {
        Access::Yes => Ok(()),
        Access::Local if is_local => Ok(()),
        Access::No | Access::Local => Err(ReplyError::fixed(
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it \
             from a local connection, otherwise you need to set this option in the configuration file, and then \
             restart the server.",
        )),
    }
}

fn object(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = context.peek(args.get(2)).ok_or(ReplyError::NO_SUCH_KEY)?;
    let value = context.keyspace.read(found);
    let clock = context.keyspace.access(found);
    // There are no addresses in here; the key's hash is as good to tell values apart.
    let line = format!(
        "Value at:{:#x} refcount:1 encoding:{} serializedlength:{} lru:{clock} lru_seconds_idle:{}",
        context.keyspace.key(args.get(2)).hash,
        value.encoding(),
        serialized_bytes(value),
        access::idle_s(context.time, clock),
    );
    context.reply.simple(&line);
    Ok(Outcome::Done)
}

/// About what a value takes in a checkpoint, in bytes.
fn serialized_bytes(value: Value<'_>) -> usize {
    let part = |bytes: &[u8]| bytes.len() + if bytes.len() < 128 { 1 } else { 5 };
    match value {
        Value::String(text) => part(text.bytes),
        Value::Hash(hash) => pairs_bytes(hash, part),
    }
}

fn pairs_bytes(hash: HashView<'_>, part: impl Fn(&[u8]) -> usize) -> usize {
    hash.iter().map(|(field, value)| part(field) + part(value)).sum()
}

fn digest_value(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    context.reply.array(args.len() - 2);
    for key in args.from(2) {
        let digest = match context.peek(key) {
            Some(found) => context.keyspace.digest_value(found),
            None => Digest::default(),
        };
        context.reply.simple(&digest.to_string());
    }
    Ok(Outcome::Done)
}

fn reload(args: Args<'_>) -> Handled {
    let known = |index| ["merge", "noflush", "nosave"].iter().any(|option| args.is(index, option));
    if (2..args.len()).all(known) {
        return Ok(Outcome::Ask(Ask::DebugReload));
    }
    Err(ReplyError::fixed("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."))
}

fn htstats(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let database = usize::try_from(args.integer(2)?)
        .ok()
        .filter(|&database| database < context.keyspace.databases())
        .ok_or(ReplyError::fixed("ERR Out of range database"))?;
    let mut text = String::new();
    let (keys, deadlines) = (context.keyspace.len(database), context.keyspace.expires_len(database));
    for (title, count) in [("Dictionary", keys), ("Expires", deadlines)] {
        writeln!(text, "[{title} HT]\n number of elements: {count}").expect("a string takes any text");
    }
    context.reply.verbatim("txt", text.as_bytes());
    Ok(Outcome::Done)
}

/// Answers one of every kind of reply, as the test suites of client libraries want it.
fn protocol(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    /// Pi to three decimals, which is what clients' tests expect, and not pi.
    const THREE_DECIMALS: f64 = 3141.0 / 1000.0;
    let is = |name| args.is(2, name);
    let reply = &mut context.reply;
    if is("string") {
        reply.text("Hello World");
    } else if is("integer") {
        reply.integer(12345);
    } else if is("double") {
        reply.double(THREE_DECIMALS);
    } else if is("bignum") {
        reply.big_number("1234567999999999999999999999999999999");
    } else if is("null") {
        reply.null();
    } else if is("array") {
        reply.array(3);
        (0..3).for_each(|number| reply.integer(number));
    } else if is("set") {
        reply.set(3);
        (0..3).for_each(|number| reply.integer(number));
    } else if is("map") {
        reply.map(3);
        for number in 0..3 {
            reply.integer(number);
            reply.boolean(number == 1);
        }
    } else if is("attrib") {
        if reply.protocol() == Protocol::Resp3 {
            reply.raw(b"|1\r\n");
            reply.text("key-popularity");
            reply.array(2);
            reply.text("key:123");
            reply.integer(90);
        }
        reply.text("Some real reply following the attribute");
    } else if is("push") {
        if reply.protocol() == Protocol::Resp2 {
            return Err(ReplyError::fixed("ERR RESP2 is not supported by this command"));
        }
        reply.push(2);
        reply.text("server-cpu-usage");
        reply.integer(42);
        reply.text("Some real reply following the push reply");
    } else if is("true") || is("false") {
        reply.boolean(is("true"));
    } else if is("verbatim") {
        reply.verbatim("txt", b"This is a verbatim\nstring");
    } else {
        return Err(ReplyError::fixed(
            "ERR Wrong protocol type name. Please use one of the following: \
             string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
        ));
    }
    Ok(Outcome::Done)
}

fn help(context: &mut Context<'_>) -> Handled {
    super::help(
        context,
        &[
            "DIGEST",
            "    Tell the fingerprint of all keys; equal contents give equal fingerprints.",
            "DIGEST-VALUE <key> [<key> ...]",
            "    Tell the fingerprints of values.",
            "ERROR <text>",
            "    Answer an error with this text.",
            "HTSTATS <database>",
            "    Tell how many keys and deadlines a database has.",
            "LOADAOF",
            "    Read the log again.",
            "OBJECT <key>",
            "    Tell how the value is kept.",
            "PROTOCOL <type>",
            "    Answer a reply of this type: string, integer, double, bignum, null, array, set, map, attrib, push,",
            "    verbatim, true, false.",
            "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
            "    Write a checkpoint and read it again.",
            "SET-ACTIVE-EXPIRE <0|1>",
            "    Choose whether keys are removed when their time comes, or only when they are touched.",
            "SLEEP <seconds>",
            "    Stop the server for a while.",
            "AOF-FLUSH-SLEEP, CHANGE-REPL-ID, CONFIG-REWRITE-FORCE-ALL, DICT-RESIZING, DROP-CLUSTER-PACKET-FILTER,",
            "PAUSE-CRON, QUICKLIST-PACKED-THRESHOLD, REPLICATE, REPLYBUFFER, SET-DISABLE-DENY-SCRIPTS,",
            "SET-SKIP-CHECKSUM-VALIDATION",
            "    Accepted for test suites that use them; without effect.",
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Bench;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.config.enable_debug_command = Access::Yes;
        bench
    }

    #[test]
    fn only_those_may_debug_who_are_allowed_to() {
        let mut bench = Bench::new();
        assert!(bench.run("DEBUG DIGEST").starts_with("-ERR DEBUG command not allowed."));
        bench.config.enable_debug_command = Access::Local;
        for (peer, allowed) in [("127.0.0.1:7", true), ("[::1]:7", true), ("10.0.0.1:7", false), ("", false)]
        {
            bench.client.peer = peer.into();
            assert_eq!(bench.run("DEBUG DIGEST").starts_with('+'), allowed, "{peer}");
        }
        bench.client.unix = true;
        assert!(bench.run("DEBUG DIGEST").starts_with('+'));
    }

    #[test]
    fn fingerprints_tell_contents_apart() {
        let mut bench = bench();
        let nothing = format!("+{}\r\n", "0".repeat(40));
        assert_eq!(bench.run("DEBUG DIGEST"), nothing);
        bench.run("HSET a f v g w");
        let first = bench.run("DEBUG DIGEST");
        assert_ne!(first, nothing);
        bench.run("HSET b g w f v");
        let values = bench.run("DEBUG DIGEST-VALUE a b none");
        let lines: Vec<&str> = values.split("\r\n").collect();
        assert_eq!((lines[0], lines[1], lines[3]), ("*3", lines[2], nothing.trim_end()));
        bench.run("HSET b g other");
        assert_ne!(bench.run("DEBUG DIGEST-VALUE b"), bench.run("DEBUG DIGEST-VALUE a"));
        bench.run("DEL b");
        assert_eq!(bench.run("DEBUG DIGEST"), first);
    }

    #[test]
    fn what_only_the_node_can_do_is_asked_of_it() {
        let mut bench = bench();
        assert_eq!(bench.ask("DEBUG SLEEP 0.25"), Ask::DebugSleep { micros: 250_000 });
        assert_eq!(bench.ask("DEBUG SLEEP -1"), Ask::DebugSleep { micros: 0 });
        assert_eq!(bench.ask("DEBUG SLEEP x"), Ask::DebugSleep { micros: 0 });
        assert_eq!(bench.ask("DEBUG SET-ACTIVE-EXPIRE 0"), Ask::DebugActiveExpire { on: false });
        assert_eq!(bench.ask("DEBUG RELOAD NOSAVE merge"), Ask::DebugReload);
        assert_eq!(bench.ask("DEBUG LOADAOF"), Ask::DebugLoadLog);
    }

    #[test]
    fn every_kind_of_reply_can_be_had() {
        let mut bench = bench();
        bench.client.protocol = Protocol::Resp3;
        for (name, reply) in [
            ("double", ",3.141\r\n"),
            ("bignum", "(1234567999999999999999999999999999999\r\n"),
            ("map", "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"),
            ("true", "#t\r\n"),
            ("false", "#f\r\n"),
            ("verbatim", "=29\r\ntxt:This is a verbatim\nstring\r\n"),
        ] {
            assert_eq!(bench.run(&format!("DEBUG PROTOCOL {name}")), reply);
        }
        bench.client.protocol = Protocol::Resp2;
        assert!(bench.run("DEBUG PROTOCOL push").starts_with("-ERR RESP2"));
        assert!(bench.run("DEBUG PROTOCOL nonsense").starts_with("-ERR Wrong protocol type name."));
    }

    #[test]
    fn objects_are_described_on_one_line() {
        let mut bench = bench();
        bench.run("SET key value");
        bench.time.0 += 3000;
        let line = bench.run("DEBUG OBJECT key");
        assert!(line.starts_with("+Value at:0x"), "{line}");
        assert!(line.contains(" refcount:1 encoding:embstr serializedlength:6 lru:"), "{line}");
        assert!(line.ends_with(" lru_seconds_idle:3\r\n"), "{line}");
        assert_eq!(bench.run("DEBUG OBJECT none"), "-ERR no such key\r\n");
        assert_eq!(bench.run("DEBUG CHANGE-REPL-ID"), "+OK\r\n");
        assert_eq!(
            bench.run("DEBUG SLEEP"),
            "-ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP.\r\n"
        );
    }
}
