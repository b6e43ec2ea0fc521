//! Bytes of a connection that could not be run yet: the beginning of a command that was cut, or whole commands
//! of a client that has to wait.

use crate::resp::Span;
use crate::resp::parse::{Limits, Progress, ProtocolError, Step, encode_inline, parse};

/// Usually empty: commands are run where they arrive.
#[derive(Debug, Default)]
pub struct Pending {
    /// The bytes, beginning with the first one that belongs to no finished command.
    pub bytes: Vec<u8>,
    spans: Vec<Span>,
    progress: Progress,
    /// They begin with a whole command, or may.
    whole: bool,
}

impl Pending {
    /// Keeps the beginning of a command whose parse came so far.
    pub fn keep_cut(&mut self, bytes: &[u8], spans: &[Span], progress: Progress) {
        debug_assert!(self.bytes.is_empty(), "only one command can be cut");
        self.bytes.extend_from_slice(bytes);
        self.spans.extend_from_slice(spans);
        self.progress = progress;
    }

    /// Keeps whole commands, and whatever follows them, to be parsed again.
    pub fn keep_whole(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.whole = !self.bytes.is_empty();
    }

    /// Whether what is there waits to be parsed anew, and so cannot be completed.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Rewrites the completed line, of so many bytes, as a multibulk request with its arguments in the spans. A
    /// blank line leaves no arguments.
    ///
    /// # Errors
    /// When its quotes do not match.
    pub fn rewrite_line(&mut self, line_bytes: usize) -> Result<(), ProtocolError> {
        let mut command = Vec::new();
        if encode_inline(&self.bytes[..line_bytes], &mut command)? > 0 {
            let step = parse(&command, &mut Progress::default(), &mut self.spans, Limits::NONE);
            debug_assert_eq!(step, Ok(Step::Complete(command.len())), "what we encode, we can parse");
        }
        self.bytes = command;
        Ok(())
    }

    /// Takes all bytes; parsing begins anew.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.spans.clear();
        self.progress = Progress::default();
        self.whole = false;
        core::mem::take(&mut self.bytes)
    }

    /// Completes the cut command with the front of `more`, taking no more than it needs where that is known.
    ///
    /// Returns how many bytes of `more` were used and what the parse found. At [`Step::Incomplete`] all were
    /// used. Otherwise the command's bytes and [`spans`](Self::spans) stand ready, and [`clear`](Self::clear) is
    /// to be called when it has run.
    ///
    /// # Errors
    /// When the bytes are no request.
    ///
    /// # Panics
    /// When what is kept is no beginning of one command (see [`is_whole`](Self::is_whole)).
    pub fn complete(&mut self, more: &[u8], limits: Limits) -> Result<(usize, Step), ProtocolError> {
        assert!(!self.whole, "only a command that was cut can be completed");
        let mut used = 0;
        loop {
            // Headers are short: a few bytes at a time copy little more than the command itself.
            let wanted = self.progress.wants(self.bytes.len()).max(32);
            let taken = wanted.min(more.len() - used);
            self.bytes.extend_from_slice(&more[used..used + taken]);
            used += taken;
            let step = parse(&self.bytes, &mut self.progress, &mut self.spans, limits)?;
            let end = match step {
                Step::Incomplete if used == more.len() => return Ok((used, step)),
                Step::Incomplete => continue,
                Step::Complete(end) | Step::Inline { end, .. } => end,
            };
            // What was copied beyond the command's end still belongs to `more`.
            let beyond = self.bytes.len() - end;
            self.bytes.truncate(end);
            return Ok((used - beyond, step));
        }
    }

    /// The arguments of the completed command.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Forgets the completed command. A large buffer is given back.
    pub fn clear(&mut self) {
        const KEPT_BYTES_MAX: usize = 4096;
        if self.bytes.capacity() > KEPT_BYTES_MAX {
            self.bytes = Vec::new();
        } else {
            self.bytes.clear();
        }
        self.spans.clear();
        self.progress = Progress::default();
        self.whole = false;
    }

    /// Gives memory back while nothing is pending.
    pub fn shrink(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
            self.spans = Vec::new();
        }
    }

    /// Memory held, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Args;

    const LIMITS: Limits = Limits { bulk_bytes_max: 1 << 20, unauthenticated: false };

    #[test]
    fn a_cut_command_takes_only_its_own_bytes() {
        let command = b"*2\r\n$4\r\nECHO\r\n$100\r\n".iter().copied().chain([b'x'; 100]).chain(*b"\r\n");
        let command: Vec<u8> = command.collect();
        let mut stream = command.clone();
        stream.extend_from_slice(b"*1\r\n$4\r\nPING\r\n");
        for cut in 1..command.len() {
            let mut pending = Pending::default();
            pending.keep_cut(&stream[..cut], &[], Progress::default());
            let (used, step) = pending.complete(&stream[cut..], LIMITS).unwrap();
            assert_eq!((used, step), (command.len() - cut, Step::Complete(command.len())), "cut at {cut}");
            assert_eq!(pending.bytes, command);
            assert_eq!(pending.spans().len(), 2);
        }
    }

    #[test]
    fn what_is_kept_whole_is_not_completed_until_it_was_taken() {
        let mut pending = Pending::default();
        pending.keep_whole(b"");
        assert!(!pending.is_whole());
        pending.keep_whole(b"*1\r\n$4\r\nPING\r\n*1");
        assert!(pending.is_whole());
        assert_eq!(pending.take(), b"*1\r\n$4\r\nPING\r\n*1");
        assert!(!pending.is_whole());
    }

    #[test]
    fn a_cut_line_becomes_a_request() {
        let mut pending = Pending::default();
        pending.keep_cut(b"echo 'a ", &[], Progress::default());
        let Ok((6, Step::Inline { line_bytes: 12, end: 14 })) = pending.complete(b"b' c\r\nPING\r\n", LIMITS)
        else {
            panic!("a line is complete")
        };
        pending.rewrite_line(12).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(pending.bytes, b"*3\r\n$4\r\necho\r\n$3\r\na b\r\n$1\r\nc\r\n");
        let args = Args::new(&pending.bytes, pending.spans());
        assert_eq!((args.get(0), args.get(1), args.get(2)), (&b"echo"[..], &b"a b"[..], &b"c"[..]));
    }
}
