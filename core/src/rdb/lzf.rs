//! Unpacking LZF (M. Lehmann's liblzf): runs of literal bytes, and copies of what came shortly before.
//!
//! ```text
//!   000lllll                      l + 1 literal bytes follow
//!   lllooooo oooooooo             l + 2 bytes from o + 1 bytes back, l in 1..=6
//!   111ooooo llllllll oooooooo    l + 9 bytes from o + 1 bytes back
//! ```

/// The longest output of one input byte: a copy of 264 bytes takes three.
const GROWTH_MAX: usize = 88;

/// Unpacks to exactly `length` bytes; `None` when that is not what the input says.
#[must_use]
pub fn unpack(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    if length > packed.len().saturating_mul(GROWTH_MAX) {
        return None;
    }
    let mut out = Vec::with_capacity(length);
    let mut rest = packed;
    while let [control, after @ ..] = rest {
        let control = usize::from(*control);
        if control < 32 {
            let (literal, after) = after.split_at_checked(control + 1)?;
            out.extend_from_slice(literal);
            rest = after;
        } else {
            let (count, after) = match control >> 5 {
                7 => (usize::from(*after.first()?) + 9, &after[1..]),
                count => (count + 2, after),
            };
            let back = ((control & 31) << 8 | usize::from(*after.first()?)) + 1;
            let from = out.len().checked_sub(back)?;
            if out.len() + count > length {
                return None;
            }
            // What is copied may be what this very copy appends.
            for at in from..from + count {
                out.push(out[at]);
            }
            rest = &after[1..];
        }
        if out.len() > length {
            return None;
        }
    }
    (out.len() == length).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_copies() {
        assert_eq!(unpack(b"\x02abc", 3).as_deref(), Some(&b"abc"[..]));
        // "ab", then 6 bytes from 2 back: a copy that reads what it writes.
        assert_eq!(unpack(b"\x01ab\x80\x01", 8).as_deref(), Some(&b"abababab"[..]));
        // "a", then 9 + 3 bytes from 1 back.
        assert_eq!(unpack(b"\x00a\xe0\x03\x00", 13).as_deref(), Some(&[b'a'; 13][..]));
        assert_eq!(unpack(b"", 0).as_deref(), Some(&b""[..]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (packed, length) in [
            (&b"\x02ab"[..], 3),        // literals missing
            (b"\x02abc", 2),            // too long
            (b"\x02abc", 4),            // too short
            (b"\x00a\x20\x01", 4),      // from before the beginning
            (b"\x00a\xe0\xff\x00", 13), // a copy that is too long
            (b"\x00a\x20", 4),          // the distance missing
            (b"\x00a\xe0", 13),         // the length missing
            (b"\x00a\xe0\x03", 13),     // the distance missing
            (b"\x00a", usize::MAX),     // no memory is taken on its word
        ] {
            assert_eq!(unpack(packed, length), None, "{packed:?} to {length}");
        }
    }
}
