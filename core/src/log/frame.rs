//! One frame: how any record is wrapped on disk and on the wire.
//!
//! ```text
//!  0        8       12      16                16+n     24+n     32+n
//!  ┌────────┬───────┬───────┬─────────────────┬────────┬────────┐
//!  │ marker │ n     │ !n    │ body, n bytes   │ crc64  │ marker │
//!  └────────┴───────┴───────┴─────────────────┴────────┴────────┘
//!     u64      u32     u32                        u64      u64       all little-endian
//! ```
//!
//! * `n` is the body's length and `!n` its complement, so that a damaged length is seen before it is used:
//!   no length read from a file decides how much is allocated.
//! * The crc (CRC-64/XZ) covers `n`, `!n` and the body.
//! * The markers are derived, never stored elsewhere: an entry's from the log id and its index, a local
//!   record's from the node's incarnation and the place in its stream. So a block that was written to the
//!   wrong place, that is left from another life of the file or that belongs to another group does not pass,
//!   and a local record is never taken for an entry. An entry's frame is the same, byte for byte, on every
//!   replica.
//! * A marker is never 0: files are reserved ahead as zeros, and a zero marker is where a segment ends.
//!
//! A frame is believed only if both markers, the length and the crc agree.

use core::ops::Range;

use crc64fast::Digest;

use crate::ids::{LogIndex, Position};
use crate::mark::plant;

/// Bytes before the body: the marker, the length and its complement.
pub const HEADER_BYTES: usize = 16;

/// Bytes behind the body: the crc and the marker.
pub const FOOTER_BYTES: usize = 16;

/// What a frame adds to its body, in bytes.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + FOOTER_BYTES;

/// The longest body that is written or believed, in bytes: 1 GiB, twice the longest value a client may send.
pub const BODY_BYTES_MAX: usize = 1 << 30;

/// A step that maps 64 bits onto 64 bits so that every input bit reaches every output bit.
fn stir(value: u64) -> u64 {
    // Two rounds of multiply and fold; odd constants keep each round a bijection.
    let value = (value ^ (value >> 31)).wrapping_mul(0xf135_7aea_2e62_a9c5);
    let value = (value ^ (value >> 29)).wrapping_mul(0xbeac_0467_eba5_facb);
    value ^ (value >> 32)
}

/// A marker of three words; `domain` keeps entries, local records and snapshot records apart.
fn mix(domain: u64, first: u64, second: u64) -> u64 {
    let marker = stir(stir(stir(domain ^ 0x6c6f_636b_7374_6570).wrapping_add(first)).wrapping_add(second));
    // One value in 2^64 has to move: zero means "nothing was written here".
    if marker == 0 { domain | 1 } else { marker }
}

/// The marker of the entry with this index, in the log with this id.
#[must_use]
pub fn entry_marker(log_id: u64, index: LogIndex) -> u64 {
    mix(1, log_id, index.0)
}

/// The marker of a local record of a segment, from the node's incarnation and the position of its first byte.
#[must_use]
pub fn local_marker(incarnation: u64, position: Position) -> u64 {
    mix(2, incarnation, position.0)
}

/// The marker of a record of a snapshot file, from the file's number and the record's offset in it.
#[must_use]
pub fn snapshot_marker(incarnation: u64, number: u64, offset: u64) -> u64 {
    mix(3, mix(4, incarnation, number), offset)
}

/// The length of the frame around a body of `body_bytes`, in bytes.
#[must_use]
pub fn frame_bytes(body_bytes: usize) -> usize {
    body_bytes + OVERHEAD_BYTES
}

/// Completes a frame in place: `buffer[start..]` holds [`HEADER_BYTES`] bytes of room and then the body.
/// Returns the crc.
///
/// # Panics
/// When there is no room for the header, or the body is longer than [`BODY_BYTES_MAX`].
pub fn close(buffer: &mut Vec<u8>, start: usize, marker: u64) -> u64 {
    assert!(buffer.len() >= start + HEADER_BYTES, "room for the header was left");
    assert!(marker != 0, "zero means that nothing was written");
    let body_bytes = buffer.len() - start - HEADER_BYTES;
    assert!(body_bytes <= BODY_BYTES_MAX, "a body within its bound");
    let length = u32::try_from(body_bytes).expect("the bound fits");
    buffer[start..start + 8].copy_from_slice(&marker.to_le_bytes());
    buffer[start + 8..start + 12].copy_from_slice(&length.to_le_bytes());
    buffer[start + 12..start + 16].copy_from_slice(&(!length).to_le_bytes());
    let crc = crc(&buffer[start + 8..]);
    buffer.extend_from_slice(&crc.to_le_bytes());
    buffer.extend_from_slice(&marker.to_le_bytes());
    crc
}

