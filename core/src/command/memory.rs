//! What memory is used for.

use super::ask::Ask;
use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, Group, KeySpec, Spec};
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec { group: Group::Server, since: "4.0.0", ..Spec::BASE };
const SUB: Spec = Spec { parent: "memory", arity: 2, ..ROW };

const FIGURES: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

/// The family's rows.
pub const COMMANDS: &[Spec] = &[Spec {
    name: "memory",
    arity: -2,
    complexity: "Depends on subcommand.",
    summary: "Holds the commands about memory.",
    subcommands: SUBCOMMANDS,
    ..ROW
}];

const SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "usage",
        arity: -3,
        flags: Flags::READONLY,
        keys: &[KeySpec::range(2, 0, 1, &["RO"])],
        run: usage,
        complexity: "O(N) where N is the number of samples.",
        summary: "Tells how many bytes a key takes with its value.",
        arguments: "key [SAMPLES count]",
        ..SUB
    },
    Spec {
        name: "stats",
        run: |_, _| Ok(Outcome::Ask(Ask::MemoryStats)),
        tips: FIGURES,
        summary: "Tells what the memory in use is used for.",
        ..SUB
    },
    Spec {
        name: "doctor",
        run: |_, _| Ok(Outcome::Ask(Ask::MemoryDoctor)),
        tips: FIGURES,
        summary: "Tells whether memory is in trouble.",
        ..SUB
    },
    Spec {
        name: "malloc-stats",
        run: |context, _| {
            context.reply.verbatim("txt", b"Stats not supported for the current allocator");
            Ok(Outcome::Done)
        },
        complexity: "Depends on how much memory is allocated, could be slow",
        tips: FIGURES,
        summary: "Tells figures of the allocator, of which there are none.",
        ..SUB
    },
    Spec {
        name: "purge",
        run: |context, _| {
            context.reply.ok();
            Ok(Outcome::Done)
        },
        complexity: "Depends on how much memory is allocated, could be slow",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        summary: "Asks the allocator to give memory back, which it does by itself.",
        ..SUB
    },
    Spec {
        name: "help",
        flags: Flags::LOADING.and(Flags::STALE),
        run: help,
        summary: "Lists the subcommands.",
        ..SUB
    },
];

/// Sizes are counted, not sampled, so the number of samples is read and makes no difference.
fn usage(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let mut at = 3;
    while at < args.len() {
        if !args.is(at, "samples") || at + 1 == args.len() || args.integer(at + 1)? < 0 {
            return Err(ReplyError::SYNTAX);
        }
        at += 2;
    }
    match context.peek(args.get(2)) {
        Some(found) => context.reply.count(context.keyspace.memory_usage(found)),
        None => context.reply.null(),
    }
    Ok(Outcome::Done)
}

fn help(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    super::help(
        context,
        &[
            "DOCTOR",
            "    Tell whether memory is in trouble.",
            "MALLOC-STATS",
            "    Tell figures of the allocator; there are none.",
            "PURGE",
            "    Ask the allocator to give memory back; it does so by itself.",
            "STATS",
            "    Tell what the memory in use is used for.",
            "USAGE <key> [SAMPLES <count>]",
            "    Tell how many bytes the key takes with its value. Counted, whatever the number of samples.",
        ],
    )
}

#[cfg(test)]
mod tests {
    use crate::command::ask::Ask;
    use crate::command::testing::Bench;

    fn usage(bench: &mut Bench, key: &str) -> usize {
        let reply = bench.run(&format!("MEMORY USAGE {key}"));
        reply[1..].trim_end().parse().expect("a number")
    }

    #[test]
    fn usage_grows_with_the_value() {
        let mut bench = Bench::new();
        bench.run("SET small x");
        bench.run(&format!("SET long {}", "x".repeat(10_000)));
        for field in 0..1000 {
            bench.run(&format!("HSET hash field{field} value{field}"));
        }
        assert!((20..100).contains(&usage(&mut bench, "small")));
        assert!((10_000..14_000).contains(&usage(&mut bench, "long")));
        assert!((16_000..80_000).contains(&usage(&mut bench, "hash")));
        assert_eq!(bench.run("MEMORY USAGE none SAMPLES 0"), "$-1\r\n");
        assert_eq!(bench.run("MEMORY USAGE small SAMPLES -1"), "-ERR syntax error\r\n");
        assert_eq!(bench.run("MEMORY USAGE small SAMPLES 1 x"), "-ERR syntax error\r\n");
    }

    #[test]
    fn figures_come_from_the_node() {
        let mut bench = Bench::new();
        assert_eq!(bench.ask("MEMORY STATS"), Ask::MemoryStats);
        assert_eq!(bench.ask("MEMORY DOCTOR"), Ask::MemoryDoctor);
    }
}
