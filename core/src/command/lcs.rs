//! LCS: the longest common subsequence of two strings.

use super::context::{Context, Handled, Outcome};
use super::spec::{Flags, Group, KeySpec, Spec};
use crate::data::{Keyspace, Value};
use crate::resp::{Args, Reply, ReplyError};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[Spec {
    name: "lcs",
    arity: -3,
    flags: Flags::READONLY,
    keys: &[KeySpec::range(1, 1, 1, &["RO", "access"])],
    group: Group::String,
    run: lcs,
    since: "7.0.0",
    complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
    summary: "Finds the longest sequence of bytes that two strings have in common, not necessarily without gaps.",
    arguments: "key1:key key2:key [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]",
    ..Spec::BASE
}];

#[derive(Default)]
struct Options {
    length: bool,
    matches: bool,
    match_length_min: i64,
    with_match_length: bool,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, ReplyError> {
        let mut options = Self::default();
        let mut at = 3;
        while at < args.len() {
            if args.is(at, "IDX") {
                options.matches = true;
            } else if args.is(at, "LEN") {
                options.length = true;
            } else if args.is(at, "WITHMATCHLEN") {
                options.with_match_length = true;
            } else if args.is(at, "MINMATCHLEN") && at + 1 < args.len() {
                options.match_length_min = args.integer(at + 1)?;
                at += 1;
            } else {
                return Err(ReplyError::SYNTAX);
            }
            at += 1;
        }
        if options.matches && options.length {
            return Err(ReplyError::fixed(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

fn lcs(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found = [context.find(args.get(1)), context.find(args.get(2))];
    let keyspace: &Keyspace = context.keyspace;
    let [left, right] = found.map(|found| match found.map(|found| keyspace.read(found)) {
        None => Some(&b""[..]),
        Some(Value::String(text)) => Some(text.bytes),
        Some(_) => None,
    });
    let (Some(left), Some(right)) = (left, right) else {
        return Err(ReplyError::fixed("ERR The specified keys must contain string values"));
    };
    let options = Options::parse(args)?;
    check_size(left.len(), right.len(), context.config.proto_max_bulk_len_bytes)?;
    if options.length {
        context.reply.count(length(left, right));
        return Ok(Outcome::Done);
    }
    let walk = Walk::new(left, right);
    if options.matches {
        reply_matches(&mut context.reply, &walk, &options);
    } else {
        context.reply.bulk(&walk.common());
    }
    Ok(Outcome::Done)
}

/// Refuses what Redis refuses: it counts a table of four bytes for each pair of places, and we take as long.
fn check_size(left: usize, right: usize, limit_bytes: u64) -> Result<(), ReplyError> {
    let cells = (left as u64 + 1).checked_mul(right as u64 + 1);
    if cells.and_then(|cells| cells.checked_mul(4)).is_some_and(|bytes| bytes <= limit_bytes) {
        Ok(())
    } else {
        Err(ReplyError::fixed("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"))
    }
}

/// Fills one row of the table of lengths after another: for each prefix of `left` the lengths of what it has in
/// common with each prefix of `right`. Tells `visit` of every place where the two bytes differ, and whether the
/// way back goes up from there: whether leaving out the byte of `left` keeps more than that of `right`.
fn fill(left: &[u8], right: &[u8], mut visit: impl FnMut(usize, usize, bool)) -> u32 {
    let mut row = vec![0_u32; right.len() + 1];
    for (i, &byte) in left.iter().enumerate() {
        // Above and to the left; the row still holds what is above from here on.
        let mut diagonal = 0;
        let mut before = 0;
        for (j, &other) in right.iter().enumerate() {
            let above = row[j + 1];
            if byte == other {
                before = diagonal + 1;
            } else {
                visit(i, j, above > before);
                before = before.max(above);
            }
            row[j + 1] = before;
            diagonal = above;
        }
    }
    row[right.len()]
}

fn length(left: &[u8], right: &[u8]) -> usize {
    fill(left, right, |_, _, _| {}) as usize
}

/// The way back through the table of lengths: one bit for every pair of places.
struct Walk<'a> {
    left: &'a [u8],
    right: &'a [u8],
    length: usize,
    up: Vec<u64>,
}

/// A run of equal bytes in both strings, ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Match {
    left: usize,
    right: usize,
    length: usize,
}

impl<'a> Walk<'a> {
    fn new(left: &'a [u8], right: &'a [u8]) -> Self {
        let mut up = vec![0_u64; (left.len() * right.len()).div_ceil(64)];
        let length = fill(left, right, |i, j, goes_up| {
            let bit = i * right.len() + j;
            up[bit / 64] |= u64::from(goes_up) << (bit % 64);
        });
        Self { left, right, length: length as usize, up }
    }

    /// Calls `visit` with every pair of equal bytes on the way, the last one first.
    fn back(&self, mut visit: impl FnMut(usize, usize)) {
        let (mut i, mut j) = (self.left.len(), self.right.len());
        while i > 0 && j > 0 {
            let bit = (i - 1) * self.right.len() + j - 1;
            if self.left[i - 1] == self.right[j - 1] {
                i -= 1;
                j -= 1;
                visit(i, j);
            } else if self.up[bit / 64] >> (bit % 64) & 1 == 1 {
                i -= 1;
            } else {
                j -= 1;
            }
        }
    }

    /// The subsequence.
    fn common(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length);
        self.back(|i, _| bytes.push(self.left[i]));
        bytes.reverse();
        bytes
    }

    /// Calls `visit` with the runs it consists of, the last one first.
    fn matches(&self, mut visit: impl FnMut(Match)) {
        let mut run: Option<Match> = None;
        self.back(|i, j| {
            run = Some(match run {
                Some(Match { left, right, length }) if (left, right) == (i + 1, j + 1) => {
                    Match { left: i, right: j, length: length + 1 }
                }
                finished => {
                    finished.into_iter().for_each(&mut visit);
                    Match { left: i, right: j, length: 1 }
                }
            });
        });
        run.into_iter().for_each(visit);
    }
}

fn reply_matches(reply: &mut Reply<'_>, walk: &Walk<'_>, options: &Options) {
    reply.map(2);
    reply.text("matches");
    let place = reply.defer_array();
    let mut count = 0;
    walk.matches(|Match { left, right, length }| {
        if (length as i64) < options.match_length_min {
            return;
        }
        count += 1;
        reply.array(if options.with_match_length { 3 } else { 2 });
        for start in [left, right] {
            reply.array(2);
            reply.count(start);
            reply.count(start + length - 1);
        }
        if options.with_match_length {
            reply.count(length);
        }
    });
    reply.fill(place, count);
    reply.text("len");
    reply.count(walk.length);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(left: &[u8], right: &[u8]) -> Vec<(usize, usize, usize)> {
        let mut all = Vec::new();
        let walk = Walk::new(left, right);
        walk.matches(|Match { left, right, length }| all.push((left, right, length)));
        all
    }

    #[test]
    fn runs_come_last_first() {
        assert_eq!(matches(b"ohmytext", b"mynewtext"), [(4, 5, 4), (2, 0, 2)]);
        assert_eq!(matches(b"abab", b"bab"), [(1, 0, 3)]);
        assert_eq!(matches(b"", b"bab"), []);
    }

    /// Against the definition, over all pairs of short strings of two letters.
    #[test]
    fn no_common_subsequence_is_longer() {
        let texts: Vec<Vec<u8>> = (0..7_u32)
            .flat_map(|len| (0..1_u32 << len).map(move |bits| (len, bits)))
            .map(|(len, bits)| (0..len).map(|at| b'a' + (bits >> at & 1) as u8).collect())
            .collect();
        let is_subsequence = |part: &[u8], of: &[u8]| {
            let mut rest = of.iter();
            part.iter().all(|byte| rest.any(|other| other == byte))
        };
        for left in &texts {
            for right in &texts {
                let common = Walk::new(left, right).common();
                assert!(is_subsequence(&common, left) && is_subsequence(&common, right));
                assert_eq!(common.len(), length(left, right));
                let longer = texts.iter().filter(|text| text.len() > common.len());
                let better = longer.filter(|text| is_subsequence(text, left) && is_subsequence(text, right));
                assert_eq!(better.count(), 0, "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn tables_have_a_greatest_size() {
        assert!(check_size(0, 0, 4).is_ok());
        assert!(check_size(9, 9, 400).is_ok());
        assert!(check_size(9, 9, 399).is_err());
        assert!(check_size(usize::MAX >> 1, usize::MAX >> 1, u64::MAX).is_err());
    }
}
