//! Commands that read and write whole strings.

use super::context::{Context, Handled, Outcome};
use super::deadline::Clock;
use super::spec::{Deprecated, Flags, Group, KeySpec, Spec};
use crate::data::{Edit, StringForm, Text, Value, WrongType};
use crate::resp::{Args, ReplyError};
use crate::time::UnixMillis;

const ROW: Spec = Spec { group: Group::String, ..Spec::BASE };
/// A write that may take memory.
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "get",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: &[KeySpec::one(&["RO", "access"])],
        run: get,
        summary: "Tells the value of a key.",
        arguments: "key",
        ..ROW
    },
    Spec {
        name: "set",
        arity: -3,
        flags: WRITE,
        keys: &[KeySpec::one(&["RW", "access", "update", "variable_flags"])
            .noting("RW and ACCESS due to the optional `GET` argument")],
        run: set,
        summary: "Sets the value of a key, whatever it held, and its time to live if one is given.",
        arguments: "key value [condition:(NX|XX)@2.6.12] [GET]@6.2.0 [expiration:(EX seconds@2.6.12|\
                    PX milliseconds@2.6.12|EXAT unix-time-seconds@6.2.0|PXAT unix-time-milliseconds@6.2.0|\
                    KEEPTTL@6.0.0)]",
        history: &[
            ("2.6.12", "Takes EX, PX, NX and XX."),
            ("6.0.0", "Takes KEEPTTL."),
            ("6.2.0", "Takes GET, EXAT and PXAT."),
            ("7.0.0", "Takes NX and GET together."),
        ],
        ..ROW
    },
    Spec {
        name: "getset",
        arity: 3,
        flags: WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(&["RW", "access", "update"])],
        run: getset,
        summary: "Sets the value of a key and tells what it was.",
        arguments: "key value",
        deprecated: Some(Deprecated { since: "6.2.0", by: "`SET` with the `!GET` argument" }),
        ..ROW
    },
    Spec {
        name: "getdel",
        arity: 2,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(&["RW", "access", "delete"])],
        run: getdel,
        since: "6.2.0",
        summary: "Tells the value of a key and removes the key.",
        arguments: "key",
        ..ROW
    },
    Spec {
        name: "getex",
        arity: -2,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(&["RW", "access", "update"]).noting("RW and UPDATE because it changes the TTL")],
        run: getex,
        since: "6.2.0",
        summary: "Tells the value of a key and sets or takes away its time to live.",
        arguments: "key [expiration:(EX seconds|PX milliseconds|EXAT unix-time-seconds|\
                    PXAT unix-time-milliseconds|PERSIST)]",
        ..ROW
    },
    Spec {
        name: "setnx",
        arity: 3,
        flags: WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(&["OW", "insert"])],
        run: setnx,
        summary: "Sets the value of a key that does not exist.",
        arguments: "key value",
        deprecated: Some(Deprecated { since: "2.6.12", by: "`SET` with `NX`" }),
        ..ROW
    },
    Spec {
        name: "setex",
        arity: 4,
        flags: WRITE,
        keys: &[KeySpec::one(&["OW", "update"])],
        run: setex,
        since: "2.0.0",
        summary: "Sets the value of a key with a time to live in seconds.",
        arguments: "key seconds value",
        deprecated: Some(Deprecated { since: "2.6.12", by: "`SET` with `EX`" }),
        ..ROW
    },
    Spec {
        name: "psetex",
        arity: 4,
        flags: WRITE,
        keys: &[KeySpec::one(&["OW", "update"])],
        run: psetex,
        since: "2.6.0",
        summary: "Sets the value of a key with a time to live in milliseconds.",
        arguments: "key milliseconds value",
        deprecated: Some(Deprecated { since: "2.6.12", by: "`SET` with `PX`" }),
        ..ROW
    },
    Spec {
        name: "mget",
        arity: -2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: &[KeySpec::range(1, -1, 1, &["RO", "access"])],
        tips: &["request_policy:multi_shard"],
        run: mget,
        complexity: "O(N) where N is the number of keys to retrieve.",
        summary: "Tells the values of several keys.",
        arguments: "key...",
        ..ROW
    },
    Spec {
        name: "mset",
        arity: -3,
        flags: WRITE,
        keys: &[KeySpec::range(1, -1, 2, &["OW", "update"])],
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        run: mset,
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys to set.",
        summary: "Sets the values of several keys at once.",
        arguments: "{key value}...",
        ..ROW
    },
    Spec {
        name: "msetnx",
        arity: -3,
        flags: WRITE,
        keys: &[KeySpec::range(1, -1, 2, &["OW", "insert"])],
        tips: &["request_policy:multi_shard", "response_policy:agg_min"],
        run: msetnx,
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys to set.",
        summary: "Sets the values of several keys at once, if none of them exists.",
        arguments: "{key value}...",
        ..ROW
    },
];

