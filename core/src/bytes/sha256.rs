//! SHA-256 (FIPS 180-4): passwords are shown by their hash only.

const ROUND_CONSTANTS: [u32; 64] = round_constants();

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2).
const fn round_constants() -> [u32; 64] {
    let mut constants = [0; 64];
    let mut found = 0;
    let mut candidate: u64 = 2;
    while found < 64 {
        if is_prime(candidate) {
            constants[found] = root_fraction(candidate, 3);
            found += 1;
        }
        candidate += 1;
    }
    constants
}

/// The same of the square roots of the first 8 primes (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] = {
    let primes = [2, 3, 5, 7, 11, 13, 17, 19];
    let mut state = [0; 8];
    let mut at = 0;
    while at < 8 {
        state[at] = root_fraction(primes[at], 2);
        at += 1;
    }
    state
};

const fn is_prime(number: u64) -> bool {
    let mut divisor = 2;
    while divisor * divisor <= number {
        if number.is_multiple_of(divisor) {
            return false;
        }
        divisor += 1;
    }
    true
}

/// The first 32 bits behind the point of the square root (`degree` 2) or cube root (3): the largest `root` with
/// `root^degree <= number * 2^(32 * degree)`, found bit by bit; its lower half is the fraction.
const fn root_fraction(number: u64, degree: u32) -> u32 {
    let mut root: u128 = 0;
    let mut bit = 36;
    while bit > 0 {
        bit -= 1;
        let next = root | (1 << bit);
        if next.pow(degree) <= (number as u128) << (32 * degree) {
            root = next;
        }
    }
    root as u32
}

/// The hash of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if padded.len() - bytes.len() < 9 {
        padded.resize(padded.len() + 64, 0);
    }
    let end = padded.len();
    padded[end - 8..].copy_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
    let mut state = INITIAL;
    for block in padded.chunks_exact(64) {
        compress(&mut state, block);
    }
    let mut hash = [0; 32];
    for (place, word) in hash.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    hash
}

/// The hash in hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn compress(state: &mut [u32; 8], block: &[u8]) {
    let mut schedule = [0_u32; 64];
    for (word, bytes) in schedule.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes(bytes.try_into().expect("four bytes"));
    }
    for at in 16..64 {
        let (before, near) = (schedule[at - 15], schedule[at - 2]);
        let small0 = before.rotate_right(7) ^ before.rotate_right(18) ^ (before >> 3);
        let small1 = near.rotate_right(17) ^ near.rotate_right(19) ^ (near >> 10);
        schedule[at] =
            schedule[at - 16].wrapping_add(small0).wrapping_add(schedule[at - 7]).wrapping_add(small1);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (constant, word) in ROUND_CONSTANTS.iter().zip(schedule) {
        let big1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let first = h.wrapping_add(big1).wrapping_add(choice).wrapping_add(*constant).wrapping_add(word);
        let big0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        let second = big0.wrapping_add(majority);
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(first), c, b, a, first.wrapping_add(second));
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of FIPS 180-4 and of NIST's example files; the lengths around one block are where padding goes wrong.
    #[test]
    fn known_hashes() {
        for (text, hash) in [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(sha256_hex(text.as_bytes()), hash, "{text}");
        }
        assert_eq!(
            sha256_hex(&vec![b'a'; 1_000_000]),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        );
        let by_length: Vec<String> =
            [55, 56, 63, 64, 65].map(|len| sha256_hex(&vec![b'a'; len])[..8].to_owned()).into();
        assert_eq!(by_length, ["9f4390f8", "b35439a4", "7d3e74a0", "ffe054fe", "635361c4"]);
    }
}
