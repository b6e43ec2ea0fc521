//! Cursors over keys and over fields of hashes.

use super::context::{Context, Handled, Outcome};
use super::hash::view;
use super::spec::{Flags, Group, KeySpec, Spec};
use crate::bytes::glob;
use crate::bytes::number::IntegerText;
use crate::data::Kind;
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec {
    flags: Flags::READONLY,
    since: "2.8.0",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor \
                 to return back to 0. N is the number of elements inside the collection.",
    ..Spec::BASE
};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "scan",
        arity: -2,
        run: scan,
        tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
        history: &[("6.0.0", "Knows `TYPE`.")],
        summary: "Tells the keys of the database, some at each call.",
        arguments: "cursor [MATCH pattern] [COUNT count] [TYPE type]@6.0.0",
        ..ROW
    },
    Spec {
        name: "hscan",
        arity: -3,
        keys: &[KeySpec::one(&["RO", "access"])],
        group: Group::Hash,
        run: hscan,
        tips: &["nondeterministic_output"],
        summary: "Tells the fields of a hash with their values, some at each call.",
        arguments: "key cursor [MATCH pattern] [COUNT count]",
        ..ROW
    },
];

/// What a call asks for besides its cursor.
#[derive(Clone, Copy)]
struct Options<'a> {
    /// About so many elements are to be looked at.
    count: usize,
    /// Only those that fit are shown.
    pattern: Option<&'a [u8]>,
    /// Only keys of this type are shown.
    kind: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// Reads the options from argument `at` on; `TYPE` only where keys are scanned.
    fn parse(args: Args<'a>, mut at: usize, of_keys: bool) -> Result<Self, ReplyError> {
        let mut options = Self { count: 10, pattern: None, kind: None };
        while at < args.len() {
            let Some(value) = args.at(at + 1) else { return Err(ReplyError::SYNTAX) };
            if args.is(at, "count") {
                let count = args.integer(at + 1)?;
                options.count =
                    usize::try_from(count).ok().filter(|&count| count > 0).ok_or(ReplyError::SYNTAX)?;
            } else if args.is(at, "match") {
                options.pattern = Some(value).filter(|&pattern| pattern != b"*");
            } else if args.is(at, "type") && of_keys {
                options.kind = Some(value);
            } else {
                return Err(ReplyError::SYNTAX);
            }
            at += 2;
        }
        Ok(options)
    }

    /// Whether keys of this type are shown.
    fn of_kind(self, kind: Kind) -> bool {
        self.kind.is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind.name().as_bytes()))
    }

    /// Whether an element fits the pattern.
    fn fits(self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name, false))
    }
}

/// The cursor in an argument, read as C's `strtoul` reads numbers, for that is how Redis reads it: nothing at all
/// is 0, and a minus sign counts down from 2^64.
fn cursor(args: Args<'_>, index: usize) -> Result<u64, ReplyError> {
    let text = args.get(index);
    let (negative, digits) = match text {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return Err(ReplyError::INVALID_CURSOR);
    }
    let mut value = 0_u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        value = (digit <= 9)
            .then(|| value.checked_mul(10)?.checked_add(u64::from(digit)))
            .flatten()
            .ok_or(ReplyError::INVALID_CURSOR)?;
    }
    Ok(if negative { value.wrapping_neg() } else { value })
}

fn scan(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let cursor = cursor(args, 1)?;
    let options = Options::parse(args, 2, true)?;
    let (database, reply) = (context.database(), &mut context.reply);
    reply.array(2);
    let next = reply.defer_bulk();
    let page = reply.defer_array();
    let mut shown = 0;
    let cursor = context.keyspace.scan(database, cursor, options.count, context.time, |key, value| {
        if options.of_kind(value.kind()) && options.fits(key) {
            reply.bulk(key);
            shown += 1;
        }
    });
    reply.fill(page, shown);
    reply.fill_bulk(next, IntegerText::unsigned(cursor).as_bytes());
    Ok(Outcome::Done)
}

