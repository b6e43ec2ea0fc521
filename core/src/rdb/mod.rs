//! Redis's dump files (RDB, versions 1 to 12), read and never written: how data comes here from Redis.
//!
//! [`Reader`] is fed with the bytes of a file, cut anywhere, and gives one [`Item`] after the other. Whatever the
//! bytes are, it ends with the file's end or with an [`Error`] that names the offset, and it never allocates on
//! the word of a length: a string is collected as its bytes arrive, a compressed one grows as it is unpacked, a
//! hash comes in pieces.
//!
//! ```text
//!   "REDIS0011" ( aux | database | sizes | deadline? idle? type key value )* EOF crc64
//! ```
//!
//! The format has no specification; what stands here was learned from files that Redis 7.0 writes and from its
//! published descriptions of the single encodings (`ziplist`, `listpack`, `zipmap`, LZF). Strings and hashes are
//! read in all their encodings. Values of other types are passed over whole and told by name.

mod crc;
mod cursor;
mod lzf;
mod packed;
mod reader;
mod skip;

pub use reader::Reader;

/// The newest version that is read.
pub const VERSION_MAX: u32 = 12;

/// A field of a hash, and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// One thing that the file tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// Something about the server that wrote the file, such as its version.
    Aux {
        /// What it is called.
        name: Vec<u8>,
        /// What it says.
        value: Vec<u8>,
    },
    /// The keys that follow belong to this database.
    Database(u64),
    /// About how many keys follow in this database.
    Keys(u64),
    /// A key that holds a string.
    Text {
        /// Its name.
        key: Vec<u8>,
        /// When it ceases to be, in milliseconds since the epoch.
        deadline: Option<i64>,
        /// What it holds.
        value: Vec<u8>,
    },
    /// Some fields of a hash; a long one comes in several pieces, one directly behind the other.
    Pairs {
        /// The key's name.
        key: Vec<u8>,
        /// When it ceases to be, in milliseconds since the epoch.
        deadline: Option<i64>,
        /// Whether this is the first piece.
        first: bool,
        /// Fields with their values, one or more.
        pairs: Vec<Pair>,
    },
    /// A key that holds something that cannot be taken over.
    Refused {
        /// Its name.
        key: Vec<u8>,
        /// What it holds.
        kind: &'static str,
    },
    /// A library of functions, which is passed over.
    Library,
    /// Data of a module that belongs to no key, which is passed over.
    ModuleData,
    /// The file ends here; what follows, in a log that begins with a dump, is something else.
    End {
        /// Whether the file had a checksum; it matched.
        checked: bool,
    },
}

/// Why a file cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// Where, in bytes from the beginning of the file.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.what)
    }
}
