//! The writing end of the log: bytes, proofs, segments and space, read back where that says most.

use lockstep_core::ids::{EntryId, File, GroupId, LogIndex, NodeId, Position, Term, Ticket};
use lockstep_core::log::reader::FileReader;
use lockstep_core::log::record::{Cut, Entry, EntryKind, Head, Record, State, Synced};
use lockstep_core::log::writer::{Limits, Writer};
use lockstep_core::{Mono, UnixMillis};

fn id(term: u64, index: u64) -> EntryId {
    EntryId { term: Term(term), index: LogIndex(index) }
}

fn counting(incarnation: u64) -> Writer {
    let head = Head::founding(GroupId([2; 16]), NodeId(1), incarnation, 1);
    let limits = Limits { segment_bytes: 10_000, reserve_bytes: 16_384 };
    Writer::new(limits, &head, UnixMillis(5))
}

/// Grants every reservation that is wanted.
fn grant(writer: &mut Writer, ticket: &mut u64) -> Vec<(File, u64)> {
    let mut granted = Vec::new();
    while let Some(reserve) = writer.reserve_wanted(Mono(0)) {
        *ticket += 1;
        writer.reserve_issued(Ticket(*ticket), reserve);
        assert!(writer.reserve_done(Ticket(*ticket)));
        granted.push((reserve.file, reserve.length_bytes));
    }
    granted
}

/// A writer with its first segment begun, and the bytes of the segment so far.
fn logging(incarnation: u64) -> (Writer, Vec<u8>) {
    let mut writer = counting(incarnation);
    writer.prepare_segment(1);
    assert!(!writer.may_begin_segment(), "no space yet");
    grant(&mut writer, &mut 0);
    let head = writer.begin_segment(EntryId::default(), false);
    (writer, head.to_vec())
}

fn records(bytes: &[u8], number: u64) -> Vec<String> {
    let mut reader = FileReader::new(File::Segment(number), bytes.len() as u64);
    reader.feed(bytes);
    let mut shown = Vec::new();
    while let Some(found) = reader.next() {
        shown.push(match found.record {
            Record::Head(head) => format!("head from {} after {}", head.start.0, head.last.index),
            Record::State(state) => format!("state {} {:?}", state.term, state.vote.map(|node| node.0)),
            Record::Entry(entry, payload) => {
                format!("entry {}/{} {}", entry.id.term, entry.id.index, String::from_utf8_lossy(payload))
            }
            Record::Synced(proof) => {
                format!("synced {} at {}", proof.synced.position.0, proof.synced.last.index)
            }
            Record::Cut(Cut { kept, term }) => format!("cut behind {} by {term}", kept.index),
            other => panic!("not a segment's: {other:?}"),
        });
    }
    let ending = reader.ending().expect("all was fed");
    assert_eq!((ending.offset, ending.fault), (bytes.len() as u64, None));
    shown
}

#[test]
fn everything_handed_out_reads_back_in_order() {
    let (mut writer, mut bytes) = logging(7);
    bytes.extend_from_slice(&writer.set_state(State { term: Term(1), vote: Some(NodeId(1)) }));
    writer.open().extend_from_slice(b"first");
    assert_eq!((writer.open_bytes(), writer.open_from(2)), (5, &b"rst"[..]));
    writer.open().extend_from_slice(b" that is taken back");
    writer.rewind(5);
    bytes.extend_from_slice(&writer.seal(EntryKind::Commands, LogIndex(0)).append);
    writer.sync_issued(Ticket(10));
    let synced = writer.written();
    bytes.extend_from_slice(&writer.seal(EntryKind::Clock, LogIndex(1)).append);
    assert_eq!(writer.sync_done(Ticket(10)), synced);
    // The proof rides in front of the next entry, which is still handed out alone for others.
    writer.open().extend_from_slice(b"third");
    let sealed = writer.seal(EntryKind::Commands, LogIndex(1));
    assert!(sealed.append.ends_with(&sealed.frame) && sealed.append.len() > sealed.frame.len());
    bytes.extend_from_slice(&sealed.append);
    bytes.extend_from_slice(&writer.set_state(State { term: Term(4), vote: None }));
    bytes.extend_from_slice(&writer.cut(id(1, 2), Term(4)));
    let mut leader = counting(9);
    leader.set_state(State { term: Term(4), vote: None });
    let entry = Entry { id: id(4, 3), time: UnixMillis(9), commit: LogIndex(2), kind: EntryKind::Commands };
    let frame = Record::Entry(entry, b"theirs")
        .frame(lockstep_core::log::frame::entry_marker(GroupId([2; 16]).log_id(), LogIndex(3)));
    assert_eq!(writer.adopt(&entry, frame.len() as u64), None);
    bytes.extend_from_slice(&frame);
    assert_eq!((writer.last(), writer.time()), (id(4, 3), UnixMillis(9)));
    assert_eq!(writer.written(), Position(bytes.len() as u64));
    let expected = [
        "head from 0 after 0",
        "state 1 Some(1)",
        "entry 1/1 first",
        "entry 1/2 ",
        &format!("synced {} at 1", synced.0),
        "entry 1/3 third",
        "state 4 None",
        "cut behind 2 by 4",
        "entry 4/3 theirs",
    ];
    assert_eq!(records(&bytes, 1), expected);
}

