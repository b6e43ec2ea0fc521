//! Files that no crash explains, and logs that several leaders wrote: what is believed, what is refused, and
//! where the refusal points.

use lockstep_core::UnixMillis;
use lockstep_core::ids::{EntryId, File, GroupId, LogIndex, NodeId, Position, Term};
use lockstep_core::log::frame::{crc, entry_marker, local_marker};
use lockstep_core::log::image::Image;
use lockstep_core::log::parts::PartsWriter;
use lockstep_core::log::record::{
    Cut, Entry, EntryKind, Head, Previous, Proof, Record, SnapshotHead, State, Synced,
};
use lockstep_core::log::recovery::{Damaged, Recovered, Recovery, Step};

const GROUP: GroupId = GroupId([4; 16]);
const LIFE: u64 = 21;

fn id(term: u64, index: u64) -> EntryId {
    EntryId { term: Term(term), index: LogIndex(index) }
}

fn head(number: u64) -> Head {
    Head::founding(GROUP, NodeId(1), LIFE, number)
}

/// Writes one segment, record by record.
struct Segment {
    head: Head,
    bytes: Vec<u8>,
    /// Where each record begins.
    bounds: Vec<usize>,
}

impl Segment {
    fn new(head: Head) -> Self {
        let mut segment = Self { head, bytes: Vec::new(), bounds: Vec::new() };
        segment.local(Record::Head(head));
        segment
    }

    fn position(&self) -> Position {
        self.head.start.advance(self.bytes.len() as u64)
    }

    fn local(&mut self, record: Record<'_>) -> &mut Self {
        self.bounds.push(self.bytes.len());
        let frame = record.frame(local_marker(LIFE, self.position()));
        self.bytes.extend_from_slice(&frame);
        self
    }

    fn entry(&mut self, term: u64, index: u64) -> &mut Self {
        self.bounds.push(self.bytes.len());
        let payload = format!("entry {index} of term {term}");
        let (time, commit) = (UnixMillis(100 + index), LogIndex(index - 1));
        let entry = Entry { id: id(term, index), time, commit, kind: EntryKind::Commands };
        let marker = entry_marker(GROUP.log_id(), LogIndex(index));
        self.bytes.extend_from_slice(&Record::Entry(entry, payload.as_bytes()).frame(marker));
        self
    }

    fn synced(&mut self, last: EntryId) -> &mut Self {
        let written = self.position();
        let synced = Synced { position: written, last };
        self.local(Record::Synced(Proof { incarnation: LIFE, written, synced }))
    }

    fn cut(&mut self, kept: EntryId, term: u64) -> &mut Self {
        self.local(Record::Cut(Cut { kept, term: Term(term) }))
    }

    /// The head of a segment that continues this one, begun after a sync of all of it.
    fn successor(&self, last: EntryId) -> Head {
        let number = self.head.number + 1;
        let previous = Previous { number: self.head.number, valid_bytes: self.bytes.len() as u64 };
        let synced = Synced { position: self.position(), last };
        Head { start: self.position(), previous: Some(previous), last, synced, ..head(number) }
    }

    fn save(&self, image: &mut Image) {
        image.append(File::Segment(self.head.number), &self.bytes);
    }
}

fn snapshot(number: u64, covered: EntryId) -> Vec<u8> {
    let (incarnation, time) = (LIFE, UnixMillis(50));
    let head = SnapshotHead { group: GROUP, incarnation, number, covered, time, keys: 2 };
    let (mut writer, head) = PartsWriter::new(head);
    let mut bytes = head.to_vec();
    for contents in [format!("up to {}", covered.index), "and more".repeat(200)] {
        let mut buffer = PartsWriter::buffer();
        buffer.extend_from_slice(contents.as_bytes());
        bytes.extend_from_slice(&writer.part(buffer));
    }
    bytes.extend_from_slice(&writer.end(2));
    bytes
}

