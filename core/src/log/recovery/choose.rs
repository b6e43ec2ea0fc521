//! The first half of a recovery: looking at every file, and choosing what to read.

use std::collections::VecDeque;

use super::survey::Wholeness;
use super::{Damaged, Empty, Glance, Out, Phase, Recovery, Step, damaged, replay};
use crate::ids::{EntryId, File};
use crate::log::frame::OVERHEAD_BYTES;
use crate::log::parts::PartsCheck;
use crate::log::reader::{Ending, FileReader};
use crate::log::record::{END_BYTES, Record};

const END_FRAME: u64 = (END_BYTES + OVERHEAD_BYTES) as u64;

impl Recovery {
    pub(super) fn run(&mut self) -> Result<Option<Out>, Damaged> {
        loop {
            let before = (self.source.generation(), self.source.reader.offset());
            let out = match self.phase {
                Phase::Snapshots(glance) => self.look_at_snapshot(glance)?,
                Phase::Segments => self.look_at_segment()?,
                Phase::Attempt => self.attempt()?,
                Phase::Load => self.load()?,
                Phase::Replay(link) => self.follow(link)?,
                Phase::Search { link, hole } => self.search(link, hole)?,
                Phase::Carry(link) => self.carry(link)?,
                Phase::Finished => return Ok(None),
            };
            // Nothing to tell: go on if that was another record or another file, else more bytes are needed.
            if out.is_some() || (self.source.generation(), self.source.reader.offset()) == before {
                return Ok(out);
            }
        }
    }

    // ── Snapshots ──

    /// Turns to the next snapshot of the list, or to the segments.
    pub(super) fn glance_at_snapshot(&mut self) {
        let Some(&number) = self.list.front() else {
            return self.look_at_segments();
        };
        self.phase = Phase::Snapshots(Glance::Head);
        let length_bytes = self.survey.snapshots[&number].length_bytes;
        let file = File::Snapshot(number);
        self.source.glance(file, FileReader::new(file, length_bytes), length_bytes);
    }

    fn look_at_snapshot(&mut self, glance: Glance) -> Result<Option<Out>, Damaged> {
        let number = *self.list.front().expect("one is open");
        let seen = self.survey.snapshots.get_mut(&number).expect("it was listed");
        let (file, length_bytes) = (File::Snapshot(number), seen.length_bytes);
        let advanced = self.source.reader.advance();
        let ending = self.source.reader.ending();
        match glance {
            Glance::Head if advanced => {
                let Record::SnapshotHead(head) = self.source.reader.current().record else {
                    unreachable!("the first record of a snapshot is its head");
                };
                seen.head = Some(head);
                let from = length_bytes.saturating_sub(END_FRAME);
                let reader = FileReader::within_snapshot(&head, from, length_bytes);
                self.phase = Phase::Snapshots(Glance::Tail);
                self.source.open(file, reader, from, length_bytes);
            }
            Glance::Tail if advanced || ending.is_some() => {
                if advanced && matches!(self.source.reader.current().record, Record::End(_)) {
                    seen.wholeness = Wholeness::Complete;
                    self.next_snapshot();
                } else {
                    self.parts = PartsCheck::default();
                    self.phase = Phase::Snapshots(Glance::Whole);
                    self.source.open(file, FileReader::new(file, length_bytes), 0, length_bytes);
                }
            }
            Glance::Whole if advanced => {
                let found = self.source.reader.current();
                let offset = found.offset;
                if let Err(what) = self.parts.see(&found) {
                    seen.wholeness = Wholeness::Damaged { offset, what: what.to_owned() };
                    self.next_snapshot();
                }
            }
            _ => {
                if let Some(ending) = ending {
                    seen.wholeness = judge_snapshot(&self.parts, &ending);
                    self.next_snapshot();
                }
            }
        }
        Ok(None)
    }

    fn next_snapshot(&mut self) {
        let number = self.list.pop_front().expect("one was open");
        if self.survey.snapshots[&number].wholeness == Wholeness::Unfinished {
            self.survey.notes.push(format!("{} was never finished", File::Snapshot(number).name()));
        }
        self.parts = PartsCheck::default();
        self.glance_at_snapshot();
    }

