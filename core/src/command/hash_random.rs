//! Random fields of hashes.

use std::collections::BTreeSet;

use super::context::{Context, Handled, Outcome};
use super::hash::view;
use super::spec::{Flags, Group, KeySpec, Spec};
use crate::data::HashView;
use crate::limits::REPEATED_DRAWS_BYTES;
use crate::resp::{Args, Protocol, Reply, ReplyError};
use crate::seed::Random;

/// The family's rows.
pub const COMMANDS: &[Spec] = &[Spec {
    name: "hrandfield",
    arity: -2,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(&["RO", "access"])],
    group: Group::Hash,
    run: hrandfield,
    tips: &["nondeterministic_output"],
    since: "6.2.0",
    complexity: "O(N) where N is the number of fields returned",
    summary: "Tells fields of a hash chosen at random.",
    arguments: "key [{options: count [WITHVALUES]}]",
    ..Spec::BASE
}];

fn hrandfield(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    if args.len() == 2 {
        return one_field(context, args);
    }
    let count = args.integer(2)?;
    if count == i64::MIN {
        return Err(ReplyError::NOT_SYMMETRIC);
    }
    let with_values = match args.len() {
        3 => false,
        4 if args.is(3, "withvalues") => true,
        _ => return Err(ReplyError::SYNTAX),
    };
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(ReplyError::OUT_OF_RANGE);
    }
    let found = context.find(args.get(1));
    let Some(hash) = view(context.keyspace, found)?.filter(|_| count != 0) else {
        context.reply.array(0);
        return Ok(Outcome::Done);
    };
    let mut random = context.draws.stream();
    let reply = &mut context.reply;
    if count < 0 {
        repeated(reply, hash, count.unsigned_abs(), with_values, &mut random)?;
    } else {
        distinct(reply, hash, usize::try_from(count).unwrap_or(usize::MAX), with_values, &mut random);
    }
    Ok(Outcome::Done)
}

fn one_field(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = context.find(args.get(1));
    match view(context.keyspace, found)? {
        None => context.reply.null(),
        Some(hash) => {
            let position = context.draws.stream().below(hash.len() as u64) as usize;
            context.reply.bulk(hash.at(position).0);
        }
    }
    Ok(Outcome::Done)
}

fn header(reply: &mut Reply<'_>, count: usize, with_values: bool) {
    reply.array(if with_values && reply.protocol() == Protocol::Resp2 { count * 2 } else { count });
}

fn pair(reply: &mut Reply<'_>, (field, value): (&[u8], &[u8]), with_values: bool) {
    if with_values && reply.protocol() == Protocol::Resp3 {
        reply.array(2);
    }
    reply.bulk(field);
    if with_values {
        reply.bulk(value);
    }
}

/// Each draw from all fields, in random order.
fn repeated(
    reply: &mut Reply<'_>,
    hash: HashView<'_>,
    count: u64,
    with_values: bool,
    random: &mut Random,
) -> Result<(), ReplyError> {
    /// A reply's least part: the bulk of an empty field.
    const PART_BYTES_MIN: usize = b"$0\r\n\r\n".len();
    let count = usize::try_from(count)
        .ok()
        .filter(|count| count.saturating_mul(PART_BYTES_MIN) <= REPEATED_DRAWS_BYTES)
        .ok_or(ReplyError::OUT_OF_RANGE)?;
    header(reply, count, with_values);
    let before = reply.written_bytes();
    let pairs = packed_pairs(hash);
    for _ in 0..count {
        if reply.written_bytes() - before > REPEATED_DRAWS_BYTES {
            return Err(ReplyError::OUT_OF_RANGE);
        }
        let position = random.below(hash.len() as u64) as usize;
        pair(reply, pairs.get(position).copied().unwrap_or_else(|| hash.at(position)), with_values);
    }
    Ok(())
}

