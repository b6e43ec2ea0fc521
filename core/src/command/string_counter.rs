//! Commands that count in strings.

use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, Group, KeySpec, Spec};
use super::string::text_in;
use crate::bytes::extended::Extended;
use crate::bytes::number::{IntegerText, parse_i64};
use crate::data::StringForm;
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec {
    group: Group::String,
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "access", "update"])],
    ..Spec::BASE
};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec { name: "incr", arity: 2, run: incr, summary: "Adds one to an integer.", arguments: "key", ..ROW },
    Spec {
        name: "decr",
        arity: 2,
        run: decr,
        summary: "Subtracts one from an integer.",
        arguments: "key",
        ..ROW
    },
    Spec {
        name: "incrby",
        arity: 3,
        run: incrby,
        summary: "Adds a number to an integer.",
        arguments: "key increment:integer",
        ..ROW
    },
    Spec {
        name: "decrby",
        arity: 3,
        run: decrby,
        summary: "Subtracts a number from an integer.",
        arguments: "key decrement:integer",
        ..ROW
    },
    Spec {
        name: "incrbyfloat",
        arity: 3,
        run: incrbyfloat,
        since: "2.6.0",
        summary: "Adds a number with a fraction to a number.",
        arguments: "key increment:double",
        ..ROW
    },
];

/// Adds to the integer of a key; one that is not there counts as 0.
fn add(context: &mut Context<'_>, key: &[u8], increment: i64) -> Handled {
    let (mut edit, reply) = context.edit_and_reply(key);
    let value = match text_in(&edit)? {
        Some(text) => parse_i64(text).ok_or(ReplyError::NOT_INTEGER)?,
        None => 0,
    };
    let sum = value.checked_add(increment).ok_or(ReplyError::OVERFLOW)?;
    let sum = IntegerText::new(sum);
    edit.set_string(sum.as_bytes(), StringForm::Plain);
    reply.integer_text(sum);
    Ok(Outcome::Done)
}

fn incr(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    add(context, args.get(1), 1)
}

fn decr(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    add(context, args.get(1), -1)
}

fn incrby(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    add(context, args.get(1), args.integer(2)?)
}

fn decrby(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let decrement = args.integer(2)?;
    let increment = decrement.checked_neg().ok_or(ReplyError::fixed("ERR decrement would overflow"))?;
    add(context, args.get(1), increment)
}

fn incrbyfloat(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let (mut edit, reply) = context.edit_and_reply(args.get(1));
    let value = Extended::parse(text_in(&edit)?.unwrap_or(b"0")).ok_or(ReplyError::NOT_FLOAT)?;
    let increment = Extended::parse(args.get(2)).ok_or(ReplyError::NOT_FLOAT)?;
    let sum = value.checked_add(increment).ok_or(ReplyError::FLOAT_OVERFLOW)?.print();
    edit.set_string(sum.as_bytes(), StringForm::Embedded);
    reply.text(&sum);
    Ok(Outcome::Done)
}
