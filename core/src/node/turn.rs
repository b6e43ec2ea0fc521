//! The frame of a turn: what is done once before its events, once after them, and when the next must come.

use super::Node;
use crate::session::State;
use crate::{Action, Mono, Now};

impl Node {
    /// Notes the time; everything in a turn happens at once.
    pub(super) fn begin_turn(&mut self, now: Now) {
        self.now = now;
        if self.turn_open {
            return;
        }
        self.turn_open = true;
        self.writer.tick(now.wall());
        self.note_access_clock();
        self.refresh_gate();
    }

    /// Settles everything that the turn's events left open, and lists what is to be done, in order: the log
    /// first, then what speaks of it.
    pub(super) fn end_turn(&mut self) {
        self.advance_recovery();
        self.expire_waits();
        self.release_held();
        self.resume_ready();
        self.settle_expiry();
        self.seal();
        self.advance_switch_off();
        // What runs makes room, and whoever waited for that may put in what can run at once: there may be no other
        // event to do it on.
        loop {
            self.run_lane();
            self.release_held();
            self.resume_ready();
            self.seal();
            if !self.lane.is_ready(self.writer.synced().position) {
                break;
            }
        }
        self.advance_switch_on();
        self.advance_storage();
        self.advance_checkpoint();
        self.advance_shutdown();
        self.flush_all();
        self.reads_ran = false;
    }

    /// Lets sessions go on that waited for their own commands. Each may wait again at once.
    pub(super) fn resume_ready(&mut self) {
        while let Some(conn) = self.ready.pop() {
            self.resume(conn);
        }
    }

    /// Lets held sessions try again, when what held them may be over.
    fn release_held(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let paused = self.pause_is_on();
        let lane_full = self.lane.waiting_bytes() > self.config.knobs.lane_bytes;
        let mut still_held = Vec::new();
        for conn in core::mem::take(&mut self.held) {
            let Some(session) = self.sessions.get_mut(conn) else { continue };
            let wait = match session.state {
                State::Paused => paused,
                State::NoRoom => lane_full || self.checkpoint.is_behind(),
                _ => continue,
            };
            if wait {
                still_held.push(conn);
            } else {
                session.state = State::Ready;
                self.ready.push(conn);
            }
        }
        self.held.extend(still_held);
        // First come, first served: `ready` is taken from its end.
        self.ready.reverse();
    }

    /// Lists a connection to be flushed when the turn ends.
    pub(super) fn list_flush(&mut self, conn: crate::ids::ConnId) {
        if let Some(session) = self.sessions.get_mut(conn)
            && !session.flush_listed
        {
            session.flush_listed = true;
            self.flushes.push(conn);
        }
    }

    fn flush_all(&mut self) {
        // Emptied, not taken: the list keeps its room for the next turn.
        for index in 0..self.flushes.len() {
            let conn = self.flushes[index];
            let Some(session) = self.sessions.get_mut(conn) else { continue };
            session.flush_listed = false;
            if !session.output.is_empty() {
                if self.bound_output(conn) {
                    self.actions.push_back(Action::Flush { conn });
                }
            } else if session.client.closing && session.in_lane == 0 {
                self.actions.push_back(Action::Close { conn });
                self.forget_session(conn);
            }
        }
        self.flushes.clear();
        self.bound_all_clients();
    }

    /// The earliest moment at which something is due without an event.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        [
            self.storage_deadline(),
            self.switch_deadline(),
            self.clock_deadline(),
            self.clients_deadline(),
            self.checkpoint_deadline(),
            self.shutdown_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
