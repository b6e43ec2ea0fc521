//! Runs commands: one in place, a batch from the lane, an entry of the log again.

use super::Node;
use super::admit::Flow;
use super::lane::{Batch, Run, Source};
use crate::bytes::number::{IntegerText, parse_u64};
use crate::command::client::ReplyMode;
use crate::command::{CommandId, Context, Flags, Outcome, table};
use crate::ids::{ConnId, LogIndex};
use crate::resp::parse::{Limits, Progress, Step, parse};
use crate::resp::{Args, Reply, Span};
use crate::session::{Session, State};
use crate::time::UnixMillis;

/// The longest unit that chooses a database, in bytes.
pub(super) const SELECT_BYTES_MAX: usize = 64;

/// The unit that removes due keys; no client can send it, since no command has this name.
const EXPIRE_UNIT: &[u8] = b"_expire";

/// Takes the units of a payload one by one.
struct Units<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Units<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next unit's bytes; its arguments are in `spans`.
    ///
    /// # Errors
    /// When there is no whole unit.
    fn next(&mut self, spans: &mut Vec<Span>) -> Result<Option<&'a [u8]>, Unreadable> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        spans.clear();
        let rest = &self.bytes[self.at..];
        let step = parse(rest, &mut Progress::default(), spans, Limits::NONE);
        let Ok(Step::Complete(length)) = step else { return Err(Unreadable::Unit) };
        if spans.is_empty() {
            return Err(Unreadable::Unit);
        }
        self.at += length;
        Ok(Some(&rest[..length]))
    }
}

/// Why an entry cannot be run again, although its checksum holds: another version wrote it, or under settings
/// that are not ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Unreadable {
    /// It does not consist of whole commands.
    Unit,
    /// It holds a command that no version up to this one logs like this.
    Command(String),
    /// It uses a database beyond what `databases` says.
    Database(u64),
}

impl core::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unit => f.write_str("it does not consist of whole commands"),
            Self::Command(name) => write!(f, "it holds a command that this version does not log, '{name}'"),
            Self::Database(number) => {
                write!(f, "it uses database {number}; start with 'databases' of {} or more", number + 1)
            }
        }
    }
}

impl Unreadable {
    fn command(args: Args<'_>) -> Self {
        let name = args.get(0);
        Self::Command(name[..name.len().min(64)].escape_ascii().to_string())
    }
}

