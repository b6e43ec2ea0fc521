//! Commands about connections, this one or others: `CLIENT …`.

use super::ask::{Ask, ClientAsk, ClientFilter, ClientKind};
use super::client::ReplyMode;
use super::connection::{SESSION, check_name, done};
use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, Group, Spec};
use crate::bytes::number::parse_i64;
use crate::resp::{Args, ReplyError};

const CLIENT: Spec = Spec { parent: "client", flags: SESSION, group: Group::Connection, ..Spec::BASE };
const CLIENT_ADMIN: Spec = Spec { flags: SESSION.and(Flags::ADMIN), ..CLIENT };

/// The subcommands' rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "caching",
        arity: 3,
        run: |_, _| {
            Err(ReplyError::fixed(
                "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
            ))
        },
        since: "6.0.0",
        summary: "Chooses whether the next command's keys are tracked.",
        arguments: "mode:(YES|NO)",
        ..CLIENT
    },
    Spec {
        name: "getname",
        arity: 2,
        run: |context, _| {
            if context.client.name.is_empty() {
                context.reply.null();
            } else {
                context.reply.bulk(&context.client.name);
            }
            Ok(Outcome::Done)
        },
        since: "2.6.9",
        summary: "Tells the connection's name.",
        ..CLIENT
    },
    Spec {
        name: "getredir",
        arity: 2,
        run: |context, _| {
            context.reply.integer(-1);
            Ok(Outcome::Done)
        },
        since: "6.0.0",
        summary: "Tells which connection gets this one's invalidation messages.",
        ..CLIENT
    },
    Spec {
        name: "help",
        arity: 2,
        flags: Flags::LOADING.and(Flags::STALE),
        run: client_help,
        since: "5.0.0",
        summary: "Lists the subcommands.",
        ..CLIENT
    },
    Spec {
        name: "id",
        arity: 2,
        run: |context, _| {
            context.reply.integer(context.client.id as i64);
            Ok(Outcome::Done)
        },
        since: "5.0.0",
        summary: "Tells the connection's number.",
        ..CLIENT
    },
    Spec {
        name: "info",
        arity: 2,
        run: |_, _| Ok(Outcome::Ask(Ask::Client(ClientAsk::Info))),
        since: "6.2.0",
        summary: "Describes this connection.",
        tips: &["nondeterministic_output"],
        ..CLIENT
    },
    Spec {
        name: "kill",
        arity: -3,
        run: client_kill,
        since: "2.4.0",
        complexity: "O(N) where N is the number of client connections",
        summary: "Closes connections.",
        arguments: "filter:(old-format|new-format:(ID client-id@2.8.12|TYPE client-type:(NORMAL|MASTER@3.2.0|SLAVE|\
                    REPLICA@5.0.0|PUBSUB)@2.8.12|USER username|ADDR addr|LADDR laddr@6.2.0|SKIPME skipme:(YES|NO))...)",
        history: &[
            ("2.8.12", "Takes filters by name."),
            ("2.8.12", "Takes ID."),
            ("3.2.0", "TYPE knows masters."),
            ("5.0.0", "TYPE calls slaves replicas; the old word still works."),
            ("6.2.0", "Takes LADDR."),
        ],
        ..CLIENT_ADMIN
    },
    Spec {
        name: "list",
        arity: -2,
        run: client_list,
        since: "2.4.0",
        complexity: "O(N) where N is the number of client connections",
        summary: "Describes the open connections.",
        arguments: "[TYPE client-type:(NORMAL|MASTER|REPLICA|PUBSUB)@5.0.0] [ID client-id...@6.2.0]",
        tips: &["nondeterministic_output"],
        history: &[
            ("2.8.12", "Tells `id`."),
            ("5.0.0", "Takes TYPE."),
            ("6.0.0", "Tells `user`."),
            ("6.2.0", "Takes ID, and tells `argv-mem`, `tot-mem`, `laddr` and `redir`."),
            ("7.0.0", "Tells `resp`, `multi-mem`, `rbs` and `rbp`."),
            ("7.0.3", "Tells `ssub`."),
        ],
        ..CLIENT_ADMIN
    },
    Spec {
        name: "no-evict",
        arity: 3,
        run: client_no_evict,
        since: "7.0.0",
        summary: "Chooses whether the connection may be closed when memory for connections runs short.",
        arguments: "enabled:(ON|OFF)",
        ..CLIENT_ADMIN
    },
    Spec {
        name: "no-touch",
        arity: 3,
        run: client_no_touch,
        since: "7.2.0",
        summary: "Chooses whether the connection's reads count as uses of keys.",
        arguments: "enabled:(ON|OFF)",
        ..CLIENT
    },
    Spec {
        name: "pause",
        arity: -3,
        run: client_pause,
        since: "3.0.0",
        summary: "Makes clients wait.",
        arguments: "timeout [mode:(WRITE|ALL)@6.2.0]",
        history: &[("6.2.0", "Takes a mode: WRITE or ALL.")],
        ..CLIENT_ADMIN
    },
    Spec {
        name: "reply",
        arity: 3,
        run: client_reply,
        since: "3.2.0",
        summary: "Chooses whether commands are answered.",
        arguments: "action:(ON|OFF|SKIP)",
        ..CLIENT
    },
    Spec {
        name: "setinfo",
        arity: 4,
        run: client_setinfo,
        since: "7.2.0",
        summary: "Notes name or version of the client's library.",
        arguments: "attr:(LIB-NAME libname|LIB-VER libver)",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..CLIENT
    },
    Spec {
        name: "setname",
        arity: 3,
        run: client_setname,
        since: "2.6.9",
        summary: "Names the connection.",
        arguments: "connection-name",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..CLIENT
    },
    Spec {
        name: "tracking",
        arity: -3,
        run: |context, args| {
            if args.is(2, "off") {
                return done(context);
            }
            Err(ReplyError::fixed("ERR client-side caching is not supported"))
        },
        since: "6.0.0",
        summary: "Turns tracking of keys on or off; only off is supported.",
        arguments: "status:(ON|OFF)",
        ..CLIENT
    },
    Spec {
        name: "trackinginfo",
        arity: 2,
        run: client_trackinginfo,
        since: "6.2.0",
        summary: "Describes the tracking of keys.",
        ..CLIENT
    },
    Spec {
        name: "unblock",
        arity: -3,
        run: client_unblock,
        since: "5.0.0",
        complexity: "O(log N) where N is the number of client connections",
        summary: "Ends another connection's waiting.",
        arguments: "client-id:integer [unblock-type:(TIMEOUT|ERROR)]",
        ..CLIENT_ADMIN
    },
    Spec {
        name: "unpause",
        arity: 2,
        run: |_, _| Ok(Outcome::Ask(Ask::Client(ClientAsk::Unpause))),
        since: "6.2.0",
        complexity: "O(N) where N is the number of paused clients",
        summary: "Ends what PAUSE began.",
        ..CLIENT_ADMIN
    },
];

