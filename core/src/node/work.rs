//! What commands cost. The node has no clock inside a turn: the driver tells how long a whole turn took, and
//! that is charged to its commands by the work they can be seen to have done: bytes taken in and answered, and
//! a good deal more for those whose time such bytes do not bound.
//!
//! The length is told before the next turn's commands. Commands that may have to be shown as slow are copied
//! until then, cut to what is shown, into memory that is used again.

use super::Node;
use super::redact;
use super::slow_log::Candidate;
use crate::command::{CommandId, Flags};
use crate::ids::ConnId;
use crate::resp::Args;

/// More runs of commands than these do not wait to be charged. Only a driver that tells no lengths comes so far.
const CHARGED_MAX: usize = 65_536;
/// What any command costs, in units of work; a byte in or out is one unit.
const WEIGHT_BASE: usize = 64;
/// What a command costs in addition when its bytes do not bound its time.
const WEIGHT_HEAVY: usize = 8192;
/// A command that is not heavy may still be slow when it moves this many bytes.
const WEIGHT_SLOW: usize = 4096;
/// So much text of commands that may have been slow is kept in one turn; beyond it, only heavier ones.
const KEPT_BYTES: usize = 64 << 10;
/// And never more than this.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// The commands that ran since a length was told.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// What ran, in order.
    ran: Vec<Ran>,
    kept: Vec<Kept>,
    /// The texts of those kept, one after the other.
    text: Vec<u8>,
    lengths: Vec<u32>,
    /// Units of the heaviest command that was kept.
    heaviest: u32,
    /// The driver tells how long turns take.
    told: bool,
}

/// Commands that ran one after the other and cost the same: pipelines are full of them.
#[derive(Clone, Copy, Debug)]
struct Ran {
    command: CommandId,
    /// Units of work of each.
    weight: u32,
    count: u32,
}

/// A command that may have been slow.
#[derive(Clone, Copy, Debug)]
struct Kept {
    weight: u32,
    /// Where its texts begin: the client's address, its name, and then the arguments that are shown.
    text: usize,
    lengths: usize,
    /// How many arguments are shown.
    arguments: usize,
}

impl Work {
    fn clear(&mut self) {
        self.ran.clear();
        self.kept.clear();
        self.text.clear();
        self.lengths.clear();
        self.heaviest = 0;
    }

    fn push_text(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
        self.lengths.push(text.len() as u32);
    }
}

impl Node {
    /// A command ran in this turn, and was answered in so many bytes.
    pub(super) fn note_work(&mut self, conn: ConnId, command: CommandId, args: Args<'_>, reply_bytes: usize) {
        if self.work.ran.len() >= CHARGED_MAX {
            self.charge(0);
        }
        let row = command.row();
        let heavy = if row.heavy { WEIGHT_HEAVY } else { 0 };
        let weight = WEIGHT_BASE + args.span_bytes() + reply_bytes + heavy;
        let shown = u32::try_from(weight).unwrap_or(u32::MAX);
        match self.work.ran.last_mut() {
            Some(last) if last.command == command && last.weight == shown && last.count < u32::MAX => {
                last.count += 1;
            }
            _ => self.work.ran.push(Ran { command, weight: shown, count: 1 }),
        }
        let threshold = self.config.slowlog_log_slower_than_us;
        if threshold >= 0
            && (weight >= WEIGHT_SLOW || threshold == 0)
            && !row.spec.flags.has(Flags::SKIP_SLOWLOG)
        {
            self.keep_for_slow_log(conn, command, args, shown);
        }
    }

    /// Copies what the slow log would show of a command.
    fn keep_for_slow_log(&mut self, conn: ConnId, command: CommandId, args: Args<'_>, weight: u32) {
        let work = &mut self.work;
        let held = work.text.len();
        if held > KEPT_BYTES_MAX || (held > KEPT_BYTES && weight <= work.heaviest) {
            return;
        }
        work.heaviest = work.heaviest.max(weight);
        let Some(session) = self.sessions.get(conn) else { return };
        let kept = Kept { weight, text: held, lengths: work.lengths.len(), arguments: 0 };
        work.push_text(session.client.peer.as_bytes());
        work.push_text(&session.client.name);
        let arguments = Candidate::cut(
            args,
            |index| redact::is_secret(command, args, index),
            |text| work.push_text(text),
        );
        work.kept.push(Kept { arguments, ..kept });
    }

    /// The turn before this one took so long.
    pub(super) fn turn_took(&mut self, micros: u64) {
        self.stats.turns += 1;
        self.stats.turns_us += micros;
        self.work.told = true;
        self.charge(micros);
    }

    /// Before anything is shown: when nobody tells how long turns take, commands are counted all the same.
    pub(super) fn charge_untold(&mut self) {
        if !self.work.told {
            self.charge(0);
        }
    }

    /// Charges a length of time to the commands that ran in it.
    fn charge(&mut self, micros: u64) {
        let mut before = core::mem::take(&mut self.work);
        let total: u64 = before.ran.iter().map(|ran| u64::from(ran.weight) * u64::from(ran.count)).sum();
        let share = |weight: u32| {
            let nanos = u128::from(micros) * 1000 * u128::from(weight) / u128::from(total.max(1));
            u64::try_from(nanos).unwrap_or(u64::MAX)
        };
        let (mut longest, mut longest_fast) = (0, 0);
        for &Ran { command, weight, count } in &before.ran {
            let nanos = share(weight);
            self.stats.commands[command.index()].nanos += nanos * u64::from(count);
            if self.config.latency_tracking {
                self.latency.record(command, nanos, count);
            }
            let fast = command.spec().flags.has(Flags::FAST);
            let longest = if fast { &mut longest_fast } else { &mut longest };
            *longest = nanos.max(*longest);
        }
        let threshold_ms = self.config.latency_monitor_threshold_ms;
        if threshold_ms > 0 {
            let now_s = self.now.wall_us / 1_000_000;
            for (event, nanos) in [("command", longest), ("fast-command", longest_fast)] {
                if nanos / 1_000_000 >= threshold_ms {
                    self.latency.note(event, now_s, nanos / 1_000_000);
                }
            }
        }
        for kept in &before.kept {
            let micros = share(kept.weight) / 1000;
            let threshold = self.config.slowlog_log_slower_than_us;
            if u64::try_from(threshold).is_ok_and(|threshold| micros >= threshold) {
                let lengths = &before.lengths[kept.lengths..kept.lengths + 2 + kept.arguments];
                let candidate = Candidate { text: &before.text[kept.text..], lengths };
                self.slow_log.add(
                    candidate,
                    self.now.wall_us / 1_000_000,
                    micros,
                    self.config.slowlog_max_len,
                );
            }
        }
        before.clear();
        self.work = before;
    }
}
