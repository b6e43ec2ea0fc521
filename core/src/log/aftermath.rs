//! What stands behind a frame that is not believed: read for the cause, not for its contents.

use super::frame::{self, OVERHEAD_BYTES, local_marker, word};
use super::reader::{Ending, Fault, Reason, Scope};
use super::record::{Proof, Record, SYNCED_BYTES};
use crate::mark::plant;

/// What a disk writes as a whole, in bytes. Devices with larger sectors write these together.
const SECTOR_BYTES: u64 = 512;

const PROOF_FRAME: usize = SYNCED_BYTES + OVERHEAD_BYTES;

/// The length of a proof's body as its header holds it, with the complement.
const PROOF_LENGTHS: u64 = (SYNCED_BYTES as u64) | (!(SYNCED_BYTES as u32) as u64) << 32;

/// Reads on to the end of a file behind a bad frame.
#[derive(Debug)]
pub(super) struct Aftermath {
    /// Where the bad frame begins.
    offset: u64,
    /// Where it would have ended.
    end: u64,
    reason: Reason,
    scope: Option<Scope>,
    /// How far sectors were looked at.
    seen: u64,
    /// How far proofs were searched for.
    searched: u64,
    /// The sector under way has been zero so far, as far as it does not stand before the bad frame.
    zero_so_far: bool,
    missing: bool,
    /// Behind the last byte that is not zero.
    nonzero_end: u64,
    proof: Option<Proof>,
}

impl Aftermath {
    pub(super) fn new(offset: u64, end: u64, reason: Reason, scope: Option<Scope>) -> Self {
        Self {
            offset,
            end,
            reason,
            scope,
            seen: offset,
            searched: offset,
            zero_so_far: true,
            missing: false,
            nonzero_end: offset,
            proof: None,
        }
    }

    /// Looks at `bytes`, which stand where the last search ended; gives how many are done with.
    pub(super) fn study(&mut self, bytes: &[u8], length_bytes: u64) -> usize {
        let from = self.searched;
        self.look_at_sectors(bytes, from, length_bytes);
        let mut at = 0;
        while let Some(candidate) = bytes.get(at..at + PROOF_FRAME) {
            if word(candidate, 8) == PROOF_LENGTHS {
                self.try_proof(candidate, from + at as u64);
            }
            at += 1;
        }
        if from + bytes.len() as u64 == length_bytes {
            // Nothing follows that could complete a proof.
            at = bytes.len();
        }
        self.searched += at as u64;
        at
    }

    /// How it ended, once everything up to the end of the file was seen.
    pub(super) fn ending(&self, length_bytes: u64) -> Option<Ending> {
        if self.searched < length_bytes {
            return None;
        }
        let trailing_bytes = self.nonzero_end - self.offset;
        let torn = plant!("ST3", self.missing || self.end > length_bytes, true);
        let fault = (trailing_bytes > 0).then_some(Fault { reason: self.reason, torn });
        Some(Ending { offset: self.offset, fault, trailing_bytes, proof: self.proof })
    }

    fn look_at_sectors(&mut self, bytes: &[u8], from: u64, length_bytes: u64) {
        let mut at = usize::try_from(self.seen - from).expect("what was seen is not far ahead");
        while at < bytes.len() {
            let offset = from + at as u64;
            let sector_end = (offset / SECTOR_BYTES + 1) * SECTOR_BYTES;
            let count = usize::try_from(sector_end - offset).expect("a sector").min(bytes.len() - at);
            let piece = &bytes[at..at + count];
            if let Some(last) = piece.iter().rposition(|&byte| byte != 0) {
                self.nonzero_end = offset + last as u64 + 1;
                self.zero_so_far = false;
            }
            at += count;
            self.seen = from + at as u64;
            if self.seen == sector_end || self.seen == length_bytes {
                let begins = sector_end - SECTOR_BYTES;
                self.missing |= self.zero_so_far && begins < self.end;
                self.zero_so_far = true;
            }
        }
    }

    fn try_proof(&mut self, candidate: &[u8], offset: u64) {
        let Some(scope) = self.scope else { return };
        let Ok((marker, body)) = frame::open(candidate) else { return };
        let Ok(Record::Synced(proof)) = Record::decode(&candidate[body]) else { return };
        let honest = match scope {
            Scope::Of { incarnation, start } => {
                proof.incarnation == incarnation && start.0.checked_add(offset) == Some(proof.written.0)
            }
            // It says where the segment begins, and counts only if it speaks of this segment.
            Scope::Any => {
                let start = proof.written.0.checked_sub(offset);
                start.is_some_and(|start| proof.synced.position.0 > start)
            }
        };
        let further = self.proof.is_none_or(|known| known.synced.position < proof.synced.position);
        if honest && further && marker == local_marker(proof.incarnation, proof.written) {
            self.proof = Some(proof);
        }
    }
}
