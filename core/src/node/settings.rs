//! `CONFIG`: settings change here, and what only the driver can do about them is asked of it.

use super::Node;
use crate::Action;
use crate::command::Ask;
use crate::ids::ConnId;
use crate::resp::ReplyError;

impl Node {
    /// Does what a `CONFIG` command asks for, and answers it. Gives back what is none of its business.
    pub(super) fn ask_config(&mut self, conn: ConnId, ask: Ask) -> Option<Ask> {
        match ask {
            Ask::ConfigSet { pairs } => self.config_set(conn, &pairs),
            Ask::ConfigRewrite => {
                self.actions.push_back(Action::Rewrite { directives: self.config.differing() });
                self.reply(conn, |reply| reply.ok());
            }
            Ask::ConfigResetStat => {
                self.stats.reset(self.now);
                self.reply(conn, |reply| reply.ok());
            }
            other => return Some(other),
        }
        None
    }

    fn config_set(&mut self, conn: ConnId, pairs: &[(Vec<u8>, Vec<u8>)]) {
        let pairs: Vec<(&[u8], &[u8])> =
            pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let logged = self.config.appendonly;
        match self.config.set_all(&pairs) {
            Ok(changed) => {
                if self.config.appendonly != logged {
                    self.switch_log(self.config.appendonly);
                }
                for directive in changed.into_iter().filter(|directive| directive.driver) {
                    let value = self.config.show(directive);
                    self.actions.push_back(Action::Apply { name: directive.name, value });
                }
                // What replies wait for may be different now.
                self.refresh_gate();
                self.reply(conn, |reply| reply.ok());
            }
            Err(error) => {
                let error = ReplyError::new(format!("ERR {error}"));
                self.reply(conn, |reply| reply.error(&error));
            }
        }
    }
}
