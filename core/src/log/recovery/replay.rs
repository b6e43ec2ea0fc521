//! The rules that entries follow while the chain is replayed onto a snapshot.

use crate::ids::{EntryId, LogIndex, Position, Term};
use crate::log::record::{Cut, Entry, Head, Proof, State, Synced};
use crate::time::UnixMillis;

/// How the log and the snapshot agree at the snapshot's index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cover {
    /// That index has not been reached.
    Unknown,
    /// The log holds the entry that the snapshot covers last: what follows counts.
    Agreed,
    /// The log holds another entry there: the snapshot came from a later leader, and what follows is void
    /// unless a cut takes it back.
    Disagreed,
}

/// Where a replay stands.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    snapshot: EntryId,
    cover: Cover,
    pub(super) last: EntryId,
    pub(super) time: UnixMillis,
    pub(super) commit: LogIndex,
    pub(super) state: State,
    pub(super) synced: Synced,
    /// The term that a cut announced for the next entry.
    announced: Option<Term>,
    /// An entry that the log must hold in the end, because a snapshot that covered it cannot be read.
    goal: Option<EntryId>,
    goal_reached: bool,
}

impl Replay {
    /// A replay onto a snapshot that covers `snapshot`, or onto nothing.
    pub(super) fn new(snapshot: EntryId, time: UnixMillis, goal: Option<EntryId>) -> Self {
        Self {
            snapshot,
            cover: Cover::Unknown,
            last: snapshot,
            time,
            commit: snapshot.index,
            state: State::default(),
            synced: Synced::default(),
            announced: None,
            goal,
            goal_reached: false,
        }
    }

    /// The first segment of the chain begins.
    pub(super) fn begin(&mut self, head: &Head) {
        assert!(head.last.index <= self.snapshot.index, "a segment that connects was chosen");
        self.last = head.last;
        self.reach(head.last);
        self.state = head.state;
    }

    /// The next segment of the chain begins.
    ///
    /// # Errors
    /// When it does not continue the one before.
    pub(super) fn go_on(&mut self, head: &Head) -> Result<(), String> {
        if head.last != self.last {
            let (expected, found) = (self.last, head.last);
            return Err(format!(
                "it continues entry {}, the segment before ends with {}",
                show(found),
                show(expected)
            ));
        }
        self.state = head.state;
        Ok(())
    }

    /// The next entry; whether it is to be run.
    ///
    /// # Errors
    /// When it does not follow.
    pub(super) fn entry(&mut self, entry: &Entry) -> Result<bool, String> {
        let id = entry.id;
        let follows = id.index == self.last.index.next() && id.term >= self.last.term;
        if !follows || self.announced.is_some_and(|term| term != id.term) {
            return Err(format!("entry {} does not follow entry {}", show(id), show(self.last)));
        }
        self.announced = None;
        self.last = id;
        self.reach(id);
        if self.cover != Cover::Agreed {
            return Ok(false);
        }
        self.time = self.time.max(entry.time);
        self.commit = self.commit.max(entry.commit);
        Ok(id.index > self.snapshot.index)
    }

    /// Entries are made void; whether some of them were run.
    ///
    /// # Errors
    /// When there are none, or the snapshot covers them.
    pub(super) fn cut(&mut self, cut: &Cut) -> Result<bool, String> {
        let kept = cut.kept;
        if kept.index >= self.last.index || kept.term > cut.term {
            return Err(format!(
                "entries behind {} are made void, the last is {}",
                show(kept),
                show(self.last)
            ));
        }
        let agreed = self.cover == Cover::Agreed;
        if agreed
            && (kept.index < self.snapshot.index
                || (kept.index == self.snapshot.index && kept != self.snapshot))
        {
            return Err(format!("entries behind {} are made void, but a snapshot covers them", show(kept)));
        }
        self.announced = Some(cut.term);
        self.last = kept;
        if self.goal.is_some_and(|goal| goal.index > kept.index) {
            self.goal_reached = false;
        }
        if kept.index <= self.snapshot.index {
            self.cover = Cover::Unknown;
            self.reach(kept);
        }
        Ok(agreed)
    }

    /// A proof was found.
    pub(super) fn proof(&mut self, synced: Synced) {
        if synced.position > self.synced.position {
            self.synced = synced;
        }
    }

