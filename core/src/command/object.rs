//! What can be told of a value besides its content.

use super::access;
use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, KeySpec, Spec};
use crate::data::Found;
use crate::resp::{Args, ReplyError};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[Spec {
    name: "object",
    arity: -2,
    since: "2.2.3",
    complexity: "Depends on subcommand.",
    summary: "Holds the commands that tell how values are kept.",
    subcommands: SUBCOMMANDS,
    ..Spec::BASE
}];

const ROW: Spec = Spec {
    parent: "object",
    arity: 3,
    flags: Flags::READONLY,
    keys: &[KeySpec::range(2, 0, 1, &["RO"])],
    tips: &["nondeterministic_output"],
    since: "2.2.3",
    arguments: "key",
    ..Spec::BASE
};

const SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "encoding",
        run: encoding,
        summary: "Tells by which structure a value is kept.",
        tips: &["nondeterministic_output"],
        ..ROW
    },
    Spec {
        name: "freq",
        run: freq,
        since: "4.0.0",
        summary: "Tells how often a key is used, on a logarithmic scale.",
        tips: &["nondeterministic_output"],
        ..ROW
    },
    Spec {
        name: "idletime",
        run: idletime,
        summary: "Tells for how many seconds a key was not used.",
        tips: &["nondeterministic_output"],
        ..ROW
    },
    Spec {
        name: "refcount",
        run: refcount,
        summary: "Tells how many references to a value there are.",
        tips: &["nondeterministic_output"],
        ..ROW
    },
    Spec {
        name: "help",
        arity: 2,
        flags: Flags::LOADING.and(Flags::STALE),
        keys: &[],
        tips: &[],
        run: help,
        since: "6.2.0",
        summary: "Lists the subcommands.",
        arguments: "",
        ..ROW
    },
];

/// Answers an integer about the key at argument 2, or nothing if it is not there.
fn tell(
    context: &mut Context<'_>,
    args: Args<'_>,
    about: impl FnOnce(&Context<'_>, Found) -> Result<u64, ReplyError>,
) -> Handled {
    match context.find_unused(args.get(2)) {
        None => context.reply.null(),
        Some(found) => {
            let number = about(context, found)?;
            context.reply.integer(i64::try_from(number).expect("these numbers are small"));
        }
    }
    Ok(Outcome::Done)
}

fn encoding(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    match context.find_unused(args.get(2)) {
        None => context.reply.null(),
        Some(found) => context.reply.text(context.keyspace.read(found).encoding()),
    }
    Ok(Outcome::Done)
}

fn freq(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    tell(context, args, |context, found| {
        if access::counts_uses(context.config) {
            let clock = context.keyspace.access(found);
            return Ok(u64::from(access::frequency(context.config, context.time, clock)));
        }
        Err(ReplyError::fixed(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ))
    })
}

fn idletime(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    tell(context, args, |context, found| {
        if !access::counts_uses(context.config) {
            return Ok(access::idle_s(context.time, context.keyspace.access(found)));
        }
        Err(ReplyError::fixed(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
             between policies at runtime LRU and LFU data will take some time to adjust.",
        ))
    })
}

/// Values are never shared here.
fn refcount(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    tell(context, args, |_, _| Ok(1))
}

fn help(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    super::help(
        context,
        &[
            "ENCODING <key>",
            "    Tell by which structure the value is kept.",
            "FREQ <key>",
            "    Tell how often the key is used, on a logarithmic scale. Needs an LFU maxmemory-policy.",
            "IDLETIME <key>",
            "    Tell for how many seconds the key was not used. Needs a maxmemory-policy other than LFU.",
            "REFCOUNT <key>",
            "    Tell how many references to the value there are: always 1.",
        ],
    )
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::config::MaxmemoryPolicy;

    #[test]
    fn encodings_have_the_names_of_redis() {
        let mut bench = Bench::new();
        bench.run("SET number 12");
        bench.run("SET text abc");
        bench.run(&format!("SET long {}", "x".repeat(45)));
        bench.run("HSET small f v");
        bench.run(&format!("HSET large f {}", "x".repeat(65)));
        for (key, name) in [
            ("number", "int"),
            ("text", "embstr"),
            ("long", "raw"),
            ("small", "listpack"),
            ("large", "hashtable"),
        ] {
            let expected = format!("${}\r\n{name}\r\n", name.len());
            assert_eq!(bench.run(&format!("OBJECT ENCODING {key}")), expected);
        }
        assert_eq!(bench.run("OBJECT ENCODING none"), "$-1\r\n");
        assert_eq!(bench.run("OBJECT REFCOUNT text"), ":1\r\n");
    }

    #[test]
    fn use_is_counted_or_timed_as_the_policy_says() {
        let mut bench = Bench::new();
        bench.run("SET key x");
        bench.time.0 += 7000;
        assert_eq!(bench.run("OBJECT IDLETIME key"), ":7\r\n");
        assert!(bench.run("OBJECT FREQ key").starts_with("-ERR An LFU maxmemory policy is not selected"));
        assert_eq!(bench.run("OBJECT FREQ none"), "$-1\r\n");
        bench.config.maxmemory_policy = MaxmemoryPolicy::VolatileLfu;
        bench.run("SET other x");
        assert_eq!(bench.run("OBJECT FREQ other"), ":5\r\n");
        bench.run("GET other");
        assert_eq!(bench.run("OBJECT FREQ other"), ":6\r\n");
        bench.time.0 += 120_000;
        assert_eq!(bench.run("OBJECT FREQ other"), ":4\r\n");
        assert!(bench.run("OBJECT IDLETIME other").starts_with("-ERR An LFU maxmemory policy is selected"));
    }
}
