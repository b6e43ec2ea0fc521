//! A node without sockets, in one process with whoever asks it something, that keeps nothing of its own: it reads the
//! files of a view, and writes only the checkpoint that it is told to leave behind.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use lockstep_core::bytes::number::parse_u64;
use lockstep_core::config::Access;
use lockstep_core::ids::{ConnId, File, Ticket};
use lockstep_core::{Action, Config, Event, Halt, Node, Now, Origin, Role, When};

use super::view::View;
use crate::entropy;

/// How many databases there are: more than anybody has.
pub const DATABASES: u32 = 1024;

/// The one connection.
const CONN: ConnId = ConnId { slot: 0, generation: 0 };

/// A node that is asked directly.
///
/// Its clock stands still at the beginning of time, so nothing expires that was not removed in its files.
pub struct Offline {
    node: Node,
    now: Now,
    loads: VecDeque<(Ticket, File, u64, u32)>,
    synced: VecDeque<Ticket>,
    halted: Option<Halt>,
    /// Where a checkpoint is written to.
    files: BTreeMap<File, fs::File>,
}

impl Offline {
    /// Starts a node on the files of a view and waits until it has loaded them.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn start(view: &View) -> Result<Self, String> {
        let mut config = Config {
            appendonly: false,
            save: Vec::new(),
            databases: DATABASES,
            enable_debug_command: Access::Yes,
            ..Config::default()
        };
        config.knobs.snapshot_step_bytes = 4 << 20;
        config.knobs.snapshot_window_bytes = 4 << 20;
        let seed = entropy::seed().map_err(|error| format!("No randomness from the system: {error}"))?;
        let now = Now::default();
        let mut offline = Self {
            node: Node::new(config, seed, now, &view.infos()),
            now,
            loads: VecDeque::new(),
            synced: VecDeque::new(),
            halted: None,
            files: BTreeMap::new(),
        };
        offline.settle(None)?;
        while let Some((ticket, file, offset, length_bytes)) = offline.loads.pop_front() {
            let bytes = view.load(file, offset, length_bytes)?;
            offline.node.handle(now, Event::Loaded { ticket, bytes: &bytes });
            offline.settle(None)?;
        }
        if let Some(Halt::Damaged(text) | Halt::Unusable(text) | Halt::DiskFailed(text)) = offline.halted {
            return Err(text);
        }
        let origin = Origin { peer: "tool:0", local: "tool:0", loopback: true, unix: true, descriptor: -1 };
        offline.node.handle(now, Event::Accepted { conn: CONN, role: Role::Client, origin });
        offline.settle(None)?;
        Ok(offline)
    }

    /// Runs one command, given as a client sends it; its reply.
    pub fn run(&mut self, request: &[u8]) -> Vec<u8> {
        self.node.handle(self.now, Event::Received { conn: CONN, bytes: request });
        self.settle(None).expect("a command writes no file");
        let reply = self.node.outgoing(CONN).to_vec();
        if !reply.is_empty() {
            self.node.handle(self.now, Event::Sent { conn: CONN, count_bytes: reply.len() });
            self.settle(None).expect("a command writes no file");
        }
        reply
    }

    /// The databases that hold keys, with how many.
    pub fn databases(&mut self) -> Vec<(u32, u64)> {
        let mut found = Vec::new();
        for number in 0..DATABASES {
            let digits = number.to_string();
            self.run(format!("*2\r\n$6\r\nSELECT\r\n${}\r\n{digits}\r\n", digits.len()).as_bytes());
            let reply = self.run(b"*1\r\n$6\r\nDBSIZE\r\n");
            let digits = reply.strip_prefix(b":").and_then(|rest| rest.strip_suffix(b"\r\n"));
            let keys = digits.and_then(parse_u64).expect("DBSIZE answers with a number");
            if keys > 0 {
                found.push((number, keys));
            }
        }
        self.run(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n");
        found
    }

    /// The digest of all keys, as `DEBUG DIGEST` shows it.
    pub fn digest(&mut self) -> String {
        let reply = self.run(b"*2\r\n$5\r\nDEBUG\r\n$6\r\nDIGEST\r\n");
        String::from_utf8_lossy(&reply).trim_start_matches('+').trim_end().to_owned()
    }

    /// Writes everything into a directory as a checkpoint, on the platter when this returns.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn leave(mut self, directory: &Path) -> Result<(), String> {
        self.node.handle(
            self.now,
            Event::Received { conn: CONN, bytes: b"*2\r\n$8\r\nSHUTDOWN\r\n$4\r\nSAVE\r\n" },
        );
        loop {
            self.settle(Some(directory))?;
            match (&self.halted, self.synced.pop_front()) {
                (Some(Halt::Asked), _) => return Ok(()),
                (Some(other), _) => return Err(format!("The node stopped: {other:?}")),
                (None, Some(ticket)) => self.node.handle(self.now, Event::Synced { ticket }),
                (None, None) => self.node.handle(self.now, Event::Timer),
            }
        }
    }

    /// Does what the node wants until it wants nothing more.
    fn settle(&mut self, directory: Option<&Path>) -> Result<(), String> {
        while let Some(action) = self.node.poll(self.now) {
            match action {
                Action::Load { ticket, file, offset, length_bytes } => {
                    self.loads.push_back((ticket, file, offset, length_bytes));
                }
                Action::Append { ticket, file, bytes, when } => {
                    let Some(directory) = directory else { continue };
                    let fail =
                        |error| format!("Can't write '{}': {error}", directory.join(file.name()).display());
                    self.append(directory, file, &bytes, when).map_err(fail)?;
                    if when == When::Synced {
                        self.synced.push_back(ticket);
                    }
                }
                Action::Sync { ticket, .. } | Action::Remove { ticket, .. } => self.synced.push_back(ticket),
                Action::Halt { reason } => self.halted = Some(reason),
                _ => {}
            }
        }
        Ok(())
    }

    fn append(&mut self, directory: &Path, file: File, bytes: &[u8], when: When) -> io::Result<()> {
        use std::collections::btree_map::Entry;
        let handle = match self.files.entry(file) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(fs::File::create_new(directory.join(file.name()))?),
        };
        handle.write_all(bytes)?;
        if when == When::Synced { handle.sync_all() } else { Ok(()) }
    }
}
