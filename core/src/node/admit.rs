//! May this command run here and now, and if so, where: in place, or in the lane.

use super::Node;
use crate::command::{CommandId, Conditions, Flags, table, unknown_subcommand};
use crate::ids::ConnId;
use crate::mark::plant;
use crate::resp::{Args, Reply, ReplyError};
use crate::session::State;

const _: () = assert!(
    crate::limits::LOGGED_COMMAND_BYTES + 4096 <= crate::log::writer::PAYLOAD_BYTES_MAX,
    "an entry holds the longest command"
);

/// What becomes of the commands behind this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flow {
    /// They go on.
    Go,
    /// This command was taken; those behind it have to wait.
    Stop,
    /// This command has to wait, and those behind it too.
    Keep,
}

impl Node {
    /// Answers, runs or queues one command. `unit` is its bytes as a multibulk request.
    pub(super) fn dispatch(
        &mut self,
        conn: ConnId,
        command: Option<CommandId>,
        args: Args<'_>,
        unit: &[u8],
    ) -> Flow {
        let Some(session) = self.sessions.get(conn) else { return Flow::Stop };
        let conditions = self.conditions.and(session.conditions);
        let Some(mut command) = command else {
            if is_http(args) {
                return self.close_for_http(conn);
            }
            return self.refuse(conn, None, &unknown_command(args));
        };
        if !command.spec().subcommands.is_empty() && args.len() > 1 {
            match table::find_subcommand(command, args.get(1)) {
                Some(found) => command = found,
                None => {
                    let error = unknown_subcommand(command.spec().name, args.get(1));
                    return self.refuse(conn, Some(command), &error);
                }
            }
        }
        let row = command.row();
        if !row.spec.accepts(args.len()) {
            return self.refuse(conn, Some(command), &ReplyError::arity(&row.spec.full_name()));
        }
        if conditions.meets(row.refused_in)
            && let Some(flow) = self.held_up(conn, command, args, conditions)
        {
            return flow;
        }
        let flags = row.spec.flags;
        if flags.has(Flags::WRITE) {
            self.route_write(conn, command, args, unit)
        } else if flags.has(Flags::READONLY) || flags.has(Flags::PURE) {
            self.route_read(conn, command, args, unit)
        } else {
            self.route_other(conn, command, args, unit)
        }
    }

    /// Somebody's browser is being used to reach this server (cross-protocol scripting): nothing of it is run.
    fn close_for_http(&mut self, conn: ConnId) -> Flow {
        let peer =
            self.sessions.get(conn).map_or_else(String::new, |session| session.client.peer.to_string());
        self.say(
            crate::Level::Warning,
            format!("Possible attack: a client at {peer} speaks HTTP. Somebody may be using a browser to reach this \
                     server. The connection is closed."),
        );
        self.drop_session(conn);
        Flow::Stop
    }

    fn route_write(&mut self, conn: ConnId, command: CommandId, args: Args<'_>, unit: &[u8]) -> Flow {
        if self.writer.open_bytes() + unit.len() > crate::limits::LOGGED_COMMAND_BYTES {
            if unit.len() > crate::limits::LOGGED_COMMAND_BYTES {
                return self.refuse(conn, Some(command), &ReplyError::COMMAND_TOO_LONG);
            }
            self.seal();
        }
        if !self.writer.fits(unit.len() + super::apply::SELECT_BYTES_MAX) {
            return self.await_room(conn, unit.len());
        }
        if self.checkpoint.is_behind() {
            return self.hold(conn, State::NoRoom);
        }
        if self.gate_is_open() && self.lane.is_idle() {
            return self.run_in_place(conn, command, args, unit);
        }
        if self.lane.waiting_bytes() > self.config.knobs.lane_bytes {
            return self.hold(conn, State::NoRoom);
        }
        // Its run first: the unit may fill the entry, which then is sealed with the runs that the lane has.
        self.lane.push_write(conn, unit.len());
        self.log_unit(conn, unit);
        self.count_in_lane(conn, command)
    }

    fn route_read(&mut self, conn: ConnId, command: CommandId, args: Args<'_>, unit: &[u8]) -> Flow {
        // Where replies wait for the disk, a key must not be told to be gone before its going is on the disk.
        let settled = self.gate_is_open() || !self.expiry_is_due();
        if plant!("CL12", settled && self.lane.is_idle(), true) {
            return self.run_in_place(conn, command, args, unit);
        }
        if self.lane.waiting_bytes() > self.config.knobs.lane_bytes {
            return self.hold(conn, State::NoRoom);
        }
        self.lane.push_read(conn, unit);
        self.count_in_lane(conn, command)
    }

