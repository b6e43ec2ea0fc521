//! A small mutator for runs without libFuzzer: the same changes in every run.

/// A stream of numbers (SplitMix64).
pub struct Draw(pub u64);

impl Draw {
    /// The next number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % bound.max(1) as u64) as usize
    }
}

/// Bytes that parsers look for.
const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"*",
    b"$",
    b"-1",
    b"0",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551615",
    b"4294967296",
    b"\0",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"nan",
    b"1e400",
];

/// A changed copy of `seed`, sometimes with a piece of `other`.
#[must_use]
pub fn mutate(seed: &[u8], other: &[u8], draw: &mut Draw) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=draw.below(4) {
        let at = draw.below(bytes.len() + 1);
        let to = (at + 1 + draw.below(32)).min(bytes.len());
        match draw.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << draw.below(8),
            1 if at < bytes.len() => bytes[at] = draw.below(256) as u8,
            2 => bytes.insert(at, draw.below(256) as u8),
            3 if at < to => drop(bytes.drain(at..to)),
            4 if at < to => {
                let piece = bytes[at..to].to_vec();
                let place = draw.below(bytes.len() + 1);
                bytes.splice(place..place, piece);
            }
            5 => drop(bytes.splice(at..at, TOKENS[draw.below(TOKENS.len())].iter().copied())),
            6 if !other.is_empty() => {
                let from = draw.below(other.len());
                let piece = &other[from..(from + 1 + draw.below(64)).min(other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            7 => bytes.truncate(at.max(1)),
            _ if at < to => bytes[at..to].fill(0),
            _ => bytes.push(draw.below(256) as u8),
        }
    }
    bytes.truncate(16 << 10);
    bytes
}

/// Bytes that mean nothing: for targets that read them as choices.
#[must_use]
pub fn noise(draw: &mut Draw) -> Vec<u8> {
    let length = match draw.below(3) {
        0 => draw.below(64),
        1 => draw.below(512),
        _ => draw.below(4096),
    };
    // Small numbers are choices more often than large ones are.
    let top = [256, 256, 32][draw.below(3)];
    (0..length).map(|_| draw.below(top) as u8).collect()
}