/// CRC-64/XZ of `bytes`.
#[must_use]
pub fn crc(bytes: &[u8]) -> u64 {
    let mut digest = Digest::new();
    digest.write(bytes);
    digest.sum64()
}

/// What the first [`HEADER_BYTES`] bytes of a supposed frame say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Header {
    /// A zero marker: nothing was written here.
    Nothing,
    /// A frame may begin here.
    Frame {
        /// Its marker, not yet compared with anything.
        marker: u64,
        /// The length of its body, in bytes, at most [`BODY_BYTES_MAX`].
        body_bytes: usize,
    },
    /// The length does not agree with its complement, or is out of bounds.
    Bad,
}

impl Header {
    /// Looks at the first bytes of a supposed frame.
    #[must_use]
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Self {
        let marker = word(bytes, 0);
        let lengths = word(bytes, 8);
        let length = lengths as u32;
        if marker == 0 {
            Self::Nothing
        } else if (lengths >> 32) as u32 != !length || length as usize > BODY_BYTES_MAX {
            Self::Bad
        } else {
            Self::Frame { marker, body_bytes: length as usize }
        }
    }
}

/// Why a whole frame is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameFault {
    /// The length disagrees with its complement or with the number of bytes given.
    Length,
    /// The checksum does not match.
    Crc,
    /// The marker at the end is not the one at the beginning.
    EndMarker,
}

/// Checks everything about one whole frame except what its marker should be, and gives the marker and where
/// the body lies.
///
/// # Errors
/// What is wrong with it.
pub fn open(bytes: &[u8]) -> Result<(u64, Range<usize>), FrameFault> {
    let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(FrameFault::Length)?;
    let Header::Frame { marker, body_bytes } = Header::parse(header) else { return Err(FrameFault::Length) };
    if bytes.len() != frame_bytes(body_bytes) {
        return Err(FrameFault::Length);
    }
    let body = HEADER_BYTES..HEADER_BYTES + body_bytes;
    if plant!("ST2", crc(&bytes[8..body.end]) != word(bytes, body.end), false) {
        return Err(FrameFault::Crc);
    }
    if word(bytes, body.end + 8) != marker {
        return Err(FrameFault::EndMarker);
    }
    Ok((marker, body))
}

/// The little-endian word at `at`.
pub(super) fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(body: &[u8], marker: u64) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend_from_slice(body);
        close(&mut bytes, 0, marker);
        bytes
    }

    /// These bytes are on disks: they may only change together with the format version.
    #[test]
    fn golden() {
        let hex: String =
            framed(b"lockstep", 0x0102_0304_0506_0708).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            concat!(
                "0807060504030201",
                "08000000",
                "f7ffffff",
                "6c6f636b73746570",
                "ca8296409e1753b6",
                "0807060504030201"
            )
        );
        assert_eq!(crc(b"123456789"), 0x995d_c9bb_df19_39fa, "the check value published for CRC-64/XZ");
        assert_eq!(
            [
                entry_marker(1, LogIndex(2)),
                local_marker(1, Position(2)),
                snapshot_marker(1, 2, 3),
                entry_marker(0, LogIndex(0)),
            ],
            [0x48de_3e6e_c458_f8ee, 0xf1aa_1d13_adfe_e11f, 0x0ee5_0ea6_4fdd_12c8, 0x300d_7cdd_98b7_529c]
        );
    }

    #[test]
    fn markers_tell_domains_and_neighbours_apart() {
        let mut seen = Vec::new();
        for first in 0..64 {
            for second in 0..64 {
                seen.push(entry_marker(first, LogIndex(second)));
                seen.push(local_marker(first, Position(second)));
                seen.push(snapshot_marker(first, second, first ^ second));
            }
        }
        assert!(seen.iter().all(|&marker| marker != 0));
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn round_trip() {
        for length in [0, 1, 7, 8, 511, 70_000] {
            let body: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let bytes = framed(&body, 77);
            assert_eq!(bytes.len(), frame_bytes(length));
            let (marker, range) = open(&bytes).expect("whole");
            assert_eq!((marker, &bytes[range]), (77, &body[..]));
        }
    }

    /// A flip in the first marker shows as the two markers disagreeing; nothing else may get through either.
    #[test]
    fn every_flipped_bit_is_seen() {
        let bytes = framed(b"some body", 0x1234_5678_9abc_def0);
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&other).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(open(&bytes[..length]), Err(FrameFault::Length));
        }
    }

    #[test]
    fn lengths_out_of_bounds_are_refused() {
        let mut header = [0; HEADER_BYTES];
        assert_eq!(Header::parse(&header), Header::Nothing);
        header[0] = 1;
        for length in [BODY_BYTES_MAX as u32 + 1, u32::MAX] {
            header[8..12].copy_from_slice(&length.to_le_bytes());
            header[12..].copy_from_slice(&(!length).to_le_bytes());
            assert_eq!(Header::parse(&header), Header::Bad);
        }
    }
}