impl Node {
    /// Runs one command where it stands. Afterwards it is in the open entry if it changed anything.
    pub(super) fn run_in_place(
        &mut self,
        conn: ConnId,
        command: CommandId,
        args: Args<'_>,
        unit: &[u8],
    ) -> Flow {
        let time = self.writer.time();
        let writes = command.spec().flags.has(Flags::WRITE);
        if writes {
            self.draws.for_write(self.group, self.writer.open_id().index, self.open_units);
        } else {
            self.draws.for_read();
            self.reads_ran = true;
        }
        let before = self.keyspace.journal().changes();
        let Some(session) = self.sessions.get_mut(conn) else { return Flow::Stop };
        if session.output.wants_buffer()
            && let Some(buffer) = self.spare_buffers.pop()
        {
            session.output.lend(buffer);
        }
        let database = session.client.database;
        let mode = session.client.reply_mode;
        let start = session.output.buffer().len();
        session.client.last_command = Some(command);
        let mut context = Context {
            keyspace: &mut self.keyspace,
            reply: Reply::new(session.output.buffer(), session.client.protocol),
            client: &mut session.client,
            time,
            draws: &mut self.draws,
            lookups: &mut self.stats.lookups,
            config: &self.config,
            spec: command.spec(),
        };
        let outcome = (command.spec().run)(&mut context, args);
        let mut replied = session.output.buffer().len().saturating_sub(start);
        match outcome {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Ask(ask)) => self.ask(conn, ask),
            Err(error) => {
                session.output.buffer().truncate(start);
                Reply::new(session.output.buffer(), session.client.protocol).error(&error);
                replied = session.output.buffer().len() - start;
                self.stats.count_error(&error);
                self.stats.commands[command.index()].failed += 1;
            }
        }
        // Only now, so that what a command tells of commands, or resets, does not count itself.
        self.stats.commands[command.index()].calls += 1;
        if writes && self.keyspace.journal().changes() != before {
            self.log_unit_in(database, unit);
        }
        self.note_work(conn, command, args, replied);
        self.after_command(conn, mode, start)
    }

    /// What becomes of the reply, and of the commands behind.
    fn after_command(&mut self, conn: ConnId, mode_before: ReplyMode, start: usize) -> Flow {
        let Some(session) = self.sessions.get_mut(conn) else { return Flow::Stop };
        settle_reply(session, mode_before, start);
        let authenticated = session.client.authenticated;
        session.conditions.set(crate::command::Conditions::UNAUTHENTICATED, !authenticated);
        let stop = session.client.closing || session.state != State::Ready;
        if !session.flush_listed {
            session.flush_listed = true;
            self.flushes.push(conn);
        }
        if stop { Flow::Stop } else { Flow::Go }
    }

    /// Adds a write to the open entry, before it ran.
    pub(super) fn log_unit(&mut self, conn: ConnId, unit: &[u8]) {
        let database = self.sessions.get(conn).map_or(0, |session| session.client.database);
        self.log_unit_in(database, unit);
    }

    fn log_unit_in(&mut self, database: usize, unit: &[u8]) {
        let open = self.writer.open();
        if self.open_database != database {
            self.open_database = database;
            let digits = IntegerText::unsigned(database as u64);
            open.extend_from_slice(b"*2\r\n$6\r\nSELECT\r\n$");
            open.extend_from_slice(IntegerText::unsigned(digits.as_bytes().len() as u64).as_bytes());
            open.extend_from_slice(b"\r\n");
            open.extend_from_slice(digits.as_bytes());
            open.extend_from_slice(b"\r\n");
        }
        open.extend_from_slice(unit);
        self.open_units += 1;
        self.stats.changes_since_checkpoint += 1;
        if open.len() >= self.config.knobs.entry_batch_bytes as usize {
            self.seal();
        }
    }

    /// Adds to the open entry that up to `limit` due keys are removed.
    pub(super) fn log_expiry(&mut self, limit: usize) {
        let digits = IntegerText::unsigned(limit as u64);
        let open = self.writer.open();
        open.extend_from_slice(b"*2\r\n$7\r\n_expire\r\n$");
        open.extend_from_slice(IntegerText::unsigned(digits.as_bytes().len() as u64).as_bytes());
        open.extend_from_slice(b"\r\n");
        open.extend_from_slice(digits.as_bytes());
        open.extend_from_slice(b"\r\n");
    }

    /// Runs a batch whose gate opened.
    pub(super) fn run_batch(&mut self, batch: &Batch) {
        let (index, payload): (LogIndex, &[u8]) = match &batch.entry {
            Some((index, payload)) => (*index, payload),
            None => (LogIndex(0), &[]),
        };
        let mut spans = core::mem::take(&mut self.spans);
        let mut entry = Units::new(payload);
        let mut aside = Units::new(&batch.aside);
        let mut ordinal = 0;
        let mut database = 0;
        for run in &batch.runs {
            for _ in 0..run.commands {
                let units = if run.source == Source::Entry { &mut entry } else { &mut aside };
                let bytes = loop {
                    let bytes = units.next(&mut spans).expect("this node wrote it");
                    let bytes = bytes.expect("a batch holds as many units as its runs say");
                    if !self.run_own_unit(Args::new(bytes, &spans), &mut database, batch.time) {
                        break bytes;
                    }
                };
                let place = (run.source == Source::Entry).then_some((index, ordinal));
                ordinal += u32::from(place.is_some());
                self.run_from_lane(run, Args::new(bytes, &spans), place, database, batch.time);
            }
        }
        while let Some(bytes) = entry.next(&mut spans).expect("this node wrote it") {
            let internal = self.run_own_unit(Args::new(bytes, &spans), &mut database, batch.time);
            assert!(internal, "every command of a batch belongs to a run");
        }
        self.spans = spans;
        if let Some((index, _)) = &batch.entry {
            self.applied = *index;
        }
    }

    /// Runs a unit that the node added itself; whether it was one.
    ///
    /// # Errors
    /// When it is one and makes no sense.
    fn run_internal(
        &mut self,
        args: Args<'_>,
        database: &mut usize,
        time: UnixMillis,
    ) -> Result<bool, Unreadable> {
        let number = || match (args.len(), args.at(1).and_then(parse_u64)) {
            (2, Some(number)) => Ok(number),
            _ => Err(Unreadable::command(args)),
        };
        match args.get(0) {
            b"SELECT" => {
                let chosen = number()?;
                let known = usize::try_from(chosen).ok().filter(|&known| known < self.keyspace.databases());
                *database = known.ok_or(Unreadable::Database(chosen))?;
                Ok(true)
            }
            EXPIRE_UNIT => {
                let limit = usize::try_from(number()?).unwrap_or(usize::MAX);
                self.keyspace.expire_due(time, limit);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Likewise, where this very process wrote the unit.
    fn run_own_unit(&mut self, args: Args<'_>, database: &mut usize, time: UnixMillis) -> bool {
        self.run_internal(args, database, time).expect("this node wrote it")
    }

    /// Runs one command of a batch; its client may be gone.
    fn run_from_lane(
        &mut self,
        run: &Run,
        args: Args<'_>,
        place: Option<(LogIndex, u32)>,
        database: usize,
        time: UnixMillis,
    ) {
        match place {
            Some((index, ordinal)) => self.draws.for_write(self.group, index, ordinal),
            None => self.draws.for_read(),
        }
        let Some(session) = self.sessions.get_mut(run.conn) else {
            if place.is_some() {
                self.run_for_nobody(resolve(args).expect("it was admitted"), args, database, time);
            }
            return;
        };
        let command = resolve(args).expect("it was admitted");
        let mode = session.client.reply_mode;
        let start = session.output.buffer().len();
        let mut context = Context {
            keyspace: &mut self.keyspace,
            reply: Reply::new(session.output.buffer(), session.client.protocol),
            client: &mut session.client,
            time,
            draws: &mut self.draws,
            lookups: &mut self.stats.lookups,
            config: &self.config,
            spec: command.spec(),
        };
        let outcome = (command.spec().run)(&mut context, args);
        self.stats.commands[command.index()].calls += 1;
        if let Err(error) = outcome {
            session.output.buffer().truncate(start);
            Reply::new(session.output.buffer(), session.client.protocol).error(&error);
            self.stats.count_error(&error);
            self.stats.commands[command.index()].failed += 1;
        } else {
            debug_assert!(
                matches!(outcome, Ok(Outcome::Done)),
                "what waits in the lane asks nothing of the node"
            );
        }
        let replied = session.output.buffer().len().saturating_sub(start);
        session.in_lane -= 1;
        if session.in_lane == 0 && session.state == State::LaneBusy {
            session.state = State::Ready;
            self.ready.push(run.conn);
        }
        self.note_work(run.conn, command, args, replied);
        self.after_command(run.conn, mode, start);
        if let Some(session) = self.sessions.get_mut(run.conn)
            && session.in_lane == 0
            && let Some(error) = session.last_words.take()
        {
            Reply::new(session.output.buffer(), session.client.protocol).error(&error);
        }
    }

    /// Runs a write whose reply nobody will read: its client has left, or it comes from the log.
    fn run_for_nobody(&mut self, command: CommandId, args: Args<'_>, database: usize, time: UnixMillis) {
        self.nobody.database = database;
        self.void.clear();
        let mut context = Context {
            keyspace: &mut self.keyspace,
            reply: Reply::new(&mut self.void, crate::resp::Protocol::Resp2),
            client: &mut self.nobody,
            time,
            draws: &mut self.draws,
            lookups: &mut self.stats.unseen_lookups,
            config: &self.config,
            spec: command.spec(),
        };
        // An error was an error the first time too, and whatever it changed until then it changes again.
        let _ = (command.spec().run)(&mut context, args);
    }

    /// Runs an entry of the log again, as it ran when it was written.
    ///
    /// # Errors
    /// When it cannot be run; then it may have been run in part, and the node must not go on.
    pub(super) fn replay(
        &mut self,
        index: LogIndex,
        time: UnixMillis,
        payload: &[u8],
    ) -> Result<(), Unreadable> {
        let mut spans = core::mem::take(&mut self.spans);
        let mut units = Units::new(payload);
        let mut database = 0;
        let mut ordinal = 0;
        while let Some(bytes) = units.next(&mut spans)? {
            let args = Args::new(bytes, &spans);
            if !self.run_internal(args, &mut database, time)? {
                let command = resolve(args).filter(|command| command.spec().flags.has(Flags::WRITE));
                let command = command.ok_or_else(|| Unreadable::command(args))?;
                self.draws.for_write(self.group, index, ordinal);
                ordinal += 1;
                self.run_for_nobody(command, args, database, time);
            }
        }
        self.spans = spans;
        self.applied = index;
        Ok(())
    }
}

/// The command of a logged unit; `None` when none would have been admitted.
fn resolve(args: Args<'_>) -> Option<CommandId> {
    let mut command = table::find(args.get(0))?;
    if !command.spec().subcommands.is_empty() {
        command = table::find_subcommand(command, args.at(1)?)?;
    }
    command.spec().accepts(args.len()).then_some(command)
}

/// Drops the reply of a command that is not to be answered (`CLIENT REPLY`).
fn settle_reply(session: &mut Session, before: ReplyMode, start: usize) {
    let after = session.client.reply_mode;
    if before == ReplyMode::On && after == ReplyMode::On {
        return;
    }
    let silent = after == ReplyMode::Off || before == ReplyMode::SkipNext;
    if before == ReplyMode::SkipNext && after == ReplyMode::SkipNext {
        session.client.reply_mode = ReplyMode::On;
    }
    if silent {
        session.output.buffer().truncate(start);
    }
}
