//! A Redis log: the commands that changed something, one after the other.
//!
//! The clock stands still while they run, as it does when Redis loads a log: a key whose time has come is removed by
//! the log itself, or stays until the server that starts on the result removes it.

use std::time::{SystemTime, UNIX_EPOCH};

use lockstep_core::bytes::number::parse_u64;
use lockstep_core::command::spec::Flags;
use lockstep_core::command::table;
use lockstep_core::resp::parse::{Limits, Progress, Step, parse};
use lockstep_core::resp::{Args, Span};

use super::deadline;
use super::feed::{Feed, encode};
use super::input::Input;

/// The longest argument, in bytes: the default of `proto-max-bulk-len`.
const ARGUMENT_BYTES_MAX: u64 = 512 << 20;
/// The longest command, and the most that a transaction may hold, in bytes.
const COMMAND_BYTES_MAX: usize = 1 << 30;

/// A log being read.
struct Reading {
    /// Bytes not read yet; the first of them stands at `offset` in the file.
    bytes: Vec<u8>,
    offset: u64,
    /// What a transaction holds that has not come to its end, and where it began.
    transaction: Option<(u64, Vec<Vec<u8>>)>,
    transaction_bytes: usize,
    now_ms: i64,
}

/// Reads commands to the end of the file, behind `rest`, which was read already.
///
/// # Errors
/// What is wrong, with the offset.
pub fn read(input: &mut Input, rest: Vec<u8>, is_last: bool, feed: &mut Feed) -> Result<(), String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut reading = Reading {
        offset: input.read_bytes() - rest.len() as u64,
        bytes: rest,
        transaction: None,
        transaction_bytes: 0,
        now_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
    };
    let mut progress = Progress::default();
    let mut spans = Vec::new();
    loop {
        reading.take_all(&mut progress, &mut spans, feed)?;
        let piece = input.piece()?;
        if piece.is_empty() {
            break;
        }
        reading.bytes.extend_from_slice(&piece);
    }
    reading.end(is_last, feed)
}

impl Reading {
    /// Runs every command that is there whole.
    fn take_all(
        &mut self,
        progress: &mut Progress,
        spans: &mut Vec<Span>,
        feed: &mut Feed,
    ) -> Result<(), String> {
        let bytes = std::mem::take(&mut self.bytes);
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let end = match rest.first() {
                None => break,
                // A time stamp, for restoring a log up to a moment.
                Some(b'#') => match rest.iter().position(|&byte| byte == b'\n') {
                    Some(end) => end + 1,
                    None => break,
                },
                Some(b'*') => {
                    let limits = Limits { bulk_bytes_max: ARGUMENT_BYTES_MAX, unauthenticated: false };
                    let step = parse(rest, progress, spans, limits).map_err(|error| {
                        format!("at byte {}: {}", self.offset, String::from_utf8_lossy(&error.text()))
                    })?;
                    let Step::Complete(end) = step else { break };
                    *progress = Progress::default();
                    let taken = match &spans[..] {
                        [] => Err("an empty command".to_owned()),
                        spans => self.take(Args::new(rest, spans), &rest[..end], feed),
                    };
                    taken.map_err(|error| format!("at byte {}: {error}", self.offset))?;
                    spans.clear();
                    end
                }
                Some(_) => return Err(format!("at byte {}: no command begins here", self.offset)),
            };
            at += end;
            self.offset += end as u64;
        }
        self.bytes = bytes;
        self.bytes.drain(..at);
        if self.bytes.len() > COMMAND_BYTES_MAX {
            return Err(format!("at byte {}: a command longer than 1 GiB", self.offset));
        }
        Ok(())
    }

    fn take(&mut self, args: Args<'_>, bytes: &[u8], feed: &mut Feed) -> Result<(), String> {
        if args.is(0, "multi") {
            self.transaction = Some((self.offset, Vec::new()));
            self.transaction_bytes = 0;
            return Ok(());
        }
        if args.is(0, "exec") {
            for request in self.transaction.take().map(|(_, requests)| requests).unwrap_or_default() {
                run(&request, feed)?;
            }
            return Ok(());
        }
        if args.is(0, "select") && self.transaction.is_none() {
            let number = args.at(1).and_then(parse_u64).ok_or("SELECT without a number")?;
            return feed.select(number);
        }
        if !self.is_taken_over(args, feed) {
            return Ok(());
        }
        let rewritten = deadline::absolute(args, self.now_ms).map(|words| {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let mut request = Vec::new();
            encode(&words, &mut request);
            request
        });
        let bytes = rewritten.as_deref().unwrap_or(bytes);
        match &mut self.transaction {
            None => run(bytes, feed),
            Some((_, requests)) => {
                self.transaction_bytes += bytes.len();
                if self.transaction_bytes > COMMAND_BYTES_MAX {
                    return Err("a transaction longer than 1 GiB".into());
                }
                requests.push(bytes.to_vec());
                Ok(())
            }
        }
    }

    /// Whether a command is one that we have and that changes keys; others are counted by name.
    fn is_taken_over(&self, args: Args<'_>, feed: &mut Feed) -> bool {
        let name = args.get(0);
        if args.is(0, "select") {
            return true;
        }
        if table::find(name).is_some_and(|command| command.spec().flags.has(Flags::WRITE)) {
            return true;
        }
        if args.is(0, "function") {
            feed.library();
            return false;
        }
        let name = String::from_utf8_lossy(&name[..name.len().min(64)]).to_uppercase();
        feed.refuse(&format!("command {name}"));
        false
    }

    /// The file has ended.
    fn end(self, is_last: bool, feed: &mut Feed) -> Result<(), String> {
        let begun = self.transaction.map(|(offset, _)| offset);
        let cut = (!self.bytes.is_empty()).then_some(self.offset);
        let Some(offset) = begun.or(cut) else { return Ok(()) };
        if !is_last {
            return Err(format!(
                "at byte {offset}: the file ends within a command, and it is not the last file"
            ));
        }
        feed.note(format!(
            "The log ends within what begins at byte {offset}: that was not finished, and is left out."
        ));
        Ok(())
    }
}

fn run(request: &[u8], feed: &mut Feed) -> Result<(), String> {
    match feed.run(request) {
        Ok(_) => Ok(()),
        // It may have wanted a key that was not taken over.
        Err(_) if feed.has_refused() => {
            feed.refuse("command that failed behind others that were left out");
            Ok(())
        }
        Err(error) => Err(error),
    }
}
