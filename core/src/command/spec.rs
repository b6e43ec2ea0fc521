//! What the table says of a command: one row tells everything.

use super::context::{Context, Handled};
use crate::resp::Args;

/// Runs one command. The arity was checked; replies are written through the context.
pub type Handler = fn(&mut Context<'_>, Args<'_>) -> Handled;

/// One command, or one subcommand of a container such as `CONFIG`.
pub struct Spec {
    /// Lower case; a subcommand's own name without its container.
    pub name: &'static str,
    /// The container's name; empty for a top-level command.
    pub parent: &'static str,
    /// As Redis counts: the exact number of arguments, the name(s) included, or minus the least number.
    pub arity: i32,
    /// How it behaves.
    pub flags: Flags,
    /// Access control categories beyond those that follow from flags and group; one that begins with `-` does
    /// not apply although it would follow.
    pub categories: &'static [&'static str],
    /// Hints for proxies, in Redis's words (`request_policy:all_shards`).
    pub tips: &'static [&'static str],
    /// Where its keys are.
    pub keys: &'static [KeySpec],
    /// Which chapter of the documentation it belongs to.
    pub group: Group,
    /// Does it.
    pub run: Handler,
    /// First Redis version that had it.
    pub since: &'static str,
    /// In the documentation's O-notation.
    pub complexity: &'static str,
    /// One line.
    pub summary: &'static str,
    /// The arguments behind the name, in the notation that [`arguments`](super::arguments) reads.
    pub arguments: &'static str,
    /// Since when something else is preferred, and what.
    pub deprecated: Option<Deprecated>,
    /// What changed since it was new: version and change.
    pub history: &'static [(&'static str, &'static str)],
    /// For a container: its subcommands.
    pub subcommands: &'static [Spec],
}

impl Spec {
    /// The name errors and statistics use: `get`, `config|get`.
    #[must_use]
    pub fn full_name(&self) -> String {
        if self.parent.is_empty() { self.name.to_owned() } else { format!("{}|{}", self.parent, self.name) }
    }

    /// Whether a command of `count` arguments fits.
    #[must_use]
    pub const fn accepts(&self, count: usize) -> bool {
        if self.arity >= 0 {
            count == self.arity as usize
        } else {
            count >= self.arity.unsigned_abs() as usize
        }
    }

    /// Index of the first key among the arguments, when that is fixed.
    #[must_use]
    pub const fn first_key(&self) -> Option<usize> {
        match self.keys {
            [KeySpec { begin: Begin::Index(index), find: Find::Range { .. }, .. }, ..] => Some(*index),
            _ => None,
        }
    }

    /// A row to start from: no keys, no flags, refuses nothing.
    pub const BASE: Self = Self {
        name: "",
        parent: "",
        arity: -1,
        flags: Flags::NONE,
        categories: &[],
        tips: &[],
        keys: &[],
        group: Group::Generic,
        run: |_, _| Ok(super::context::Outcome::Done),
        since: "1.0.0",
        complexity: "O(1)",
        summary: "",
        arguments: "",
        deprecated: None,
        history: &[],
        subcommands: &[],
    };

    /// Its access control categories, in Redis's order, without the `@`.
    #[must_use]
    pub fn all_categories(&self) -> Vec<&'static str> {
        let own = |name: &str| self.categories.contains(&name);
        let without = |name: &str| self.categories.iter().any(|own| own.strip_prefix('-') == Some(name));
        let has = |flags: Flags| self.flags.has(flags);
        let of_group = |name: &str| self.subcommands.is_empty() && self.group.category() == Some(name);
        let follows = |name: &str| match name {
            "write" => has(Flags::WRITE),
            "read" => has(Flags::READONLY),
            "admin" => has(Flags::ADMIN),
            "dangerous" => has(Flags::ADMIN) || has(Flags::DANGEROUS),
            "pubsub" if has(Flags::PUBSUB) => true,
            "fast" => has(Flags::FAST),
            "slow" => !has(Flags::FAST),
            "blocking" => has(Flags::BLOCKING),
            name => of_group(name),
        };
        CATEGORIES.iter().copied().filter(|name| own(name) || (follows(name) && !without(name))).collect()
    }
}

/// Since when a command is deprecated.
#[derive(Clone, Copy, Debug)]
pub struct Deprecated {
    /// The Redis version.
    pub since: &'static str,
    /// What to use instead, in Markdown.
    pub by: &'static str,
}

