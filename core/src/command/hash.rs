//! Commands on hashes.

use super::context::{Context, Handled, Outcome};
use super::spec::{Deprecated, Flags, Group, KeySpec, Spec};
use crate::bytes::extended::Extended;
use crate::bytes::number::{IntegerText, parse_i64};
use crate::data::{Found, HashView, Keyspace, Value};
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec { group: Group::Hash, since: "2.0.0", ..Spec::BASE };
const READ: Spec = Spec { flags: Flags::READONLY, keys: &[KeySpec::one(&["RO", "access"])], ..ROW };
const READ_FAST: Spec = Spec { flags: Flags::READONLY.and(Flags::FAST), ..READ };
/// Reads that tell about the value without showing it.
const LOOK: Spec = Spec { keys: &[KeySpec::one(&["RO"])], ..READ_FAST };
const WRITE: Spec = Spec { flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST), ..ROW };

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "hset",
        arity: -4,
        keys: &[KeySpec::one(&["RW", "update"])],
        run: hset,
        complexity: "O(1) for each field, so O(N) for N fields.",
        summary: "Sets fields of a hash.",
        history: &[("4.0.0", "Sets several fields.")],
        arguments: "key {field_value: field value}...",
        ..WRITE
    },
    Spec {
        name: "hmset",
        arity: -4,
        keys: &[KeySpec::one(&["RW", "update"])],
        run: hmset,
        complexity: "O(N) where N is the number of fields being set.",
        summary: "Sets fields of a hash, as HSET does, but answers OK.",
        deprecated: Some(Deprecated { since: "4.0.0", by: "`HSET` with several fields" }),
        arguments: "key {field_value: field value}...",
        ..WRITE
    },
    Spec {
        name: "hsetnx",
        arity: 4,
        keys: &[KeySpec::one(&["RW", "insert"])],
        run: hsetnx,
        summary: "Sets a field of a hash unless it is there.",
        arguments: "key field value",
        ..WRITE
    },
    Spec {
        name: "hincrby",
        arity: 4,
        keys: &[KeySpec::one(&["RW", "access", "update"])],
        run: hincrby,
        summary: "Adds to the integer in a field of a hash.",
        arguments: "key field increment",
        ..WRITE
    },
    Spec {
        name: "hincrbyfloat",
        arity: 4,
        keys: &[KeySpec::one(&["RW", "access", "update"])],
        run: hincrbyfloat,
        since: "2.6.0",
        summary: "Adds to the number in a field of a hash.",
        arguments: "key field increment:double",
        ..WRITE
    },
    Spec {
        name: "hdel",
        arity: -3,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(&["RW", "delete"])],
        run: hdel,
        complexity: "O(N) where N is the number of fields to be removed.",
        summary: "Removes fields of a hash, and the hash with the last of them.",
        history: &[("2.4.0", "Removes several fields.")],
        arguments: "key field...",
        ..ROW
    },
    Spec {
        name: "hget",
        arity: 3,
        run: hget,
        summary: "Tells the value of a field of a hash.",
        arguments: "key field",
        ..READ_FAST
    },
    Spec {
        name: "hmget",
        arity: -3,
        run: hmget,
        complexity: "O(N) where N is the number of fields being requested.",
        summary: "Tells the values of several fields of a hash.",
        arguments: "key field...",
        ..READ_FAST
    },
    Spec {
        name: "hexists",
        arity: 3,
        run: hexists,
        summary: "Tells whether a hash has a field.",
        arguments: "key field",
        ..LOOK
    },
    Spec {
        name: "hstrlen",
        arity: 3,
        run: hstrlen,
        since: "3.2.0",
        summary: "Tells the length of the value of a field of a hash.",
        arguments: "key field",
        ..LOOK
    },
    Spec {
        name: "hlen",
        arity: 2,
        run: hlen,
        summary: "Tells how many fields a hash has.",
        arguments: "key",
        ..LOOK
    },
    Spec {
        name: "hgetall",
        arity: 2,
        run: hgetall,
        tips: &["nondeterministic_output_order"],
        complexity: "O(N) where N is the size of the hash.",
        summary: "Tells all fields of a hash with their values.",
        arguments: "key",
        ..READ
    },
    Spec {
        name: "hkeys",
        arity: 2,
        run: hkeys,
        tips: &["nondeterministic_output_order"],
        complexity: "O(N) where N is the size of the hash.",
        summary: "Tells all fields of a hash.",
        arguments: "key",
        ..READ
    },
    Spec {
        name: "hvals",
        arity: 2,
        run: hvals,
        tips: &["nondeterministic_output_order"],
        complexity: "O(N) where N is the size of the hash.",
        summary: "Tells all values of a hash.",
        arguments: "key",
        ..READ
    },
];

