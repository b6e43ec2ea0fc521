//! Commands about the server as a whole.

use super::ask::Ask;
use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, Group, Spec};
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec { group: Group::Server, ..Spec::BASE };
const OPEN: Flags = Flags::LOADING.and(Flags::STALE);
const ADMIN: Flags = Flags::ADMIN.and(Flags::NOSCRIPT);
const ADMIN_OPEN: Flags = ADMIN.and(OPEN);
const ADMIN_CLOSED: Flags = ADMIN.and(Flags::NO_ASYNC_LOADING);
const EVERY_NODE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "info",
        arity: -1,
        flags: OPEN,
        categories: &["dangerous"],
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        run: info,
        summary: "Tells figures about the server, in sections.",
        arguments: "[section...]",
        history: &[("7.0.0", "Takes several sections.")],
        ..ROW
    },
    Spec {
        name: "config",
        arity: -2,
        since: "2.0.0",
        complexity: "Depends on subcommand.",
        summary: "Holds the commands about settings.",
        subcommands: CONFIG_COMMANDS,
        ..ROW
    },
    Spec {
        name: "time",
        arity: 1,
        flags: OPEN.and(Flags::FAST),
        tips: &["nondeterministic_output"],
        run: |_, _| Ok(Outcome::Ask(Ask::Time)),
        since: "2.6.0",
        summary: "Tells the server's time.",
        ..ROW
    },
    Spec {
        name: "lastsave",
        arity: 1,
        flags: OPEN.and(Flags::FAST),
        categories: &["admin", "dangerous"],
        tips: &["nondeterministic_output"],
        run: |_, _| Ok(Outcome::Ask(Ask::LastSave)),
        summary: "Tells when the last checkpoint was completed.",
        ..ROW
    },
    Spec {
        name: "save",
        arity: 1,
        flags: ADMIN_CLOSED.and(Flags::NO_MULTI),
        run: |_, _| Ok(Outcome::Ask(Ask::Save)),
        complexity: "O(N) where N is the total number of keys in all databases",
        summary: "Writes a checkpoint and answers when it is on the disk.",
        ..ROW
    },
    Spec {
        name: "bgsave",
        arity: -1,
        flags: ADMIN_CLOSED,
        run: bgsave,
        summary: "Begins to write a checkpoint.",
        arguments: "[SCHEDULE@3.2.2]",
        history: &[("3.2.2", "Takes SCHEDULE.")],
        ..ROW
    },
    Spec {
        name: "bgrewriteaof",
        arity: 1,
        flags: ADMIN_CLOSED,
        run: |_, _| Ok(Outcome::Ask(Ask::BackgroundRewrite)),
        summary: "Begins to shorten the log, by way of a checkpoint.",
        ..ROW
    },
    Spec {
        name: "shutdown",
        arity: -1,
        flags: ADMIN_OPEN.and(Flags::NO_MULTI).and(Flags::ALLOW_BUSY),
        run: shutdown,
        complexity: "O(N) when saving, where N is the total number of keys in all databases when saving data, \
                     otherwise O(1)",
        summary: "Stops the server.",
        arguments: "[nosave_save:(NOSAVE|SAVE)] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]",
        history: &[("7.0.0", "Takes NOW, FORCE and ABORT.")],
        ..ROW
    },
    Spec {
        name: "monitor",
        arity: 1,
        flags: ADMIN_OPEN,
        run: |_, _| Ok(Outcome::Ask(Ask::Monitor)),
        complexity: "",
        summary: "Sends this connection every command that the server is given.",
        ..ROW
    },
    Spec {
        name: "lolwut",
        arity: -1,
        flags: Flags::READONLY.and(Flags::FAST),
        run: lolwut,
        since: "5.0.0",
        complexity: "",
        summary: "Draws a picture, and tells the version.",
        arguments: "[VERSION version]",
        ..ROW
    },
    Spec {
        name: "module",
        arity: -2,
        since: "4.0.0",
        complexity: "Depends on subcommand.",
        summary: "Holds the commands about modules, of which there are none.",
        subcommands: MODULE_COMMANDS,
        ..ROW
    },
];

const CONFIG: Spec = Spec { parent: "config", flags: ADMIN_OPEN, since: "2.0.0", ..ROW };

const CONFIG_COMMANDS: &[Spec] = &[
    Spec {
        name: "get",
        arity: -3,
        run: config_get,
        complexity: "O(N) when N is the number of configuration parameters provided",
        summary: "Tells the values of settings.",
        arguments: "{parameter: parameter}...",
        history: &[("7.0.0", "Takes several patterns.")],
        ..CONFIG
    },
    Spec {
        name: "help",
        arity: 2,
        flags: OPEN,
        run: config_help,
        since: "5.0.0",
        summary: "Lists the subcommands.",
        ..CONFIG
    },
    Spec {
        name: "resetstat",
        arity: 2,
        tips: EVERY_NODE,
        run: |_, _| Ok(Outcome::Ask(Ask::ConfigResetStat)),
        summary: "Sets the counters of INFO back to zero.",
        ..CONFIG
    },
    Spec {
        name: "rewrite",
        arity: 2,
        tips: EVERY_NODE,
        run: |context, _| {
            if context.config.config_file.is_empty() {
                return Err(ReplyError::fixed("ERR The server is running without a config file"));
            }
            Ok(Outcome::Ask(Ask::ConfigRewrite))
        },
        since: "2.8.0",
        summary: "Writes the settings into the configuration file.",
        ..CONFIG
    },
    Spec {
        name: "set",
        arity: -4,
        tips: EVERY_NODE,
        run: config_set,
        complexity: "O(N) when N is the number of configuration parameters provided",
        summary: "Changes settings, all of those given or none.",
        arguments: "{parameter_value: parameter value}...",
        history: &[("7.0.0", "Takes several settings.")],
        ..CONFIG
    },
];

