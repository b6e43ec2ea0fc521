//! A naive Redis: what commands mean, in the plainest code there is. It knows no log, no disk and no network.

mod hash;
mod keys;
mod string;

use std::collections::BTreeMap;

use crate::resp::Reply;

/// A key: its database and its name.
pub type Key = (usize, Vec<u8>);

/// A value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A string.
    Text(Vec<u8>),
    /// A hash.
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
}

/// What a key holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Its value.
    pub value: Value,
    /// When it goes, in milliseconds since the epoch.
    pub deadline_ms: Option<u64>,
}

/// Keys and what they hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Model {
    /// Everything, keys whose time has come included.
    pub keys: BTreeMap<Key, Item>,
}

/// Which keys a command looks at or changes.
#[must_use]
pub fn keys_of(words: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let name = words[0].to_ascii_uppercase();
    let rest = &words[1..];
    match &name[..] {
        b"DEL" | b"UNLINK" | b"EXISTS" | b"MGET" | b"TOUCH" => rest.to_vec(),
        b"MSET" | b"MSETNX" => rest.iter().step_by(2).cloned().collect(),
        b"RENAME" | b"RENAMENX" | b"COPY" => rest[..2].to_vec(),
        _ => rest[..1].to_vec(),
    }
}

/// Whether the model knows a command.
#[must_use]
pub fn knows(words: &[Vec<u8>]) -> bool {
    const KNOWN: [&[u8]; 36] = [
        b"GET",
        b"SET",
        b"GETSET",
        b"GETDEL",
        b"SETNX",
        b"APPEND",
        b"STRLEN",
        b"INCRBY",
        b"DECRBY",
        b"MSET",
        b"MSETNX",
        b"MGET",
        b"SETRANGE",
        b"GETRANGE",
        b"HSET",
        b"HGET",
        b"HDEL",
        b"HINCRBY",
        b"HGETALL",
        b"HLEN",
        b"HEXISTS",
        b"HSETNX",
        b"DEL",
        b"UNLINK",
        b"EXISTS",
        b"TOUCH",
        b"TYPE",
        b"RENAME",
        b"RENAMENX",
        b"COPY",
        b"PEXPIRE",
        b"PEXPIREAT",
        b"PTTL",
        b"PEXPIRETIME",
        b"PERSIST",
        b"HMGET",
    ];
    words.first().is_some_and(|name| KNOWN.contains(&&name.to_ascii_uppercase()[..]))
}

/// Whether a command may change something.
#[must_use]
pub fn writes(words: &[Vec<u8>]) -> bool {
    const READS: [&[u8]; 14] = [
        b"GET",
        b"STRLEN",
        b"MGET",
        b"GETRANGE",
        b"HGET",
        b"HGETALL",
        b"HLEN",
        b"HEXISTS",
        b"EXISTS",
        b"TOUCH",
        b"TYPE",
        b"PTTL",
        b"PEXPIRETIME",
        b"HMGET",
    ];
    !READS.contains(&&words[0].to_ascii_uppercase()[..])
}

impl Model {
    /// Runs a command at a moment, in milliseconds since the epoch.
    ///
    /// # Panics
    /// When the model does not know the command, or it has too few words: the workload writes only what it knows.
    pub fn run(&mut self, database: usize, words: &[Vec<u8>], now_ms: u64) -> Reply {
        let name = words[0].to_ascii_uppercase();
        let rest = &words[1..];
        let mut at = At { model: self, database, now_ms };
        let result = match &name[..] {
            b"GET" | b"SET" | b"GETSET" | b"GETDEL" | b"SETNX" | b"APPEND" | b"STRLEN" | b"INCRBY"
            | b"DECRBY" | b"MSET" | b"MSETNX" | b"MGET" | b"SETRANGE" | b"GETRANGE" => {
                string::run(&mut at, &name, rest)
            }
            _ if name.starts_with(b"H") => hash::run(&mut at, &name, rest),
            _ => keys::run(&mut at, &name, rest),
        };
        result.unwrap_or_else(|text| Reply::Error(text.into()))
    }
}

/// The error that a command ends in.
type Refusal = &'static str;
type Result = std::result::Result<Reply, Refusal>;

const WRONG_TYPE: Refusal = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: Refusal = "ERR value is not an integer or out of range";

