//! Bytes a client is to be sent.

/// Replies in order; the socket takes them from the front.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    sent: usize,
}

impl Output {
    /// Where replies are written.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What was not sent yet.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Whether everything was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// The socket took `count_bytes`.
    ///
    /// Returns the buffer when it is empty now, so that it can serve another connection: idle connections hold
    /// no output memory.
    ///
    /// # Panics
    /// When the socket took more than there was.
    pub fn take_sent(&mut self, count_bytes: usize) -> Option<Vec<u8>> {
        self.sent += count_bytes;
        assert!(self.sent <= self.bytes.len(), "a socket takes no more than there is");
        if self.is_empty() {
            self.sent = 0;
            let mut bytes = core::mem::take(&mut self.bytes);
            bytes.clear();
            return Some(bytes);
        }
        // Give back what was sent of a very long reply.
        if self.sent > (1 << 20) && self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        None
    }

    /// Begins with an empty buffer that has room already, unless it has one of its own.
    pub fn lend(&mut self, buffer: Vec<u8>) {
        debug_assert!(self.bytes.is_empty() && buffer.is_empty(), "only an empty buffer is exchanged");
        self.bytes = buffer;
    }

    /// Whether a buffer could be lent to it.
    #[must_use]
    pub fn wants_buffer(&self) -> bool {
        self.bytes.capacity() == 0
    }
}