const MODULE: Spec = Spec { parent: "module", flags: ADMIN_CLOSED, since: "4.0.0", ..ROW };

const MODULE_COMMANDS: &[Spec] = &[
    Spec {
        name: "help",
        arity: 2,
        flags: OPEN,
        run: |context, _| super::help(context, &["LIST", "    List the modules: always none."]),
        since: "5.0.0",
        summary: "Lists the subcommands.",
        ..MODULE
    },
    Spec {
        name: "list",
        arity: 2,
        flags: ADMIN,
        tips: &["nondeterministic_output_order"],
        run: |context, _| {
            context.reply.array(0);
            Ok(Outcome::Done)
        },
        complexity: "O(N) where N is the number of loaded modules.",
        summary: "Lists the modules: there are none.",
        ..MODULE
    },
    Spec {
        name: "load",
        arity: -3,
        run: no_modules,
        summary: "Would load a module; always an error.",
        arguments: "path [arg...]",
        ..MODULE
    },
    Spec {
        name: "loadex",
        arity: -3,
        run: no_modules,
        since: "7.0.0",
        summary: "Would load a module with settings; always an error.",
        arguments: "path [CONFIG {configs: name value}]... [ARGS {args: arg}...]",
        ..MODULE
    },
    Spec {
        name: "unload",
        arity: 3,
        run: no_modules,
        summary: "Would unload a module; always an error.",
        arguments: "name",
        ..MODULE
    },
];

fn no_modules(_: &mut Context<'_>, _: Args<'_>) -> Handled {
    Err(ReplyError::fixed("ERR Modules are not supported"))
}

fn info(_: &mut Context<'_>, args: Args<'_>) -> Handled {
    let sections = args.from(1).map(|section| String::from_utf8_lossy(section).to_lowercase()).collect();
    Ok(Outcome::Ask(Ask::Info { sections }))
}

fn config_get(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let patterns: Vec<&[u8]> = args.from(2).collect();
    let found = context.config.get(&patterns);
    context.reply.map(found.len());
    for (name, value) in &found {
        context.reply.text(name);
        context.reply.text(value);
    }
    Ok(Outcome::Done)
}

fn config_set(_: &mut Context<'_>, args: Args<'_>) -> Handled {
    if !args.len().is_multiple_of(2) {
        return Err(ReplyError::SYNTAX);
    }
    let pairs =
        (2..args.len()).step_by(2).map(|at| (args.get(at).to_vec(), args.get(at + 1).to_vec())).collect();
    Ok(Outcome::Ask(Ask::ConfigSet { pairs }))
}

fn config_help(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    super::help(
        context,
        &[
            "GET <pattern> [<pattern> ...]",
            "    Tell the values of the settings whose names fit.",
            "SET <name> <value> [<name> <value> ...]",
            "    Change settings, all of these or none.",
            "RESETSTAT",
            "    Set the counters of INFO back to zero.",
            "REWRITE",
            "    Write the settings into the configuration file.",
        ],
    )
}

fn bgsave(_: &mut Context<'_>, args: Args<'_>) -> Handled {
    let schedule = match args.len() {
        1 => false,
        2 if args.is(1, "schedule") => true,
        _ => return Err(ReplyError::SYNTAX),
    };
    Ok(Outcome::Ask(Ask::BackgroundSave { schedule }))
}

fn shutdown(_: &mut Context<'_>, args: Args<'_>) -> Handled {
    let (mut abort, mut now, mut force, mut save) = (false, false, false, None);
    for at in 1..args.len() {
        if args.is(at, "nosave") && save != Some(true) {
            save = Some(false);
        } else if args.is(at, "save") && save != Some(false) {
            save = Some(true);
        } else if args.is(at, "now") {
            now = true;
        } else if args.is(at, "force") {
            force = true;
        } else if args.is(at, "abort") {
            abort = true;
        } else {
            return Err(ReplyError::SYNTAX);
        }
    }
    if abort && (now || force || save.is_some()) {
        return Err(ReplyError::SYNTAX);
    }
    Ok(Outcome::Ask(Ask::Shutdown { abort, now, force, save }))
}

/// Columns of the picture.
const WIDTH: usize = 56;

/// Three nodes that draw the same skyline, since they were given the same numbers in the same order.
fn lolwut(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    if args.len() > 2 && args.is(1, "version") {
        args.integer(2)?;
    }
    let mut random = context.draws.stream();
    let blocks =
        ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
    let mut height = random.below(8) as usize;
    let mut skyline = String::with_capacity(WIDTH * 3);
    for _ in 0..WIDTH {
        skyline.push(blocks[height]);
        // A walk of small steps that stays between ground and sky.
        height = (height + random.below(3) as usize).clamp(1, 8) - 1;
    }
    let mut text = String::new();
    for node in 1..=3 {
        text.push_str(&format!("  node {node}  {skyline}\n"));
    }
    text.push_str(&format!(
        "\nIn lockstep {}: three nodes, one log. Redis ver. {}\n",
        env!("CARGO_PKG_VERSION"),
        crate::REDIS_VERSION
    ));
    context.reply.verbatim("txt", text.as_bytes());
    Ok(Outcome::Done)
}
