//! Commands about the connection itself.

use super::connection_client;
use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, Group, Spec};
use crate::bytes::number::parse_i64;
use crate::resp::{Args, Protocol, ReplyError};

const ROW: Spec = Spec { group: Group::Connection, ..Spec::BASE };
/// What commands about the session have in common.
pub(super) const SESSION: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "ping",
        arity: -1,
        flags: Flags::FAST.and(Flags::PURE),
        run: ping,
        summary: "Answers PONG, or what it was given.",
        arguments: "[message]",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        ..ROW
    },
    Spec {
        name: "echo",
        arity: 2,
        flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST).and(Flags::PURE),
        run: echo,
        summary: "Answers what it was given.",
        arguments: "message",
        ..ROW
    },
    Spec {
        name: "hello",
        arity: -1,
        flags: SESSION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
        run: hello,
        since: "6.0.0",
        summary: "Greets the server: chooses the protocol version, logs in, names the connection.",
        arguments: "[arguments: protover [AUTH username password] [SETNAME clientname]]",
        history: &[("6.2.0", "Can do without a version; then it only tells about the connection.")],
        ..ROW
    },
    Spec {
        name: "auth",
        arity: -2,
        flags: SESSION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
        run: auth,
        summary: "Logs in.",
        arguments: "[username@6.0.0] password",
        complexity: "O(N) where N is the number of passwords defined for the user",
        history: &[("6.0.0", "Takes a user too.")],
        ..ROW
    },
    Spec {
        name: "select",
        arity: 2,
        flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
        run: select,
        summary: "Chooses the database.",
        arguments: "index:integer",
        ..ROW
    },
    Spec {
        name: "quit",
        arity: -1,
        flags: SESSION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
        run: quit,
        summary: "Closes the connection.",
        deprecated: Some(super::spec::Deprecated { since: "7.2.0", by: "closing the connection" }),
        ..ROW
    },
    Spec {
        name: "reset",
        arity: 1,
        flags: SESSION.and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY),
        run: reset,
        since: "6.2.0",
        summary: "Puts the connection back into the state it began in.",
        ..ROW
    },
    Spec {
        name: "readonly",
        arity: 1,
        flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
        group: Group::Cluster,
        categories: &["connection"],
        run: |context, _| {
            cluster_only(context)?;
            context.client.readonly = true;
            done(context)
        },
        since: "3.0.0",
        summary: "Allows reads that may be stale, at a replica of a cluster.",
        ..ROW
    },
    Spec {
        name: "readwrite",
        arity: 1,
        flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
        group: Group::Cluster,
        categories: &["connection"],
        run: |context, _| {
            cluster_only(context)?;
            context.client.readonly = false;
            done(context)
        },
        since: "3.0.0",
        summary: "Ends what READONLY allowed.",
        ..ROW
    },
    Spec {
        name: "asking",
        arity: 1,
        flags: Flags::FAST,
        group: Group::Cluster,
        categories: &["connection"],
        run: |context, _| {
            cluster_only(context)?;
            done(context)
        },
        since: "3.0.0",
        summary: "Says that the next command follows an ASK redirection.",
        ..ROW
    },
    Spec {
        name: "client",
        arity: -2,
        since: "2.4.0",
        complexity: "Depends on subcommand.",
        summary: "Holds the commands about connections.",
        subcommands: connection_client::COMMANDS,
        ..ROW
    },
];

/// Answers OK.
pub(super) fn done(context: &mut Context<'_>) -> Handled {
    context.reply.ok();
    Ok(Outcome::Done)
}

fn cluster_only(context: &Context<'_>) -> Result<(), ReplyError> {
    if context.config.cluster_enabled {
        Ok(())
    } else {
        Err(ReplyError::fixed("ERR This instance has cluster support disabled"))
    }
}