#[test]
fn an_entry_is_the_same_on_every_node() {
    let frames = [7, 8].map(|incarnation| {
        let (mut writer, _) = logging(incarnation);
        writer.open().extend_from_slice(b"SET");
        writer.tick(UnixMillis(77));
        writer.seal(EntryKind::Commands, LogIndex(0)).frame
    });
    assert_eq!(frames[0], frames[1]);
}

#[test]
fn an_idle_log_is_proven_once_and_then_left_alone() {
    let (mut writer, _) = logging(7);
    writer.seal(EntryKind::Clock, LogIndex(0));
    assert!(writer.sync_wanted());
    writer.sync_issued(Ticket(1));
    assert!(!writer.sync_wanted(), "one is under way");
    assert_eq!(writer.proof(), None);
    let end = writer.sync_done(Ticket(1));
    assert!(writer.proof().is_some());
    assert!(writer.written() > end && !writer.sync_wanted(), "a proof is not worth a sync");
    writer.sync_issued(Ticket(2));
    writer.sync_done(Ticket(2));
    assert_eq!(writer.proof(), None, "nor is it worth another proof");
}

#[test]
fn completions_speak_of_what_was_handed_out_before_them() {
    let (mut writer, _) = logging(7);
    let mut expected = Vec::new();
    for ticket in 1..=3 {
        writer.seal(EntryKind::Clock, LogIndex(0));
        writer.sync_issued(Ticket(ticket * 10));
        expected.push(Synced { position: writer.written(), last: writer.last() });
    }
    assert_eq!(writer.sync_done(Ticket(9)), Position(0), "another action's ticket");
    assert_eq!(writer.sync_done(Ticket(20)), expected[1].position, "which includes the one before");
    assert_eq!(writer.synced(), expected[1]);
    writer.sync_done(Ticket(30));
    assert_eq!(writer.synced(), expected[2]);
}

#[test]
fn a_segment_continues_the_one_before() {
    let (mut writer, _) = logging(7);
    while !writer.segment_full() {
        writer.open().extend_from_slice(&[b'x'; 1000]);
        writer.seal(EntryKind::Commands, LogIndex(0));
    }
    let (end, last) = (writer.written(), writer.last());
    writer.prepare_segment(4);
    assert!(!writer.segment_full() && writer.preparing());
    assert_eq!(grant(&mut writer, &mut 0), [(File::Segment(1), 32_768), (File::Segment(4), 16_384)]);
    assert!(!writer.may_begin_segment(), "the first head is not on the platter");
    writer.sync_issued(Ticket(1));
    writer.sync_done(Ticket(1));
    writer.seal(EntryKind::Clock, LogIndex(0));
    assert!(writer.may_begin_segment() && writer.sync_wanted_to_begin());
    writer.sync_issued(Ticket(2));
    let before = writer.written();
    let mut bytes = writer.begin_segment(id(0, 3), false).to_vec();
    let mut reader = FileReader::new(File::Segment(4), bytes.len() as u64);
    reader.feed(&bytes);
    let Some(Record::Head(head)) = reader.next().map(|found| found.record) else { panic!("a head") };
    assert_eq!((head.start, head.base, head.last), (before, id(0, 3), id(0, last.index.0 + 1)));
    assert_eq!(head.previous.map(|previous| (previous.number, previous.valid_bytes)), Some((1, before.0)));
    assert_eq!(head.synced, Synced { position: end, last }, "what was known when it began");
    assert_eq!(writer.file(), Some(File::Segment(4)));
    assert!(!writer.head_synced());
    // The sync of the old segment completes later, and is told in the new one.
    writer.sync_done(Ticket(2));
    bytes.extend_from_slice(&writer.seal(EntryKind::Clock, LogIndex(0)).append);
    assert_eq!(records(&bytes, 4)[1], format!("synced {} at {}", before.0, last.index.0 + 1));
}