    // ── Segments ──

    /// Begins to look at segments, newest first.
    fn look_at_segments(&mut self) {
        self.phase = Phase::Segments;
        self.survey.newest = None;
        for seen in self.survey.segments.values_mut() {
            (seen.head, seen.ending) = (None, None);
        }
        self.list = self.survey.segments.keys().rev().copied().collect();
        self.glance_at_segment();
    }

    fn glance_at_segment(&mut self) {
        let Some(&number) = self.list.front() else {
            // Nothing is left to look at: an empty file to end the phase on.
            let nothing = File::Segment(0);
            return self.source.open(nothing, FileReader::new(nothing, 0), 0, 0);
        };
        let length_bytes = self.survey.segments[&number].length_bytes;
        let file = File::Segment(number);
        self.source.glance(file, FileReader::new(file, length_bytes), length_bytes);
    }

    fn look_at_segment(&mut self) -> Result<Option<Out>, Damaged> {
        let Some(&number) = self.list.front() else { return self.choose() };
        let mut settled = false;
        while !settled && self.source.reader.advance() {
            let record = self.source.reader.current().record;
            let seen = self.survey.segments.get_mut(&number).expect("it was listed");
            match record {
                Record::Head(head) => {
                    seen.head = Some(head);
                    if self.survey.newest.is_some() {
                        settled = true;
                    } else if head.awaits_base && !self.survey.has_base(head.base)? {
                        let file = File::Segment(number).name();
                        self.survey.notes.push(format!("{file} was begun for a snapshot that never came"));
                        settled = true;
                    } else if !head.carries {
                        self.survey.newest = Some(number);
                        settled = true;
                    }
                }
                // All that was to be carried over is there.
                Record::Synced(_) => {
                    self.survey.newest = Some(number);
                    settled = true;
                }
                _ => {}
            }
        }
        if !settled {
            let Some(ending) = self.source.reader.ending() else { return Ok(None) };
            self.survey.segments.get_mut(&number).expect("it was listed").ending = Some(ending);
            if self.survey.newest.is_none() {
                self.survey.pass_over(number, &ending)?;
            }
        }
        self.list.pop_front();
        self.glance_at_segment();
        Ok(None)
    }

    // ── The choice ──

    fn choose(&mut self) -> Result<Option<Out>, Damaged> {
        self.survey.one_group()?;
        self.candidates = self.survey.candidates().into();
        for (number, covered, damaged) in self.survey.damaged_snapshots() {
            self.lost = worse(self.lost.take(), number, covered, damaged, &self.candidates)?;
        }
        (self.chain, self.broken) = self.survey.chain()?;
        self.attempt()
    }

    /// Turns to the best snapshot left, or to the log alone.
    fn attempt(&mut self) -> Result<Option<Out>, Damaged> {
        if let Some(newest) = self.chain.last().map(|link| link.head)
            && newest.awaits_base
            && !self.survey.has_base(newest.base)?
        {
            // It was taken for whole at first sight, and is not: what was begun for it does not count either.
            self.look_at_segments();
            return Ok(None);
        }
        let lengths = self.chain.iter().map(|link| link.limit_bytes);
        self.total_bytes = self.source.read_bytes + lengths.sum::<u64>();
        let Some(&number) = self.candidates.front() else {
            self.snapshot = None;
            if self.chain.is_empty() {
                return match self.lost.take() {
                    Some((_, damaged)) => Err(damaged),
                    None => Ok(Some(Out::Step(self.empty()))),
                };
            }
            self.begin_replay()?;
            return Ok(None);
        };
        let seen = &self.survey.snapshots[&number];
        let head = seen.head.expect("a complete snapshot has a head");
        self.first_link(head.covered)?;
        self.total_bytes += seen.length_bytes;
        self.snapshot = Some((number, head));
        self.parts = PartsCheck::default();
        self.phase = Phase::Load;
        let file = File::Snapshot(number);
        self.source.open(file, FileReader::new(file, seen.length_bytes), 0, seen.length_bytes);
        Ok(None)
    }

