//! Every error a client can be told. The first word is the code that client libraries match on.

use std::borrow::Cow;

/// An error reply, without the leading `-` and the line end.
#[derive(Clone, PartialEq, Eq)]
pub struct ReplyError(Cow<'static, [u8]>);

macro_rules! errors {
    ($($(#[$meta:meta])* $name:ident = $text:literal;)*) => {
        impl ReplyError {
            $($(#[$meta])* pub const $name: Self = Self(Cow::Borrowed($text.as_bytes()));)*
        }
    };
}

errors! {
    /// The options do not fit together, or one is unknown.
    SYNTAX = "ERR syntax error";
    /// The key holds another type.
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    /// Not an integer, or beyond 64 bits.
    NOT_INTEGER = "ERR value is not an integer or out of range";
    /// An integer beyond 32 bits.
    NOT_32_BITS = "ERR value is out of range, value must between -2147483648 and 2147483647";
    /// An integer that is the least of 64 bits, whose negative is none.
    NOT_SYMMETRIC =
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    /// An integer outside of what the command takes.
    OUT_OF_RANGE = "ERR value is out of range";
    /// An integer that must not be negative.
    NOT_POSITIVE = "ERR value is out of range, must be positive";
    /// Not a double.
    NOT_FLOAT = "ERR value is not a valid float";
    /// A sum beyond 64 bits.
    OVERFLOW = "ERR increment or decrement would overflow";
    /// A floating-point sum that is no number.
    FLOAT_OVERFLOW = "ERR increment would produce NaN or Infinity";
    /// The key does not exist, and must.
    NO_SUCH_KEY = "ERR no such key";
    /// A database number that is none.
    DATABASE_RANGE = "ERR DB index is out of range";
    /// A database number that is no number.
    DATABASE_INVALID = "ERR invalid DB index";
    /// A string would pass 512 MB (`proto-max-bulk-len`).
    STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    /// An offset below 0.
    OFFSET_RANGE = "ERR offset is out of range";
    /// A hash value that is no integer.
    HASH_NOT_INTEGER = "ERR hash value is not an integer";
    /// A hash value that is no double.
    HASH_NOT_FLOAT = "ERR hash value is not a float";
    /// An increment that must be finite.
    NOT_FINITE = "ERR value is NaN or Infinity";
    /// A cursor that is no number.
    INVALID_CURSOR = "ERR invalid cursor";
    /// Source and target are one key or database.
    SAME_OBJECT = "ERR source and destination objects are the same";
    /// The client has to log in.
    NO_AUTH = "NOAUTH Authentication required.";
    /// User or password are wrong.
    WRONG_PASS = "WRONGPASS invalid username-password pair or user is disabled.";
    /// The node still reads its files.
    LOADING = "LOADING Redis is loading the dataset in memory";
    /// A write was refused for lack of memory.
    OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
    /// A write was refused because the log has no room; nothing was done.
    DISK_FULL = "MISCONF The log cannot grow: the disk is full. Writes are refused and nothing was changed; \
                 free some space and they are accepted again.";
    /// A write was refused because checkpoints fail and `stop-writes-on-bgsave-error` is on.
    CHECKPOINT_FAILED = "MISCONF Lockstep is configured to save checkpoints, but the last one failed. Writes are \
                         refused (stop-writes-on-bgsave-error); look at the log for the reason.";
    /// A write that no entry of the log can hold.
    COMMAND_TOO_LONG = "ERR the command is longer than an entry of the log can be (1 GB)";
    /// A protocol version that is none.
    NO_PROTOCOL = "NOPROTO unsupported protocol version";
    /// The client was unblocked by another with `CLIENT UNBLOCK … ERROR`.
    UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
    /// A timeout that is no integer.
    TIMEOUT_NOT_INTEGER = "ERR timeout is not an integer or out of range";
    /// A timeout below 0.
    TIMEOUT_NEGATIVE = "ERR timeout is negative";
}

impl ReplyError {
    /// An error with a text made for the occasion; it begins with its code.
    #[must_use]
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Self(Cow::Owned(text.into()))
    }

    /// An error with a text known beforehand; it begins with its code.
    #[must_use]
    pub const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text.as_bytes()))
    }

    /// Wrong number of arguments for this command (lower case, `config|get` for subcommands).
    #[must_use]
    pub fn arity(command: &str) -> Self {
        Self::new(format!("ERR wrong number of arguments for '{command}' command"))
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// The first word, which `INFO errorstats` counts by.
    #[must_use]
    pub fn code(&self) -> &[u8] {
        self.0.split(|&byte| byte == b' ').next().expect("split yields one part")
    }
}

impl core::fmt::Debug for ReplyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ReplyError({})", self.0.escape_ascii())
    }
}
