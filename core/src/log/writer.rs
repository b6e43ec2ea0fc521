//! The writing end of the log: one stream of frames, cut into segments.
//!
//! ```text
//!   synced ≤ content end ≤ written                        positions of the stream, in bytes
//!
//!   ──[Head][Entry][Entry][State][Entry]│[Synced]│ 0 0 0 0 0 0 0 0 0 0 │
//!                  ▲                    ▲        ▲                     ▲
//!                  synced               content  written               reserved
//! ```
//!
//! The writer performs nothing. It hands out bytes, which the caller appends to [`Writer::file`] in the order in
//! which they were handed out, and is told what was synced. Three rules are asserted here because recovery
//! rests on them:
//!
//! 1. A segment is left only when a sync of all its bytes was issued, and completions come in the order of
//!    issue: what is synced is a prefix of the stream, whatever file it is in.
//! 2. A segment is left only when its own head is on the platter: of all segments, only the newest can be
//!    without a readable head after a crash.
//! 3. A position is never used twice.
//!
//! Without a segment the writer only counts (`appendonly no`): entries get their indexes and no bytes.

use std::collections::VecDeque;

use super::codec::encode_entry;
use super::frame::{self, HEADER_BYTES, OVERHEAD_BYTES, entry_marker, local_marker};
use super::record::{
    CUT_BYTES, Cut, ENTRY_BYTES, Entry, EntryKind, Head, Previous, Proof, Record, STATE_BYTES, SYNCED_BYTES,
    State, Synced,
};
use super::reservation::{Reservation, Reserve};
use crate::bytes::Slice;
use crate::ids::{EntryId, File, GroupId, LogIndex, NodeId, Position, Term, Ticket};
use crate::time::{Mono, UnixMillis};

const SYNCED_FRAME: usize = SYNCED_BYTES + OVERHEAD_BYTES;

/// Room at the front of the open buffer, so that sealing moves no payload: a proof, then the entry's head.
const FRONT: usize = SYNCED_FRAME + HEADER_BYTES + ENTRY_BYTES;

/// Space that payloads may not take, so that local records always find room: some of each kind.
const LOCAL_ROOM: u64 =
    4 * (SYNCED_FRAME + STATE_BYTES + CUT_BYTES + 2 * OVERHEAD_BYTES + Head::FRAME_BYTES) as u64;

/// How many handed-out buffers are remembered until they come back.
const LENT_MAX: usize = 4;

/// Larger buffers are given up rather than kept for the next entry, in bytes.
const KEEP_BYTES: usize = 1 << 20;

/// The longest payload of one entry, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = frame::BODY_BYTES_MAX - ENTRY_BYTES;

/// Sizes of segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// A segment longer than this is to be followed by another.
    pub segment_bytes: u64,
    /// Space is reserved in steps of this.
    pub reserve_bytes: u64,
}

/// A sealed entry.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// What it is called.
    pub id: EntryId,
    /// What is to be appended: the entry's frame, and before it a proof if one was due. Empty while counting.
    pub append: Slice,
    /// The entry's frame alone, the same on every replica. Empty while counting.
    pub frame: Slice,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    start: Position,
    space: Reservation,
}

/// The writing end of a node's log.
#[derive(Debug)]
pub struct Writer {
    limits: Limits,
    group: GroupId,
    node: NodeId,
    incarnation: u64,
    state: State,
    base: EntryId,
    awaits_base: bool,
    last: EntryId,
    time: UnixMillis,
    written: Position,
    /// End of the last record that is not a mere proof: there is something to sync only up to here.
    content_end: Position,
    synced: Synced,
    /// What the last proof in the log speaks of.
    proved: Position,
    issued: VecDeque<(Ticket, Synced)>,
    segment: Option<Segment>,
    next: Option<Reservation>,
    /// What the first segment continues, and whether it carries over; used up by it.
    resume: Option<(Option<Previous>, bool)>,
    carrying: bool,
    open: Vec<u8>,
    lent: VecDeque<Slice>,
}

