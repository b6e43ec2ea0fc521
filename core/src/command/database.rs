//! Commands on whole databases.

use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, Group, Spec};
use crate::bytes::glob;
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec { group: Group::Server, categories: &["keyspace"], ..Spec::BASE };
const FLUSH: Spec = Spec {
    arity: -1,
    flags: Flags::WRITE.and(Flags::DANGEROUS),
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    history: &[("4.0.0", "Knows `ASYNC`."), ("6.2.0", "Knows `SYNC`.")],
    arguments: "[async:(ASYNC@4.0.0 | SYNC@6.2.0)]",
    ..ROW
};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "dbsize",
        arity: 1,
        flags: Flags::READONLY.and(Flags::FAST),
        run: dbsize,
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        summary: "Tells how many keys the database has.",
        ..ROW
    },
    Spec {
        name: "keys",
        arity: 2,
        flags: Flags::READONLY.and(Flags::DANGEROUS),
        group: Group::Generic,
        categories: &[],
        run: keys,
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        complexity: "O(N) with N being the number of keys in the database, under the assumption that the key names in \
                     the database and the given pattern have limited length.",
        summary: "Tells all keys that fit a pattern.",
        arguments: "pattern",
        ..ROW
    },
    Spec {
        name: "randomkey",
        arity: 1,
        flags: Flags::READONLY,
        group: Group::Generic,
        categories: &[],
        run: randomkey,
        tips: &["request_policy:all_shards", "nondeterministic_output"],
        summary: "Tells a key chosen at random.",
        ..ROW
    },
    Spec {
        name: "flushdb",
        run: flushdb,
        complexity: "O(N) where N is the number of keys in the selected database",
        summary: "Removes all keys of the database.",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        history: &[("4.0.0", "Takes ASYNC."), ("6.2.0", "Takes SYNC.")],
        ..FLUSH
    },
    Spec {
        name: "flushall",
        run: flushall,
        complexity: "O(N) where N is the total number of keys in all databases",
        summary: "Removes all keys of all databases.",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        history: &[("4.0.0", "Takes ASYNC."), ("6.2.0", "Takes SYNC.")],
        ..FLUSH
    },
    Spec {
        name: "swapdb",
        arity: 3,
        flags: Flags::WRITE.and(Flags::FAST).and(Flags::DANGEROUS),
        run: swapdb,
        since: "4.0.0",
        complexity: "O(N) where N is the count of clients watching or blocking on keys from both databases.",
        summary: "Exchanges two databases.",
        arguments: "index1 index2",
        ..ROW
    },
];

fn dbsize(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    context.reply.count(context.keyspace.len(context.client.database));
    Ok(Outcome::Done)
}

fn keys(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let pattern = args.get(1);
    let all = pattern == b"*";
    let (database, reply) = (context.database(), &mut context.reply);
    let place = reply.defer_array();
    let mut count = 0;
    let end = context.keyspace.scan(database, 0, usize::MAX, context.time, |key, _| {
        if all || glob::matches(pattern, key, false) {
            reply.bulk(key);
            count += 1;
        }
    });
    assert_eq!(end, 0, "a walk without a limit comes to its end");
    reply.fill(place, count);
    Ok(Outcome::Done)
}

fn randomkey(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    let mut random = context.draws.stream();
    match context.keyspace.random(context.client.database, &mut random, context.time) {
        Some(found) => context.reply.bulk(context.keyspace.name(found)),
        None => context.reply.null(),
    }
    Ok(Outcome::Done)
}

/// Checks what may stand behind FLUSHDB and FLUSHALL. Both ways are one here, as a flush drops pages, not keys.
fn check_flush(args: Args<'_>) -> Result<(), ReplyError> {
    match args.len() {
        1 => Ok(()),
        2 if args.is(1, "async") || args.is(1, "sync") => Ok(()),
        _ => Err(ReplyError::SYNTAX),
    }
}

fn flushdb(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    check_flush(args)?;
    context.keyspace.flush(context.client.database);
    context.reply.ok();
    Ok(Outcome::Done)
}

fn flushall(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    check_flush(args)?;
    context.keyspace.flush_all();
    context.reply.ok();
    Ok(Outcome::Done)
}

fn swapdb(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let number = |index, text| args.integer32(index).map_err(|_| ReplyError::fixed(text));
    let (left, right) = (number(1, "ERR invalid first DB index")?, number(2, "ERR invalid second DB index")?);
    let databases = context.keyspace.databases();
    match (usize::try_from(left), usize::try_from(right)) {
        (Ok(left), Ok(right)) if left < databases && right < databases => context.keyspace.swap(left, right),
        _ => return Err(ReplyError::DATABASE_RANGE),
    }
    context.reply.ok();
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::command::testing::Bench;

    #[test]
    fn keys_are_told_by_pattern_however_many() {
        let mut bench = Bench::new();
        for key in 0..5000 {
            bench.run(&format!("SET key:{key} x"));
        }
        assert!(bench.run("KEYS *").starts_with("*5000\r\n"));
        assert!(bench.run("KEYS key:??").starts_with("*90\r\n"));
        assert_eq!(bench.run("KEYS none*"), "*0\r\n");
        assert_eq!(bench.run("DBSIZE"), ":5000\r\n");
    }

    #[test]
    fn random_keys_are_all_keys_in_time() {
        let mut bench = Bench::new();
        assert_eq!(bench.run("RANDOMKEY"), "$-1\r\n");
        for key in ["a", "b", "c", "d"] {
            bench.run(&format!("SET {key} x"));
        }
        let drawn: BTreeSet<_> = (0..100).map(|_| bench.run("RANDOMKEY")).collect();
        assert_eq!(drawn.len(), 4);
    }

    #[test]
    fn databases_are_flushed_and_exchanged() {
        let mut bench = Bench::new();
        bench.run("SET a 0");
        assert_eq!(bench.run("SWAPDB 0 5"), "+OK\r\n");
        assert!(bench.changed);
        assert_eq!(bench.run("EXISTS a"), ":0\r\n");
        bench.client.database = 5;
        assert_eq!(bench.run("EXISTS a"), ":1\r\n");
        assert_eq!(bench.run("SWAPDB 0 16"), "-ERR DB index is out of range\r\n");
        assert_eq!(bench.run("SWAPDB x 16"), "-ERR invalid first DB index\r\n");
        assert_eq!(bench.run("SWAPDB -1 4294967296"), "-ERR invalid second DB index\r\n");
        assert_eq!(bench.run("SWAPDB -1 0"), "-ERR DB index is out of range\r\n");
        bench.client.database = 0;
        bench.run("SET b 0");
        assert_eq!(bench.run("FLUSHDB ASYNC"), "+OK\r\n");
        assert_eq!(bench.run("FLUSHDB"), "+OK\r\n");
        assert!(!bench.changed, "there was nothing left to flush");
        assert!(!bench.keyspace.is_empty());
        assert_eq!(bench.run("FLUSHALL SYNC x"), "-ERR syntax error\r\n");
        assert_eq!(bench.run("FLUSHALL sync"), "+OK\r\n");
        assert!(bench.keyspace.is_empty());
    }
}
