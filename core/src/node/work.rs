//! What commands cost. The node has no clock inside a turn: the driver tells how long a whole turn took, and
//! that is charged to its commands in equal parts.

use super::Node;
use crate::command::CommandId;
use crate::ids::ConnId;
use crate::resp::Args;

/// Commands of a turn beyond these are not charged: statistics need no more.
const CHARGED_MAX: usize = 65_536;

impl Node {
    /// A command ran in this turn.
    pub(super) fn note_work(
        &mut self,
        _conn: ConnId,
        command: CommandId,
        _args: Args<'_>,
        _reply_start: usize,
    ) {
        if self.ran.len() < CHARGED_MAX {
            self.ran.push(command);
        }
    }

    /// The turn before this one took so long.
    pub(super) fn turn_took(&mut self, micros: u64) {
        let share = micros.checked_div(self.ran_before.len() as u64).unwrap_or(0);
        for command in self.ran_before.drain(..) {
            self.stats.commands[command.index()].micros += share;
        }
    }
}
