//! `SLOWLOG` and `LATENCY`: what took long.

use super::ask::{Ask, LatencyAsk, SlowLogAsk};
use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, Group, Spec};
use super::wrong_subcommand;
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec { group: Group::Server, ..Spec::BASE };
const OPEN: Flags = Flags::LOADING.and(Flags::STALE);

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "slowlog",
        arity: -2,
        since: "2.2.12",
        complexity: "Depends on subcommand.",
        summary: "Holds the commands about slow commands.",
        subcommands: SLOWLOG_COMMANDS,
        ..ROW
    },
    Spec {
        name: "latency",
        arity: -2,
        since: "2.8.13",
        complexity: "Depends on subcommand.",
        summary: "Holds the commands about delays.",
        subcommands: LATENCY_COMMANDS,
        ..ROW
    },
];

const SLOWLOG: Spec = Spec { parent: "slowlog", flags: Flags::ADMIN.and(OPEN), since: "2.2.12", ..ROW };

const SLOWLOG_COMMANDS: &[Spec] = &[
    Spec {
        name: "get",
        arity: -2,
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        run: slowlog_get,
        complexity: "O(N) where N is the number of entries returned",
        summary: "Shows the latest slow commands.",
        arguments: "[count]",
        history: &[("4.0.0", "Also shows the address and the name of the client.")],
        ..SLOWLOG
    },
    Spec {
        name: "help",
        arity: 2,
        flags: OPEN,
        run: slowlog_help,
        since: "6.2.0",
        summary: "Lists the subcommands.",
        ..SLOWLOG
    },
    Spec {
        name: "len",
        arity: 2,
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        run: |_, _| Ok(Outcome::Ask(Ask::SlowLog(SlowLogAsk::Len))),
        summary: "Counts the slow commands that are kept.",
        ..SLOWLOG
    },
    Spec {
        name: "reset",
        arity: 2,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: |_, _| Ok(Outcome::Ask(Ask::SlowLog(SlowLogAsk::Reset))),
        complexity: "O(N) where N is the number of entries in the slowlog",
        summary: "Forgets the slow commands.",
        ..SLOWLOG
    },
];

const LATENCY: Spec = Spec {
    parent: "latency",
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(OPEN),
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    since: "2.8.13",
    ..ROW
};

const LATENCY_COMMANDS: &[Spec] = &[
    Spec {
        name: "doctor",
        arity: 2,
        run: |_, _| Ok(Outcome::Ask(Ask::Latency(LatencyAsk::Doctor))),
        summary: "Says in words what was slow.",
        ..LATENCY
    },
    Spec {
        name: "graph",
        arity: 3,
        run: |_, args| Ok(Outcome::Ask(Ask::Latency(LatencyAsk::Graph { event: args.get(2).to_vec() }))),
        summary: "Draws the delays of an event.",
        arguments: "event",
        ..LATENCY
    },
    Spec {
        name: "help",
        arity: 2,
        flags: OPEN,
        tips: &[],
        run: latency_help,
        summary: "Lists the subcommands.",
        ..LATENCY
    },
    Spec {
        name: "histogram",
        arity: -2,
        run: |_, args| {
            let commands = args.from(2).map(<[u8]>::to_vec).collect();
            Ok(Outcome::Ask(Ask::Latency(LatencyAsk::Histogram { commands })))
        },
        since: "7.0.0",
        complexity: "O(N) where N is the number of commands with latency information being retrieved.",
        summary: "Shows how the durations of commands are distributed.",
        arguments: "[command...]",
        ..LATENCY
    },
    Spec {
        name: "history",
        arity: 3,
        run: |_, args| Ok(Outcome::Ask(Ask::Latency(LatencyAsk::History { event: args.get(2).to_vec() }))),
        summary: "Shows the latest delays of an event.",
        arguments: "event",
        ..LATENCY
    },
    Spec {
        name: "latest",
        arity: 2,
        run: |_, _| Ok(Outcome::Ask(Ask::Latency(LatencyAsk::Latest))),
        summary: "Shows the latest and the longest delay of every event.",
        ..LATENCY
    },
    Spec {
        name: "reset",
        arity: -2,
        tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
        run: |_, args| {
            let events = args.from(2).map(<[u8]>::to_vec).collect();
            Ok(Outcome::Ask(Ask::Latency(LatencyAsk::Reset { events })))
        },
        summary: "Forgets the delays of events, or all.",
        arguments: "[event...]",
        ..LATENCY
    },
];

fn slowlog_get(_: &mut Context<'_>, args: Args<'_>) -> Handled {
    let count = match args.len() {
        2 => Some(10),
        3 => {
            let refused = ReplyError::fixed("ERR count should be greater than or equal to -1");
            match args.integer(2) {
                Ok(-1) => None,
                Ok(count) => Some(u64::try_from(count).map_err(|_| refused)?),
                Err(_) => return Err(refused),
            }
        }
        _ => return Err(wrong_subcommand("slowlog", args.get(1))),
    };
    Ok(Outcome::Ask(Ask::SlowLog(SlowLogAsk::Get { count })))
}

fn slowlog_help(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    super::help(
        context,
        &[
            "GET [<count>]",
            "    Show the latest slow commands, 10 or so many; -1 for all. Of each: its number, when it ran,",
            "    microseconds, arguments, and the client's address and name.",
            "LEN",
            "    Count the slow commands that are kept.",
            "RESET",
            "    Forget them.",
        ],
    )
}

fn latency_help(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    super::help(
        context,
        &[
            "DOCTOR",
            "    Say in words what was slow.",
            "GRAPH <event>",
            "    Draw the delays of an event.",
            "HISTORY <event>",
            "    Show the latest delays of an event: when, and milliseconds.",
            "LATEST",
            "    Show the latest and the longest delay of every event.",
            "RESET [<event> ...]",
            "    Forget the delays of these events, or of all.",
            "HISTOGRAM [<command> ...]",
            "    Show how the durations of these commands, or of all, are distributed.",
        ],
    )
}
