//! Commands about other servers that hold the same data.

use super::ask::Ask;
use super::context::{Context, Handled, Outcome};
use super::spec::{Deprecated, Flags, Group, Spec};
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec { group: Group::Server, ..Spec::BASE };
const ADMIN: Flags = Flags::ADMIN.and(Flags::NOSCRIPT);
const SOURCE: Flags = ADMIN.and(Flags::STALE).and(Flags::NO_ASYNC_LOADING);
const SOURCE_ARGUMENTS: &str = "args:(host-port: host port|no-one: NO ONE)";

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "role",
        arity: 1,
        flags: Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST),
        categories: &["admin", "dangerous"],
        run: |_, _| Ok(Outcome::Ask(Ask::Role)),
        since: "2.8.12",
        summary: "Tells the server's part in replication.",
        ..ROW
    },
    Spec {
        name: "replicaof",
        arity: 3,
        flags: SOURCE,
        run: replicaof,
        since: "5.0.0",
        summary: "Ends the following of another server; that it follows one cannot be asked for.",
        arguments: SOURCE_ARGUMENTS,
        ..ROW
    },
    Spec {
        name: "slaveof",
        arity: 3,
        flags: SOURCE,
        run: replicaof,
        summary: "Is REPLICAOF by its old name.",
        arguments: SOURCE_ARGUMENTS,
        deprecated: Some(Deprecated { since: "5.0.0", by: "`REPLICAOF`" }),
        ..ROW
    },
    Spec {
        name: "failover",
        arity: -1,
        flags: ADMIN.and(Flags::STALE),
        run: failover,
        since: "6.2.0",
        summary: "Would hand the leading part to a replica.",
        arguments: "[target: TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]",
        ..ROW
    },
    Spec {
        name: "sync",
        arity: 1,
        flags: ADMIN.and(Flags::NO_ASYNC_LOADING).and(Flags::NO_MULTI),
        run: no_stream,
        complexity: "",
        summary: "Would begin a stream of replication; always an error.",
        ..ROW
    },
    Spec {
        name: "psync",
        arity: -3,
        flags: ADMIN.and(Flags::NO_ASYNC_LOADING).and(Flags::NO_MULTI),
        run: no_stream,
        since: "2.8.0",
        complexity: "",
        summary: "Would go on with a stream of replication; always an error.",
        arguments: "replicationid offset",
        ..ROW
    },
    Spec {
        name: "replconf",
        arity: -1,
        flags: ADMIN.and(Flags::LOADING).and(Flags::STALE).and(Flags::ALLOW_BUSY),
        run: no_stream,
        since: "3.0.0",
        summary: "Would settle the terms of a stream of replication; always an error.",
        ..ROW
    },
    Spec {
        name: "wait",
        arity: 3,
        group: Group::Generic,
        categories: &["-keyspace", "connection"],
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        run: wait,
        since: "3.0.0",
        summary: "Waits until so many replicas have received this connection's writes.",
        arguments: "numreplicas timeout",
        ..ROW
    },
    Spec {
        name: "waitaof",
        arity: 4,
        flags: Flags::NOSCRIPT,
        group: Group::Generic,
        categories: &["-keyspace", "connection"],
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        run: waitaof,
        since: "7.2.0",
        summary: "Waits until this connection's writes are on the disk here, and of so many replicas.",
        arguments: "numlocal numreplicas timeout",
        ..ROW
    },
];

fn replicaof(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    if context.config.cluster_enabled {
        return Err(ReplyError::fixed("ERR REPLICAOF not allowed in cluster mode."));
    }
    if args.is(1, "no") && args.is(2, "one") {
        context.reply.ok();
        return Ok(Outcome::Done);
    }
    let port = args.integer(2).ok().filter(|port| (0..=65535).contains(port));
    if port.is_none() {
        return Err(ReplyError::fixed("ERR Invalid master port"));
    }
    Err(ReplyError::fixed(
        "ERR Following another server is not supported; nodes of a group replicate among themselves",
    ))
}

fn failover(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    if context.config.cluster_enabled {
        return Err(ReplyError::fixed("ERR FAILOVER not allowed in cluster mode."));
    }
    if args.len() == 2 && args.is(1, "abort") {
        return Err(ReplyError::fixed("ERR No failover in progress."));
    }
    let (mut timeout, mut target, mut force) = (false, false, false);
    let mut at = 1;
    while at < args.len() {
        let left = args.len() - at - 1;
        if args.is(at, "timeout") && left >= 1 && !timeout {
            if args.integer(at + 1)? <= 0 {
                return Err(ReplyError::fixed("ERR FAILOVER timeout must be greater than 0"));
            }
            timeout = true;
            at += 2;
        } else if args.is(at, "to") && left >= 2 && !target {
            args.integer(at + 2)?;
            target = true;
            at += 3;
        } else if args.is(at, "force") && !force {
            force = true;
            at += 1;
        } else {
            return Err(ReplyError::SYNTAX);
        }
    }
    Err(ReplyError::fixed("ERR FAILOVER requires connected replicas."))
}

fn no_stream(_: &mut Context<'_>, _: Args<'_>) -> Handled {
    Err(ReplyError::fixed("ERR Streams of replication are not served"))
}

/// The timeout of `WAIT` and `WAITAOF`, in milliseconds; 0 for none.
fn timeout_ms(context: &Context<'_>, args: Args<'_>, at: usize) -> Result<u64, ReplyError> {
    let timeout = args.integer(at).map_err(|_| ReplyError::TIMEOUT_NOT_INTEGER)?;
    let timeout = u64::try_from(timeout).map_err(|_| ReplyError::TIMEOUT_NEGATIVE)?;
    if timeout > i64::MAX as u64 - context.time.0 {
        return Err(ReplyError::fixed("ERR timeout is out of range"));
    }
    Ok(timeout)
}

fn wait(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    // Fewer than no replicas are always there.
    let replicas = args.integer(1)?.max(0).unsigned_abs();
    let timeout_ms = timeout_ms(context, args, 2)?;
    Ok(Outcome::Ask(Ask::Wait { replicas, timeout_ms }))
}

fn waitaof(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let local = match args.integer(1)? {
        local @ (0 | 1) => local.unsigned_abs(),
        _ => return Err(ReplyError::fixed("ERR value is out of range, value must between 0 and 1")),
    };
    let replicas = args.integer(2).ok().and_then(|replicas| u64::try_from(replicas).ok());
    let replicas = replicas.ok_or(ReplyError::NOT_POSITIVE)?;
    let timeout_ms = timeout_ms(context, args, 3)?;
    if local > 0 && !context.config.appendonly {
        return Err(ReplyError::fixed(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    Ok(Outcome::Ask(Ask::WaitAof { local, replicas, timeout_ms }))
}