/// The hash at a key that was looked up; `None` if there is no such key.
pub(super) fn view(keyspace: &Keyspace, found: Option<Found>) -> Result<Option<HashView<'_>>, ReplyError> {
    match found.map(|found| keyspace.read(found)) {
        None => Ok(None),
        Some(Value::Hash(hash)) => Ok(Some(hash)),
        Some(_) => Err(ReplyError::WRONG_TYPE),
    }
}

fn hset(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let added = set_pairs(context, args)?;
    context.reply.count(added);
    Ok(Outcome::Done)
}

fn hmset(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    set_pairs(context, args)?;
    context.reply.ok();
    Ok(Outcome::Done)
}

/// Sets the fields behind the key; how many are new.
fn set_pairs(context: &mut Context<'_>, args: Args<'_>) -> Result<usize, ReplyError> {
    if !args.len().is_multiple_of(2) {
        return Err(ReplyError::arity(context.spec.name));
    }
    let limits = context.hash_limits();
    let mut edit = context.edit(args.get(1));
    let mut hash = edit.hash_or_create(limits)?;
    let pairs = (2..args.len()).step_by(2);
    Ok(pairs.filter(|&at| hash.set(args.get(at), args.get(at + 1))).count())
}

fn hsetnx(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let limits = context.hash_limits();
    let mut edit = context.edit(args.get(1));
    let mut hash = edit.hash_or_create(limits)?;
    let is_new = hash.get(args.get(2)).is_none();
    if is_new {
        hash.set(args.get(2), args.get(3));
    }
    context.reply.integer(i64::from(is_new));
    Ok(Outcome::Done)
}

fn hincrby(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let increment = args.integer(3)?;
    let limits = context.hash_limits();
    let mut edit = context.edit(args.get(1));
    let mut hash = edit.hash_or_create(limits)?;
    let old = match hash.get(args.get(2)) {
        None => 0,
        Some(text) => parse_i64(text).ok_or(ReplyError::HASH_NOT_INTEGER)?,
    };
    let sum = old.checked_add(increment).ok_or(ReplyError::OVERFLOW)?;
    hash.set(args.get(2), IntegerText::new(sum).as_bytes());
    context.reply.integer(sum);
    Ok(Outcome::Done)
}

fn hincrbyfloat(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let increment = Extended::parse(args.get(3)).ok_or(ReplyError::NOT_FLOAT)?;
    if !increment.is_finite() {
        return Err(ReplyError::NOT_FINITE);
    }
    let limits = context.hash_limits();
    let mut edit = context.edit(args.get(1));
    let mut hash = edit.hash_or_create(limits)?;
    let old = match hash.get(args.get(2)) {
        None => Extended::ZERO,
        Some(text) => Extended::parse(text).ok_or(ReplyError::HASH_NOT_FLOAT)?,
    };
    let sum = old.checked_add(increment).ok_or(ReplyError::FLOAT_OVERFLOW)?.print();
    hash.set(args.get(2), sum.as_bytes());
    context.reply.text(&sum);
    Ok(Outcome::Done)
}

fn hdel(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let limits = context.hash_limits();
    let mut edit = context.edit(args.get(1));
    let removed = match edit.hash(limits)? {
        None => 0,
        Some(mut hash) => args.from(2).filter(|field| hash.remove(field)).count(),
    };
    context.reply.count(removed);
    Ok(Outcome::Done)
}

fn hget(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = context.find(args.get(1));
    match view(context.keyspace, found)?.and_then(|hash| hash.get(args.get(2))) {
        Some(value) => context.reply.bulk(value),
        None => context.reply.null(),
    }
    Ok(Outcome::Done)
}

fn hmget(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = context.find(args.get(1));
    let hash = view(context.keyspace, found)?;
    let fields = args.from(2);
    context.reply.array(fields.len());
    for field in fields {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => context.reply.bulk(value),
            None => context.reply.null(),
        }
    }
    Ok(Outcome::Done)
}

fn hexists(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = context.find(args.get(1));
    let hash = view(context.keyspace, found)?;
    let exists = hash.is_some_and(|hash| hash.get(args.get(2)).is_some());
    context.reply.integer(i64::from(exists));
    Ok(Outcome::Done)
}

fn hstrlen(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = context.find(args.get(1));
    let value = view(context.keyspace, found)?.and_then(|hash| hash.get(args.get(2)));
    context.reply.count(value.map_or(0, <[u8]>::len));
    Ok(Outcome::Done)
}

