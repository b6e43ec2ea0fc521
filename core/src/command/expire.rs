//! Commands on deadlines.

use super::context::{Context, Handled, Outcome};
use super::deadline::{Clock, now_ms};
use super::spec::{Flags, Group, KeySpec, Spec};
use crate::resp::{Args, ReplyError};
use crate::time::UnixMillis;

/// A row that sets a deadline.
const SET: Spec = Spec {
    group: Group::Generic,
    arity: -3,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "update"])],
    history: &[("7.0.0", "Takes NX, XX, GT and LT.")],
    ..Spec::BASE
};

/// A row that tells of one.
const TELL: Spec = Spec {
    group: Group::Generic,
    arity: 2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(&["RO", "access"])],
    arguments: "key",
    ..Spec::BASE
};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "expire",
        run: |context, args| expire(context, args, Clock::EX),
        summary: "Sets the time to live of a key in seconds.",
        arguments: "key seconds [condition:(NX|XX|GT|LT)@7.0.0]",
        history: &[("7.0.0", "Takes NX, XX, GT and LT.")],
        ..SET
    },
    Spec {
        name: "pexpire",
        run: |context, args| expire(context, args, Clock::PX),
        since: "2.6.0",
        summary: "Sets the time to live of a key in milliseconds.",
        arguments: "key milliseconds [condition:(NX|XX|GT|LT)@7.0.0]",
        history: &[("7.0.0", "Takes NX, XX, GT and LT.")],
        ..SET
    },
    Spec {
        name: "expireat",
        run: |context, args| expire(context, args, Clock::EXAT),
        since: "1.2.0",
        summary: "Sets when a key ceases to be, as a Unix time in seconds.",
        arguments: "key unix-time-seconds [condition:(NX|XX|GT|LT)@7.0.0]",
        history: &[("7.0.0", "Takes NX, XX, GT and LT.")],
        ..SET
    },
    Spec {
        name: "pexpireat",
        run: |context, args| expire(context, args, Clock::PXAT),
        since: "2.6.0",
        summary: "Sets when a key ceases to be, as a Unix time in milliseconds.",
        arguments: "key unix-time-milliseconds [condition:(NX|XX|GT|LT)@7.0.0]",
        history: &[("7.0.0", "Takes NX, XX, GT and LT.")],
        ..SET
    },
    Spec {
        name: "ttl",
        run: |context, args| tell(context, args, Clock::EX),
        tips: &["nondeterministic_output"],
        history: &[("2.8.0", "Answers -2 if the key is not there.")],
        summary: "Tells the time to live of a key in seconds.",
        ..TELL
    },
    Spec {
        name: "pttl",
        run: |context, args| tell(context, args, Clock::PX),
        tips: &["nondeterministic_output"],
        history: &[("2.8.0", "Answers -2 if the key is not there.")],
        since: "2.6.0",
        summary: "Tells the time to live of a key in milliseconds.",
        ..TELL
    },
    Spec {
        name: "expiretime",
        run: |context, args| tell(context, args, Clock::EXAT),
        since: "7.0.0",
        summary: "Tells when a key ceases to be, as a Unix time in seconds.",
        ..TELL
    },
    Spec {
        name: "pexpiretime",
        run: |context, args| tell(context, args, Clock::PXAT),
        since: "7.0.0",
        summary: "Tells when a key ceases to be, as a Unix time in milliseconds.",
        ..TELL
    },
    Spec {
        name: "persist",
        arity: 2,
        run: persist,
        since: "2.2.0",
        summary: "Takes away the time to live of a key.",
        arguments: "key",
        ..SET
    },
];

/// Which deadlines may be replaced by which; all that are asked for must agree.
#[derive(Default)]
struct Conditions {
    none_before: bool,
    one_before: bool,
    later: bool,
    earlier: bool,
}

impl Conditions {
    fn parse(args: Args<'_>) -> Result<Self, ReplyError> {
        let mut conditions = Self::default();
        for at in 3..args.len() {
            if args.is(at, "NX") {
                conditions.none_before = true;
            } else if args.is(at, "XX") {
                conditions.one_before = true;
            } else if args.is(at, "GT") {
                conditions.later = true;
            } else if args.is(at, "LT") {
                conditions.earlier = true;
            } else {
                let mut text = b"ERR Unsupported option ".to_vec();
                text.extend_from_slice(args.get(at));
                return Err(ReplyError::new(text));
            }
        }
        let Self { none_before, one_before, later, earlier } = conditions;
        if none_before && (one_before || later || earlier) {
            return Err(ReplyError::fixed(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if later && earlier {
            return Err(ReplyError::fixed("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    /// Whether a key whose deadline is `before` may get the deadline `after`, in milliseconds. No deadline is
    /// later than any.
    fn allow(&self, before: Option<UnixMillis>, after: i64) -> bool {
        let before = before.map(|at| i64::try_from(at.0).unwrap_or(i64::MAX));
        !(self.none_before && before.is_some()
            || self.one_before && before.is_none()
            || self.later && before.is_none_or(|before| after <= before)
            || self.earlier && before.is_some_and(|before| after >= before))
    }
}

fn expire(context: &mut Context<'_>, args: Args<'_>, clock: Clock) -> Handled {
    let conditions = Conditions::parse(args)?;
    let moment = clock.moment_ms(context, args.get(2))?;
    let now = now_ms(context);
    let (mut edit, reply) = context.edit_and_reply(args.get(1));
    let set = edit.exists() && conditions.allow(edit.expire_at(), moment);
    if set {
        if moment <= now {
            edit.remove();
        } else {
            edit.set_expiry(Some(UnixMillis(moment.unsigned_abs())));
        }
    }
    reply.integer(i64::from(set));
    Ok(Outcome::Done)
}

/// Replies with a deadline; -1 if there is none, -2 if the key is not there. Telling is no use of the key.
fn tell(context: &mut Context<'_>, args: Args<'_>, clock: Clock) -> Handled {
    let found = context.peek(args.get(1));
    context.lookups.count(found.is_some());
    let answer = match found.map(|found| context.keyspace.expire_at(found)) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => {
            let millis = if clock.relative { at.0.saturating_sub(context.time.0) } else { at.0 };
            let number = if clock.seconds { millis.saturating_add(500) / 1000 } else { millis };
            i64::try_from(number).unwrap_or(i64::MAX)
        }
    };
    context.reply.integer(answer);
    Ok(Outcome::Done)
}

fn persist(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let (mut edit, reply) = context.edit_and_reply(args.get(1));
    let had_one = edit.expire_at().is_some();
    if had_one {
        edit.set_expiry(None);
    }
    reply.integer(i64::from(had_one));
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of no deadline, an earlier, the same and a later one may be replaced.
    #[test]
    fn conditions_compare_deadlines() {
        let replaced = |conditions: Conditions| {
            [None, Some(1), Some(5), Some(9)].map(|before| conditions.allow(before.map(UnixMillis), 5))
        };
        let conditions = Conditions::default;
        assert_eq!(replaced(conditions()), [true, true, true, true]);
        assert_eq!(replaced(Conditions { none_before: true, ..conditions() }), [true, false, false, false]);
        assert_eq!(replaced(Conditions { one_before: true, ..conditions() }), [false, true, true, true]);
        assert_eq!(replaced(Conditions { later: true, ..conditions() }), [false, true, false, false]);
        assert_eq!(replaced(Conditions { earlier: true, ..conditions() }), [true, false, false, true]);
        let both = Conditions { one_before: true, earlier: true, ..conditions() };
        assert_eq!(replaced(both), [false, false, false, true]);
    }
}
