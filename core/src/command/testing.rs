//! Runs commands on a keyspace without a node around it.

use super::ask::Ask;
use super::client::Client;
use super::context::{Context, Draws, Lookups, Outcome};
use super::table;
use crate::config::Config;
use crate::data::Keyspace;
use crate::ids::{GroupId, LogIndex};
use crate::resp::{Args, Protocol, Reply, ReplyError, Span};
use crate::seed::{Purpose, Seed};
use crate::time::UnixMillis;

/// A keyspace with one client.
pub struct Bench {
    /// All databases, sixteen.
    pub keyspace: Keyspace,
    /// Who sends the commands.
    pub client: Client,
    /// The time of every command until it is set anew.
    pub time: UnixMillis,
    /// The settings.
    pub config: Config,
    /// Counts of look-ups.
    pub lookups: Lookups,
    /// Whether the last command changed anything.
    pub changed: bool,
    draws: Draws,
    writes: u64,
}

impl Bench {
    /// Empty, at some time.
    pub fn new() -> Self {
        Self {
            keyspace: Keyspace::new(16, 7),
            client: Client::internal(),
            time: UnixMillis(1_700_000_000_000),
            config: Config::default(),
            lookups: Lookups::default(),
            changed: false,
            draws: Draws::new(Seed([3; 32]).stream(Purpose::Reads)),
            writes: 0,
        }
    }

    /// Empty, and the client speaks RESP3.
    pub fn resp3() -> Self {
        let mut bench = Self::new();
        bench.client.protocol = Protocol::Resp3;
        bench
    }

    /// The reply's bytes to a command whose arguments have no blanks, as text.
    ///
    /// # Panics
    /// When the command does not exist, has the wrong number of arguments, or asks something of the node.
    pub fn run(&mut self, line: &str) -> String {
        let parts: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        String::from_utf8_lossy(&self.run_parts(&parts)).into_owned()
    }

    /// The reply's bytes.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_parts(&mut self, parts: &[&[u8]]) -> Vec<u8> {
        match self.attempt(parts) {
            (Ok(None), out) => out,
            (Ok(Some(ask)), _) => panic!("the command asks {ask:?}"),
            (Err(error), _) => [b"-", error.text(), b"\r\n"].concat(),
        }
    }

    /// What a command asks of the node.
    ///
    /// # Panics
    /// When it asks nothing.
    pub fn ask(&mut self, line: &str) -> Ask {
        let parts: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let (outcome, _) = self.attempt(&parts);
        outcome.expect("no error").expect("the command asks something")
    }

    fn attempt(&mut self, parts: &[&[u8]]) -> (Result<Option<Ask>, ReplyError>, Vec<u8>) {
        let mut spans = Vec::new();
        let mut at = 0;
        for part in parts {
            spans.push(Span::new(at, part.len()));
            at += part.len();
        }
        let bytes = parts.concat();
        let args = Args::new(&bytes, &spans);
        let mut command = table::find(args.get(0)).expect("the command exists");
        if !command.spec().subcommands.is_empty() {
            command = table::find_subcommand(command, args.get(1)).expect("the subcommand exists");
        }
        assert!(command.spec().accepts(args.len()), "the number of arguments fits");
        self.writes += 1;
        if command.spec().flags.has(super::Flags::WRITE) {
            self.draws.for_write(GroupId([0; 16]), LogIndex(self.writes), 0);
        } else {
            self.draws.for_read();
        }
        let before = self.keyspace.journal().changes();
        let mut out = Vec::new();
        let mut context = Context {
            keyspace: &mut self.keyspace,
            reply: Reply::new(&mut out, self.client.protocol),
            client: &mut self.client,
            time: self.time,
            draws: &mut self.draws,
            lookups: &mut self.lookups,
            config: &self.config,
            spec: command.spec(),
        };
        let outcome = (command.spec().run)(&mut context, args);
        self.changed = self.keyspace.journal().changes() != before;
        let outcome = outcome.map(|outcome| match outcome {
            Outcome::Done => None,
            Outcome::Ask(ask) => Some(ask),
        });
        (outcome, out)
    }
}
