//! INV-L1: every reply is what a naive Redis answers at some place of the committed log between the moment the
//! request arrived and the moment the reply left.
//!
//! The place of a write that is in the log is known. A read, or a write that changed nothing and so is not in the
//! log, may have run anywhere between: the first place and the earliest time that explain its reply are taken.
//! That choice is never wrong: whoever comes later has to stand at or behind it, and an earlier place leaves them the
//! most room.

use super::log::Log;
use super::versions::Versions;
use crate::history::{Op, Point};
use crate::model::{Item, Key, Model, keys_of};
use crate::resp::Reply;

/// The keys of a request.
#[must_use]
pub fn keys(op: &Op) -> Vec<Key> {
    keys_of(&op.words).into_iter().map(|name| (op.database, name)).collect()
}

/// A reply in an order that does not matter.
#[must_use]
pub fn normal(op: &Op, reply: &Reply) -> Reply {
    match reply {
        Reply::Array(items) if op.words[0].eq_ignore_ascii_case(b"HGETALL") => {
            let mut pairs: Vec<&[Reply]> = items.chunks(2).collect();
            pairs.sort();
            Reply::Array(pairs.concat())
        }
        other => other.clone(),
    }
}

/// The first point from `from` on, no later than `now_ms`, at which the request would be answered so and change nothing.
#[must_use]
pub fn find(
    log: &Log,
    versions: &Versions,
    op: &Op,
    reply: &Reply,
    from: Point,
    now_ms: u64,
) -> Option<Point> {
    let keys = keys(op);
    let wanted = normal(op, reply);
    let last = log.units();
    let mut begins = vec![from.units];
    begins.extend(versions.changes(&keys, from.units, last));
    for (at, &begin) in begins.iter().enumerate() {
        let end = begins.get(at + 1).map_or(last, |next| next - 1);
        let base = versions.model(&keys, begin);
        let before_ms = begin.checked_sub(1).map_or(0, |unit| log.unit_times[unit as usize]);
        let low = from.time_ms.max(before_ms);
        let high = log.unit_times.get(end as usize).map_or(now_ms, |&time_ms| time_ms.min(now_ms));
        if let Some(time_ms) =
            times(&base, &wanted, low, high).into_iter().find(|&time_ms| fits(&base, op, &wanted, time_ms))
        {
            // Commands that ran earlier than that time come first.
            let behind =
                log.unit_times[begin as usize..end as usize].partition_point(|&unit_ms| unit_ms < time_ms);
            return Some(Point { units: begin + behind as u64, time_ms });
        }
    }
    None
}

/// The times worth trying: where what is visible changes, and what the reply itself tells.
fn times(base: &Model, wanted: &Reply, low: u64, high: u64) -> Vec<u64> {
    let mut times = vec![low, high];
    for deadline in base.keys.values().filter_map(|item| item.deadline_ms) {
        times.push(deadline);
        if let Some(left) = wanted.integer() {
            times.push(deadline.saturating_add_signed(left.saturating_neg()));
        }
    }
    times.retain(|time_ms| (low..=high).contains(time_ms));
    times.sort_unstable();
    times.dedup();
    times
}

fn fits(base: &Model, op: &Op, wanted: &Reply, time_ms: u64) -> bool {
    let mut model = base.clone();
    model.run(op.database, &op.words, time_ms) == *wanted
        && visible(&model, time_ms).eq(visible(base, time_ms))
}

fn visible(model: &Model, time_ms: u64) -> impl Iterator<Item = (&Key, &Item)> {
    model.keys.iter().filter(move |(_, item)| item.deadline_ms.is_none_or(|deadline| deadline > time_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Kind;
    use crate::resp::Words;

    fn op(line: &str) -> Op {
        let words: Words = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        Op {
            conn: 0,
            database: 0,
            bytes: Vec::new(),
            words,
            kind: Kind::Keys,
            end: 0,
            arrived: None,
            unit: None,
            expected: None,
            answer: None,
        }
    }

    /// A log of these commands, each at its time.
    fn history(commands: &[(&str, u64)]) -> (Log, Versions) {
        let (mut log, mut versions) = (Log::default(), Versions::default());
        for (line, time_ms) in commands {
            let op = op(line);
            let keys = keys(&op);
            let mut model = versions.model(&keys, log.units());
            model.run(0, &op.words, *time_ms);
            log.unit_times.push(*time_ms);
            versions.note(&keys, log.units(), &model);
        }
        (log, versions)
    }

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn a_read_finds_the_first_place_that_explains_it() {
        let (log, versions) = history(&[("SET k a", 10), ("SET l x", 20), ("SET k b", 30)]);
        let at = |reply: &Reply, units, time_ms| {
            find(&log, &versions, &op("GET k"), reply, Point { units, time_ms }, 40)
                .map(|point| (point.units, point.time_ms))
        };
        assert_eq!(at(&Reply::Null, 0, 0), Some((0, 0)));
        assert_eq!(at(&bulk("a"), 0, 0), Some((1, 10)));
        assert_eq!(at(&bulk("b"), 2, 25), Some((3, 30)));
        assert_eq!(at(&bulk("a"), 3, 30), None, "stale: somebody was told more already");
        assert_eq!(at(&bulk("c"), 0, 0), None, "nobody wrote that");
    }

    #[test]
    fn time_alone_makes_keys_go_and_never_come_back() {
        let (log, versions) = history(&[("SET k a PXAT 100", 10), ("SET l x", 150)]);
        let at = |line: &str, reply: &Reply, time_ms| {
            let found = find(&log, &versions, &op(line), reply, Point { units: 1, time_ms }, 200);
            found.map(|point| (point.units, point.time_ms))
        };
        assert_eq!(at("GET k", &bulk("a"), 99), Some((1, 99)));
        assert_eq!(at("GET k", &bulk("a"), 100), None);
        assert_eq!(at("GET k", &Reply::Null, 20), Some((1, 100)));
        assert_eq!(at("GET k", &Reply::Null, 170), Some((2, 170)), "the command of time 150 ran before");
        assert_eq!(at("PTTL k", &Reply::Integer(30), 20), Some((1, 70)));
        assert_eq!(at("PTTL k", &Reply::Integer(90), 20), None);
    }

    #[test]
    fn a_write_that_is_not_in_the_log_must_have_changed_nothing() {
        let (log, versions) = history(&[("SET k a", 10)]);
        let from = Point { units: 1, time_ms: 10 };
        assert!(find(&log, &versions, &op("SETNX k b"), &Reply::Integer(0), from, 20).is_some());
        assert!(find(&log, &versions, &op("SETNX k b"), &Reply::Integer(1), from, 20).is_none());
        assert!(find(&log, &versions, &op("DEL k"), &Reply::Integer(1), from, 20).is_none());
        assert!(find(&log, &versions, &op("DEL l"), &Reply::Integer(0), from, 20).is_some());
    }
}
