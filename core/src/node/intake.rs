//! From bytes to commands: parse where they lie, in bursts, and hand each command on.

use super::Node;
use super::admit::Flow;
use crate::command::{CommandId, table};
use crate::ids::ConnId;
use crate::resp::parse::{Limits, Progress, ProtocolError, Step, encode_inline, parse};
use crate::resp::{Args, Span};
use crate::session::State;

/// So many commands are parsed before the first of them runs, so that the memory they will want can be asked
/// for in one go.
const BURST: usize = 64;

/// So many keys are asked for side by side: as many loads as a processor keeps under way, and some.
const WARMED_AT_ONCE: usize = 64;
/// Of a burst no more keys are asked for than this: what comes too early is pushed out again before its turn.
const WARMED_MAX: usize = 1024;

/// A parsed command.
#[derive(Clone, Copy, Debug)]
struct Unit {
    /// Its row; `None` when the name is unknown.
    command: Option<CommandId>,
    /// Where it begins and ends in the chunk.
    start: usize,
    end: usize,
    /// Its arguments, in the burst's spans.
    first_span: usize,
    last_span: usize,
    /// Where its bytes stand in `inline`, when it came as a line.
    inline: Option<(usize, usize)>,
}

/// Memory that every burst uses again.
#[derive(Debug, Default)]
pub(super) struct Burst {
    units: Vec<Unit>,
    spans: Vec<Span>,
    /// Requests that came as lines, written as multibulk.
    inline: Vec<u8>,
}

impl Burst {
    fn clear(&mut self) {
        self.units.clear();
        self.spans.clear();
        self.inline.clear();
    }

    fn args<'a>(&'a self, unit: &Unit, chunk: &'a [u8]) -> (Args<'a>, &'a [u8]) {
        let spans = &self.spans[unit.first_span..unit.last_span];
        let bytes = match unit.inline {
            Some((start, end)) => &self.inline[start..end],
            None => &chunk[unit.start..unit.end],
        };
        (Args::new(bytes, spans), bytes)
    }
}

/// How parsing a burst ended.
enum End {
    /// The burst is full; there may be more.
    Full,
    /// The rest of the chunk is the beginning of a command.
    Cut(Progress),
    /// The rest of the chunk is no request.
    Broken(ProtocolError),
}

impl Node {
    /// Bytes of a client arrived.
    pub(super) fn received(&mut self, conn: ConnId, bytes: &[u8]) {
        self.stats.input_bytes += bytes.len() as u64;
        self.stats.reads += 1;
        let Some(session) = self.sessions.get_mut(conn) else { return };
        session.client.active = self.now.mono;
        if session.client.closing {
            return;
        }
        // A session that became ready earlier in this turn still has what it kept; that is run when the turn ends.
        if session.state != State::Ready || session.input.is_whole() {
            session.input.keep_whole(bytes);
            if session.state == State::Ready {
                // It may go on when the turn ends; what came first is run first.
                self.ready.push(conn);
            }
            self.bound_input(conn);
            return;
        }
        let mut rest = bytes;
        if !session.input.bytes.is_empty() {
            match self.complete_cut(conn, rest) {
                Some(used) => rest = &rest[used..],
                None => {
                    self.bound_input(conn);
                    return;
                }
            }
        }
        self.consume(conn, rest);
    }

    /// Goes on with what a session had to keep.
    pub(super) fn resume(&mut self, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        if session.state != State::Ready || session.input.bytes.is_empty() {
            return;
        }
        let bytes = session.input.take();
        self.consume(conn, &bytes);
        self.unpause_reading(conn);
    }

    fn limits(&self, conn: ConnId) -> Limits {
        let unauthenticated = self.sessions.get(conn).is_some_and(|session| !session.client.authenticated);
        Limits { bulk_bytes_max: self.config.proto_max_bulk_len_bytes, unauthenticated }
    }