fn hlen(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = context.find(args.get(1));
    let hash = view(context.keyspace, found)?;
    context.reply.count(hash.map_or(0, HashView::len));
    Ok(Outcome::Done)
}

fn hgetall(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = context.find(args.get(1));
    let hash = view(context.keyspace, found)?;
    context.reply.map(hash.map_or(0, HashView::len));
    for (field, value) in hash.into_iter().flat_map(HashView::iter) {
        context.reply.bulk(field);
        context.reply.bulk(value);
    }
    Ok(Outcome::Done)
}

fn hkeys(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = context.find(args.get(1));
    let hash = view(context.keyspace, found)?;
    context.reply.array(hash.map_or(0, HashView::len));
    for (field, _) in hash.into_iter().flat_map(HashView::iter) {
        context.reply.bulk(field);
    }
    Ok(Outcome::Done)
}

fn hvals(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = context.find(args.get(1));
    let hash = view(context.keyspace, found)?;
    context.reply.array(hash.map_or(0, HashView::len));
    for (_, value) in hash.into_iter().flat_map(HashView::iter) {
        context.reply.bulk(value);
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn fields_come_and_go_and_the_key_with_them() {
        let mut bench = Bench::new();
        assert_eq!(bench.run("HSET hash a 1 b 2 a 3"), ":2\r\n");
        assert_eq!(bench.run("HMGET hash a none b"), "*3\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n");
        assert_eq!(bench.run("HGETALL hash"), "*4\r\n$1\r\na\r\n$1\r\n3\r\n$1\r\nb\r\n$1\r\n2\r\n");
        assert_eq!(bench.run("HDEL hash a a none"), ":1\r\n");
        assert_eq!(bench.run("HDEL hash b"), ":1\r\n");
        assert!(bench.keyspace.is_empty());
    }

    #[test]
    fn what_changes_nothing_is_no_change() {
        let mut bench = Bench::new();
        bench.run("HSET hash a text");
        assert!(bench.changed);
        bench.run("SET string x");
        for line in [
            "HDEL hash none",
            "HDEL none a",
            "HSETNX hash a other",
            "HINCRBY hash a 1",
            "HINCRBY hash b x",
            "HINCRBYFLOAT hash a 1",
            "HINCRBYFLOAT hash b inf",
            "HSET string a 1",
            "HSET hash a 1 b",
        ] {
            bench.run(line);
            assert!(!bench.changed, "{line}");
        }
    }

    #[test]
    fn sums_stay_within_64_bits() {
        let mut bench = Bench::new();
        assert_eq!(bench.run("HINCRBY hash a 9223372036854775807"), ":9223372036854775807\r\n");
        assert_eq!(bench.run("HINCRBY hash a 1"), "-ERR increment or decrement would overflow\r\n");
        assert_eq!(bench.run("HINCRBY hash a -9223372036854775808"), ":-1\r\n");
        bench.run("HSET hash b 1.5");
        assert_eq!(bench.run("HINCRBY hash b 1"), "-ERR hash value is not an integer\r\n");
    }

    #[test]
    fn float_sums_are_those_of_extended_precision() {
        let mut bench = Bench::new();
        bench.run("HSET hash a 5.6");
        assert_eq!(bench.run("HINCRBYFLOAT hash a 5.0e3"), "$22\r\n5005.60000000000000009\r\n");
        bench.run("HSET hash inf inf text x");
        let endless = "-ERR increment would produce NaN or Infinity\r\n";
        assert_eq!(bench.run("HINCRBYFLOAT hash inf 1"), endless);
        assert_eq!(bench.run("HINCRBYFLOAT hash text 1"), "-ERR hash value is not a float\r\n");
        assert_eq!(bench.run("HINCRBYFLOAT hash text inf"), "-ERR value is NaN or Infinity\r\n");
        assert_eq!(bench.run("HINCRBYFLOAT hash text nan"), "-ERR value is not a valid float\r\n");
    }

    #[test]
    fn maps_are_maps_in_resp3() {
        let mut bench = Bench::resp3();
        bench.run("HSET hash a 1");
        assert_eq!(bench.run("HGETALL hash"), "%1\r\n$1\r\na\r\n$1\r\n1\r\n");
        assert_eq!(bench.run("HGETALL none"), "%0\r\n");
        assert_eq!(bench.run("HGET hash b"), "_\r\n");
        assert_eq!(bench.run("HVALS hash"), "*1\r\n$1\r\n1\r\n");
    }
}
