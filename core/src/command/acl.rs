//! `ACL`: who may do what. There is one user, `default`, who may do everything.

use super::ask::Ask;
use super::context::{Context, Handled, Outcome};
use super::spec::{CATEGORIES, Flags, Group, Spec};
use super::table::{self, CommandId};
use super::wrong_subcommand;
use crate::bytes::sha256::sha256_hex;
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec { group: Group::Server, since: "6.0.0", ..Spec::BASE };
const OPEN: Flags = Flags::LOADING.and(Flags::STALE);
const SUB: Spec = Spec { parent: "acl", flags: OPEN.and(Flags::NOSCRIPT), ..ROW };
const ADMIN: Spec = Spec { flags: OPEN.and(Flags::NOSCRIPT).and(Flags::ADMIN), ..SUB };
const BY_USERS: &str = "O(N). Where N is the number of configured users.";
const EVERY_NODE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

/// The family's rows.
pub const COMMANDS: &[Spec] = &[Spec {
    name: "acl",
    arity: -2,
    complexity: "Depends on subcommand.",
    summary: "Holds the commands about users and what they may do.",
    subcommands: SUBCOMMANDS,
    ..ROW
}];

const SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "cat",
        arity: -2,
        run: cat,
        complexity: "O(1) since the categories and commands are a fixed set.",
        summary: "Lists the categories, or the commands of one.",
        arguments: "[category]",
        ..SUB
    },
    Spec {
        name: "deluser",
        arity: -3,
        tips: EVERY_NODE,
        run: deluser,
        complexity: "O(1) amortized time considering the typical user.",
        summary: "Removes users.",
        arguments: "username...",
        ..ADMIN
    },
    Spec {
        name: "dryrun",
        arity: -4,
        run: dryrun,
        since: "7.0.0",
        complexity: "O(1).",
        summary: "Tells whether a user may run a command.",
        arguments: "username command [arg...]",
        ..ADMIN
    },
    Spec {
        name: "genpass",
        arity: -2,
        run: genpass,
        summary: "Makes a password.",
        arguments: "[bits]",
        ..SUB
    },
    Spec {
        name: "getuser",
        arity: 3,
        run: getuser,
        complexity: "O(N). Where N is the number of password, command and pattern rules that the user has.",
        summary: "Tells the rules of a user.",
        arguments: "username",
        history: &[
            ("6.2.0", "Tells patterns of channels too."),
            ("7.0.0", "Tells selectors, and patterns as rules instead of lists."),
        ],
        ..ADMIN
    },
    Spec { name: "help", arity: 2, flags: OPEN, run: help, summary: "Lists the subcommands.", ..SUB },
    Spec {
        name: "list",
        arity: 2,
        run: |context, _| {
            let rules = rules(context.config.requirepass.as_bytes());
            context.reply.array(1);
            context.reply.text(&rules);
            Ok(Outcome::Done)
        },
        complexity: BY_USERS,
        summary: "Tells the rules of every user, as a configuration file holds them.",
        ..ADMIN
    },
    Spec {
        name: "load",
        arity: 2,
        run: no_file,
        complexity: BY_USERS,
        summary: "Reads the users from their file.",
        ..ADMIN
    },
    Spec {
        name: "log",
        arity: -2,
        run: log,
        complexity: "O(N) with N being the number of entries shown.",
        summary: "Shows what was denied.",
        arguments: "[operation:(count|RESET)]",
        history: &[("7.2.0", "Tells the number of each entry and when it was made and changed.")],
        ..ADMIN
    },
    Spec {
        name: "save",
        arity: 2,
        tips: EVERY_NODE,
        run: no_file,
        complexity: BY_USERS,
        summary: "Writes the users into their file.",
        ..ADMIN
    },
    Spec {
        name: "setuser",
        arity: -3,
        tips: EVERY_NODE,
        run: |_, _| {
            Err(ReplyError::fixed(
                "ERR Users other than 'default' are not supported, and its rules are fixed; its password is set with \
                 CONFIG SET requirepass",
            ))
        },
        complexity: "O(N). Where N is the number of rules provided.",
        summary: "Would change the rules of a user; always an error.",
        arguments: "username [rule...]",
        history: &[
            ("6.2.0", "Takes patterns of channels."),
            ("7.0.0", "Takes selectors, and permissions by key."),
        ],
        ..ADMIN
    },
    Spec {
        name: "users",
        arity: 2,
        run: |context, _| {
            context.reply.array(1);
            context.reply.text(DEFAULT);
            Ok(Outcome::Done)
        },
        complexity: BY_USERS,
        summary: "Lists the users.",
        ..ADMIN
    },
    Spec {
        name: "whoami",
        arity: 2,
        run: |context, _| {
            context.reply.text(DEFAULT);
            Ok(Outcome::Done)
        },
        summary: "Tells the connection's user.",
        ..SUB
    },
];

const DEFAULT: &str = "default";