impl Writer {
    /// A writer that goes on where `head` says, and only counts until a segment begins. `head` is what recovery
    /// found ([`Recovered::head`](super::recovery::Recovered)), or [`Head::founding`]; `time` is that of the
    /// last entry.
    ///
    /// # Panics
    /// When a limit is 0.
    #[must_use]
    pub fn new(limits: Limits, head: &Head, time: UnixMillis) -> Self {
        assert!(limits.segment_bytes > 0 && limits.reserve_bytes > 0, "limits are positive");
        Self {
            limits,
            group: head.group,
            node: head.node,
            incarnation: head.incarnation,
            state: head.state,
            base: head.base,
            awaits_base: head.awaits_base,
            last: head.last,
            time,
            written: head.start,
            content_end: head.start,
            synced: head.synced,
            proved: head.synced.position,
            issued: VecDeque::new(),
            segment: None,
            next: None,
            resume: Some((head.previous, head.carries)),
            carrying: false,
            open: vec![0; FRONT],
            lent: VecDeque::new(),
        }
    }

    // ── The open entry ──

    /// The payload of the open entry, to be added to at the end. It may only grow; see [`Writer::rewind`].
    pub fn open(&mut self) -> &mut Vec<u8> {
        &mut self.open
    }

    /// How much payload the open entry holds, in bytes.
    #[must_use]
    pub fn open_bytes(&self) -> usize {
        self.open.len() - FRONT
    }

    /// Takes back what was added to the open entry behind its first `payload_bytes` bytes.
    pub fn rewind(&mut self, payload_bytes: usize) {
        self.open.truncate(FRONT + payload_bytes);
    }

    /// The payload of the open entry, from `payload_bytes` on.
    ///
    /// # Panics
    /// When there is less.
    #[must_use]
    pub fn open_from(&self, payload_bytes: usize) -> &[u8] {
        &self.open[FRONT + payload_bytes..]
    }

    /// The id that the open entry will get.
    #[must_use]
    pub fn open_id(&self) -> EntryId {
        EntryId { term: self.state.term, index: self.last.index.next() }
    }

    /// The log's time: that of the open entry. It follows the wall clock and never goes back.
    pub fn tick(&mut self, wall: UnixMillis) -> UnixMillis {
        self.time = self.time.max(wall);
        self.time
    }

    /// The log's time, as it stands.
    #[must_use]
    pub fn time(&self) -> UnixMillis {
        self.time
    }

    /// Completes the open entry in the current term, with the log's time, and opens the next.
    ///
    /// # Panics
    /// When the payload is longer than [`PAYLOAD_BYTES_MAX`], or while entries are being carried over.
    pub fn seal(&mut self, kind: EntryKind, commit: LogIndex) -> Sealed {
        assert!(!self.carrying, "nothing new before the old is carried over");
        assert!(self.open.len() >= FRONT, "the open entry only grows");
        let id = self.open_id();
        self.last = id;
        if self.segment.is_none() {
            self.open.truncate(FRONT);
            return Sealed { id, append: Slice::default(), frame: Slice::default() };
        }
        let entry = Entry { id, time: self.time, commit, kind };
        let mut bytes = core::mem::take(&mut self.open);
        let proof = self.take_proof();
        let start = if let Some(proof) = &proof {
            bytes[..SYNCED_FRAME].copy_from_slice(proof);
            0
        } else {
            SYNCED_FRAME
        };
        bytes[SYNCED_FRAME + HEADER_BYTES..FRONT].copy_from_slice(&encode_entry(&entry));
        frame::close(&mut bytes, SYNCED_FRAME, entry_marker(self.group.log_id(), id.index));
        let end = bytes.len();
        self.advance((end - SYNCED_FRAME) as u64);
        let whole = Slice::from(bytes);
        self.open = self.buffer(&whole);
        Sealed { id, append: whole.part(start..end), frame: whole.part(SYNCED_FRAME..end) }
    }

    /// A buffer for the next entry: one that has come back, or a new one.
    fn buffer(&mut self, lent: &Slice) -> Vec<u8> {
        let mut found = None;
        for _ in 0..self.lent.len() {
            let slice = self.lent.pop_front().expect("counted");
            match slice.reclaim() {
                Ok(buffer) if found.is_none() => found = Some(buffer),
                Ok(_) => {}
                Err(slice) => self.lent.push_back(slice),
            }
        }
        if lent.len() <= KEEP_BYTES && self.lent.len() < LENT_MAX {
            self.lent.push_back(lent.clone());
        }
        let mut buffer = found.unwrap_or_default();
        buffer.clear();
        buffer.resize(FRONT, 0);
        buffer
    }

