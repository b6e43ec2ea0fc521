//! The end of a recovery: how the log is continued, and what is carried over into the new segment.

use super::survey::Link;
use super::{Damaged, Hole, Out, Phase, Recovered, Recovery, Step, damaged};
use crate::ids::{EntryId, File, NodeId, Term};
use crate::log::reader::FileReader;
use crate::log::record::{Head, Previous, Record, State};

impl Recovery {
    /// Only a snapshot was there.
    pub(super) fn finish_without_log(&mut self) -> Result<Option<Out>, Damaged> {
        let (number, snapshot) = self.snapshot.expect("a snapshot, or a chain");
        self.check_goal(File::Snapshot(number))?;
        let head = Head {
            last: snapshot.covered,
            ..Head::founding(snapshot.group, NodeId(0), snapshot.incarnation, self.next_number)
        };
        Ok(Some(self.recovered(head, None, &[])))
    }

    /// The chain ends at `end`.
    pub(super) fn finish(&mut self, end: Hole) -> Result<Option<Out>, Damaged> {
        self.check_goal(File::Segment(self.chain[end.link].head.number))?;
        self.chain.truncate(end.link + 1);
        self.chain[end.link].limit_bytes = end.offset;
        let replay = self.replay.as_ref().expect("a replay is under way");
        let newest = self.chain[end.link].head;
        let covered = self.snapshot.map(|(_, head)| head.covered).unwrap_or_default();
        let mut head = Head { state: replay.state, synced: replay.synced, previous: None, ..newest };
        if replay.void() {
            head.last = covered;
            head.synced.last = covered;
            self.carry_from = 0;
            self.survey
                .notes
                .push("the log ends before its snapshot, or contradicts it: the snapshot counts".to_owned());
            self.chain.clear();
            return Ok(Some(self.recovered(head, Some(newest.node), &[])));
        }
        // The new segment continues what is proven, and takes over the rest.
        let synced = replay.synced;
        let proven = self.chain.iter().rposition(|link| link.head.start < synced.position);
        let kept: Vec<Link> = self.chain[..proven.map_or(0, |link| link + 1)].to_vec();
        if let Some(link) = kept.last() {
            let valid_bytes = (synced.position.0 - link.head.start.0).min(link.limit_bytes);
            head.previous = Some(Previous { number: link.head.number, valid_bytes });
            head.last = synced.last;
            self.carry_from = valid_bytes;
            self.chain.drain(..kept.len() - 1);
        } else {
            head.last = self.chain[0].head.last;
            self.carry_from = Head::FRAME_BYTES as u64;
        }
        Ok(Some(self.recovered(head, Some(newest.node), &kept)))
    }

    /// The log has made up for every snapshot that cannot be read.
    fn check_goal(&mut self, file: File) -> Result<(), Damaged> {
        let Some(missed) = self.replay.as_ref().and_then(super::Replay::missed) else { return Ok(()) };
        match self.lost.take() {
            Some((covered, damaged)) if covered == missed => Err(damaged),
            _ => {
                let what = format!(
                    "the log is based on a snapshot of entry {}, which is not there",
                    super::replay::show(missed)
                );
                Err(damaged(file, 0, what))
            }
        }
    }

    fn recovered(&mut self, head: Head, node: Option<NodeId>, kept: &[Link]) -> Out {
        let replay = self.replay.as_ref().expect("a replay is under way");
        let snapshot = self.snapshot.map(|(number, head)| (number, head.covered));
        let last = if replay.void() { head.last } else { replay.last };
        let head = Head {
            number: self.next_number,
            start: self.survey.stream_end(),
            base: snapshot.map(|(_, covered)| covered).unwrap_or_default(),
            state: at_least(replay.state, last.term),
            carries: true,
            awaits_base: false,
            ..head
        };
        let is_kept = |file: &File| match *file {
            File::Segment(number) => kept.iter().any(|link| link.head.number == number),
            File::Snapshot(number) => snapshot.is_some_and(|(chosen, _)| chosen == number),
        };
        let recovered = Recovered {
            head,
            node,
            snapshot,
            last,
            commit: replay.commit.min(last.index),
            time: replay.time,
            segments: kept.iter().map(|link| (link.head.number, link.head.last)).collect(),
            remove: self.survey.files().into_iter().filter(|file| !is_kept(file)).collect(),
            notes: core::mem::take(&mut self.survey.notes),
        };
        self.carry_last = head.last;
        self.phase = Phase::Carry(0);
        self.open_carry(0);
        Out::Step(Step::Recovered(Box::new(recovered)))
    }

    fn open_carry(&mut self, link: usize) {
        self.phase = Phase::Carry(link);
        let Some(&Link { head, limit_bytes }) = self.chain.get(link) else { return };
        let from = if link == 0 { self.carry_from } else { Head::FRAME_BYTES as u64 };
        let file = File::Segment(head.number);
        self.source.open(file, FileReader::within(&head, from, limit_bytes), from, limit_bytes);
    }

    pub(super) fn carry(&mut self, link: usize) -> Result<Option<Out>, Damaged> {
        let Some(&Link { head, limit_bytes }) = self.chain.get(link) else {
            return Ok(Some(Out::Step(Step::Finished)));
        };
        let file = File::Segment(head.number);
        while self.source.reader.advance() {
            let found = self.source.reader.current();
            let wrong =
                || damaged(file, found.offset, "it does not follow what was proven before it".to_owned());
            match found.record {
                Record::Entry(entry, _) => {
                    let EntryId { term, index } = entry.id;
                    if index != self.carry_last.index.next() || term < self.carry_last.term {
                        return Err(wrong());
                    }
                    self.carry_last = entry.id;
                    return Ok(Some(Out::Found));
                }
                Record::Cut(cut) => {
                    if cut.kept.index >= self.carry_last.index {
                        return Err(wrong());
                    }
                    self.carry_last = cut.kept;
                    return Ok(Some(Out::Step(Step::CarryCut(cut))));
                }
                _ => {}
            }
        }
        match self.source.reader.ending() {
            None => Ok(None),
            Some(ending) if ending.offset == limit_bytes && ending.fault.is_none() => {
                self.open_carry(link + 1);
                if link + 1 == self.chain.len() { Ok(Some(Out::Step(Step::Finished))) } else { Ok(None) }
            }
            Some(ending) => {
                let what = "what stood here a moment ago is gone".to_owned();
                Err(damaged(file, ending.offset, what))
            }
        }
    }
}

/// The state, in no earlier term than the last entry's.
fn at_least(state: State, term: Term) -> State {
    if state.term < term { State { term, vote: None } } else { state }
}
