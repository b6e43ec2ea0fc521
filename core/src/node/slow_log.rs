//! `SLOWLOG`: the latest commands that took long.

use std::collections::VecDeque;

use super::Node;
use super::redact::REDACTED;
use crate::command::ask::SlowLogAsk;
use crate::ids::ConnId;
use crate::resp::Args;

/// More arguments than this are not shown, the last one then tells how many more there were.
const ARGUMENTS_MAX: usize = 32;
/// More of an argument than this is not shown, in bytes.
const ARGUMENT_BYTES_MAX: usize = 128;

/// The slow log.
#[derive(Debug, Default)]
pub(super) struct SlowLog {
    /// The latest first.
    entries: VecDeque<Slow>,
    next_id: u64,
}

#[derive(Debug)]
struct Slow {
    id: u64,
    time_s: u64,
    micros: u64,
    peer: Vec<u8>,
    name: Vec<u8>,
    arguments: Vec<Vec<u8>>,
}

/// A command as it would be shown: texts one behind the other, of the client's address, its name and the
/// arguments.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    /// The texts.
    pub text: &'a [u8],
    /// How long each is; at least the address and the name are there.
    pub lengths: &'a [u32],
}

impl Candidate<'_> {
    /// Cuts the arguments of a command to what is shown of them, one call of `push` for each. Returns how many.
    pub(super) fn cut(
        args: Args<'_>,
        is_secret: impl Fn(usize) -> bool,
        mut push: impl FnMut(&[u8]),
    ) -> usize {
        let shown = args.len().min(ARGUMENTS_MAX);
        for index in 0..shown {
            if index + 1 == shown && args.len() > shown {
                push(format!("... ({} more arguments)", args.len() - index).as_bytes());
            } else if is_secret(index) {
                push(REDACTED);
            } else {
                let arg = args.get(index);
                match arg.len().checked_sub(ARGUMENT_BYTES_MAX) {
                    None | Some(0) => push(arg),
                    Some(more) => {
                        let mut cut = arg[..ARGUMENT_BYTES_MAX].to_vec();
                        cut.extend_from_slice(format!("... ({more} more bytes)").as_bytes());
                        push(&cut);
                    }
                }
            }
        }
        shown
    }
}

impl SlowLog {
    /// Adds a command that took `micros`, and forgets the oldest beyond `length_max`.
    pub(super) fn add(&mut self, candidate: Candidate<'_>, time_s: u64, micros: u64, length_max: u64) {
        let mut at = 0;
        let mut texts = candidate.lengths.iter().map(|&length| {
            let text = candidate.text[at..at + length as usize].to_vec();
            at += length as usize;
            text
        });
        let peer = texts.next().expect("a candidate has an address");
        let name = texts.next().expect("a candidate has a name");
        let arguments = texts.collect();
        self.entries.push_front(Slow { id: self.next_id, time_s, micros, peer, name, arguments });
        self.next_id += 1;
        self.bound(length_max);
    }

    /// Forgets the oldest beyond `length_max`.
    pub(super) fn bound(&mut self, length_max: u64) {
        self.entries.truncate(usize::try_from(length_max).unwrap_or(usize::MAX));
    }
}

impl Node {
    /// `SLOWLOG …`
    pub(super) fn ask_slow_log(&mut self, conn: ConnId, ask: SlowLogAsk) {
        self.charge_untold();
        match ask {
            SlowLogAsk::Len => {
                let length = self.slow_log.entries.len();
                self.reply(conn, |reply| reply.count(length));
            }
            SlowLogAsk::Reset => {
                self.slow_log.entries.clear();
                self.reply(conn, |reply| reply.ok());
            }
            SlowLogAsk::Get { count } => self.tell_slow_log(conn, count),
        }
    }

    fn tell_slow_log(&mut self, conn: ConnId, count: Option<u64>) {
        let entries = core::mem::take(&mut self.slow_log.entries);
        let wanted = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let shown = entries.len().min(wanted);
        self.reply(conn, |reply| {
            reply.array(shown);
            for entry in entries.iter().take(shown) {
                reply.array(6);
                reply.integer(entry.id as i64);
                reply.integer(entry.time_s as i64);
                reply.integer(entry.micros as i64);
                reply.array(entry.arguments.len());
                for argument in &entry.arguments {
                    reply.bulk(argument);
                }
                reply.bulk(&entry.peer);
                reply.bulk(&entry.name);
            }
        });
        self.slow_log.entries = entries;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_are_kept() {
        let mut log = SlowLog::default();
        for time in 0..5 {
            log.add(Candidate { text: b"peernameGETkey", lengths: &[4, 4, 3, 3] }, time, 7, 3);
        }
        let ids: Vec<u64> = log.entries.iter().map(|entry| entry.id).collect();
        assert_eq!(ids, [4, 3, 2]);
        let entry = &log.entries[0];
        assert_eq!((&entry.peer[..], &entry.name[..]), (&b"peer"[..], &b"name"[..]));
        assert_eq!(entry.arguments, [b"GET", b"key"]);
        log.add(Candidate { text: b"", lengths: &[0, 0] }, 9, 7, 0);
        assert!(log.entries.is_empty());
    }
}