    // ── Records of others, local records ──

    /// Takes over an entry that another node wrote, or that an earlier segment holds: its frame is to be
    /// appended as it is. What is given must be appended before it.
    ///
    /// # Panics
    /// When its index does not follow: [`Writer::cut`] comes first.
    pub fn adopt(&mut self, entry: &Entry, frame_bytes: u64) -> Option<Slice> {
        assert!(entry.id.index == self.last.index.next(), "an adopted entry follows");
        assert!(entry.id.term >= self.last.term, "terms do not go back");
        self.last = entry.id;
        self.time = self.time.max(entry.time);
        self.segment.as_ref()?;
        let proof = self.take_proof();
        self.advance(frame_bytes);
        proof.map(Slice::from)
    }

    /// Makes the entries behind `kept` void, because an entry of `term` is to take their place. Empty while
    /// counting.
    ///
    /// # Panics
    /// When nothing is behind `kept`.
    pub fn cut(&mut self, kept: EntryId, term: Term) -> Slice {
        assert!(kept.index < self.last.index, "something is cut");
        self.last = kept;
        self.local(|_, _| Record::Cut(Cut { kept, term }))
    }

    /// Takes note of a new term or vote. Empty while counting.
    ///
    /// # Panics
    /// When term or vote go back (Raft paper, figure 2: a vote is given once per term).
    pub fn set_state(&mut self, state: State) -> Slice {
        let before = self.state;
        assert!(state.term >= before.term, "terms do not go back");
        assert!(
            state.term > before.term || before.vote.is_none() || state.vote == before.vote,
            "a vote is not changed within a term"
        );
        self.state = state;
        self.local(|_, _| Record::State(state))
    }

    /// A proof of what is on the platter, if one is due: to be asked for when there is nothing else to append.
    pub fn proof(&mut self) -> Option<Slice> {
        self.take_proof().map(Slice::from)
    }

    /// Everything that was to be carried over has been: the record that makes the segment count.
    ///
    /// # Panics
    /// When nothing was being carried.
    pub fn finish_carrying(&mut self) -> Slice {
        assert!(self.carrying, "carrying ends once");
        self.carrying = false;
        self.proved = self.synced.position;
        self.local(|writer, written| Record::Synced(writer.proof_at(written)))
    }

    /// Whether the segment is still taking over entries of an earlier one.
    #[must_use]
    pub fn carrying(&self) -> bool {
        self.carrying
    }

    fn local(&mut self, record: impl FnOnce(&Self, Position) -> Record<'static>) -> Slice {
        if self.segment.is_none() {
            return Slice::default();
        }
        let bytes = record(self, self.written).frame(local_marker(self.incarnation, self.written));
        self.advance(bytes.len() as u64);
        Slice::from(bytes)
    }

    fn proof_at(&self, written: Position) -> Proof {
        Proof { incarnation: self.incarnation, written, synced: self.synced }
    }

    fn proof_is_due(&self) -> bool {
        // The first proof of a segment that carries says that it is done, so none may come earlier.
        self.segment.is_some() && !self.carrying && self.synced.position.min(self.content_end) > self.proved
    }

    fn take_proof(&mut self) -> Option<Vec<u8>> {
        if !self.proof_is_due() {
            return None;
        }
        let proof = self.proof_at(self.written);
        let bytes = Record::Synced(proof).frame(local_marker(self.incarnation, self.written));
        self.proved = self.synced.position;
        // Not content: a log that is idle must not be synced for the sake of its own proofs.
        self.written = self.written.advance(bytes.len() as u64);
        Some(bytes)
    }

    fn advance(&mut self, bytes: u64) {
        self.written = self.written.advance(bytes);
        self.content_end = self.written;
    }

    // ── Syncs ──

