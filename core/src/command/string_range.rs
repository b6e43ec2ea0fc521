//! Commands on parts of strings, and on their length.

use super::context::{Context, Handled, Outcome};
use super::spec::{Deprecated, Flags, Group, KeySpec, Spec};
use super::string::{text_in, text_of};
use crate::data::WrongType;
use crate::limits::STRING_BYTES_MAX;
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec { group: Group::String, ..Spec::BASE };
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "append",
        arity: 3,
        flags: WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(&["RW", "insert"])],
        run: append,
        since: "2.0.0",
        complexity: "O(1), amortized: a string that grows gets room for more",
        summary: "Appends to a string, or makes it.",
        arguments: "key value",
        ..ROW
    },
    Spec {
        name: "strlen",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: &[KeySpec::one(&["RO"])],
        run: strlen,
        since: "2.2.0",
        summary: "Tells the length of a string.",
        arguments: "key",
        ..ROW
    },
    Spec { name: "getrange", since: "2.4.0", summary: "Tells a part of a string.", ..RANGE },
    Spec {
        name: "substr",
        summary: "Tells a part of a string; the old name of GETRANGE.",
        deprecated: Some(Deprecated { since: "2.0.0", by: "`GETRANGE`" }),
        ..RANGE
    },
    Spec {
        name: "setrange",
        arity: 4,
        flags: WRITE,
        keys: &[KeySpec::one(&["RW", "update"])],
        run: setrange,
        since: "2.2.0",
        complexity: "O(M) where M is the length of the value, if the string has not to grow far",
        summary: "Writes over a part of a string, which grows if it is too short.",
        arguments: "key offset:integer value",
        ..ROW
    },
];

const RANGE: Spec = Spec {
    arity: 4,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(&["RO", "access"])],
    run: getrange,
    complexity: "O(N) where N is the length of the returned string",
    arguments: "key start:integer end:integer",
    ..ROW
};

/// Refuses strings that would be too long.
fn check_length(len: usize, more: usize) -> Result<(), ReplyError> {
    let fits = len.checked_add(more).is_some_and(|sum| sum <= STRING_BYTES_MAX);
    if fits { Ok(()) } else { Err(ReplyError::STRING_TOO_LONG) }
}

fn append(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let (mut edit, reply) = context.edit_and_reply(args.get(1));
    if let Some(text) = text_in(&edit)? {
        check_length(text.len(), args.get(2).len())?;
    }
    let len = edit.append(args.get(2)).map_err(|WrongType| ReplyError::WRONG_TYPE)?;
    reply.count(len);
    Ok(Outcome::Done)
}

fn strlen(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let len = match context.find(args.get(1)) {
        None => 0,
        Some(found) => text_of(context.keyspace.read(found))?.bytes.len(),
    };
    context.reply.count(len);
    Ok(Outcome::Done)
}

/// The part of a text from `start` to `end`, both inclusive and counted from the end when negative.
fn part(text: &[u8], start: i64, end: i64) -> &[u8] {
    let len = text.len() as i64;
    // Both before the first byte, and in the wrong order: moved to the first byte they would be in order.
    if text.is_empty() || (start < 0 && end < 0 && start > end) {
        return b"";
    }
    let from_front = |index: i64| if index < 0 { (index + len).max(0) } else { index };
    let (start, end) = (from_front(start), from_front(end).min(len - 1));
    if start > end { b"" } else { &text[start as usize..=end as usize] }
}

fn getrange(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let start = args.integer(2)?;
    let end = args.integer(3)?;
    let part = match context.find(args.get(1)) {
        None => b"",
        Some(found) => part(text_of(context.keyspace.read(found))?.bytes, start, end),
    };
    context.reply.bulk(part);
    Ok(Outcome::Done)
}

fn setrange(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let offset = usize::try_from(args.integer(2)?).map_err(|_| ReplyError::OFFSET_RANGE)?;
    let value = args.get(3);
    let (mut edit, reply) = context.edit_and_reply(args.get(1));
    let len = text_in(&edit)?.map_or(0, <[u8]>::len);
    if value.is_empty() {
        reply.count(len);
        return Ok(Outcome::Done);
    }
    check_length(offset, value.len())?;
    let len = edit.set_range(offset, value).map_err(|WrongType| ReplyError::WRONG_TYPE)?;
    reply.count(len);
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_to_the_text() {
        let cases: [(i64, i64, &[u8]); 12] = [
            (0, -1, b"abcde"),
            (0, 0, b"a"),
            (-2, -1, b"de"),
            (3, 100, b"de"),
            (5, 5, b""),
            (-100, -50, b"a"),
            (-50, -100, b""),
            (-1, -2, b""),
            (2, 1, b""),
            (i64::MIN, i64::MAX, b"abcde"),
            (i64::MAX, i64::MAX, b""),
            (i64::MIN, i64::MIN, b"a"),
        ];
        for (start, end, expected) in cases {
            assert_eq!(part(b"abcde", start, end), expected, "{start} {end}");
            assert_eq!(part(b"", start, end), b"");
        }
    }

    #[test]
    fn lengths_end_at_the_limit() {
        assert_eq!(check_length(STRING_BYTES_MAX - 1, 1), Ok(()));
        for (len, more) in [(STRING_BYTES_MAX, 1), (usize::MAX, 1), (usize::MAX, usize::MAX)] {
            assert_eq!(check_length(len, more), Err(ReplyError::STRING_TOO_LONG));
        }
    }
}
