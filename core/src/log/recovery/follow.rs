//! The second half of a recovery: following the chain, entry by entry, to where it ends.

use super::survey::{Link, proven};
use super::{Damaged, Hole, Out, Phase, Recovery, Replay, Step, damaged};
use crate::ids::{EntryId, File};
use crate::log::reader::{Ending, FileReader};
use crate::log::record::Record;

impl Recovery {
    /// The snapshot is loaded, or there is none: on to the log.
    pub(super) fn begin_replay(&mut self) -> Result<(), Damaged> {
        let (covered, time) =
            self.snapshot.map_or_else(Default::default, |(_, head)| (head.covered, head.time));
        let mut replay = Replay::new(covered, time, self.goal(covered));
        if self.chain.is_empty() {
            self.replay = Some(replay);
            self.phase = Phase::Replay(0);
            return Ok(());
        }
        let first = self.first_link(covered)?;
        self.chain.drain(..first);
        for link in &self.chain {
            replay.proof(link.head.synced);
        }
        replay.begin(&self.chain[0].head);
        self.replay = Some(replay);
        self.open_link(0);
        Ok(())
    }

    /// The entry that the log must hold because no snapshot that is whole covers it.
    fn goal(&self, covered: EntryId) -> Option<EntryId> {
        let lost = self.lost.as_ref().map(|(covered, _)| *covered);
        let base = self.chain.last().map(|link| link.head.base);
        lost.into_iter().chain(base).filter(|id| id.index > covered.index).max_by_key(|id| id.index)
    }

    fn open_link(&mut self, link: usize) {
        self.phase = Phase::Replay(link);
        self.open_file(link);
    }

    fn open_file(&mut self, link: usize) {
        let Link { head, limit_bytes } = self.chain[link];
        let end = limit_bytes.min(self.survey.segments[&head.number].length_bytes);
        let file = File::Segment(head.number);
        self.source.open(file, FileReader::new(file, end), 0, end);
    }

    pub(super) fn follow(&mut self, link: usize) -> Result<Option<Out>, Damaged> {
        if self.chain.is_empty() {
            return self.finish_without_log();
        }
        let file = File::Segment(self.chain[link].head.number);
        let replay = self.replay.as_mut().expect("a replay is under way");
        while self.source.reader.advance() {
            let found = self.source.reader.current();
            let wrong = |what| damaged(file, found.offset, what);
            match found.record {
                Record::State(state) => replay.state = state,
                Record::Synced(proof) => replay.proof(proof.synced),
                Record::Entry(entry, _) => {
                    let counts = replay.entry(&entry).map_err(wrong)?;
                    if counts {
                        return Ok(Some(Out::Found));
                    }
                }
                Record::Cut(cut) => {
                    let counted = replay.cut(&cut).map_err(wrong)?;
                    if counted {
                        return Ok(Some(Out::Step(Step::Cut(cut))));
                    }
                }
                _ => {}
            }
        }
        match self.source.reader.ending() {
            Some(ending) => self.end_of_link(link, &ending),
            None => Ok(None),
        }
    }

    fn end_of_link(&mut self, link: usize, ending: &Ending) -> Result<Option<Out>, Damaged> {
        let Link { head, limit_bytes } = self.chain[link];
        let file = File::Segment(head.number);
        let replay = self.replay.as_mut().expect("a replay is under way");
        let is_last = link + 1 == self.chain.len();
        if ending.fault.is_none() && !is_last && ending.offset == limit_bytes {
            let next = self.chain[link + 1].head;
            replay.go_on(&next).map_err(|what| damaged(File::Segment(next.number), 0, what))?;
            self.open_link(link + 1);
            return Ok(None);
        }
        let position = head.start.advance(ending.offset);
        if let Some(synced) = replay.proven_past(ending.proof, position) {
            return Err(proven(file, ending.offset, synced));
        }
        if let Some(fault) = ending.fault {
            if !fault.torn {
                return Err(damaged(file, ending.offset, fault.reason.to_string()));
            }
            let dropped = ending.trailing_bytes;
            self.survey.notes.push(format!(
                "{} at byte {}: a write was under way when the machine stopped ({}); {dropped} bytes never proven \
                 are dropped",
                file.name(),
                ending.offset,
                fault.reason
            ));
        }
        let hole = Hole { link, offset: ending.offset, position };
        if is_last {
            return self.finish(hole);
        }
        self.survey.notes.push(format!(
            "{} ends at byte {}, before its successor says; what follows was never proven and is dropped",
            file.name(),
            ending.offset
        ));
        self.phase = Phase::Search { link: link + 1, hole };
        self.open_file(link + 1);
        Ok(None)
    }

    /// Reads a later segment for proofs alone.
    pub(super) fn search(&mut self, link: usize, hole: Hole) -> Result<Option<Out>, Damaged> {
        let file = File::Segment(self.chain[hole.link].head.number);
        let mut furthest = None;
        while self.source.reader.advance() {
            if let Record::Synced(proof) = self.source.reader.current().record {
                furthest = furthest.max(Some(proof.synced.position));
            }
        }
        let ending = self.source.reader.ending();
        let behind = ending.and_then(|ending| ending.proof).map(|proof| proof.synced.position);
        if let Some(synced) = furthest.max(behind).filter(|&synced| synced > hole.position) {
            return Err(proven(file, hole.offset, synced));
        }
        if ending.is_none() {
            return Ok(None);
        }
        if link + 1 == self.chain.len() {
            return self.finish(hole);
        }
        self.phase = Phase::Search { link: link + 1, hole };
        self.open_file(link + 1);
        Ok(None)
    }
}