    fn route_other(&mut self, conn: ConnId, command: CommandId, args: Args<'_>, unit: &[u8]) -> Flow {
        let busy = self.sessions.get(conn).is_some_and(|session| session.in_lane > 0);
        if busy { self.hold(conn, State::LaneBusy) } else { self.run_in_place(conn, command, args, unit) }
    }

    fn count_in_lane(&mut self, conn: ConnId, command: CommandId) -> Flow {
        if let Some(session) = self.sessions.get_mut(conn) {
            session.in_lane += 1;
            session.client.last_command = Some(command);
        }
        Flow::Go
    }

    /// The session waits, with this command and all behind it.
    pub(super) fn hold(&mut self, conn: ConnId, state: State) -> Flow {
        if let Some(session) = self.sessions.get_mut(conn) {
            session.state = state;
            if state != State::LaneBusy {
                self.held.push(conn);
            }
        }
        Flow::Keep
    }

    /// A write does not fit into the space reserved for the log.
    fn await_room(&mut self, conn: ConnId, unit_bytes: usize) -> Flow {
        self.writer.demand(unit_bytes + super::apply::SELECT_BYTES_MAX);
        self.request_space();
        if self.writer.space_refused() {
            self.conditions.set(Conditions::DISK_FULL, true);
            return self.refuse(conn, None, &ReplyError::DISK_FULL);
        }
        self.hold(conn, State::NoRoom)
    }

    /// The slow path: some condition concerns the command. `None` when it may run all the same. The order is
    /// that of Redis.
    fn held_up(
        &mut self,
        conn: ConnId,
        command: CommandId,
        args: Args<'_>,
        conditions: Conditions,
    ) -> Option<Flow> {
        let refused_in = command.row().refused_in;
        let has = |condition: Conditions| conditions.meets(condition) && refused_in.meets(condition);
        let error = if has(Conditions::UNAUTHENTICATED) {
            ReplyError::NO_AUTH
        } else if has(Conditions::OUT_OF_MEMORY) && self.out_of_memory() {
            ReplyError::OUT_OF_MEMORY
        } else if has(Conditions::DISK_FULL) {
            ReplyError::DISK_FULL
        } else if has(Conditions::CHECKPOINT_FAILED) {
            ReplyError::CHECKPOINT_FAILED
        } else if has(Conditions::LOADING) {
            ReplyError::LOADING
        } else {
            if has(Conditions::PAUSED) || has(Conditions::PAUSED_WRITES) {
                return Some(self.hold(conn, State::Paused));
            }
            if has(Conditions::MONITORED) {
                self.tell_monitors(conn, command, args);
            }
            return None;
        };
        Some(self.refuse(conn, Some(command), &error))
    }

    /// Answers an error for a command that is not run; in order, also behind commands that wait.
    fn refuse(&mut self, conn: ConnId, command: Option<CommandId>, error: &ReplyError) -> Flow {
        let Some(session) = self.sessions.get_mut(conn) else { return Flow::Stop };
        if session.in_lane > 0 {
            return self.hold(conn, State::LaneBusy);
        }
        let mode = session.client.reply_mode;
        if mode == crate::command::client::ReplyMode::On {
            Reply::new(session.output.buffer(), session.client.protocol).error(error);
        } else if mode == crate::command::client::ReplyMode::SkipNext {
            session.client.reply_mode = crate::command::client::ReplyMode::On;
        }
        self.stats.count_error(error);
        if let Some(command) = command {
            self.stats.commands[command.index()].rejected += 1;
        }
        self.list_flush(conn);
        Flow::Go
    }
}

/// A browser that was made to send a request here begins it with one of these words.
fn is_http(args: Args<'_>) -> bool {
    args.is(0, "post") || args.is(0, "host:")
}

/// What Redis says to a name it does not know: the name and the beginning of the arguments.
fn unknown_command(args: Args<'_>) -> ReplyError {
    let name = until_zero(args.get(0));
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(&name[..name.len().min(128)]);
    text.extend_from_slice(b"', with args beginning with: ");
    let mut shown = 0;
    for arg in args.from(1) {
        if shown >= 128 {
            break;
        }
        let arg = until_zero(arg);
        let part = &arg[..arg.len().min(128 - shown)];
        text.push(b'\'');
        text.extend_from_slice(part);
        text.extend_from_slice(b"' ");
        shown += part.len() + 3;
    }
    ReplyError::new(text)
}

/// What C takes for the whole text.
fn until_zero(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().expect("split yields one part")
}