fn client_setname(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    check_name(args.get(2))?;
    context.client.name = args.get(2).into();
    done(context)
}

fn client_setinfo(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let printable = args.get(3).iter().all(|byte| (b'!'..=b'~').contains(byte));
    let refuse = || {
        let mut text = b"ERR ".to_vec();
        text.extend_from_slice(args.get(2));
        text.extend_from_slice(b" cannot contain spaces, newlines or special characters.");
        ReplyError::new(text)
    };
    if args.is(2, "lib-name") {
        if !printable {
            return Err(refuse());
        }
        context.client.library_name = args.get(3).into();
    } else if args.is(2, "lib-ver") {
        if !printable {
            return Err(refuse());
        }
        context.client.library_version = args.get(3).into();
    } else {
        let mut text = b"ERR Unrecognized option '".to_vec();
        text.extend_from_slice(args.get(2));
        text.push(b'\'');
        return Err(ReplyError::new(text));
    }
    done(context)
}

fn on_or_off(args: Args<'_>) -> Result<bool, ReplyError> {
    if args.is(2, "on") {
        Ok(true)
    } else if args.is(2, "off") {
        Ok(false)
    } else {
        Err(ReplyError::SYNTAX)
    }
}

fn client_no_evict(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    context.client.no_evict = on_or_off(args)?;
    done(context)
}

fn client_no_touch(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    context.client.no_touch = on_or_off(args)?;
    done(context)
}

fn client_reply(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    if args.is(2, "on") {
        context.client.reply_mode = ReplyMode::On;
        done(context)
    } else if args.is(2, "off") {
        context.client.reply_mode = ReplyMode::Off;
        Ok(Outcome::Done)
    } else if args.is(2, "skip") {
        if context.client.reply_mode == ReplyMode::On {
            context.client.reply_mode = ReplyMode::SkipNext;
        }
        Ok(Outcome::Done)
    } else {
        Err(ReplyError::SYNTAX)
    }
}

fn client_trackinginfo(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    let reply = &mut context.reply;
    reply.map(3);
    reply.text("flags");
    reply.set(1);
    reply.text("off");
    reply.text("redirect");
    reply.integer(-1);
    reply.text("prefixes");
    reply.array(0);
    Ok(Outcome::Done)
}