    /// The newest segment that begins before what follows `covered`; 0 when there are no segments.
    pub(super) fn first_link(&self, covered: EntryId) -> Result<usize, Damaged> {
        let found = self.chain.iter().rposition(|link| link.head.last.index <= covered.index);
        let Some(oldest) = self.chain.first().filter(|_| found.is_none()) else {
            return Ok(found.unwrap_or(0));
        };
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        if let Some((_, lost)) = &self.lost {
            return Err(lost.clone());
        }
        let what = format!(
            "the log begins behind entry {}, and no whole snapshot covers it",
            replay::show(oldest.head.last)
        );
        Err(damaged(File::Segment(oldest.head.number), 0, what))
    }

    fn empty(&mut self) -> Step<'static> {
        Step::Empty(Box::new(Empty {
            next_number: self.next_number,
            remove: self.survey.files(),
            notes: core::mem::take(&mut self.survey.notes),
        }))
    }

    fn load(&mut self) -> Result<Option<Out>, Damaged> {
        if self.source.reader.advance() {
            let found = self.source.reader.current();
            let offset = found.offset;
            if let Err(what) = self.parts.see(&found) {
                return self.discard(Wholeness::Damaged { offset, what: what.to_owned() });
            }
            return match found.record {
                Record::SnapshotHead(head) => Ok(Some(Out::Step(Step::SnapshotHead(head)))),
                Record::Part { .. } => Ok(Some(Out::Found)),
                // Whether something follows shows at the end of the file.
                _ => self.load(),
            };
        }
        let Some(ending) = self.source.reader.ending() else { return Ok(None) };
        match (judge_snapshot(&self.parts, &ending), self.parts.end()) {
            (Wholeness::Complete, Some(end)) => {
                self.begin_replay()?;
                Ok(Some(Out::Step(Step::SnapshotEnd(end))))
            }
            (wholeness, _) => self.discard(wholeness),
        }
    }

    /// The snapshot being loaded is not whole after all: on to the next.
    fn discard(&mut self, wholeness: Wholeness) -> Result<Option<Out>, Damaged> {
        let number = self.candidates.pop_front().expect("one is being loaded");
        let seen = self.survey.snapshots.get_mut(&number).expect("it was listed");
        let covered = seen.head.map(|head| head.covered);
        seen.wholeness = wholeness.clone();
        if let Wholeness::Damaged { offset, what } = wholeness {
            let damaged = damaged(File::Snapshot(number), offset, what);
            self.lost = worse(self.lost.take(), number, covered, damaged, &VecDeque::new())?;
        }
        self.survey.notes.push(format!("{} is not whole", File::Snapshot(number).name()));
        self.phase = Phase::Attempt;
        Ok(Some(Out::Step(Step::Discard)))
    }
}

/// How a snapshot file stands when it was read to its end.
fn judge_snapshot(parts: &PartsCheck, ending: &Ending) -> Wholeness {
    match ending.fault {
        None if parts.end().is_some() => Wholeness::Complete,
        Some(fault) if !fault.torn => {
            Wholeness::Damaged { offset: ending.offset, what: fault.reason.to_string() }
        }
        _ => Wholeness::Unfinished,
    }
}

/// Of two snapshots that cannot be read, the one that covers more. What covers less than one that is whole, or
/// is older, is no loss.
///
/// # Errors
/// When nobody can say what was in it.
fn worse(
    known: Option<(EntryId, Damaged)>,
    number: u64,
    covered: Option<EntryId>,
    damaged: Damaged,
    whole: &VecDeque<u64>,
) -> Result<Option<(EntryId, Damaged)>, Damaged> {
    if whole.iter().any(|&other| other > number) {
        return Ok(known);
    }
    let Some(covered) = covered else { return Err(damaged) };
    match known {
        Some((other, first)) if other.index >= covered.index => Ok(Some((other, first))),
        _ => Ok(Some((covered, damaged))),
    }
}
