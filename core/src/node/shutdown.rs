//! Stopping cleanly. Nothing depends on it for safety: stopping is crashing, but a clean stop leaves nothing to
//! the system's caches, and answers what it can.

use super::Node;
use crate::config::AppendFsync;
use crate::ids::ConnId;
use crate::resp::{Reply, ReplyError};
use crate::{Config, Halt, Level, Mono};

/// Clients are paused for the rest of the process's life, in milliseconds: a year.
const PAUSE_MS: u64 = 365 * 24 * 3600 * 1000;

/// A stop under way.
#[derive(Debug)]
pub(super) struct Shutdown {
    /// Who asked, to be answered if it fails.
    by: Option<ConnId>,
    /// A checkpoint is to be made first.
    save: bool,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// The checkpoint, if one is wanted.
    Save,
    /// Waits for it.
    Saving,
    /// Waits for the log to be on the platter.
    Syncing,
    /// The last proof was appended.
    Proved,
}

impl Node {
    /// The operating system asks the process to stop.
    pub(super) fn stop_asked(&mut self) {
        if !self.is_running() {
            // Nothing was served yet.
            self.say(Level::Warning, "Stopped while starting; nothing was changed.");
            self.halt(Halt::Asked);
            return;
        }
        self.say(Level::Warning, "Asked to stop: finishing.");
        self.begin_shutdown(None, None);
    }

    /// Begins a stop; without a wish, a checkpoint is made first when only checkpoints keep data.
    pub(super) fn begin_shutdown(&mut self, by: Option<ConnId>, save: Option<bool>) {
        let save = save.unwrap_or(!self.config.appendonly && !self.config.save.is_empty());
        self.shutdown = Some(Shutdown { by, save, stage: Stage::Save });
    }

    /// Takes back a stop that has not come far.
    pub(super) fn abort_shutdown(&mut self) -> Result<(), ReplyError> {
        match self.shutdown.take() {
            Some(shutdown) => {
                if shutdown.stage != Stage::Save && shutdown.stage != Stage::Saving {
                    self.end_pause();
                }
                if let Some(by) = shutdown.by {
                    self.refuse_shutdown(by);
                }
                self.say(Level::Warning, "The stop was taken back.");
                Ok(())
            }
            None => Err(ReplyError::fixed("ERR No shutdown in progress.")),
        }
    }

    /// Whether a stop has come so far that nothing more may be added to the log.
    pub(super) fn stop_is_syncing(&self) -> bool {
        self.shutdown
            .as_ref()
            .is_some_and(|shutdown| matches!(shutdown.stage, Stage::Syncing | Stage::Proved))
    }

    fn refuse_shutdown(&mut self, by: ConnId) {
        if let Some(session) = self.sessions.get_mut(by) {
            let error = ReplyError::fixed("ERR Errors trying to SHUTDOWN. Check logs.");
            Reply::new(session.output.buffer(), session.client.protocol).error(&error);
            self.unblock(by);
        }
    }

    /// At the end of a turn: one more step towards the end.
    pub(super) fn advance_shutdown(&mut self) {
        let Some(shutdown) = &self.shutdown else { return };
        let (stage, save) = (shutdown.stage, shutdown.save);
        let next = match stage {
            Stage::Save if save => {
                if !self.begin_checkpoint() {
                    self.schedule_checkpoint();
                }
                Stage::Saving
            }
            Stage::Saving if self.checkpoint.is_running() => return,
            Stage::Saving if !self.checkpoint.last_ok => {
                let by = self.shutdown.take().and_then(|shutdown| shutdown.by);
                if let Some(by) = by {
                    self.refuse_shutdown(by);
                }
                self.say(
                    Level::Warning,
                    "Not stopping: the checkpoint failed. Use SHUTDOWN NOSAVE to stop without one.",
                );
                return;
            }
            Stage::Save | Stage::Saving => {
                // Nothing more is run, or there would always be something left to sync.
                self.begin_pause(PAUSE_MS, false);
                if !self.log_is_synced() {
                    self.sync_log();
                }
                Stage::Syncing
            }
            Stage::Syncing if !self.log_is_synced() || !self.lane.is_idle() => {
                // What was appended behind the last sync: `appendfsync no` would leave it to the system.
                if !self.log_is_syncing() {
                    self.sync_log();
                }
                return;
            }
            Stage::Syncing => {
                if let Some(proof) = self.writer.proof() {
                    self.append_proof(proof);
                }
                Stage::Proved
            }
            Stage::Proved => {
                self.say(Level::Warning, "Everything is on the disk. Good-bye.");
                self.halt_after_replies();
                return;
            }
        };
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.stage = next;
        }
    }

    /// Halts, but first lets the driver send what was answered.
    fn halt_after_replies(&mut self) {
        self.shutdown = None;
        let replies: Vec<_> = self.flushes.drain(..).collect();
        for conn in replies {
            // One that was listed may have been closed since.
            if self.sessions.get(conn).is_some_and(|session| !session.output.is_empty()) {
                self.actions.push_back(crate::Action::Flush { conn });
            }
        }
        self.actions.push_back(crate::Action::Halt { reason: Halt::Asked });
        self.halted = true;
    }

    /// Each stage is taken in a turn of its own.
    pub(super) fn shutdown_deadline(&self) -> Option<Mono> {
        let shutdown = self.shutdown.as_ref()?;
        let waits = match shutdown.stage {
            Stage::Saving => self.checkpoint.is_running(),
            Stage::Syncing => !self.log_is_synced() || !self.lane.is_idle(),
            Stage::Save | Stage::Proved => false,
        };
        (!waits).then_some(self.now.mono)
    }
}

/// What is kept when, in one line for the operator.
pub(super) fn durability(config: &Config) -> String {
    let log = match (config.appendonly, config.appendfsync) {
        (true, AppendFsync::Always) => {
            "Durable: a write is answered when it is on this disk (appendonly yes, appendfsync always)."
        }
        (true, AppendFsync::EverySecond) => {
            "Durable within seconds: a write survives the end of the process when it is answered, and the loss of the \
             machine one second later, three at most (appendonly yes, appendfsync everysec)."
        }
        (true, AppendFsync::No) => {
            "Durable at the system's leisure: a write survives the end of the process when it is answered, and the loss \
             of the machine once the system wrote it (appendonly yes, appendfsync no)."
        }
        (false, _) if config.save.is_empty() => {
            "NOT DURABLE: nothing is kept when the process ends (appendonly no, no save points)."
        }
        (false, _) => {
            "NOT DURABLE between checkpoints: what was written since the last one is lost when the process ends (appendonly no)."
        }
    };
    log.into()
}
