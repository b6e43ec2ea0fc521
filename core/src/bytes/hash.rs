//! A keyed 64-bit hash of bytes, for tables whose keys strangers choose.
//!
//! Folded multiplication over eight-byte words, in the manner of wyhash and its relatives: each step
//! multiplies two keyed words to 128 bits and folds the halves together. It is not a cryptographic hash;
//! its protection against chosen collisions is the secret seed, which never leaves the group. So *both* words
//! of a step are keyed with something derived from the seed: a product with zero is zero, and whoever can make
//! one word zero without knowing the seed has keys that collide under every seed.

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const FIRST: u64 = 0xd6e8_feb8_6659_fd93;
const SECOND: u64 = 0xa076_1d64_78bd_642f;

fn fold(left: u64, right: u64) -> u64 {
    let wide = u128::from(left) * u128::from(right);
    (wide as u64) ^ ((wide >> 64) as u64)
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// The hash of `bytes` under `seed`. The same on every platform.
#[must_use]
pub fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let seed = seed ^ fold(seed ^ FIRST, length as u64 ^ SECOND);
    let (low, high) = match length {
        0 => (0, 0),
        1..=3 => {
            let wide =
                u64::from(bytes[0]) << 16 | u64::from(bytes[length / 2]) << 8 | u64::from(bytes[length - 1]);
            (wide, 0)
        }
        4..=7 => {
            let front = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"));
            let back = u32::from_le_bytes(bytes[length - 4..].try_into().expect("four bytes"));
            (u64::from(front), u64::from(back))
        }
        8..=16 => (word(bytes, 0), word(bytes, length - 8)),
        _ => return hash_long(seed, bytes),
    };
    finish(seed, low, high)
}

fn hash_long(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = seed;
    // Rotated, because the two chains are joined below and must not cancel out the seed.
    let mut lane = seed.rotate_left(11) ^ STEP;
    let (first, second) = (seed.rotate_left(21) ^ FIRST, seed.rotate_left(43) ^ SECOND);
    let mut at = 0;
    // Two independent chains, so that the multiplications overlap.
    while bytes.len() - at > 32 {
        state = fold(word(bytes, at) ^ first, word(bytes, at + 8) ^ state);
        lane = fold(word(bytes, at + 16) ^ second, word(bytes, at + 24) ^ lane);
        at += 32;
    }
    state ^= lane;
    if bytes.len() - at > 16 {
        state = fold(word(bytes, at) ^ first, word(bytes, at + 8) ^ state);
    }
    finish(state, word(bytes, bytes.len() - 16), word(bytes, bytes.len() - 8))
}

fn finish(seed: u64, low: u64, high: u64) -> u64 {
    let mixed = fold(low ^ seed.rotate_left(32) ^ FIRST, high ^ seed);
    fold(mixed ^ STEP, seed ^ SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hash order reaches cursors and snapshots, so the function may never change unnoticed.
    #[test]
    fn values_are_fixed() {
        let bytes: Vec<u8> = (0..=255).collect();
        let all = (0..bytes.len()).fold(0, |sum: u64, length| sum.rotate_left(1) ^ hash(7, &bytes[..length]));
        assert_eq!(all, 0xc3da_9c5e_944f_1de6);
        assert_ne!(hash(1, b"key"), hash(2, b"key"));
    }

    #[test]
    fn every_bit_of_the_input_matters() {
        for length in 1..100 {
            let bytes = vec![0x5a; length];
            let whole = hash(3, &bytes);
            for bit in 0..length * 8 {
                let mut other = bytes.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(hash(3, &other), whole, "bit {bit} of {length} bytes");
            }
        }
    }

    #[test]
    fn the_seed_matters_at_every_length() {
        for length in 0..200 {
            let bytes = vec![0x5a; length];
            let mut hashes: Vec<u64> = (0..64).map(|bit| hash(1 << bit, &bytes)).collect();
            hashes.sort_unstable();
            hashes.dedup();
            assert_eq!(hashes.len(), 64, "{length} bytes");
        }
    }

    /// Words that equal a constant of the function must not cancel out what stands beside them.
    #[test]
    fn no_word_silences_another() {
        for constant in [FIRST, SECOND, STEP] {
            for length in [16, 24, 32, 40, 48, 64, 72, 80] {
                for silencer in (0..=length - 8).step_by(8) {
                    let mut bytes = vec![0x33; length];
                    bytes[silencer..silencer + 8].copy_from_slice(&constant.to_le_bytes());
                    let mut hashes: Vec<u64> = (0..length)
                        .filter(|at| !(silencer..silencer + 8).contains(at))
                        .map(|at| {
                            let mut other = bytes.clone();
                            other[at] = 0x44;
                            hash(5, &other)
                        })
                        .collect();
                    hashes.sort_unstable();
                    hashes.dedup();
                    assert_eq!(hashes.len(), length - 8, "{length} bytes, {constant:x} at {silencer}");
                }
            }
        }
    }

    #[test]
    fn high_and_low_bits_spread() {
        let mut high = [0_u32; 1024];
        let mut low = [0_u32; 256];
        for key in 0..200_000 {
            let hash = hash(11, format!("key:{key:012}").as_bytes());
            high[(hash >> 54) as usize] += 1;
            low[(hash & 255) as usize] += 1;
        }
        // Expected 195 and 781; six standard deviations.
        assert!(high.iter().all(|&count| (111..280).contains(&count)));
        assert!(low.iter().all(|&count| (613..950).contains(&count)));
    }
}
