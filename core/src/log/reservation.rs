//! Space ahead of a segment's end.
//!
//! An append must never meet a full disk: it would come after the command ran. So a segment's file is
//! filled with zeros ahead of time, and a write is admitted only if it fits into what is there. When the disk
//! is full, it is the reservation that fails: writes are refused, and the request is made again a second
//! later.

use crate::ids::{File, Ticket};
use crate::time::Mono;

/// How long after a failed reservation the next is tried, in milliseconds.
const RETRY_MS: u64 = 1000;

/// A request to reserve space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reserve {
    /// For this file.
    pub file: File,
    /// Up to this length, from the beginning of the file, in bytes.
    pub length_bytes: u64,
}

/// How far one segment's file is reserved.
#[derive(Clone, Debug)]
pub(super) struct Reservation {
    number: u64,
    /// What is there.
    granted_bytes: u64,
    /// What was asked for and not yet answered.
    asked: Option<(Ticket, u64)>,
    /// The least that is needed, whatever the step.
    demand_bytes: u64,
    retry_at: Option<Mono>,
}

impl Reservation {
    pub(super) fn new(number: u64, demand_bytes: u64) -> Self {
        Self { number, granted_bytes: 0, asked: None, demand_bytes, retry_at: None }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn granted_bytes(&self) -> u64 {
        self.granted_bytes
    }

    /// The last request failed and none has succeeded since.
    pub(super) fn refused(&self) -> bool {
        self.retry_at.is_some()
    }

    /// At least this length will be needed.
    pub(super) fn demand(&mut self, length_bytes: u64) {
        self.demand_bytes = self.demand_bytes.max(length_bytes);
    }

    /// What to ask for now, with `used_bytes` of the file written: always a step, or half of one, ahead.
    pub(super) fn wanted(&self, now: Mono, used_bytes: u64, step_bytes: u64) -> Option<Reserve> {
        if self.asked.is_some() || self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        let ahead = self.granted_bytes.saturating_sub(used_bytes);
        if self.granted_bytes >= self.demand_bytes && ahead >= step_bytes / 2 {
            return None;
        }
        let least = self.demand_bytes.max(used_bytes.saturating_add(step_bytes));
        let length_bytes = least.div_ceil(step_bytes).saturating_mul(step_bytes);
        (length_bytes > self.granted_bytes)
            .then_some(Reserve { file: File::Segment(self.number), length_bytes })
    }

    /// When to ask again after a failure.
    pub(super) fn retry_at(&self) -> Option<Mono> {
        self.retry_at
    }

    pub(super) fn issued(&mut self, ticket: Ticket, length_bytes: u64) {
        assert!(self.asked.is_none(), "one request at a time");
        self.asked = Some((ticket, length_bytes));
    }

    /// Whether the ticket was this file's.
    pub(super) fn done(&mut self, ticket: Ticket) -> bool {
        match self.asked {
            Some((asked, length_bytes)) if asked == ticket => {
                self.asked = None;
                self.retry_at = None;
                self.granted_bytes = self.granted_bytes.max(length_bytes);
                true
            }
            _ => false,
        }
    }

    /// Whether the ticket was this file's.
    pub(super) fn failed(&mut self, ticket: Ticket, now: Mono) -> bool {
        match self.asked {
            Some((asked, _)) if asked == ticket => {
                self.asked = None;
                self.retry_at = Some(now.after_ms(RETRY_MS));
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(reservation: &Reservation, now: Mono, used: u64) -> Option<u64> {
        reservation.wanted(now, used, 100).map(|request| request.length_bytes)
    }

    #[test]
    fn stays_ahead_by_steps() {
        let now = Mono(0);
        let mut space = Reservation::new(7, 0);
        assert_eq!(want(&space, now, 0), Some(100));
        space.issued(Ticket(1), 100);
        assert_eq!(want(&space, now, 0), None, "one request at a time");
        assert!(!space.done(Ticket(9)));
        assert!(space.done(Ticket(1)));
        assert_eq!(want(&space, now, 50), None);
        assert_eq!(want(&space, now, 51), Some(200));
        space.demand(730);
        assert_eq!(want(&space, now, 51), Some(800));
    }

    #[test]
    fn a_refusal_is_tried_again_after_a_second() {
        let mut space = Reservation::new(7, 0);
        space.issued(Ticket(1), 100);
        assert!(space.failed(Ticket(1), Mono(5)));
        assert!(space.refused());
        assert_eq!(want(&space, Mono(1_000_004), 0), None);
        assert_eq!(want(&space, Mono(1_000_005), 0), Some(100));
        space.issued(Ticket(2), 100);
        assert!(space.done(Ticket(2)));
        assert!(!space.refused());
    }
}
