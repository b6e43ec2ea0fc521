//! What is known of each file before anything is replayed, and what follows from it: which segments form the
//! log, and which snapshot it stands on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Damaged, damaged};
use crate::ids::{EntryId, File, GroupId, Position};
use crate::log::reader::Ending;
use crate::log::record::{Head, SnapshotHead};

/// A segment after its first look.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentSeen {
    pub(super) length_bytes: u64,
    pub(super) head: Option<Head>,
    /// How it ends, where it had to be read to its end: without a head, or with carrying not finished.
    pub(super) ending: Option<Ending>,
}

/// Whether a snapshot file holds a whole snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wholeness {
    /// Its last record stands where it should.
    Complete,
    /// It was never finished, or what is missing may never have reached the platter.
    Unfinished,
    /// It was finished, or may have been, and cannot be read.
    Damaged { offset: u64, what: String },
}

/// A snapshot after its first look.
#[derive(Clone, Debug)]
pub(super) struct SnapshotSeen {
    pub(super) length_bytes: u64,
    pub(super) head: Option<SnapshotHead>,
    pub(super) wholeness: Wholeness,
}

/// One segment of the chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) head: Head,
    /// How far it is to be read: as far as the next segment's head says, or to its end.
    pub(super) limit_bytes: u64,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) segments: BTreeMap<u64, SegmentSeen>,
    pub(super) snapshots: BTreeMap<u64, SnapshotSeen>,
    /// The newest segment that counts.
    pub(super) newest: Option<u64>,
    pub(super) notes: Vec<String>,
}

impl Survey {
    /// Whether a segment that is newer than all that count may be passed over, and why it was not finished.
    ///
    /// # Errors
    /// When what cannot be read was on the platter once.
    pub(super) fn pass_over(&mut self, number: u64, ending: &Ending) -> Result<(), Damaged> {
        let file = File::Segment(number);
        let head = self.segments.get(&number).and_then(|seen| seen.head);
        let position = head.map_or(Position(0), |head| head.start.advance(ending.offset));
        if let Some(proof) = ending.proof
            && (head.is_none() || proof.synced.position > position)
        {
            return Err(proven(file, ending.offset, proof.synced.position));
        }
        if let Some(fault) = ending.fault
            && !fault.torn
        {
            return Err(damaged(file, ending.offset, fault.reason.to_string()));
        }
        self.notes.push(format!("{} was begun and never counted", file.name()));
        Ok(())
    }

