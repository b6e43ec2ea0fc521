//! Commands on strings.

use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, Group, KeySpec, Spec};
use crate::data::{StringForm, Value};
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec { group: Group::String, ..Spec::BASE };

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
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(&["RW", "access", "update", "variable_flags"])],
        run: set,
        summary: "Sets the value of a key.",
        arguments: "key value",
        ..ROW
    },
];

fn get(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    match context.find(args.get(1)) {
        None => context.reply.null(),
        Some(found) => match context.keyspace.read(found) {
            Value::String(text) => context.reply.bulk(text.bytes),
            Value::Hash(_) => return Err(ReplyError::WRONG_TYPE),
        },
    }
    Ok(Outcome::Done)
}

fn set(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    context.edit(args.get(1)).replace_string(args.get(2), StringForm::Plain, None);
    context.reply.ok();
    Ok(Outcome::Done)
}