    /// Completes the command that was cut with the front of `bytes` and runs it. Returns how many bytes were
    /// used; `None` when there is nothing more to do with this chunk.
    fn complete_cut(&mut self, conn: ConnId, bytes: &[u8]) -> Option<usize> {
        let limits = self.limits(conn);
        let session = self.sessions.get_mut(conn)?;
        let mut pending = core::mem::take(&mut session.input);
        let (used, step) = match pending.complete(bytes, limits) {
            Ok((_, Step::Incomplete)) => {
                self.sessions.get_mut(conn)?.input = pending;
                return None;
            }
            Ok(found) => found,
            Err(error) => {
                self.protocol_error(conn, error);
                return None;
            }
        };
        if let Step::Inline { line_bytes, .. } = step
            && let Err(error) = pending.rewrite_line(line_bytes)
        {
            self.protocol_error(conn, error);
            return None;
        }
        let flow = if pending.spans().is_empty() {
            Flow::Go
        } else {
            let args = Args::new(&pending.bytes, pending.spans());
            self.dispatch(conn, table::find(args.get(0)), args, &pending.bytes)
        };
        let session = self.sessions.get_mut(conn)?;
        if flow == Flow::Keep {
            // It has to wait: keep it whole, with all that follows.
            session.input.keep_whole(&pending.bytes);
            session.input.keep_whole(&bytes[used..]);
            return None;
        }
        pending.clear();
        session.input = pending;
        if flow == Flow::Stop {
            session.input.keep_whole(&bytes[used..]);
            return None;
        }
        Some(used)
    }

    /// Runs the commands in `chunk`, and keeps what is left of it.
    fn consume(&mut self, conn: ConnId, chunk: &[u8]) {
        let mut burst = core::mem::take(&mut self.burst);
        let mut at = 0;
        while at < chunk.len() {
            burst.clear();
            let limits = self.limits(conn);
            let (next, end) = fill(&mut burst, chunk, at, limits);
            self.warm(conn, &burst, chunk);
            if let Some(kept_from) = self.run_burst(conn, &burst, chunk) {
                if let Some(session) = self.sessions.get_mut(conn)
                    && !session.client.closing
                {
                    session.input.keep_whole(&chunk[kept_from..]);
                }
                break;
            }
            at = next;
            match end {
                End::Full => {}
                End::Cut(progress) => {
                    if let Some(session) = self.sessions.get_mut(conn) {
                        let first = burst.units.last().map_or(0, |unit| unit.last_span);
                        session.input.keep_cut(&chunk[at..], &burst.spans[first..], progress);
                    }
                    break;
                }
                End::Broken(error) => {
                    self.protocol_error(conn, error);
                    break;
                }
            }
        }
        self.burst = burst;
        self.bound_input(conn);
    }

    /// Runs a burst; when it had to stop, returns where the part of the chunk begins that is to be kept.
    fn run_burst(&mut self, conn: ConnId, burst: &Burst, chunk: &[u8]) -> Option<usize> {
        for unit in &burst.units {
            let (args, bytes) = burst.args(unit, chunk);
            match self.dispatch(conn, unit.command, args, bytes) {
                Flow::Go => {}
                Flow::Stop => return Some(unit.end),
                Flow::Keep => return Some(unit.start),
            }
        }
        None
    }

    /// Asks for the memory that the commands of a burst will want: the loads do not wait for each other here,
    /// as they would if each came in the middle of its command.
    fn warm(&self, conn: ConnId, burst: &Burst, chunk: &[u8]) {
        let database = self.sessions.get(conn).map_or(0, |session| session.client.database);
        let mut hashes = [0; WARMED_AT_ONCE];
        let (mut count, mut left) = (0, WARMED_MAX);
        for unit in &burst.units {
            let Some(command) = unit.command else { continue };
            let (args, _) = burst.args(unit, chunk);
            for index in command.row().keys.indexes(args.len()).take(left) {
                hashes[count] = self.keyspace.hash(args.get(index));
                count += 1;
                left -= 1;
                if count == WARMED_AT_ONCE {
                    self.keyspace.warm(database, &hashes);
                    count = 0;
                }
            }
        }
        // A single key is asked for as early by the command itself.
        if count > 1 {
            self.keyspace.warm(database, &hashes[..count]);
        }
    }