/// What came out of a directory.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Told {
    snapshots: Vec<EntryId>,
    discards: usize,
    /// What would have been run, cuts taken into account.
    entries: Vec<EntryId>,
    recovered: Option<Recovered>,
    carried: Vec<EntryId>,
    damaged: Option<Damaged>,
    empty: bool,
}

impl Told {
    fn recovered(&self) -> &Recovered {
        self.recovered.as_ref().unwrap_or_else(|| panic!("recovered: {:?}", self.damaged))
    }

    fn damage(&self) -> (File, u64) {
        let damaged = self.damaged.as_ref().unwrap_or_else(|| panic!("damage: {self:?}"));
        assert!(!damaged.what.is_empty());
        (damaged.file, damaged.offset)
    }
}

fn tell(image: &Image) -> Told {
    let mut told = Told::default();
    image.recover(|step| match step {
        Step::SnapshotHead(head) => told.snapshots.push(head.covered),
        Step::Discard => told.discards += 1,
        Step::Part(contents) => assert!(contents.starts_with(b"up to") || contents.starts_with(b"and more")),
        Step::SnapshotEnd(end) => assert_eq!((end.parts, end.keys), (2, 2)),
        Step::Entry { entry, payload, .. } => {
            let text = format!("entry {} of term {}", entry.id.index, entry.id.term);
            assert_eq!(payload, text.as_bytes());
            told.entries.push(entry.id);
        }
        Step::Cut(cut) => told.entries.retain(|id| id.index <= cut.kept.index),
        Step::Recovered(recovered) => told.recovered = Some(*recovered),
        Step::Carry { entry, .. } => told.carried.push(entry.id),
        Step::CarryCut(cut) => told.carried.retain(|id| id.index <= cut.kept.index),
        Step::Finished => {}
        Step::Damaged(damaged) => told.damaged = Some(damaged),
        Step::Empty(_) => told.empty = true,
    });
    told
}

fn tell_segments(segments: &[&Segment]) -> Told {
    let mut image = Image::default();
    segments.iter().for_each(|segment| segment.save(&mut image));
    tell(&image)
}

fn ids(range: core::ops::RangeInclusive<u64>) -> Vec<EntryId> {
    range.map(|index| id(1, index)).collect()
}

/// These bytes are on disks: they may only change together with the format version.
#[test]
fn the_bytes_of_files_are_fixed() {
    let mut segment = Segment::new(head(3));
    segment.entry(1, 1).entry(1, 2).synced(id(1, 2)).cut(id(1, 1), 2).entry(2, 2);
    segment.local(Record::State(State { term: Term(4), vote: Some(NodeId(2)) }));
    let files = [segment.bytes, snapshot(7, id(3, 9))];
    assert_eq!(
        files.map(|bytes| (bytes.len(), crc(&bytes))),
        [(651, 17_259_318_138_497_944_561), (1871, 7_526_858_005_898_417_766)]
    );
}

#[test]
fn what_is_proven_is_continued_and_the_rest_is_carried_over() {
    let mut segment = Segment::new(head(3));
    segment.entry(1, 1).entry(1, 2).synced(id(1, 2));
    let proven = segment.bounds[3] as u64;
    segment.local(Record::State(State { term: Term(4), vote: Some(NodeId(2)) })).entry(1, 3);
    let told = tell_segments(&[&segment]);
    let recovered = told.recovered();
    assert_eq!((told.entries.clone(), told.carried.clone()), (ids(1..=3), ids(3..=3)));
    assert_eq!(recovered.last, id(1, 3));
    assert_eq!((recovered.time, recovered.commit), (UnixMillis(103), LogIndex(2)));
    let expected = Head {
        start: Position(segment.bytes.len() as u64),
        previous: Some(Previous { number: 3, valid_bytes: proven }),
        last: id(1, 2),
        synced: Synced { position: Position(proven), last: id(1, 2) },
        state: State { term: Term(4), vote: Some(NodeId(2)) },
        carries: true,
        ..head(4)
    };
    assert_eq!(recovered.head, expected);
    assert_eq!((&recovered.segments[..], &recovered.remove[..]), (&[(3, EntryId::default())][..], &[][..]));
}