fn client_unblock(_: &mut Context<'_>, args: Args<'_>) -> Handled {
    let error = match args.len() {
        3 => false,
        4 if args.is(3, "timeout") => false,
        4 if args.is(3, "error") => true,
        4 => {
            return Err(ReplyError::fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
        }
        _ => return Err(super::wrong_subcommand("client", args.get(1))),
    };
    let id = args.integer(2)?;
    Ok(Outcome::Ask(Ask::Client(ClientAsk::Unblock { id: u64::try_from(id).unwrap_or(0), error })))
}

fn client_pause(_: &mut Context<'_>, args: Args<'_>) -> Handled {
    let writes_only = match args.len() {
        3 => false,
        4 if args.is(3, "write") => true,
        4 if args.is(3, "all") => false,
        4 => return Err(ReplyError::fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(super::wrong_subcommand("client", args.get(1))),
    };
    let timeout_ms = args.integer(2).map_err(|_| ReplyError::TIMEOUT_NOT_INTEGER)?;
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| ReplyError::TIMEOUT_NEGATIVE)?;
    Ok(Outcome::Ask(Ask::Client(ClientAsk::Pause { timeout_ms, writes_only })))
}

fn client_kind(name: &[u8]) -> Result<ClientKind, ReplyError> {
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    if is("normal") {
        Ok(ClientKind::Normal)
    } else if is("master") {
        Ok(ClientKind::Master)
    } else if is("replica") || is("slave") {
        Ok(ClientKind::Replica)
    } else if is("pubsub") {
        Ok(ClientKind::PubSub)
    } else {
        let mut text = b"ERR Unknown client type '".to_vec();
        text.extend_from_slice(name);
        text.push(b'\'');
        Err(ReplyError::new(text))
    }
}

fn client_list(_: &mut Context<'_>, args: Args<'_>) -> Handled {
    let mut filter = ClientFilter::default();
    if args.len() == 4 && args.is(2, "type") {
        filter.kind = Some(client_kind(args.get(3))?);
    } else if args.len() > 3 && args.is(2, "id") {
        for id in args.from(3) {
            let id = parse_i64(id).ok_or(ReplyError::fixed("ERR Invalid client ID"))?;
            // No connection has a number below 1.
            let id = u64::try_from(id).unwrap_or(0);
            filter.ids.push(id);
        }
    } else if args.len() != 2 {
        return Err(ReplyError::SYNTAX);
    }
    Ok(Outcome::Ask(Ask::Client(ClientAsk::List(filter))))
}

fn client_kill(_: &mut Context<'_>, args: Args<'_>) -> Handled {
    let mut filter = ClientFilter::default();
    if args.len() == 3 {
        filter.peer = Some(args.get(2).to_vec());
        return Ok(Outcome::Ask(Ask::Client(ClientAsk::Kill { filter, skip_self: false, old_form: true })));
    }
    let mut skip_self = true;
    let mut at = 2;
    while at < args.len() {
        let Some(value) = args.at(at + 1) else { return Err(ReplyError::SYNTAX) };
        if args.is(at, "id") {
            let id = parse_i64(value)
                .and_then(|id| u64::try_from(id).ok())
                .filter(|&id| id > 0)
                .ok_or(ReplyError::fixed("ERR client-id should be greater than 0"))?;
            filter.ids = vec![id];
        } else if args.is(at, "type") {
            filter.kind = Some(client_kind(value)?);
        } else if args.is(at, "addr") {
            filter.peer = Some(value.to_vec());
        } else if args.is(at, "laddr") {
            filter.local = Some(value.to_vec());
        } else if args.is(at, "user") {
            if value != b"default" {
                let mut text = b"ERR No such user '".to_vec();
                text.extend_from_slice(value);
                text.push(b'\'');
                return Err(ReplyError::new(text));
            }
            filter.user = Some(value.to_vec());
        } else if args.is(at, "skipme") {
            skip_self = if value.eq_ignore_ascii_case(b"yes") {
                true
            } else if value.eq_ignore_ascii_case(b"no") {
                false
            } else {
                return Err(ReplyError::SYNTAX);
            };
        } else {
            return Err(ReplyError::SYNTAX);
        }
        at += 2;
    }
    Ok(Outcome::Ask(Ask::Client(ClientAsk::Kill { filter, skip_self, old_form: false })))
}

fn client_help(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    super::help(
        context,
        &[
            "CACHING (YES|NO)",
            "    Tracking of keys is not supported; always an error.",
            "GETNAME",
            "    Tell the connection's name.",
            "GETREDIR",
            "    Tell which connection gets invalidation messages: always -1.",
            "ID",
            "    Tell the connection's number.",
            "INFO",
            "    Describe this connection.",
            "KILL <ip:port>",
            "    Close the connection from there.",
            "KILL <option> <value> [<option> <value> ...]",
            "    Close the connections to which all of these apply: ADDR <ip:port>, LADDR <ip:port>, ID <number>,",
            "    TYPE (NORMAL|MASTER|REPLICA|PUBSUB), USER <name>, SKIPME (YES|NO).",
            "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <number> ...]",
            "    Describe connections.",
            "NO-EVICT (ON|OFF)",
            "    Protect this connection when memory for connections runs short.",
            "NO-TOUCH (ON|OFF)",
            "    Let this connection's reads not count as uses of keys.",
            "PAUSE <milliseconds> [WRITE|ALL]",
            "    Make clients wait, with writes or with everything.",
            "REPLY (ON|OFF|SKIP)",
            "    Choose whether commands are answered.",
            "SETINFO (LIB-NAME|LIB-VER) <value>",
            "    Note the client library's name or version.",
            "SETNAME <name>",
            "    Name this connection.",
            "UNBLOCK <number> [TIMEOUT|ERROR]",
            "    End another connection's waiting, as if its time were up or with an error.",
            "UNPAUSE",
            "    End a pause.",
        ],
    )
}