/// The string that a value is.
pub(super) fn text_of(value: Value<'_>) -> Result<Text<'_>, ReplyError> {
    if let Value::String(text) = value { Ok(text) } else { Err(ReplyError::WRONG_TYPE) }
}

/// The string that a key to be changed holds, if it is there.
pub(super) fn text_in<'e>(edit: &'e Edit<'_>) -> Result<Option<&'e [u8]>, ReplyError> {
    match edit.string() {
        Ok(text) => Ok(text.map(|text| text.bytes)),
        Err(WrongType) => Err(ReplyError::WRONG_TYPE),
    }
}

/// What becomes of a key's deadline when its value is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deadline {
    None,
    Keep,
    At(UnixMillis),
}

/// Sets the value. One that has ceased to be already takes the key away.
fn store(edit: &mut Edit<'_>, value: &[u8], deadline: Deadline, now: UnixMillis) {
    match deadline {
        Deadline::None => edit.replace_string(value, StringForm::Plain, None),
        Deadline::Keep => edit.set_string(value, StringForm::Plain),
        Deadline::At(at) if at > now => edit.replace_string(value, StringForm::Plain, Some(at)),
        Deadline::At(_) => {
            edit.remove();
        }
    }
}

fn get(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    match context.find(args.get(1)) {
        None => context.reply.null(),
        Some(found) => context.reply.bulk(text_of(context.keyspace.read(found))?.bytes),
    }
    Ok(Outcome::Done)
}

/// What may follow the value in SET.
struct SetOptions {
    /// Whether the key has to exist, or must not.
    exists: Option<bool>,
    get: bool,
    deadline: Deadline,
}

impl SetOptions {
    const NONE: Self = Self { exists: None, get: false, deadline: Deadline::None };

    fn parse(context: &Context<'_>, args: Args<'_>) -> Result<Self, ReplyError> {
        let mut options = Self::NONE;
        let mut expiry = None;
        let mut at = 3;
        while at < args.len() {
            let keeps = options.deadline == Deadline::Keep;
            if args.is(at, "NX") && options.exists != Some(true) {
                options.exists = Some(false);
            } else if args.is(at, "XX") && options.exists != Some(false) {
                options.exists = Some(true);
            } else if args.is(at, "GET") {
                options.get = true;
            } else if args.is(at, "KEEPTTL") && expiry.is_none() {
                options.deadline = Deadline::Keep;
            } else if let (Some(clock), Some(text)) = (Clock::option(args, at), args.at(at + 1))
                && !keeps
                && expiry.is_none_or(|(before, _)| before == clock)
            {
                expiry = Some((clock, text));
                at += 1;
            } else {
                return Err(ReplyError::SYNTAX);
            }
            at += 1;
        }
        if let Some((clock, text)) = expiry {
            options.deadline = Deadline::At(clock.deadline_of_value(context, text)?);
        }
        Ok(options)
    }
}

fn set(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let options = if args.len() == 3 { SetOptions::NONE } else { SetOptions::parse(context, args)? };
    let now = context.time;
    let (mut edit, reply) = context.edit_and_reply(args.get(1));
    let existed = edit.exists();
    if options.get {
        match text_in(&edit)? {
            Some(text) => reply.bulk(text),
            None => reply.null(),
        }
    }
    let fits = options.exists.is_none_or(|exists| exists == existed);
    if fits {
        store(&mut edit, args.get(2), options.deadline, now);
    }
    if options.get {
        context.lookups.count(existed);
    } else if fits {
        reply.ok();
    } else {
        reply.null();
    }
    Ok(Outcome::Done)
}

