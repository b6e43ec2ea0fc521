//! Identifiers: newtypes, so that an index can never be taken for a term, nor a ticket for a position.

use core::fmt;

/// One client or peer connection, named by the driver.
///
/// `slot` is the driver's slab index and is reused; `generation` grows with every reuse, so an id that
/// outlived its connection is recognised and ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId {
    /// Index in the driver's table of connections.
    pub slot: u32,
    /// How often that slot was used before.
    pub generation: u32,
}

macro_rules! counter {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// The value that follows this one.
            ///
            /// # Panics
            /// When 2^64 - 1 is passed: a counter that wraps would break every order built on it.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.checked_add(1).expect("counter does not wrap"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter!(
    /// A node of a group.
    NodeId
);
counter!(
    /// A term of the Raft paper, section 5.1.
    Term
);
counter!(
    /// Place of an entry in the log; the first entry has index 1, and 0 means "before the first".
    LogIndex
);
counter!(
    /// Names one disk action; the completion carries it back. Given in increasing order.
    Ticket
);

impl LogIndex {
    /// The index before this one; `None` before the first entry.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

/// A place in the node's log stream, in bytes since the first frame of its life.
///
/// Positions go on across segments: the stream is one, the files are its parts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position(pub u64);

impl Position {
    /// The position `bytes` further on.
    ///
    /// # Panics
    /// When 2^64 - 1 is passed.
    #[must_use]
    pub fn advance(self, bytes: u64) -> Self {
        Self(self.0.checked_add(bytes).expect("stream position does not wrap"))
    }
}

/// What an entry is called in a group: the term it was written in and its index.
///
/// Two logs that hold the same id hold the same bytes there (Raft paper, section 5.3, log matching).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EntryId {
    /// Term of the leader that wrote it.
    pub term: Term,
    /// Its place in the log.
    pub index: LogIndex,
}

/// Sixteen random bytes drawn when a group is founded, and adopted by every node that joins it.
///
/// Frame markers and the hash order of keys derive from it, so files of another group are recognised
/// as such and nobody outside can predict where a key hashes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GroupId(pub [u8; 16]);

impl GroupId {
    /// The first eight bytes: the log id that frame markers are mixed from.
    #[must_use]
    pub fn log_id(self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("eight bytes"))
    }

    /// The last eight bytes: the seed of the key hash.
    #[must_use]
    pub fn hash_seed(self) -> u64 {
        u64::from_le_bytes(self.0[8..].try_into().expect("eight bytes"))
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A file of the node's directory. The core gives names, the driver maps them to paths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum File {
    /// A log segment; numbers grow with every new segment and are never used again.
    Segment(u64),
    /// A checkpoint of the keyspace; the number is drawn from the same counter as segments.
    Snapshot(u64),
}

impl File {
    /// The file's name inside the data directory.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Segment(number) => format!("log-{number:016x}"),
            Self::Snapshot(number) => format!("snapshot-{number:016x}"),
        }
    }

    /// The file a directory entry names; `None` for names that are not ours.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (kind, digits) = name.split_once('-')?;
        if digits.len() != 16 || !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let number = u64::from_str_radix(digits, 16).ok()?;
        match kind {
            "log" => Some(Self::Segment(number)),
            "snapshot" => Some(Self::Snapshot(number)),
            _ => None,
        }
    }

    /// The number in its name.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Segment(number) | Self::Snapshot(number) => number,
        }
    }
}

/// What the driver tells a starting node about one file of its directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileInfo {
    /// Which file.
    pub file: File,
    /// How long it is, in bytes, reserved zeros included.
    pub length_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_round_trip() {
        for file in [File::Segment(0), File::Segment(0xabc), File::Snapshot(u64::MAX)] {
            assert_eq!(File::parse(&file.name()), Some(file));
        }
    }

    #[test]
    fn foreign_names_are_not_ours() {
        for name in
            ["log-1", "log-000000000000000G", "log-00000000000000AB", "dump.rdb", "log-+00000000000001a"]
        {
            assert_eq!(File::parse(name), None, "{name}");
        }
    }
}
