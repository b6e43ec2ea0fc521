//! What commands ask of the node.

use super::Node;
use crate::command::Ask;
use crate::command::ask::ClientAsk;
use crate::ids::ConnId;
use crate::resp::{Reply, ReplyError};
use crate::session::{State, WaitReason};
use crate::{Action, Halt};

impl Node {
    /// Does what a command asked for, and answers it.
    pub(super) fn ask(&mut self, conn: ConnId, ask: Ask) {
        match ask {
            Ask::Client(ask) => self.ask_client(conn, ask),
            Ask::Save => {
                self.schedule_checkpoint();
                self.await_checkpoint(conn);
                self.block(conn, WaitReason::Checkpoint, 0);
            }
            Ask::BackgroundSave { schedule } => {
                if self.begin_checkpoint() {
                    self.reply(conn, |reply| reply.simple("Background saving started"));
                } else if schedule {
                    self.schedule_checkpoint();
                    self.reply(conn, |reply| reply.simple("Background saving scheduled"));
                } else {
                    let error = ReplyError::fixed("ERR Background save already in progress");
                    self.reply(conn, |reply| reply.error(&error));
                }
            }
            Ask::BackgroundRewrite => {
                if self.begin_checkpoint() {
                    self.reply(conn, |reply| reply.simple("Background append only file rewriting started"));
                } else {
                    let error =
                        ReplyError::fixed("ERR Background append only file rewriting already in progress");
                    self.reply(conn, |reply| reply.error(&error));
                }
            }
            Ask::LastSave => {
                let seconds = self.checkpoint.last_save.0 / 1000;
                self.reply(conn, |reply| reply.integer(seconds as i64));
            }
            Ask::Shutdown { abort: true, .. } => match self.abort_shutdown() {
                Ok(()) => self.reply(conn, |reply| reply.ok()),
                Err(error) => self.reply(conn, |reply| reply.error(&error)),
            },
            Ask::Shutdown { save, now, force, .. } => self.ask_shutdown(conn, save, now, force),
            Ask::Time => {
                let wall = self.now.wall_us;
                self.reply(conn, |reply| {
                    reply.array(2);
                    reply.bulk_integer((wall / 1_000_000) as i64);
                    reply.bulk_integer((wall % 1_000_000) as i64);
                });
            }
            Ask::Role => {
                let offset = self.writer.written().0;
                self.reply(conn, |reply| {
                    reply.array(3);
                    reply.text("master");
                    reply.integer(offset as i64);
                    reply.array(0);
                });
            }
            Ask::Wait { replicas: 0, .. } => self.reply(conn, |reply| reply.integer(0)),
            Ask::Wait { timeout_ms, .. } => self.block(conn, WaitReason::Replicas, timeout_ms),
            Ask::WaitAof { local, replicas, timeout_ms } => {
                self.ask_wait_durable(conn, local > 0, replicas, timeout_ms)
            }
            Ask::Monitor => {
                if let Some(session) = self.sessions.get_mut(conn)
                    && !session.client.monitor
                {
                    session.client.monitor = true;
                    self.monitors.push(conn);
                    self.note_monitors();
                }
                self.reply(conn, |reply| reply.ok());
            }
            Ask::DebugSleep { micros } => {
                self.actions.push_back(Action::Stall { micros });
                self.reply(conn, |reply| reply.ok());
            }
            Ask::DebugActiveExpire { on } => {
                self.active_expiry = on;
                self.reply(conn, |reply| reply.ok());
            }
            // What was logged is what is in memory: the start proves that each time, and the simulator far more often.
            Ask::DebugReload => {
                self.schedule_checkpoint();
                self.await_checkpoint(conn);
                self.block(conn, WaitReason::Checkpoint, 0);
            }
            Ask::DebugLoadLog => self.reply(conn, |reply| reply.ok()),
            Ask::Password { digits } => {
                // Not from the stream that reads draw from: what clients are shown of that must tell nothing of passwords.
                let mut bytes = vec![0; digits.div_ceil(2)];
                self.secrets.fill(&mut bytes);
                let mut password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                password.truncate(digits);
                self.reply(conn, |reply| reply.text(&password));
            }
            Ask::Info { sections } => self.tell_info(conn, &sections),
            Ask::ConfigSet { pairs } => self.set_config(conn, &pairs),
            Ask::ConfigRewrite => self.rewrite_config(conn),
            Ask::ConfigResetStat => self.reset_stats(conn),
            Ask::SlowLog(ask) => self.ask_slow_log(conn, ask),
            Ask::Latency(ask) => self.ask_latency(conn, &ask),
            Ask::MemoryStats => self.tell_memory_stats(conn),
            Ask::MemoryDoctor => self.tell_memory_doctor(conn),
        }
    }

    /// Writes a reply to a client.
    pub(super) fn reply(&mut self, conn: ConnId, write: impl FnOnce(&mut Reply<'_>)) {
        if let Some(session) = self.sessions.get_mut(conn) {
            write(&mut Reply::new(session.output.buffer(), session.client.protocol));
        }
    }

    fn ask_shutdown(&mut self, conn: ConnId, save: Option<bool>, now: bool, force: bool) {
        if now && force && save == Some(false) {
            self.halt(Halt::Asked);
            return;
        }
        self.block(conn, WaitReason::Shutdown, 0);
        self.begin_shutdown(Some(conn), save);
    }

    fn ask_wait_durable(&mut self, conn: ConnId, local: bool, replicas: u64, timeout_ms: u64) {
        if local && self.writer.file().is_none() {
            let error = ReplyError::fixed(
                "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
            );
            self.reply(conn, |reply| reply.error(&error));
            return;
        }
        self.seal();
        let position = self.writer.written();
        let synced = self.writer.synced().position;
        // Without a log nothing is durable.
        let done = self.writer.file().is_some() && position <= synced;
        let reason = WaitReason::Durable { position, local, replicas };
        if (done || !local) && replicas == 0 {
            self.reply(conn, |reply| {
                reply.array(2);
                reply.integer(i64::from(done));
                reply.integer(0);
            });
            return;
        }
        // Redis waits for the next sync by the clock; there is no reason to.
        if local && self.writer.sync_wanted() {
            self.sync_log();
        }
        self.block(conn, reason, timeout_ms);
    }

    fn ask_client(&mut self, conn: ConnId, ask: ClientAsk) {
        match ask {
            ClientAsk::Pause { timeout_ms, writes_only } => {
                self.begin_pause(timeout_ms, writes_only);
                self.reply(conn, |reply| reply.ok());
            }
            ClientAsk::Unpause => {
                self.end_pause();
                self.reply(conn, |reply| reply.ok());
            }
            ClientAsk::Unblock { id, error } => {
                let target = self.sessions.iter().find(|session| session.client.id == id);
                let waiting = target.and_then(|session| match session.state {
                    State::Blocked(wait) if wait.reason.can_be_ended() => Some((session.conn, wait.reason)),
                    _ => None,
                });
                if let Some((target, reason)) = waiting {
                    if error {
                        self.reply(target, |reply| reply.error(&ReplyError::UNBLOCKED));
                        self.unblock(target);
                    } else {
                        let synced = self.writer.synced().position;
                        self.answer_wait(target, reason, synced);
                    }
                }
                self.reply(conn, |reply| reply.integer(i64::from(waiting.is_some())));
            }
            ClientAsk::Info => self.tell_client_info(conn),
            ClientAsk::List(filter) => self.tell_client_list(conn, &filter),
            ClientAsk::Kill { filter, skip_self, old_form } => {
                self.kill_clients(conn, &filter, skip_self, old_form)
            }
        }
    }
}