/// Each flip gives a prefix, or damage at the frame that was hit; nothing else, and never what was not written.
#[test]
fn every_flipped_bit_of_a_chain() {
    let mut first = Segment::new(head(1));
    first.entry(1, 1).synced(id(1, 1)).entry(1, 2);
    let mut second = Segment::new(first.successor(id(1, 2)));
    second.entry(1, 3).synced(id(1, 3)).entry(1, 4);
    let mut image = Image::default();
    for segment in [&first, &second] {
        segment.save(&mut image);
    }
    image.files.get_mut(&File::Segment(2)).expect("saved").resize(1024, 0);
    let whole = tell(&image);
    assert_eq!(whole.entries, ids(1..=4));
    for segment in [&first, &second] {
        let file = File::Segment(segment.head.number);
        let length = image.files[&file].len();
        for bit in 0..length * 8 {
            let mut image = image.clone();
            image.files.get_mut(&file).expect("saved")[bit / 8] ^= 1 << (bit % 8);
            let told = tell(&image);
            assert!(ids(1..=4).starts_with(&told.entries));
            let hit =
                segment.bounds.iter().rev().find(|&&bound| bound <= bit / 8).expect("the head at least");
            if bit / 8 < segment.bytes.len() {
                assert_eq!(told.damage(), (file, *hit as u64), "bit {bit} of {file:?}");
            } else if let Some(damaged) = &told.damaged {
                assert_eq!((damaged.file, damaged.offset), (file, segment.bytes.len() as u64));
            } else {
                assert_eq!(told.entries, whole.entries, "zeros behind the end");
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_a_snapshot() {
    let mut segment = Segment::new(Head { last: id(1, 5), base: id(1, 5), ..head(2) });
    segment.entry(1, 6);
    let mut image = Image::default();
    segment.save(&mut image);
    let bytes = snapshot(1, id(1, 5));
    image.append(File::Snapshot(1), &bytes);
    let told = tell(&image);
    assert_eq!((told.snapshots.clone(), told.entries.clone()), (vec![id(1, 5)], ids(6..=6)));
    assert_eq!(told.recovered().snapshot, Some((1, id(1, 5))));
    for bit in 0..bytes.len() * 8 {
        let mut image = image.clone();
        image.files.get_mut(&File::Snapshot(1)).expect("saved")[bit / 8] ^= 1 << (bit % 8);
        let told = tell(&image);
        assert_eq!(told.damage().0, File::Snapshot(1), "bit {bit}");
        assert_eq!(told.entries, []);
        assert_eq!(told.snapshots.len(), told.discards, "bit {bit}: what was told is taken back");
    }
    for length in 0..bytes.len() {
        image.files.insert(File::Snapshot(1), bytes[..length].to_vec());
        assert_eq!(
            tell(&image).damage(),
            (File::Segment(2), 0),
            "the log needs the snapshot, cut at {length}"
        );
    }
}

#[test]
fn a_damaged_snapshot_is_passed_over_when_the_log_makes_up_for_it() {
    let mut segment = Segment::new(head(1));
    for index in 1..=6 {
        segment.entry(1, index);
    }
    let mut image = Image::default();
    segment.save(&mut image);
    let mut bytes = snapshot(2, id(1, 5));
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    image.append(File::Snapshot(2), &bytes);
    let told = tell(&image);
    assert_eq!((told.entries.clone(), told.discards), (ids(1..=6), 1));
    assert_eq!(told.recovered().remove, [File::Segment(1), File::Snapshot(2)], "nothing was proven");
    // If it covers what the log does not hold, it may have been acknowledged.
    let mut bytes = snapshot(2, id(1, 7));
    bytes[middle] ^= 1;
    image.files.insert(File::Snapshot(2), bytes);
    assert_eq!(tell(&image).damage().0, File::Snapshot(2));
}

#[test]
fn a_snapshot_alone() {
    let mut image = Image::default();
    image.append(File::Snapshot(7), &snapshot(7, id(3, 9)));
    image.append(File::Snapshot(5), &snapshot(5, id(2, 4)));
    let mut unfinished = snapshot(8, id(3, 12));
    unfinished.truncate(300);
    image.append(File::Snapshot(8), &unfinished);
    let told = tell(&image);
    let recovered = told.recovered();
    assert_eq!((recovered.last, recovered.node, recovered.head.number), (id(3, 9), None, 9));
    assert_eq!(recovered.head.state.term, Term(3));
    assert_eq!(recovered.remove, [File::Snapshot(5), File::Snapshot(8)]);
    // One that was finished and rotted is no leftover.
    let mut rotten = snapshot(8, id(3, 12));
    rotten[250] ^= 4;
    image.files.insert(File::Snapshot(8), rotten);
    assert_eq!(tell(&image).damage().0, File::Snapshot(8));
}

#[test]
fn a_superseded_suffix_is_cut() {
    let mut segment = Segment::new(head(1));
    segment.entry(1, 1).entry(1, 2).entry(1, 3).synced(id(1, 3)).cut(id(1, 1), 2).entry(2, 2);
    let told = tell_segments(&[&segment]);
    assert_eq!(told.entries, [id(1, 1), id(2, 2)]);
    assert_eq!(told.carried, [id(2, 2)]);
    assert_eq!(told.recovered().head.last, id(1, 3), "the cut is carried over too");
    let mut uncut = Segment::new(head(1));
    uncut.entry(1, 1).entry(1, 2).entry(2, 2);
    assert_eq!(tell_segments(&[&uncut]).damage(), (File::Segment(1), uncut.bounds[3] as u64));
    let mut gap = Segment::new(head(1));
    gap.entry(1, 1).entry(1, 3);
    assert_eq!(tell_segments(&[&gap]).damage(), (File::Segment(1), gap.bounds[2] as u64));
}

#[test]
fn a_log_that_contradicts_its_snapshot_is_void_but_its_votes_count() {
    let vote = State { term: Term(6), vote: Some(NodeId(3)) };
    let mut segment = Segment::new(head(1));
    segment.entry(1, 1).entry(3, 2).entry(3, 3).local(Record::State(vote));
    let mut image = Image::default();
    segment.save(&mut image);
    image.append(File::Snapshot(2), &snapshot(2, id(5, 2)));
    let told = tell(&image);
    assert_eq!((told.entries.len(), told.carried.len()), (0, 0));
    let recovered = told.recovered();
    assert_eq!((recovered.last, recovered.head.last, recovered.head.state), (id(5, 2), id(5, 2), vote));
    assert_eq!((recovered.head.previous, &recovered.remove[..]), (None, &[File::Segment(1)][..]));
    // Ending before it is the same.
    image.files.insert(File::Snapshot(2), snapshot(2, id(5, 9)));
    assert_eq!(tell(&image).recovered().last, id(5, 9));
}

#[test]
fn a_hole_in_the_chain_is_torn_only_while_nothing_proves_it() {
    let mut first = Segment::new(head(1));
    first.entry(1, 1).synced(id(1, 1)).entry(1, 2).entry(1, 3);
    let successor = first.successor(id(1, 3));
    let known = Synced { position: first.head.start.advance(first.bounds[2] as u64), last: id(1, 1) };
    let mut second = Segment::new(Head { synced: known, ..successor });
    second.entry(1, 4);
    let mut holed = Segment { head: first.head, bytes: first.bytes.clone(), bounds: Vec::new() };
    holed.bytes.truncate(first.bounds[4]);
    let told = tell_segments(&[&holed, &second]);
    assert_eq!(told.entries, ids(1..=2), "what follows the hole is dropped");
    assert_eq!(told.recovered().remove, [File::Segment(2)]);
    assert_eq!(told.carried, ids(2..=2));
    // A proof in the segment behind it says that the hole was once filled.
    second.synced(id(1, 4));
    assert_eq!(tell_segments(&[&holed, &second]).damage(), (File::Segment(1), first.bounds[4] as u64));
    // So does the head of the segment behind it.
    let proven = Segment::new(successor);
    assert_eq!(tell_segments(&[&holed, &proven]).damage(), (File::Segment(1), first.bounds[4] as u64));
    // And so does a proof behind bytes that cannot be read.
    let mut unreadable = Segment::new(Head { synced: known, ..successor });
    unreadable.entry(1, 4).synced(id(1, 4));
    let at = unreadable.bounds[1];
    unreadable.bytes[at..at + 40].fill(0);
    assert_eq!(tell_segments(&[&holed, &unreadable]).damage(), (File::Segment(1), first.bounds[4] as u64));
}

#[test]
fn a_segment_that_was_begun_for_a_snapshot_is_worth_nothing_without_it() {
    let awaiting = Head { last: id(1, 9), base: id(1, 9), awaits_base: true, ..head(4) };
    let mut segment = Segment::new(awaiting);
    segment.entry(1, 10);
    let mut image = Image::default();
    segment.save(&mut image);
    image.append(File::Snapshot(2), &snapshot(2, id(1, 3)));
    let told = tell(&image);
    assert_eq!((told.recovered().last, &told.recovered().remove[..]), (id(1, 3), &[File::Segment(4)][..]));
    let whole = snapshot(5, id(1, 9));
    image.append(File::Snapshot(5), &whole);
    assert_eq!(tell(&image).entries, ids(10..=10));
    // Its end is there and a sector of it is not: its sync was never acknowledged.
    let mut torn = whole.clone();
    torn[512..1024].fill(0);
    image.files.insert(File::Snapshot(5), torn);
    let told = tell(&image);
    assert_eq!((told.discards, told.recovered().last), (1, id(1, 3)));
    let mut rotten = whole;
    rotten[600] ^= 1;
    image.files.insert(File::Snapshot(5), rotten);
    assert_eq!(tell(&image).damage().0, File::Snapshot(5));
}

#[test]
fn a_restart_that_did_not_finish_carrying_does_not_count() {
    let mut old = Segment::new(head(1));
    old.entry(1, 1).synced(id(1, 1)).entry(1, 2).entry(1, 3);
    let previous = Previous { number: 1, valid_bytes: old.bounds[2] as u64 };
    let synced = Synced { position: Position(old.bounds[2] as u64), last: id(1, 1) };
    let start = Position(4096);
    let carrying = Head { start, previous: Some(previous), last: id(1, 1), synced, carries: true, ..head(2) };
    let mut new = Segment::new(carrying);
    new.entry(1, 2);
    let told = tell_segments(&[&old, &new]);
    assert_eq!(told.entries, ids(1..=3), "the old segment still holds everything");
    assert_eq!(told.recovered().remove, [File::Segment(2)]);
    let written = new.position();
    new.entry(1, 3).local(Record::Synced(Proof { incarnation: LIFE, written, synced }));
    let lying = (File::Segment(2), new.bounds[3] as u64);
    assert_eq!(tell_segments(&[&old, &new]).damage(), lying, "a proof that lies about its place is not one");
    let mut new = Segment::new(carrying);
    new.entry(1, 2).entry(1, 3);
    let written = new.position();
    new.local(Record::Synced(Proof { incarnation: LIFE, written, synced }));
    let told = tell_segments(&[&old, &new]);
    assert_eq!((told.entries.clone(), told.carried.clone()), (ids(1..=3), ids(2..=3)));
    assert_eq!(told.recovered().head.previous, Some(previous));
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let segment = Segment::new(head(2));
    let other = Head { group: GroupId([5; 16]), ..head(1) };
    assert_eq!(tell_segments(&[&Segment::new(other), &segment]).damage(), (File::Segment(1), 0));
    let other = Head { node: NodeId(2), ..head(1) };
    assert_eq!(tell_segments(&[&Segment::new(other), &segment]).damage(), (File::Segment(1), 0));
    let looped = Head { previous: Some(Previous { number: 2, valid_bytes: 10 }), ..head(2) };
    assert_eq!(tell_segments(&[&Segment::new(looped)]).damage(), (File::Segment(2), 0));
    let behind = Head { last: id(1, 4), ..head(2) };
    assert_eq!(tell_segments(&[&Segment::new(behind)]).damage(), (File::Segment(2), 0));
}

#[test]
fn an_unreadable_head_in_the_middle_is_damage_unless_a_snapshot_makes_it_needless() {
    let mut first = Segment::new(head(1));
    first.entry(1, 1).entry(1, 2);
    let mut second = Segment::new(first.successor(id(1, 2)));
    second.entry(1, 3);
    first.bytes[20] ^= 1;
    assert_eq!(tell_segments(&[&first, &second]).damage(), (File::Segment(1), 0));
    let mut image = Image::default();
    first.save(&mut image);
    second.save(&mut image);
    image.append(File::Snapshot(3), &snapshot(3, id(1, 2)));
    assert_eq!(tell(&image).entries, ids(3..=3));
}

#[test]
fn hostile_files_are_named_or_passed_over() {
    let mut state = 1_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize
    };
    let mut first = Segment::new(head(1));
    first.entry(1, 1).synced(id(1, 1)).entry(1, 2);
    let mut second = Segment::new(first.successor(id(1, 2)));
    second.entry(1, 3).cut(id(1, 2), 2).entry(2, 3);
    let mut image = Image::default();
    first.save(&mut image);
    second.save(&mut image);
    image.append(File::Snapshot(3), &snapshot(3, id(1, 1)));
    let mut outcomes = [0; 3];
    for _ in 0..20_000 {
        let mut image = image.clone();
        for _ in 0..=draw() % 3 {
            let count = image.files.len();
            let (_, bytes) = image.files.iter_mut().nth(draw() % count).expect("one of them");
            let at = draw() % (bytes.len() + 1);
            let end = (at + draw() % 700).min(bytes.len());
            match draw() % 5 {
                0 => bytes[at..end].fill(0),
                1 => bytes.truncate(at),
                2 => bytes[at..end].fill(draw() as u8),
                3 => bytes.extend_from_slice(&[draw() as u8; 30]),
                _ => bytes.copy_within(at..end, 0),
            }
        }
        let told = tell(&image);
        assert!(
            told.entries
                .iter()
                .all(|&id| [self::id(1, 1), self::id(1, 2), self::id(1, 3), self::id(2, 3)].contains(&id))
        );
        outcomes[usize::from(told.damaged.is_some()) + 2 * usize::from(told.empty)] += 1;
    }
    assert!(outcomes.iter().take(2).all(|&count| count > 100), "{outcomes:?}");
}

#[test]
fn bytes_that_are_nobodys() {
    for (length, byte) in [(0, 0), (1, 0), (4096, 0)] {
        let mut image = Image::default();
        image.append(File::Segment(1), &vec![byte; length]);
        image.append(File::Snapshot(2), &vec![byte; length]);
        assert!(tell(&image).empty);
    }
    let mut image = Image::default();
    image.append(File::Segment(1), &[0xff; 5000]);
    assert_eq!(tell(&image).damage(), (File::Segment(1), 0));
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_damage() {
    let mut segment = Segment::new(head(1));
    segment.entry(1, 1);
    let mut image = Image::default();
    segment.save(&mut image);
    let mut recovery = Recovery::new(&image.infos());
    assert!(recovery.next().is_none());
    let want = recovery.want().expect("the first bytes");
    recovery.feed(&image.load(&want)[..100]);
    assert!(matches!(recovery.next(), Some(Step::Damaged(Damaged { offset: 100, .. }))));
    assert!(recovery.finished() && recovery.want().is_none());
}
