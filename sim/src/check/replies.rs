//! INV-L6: replies match requests one to one, in order. The bytes that leave a node on one connection, cut into replies.

use crate::history::{Violation, violated};
use crate::resp::{Reply, parse};

/// The replies of one connection.
#[derive(Debug, Default)]
pub struct Replies {
    pending: Vec<u8>,
    total: u64,
    /// Where each reply ends in the stream.
    ends: Vec<u64>,
    counted: usize,
}

impl Replies {
    /// Takes in bytes, and gives the replies that are whole now.
    ///
    /// # Errors
    /// When they are no replies.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Reply>, Violation> {
        self.pending.extend_from_slice(bytes);
        let (mut replies, mut at) = (Vec::new(), 0);
        loop {
            match parse(&self.pending[at..]) {
                Ok(Some((reply, length))) => {
                    at += length;
                    self.total += length as u64;
                    self.ends.push(self.total);
                    replies.push(reply);
                }
                Ok(None) => break,
                Err(broken) => return violated("INV-L6", broken.0),
            }
        }
        self.pending.drain(..at);
        Ok(replies)
    }

    /// How many replies were matched with their requests.
    #[must_use]
    pub fn count(&self) -> usize {
        self.counted
    }

    /// One more was matched.
    pub fn counted(&mut self) {
        self.counted += 1;
    }

    /// How many replies lie within the first `bytes` bytes.
    #[must_use]
    pub fn within(&self, bytes: u64) -> usize {
        self.ends.partition_point(|end| *end <= bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_come_whole_however_the_bytes_are_cut() {
        let bytes = b"+OK\r\n$3\r\na\r\n\r\n:4\r\n";
        for cut in 0..bytes.len() {
            let mut replies = Replies::default();
            let mut found = replies.take(&bytes[..cut]).expect("replies");
            found.extend(replies.take(&bytes[cut..]).expect("replies"));
            assert_eq!(found, [Reply::ok(), Reply::Bulk(b"a\r\n".to_vec()), Reply::Integer(4)]);
            assert_eq!((replies.within(4), replies.within(5), replies.within(100)), (0, 1, 3));
        }
    }

    #[test]
    fn bytes_that_are_no_reply_are_a_violation() {
        assert!(Replies::default().take(b"+OK\r\nxx\r\n").is_err());
    }
}
