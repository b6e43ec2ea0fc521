//! Commands on keys of any type.

use super::access;
use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, KeySpec, Spec};
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec::BASE;
/// Commands that look at each of several keys.
const EACH: Spec = Spec {
    arity: -2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::range(1, -1, 1, &["RO"])],
    tips: OVER_SHARDS,
    arguments: "key...",
    ..ROW
};
/// How a proxy splits a command over keys of several shards.
const OVER_SHARDS: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];
const FROM: &[&str] = &["RW", "access", "delete"];

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "del",
        arity: -2,
        flags: Flags::WRITE,
        keys: &[KeySpec::range(1, -1, 1, &["RM", "delete"])],
        run: delete,
        tips: OVER_SHARDS,
        complexity: "O(N) where N is the number of keys that will be removed. A key that holds a large collection \
                     takes O(M) where M is the number of its elements.",
        summary: "Removes keys.",
        arguments: "key...",
        ..ROW
    },
    Spec {
        name: "unlink",
        arity: -2,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::range(1, -1, 1, &["RM", "delete"])],
        run: delete,
        tips: OVER_SHARDS,
        since: "4.0.0",
        complexity: "O(1) for each key removed.",
        summary: "Removes keys, as DEL does.",
        arguments: "key...",
        ..ROW
    },
    Spec {
        name: "exists",
        run: exists,
        history: &[("3.0.3", "Takes several keys.")],
        complexity: "O(N) where N is the number of keys to check.",
        summary: "Tells how many of these keys there are.",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        ..EACH
    },
    Spec {
        name: "touch",
        run: touch,
        since: "3.2.1",
        complexity: "O(N) where N is the number of keys that will be touched.",
        summary: "Counts as a use of keys, and tells how many of them there are.",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        ..EACH
    },
    Spec {
        name: "type",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: &[KeySpec::one(&["RO"])],
        run: kind,
        summary: "Tells what type of value a key holds.",
        arguments: "key",
        ..ROW
    },
    Spec {
        name: "rename",
        arity: 3,
        flags: Flags::WRITE,
        keys: &[KeySpec::range(1, 0, 1, FROM), KeySpec::range(2, 0, 1, &["OW", "update"])],
        run: rename,
        summary: "Renames a key, over another of that name.",
        arguments: "key newkey#1",
        ..ROW
    },
    Spec {
        name: "renamenx",
        arity: 3,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::range(1, 0, 1, FROM), KeySpec::range(2, 0, 1, &["OW", "insert"])],
        run: renamenx,
        history: &[("3.2.0", "Both names may be the same.")],
        summary: "Renames a key, unless there is another of that name.",
        arguments: "key newkey#1",
        ..ROW
    },
    Spec {
        name: "copy",
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(&["RO", "access"]), KeySpec::range(2, 0, 1, &["OW", "update"])],
        run: copy,
        since: "6.2.0",
        complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
        summary: "Copies the value of a key to another key.",
        arguments: "source destination#1 [DB destination-db] [REPLACE]",
        ..ROW
    },
    Spec {
        name: "move",
        arity: 3,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(&["RW", "access", "update"])],
        run: move_key,
        summary: "Moves a key to another database, unless it has one of that name.",
        arguments: "key db",
        ..ROW
    },
];

fn delete(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let removed = args.from(1).filter(|key| context.edit(key).remove()).count();
    context.reply.count(removed);
    Ok(Outcome::Done)
}

fn exists(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = args.from(1).filter(|key| context.find_unused(key).is_some()).count();
    context.reply.count(found);
    Ok(Outcome::Done)
}

fn touch(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let mut count = 0;
    for key in args.from(1) {
        if let Some(found) = context.find_unused(key) {
            // This is what the command is for, so it holds for `CLIENT NO-TOUCH` too.
            context.touch(found);
            count += 1;
        }
    }
    context.reply.count(count);
    Ok(Outcome::Done)
}

fn kind(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = context.find_unused(args.get(1));
    context.reply.simple(found.map_or("none", |found| context.keyspace.kind(found).name()));
    Ok(Outcome::Done)
}