    /// A sync of [`Writer::file`] was issued, or an append to it that is to be synced: when it is done,
    /// everything handed out so far is on the platter.
    ///
    /// # Panics
    /// When tickets do not grow.
    pub fn sync_issued(&mut self, ticket: Ticket) {
        assert!(self.issued.back().is_none_or(|(last, _)| *last < ticket), "tickets grow");
        self.issued.push_back((ticket, Synced { position: self.written, last: self.last }));
    }

    /// A sync was done; the position up to which everything is on the platter. Tickets of other actions
    /// change nothing.
    pub fn sync_done(&mut self, ticket: Ticket) -> Position {
        while let Some((issued, synced)) = self.issued.front().copied() {
            if issued > ticket {
                break;
            }
            self.issued.pop_front();
            self.synced = synced;
        }
        self.synced.position
    }

    /// Whether a sync would prove anything new that none under way will.
    #[must_use]
    pub fn sync_wanted(&self) -> bool {
        let issued = self.issued.back().map_or(self.synced.position, |(_, synced)| synced.position);
        self.segment.is_some() && self.content_end > issued
    }

    /// Everything before this position was handed out.
    #[must_use]
    pub fn written(&self) -> Position {
        self.written
    }

    /// What is on the platter.
    #[must_use]
    pub fn synced(&self) -> Synced {
        self.synced
    }

    /// The last entry of the log, sealed or adopted.
    #[must_use]
    pub fn last(&self) -> EntryId {
        self.last
    }

    /// Term and vote.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    // ── Segments ──

    /// The segment that is appended to; `None` while counting.
    #[must_use]
    pub fn file(&self) -> Option<File> {
        self.segment.as_ref().map(|segment| File::Segment(segment.number))
    }

    /// The length of the current segment so far, in bytes; 0 while counting.
    #[must_use]
    pub fn segment_bytes(&self) -> u64 {
        self.segment.as_ref().map_or(0, |segment| self.written.0 - segment.start.0)
    }

    /// Whether the current segment's head is on the platter. Older segments may be removed only then, even if a
    /// synced snapshot covers them: without a readable head nothing continues them.
    #[must_use]
    pub fn head_synced(&self) -> bool {
        self.segment.as_ref().is_none_or(|segment| self.synced.position > segment.start)
    }

    /// Whether the current segment has reached its size and another should be prepared.
    #[must_use]
    pub fn segment_full(&self) -> bool {
        self.next.is_none() && self.segment_bytes() >= self.limits.segment_bytes
    }

    /// A segment with this number is to begin: space is wanted for it.
    ///
    /// # Panics
    /// When the number does not grow.
    pub fn prepare_segment(&mut self, number: u64) {
        assert!(self.next.is_none(), "one segment is prepared at a time");
        assert!(self.segment.as_ref().is_none_or(|segment| segment.number < number), "numbers grow");
        self.next = Some(Reservation::new(number, LOCAL_ROOM));
    }

    /// Whether a segment is being prepared or waits to begin.
    #[must_use]
    pub fn preparing(&self) -> bool {
        self.next.is_some()
    }

    /// Whether [`Writer::begin_segment`] may be called: space is there, and the current segment's head is on
    /// the platter. A sync of all that was handed out must then be issued first; see
    /// [`Writer::sync_wanted_to_begin`].
    #[must_use]
    pub fn may_begin_segment(&self) -> bool {
        self.next.as_ref().is_some_and(|next| next.granted_bytes() > 0)
            && !self.carrying
            && self.head_synced()
    }

    /// Whether the current segment still needs a sync to be issued before another may begin.
    #[must_use]
    pub fn sync_wanted_to_begin(&self) -> bool {
        let issued = self.issued.back().map_or(self.synced.position, |(_, synced)| synced.position);
        self.segment.is_some() && issued < self.written
    }