/// The keys as one command sees them.
struct At<'a> {
    model: &'a mut Model,
    database: usize,
    now_ms: u64,
}

impl At<'_> {
    fn key(&self, name: &[u8]) -> Key {
        (self.database, name.to_vec())
    }

    /// What a key holds, unless its time has come.
    fn get(&self, name: &[u8]) -> Option<&Item> {
        let item = self.model.keys.get(&self.key(name))?;
        item.deadline_ms.is_none_or(|deadline| deadline > self.now_ms).then_some(item)
    }

    fn put(&mut self, name: &[u8], value: Value, deadline_ms: Option<u64>) {
        let key = self.key(name);
        self.model.keys.insert(key, Item { value, deadline_ms });
    }

    /// Takes a key away, and gives what it held.
    fn take(&mut self, name: &[u8]) -> Option<Item> {
        let visible = self.get(name).cloned();
        let key = self.key(name);
        self.model.keys.remove(&key);
        visible
    }

    fn text(&self, name: &[u8]) -> std::result::Result<Option<Vec<u8>>, Refusal> {
        match self.get(name).map(|item| &item.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(Value::Hash(_)) => Err(WRONG_TYPE),
        }
    }

    fn deadline(&self, name: &[u8]) -> Option<u64> {
        self.get(name).and_then(|item| item.deadline_ms)
    }
}

fn number(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let value: i64 = text.parse().ok()?;
    (value.to_string() == text).then_some(value)
}

fn count(amount: usize) -> Reply {
    Reply::Integer(i64::try_from(amount).expect("small numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(model: &mut Model, line: &str, now_ms: u64) -> String {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        assert!(knows(&words), "{line}");
        format!("{:?}", model.run(0, &words, now_ms))
    }

    #[test]
    fn commands_answer_as_redis_does() {
        let mut model = Model::default();
        for (line, expected) in [
            ("SET k v", "+OK"),
            ("SET k w NX", "nil"),
            ("SET k w XX GET", "\"v\""),
            ("APPEND k xyz", ":4"),
            ("STRLEN k", ":4"),
            ("INCRBY k 1", "-ERR value is not an integer or out of range"),
            ("INCRBY n 5", ":5"),
            ("DECRBY n 7", ":-2"),
            ("HSET k f v", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HSET h f 1 g 2", ":2"),
            ("HINCRBY h f 4", ":5"),
            ("HGETALL h", "[\"f\", \"5\", \"g\", \"2\"]"),
            ("HDEL h f g x", ":2"),
            ("EXISTS h k k", ":2"),
            ("RENAME nope k", "-ERR no such key"),
            ("RENAME k l", "+OK"),
            ("COPY l m", ":1"),
            ("COPY l m", ":0"),
            ("TYPE m", "+string"),
            ("MSETNX a 1 m 2", ":0"),
            ("MSET a 1 b 2", "+OK"),
            ("MGET a b c", "[\"1\", \"2\", nil]"),
            ("SETRANGE a 3 xy", ":5"),
            ("GETRANGE a 1 -2", "\"\\x00\\x00x\""),
            ("GETDEL a", "\"1\\x00\\x00xy\""),
            ("DEL a b l", ":2"),
        ] {
            assert_eq!(run(&mut model, line, 1000), expected, "{line}");
        }
    }

    #[test]
    fn keys_go_when_their_time_has_come() {
        let mut model = Model::default();
        run(&mut model, "SET k v PX 100", 1000);
        assert_eq!(run(&mut model, "PTTL k", 1040), ":60");
        assert_eq!(run(&mut model, "GET k", 1099), "\"v\"");
        assert_eq!(run(&mut model, "GET k", 1100), "nil");
        assert_eq!(run(&mut model, "PTTL k", 1100), ":-2");
        run(&mut model, "SET k w", 1101);
        assert_eq!(run(&mut model, "PEXPIREAT k 1050", 1101), ":1");
        assert_eq!(run(&mut model, "EXISTS k", 1101), ":0");
        run(&mut model, "SET k x PX 50", 1200);
        assert_eq!(run(&mut model, "RENAME k l", 1201), "+OK");
        assert_eq!(run(&mut model, "PEXPIRETIME l", 1201), ":1250");
        assert_eq!(run(&mut model, "PERSIST l", 1201), ":1");
        assert_eq!(run(&mut model, "PTTL l", 9999), ":-1");
    }
}