    /// The peer broke the protocol: it is told so, and that is the end.
    fn protocol_error(&mut self, conn: ConnId, error: ProtocolError) {
        self.stats.protocol_errors += 1;
        let Some(session) = self.sessions.get_mut(conn) else { return };
        let text = error.text();
        let reply = crate::resp::ReplyError::new(text);
        if session.in_lane == 0 {
            crate::resp::Reply::new(session.output.buffer(), session.client.protocol).error(&reply);
        } else {
            // What came before it is answered before it.
            session.last_words = Some(reply);
        }
        session.client.closing = true;
        session.input = crate::session::Pending::default();
        self.list_flush(conn);
    }

    /// Stops reading from a client that has to wait and goes on sending, and closes one that sends a command
    /// longer than `client-query-buffer-limit`.
    fn bound_input(&mut self, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        let held = session.input.bytes.len();
        let limit = self.config.client_query_buffer_limit_bytes.min(crate::limits::QUERY_BUFFER_BYTES);
        if held as u64 > limit {
            let text = format!(
                "Closing client that reached max query buffer length: {} held {held} bytes",
                session.client.peer
            );
            self.say(crate::Level::Warning, text);
            self.drop_session(conn);
            return;
        }
        if session.state != State::Ready && held > crate::limits::HELD_INPUT_BYTES && !session.reading_paused
        {
            session.reading_paused = true;
            self.actions.push_back(crate::Action::Pause { conn });
        }
    }

    fn unpause_reading(&mut self, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        if session.reading_paused && session.state == State::Ready {
            session.reading_paused = false;
            self.actions.push_back(crate::Action::Resume { conn });
        }
    }
}

/// Parses commands from `at` on until the burst is full. Returns where the next command begins and why it ended.
fn fill(burst: &mut Burst, chunk: &[u8], mut at: usize, limits: Limits) -> (usize, End) {
    // Logging in changes what the parser accepts, so strangers are served one command at a time.
    let room = if limits.unauthenticated { 1 } else { BURST };
    while burst.units.len() < room && at < chunk.len() {
        let first_span = burst.spans.len();
        let mut progress = Progress::default();
        let bytes = &chunk[at..];
        match parse(bytes, &mut progress, &mut burst.spans, limits) {
            Ok(Step::Complete(length)) => {
                let last_span = burst.spans.len();
                if last_span > first_span {
                    let command = table::find(Args::new(bytes, &burst.spans[first_span..last_span]).get(0));
                    let end = at + length;
                    burst.units.push(Unit { command, start: at, end, first_span, last_span, inline: None });
                }
                at += length;
            }
            Ok(Step::Inline { line_bytes, end }) => {
                if let Err(error) = push_line(burst, &bytes[..line_bytes], at, at + end) {
                    return (at, End::Broken(error));
                }
                at += end;
            }
            Ok(Step::Incomplete) => return (at, End::Cut(progress)),
            Err(error) => {
                burst.spans.truncate(first_span);
                return (at, End::Broken(error));
            }
        }
    }
    (at, End::Full)
}

/// Adds an inline request to the burst, unless it is blank.
fn push_line(burst: &mut Burst, line: &[u8], start: usize, end: usize) -> Result<(), ProtocolError> {
    let (first_span, inline_start) = (burst.spans.len(), burst.inline.len());
    if encode_inline(line, &mut burst.inline)? == 0 {
        return Ok(());
    }
    let encoded = &burst.inline[inline_start..];
    let step = parse(encoded, &mut Progress::default(), &mut burst.spans, Limits::NONE);
    debug_assert_eq!(step, Ok(Step::Complete(encoded.len())), "what we encode, we can parse");
    let last_span = burst.spans.len();
    let command = table::find(Args::new(encoded, &burst.spans[first_span..last_span]).get(0));
    let inline = Some((inline_start, burst.inline.len()));
    burst.units.push(Unit { command, start, end, first_span, last_span, inline });
    Ok(())
}