/// Different fields: all if there are no more, else in no particular order.
fn distinct(reply: &mut Reply<'_>, hash: HashView<'_>, count: usize, with_values: bool, random: &mut Random) {
    let len = hash.len();
    let count = count.min(len);
    header(reply, count, with_values);
    if matches!(hash, HashView::Dict(_)) && count < len / 3 {
        let mut chosen = BTreeSet::new();
        while chosen.len() < count {
            let position = random.below(len as u64) as usize;
            if chosen.insert(position) {
                pair(reply, hash.at(position), with_values);
            }
        }
        return;
    }
    // Selection sampling (Knuth, The Art of Computer Programming, volume 2, algorithm 3.4.2 S): each field is
    // taken with the chance that as many of those still to come are wanted.
    let mut wanted = count;
    for (passed, entry) in hash.iter().enumerate() {
        if wanted == 0 {
            break;
        }
        let left = len - passed;
        if left == wanted || random.below(left as u64) < wanted as u64 {
            pair(reply, entry, with_values);
            wanted -= 1;
        }
    }
}

/// The pairs of a packed hash, where finding one by its position means passing all before it; else none.
fn packed_pairs(hash: HashView<'_>) -> Vec<(&[u8], &[u8])> {
    match hash {
        HashView::Packed(_) => hash.iter().collect(),
        HashView::Dict(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Bench;

    /// The bulks of a flat reply.
    fn bulks(reply: &str) -> Vec<String> {
        reply.split("\r\n").skip(2).step_by(2).map(str::to_owned).collect()
    }

    fn bench(fields: usize) -> Bench {
        let mut bench = Bench::new();
        for field in 0..fields {
            bench.run(&format!("HSET hash f{field} v{field}"));
        }
        bench
    }

    /// 40 fields are packed, 400 are not.
    #[test]
    fn a_positive_count_gives_as_many_different_fields() {
        for len in [1, 2, 40, 400] {
            let mut bench = bench(len);
            for count in [1, 2, 5, len / 2, len - 1, len, len + 1] {
                let fields = bulks(&bench.run(&format!("HRANDFIELD hash {count}")));
                let distinct: BTreeSet<_> = fields.iter().collect();
                assert_eq!(distinct.len(), count.min(len), "{count} of {len}");
                assert_eq!(fields.len(), distinct.len());
            }
        }
    }

    #[test]
    fn every_field_has_about_the_same_chance() {
        for (len, count) in [(5, 2), (30, 1), (300, 3), (300, 200)] {
            let mut bench = bench(len);
            let mut drawn = vec![0_u32; len];
            for _ in 0..200 * len / count {
                for field in bulks(&bench.run(&format!("HRANDFIELD hash {count}"))) {
                    drawn[field[1..].parse::<usize>().expect("fields are numbered")] += 1;
                }
            }
            // Expected 200 each, with a standard deviation below 15; six of them.
            assert!(drawn.iter().all(|&times| (110..290).contains(&times)), "{count} of {len}: {drawn:?}");
        }
    }

    #[test]
    fn a_negative_count_gives_exactly_as_many_within_reason() {
        let mut bench = bench(3);
        assert_eq!(bulks(&bench.run("HRANDFIELD hash -50")).len(), 50);
        assert_eq!(bulks(&bench.run("HRANDFIELD hash -50 WITHVALUES")).len(), 100);
        let refused = "-ERR value is out of range\r\n";
        assert_eq!(bench.run("HRANDFIELD hash -9223372036854775807"), refused);
        bench.run_parts(&[b"HSET", b"large", b"f", &vec![b'x'; REPEATED_DRAWS_BYTES / 8]]);
        assert_eq!(bench.run("HRANDFIELD large -10 WITHVALUES"), refused);
    }

    #[test]
    fn pairs_are_nested_in_resp3() {
        let mut bench = Bench::resp3();
        bench.run("HSET hash a 1");
        assert_eq!(bench.run("HRANDFIELD hash 2 WITHVALUES"), "*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
        assert_eq!(
            bench.run("HRANDFIELD hash -2 WITHVALUES"),
            "*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"
        );
        assert_eq!(bench.run("HRANDFIELD none"), "_\r\n");
        assert_eq!(bench.run("HRANDFIELD none 1"), "*0\r\n");
    }
}
