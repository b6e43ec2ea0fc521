//! `CONFIG SET`, `REWRITE` and `RESETSTAT`: what a changed setting changes in a running node, and what only the
//! driver can do about it.

use super::Node;
use crate::Action;
use crate::command::Conditions;
use crate::config::Directive;
use crate::ids::ConnId;
use crate::resp::ReplyError;

impl Node {
    /// `CONFIG SET`: all of them, or none.
    pub(super) fn set_config(&mut self, conn: ConnId, pairs: &[(Vec<u8>, Vec<u8>)]) {
        // What ran in this turn ran under the old settings: it is logged before they change.
        self.seal();
        let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        match self.config.set_all(&pairs) {
            Ok(changed) => {
                for directive in changed {
                    self.follow_setting(directive);
                }
                self.reply(conn, |reply| reply.ok());
            }
            Err(error) => {
                let error = ReplyError::new(format!("ERR {error}"));
                self.reply(conn, |reply| reply.error(&error));
            }
        }
    }

    /// A setting has a new value.
    fn follow_setting(&mut self, directive: &'static Directive) {
        match directive.name {
            // What replies wait for is different now.
            "appendfsync" => self.refresh_gate(),
            "appendonly" => self.switch_log(self.config.appendonly),
            "maxmemory" | "stop-writes-on-bgsave-error" | "save" => self.refresh_conditions(),
            "slowlog-max-len" => self.slow_log.bound(self.config.slowlog_max_len),
            "latency-tracking" if !self.config.latency_tracking => self.latency.reset_histograms(),
            _ => {}
        }
        if directive.driver {
            let value = self.config.show(directive);
            self.actions.push_back(Action::Apply { name: directive.name, value });
        }
    }

    /// The conditions that follow from settings.
    pub(super) fn refresh_conditions(&mut self) {
        // Whether there is too much is found out on the slow path, which this condition leads to.
        self.conditions.set(Conditions::OUT_OF_MEMORY, self.config.maxmemory_bytes > 0);
        let stop_writes = self.config.stop_writes_on_bgsave_error && !self.config.save.is_empty();
        self.conditions.set(Conditions::CHECKPOINT_FAILED, stop_writes && !self.checkpoint.last_ok);
    }

    /// `CONFIG REWRITE`.
    pub(super) fn rewrite_config(&mut self, conn: ConnId) {
        let directives = self.config.differing();
        self.actions.push_back(Action::Rewrite { directives });
        self.reply(conn, |reply| reply.ok());
    }

    /// `CONFIG RESETSTAT`.
    pub(super) fn reset_stats(&mut self, conn: ConnId) {
        self.stats.reset();
        self.stats.expired_before = self.keyspace.journal().expired();
        self.storage.delayed_syncs = 0;
        self.resident_peak_bytes = self.measures.resident_bytes;
        self.used_peak_bytes = 0;
        self.latency.reset_histograms();
        self.reply(conn, |reply| reply.ok());
    }
}
