//! What happened, as a running hash, and as lines for those who want to read them.

use crate::random::mix;
use crate::schedule::Micros;

/// The trace of a run.
#[derive(Debug, Default)]
pub struct Trace {
    hash: u64,
    verbose: bool,
}

impl Trace {
    /// An empty trace, whose lines are printed if they are wanted.
    #[must_use]
    pub fn new(verbose: bool) -> Self {
        Self { hash: 0, verbose }
    }

    /// Notes a happening by a few numbers.
    pub fn note(&mut self, at_us: Micros, what: u8, numbers: &[u64]) {
        self.hash = mix(mix(self.hash, u64::from(what)), at_us);
        for &number in numbers {
            self.hash = mix(self.hash, number);
        }
    }

    /// Notes bytes that crossed the edge of a node.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let mut hash = mix(self.hash, bytes.len() as u64);
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            hash = mix(hash, u64::from_le_bytes(chunk.try_into().expect("eight bytes")));
        }
        for &byte in chunks.remainder() {
            hash = mix(hash, u64::from(byte));
        }
        self.hash = hash;
    }

    /// Prints a line, if anybody wants to read it.
    pub fn line(&self, at_us: Micros, text: impl FnOnce() -> String) {
        if self.verbose {
            println!("{:>12.6}  {}", at_us as f64 / 1e6, text());
        }
    }

    /// The hash of all that was noted.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_differs_shows_in_the_hash() {
        let hash = |at_us, number, bytes: &[u8]| {
            let mut trace = Trace::default();
            trace.note(at_us, 1, &[number]);
            trace.bytes(bytes);
            trace.hash()
        };
        let base = hash(1, 2, b"0123456789");
        assert_eq!(base, hash(1, 2, b"0123456789"));
        for other in [
            hash(2, 2, b"0123456789"),
            hash(1, 3, b"0123456789"),
            hash(1, 2, b"012345678"),
            hash(1, 2, b"1123456789"),
        ] {
            assert_ne!(base, other);
        }
    }
}