/// The rules of the default user, in the words of a configuration file.
fn rules(password: &[u8]) -> String {
    let password = if password.is_empty() {
        "nopass sanitize-payload".to_owned()
    } else {
        format!("sanitize-payload #{}", sha256_hex(password))
    };
    format!("user {DEFAULT} on {password} ~* &* +@all")
}

fn cat(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    match args.len() {
        2 => {
            context.reply.array(CATEGORIES.len());
            for category in CATEGORIES {
                context.reply.text(category);
            }
        }
        3 => {
            let wanted = args.get(2);
            let category = CATEGORIES.iter().find(|name| args.is(2, name)).ok_or_else(|| {
                let mut text = b"ERR Unknown category '".to_vec();
                text.extend_from_slice(wanted);
                text.push(b'\'');
                ReplyError::new(text)
            })?;
            let names: Vec<String> = CommandId::all()
                .map(CommandId::spec)
                .filter(|spec| spec.all_categories().contains(category))
                .map(|spec| spec.full_name())
                .collect();
            context.reply.array(names.len());
            for name in names {
                context.reply.text(&name);
            }
        }
        _ => return Err(wrong_subcommand("acl", args.get(1))),
    }
    Ok(Outcome::Done)
}

fn deluser(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    if args.from(2).any(|name| name == DEFAULT.as_bytes()) {
        return Err(ReplyError::fixed("ERR The 'default' user cannot be removed"));
    }
    context.reply.integer(0);
    Ok(Outcome::Done)
}

fn dryrun(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let named = |before: &str, name: &[u8], after: &str| {
        let mut text = format!("ERR {before} '").into_bytes();
        text.extend_from_slice(name);
        text.extend_from_slice(format!("' {after}").as_bytes());
        ReplyError::new(text)
    };
    if args.get(2) != DEFAULT.as_bytes() {
        return Err(named("User", args.get(2), "not found"));
    }
    let command = args.skip(3);
    let mut id = table::find(command.get(0)).ok_or_else(|| named("Command", command.get(0), "not found"))?;
    if !id.spec().subcommands.is_empty() && command.len() > 1 {
        id = table::find_subcommand(id, command.get(1))
            .ok_or_else(|| named("Command", command.get(0), "not found"))?;
    }
    if !id.spec().accepts(command.len()) {
        return Err(ReplyError::arity(&id.spec().full_name()));
    }
    context.reply.ok();
    Ok(Outcome::Done)
}

fn genpass(_: &mut Context<'_>, args: Args<'_>) -> Handled {
    let bits = match args.len() {
        2 => 256,
        3 => args.integer(2)?,
        _ => return Err(wrong_subcommand("acl", args.get(1))),
    };
    if !(1..=4096).contains(&bits) {
        return Err(ReplyError::fixed(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ));
    }
    Ok(Outcome::Ask(Ask::Password { digits: (bits as usize).div_ceil(4) }))
}

fn getuser(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let reply = &mut context.reply;
    if args.get(2) != DEFAULT.as_bytes() {
        reply.null_array();
        return Ok(Outcome::Done);
    }
    let password = context.config.requirepass.as_bytes();
    reply.map(6);
    reply.text("flags");
    let flags: &[&str] =
        if password.is_empty() { &["on", "nopass", "sanitize-payload"] } else { &["on", "sanitize-payload"] };
    reply.set(flags.len());
    for flag in flags {
        reply.text(flag);
    }
    reply.text("passwords");
    if password.is_empty() {
        reply.array(0);
    } else {
        reply.array(1);
        reply.text(&sha256_hex(password));
    }
    for (name, value) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
        reply.text(name);
        reply.text(value);
    }
    reply.text("selectors");
    reply.array(0);
    Ok(Outcome::Done)
}

fn log(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    match args.len() {
        2 => context.reply.array(0),
        3 if args.is(2, "reset") => context.reply.ok(),
        3 => {
            args.integer(2)?;
            context.reply.array(0);
        }
        _ => return Err(wrong_subcommand("acl", args.get(1))),
    }
    Ok(Outcome::Done)
}

fn no_file(_: &mut Context<'_>, _: Args<'_>) -> Handled {
    Err(ReplyError::fixed("ERR This server has no file of users: there is only the user 'default'"))
}

fn help(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    super::help(
        context,
        &[
            "CAT [<category>]",
            "    List the categories, or the commands of one.",
            "DELUSER <username> [<username> ...]",
            "    Remove users; 'default' cannot be removed.",
            "DRYRUN <username> <command> [<arg> ...]",
            "    Tell whether a user may run a command.",
            "GENPASS [<bits>]",
            "    Make a password, of 256 bits or so many.",
            "GETUSER <username>",
            "    Tell the rules of a user.",
            "LIST",
            "    Tell the rules of every user, as a configuration file holds them.",
            "LOG [<count>|RESET]",
            "    Show what was denied, or forget it.",
            "USERS",
            "    List the users: 'default' is the only one.",
            "WHOAMI",
            "    Tell this connection's user.",
        ],
    )
}