    /// Whether a complete snapshot covers exactly this entry.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    pub(super) fn has_base(&self, base: EntryId) -> Result<bool, Damaged> {
        let mut found = false;
        for (&number, seen) in &self.snapshots {
            if seen.head.is_none_or(|head| head.covered != base) {
                continue;
            }
            match &seen.wholeness {
                Wholeness::Complete => found = true,
                Wholeness::Unfinished => {}
                Wholeness::Damaged { offset, what } => {
                    return Err(damaged(File::Snapshot(number), *offset, what.clone()));
                }
            }
        }
        Ok(found)
    }

    /// All of one group, or files were mixed up.
    pub(super) fn one_group(&self) -> Result<Option<GroupId>, Damaged> {
        let newest = self.newest.and_then(|number| self.segments[&number].head);
        let heads = self.segments.iter().filter_map(|(&number, seen)| {
            seen.head.map(|head| (File::Segment(number), head.group, Some(head.node)))
        });
        let snapshots = self
            .snapshots
            .iter()
            .filter_map(|(&number, seen)| seen.head.map(|head| (File::Snapshot(number), head.group, None)));
        let mut first = newest.map(|head| (head.group, Some(head.node)));
        for (file, group, node) in heads.chain(snapshots) {
            let (known, known_node) = *first.get_or_insert((group, node));
            if group != known {
                return Err(damaged(file, 0, format!("it belongs to group {group}, the others to {known}")));
            }
            if let (Some(node), Some(known)) = (node, known_node)
                && node != known
            {
                return Err(damaged(file, 0, format!("it is node {node}'s, the others are node {known}'s")));
            }
        }
        Ok(first.map(|(group, _)| group))
    }

    /// The chain of segments from the newest back to where it breaks off, oldest first; and why it does, if
    /// there is a segment that should be readable.
    ///
    /// # Errors
    /// When heads contradict each other.
    pub(super) fn chain(&self) -> Result<(Vec<Link>, Option<Damaged>), Damaged> {
        let mut links: Vec<Link> = Vec::new();
        let mut broken = None;
        let mut reach = self.newest.map(|number| (number, None));
        while let Some((number, limit_bytes)) = reach {
            let Some(seen) = self.segments.get(&number) else { break };
            let Some(head) = seen.head else {
                // Its successor was begun only after this head was on the platter.
                let fault = seen.ending.and_then(|ending| ending.fault);
                let what = fault.map_or("nothing is in it".to_owned(), |fault| fault.reason.to_string());
                broken = Some(damaged(File::Segment(number), 0, what));
                break;
            };
            let limit_bytes = limit_bytes.unwrap_or(seen.length_bytes);
            if let Some(successor) = links.last()
                && head.start.0.saturating_add(limit_bytes) > successor.head.start.0
            {
                let what = "it begins before the segment that it follows ends";
                return Err(damaged(File::Segment(successor.head.number), 0, what.to_owned()));
            }
            links.push(Link { head, limit_bytes });
            reach = head.previous.map(|previous| (previous.number, Some(previous.valid_bytes)));
            if let Some(previous) = head.previous
                && previous.number >= number
            {
                let what = format!("it claims to follow {}", File::Segment(previous.number).name());
                return Err(damaged(File::Segment(number), 0, what));
            }
        }
        links.reverse();
        Ok((links, broken))
    }

    /// Complete snapshots, best first.
    pub(super) fn candidates(&self) -> Vec<u64> {
        let mut complete: Vec<(EntryId, u64)> = self
            .snapshots
            .iter()
            .filter(|(_, seen)| seen.wholeness == Wholeness::Complete)
            .filter_map(|(&number, seen)| seen.head.map(|head| (head.covered, number)))
            .collect();
        complete.sort_unstable_by_key(|&(covered, number)| (covered.index, covered.term, number));
        complete.into_iter().rev().map(|(_, number)| number).collect()
    }

    /// Snapshots that were finished and cannot be read.
    pub(super) fn damaged_snapshots(&self) -> impl Iterator<Item = (u64, Option<EntryId>, Damaged)> {
        self.snapshots.iter().filter_map(|(&number, seen)| match &seen.wholeness {
            Wholeness::Damaged { offset, what } => {
                let covered = seen.head.map(|head| head.covered);
                Some((number, covered, damaged(File::Snapshot(number), *offset, what.clone())))
            }
            _ => None,
        })
    }

    /// Behind everything that may have been written: where the stream goes on.
    pub(super) fn stream_end(&self) -> Position {
        let known = self
            .segments
            .values()
            .filter_map(|seen| seen.head.map(|head| head.start.advance(seen.length_bytes)));
        // Segments without a head begin where another ended, or later by as much as others without one hold.
        let unknown = self.segments.values().filter(|seen| seen.head.is_none());
        let unknown: u64 = unknown.map(|seen| seen.length_bytes).sum();
        known.max().unwrap_or_default().advance(unknown)
    }

    /// Every file that was seen, oldest first: snapshots before segments of the same age.
    pub(super) fn files(&self) -> Vec<File> {
        let segments = self.segments.keys().map(|&number| (number, File::Segment(number)));
        let snapshots = self.snapshots.keys().map(|&number| (number, File::Snapshot(number)));
        let ordered: BTreeSet<(u64, File)> = segments.chain(snapshots).collect();
        ordered.into_iter().map(|(_, file)| file).collect()
    }
}

/// What to say of a bad place that a later proof covers.
pub(super) fn proven(file: File, offset: u64, synced: Position) -> Damaged {
    damaged(
        file,
        offset,
        format!("what stood here was on the platter: it is proven up to position {synced:?}"),
    )
}