fn rename(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    if context.peek(args.get(1)).is_none() {
        return Err(missing(context, args));
    }
    if args.get(1) != args.get(2) {
        let database = context.database();
        carry(context, (database, args.get(1)), (database, args.get(2)));
    }
    context.reply.ok();
    Ok(Outcome::Done)
}

fn renamenx(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    if context.peek(args.get(1)).is_none() {
        return Err(missing(context, args));
    }
    let is_free = context.peek(args.get(2)).is_none();
    if is_free {
        let database = context.database();
        carry(context, (database, args.get(1)), (database, args.get(2)));
    }
    context.reply.integer(i64::from(is_free));
    Ok(Outcome::Done)
}

/// The key at argument 1 is not there; if it has only just expired, it is removed now.
fn missing(context: &mut Context<'_>, args: Args<'_>) -> ReplyError {
    let gone = context.edit(args.get(1));
    debug_assert!(!gone.exists(), "a key that is not found is not there to be changed");
    ReplyError::NO_SUCH_KEY
}

/// Takes the value of a key that is there to another name, with its deadline and its history of uses.
fn carry(context: &mut Context<'_>, from: (usize, &[u8]), to: (usize, &[u8])) {
    let mut source = context.edit_in(from.0, from.1);
    let clock = source.access();
    let parcel = source.take().expect("the source is there");
    let mut target = context.edit_in(to.0, to.1);
    target.insert(parcel);
    target.set_access(clock);
}

fn copy(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let source = context.database();
    let (mut target, mut replace) = (source, false);
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "replace") {
            replace = true;
        } else if args.is(at, "db") && at + 1 < args.len() {
            target = context.database_number(args, at + 1)?;
            at += 1;
        } else {
            return Err(ReplyError::SYNTAX);
        }
        at += 1;
    }
    if source == target && args.get(1) == args.get(2) {
        return Err(ReplyError::SAME_OBJECT);
    }
    let found = context.find(args.get(1));
    let wanted = found.filter(|_| replace || context.peek_in(target, args.get(2)).is_none());
    if let Some(found) = wanted {
        let parcel = context.keyspace.copy(found);
        let clock = access::of_new(context.config, context.time);
        let mut edit = context.edit_in(target, args.get(2));
        edit.insert(parcel);
        edit.set_access(clock);
    }
    context.reply.integer(i64::from(wanted.is_some()));
    Ok(Outcome::Done)
}