fn ping(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    match args.len() {
        1 => context.reply.simple("PONG"),
        2 => context.reply.bulk(args.get(1)),
        _ => return Err(ReplyError::arity("ping")),
    }
    Ok(Outcome::Done)
}

fn echo(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    context.reply.bulk(args.get(1));
    Ok(Outcome::Done)
}

fn hello(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let mut protocol = None;
    if let Some(version) = args.at(1) {
        protocol = Some(match parse_i64(version) {
            None => return Err(ReplyError::fixed("ERR Protocol version is not an integer or out of range")),
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(ReplyError::NO_PROTOCOL),
        });
    }
    let mut credentials = None;
    let mut name = None;
    let mut at = 2;
    while at < args.len() {
        let left = args.len() - at - 1;
        if args.is(at, "auth") && left >= 2 {
            credentials = Some((args.get(at + 1), args.get(at + 2)));
            at += 3;
        } else if args.is(at, "setname") && left >= 1 {
            check_name(args.get(at + 1))?;
            name = Some(args.get(at + 1));
            at += 2;
        } else {
            let mut text = b"ERR Syntax error in HELLO option '".to_vec();
            text.extend_from_slice(args.get(at));
            text.push(b'\'');
            return Err(ReplyError::new(text));
        }
    }
    if let Some((user, password)) = credentials {
        log_in(context, user, password)?;
    }
    if !context.client.authenticated {
        return Err(ReplyError::fixed(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
             <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
             the same time",
        ));
    }
    if let Some(name) = name {
        context.client.name = name.into();
    }
    if let Some(protocol) = protocol {
        context.client.protocol = protocol;
        context.reply.set_protocol(protocol);
    }
    let reply = &mut context.reply;
    reply.map(7);
    reply.text("server");
    reply.text("redis");
    reply.text("version");
    reply.text(crate::REDIS_VERSION);
    reply.text("proto");
    reply.integer(if reply.protocol() == Protocol::Resp3 { 3 } else { 2 });
    reply.text("id");
    reply.integer(context.client.id as i64);
    reply.text("mode");
    reply.text(if context.config.cluster_enabled { "cluster" } else { "standalone" });
    reply.text("role");
    reply.text("master");
    reply.text("modules");
    reply.array(0);
    Ok(Outcome::Done)
}

fn auth(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    match args.len() {
        2 if context.config.requirepass.is_empty() => Err(ReplyError::fixed(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
             configuration is correct?",
        )),
        2 => {
            log_in(context, b"default", args.get(1))?;
            done(context)
        }
        3 => {
            log_in(context, args.get(1), args.get(2))?;
            done(context)
        }
        _ => Err(ReplyError::SYNTAX),
    }
}

/// Logs in, or fails after looking at every byte, so that the time taken tells nothing about the password.
fn log_in(context: &mut Context<'_>, user: &[u8], password: &[u8]) -> Result<(), ReplyError> {
    let expected = context.config.requirepass.as_bytes();
    let mut difference = expected.len() ^ password.len();
    for (at, byte) in password.iter().enumerate() {
        difference |= usize::from(byte ^ expected.get(at).copied().unwrap_or(0));
    }
    if user != b"default" || (difference != 0 && !expected.is_empty()) {
        return Err(ReplyError::WRONG_PASS);
    }
    context.client.authenticated = true;
    Ok(())
}

fn select(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    context.client.database = context.database_number(args, 1)?;
    done(context)
}

fn quit(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    context.client.closing = true;
    done(context)
}

fn reset(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    context.client.reset(context.config.requirepass.is_empty());
    context.reply.set_protocol(Protocol::Resp2);
    context.reply.simple("RESET");
    Ok(Outcome::Done)
}

/// Refuses names that would break the lines of `CLIENT LIST`.
pub(super) fn check_name(name: &[u8]) -> Result<(), ReplyError> {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        Ok(())
    } else {
        Err(ReplyError::fixed("ERR Client names cannot contain spaces, newlines or special characters."))
    }
}