fn hscan(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let cursor = cursor(args, 2)?;
    let found = context.find(args.get(1));
    let Some(hash) = view(context.keyspace, found)? else {
        // Redis does not look at the options of a scan over nothing.
        context.reply.array(2);
        context.reply.text("0");
        context.reply.array(0);
        return Ok(Outcome::Done);
    };
    let options = Options::parse(args, 3, false)?;
    let reply = &mut context.reply;
    reply.array(2);
    let next = reply.defer_bulk();
    let page = reply.defer_array();
    let mut shown = 0;
    let cursor = hash.scan(cursor, options.count, |field, value| {
        if options.fits(field) {
            reply.bulk(field);
            reply.bulk(value);
            shown += 2;
        }
    });
    reply.fill(page, shown);
    reply.fill_bulk(next, IntegerText::unsigned(cursor).as_bytes());
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::command::testing::Bench;

    /// Cursor and elements of a page.
    fn page(reply: &str) -> (String, Vec<String>) {
        let mut lines = reply.split("\r\n");
        assert_eq!(lines.next(), Some("*2"));
        let cursor = lines.nth(1).expect("a cursor").to_owned();
        (cursor, lines.skip(2).step_by(2).map(str::to_owned).collect())
    }

    /// All elements, page by page; and how many pages there were.
    fn all(bench: &mut Bench, command: &str, options: &str) -> (Vec<String>, usize) {
        let (mut cursor, mut elements, mut pages) = ("0".to_owned(), Vec::new(), 0);
        loop {
            let (next, page) = page(&bench.run(&format!("{command} {cursor}{options}")));
            elements.extend(page);
            pages += 1;
            if next == "0" {
                return (elements, pages);
            }
            cursor = next;
        }
    }

    #[test]
    fn every_key_is_seen_once_in_pages() {
        let mut bench = Bench::new();
        for key in 0..1000 {
            bench.run(&format!("SET key:{key} x"));
        }
        bench.run("HSET hash f v");
        let (keys, pages) = all(&mut bench, "SCAN", "");
        assert_eq!((keys.len(), keys.iter().collect::<BTreeSet<_>>().len()), (1001, 1001));
        assert!((20..=110).contains(&pages), "{pages} pages of about ten");
        assert_eq!(all(&mut bench, "SCAN", " TYPE hash").0, ["hash"]);
        assert_eq!(all(&mut bench, "SCAN", " TYPE list").0.len(), 0);
        assert_eq!(all(&mut bench, "SCAN", " MATCH key:?? COUNT 100").0.len(), 90);
        assert_eq!(all(&mut bench, "SCAN", " COUNT 9223372036854775807").1, 1);
    }

    /// The iteration's promise: a key that is there from begin to end is shown, whatever else comes and goes.
    #[test]
    fn keys_that_stay_are_seen_while_others_come_and_go() {
        let mut bench = Bench::new();
        for key in 0..300 {
            bench.run(&format!("SET stays:{key} x"));
            bench.run(&format!("SET goes:{key} x"));
        }
        let (mut cursor, mut seen, mut round) = ("0".to_owned(), BTreeSet::new(), 0);
        loop {
            let (next, keys) = page(&bench.run(&format!("SCAN {cursor} COUNT 7")));
            for key in keys.into_iter().filter(|key| key.starts_with("stays")) {
                assert!(seen.insert(key), "a key is shown once");
            }
            bench.run(&format!("DEL goes:{round}"));
            (0..20).for_each(|key| drop(bench.run(&format!("SET new:{round}:{key} x"))));
            round += 1;
            cursor = next;
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 300);
    }

    #[test]
    fn fields_come_with_their_values() {
        let mut bench = Bench::new();
        for field in 0..1000 {
            bench.run(&format!("HSET hash f{field} v{field}"));
        }
        let (parts, pages) = all(&mut bench, "HSCAN hash", " COUNT 50");
        assert_eq!((parts.len(), pages), (2000, 20));
        for pair in parts.chunks(2) {
            assert_eq!(pair[0][1..], pair[1][1..]);
        }
        assert_eq!(all(&mut bench, "HSCAN hash", " MATCH f1??").0.len(), 200);
        assert_eq!(bench.run("HSCAN none 0 NONSENSE"), "*2\r\n$1\r\n0\r\n*0\r\n");
        bench.run("SET string x");
        assert!(bench.run("HSCAN string 0 NONSENSE").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn cursors_are_read_as_strtoul_does() {
        let mut bench = Bench::new();
        bench.run("SET key x");
        for good in ["0", "00", "+0"] {
            assert_eq!(bench.run(&format!("SCAN {good}")), "*2\r\n$1\r\n0\r\n*1\r\n$3\r\nkey\r\n");
        }
        for end in ["-1", "18446744073709551615"] {
            assert_eq!(bench.run(&format!("SCAN {end}")), "*2\r\n$1\r\n0\r\n*0\r\n");
        }
        for bad in ["x", "1x", "-", "+", "--1", "18446744073709551616", "1.5"] {
            assert_eq!(bench.run(&format!("SCAN {bad}")), "-ERR invalid cursor\r\n", "{bad}");
        }
    }
}