fn move_key(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let source = context.database();
    let target = context.database_number(args, 2)?;
    if source == target {
        return Err(ReplyError::SAME_OBJECT);
    }
    let may_move = context.peek(args.get(1)).is_some() && context.peek_in(target, args.get(1)).is_none();
    if may_move {
        carry(context, (source, args.get(1)), (target, args.get(1)));
    }
    context.reply.integer(i64::from(may_move));
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::time::UnixMillis;

    fn expiring(bench: &mut Bench, key: &str, in_ms: u64) {
        let key = bench.keyspace.key(key.as_bytes());
        let deadline = UnixMillis(bench.time.0 + in_ms);
        assert!(bench.keyspace.edit(0, key, bench.time).set_expiry(Some(deadline)));
    }

    fn deadline(bench: &Bench, database: usize, key: &str) -> Option<UnixMillis> {
        let key = bench.keyspace.key(key.as_bytes());
        let found = bench.keyspace.find(database, key, bench.time).expect("the key is there");
        bench.keyspace.expire_at(found)
    }

    #[test]
    fn a_value_keeps_its_deadline_when_it_is_renamed_moved_or_copied() {
        let mut bench = Bench::new();
        bench.run("HSET a f v");
        bench.run("SET target x");
        expiring(&mut bench, "a", 5000);
        let at = deadline(&bench, 0, "a");
        assert_eq!(bench.run("RENAME a target"), "+OK\r\n");
        assert_eq!(deadline(&bench, 0, "target"), at);
        assert_eq!(bench.run("COPY target copy DB 3"), ":1\r\n");
        assert_eq!(deadline(&bench, 3, "copy"), at);
        assert_eq!(bench.run("MOVE target 2"), ":1\r\n");
        assert_eq!(deadline(&bench, 2, "target"), at);
        assert_eq!(bench.run("EXISTS a target"), ":0\r\n");
        assert_eq!(bench.run("TYPE target"), "+none\r\n");
        assert_eq!(bench.keyspace.expires_len(0), 0);
    }

    #[test]
    fn large_values_move_and_copy_whole() {
        let mut bench = Bench::new();
        for field in 0..2000 {
            bench.run(&format!("HSET large f{field} v{field}"));
        }
        assert_eq!(bench.run("COPY large copy"), ":1\r\n");
        bench.run("HSET copy f0 other");
        assert_eq!(bench.run("RENAME large renamed"), "+OK\r\n");
        assert_eq!(bench.run("HGET renamed f0"), "$2\r\nv0\r\n");
        assert_eq!(bench.run("HGET copy f0"), "$5\r\nother\r\n");
        assert_eq!(bench.run("HLEN renamed"), ":2000\r\n");
        assert_eq!(bench.run("DEL renamed copy"), ":2\r\n");
        assert!(bench.keyspace.is_empty());
    }

    #[test]
    fn what_changes_nothing_is_no_change() {
        let mut bench = Bench::new();
        bench.run("SET a 1");
        bench.run("SET b 2");
        assert!(bench.changed);
        for line in [
            "DEL none",
            "RENAME none a",
            "RENAME a a",
            "RENAMENX a b",
            "RENAMENX a a",
            "COPY a b",
            "COPY none b REPLACE",
            "MOVE none 1",
            "MOVE a 0",
            "MOVE a 99",
        ] {
            bench.run(line);
            assert!(!bench.changed, "{line}");
        }
    }

    #[test]
    fn an_expired_key_is_in_nobodys_way() {
        let mut bench = Bench::new();
        for key in ["a", "b", "c", "gone"] {
            bench.run(&format!("SET {key} {key}"));
        }
        expiring(&mut bench, "gone", 10);
        bench.time.0 += 10;
        assert_eq!(bench.run("EXISTS gone"), ":0\r\n");
        assert_eq!(bench.run("DEL gone"), ":0\r\n");
        assert!(bench.changed, "a write removes what has expired under it");
        bench.run("SET gone x");
        expiring(&mut bench, "gone", 10);
        bench.time.0 += 10;
        assert_eq!(bench.run("RENAMENX a gone"), ":1\r\n");
        expiring(&mut bench, "gone", 10);
        bench.time.0 += 10;
        assert_eq!(bench.run("COPY b gone"), ":1\r\n");
        assert_eq!(deadline(&bench, 0, "gone"), None);
        expiring(&mut bench, "gone", 10);
        bench.time.0 += 10;
        assert_eq!(bench.run("RENAME gone c"), "-ERR no such key\r\n");
        assert_eq!(bench.run("GET c"), "$1\r\nc\r\n");
    }

    #[test]
    fn looking_is_no_use_of_a_key_but_touching_is() {
        let mut bench = Bench::new();
        bench.run("SET key x");
        bench.time.0 += 60_000;
        bench.run("EXISTS key");
        bench.run("TYPE key");
        assert_eq!(bench.run("OBJECT IDLETIME key"), ":60\r\n");
        assert_eq!(bench.run("COPY key copy"), ":1\r\n");
        assert_eq!(bench.run("OBJECT IDLETIME key"), ":0\r\n");
        bench.client.no_touch = true;
        bench.time.0 += 5000;
        bench.run("GET key");
        assert_eq!(bench.run("OBJECT IDLETIME key"), ":5\r\n");
        bench.run("RENAME key other");
        assert_eq!(bench.run("OBJECT IDLETIME other"), ":5\r\n");
        assert_eq!(bench.run("TOUCH other other none"), ":2\r\n");
        assert_eq!(bench.run("OBJECT IDLETIME other"), ":0\r\n");
    }
}