/// All access control categories, in the order Redis lists them.
pub const CATEGORIES: &[&str] = &[
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// A set of properties of a command; names and meaning are Redis's, unless said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(u32);

macro_rules! flags {
    ($($(#[$meta:meta])* $name:ident = $bit:literal $(=> $shown:literal)?;)*) => {
        impl Flags {
            $($(#[$meta])* pub const $name: Self = Self(1 << $bit);)*

            /// The names `COMMAND INFO` shows, in its order.
            pub fn shown(self) -> impl Iterator<Item = &'static str> {
                [$($((Self::$name, $shown),)?)*].into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
            }
        }
    };
}

flags! {
    /// May change keys; what it changed is logged.
    WRITE = 0 => "write";
    /// Reads keys, changes none.
    READONLY = 1 => "readonly";
    /// May need memory: refused when there is none left.
    DENYOOM = 2 => "denyoom";
    /// For operators.
    ADMIN = 3 => "admin";
    /// About channels.
    PUBSUB = 4 => "pubsub";
    /// Not from scripts.
    NOSCRIPT = 5 => "noscript";
    /// May keep its client waiting.
    BLOCKING = 6 => "blocking";
    /// May run while the node reads its files.
    LOADING = 7 => "loading";
    /// May run on a replica whose data is old.
    STALE = 8 => "stale";
    /// Not shown to `MONITOR`.
    SKIP_MONITOR = 9 => "skip_monitor";
    /// Not noted in the slow log.
    SKIP_SLOWLOG = 10 => "skip_slowlog";
    /// Allowed at a node that imports the slot.
    ASKING = 11 => "asking";
    /// Constant or logarithmic time.
    FAST = 12 => "fast";
    /// Allowed before logging in.
    NO_AUTH = 13 => "no_auth";
    /// May write to replicas without being a write.
    MAY_REPLICATE = 14 => "may_replicate";
    /// Not inside MULTI.
    NO_MULTI = 15 => "no_multi";
    /// Keys are found by looking at the arguments.
    MOVABLE_KEYS = 16 => "movablekeys";
    /// Allowed while a script runs too long.
    ALLOW_BUSY = 17 => "allow_busy";
    /// Not while loading in the background.
    NO_ASYNC_LOADING = 18 => "no_async_loading";
    /// Ours: answers from what it is given, so it may wait in the lane with reads and writes.
    PURE = 24;
    /// Ours: counts as dangerous for access control.
    DANGEROUS = 25;
}

impl Flags {
    /// No property.
    pub const NONE: Self = Self(0);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Chapters of the documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named after its chapter")]
pub enum Group {
    Generic,
    String,
    Hash,
    List,
    Set,
    SortedSet,
    Bitmap,
    HyperLogLog,
    Geo,
    Stream,
    PubSub,
    Transactions,
    Scripting,
    Connection,
    Server,
    Cluster,
}

impl Group {
    /// The name `COMMAND DOCS` shows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::Hash => "hash",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Bitmap => "bitmap",
            Self::HyperLogLog => "hyperloglog",
            Self::Geo => "geo",
            Self::Stream => "stream",
            Self::PubSub => "pubsub",
            Self::Transactions => "transactions",
            Self::Scripting => "scripting",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Cluster => "cluster",
        }
    }

    /// The access control category of its commands, if the group has one.
    #[must_use]
    pub const fn category(self) -> Option<&'static str> {
        Some(match self {
            Self::Generic => "keyspace",
            Self::String => "string",
            Self::Hash => "hash",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "sortedset",
            Self::Bitmap => "bitmap",
            Self::HyperLogLog => "hyperloglog",
            Self::Geo => "geo",
            Self::Stream => "stream",
            Self::PubSub => "pubsub",
            Self::Transactions => "transaction",
            Self::Scripting => "scripting",
            Self::Connection => "connection",
            Self::Server | Self::Cluster => return None,
        })
    }
}

/// A run of keys among the arguments (key specifications of the Redis command documentation).
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// Where the run begins.
    pub begin: Begin,
    /// How it goes on.
    pub find: Find,
    /// What is done to the keys, as `COMMAND INFO` names it: `RO`, `RW`, `OW` or `RM`, then `access`, `update`,
    /// `insert`, `delete` and so on.
    pub flags: &'static [&'static str],
    /// A remark for the reader of `COMMAND INFO`.
    pub notes: &'static str,
}

/// Where a run of keys begins.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// At this argument.
    Index(usize),
    /// Behind this word, looked for from this argument on (backwards from the end when negative).
    Keyword(&'static str, i32),
}

/// How a run of keys goes on.
#[derive(Clone, Copy, Debug)]
pub enum Find {
    /// From the beginning to `last` arguments behind it (counted from the end when negative: -1 is the last
    /// argument), every `step`-th.
    Range {
        /// The last one.
        last: i32,
        /// Distance between keys.
        step: usize,
    },
    /// A number tells how many keys follow.
    Counted {
        /// The number's place behind the beginning.
        count: usize,
        /// The first key's place behind the beginning.
        first: usize,
        /// Distance between keys.
        step: usize,
    },
}

impl KeySpec {
    /// One key at argument 1.
    #[must_use]
    pub const fn one(flags: &'static [&'static str]) -> Self {
        Self::range(1, 0, 1, flags)
    }

    /// Keys from `first` to `last` behind it, every `step`-th.
    #[must_use]
    pub const fn range(first: usize, last: i32, step: usize, flags: &'static [&'static str]) -> Self {
        Self { begin: Begin::Index(first), find: Find::Range { last, step }, flags, notes: "" }
    }

    /// The same with a remark.
    #[must_use]
    pub const fn noting(mut self, notes: &'static str) -> Self {
        self.notes = notes;
        self
    }

    /// The indexes of the keys among these arguments; none when the arguments do not fit.
    #[must_use]
    pub fn positions(&self, args: Args<'_>) -> Vec<usize> {
        let begin = match self.begin {
            Begin::Index(index) => index,
            Begin::Keyword(word, from) => {
                let from = if from >= 0 {
                    from as usize
                } else {
                    args.len().saturating_sub(from.unsigned_abs() as usize)
                };
                match (from..args.len()).find(|&index| args.is(index, word)) {
                    Some(index) => index + 1,
                    None => return Vec::new(),
                }
            }
        };
        match self.find {
            Find::Range { last, step } => {
                let last = if last >= 0 {
                    begin + last as usize
                } else {
                    match args.len().checked_sub(last.unsigned_abs() as usize) {
                        Some(last) => last,
                        None => return Vec::new(),
                    }
                };
                (begin..=last).step_by(step).filter(|&index| index < args.len()).collect()
            }
            Find::Counted { count, first, step } => {
                let Some(Ok(number)) = (begin + count < args.len()).then(|| args.integer(begin + count))
                else {
                    return Vec::new();
                };
                let Some(number) = usize::try_from(number).ok().filter(|&number| number <= args.len()) else {
                    return Vec::new();
                };
                (0..number)
                    .map(|key| begin + first + key * step)
                    .filter(|&index| index < args.len())
                    .collect()
            }
        }
    }
}