    /// A proof behind a bad frame. It proves where the platter was, and its entry cannot be reached.
    pub(super) fn proven_past(&self, proof: Option<Proof>, position: Position) -> Option<Position> {
        let known = self.synced.position.max(proof.map_or(Position(0), |proof| proof.synced.position));
        (known > position).then_some(known)
    }

    /// The log ends before the snapshot, or contradicts it: its entries are void.
    pub(super) fn void(&self) -> bool {
        self.cover != Cover::Agreed
    }

    /// The entry that the log should hold and does not.
    pub(super) fn missed(&self) -> Option<EntryId> {
        self.goal.filter(|_| !self.goal_reached)
    }

    /// The log's last entry is now `id`.
    fn reach(&mut self, id: EntryId) {
        if id.index == self.snapshot.index {
            self.cover = if id.term == self.snapshot.term { Cover::Agreed } else { Cover::Disagreed };
        }
        if self.goal == Some(id) {
            self.goal_reached = true;
        }
    }
}

/// An entry's id, for the operator.
pub(super) fn show(id: EntryId) -> String {
    format!("{} of term {}", id.index, id.term)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{GroupId, NodeId};
    use crate::log::record::EntryKind;

    fn id(term: u64, index: u64) -> EntryId {
        EntryId { term: Term(term), index: LogIndex(index) }
    }

    fn entry(term: u64, index: u64) -> Entry {
        let (time, commit) = (UnixMillis(index), LogIndex(index - 1));
        Entry { id: id(term, index), time, commit, kind: EntryKind::Commands }
    }

    fn replay(snapshot: EntryId, first: EntryId) -> Replay {
        let mut replay = Replay::new(snapshot, UnixMillis(0), None);
        replay.begin(&Head { last: first, ..Head::founding(GroupId([1; 16]), NodeId(1), 1, 1) });
        replay
    }

    #[test]
    fn entries_the_snapshot_covers_are_checked_and_not_run() {
        let mut log = replay(id(1, 3), id(1, 1));
        assert_eq!(log.entry(&entry(1, 2)), Ok(false));
        assert!(log.void(), "the log ends before the snapshot so far");
        assert_eq!(log.entry(&entry(1, 3)), Ok(false));
        assert!(!log.void());
        assert_eq!(log.entry(&entry(1, 4)), Ok(true));
        assert!(log.entry(&entry(1, 6)).is_err());
        assert!(log.entry(&entry(0, 5)).is_err());
    }

    #[test]
    fn a_log_of_another_leader_is_void_until_it_is_cut() {
        let mut log = replay(id(5, 3), id(1, 1));
        for index in 2..=4 {
            assert_eq!(log.entry(&entry(3, index)), Ok(false));
        }
        assert!(log.void());
        assert_eq!(log.cut(&Cut { kept: id(3, 2), term: Term(5) }), Ok(false));
        assert!(log.entry(&entry(4, 3)).is_err(), "the cut announced term 5");
        assert_eq!(log.entry(&entry(5, 3)), Ok(false));
        assert_eq!(log.entry(&entry(5, 4)), Ok(true));
        assert!(log.cut(&Cut { kept: id(3, 2), term: Term(6) }).is_err(), "the snapshot covers entry 3");
        assert_eq!(log.cut(&Cut { kept: id(5, 3), term: Term(6) }), Ok(true));
        assert!(!log.void());
        assert!(log.cut(&Cut { kept: id(5, 3), term: Term(7) }).is_err(), "nothing is left to cut");
    }

    #[test]
    fn a_goal_counts_only_while_it_is_in_the_log() {
        let mut log = Replay::new(id(0, 0), UnixMillis(0), Some(id(1, 2)));
        log.begin(&Head::founding(GroupId([1; 16]), NodeId(1), 1, 1));
        assert_eq!((log.entry(&entry(1, 1)), log.entry(&entry(1, 2))), (Ok(true), Ok(true)));
        assert_eq!(log.missed(), None);
        assert_eq!(log.cut(&Cut { kept: id(1, 1), term: Term(2) }), Ok(true));
        assert_eq!(log.missed(), Some(id(1, 2)));
    }
}
