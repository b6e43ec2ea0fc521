//! Frames and records: what is not exactly as it was written is not believed.

use arbitrary::{Arbitrary, Result, Unstructured};
use lockstep_core::UnixMillis;
use lockstep_core::ids::{EntryId, File, GroupId, LogIndex, NodeId, Position, Term};
use lockstep_core::log::frame::{self, HEADER_BYTES, OVERHEAD_BYTES, entry_marker, local_marker};
use lockstep_core::log::reader::FileReader;
use lockstep_core::log::record::{Cut, Entry, EntryKind, Head, Proof, Record, State, Synced};

use crate::meter::bounded;

const GROUP: GroupId = GroupId([3; 16]);
const LIFE: u64 = 11;

/// Reads bytes that may be anything, fed in pieces, as each kind of file.
fn read_anything(bytes: &[u8], piece: usize) {
    let _ = frame::open(bytes);
    let _ = Record::decode(bytes);
    for file in [File::Segment(1), File::Snapshot(1)] {
        let mut reader = FileReader::new(file, bytes.len() as u64);
        let mut believed = 0;
        for part in bytes.chunks(piece) {
            reader.feed(part);
            while let Some(found) = reader.next() {
                believed += found.frame.len() as u64;
            }
        }
        assert!(believed <= bytes.len() as u64, "nothing is read twice");
        if let Some(ending) = reader.ending() {
            assert_eq!(ending.offset, believed, "what was believed ends where the reader says");
        }
    }
}

fn id(from: &mut Unstructured<'_>) -> Result<EntryId> {
    Ok(EntryId {
        term: Term(from.int_in_range(0..=1 << 40)?),
        index: LogIndex(from.int_in_range(1..=1 << 40)?),
    })
}

fn record<'a>(from: &mut Unstructured<'a>, written: Position) -> Result<(Record<'a>, u64)> {
    let local = local_marker(LIFE, written);
    Ok(match from.int_in_range(0..=3)? {
        0 => {
            let vote = Option::<u8>::arbitrary(from)?.map(|node| NodeId(u64::from(node) + 1));
            (Record::State(State { term: Term(from.int_in_range(0..=1 << 40)?), vote }), local)
        }
        1 => {
            let kinds = [EntryKind::Commands, EntryKind::Clock, EntryKind::Members];
            let entry = Entry {
                id: id(from)?,
                time: UnixMillis(from.int_in_range(0..=1 << 45)?),
                commit: LogIndex(from.int_in_range(0..=1 << 40)?),
                kind: *from.choose(&kinds)?,
            };
            let length = from.int_in_range(0..=700)?.min(from.len());
            (Record::Entry(entry, from.bytes(length)?), entry_marker(GROUP.log_id(), entry.id.index))
        }
        2 => {
            let position = Position(from.int_in_range(0..=written.0)?);
            let synced = Synced { position, last: id(from)? };
            (Record::Synced(Proof { incarnation: LIFE, written, synced }), local)
        }
        _ => (Record::Cut(Cut { kept: id(from)?, term: Term(from.int_in_range(0..=1 << 40)?) }), local),
    })
}

/// Writes a segment of arbitrary records, reads it back, then reads it with one byte changed.
fn round_trip(from: &mut Unstructured<'_>) -> Result<()> {
    let head = Head::founding(GROUP, NodeId(1), LIFE, 1);
    let mut bytes = Record::Head(head).frame(local_marker(LIFE, Position(0)));
    let mut bounds = vec![0, bytes.len()];
    let piece = from.int_in_range(1..=900)?;
    let changed = u32::arbitrary(from)?;
    let mut records = vec![Record::Head(head)];
    while !from.is_empty() && records.len() < 40 {
        let (record, marker) = record(from, Position(bytes.len() as u64))?;
        bytes.extend_from_slice(&record.frame(marker));
        bounds.push(bytes.len());
        records.push(record);
    }
    let read = |bytes: &[u8]| {
        let mut reader = FileReader::new(File::Segment(1), bytes.len() as u64);
        let mut count = 0;
        for part in bytes.chunks(piece) {
            reader.feed(part);
            while let Some(found) = reader.next() {
                assert_eq!(found.record, records[count], "record {count}");
                assert_eq!(found.offset, bounds[count] as u64);
                count += 1;
            }
        }
        count
    };
    assert_eq!(read(&bytes), records.len(), "everything is read back");
    let (at, bits) = (changed as usize % bytes.len(), (changed >> 24) as u8);
    bytes[at] ^= bits.max(1);
    let hit = bounds.partition_point(|&bound| bound <= at) - 1;
    assert_eq!(read(&bytes), hit, "reading stops at the frame that was changed");
    Ok(())
}

/// Reads arbitrary bytes as frames, records and files; then writes arbitrary records, reads them back, and
/// reads them again with a byte changed.
pub fn frame(data: &[u8]) {
    let piece = data.first().map_or(1, |&byte| usize::from(byte) + 1);
    // A reader holds what it was fed, and as much again where its buffer grows.
    bounded(8 * data.len() as i64 + 65_536, || read_anything(data, piece));
    // The same bytes as a body with a good frame around it.
    let mut framed = vec![0; HEADER_BYTES];
    framed.extend_from_slice(data);
    frame::close(&mut framed, 0, local_marker(LIFE, Position(0)));
    assert_eq!(framed.len(), data.len() + OVERHEAD_BYTES);
    read_anything(&framed, piece);
    // Input that ends early leaves a shorter segment, or none.
    let _ = round_trip(&mut Unstructured::new(data));
}
