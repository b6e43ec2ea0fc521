//! Turning the log on and off while running (`CONFIG SET appendonly`).
//!
//! ```text
//!  on:   space ─▶ between two turns: a segment begins, and with it the checkpoint that it is based on ─▶ that is
//!        complete ─▶ another segment begins, which waits for nothing
//!  off:  everything handed out so far is synced, so that every answer under way is kept ─▶ the writer only counts
//! ```
//!
//! Until the checkpoint is complete a restart finds what it would have found before the log was turned on.

use super::Node;
use crate::ids::{EntryId, Position};
use crate::{Level, Mono};

/// What is being turned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Switch {
    /// Nothing.
    #[default]
    Settled,
    /// The log is to begin.
    On,
    /// The log is to end, when everything before this position is on the platter.
    Off(Position),
}

impl Node {
    /// The setting changed; it takes effect as soon as that is safe.
    pub(super) fn switch_log(&mut self, on: bool) {
        self.seal();
        self.switch = match (on, self.writer.file().is_some()) {
            (true, false) => {
                if !self.writer.preparing() {
                    self.prepare_segment();
                }
                Switch::On
            }
            (false, true) => {
                if self.writer.sync_wanted() {
                    self.sync_log();
                }
                Switch::Off(self.writer.written())
            }
            // Back to what it is, before anything happened.
            _ => Switch::Settled,
        };
    }

    /// Before the lane is run: turns off when everything that was to be kept is, so that nothing waits for the log.
    pub(super) fn advance_switch_off(&mut self) {
        let Switch::Off(position) = self.switch else { return };
        if self.writer.synced().position < position {
            return;
        }
        self.switch = Switch::Settled;
        self.writer.stop();
        self.awaits_base = false;
        self.lane.open_all();
        self.forget_syncs();
        self.refresh_gate();
        self.say(Level::Warning, super::shutdown::durability(&self.config));
    }

    /// At the end of a turn, when nothing runs any more in it: turns on if it may be done.
    pub(super) fn advance_switch_on(&mut self) {
        if self.switch != Switch::On {
            return;
        }
        // A checkpoint under way covers an earlier state: the log could not follow it.
        if self.writer.may_begin_segment() && self.lane.is_idle() && !self.checkpoint.is_running() {
            self.switch = Switch::Settled;
            let base = EntryId { term: self.writer.state().term, index: self.applied };
            self.awaits_base = true;
            self.begin_segment(base, true);
            self.begin_checkpoint_here();
            self.refresh_gate();
            self.say(Level::Notice, "The log is on; it holds from the checkpoint that begins now.");
        }
    }

    /// The next try, when one waits for something that comes without an event.
    pub(super) fn switch_deadline(&self) -> Option<Mono> {
        (self.switch != Switch::Settled && self.lane.is_idle() && self.writer.may_begin_segment())
            .then_some(self.now.mono)
            .filter(|_| !self.checkpoint.is_running())
    }
}
