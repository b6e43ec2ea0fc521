//! Numbers in as few bytes as they need: seven bits a byte, lowest first, the top bit says that more follow.

/// How many bytes [`push`] would add.
#[inline]
#[must_use]
pub fn len(number: u64) -> usize {
    if number < 0x80 { 1 } else { (64 - number.leading_zeros() as usize).div_ceil(7) }
}

/// Appends a number.
pub fn push(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes a number to the front of `out`, which has room, and returns how many bytes it took.
#[inline]
pub fn write(out: &mut [u8], mut number: u64) -> usize {
    let mut at = 0;
    while number >= 0x80 {
        out[at] = number as u8 | 0x80;
        number >>= 7;
        at += 1;
    }
    out[at] = number as u8;
    at + 1
}

/// The number at the front of `bytes` and how many bytes it takes; `None` if they end within it, if it does not
/// fit into 64 bits, or if it could be shorter.
#[inline]
#[must_use]
pub fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((u64::from(first), 1));
    }
    let mut number = u64::from(first & 0x7f);
    for (at, &byte) in bytes.iter().enumerate().take(10).skip(1) {
        if at == 9 && byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return (byte != 0).then_some((number, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        let edges = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit]).chain([u64::MAX]);
        for number in edges {
            let mut bytes = Vec::new();
            push(&mut bytes, number);
            assert_eq!(bytes.len(), len(number));
            let mut written = [0; 10];
            assert_eq!(write(&mut written, number), bytes.len());
            assert_eq!(written[..bytes.len()], bytes);
            assert_eq!(read(&bytes), Some((number, bytes.len())));
            assert_eq!(read(&bytes[..bytes.len() - 1]), None, "cut short");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert_eq!(read(&[0x80, 0]), None, "could be shorter");
        assert_eq!(read(&[0xff; 11]), None);
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), None, "65 bits");
    }
}