#[test]
#[should_panic(expected = "a sync of the whole old segment was issued")]
fn a_segment_is_not_left_before_its_sync() {
    let (mut writer, _) = logging(7);
    writer.sync_issued(Ticket(1));
    writer.sync_done(Ticket(1));
    writer.seal(EntryKind::Clock, LogIndex(0));
    writer.prepare_segment(2);
    grant(&mut writer, &mut 10);
    writer.begin_segment(EntryId::default(), false);
}

#[test]
#[should_panic(expected = "a proven head before it")]
fn a_segment_is_not_left_before_its_head_is_proven() {
    let (mut writer, _) = logging(7);
    writer.sync_issued(Ticket(1));
    writer.prepare_segment(2);
    grant(&mut writer, &mut 10);
    writer.begin_segment(EntryId::default(), false);
}

#[test]
#[should_panic(expected = "a vote is not changed within a term")]
fn a_vote_is_given_once() {
    let mut writer = counting(7);
    writer.set_state(State { term: Term(2), vote: Some(NodeId(1)) });
    writer.set_state(State { term: Term(2), vote: Some(NodeId(2)) });
}

#[test]
fn writes_are_admitted_into_reserved_space_only() {
    let (mut writer, _) = logging(7);
    assert!(writer.fits(10_000) && !writer.fits(16_384));
    writer.demand(100_000);
    let wanted = writer.reserve_wanted(Mono(0)).expect("more");
    assert!(wanted.length_bytes > 100_000 && wanted.length_bytes.is_multiple_of(16_384));
    writer.reserve_issued(Ticket(50), wanted);
    assert_eq!(writer.reserve_wanted(Mono(0)), None);
    assert!(!writer.reserve_failed(Ticket(49), Mono(3)) && writer.reserve_failed(Ticket(50), Mono(3)));
    assert!(writer.space_refused() && !writer.fits(100_000));
    assert_eq!(writer.reserve_wanted(Mono(1_000_002)), None);
    assert_eq!(writer.retry_at(), Some(Mono(1_000_003)));
    assert_eq!(writer.reserve_wanted(Mono(1_000_003)), Some(wanted));
    writer.reserve_issued(Ticket(51), wanted);
    assert!(writer.reserve_done(Ticket(51)));
    assert!(writer.fits(100_000) && !writer.space_refused() && writer.retry_at().is_none());
    // What is open already takes its room.
    writer.open().extend_from_slice(&[b'x'; 60_000]);
    assert!(!writer.fits(60_000) && writer.fits(40_000));
}

#[test]
fn without_a_segment_entries_are_counted() {
    let mut writer = counting(7);
    for index in 1..=3 {
        writer.open().extend_from_slice(b"not kept");
        let sealed = writer.seal(EntryKind::Commands, LogIndex(0));
        assert_eq!((sealed.id, sealed.append.len(), writer.open_bytes()), (id(0, index), 0, 0));
    }
    assert!(writer.fits(usize::MAX / 2) && !writer.sync_wanted() && writer.file().is_none());
    assert_eq!(writer.written(), Position(0));
    // The log is switched on: it begins behind a snapshot that is still to be written.
    writer.prepare_segment(9);
    grant(&mut writer, &mut 0);
    let head = writer.begin_segment(writer.last(), true);
    let mut reader = FileReader::new(File::Segment(9), head.len() as u64);
    reader.feed(&head);
    let Some(Record::Head(head)) = reader.next().map(|found| found.record) else { panic!("a head") };
    assert!(head.awaits_base && head.base == id(0, 3) && head.last == id(0, 3));
    writer.stop();
    assert!(writer.file().is_none());
    assert_eq!(writer.seal(EntryKind::Clock, LogIndex(0)).id, id(0, 4));
}

#[test]
fn buffers_come_back() {
    let (mut writer, _) = logging(7);
    // Room for the footer too, so that sealing does not move it.
    writer.open().reserve(6000);
    writer.open().extend_from_slice(&[b'x'; 5000]);
    let first = writer.open().as_ptr();
    let held = writer.seal(EntryKind::Commands, LogIndex(0));
    assert_ne!(writer.open().as_ptr(), first, "somebody still reads it");
    drop(held);
    writer.seal(EntryKind::Clock, LogIndex(0));
    assert_eq!(writer.open().as_ptr(), first);
    assert_eq!(writer.open_bytes(), 0);
    assert!(writer.open().capacity() >= 5000);
}

#[test]
fn the_logs_time_never_goes_back() {
    let mut writer = counting(7);
    let times = [3, 9, 4].map(|wall| writer.tick(UnixMillis(wall)).0);
    assert_eq!(times, [5, 9, 9]);
}