    /// Begins the prepared segment, based on the snapshot that covers `base`: its head, the first bytes of
    /// [`Writer::file`] from now on. `awaits_base` says that this snapshot is still being written, and that
    /// without it the segment is worth nothing.
    ///
    /// # Panics
    /// Unless [`Writer::may_begin_segment`] and not [`Writer::sync_wanted_to_begin`].
    pub fn begin_segment(&mut self, base: EntryId, awaits_base: bool) -> Slice {
        assert!(self.may_begin_segment(), "space for the segment, and a proven head before it");
        assert!(!self.sync_wanted_to_begin(), "a sync of the whole old segment was issued");
        let space = self.next.take().expect("prepared");
        let (previous, carries) = match &self.segment {
            Some(old) => {
                let valid_bytes = self.written.0 - old.start.0;
                (Some(Previous { number: old.number, valid_bytes }), false)
            }
            None => self.resume.take().unwrap_or((None, false)),
        };
        self.base = base;
        self.awaits_base = awaits_base;
        self.carrying = carries;
        let head = Head {
            group: self.group,
            node: self.node,
            incarnation: self.incarnation,
            number: space.number(),
            start: self.written,
            previous,
            base,
            last: self.last,
            synced: self.synced,
            state: self.state,
            carries,
            awaits_base,
        };
        self.proved = self.synced.position;
        self.segment = Some(Segment { number: head.number, start: head.start, space });
        self.local(|_, _| Record::Head(head))
    }

    /// From now on the writer only counts: the log was switched off. Nothing of it may be believed any more
    /// once a later snapshot stands alone.
    pub fn stop(&mut self) {
        self.segment = None;
        self.next = None;
        self.resume = None;
        self.carrying = false;
        self.issued.clear();
    }

    /// The last entry of the snapshot that the log is based on, as its newest head says.
    #[must_use]
    pub fn base(&self) -> EntryId {
        self.base
    }

    // ── Space ──

    /// Whether this much more payload fits into the space reserved. Always, while counting.
    #[must_use]
    pub fn fits(&self, payload_bytes: usize) -> bool {
        self.segment.as_ref().is_none_or(|segment| self.need(payload_bytes) <= segment.space.granted_bytes())
    }

    /// Asks that space for this much more payload be reserved.
    pub fn demand(&mut self, payload_bytes: usize) {
        let need = self.need(payload_bytes);
        if let Some(segment) = &mut self.segment {
            segment.space.demand(need);
        }
    }

    fn need(&self, payload_bytes: usize) -> u64 {
        let entry = self.open.len().saturating_add(payload_bytes) + frame::FOOTER_BYTES;
        self.segment_bytes() + entry as u64 + LOCAL_ROOM
    }

    /// The next reservation to make, if any.
    #[must_use]
    pub fn reserve_wanted(&self, now: Mono) -> Option<Reserve> {
        let step = self.limits.reserve_bytes;
        let used = self.segment_bytes();
        let next = self.next.as_ref().and_then(|next| next.wanted(now, 0, step));
        // The current one first: it is what writes are waiting for.
        self.segment.as_ref().and_then(|segment| segment.space.wanted(now, used, step)).or(next)
    }

    /// A reservation was requested.
    pub fn reserve_issued(&mut self, ticket: Ticket, reserve: Reserve) {
        if let Some(space) = self.spaces().find(|space| File::Segment(space.number()) == reserve.file) {
            space.issued(ticket, reserve.length_bytes);
        }
    }

    /// A reservation was made; whether the ticket was one of them.
    pub fn reserve_done(&mut self, ticket: Ticket) -> bool {
        self.spaces().any(|space| space.done(ticket))
    }

    /// A reservation failed; whether the ticket was one of them. It is wanted again a second later.
    pub fn reserve_failed(&mut self, ticket: Ticket, now: Mono) -> bool {
        self.spaces().any(|space| space.failed(ticket, now))
    }

    /// Whether the last reservation was refused: while writes do not fit, this is why.
    #[must_use]
    pub fn space_refused(&self) -> bool {
        let segment = self.segment.as_ref().map(|segment| &segment.space);
        segment.into_iter().chain(&self.next).any(Reservation::refused)
    }

    /// When a refused reservation is to be tried again.
    #[must_use]
    pub fn retry_at(&self) -> Option<Mono> {
        let segment = self.segment.as_ref().map(|segment| &segment.space);
        segment.into_iter().chain(&self.next).filter_map(Reservation::retry_at).min()
    }

    fn spaces(&mut self) -> impl Iterator<Item = &mut Reservation> {
        self.segment.as_mut().map(|segment| &mut segment.space).into_iter().chain(self.next.as_mut())
    }
}
