//! Types of settings that are more than a number or a word.

/// When the log is brought to the platter (`appendfsync`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendFsync {
    /// Once a second.
    EverySecond,
    /// Before a write is answered.
    Always,
    /// When the operating system sees fit.
    No,
}

/// Which keys make room when `maxmemory` is reached (`maxmemory-policy`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaxmemoryPolicy {
    /// Least recently used, of those with a time to live.
    VolatileLru,
    /// Least frequently used, of those with a time to live.
    VolatileLfu,
    /// Any with a time to live.
    VolatileRandom,
    /// Shortest time to live first.
    VolatileTtl,
    /// Least recently used.
    AllkeysLru,
    /// Least frequently used.
    AllkeysLfu,
    /// Any.
    AllkeysRandom,
    /// None: writes that need memory are refused.
    NoEviction,
}

/// The least important lines that are logged (`loglevel`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Much that is rarely useful.
    Verbose,
    /// What one wants in production.
    Notice,
    /// Only what is very important.
    Warning,
}

/// Who watches over the process (`supervised`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Supervised {
    /// upstart; treated as nobody.
    Upstart,
    /// systemd, which is told when the node serves.
    Systemd,
    /// Whoever the environment names.
    Auto,
    /// Nobody.
    No,
}

/// Who may use a dangerous command (`enable-debug-command` and the like).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Nobody.
    No,
    /// Everybody.
    Yes,
    /// Connections from this machine.
    Local,
}

/// What new users may subscribe to (`acl-pubsub-default`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PubsubDefault {
    /// Every channel.
    AllChannels,
    /// None.
    ResetChannels,
}

/// How a leader makes sure that it still leads before it answers a read (`raft-reads`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RaftReads {
    /// By asking a majority: linearizable whatever the clocks do.
    Index,
    /// By a lease: faster, and linearizable only while clocks run at about the same pace.
    Lease,
}

/// What `CLUSTER SLOTS` calls a node (`cluster-preferred-endpoint-type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndpointType {
    /// Its address.
    Ip,
    /// Its announced name.
    Hostname,
    /// Nothing: clients use the address they already have.
    UnknownEndpoint,
}

/// Named presets of durability (`--profile`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// A write is on the platter before it is answered.
    Durable,
    /// Losing the machine may lose a second or two.
    Balanced,
    /// Losing the machine may lose what the system had not written yet.
    Fast,
    /// Nothing is written to disk.
    Dev,
}

/// A checkpoint is due after `seconds` when at least `changes` changes were made (`save`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SavePoint {
    /// Time since the last checkpoint, in seconds.
    pub seconds: u64,
    /// Changes since then.
    pub changes: u64,
}

/// When a client that does not read its replies is disconnected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BufferLimit {
    /// At once above this many bytes; 0 for no limit.
    pub hard_bytes: u64,
    /// Above this many bytes for `soft_s` seconds; 0 for no limit.
    pub soft_bytes: u64,
    /// How long, in seconds.
    pub soft_s: u64,
}

/// `client-output-buffer-limit` for each class of client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BufferLimits {
    /// Normal clients.
    pub normal: BufferLimit,
    /// Replicas.
    pub replica: BufferLimit,
    /// Clients subscribed to a channel or pattern.
    pub pubsub: BufferLimit,
}

impl Default for BufferLimits {
    fn default() -> Self {
        Self {
            normal: BufferLimit::default(),
            replica: BufferLimit { hard_bytes: 256 << 20, soft_bytes: 64 << 20, soft_s: 60 },
            pubsub: BufferLimit { hard_bytes: 32 << 20, soft_bytes: 8 << 20, soft_s: 60 },
        }
    }
}

/// What a signal to stop means (`shutdown-on-sigterm`); nothing set is the default: save if checkpoints are due.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ShutdownOptions {
    /// Write a checkpoint first.
    pub save: bool,
    /// Write none.
    pub nosave: bool,
    /// Do not wait for replicas.
    pub now: bool,
    /// Stop even if saving fails.
    pub force: bool,
}

/// Which changes are published (`notify-keyspace-events`), as a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyspaceEvents(u16);

/// The letters in the order in which `CONFIG GET` shows them; bit n of the set is letter n.
const EVENT_LETTERS: &[u8; 14] = b"g$lshzxetdKEmn";

impl KeyspaceEvents {
    /// Commands that work on any type: DEL, EXPIRE, RENAME (`g`).
    pub const GENERIC: Self = Self(1);
    /// String commands (`$`).
    pub const STRING: Self = Self(1 << 1);
    /// List commands (`l`).
    pub const LIST: Self = Self(1 << 2);
    /// Set commands (`s`).
    pub const SET: Self = Self(1 << 3);
    /// Hash commands (`h`).
    pub const HASH: Self = Self(1 << 4);
    /// Sorted set commands (`z`).
    pub const ZSET: Self = Self(1 << 5);
    /// Keys that expired (`x`).
    pub const EXPIRED: Self = Self(1 << 6);
    /// Keys that made room (`e`).
    pub const EVICTED: Self = Self(1 << 7);
    /// Stream commands (`t`).
    pub const STREAM: Self = Self(1 << 8);
    /// Module types (`d`).
    pub const MODULE: Self = Self(1 << 9);
    /// Publish to `__keyspace@<db>__:<key>` (`K`).
    pub const KEYSPACE: Self = Self(1 << 10);
    /// Publish to `__keyevent@<db>__:<event>` (`E`).
    pub const KEYEVENT: Self = Self(1 << 11);
    /// Reads of keys that do not exist (`m`).
    pub const MISS: Self = Self(1 << 12);
    /// New keys (`n`).
    pub const NEW: Self = Self(1 << 13);
    /// Everything that `A` stands for: all classes of events but `m` and `n`.
    pub const ALL: Self = Self((1 << 10) - 1);

    /// Whether every bit of `other` is in this set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is in this set.
    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The set that letters stand for; `None` when one of them is unknown.
    #[must_use]
    pub fn parse(letters: &str) -> Option<Self> {
        letters.bytes().try_fold(Self(0), |set, letter| {
            if letter == b'A' {
                return Some(Self(set.0 | Self::ALL.0));
            }
            let bit = EVENT_LETTERS.iter().position(|&known| known == letter)?;
            Some(Self(set.0 | 1 << bit))
        })
    }
}

impl core::fmt::Display for KeyspaceEvents {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut rest = *self;
        if self.contains(Self::ALL) {
            f.write_str("A")?;
            rest.0 &= !Self::ALL.0;
        }
        (0..EVENT_LETTERS.len())
            .filter(|bit| rest.0 & 1 << bit != 0)
            .try_for_each(|bit| write!(f, "{}", char::from(EVENT_LETTERS[bit])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_classes_are_shown_as_redis_shows_them() {
        // Given, and what redis-server 7.0 answers to CONFIG GET.
        for (given, shown) in [
            ("KEA", "AKE"),
            ("g", "g"),
            ("Klm", "lKm"),
            ("xe", "xe"),
            ("Kzd", "zdK"),
            ("KEg$lshzxet", "g$lshzxetKE"),
            ("KEg$lshzxetd", "AKE"),
            ("", ""),
        ] {
            assert_eq!(KeyspaceEvents::parse(given).expect("known letters").to_string(), shown);
        }
        assert_eq!(KeyspaceEvents::parse("Kq"), None);
        assert!(KeyspaceEvents::parse("A").expect("known").contains(KeyspaceEvents::STREAM));
        assert!(!KeyspaceEvents::parse("A").expect("known").intersects(KeyspaceEvents::MISS));
    }
}