fn getset(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let (mut edit, reply) = context.edit_and_reply(args.get(1));
    let existed = edit.exists();
    match text_in(&edit)? {
        Some(text) => reply.bulk(text),
        None => reply.null(),
    }
    edit.replace_string(args.get(2), StringForm::Plain, None);
    context.lookups.count(existed);
    Ok(Outcome::Done)
}

fn getdel(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let (mut edit, reply) = context.edit_and_reply(args.get(1));
    let existed = edit.exists();
    match text_in(&edit)? {
        Some(text) => reply.bulk(text),
        None => reply.null(),
    }
    edit.remove();
    context.lookups.count(existed);
    Ok(Outcome::Done)
}

/// What GETEX does to the deadline.
#[derive(Clone, Copy)]
enum Change<'a> {
    Nothing,
    Persist,
    Set(Clock, &'a [u8]),
}

impl<'a> Change<'a> {
    fn parse(args: Args<'a>) -> Result<Self, ReplyError> {
        let mut change = Self::Nothing;
        let mut at = 2;
        while at < args.len() {
            if args.is(at, "PERSIST") && !matches!(change, Self::Set(..)) {
                change = Self::Persist;
            } else if let (Some(clock), Some(text)) = (Clock::option(args, at), args.at(at + 1))
                && match change {
                    Self::Nothing => true,
                    Self::Persist => false,
                    Self::Set(before, _) => before == clock,
                }
            {
                change = Self::Set(clock, text);
                at += 1;
            } else {
                return Err(ReplyError::SYNTAX);
            }
            at += 1;
        }
        Ok(change)
    }
}

fn getex(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let change = Change::parse(args)?;
    let Some(found) = context.find(args.get(1)) else {
        context.reply.null();
        return Ok(Outcome::Done);
    };
    context.reply.bulk(text_of(context.keyspace.read(found))?.bytes);
    let deadline = match change {
        Change::Nothing => return Ok(Outcome::Done),
        Change::Persist => None,
        Change::Set(clock, text) => Some(clock.deadline_of_value(context, text)?),
    };
    let now = context.time;
    let mut edit = context.edit(args.get(1));
    if deadline.is_some_and(|at| at <= now) {
        edit.remove();
    } else {
        edit.set_expiry(deadline);
    }
    Ok(Outcome::Done)
}

fn setnx(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let (mut edit, reply) = context.edit_and_reply(args.get(1));
    let set = !edit.exists();
    if set {
        edit.replace_string(args.get(2), StringForm::Plain, None);
    }
    reply.integer(i64::from(set));
    Ok(Outcome::Done)
}

fn setex(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    set_with_deadline(context, args, Clock::EX)
}

fn psetex(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    set_with_deadline(context, args, Clock::PX)
}

fn set_with_deadline(context: &mut Context<'_>, args: Args<'_>, clock: Clock) -> Handled {
    let at = clock.deadline_of_value(context, args.get(2))?;
    context.edit(args.get(1)).replace_string(args.get(3), StringForm::Plain, Some(at));
    context.reply.ok();
    Ok(Outcome::Done)
}

fn mget(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    context.reply.array(args.len() - 1);
    for key in args.from(1) {
        match context.find(key).map(|found| context.keyspace.read(found)) {
            Some(Value::String(text)) => context.reply.bulk(text.bytes),
            // Nothing, or something that is no string: for MGET the same.
            _ => context.reply.null(),
        }
    }
    Ok(Outcome::Done)
}

/// Sets what follows the name, by pairs.
fn set_pairs(context: &mut Context<'_>, args: Args<'_>) {
    for key in (1..args.len()).step_by(2) {
        context.edit(args.get(key)).replace_string(args.get(key + 1), StringForm::Plain, None);
    }
}

fn check_pairs(context: &Context<'_>, args: Args<'_>) -> Result<(), ReplyError> {
    if args.len() % 2 == 1 { Ok(()) } else { Err(ReplyError::arity(context.spec.name)) }
}

fn mset(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    check_pairs(context, args)?;
    set_pairs(context, args);
    context.reply.ok();
    Ok(Outcome::Done)
}

fn msetnx(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    check_pairs(context, args)?;
    let set = (1..args.len()).step_by(2).all(|key| context.peek(args.get(key)).is_none());
    if set {
        set_pairs(context, args);
    }
    context.reply.integer(i64::from(set));
    Ok(Outcome::Done)
}
