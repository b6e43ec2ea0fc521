//! What clients ask for. Every write is unlike every other that may still turn up, so that a command of the log is
//! known for whose it is; where the arguments cannot make it so, the spelling of its name does.

use crate::check::Checks;
use crate::history::Kind;
use crate::random::Stream;
use crate::resp::{Reply, Words};

/// The kinds of requests, in the order of their weights.
pub const KINDS: [&str; 7] = ["register", "counter", "hash", "ttl", "multi-key", "connection", "operator"];

/// How requests are drawn.
#[derive(Clone, Debug)]
pub struct Workload {
    /// How often each kind comes.
    pub weights: [u64; KINDS.len()],
    /// How many keys there are.
    pub keys: u64,
    /// Values are at most so long, in bytes.
    pub value_bytes: u64,
}

fn word(text: impl AsRef<[u8]>) -> Vec<u8> {
    text.as_ref().to_vec()
}

fn words(parts: &[&[u8]]) -> Words {
    parts.iter().map(|part| part.to_vec()).collect()
}

impl Workload {
    /// The next request of a connection. `serial` has never been used before.
    pub fn next(
        &self,
        draws: &mut Stream,
        checks: &Checks,
        database: usize,
        serial: u64,
        wall_ms: u64,
    ) -> (Words, Kind) {
        // After some tries that nothing makes unlike the others, something that always is.
        for _ in 0..4 {
            let (mut request, kind) = self.draw(draws, serial, wall_ms);
            for _ in 0..3 {
                if kind != Kind::Keys || checks.is_unique(database, &request) {
                    return (request, kind);
                }
                respell(&mut request[0], draws.draw());
            }
        }
        (vec![word("SET"), self.key(draws), self.value(draws, serial)], Kind::Keys)
    }

    fn key(&self, draws: &mut Stream) -> Vec<u8> {
        word(format!("k{}", draws.below(self.keys)))
    }

    /// A value that no other request writes.
    fn value(&self, draws: &mut Stream, serial: u64) -> Vec<u8> {
        let mut value = format!("v{serial}.").into_bytes();
        let length = draws.magnitude(1, self.value_bytes) as usize;
        while value.len() < length {
            value.push(b'a' + (value.len() % 26) as u8);
        }
        value
    }

    fn draw(&self, draws: &mut Stream, serial: u64, wall_ms: u64) -> (Words, Kind) {
        let request = match draws.weighted(&self.weights) {
            0 => self.register(draws, serial),
            1 => self.counter(draws, serial),
            2 => self.hash(draws, serial),
            3 => self.ttl(draws, serial, wall_ms),
            4 => self.several(draws, serial),
            5 => return connection(draws, serial),
            _ => return (operator(draws), Kind::Free),
        };
        (request, Kind::Keys)
    }

    fn register(&self, draws: &mut Stream, serial: u64) -> Words {
        let (key, value) = (self.key(draws), self.value(draws, serial));
        match draws.below(16) {
            0..=4 => words(&[b"GET", &key]),
            5..=8 => words(&[b"SET", &key, &value]),
            9 => words(&[b"SET", &key, &value, *draws.pick(&[b"NX", b"XX"])]),
            10 => words(&[b"SET", &key, &value, b"GET"]),
            11 => words(&[b"GETSET", &key, &value]),
            12 => words(&[b"SETNX", &key, &value]),
            13 => words(&[b"APPEND", &key, &value]),
            14 => words(&[b"GETDEL", &key]),
            _ => match draws.below(3) {
                0 => words(&[b"STRLEN", &key]),
                1 => words(&[b"GETRANGE", &key, b"1", b"-2"]),
                _ => words(&[b"SETRANGE", &key, word(draws.below(40).to_string()).as_slice(), &value]),
            },
        }
    }

    fn counter(&self, draws: &mut Stream, serial: u64) -> Words {
        // Counters have keys of their own half of the time, so that most of them are numbers.
        let key = if draws.coin() { word(format!("n{}", draws.below(self.keys))) } else { self.key(draws) };
        let amount = serial.to_string().into_bytes();
        match draws.below(6) {
            0 => words(&[b"GET", &key]),
            1 => words(&[b"DECRBY", &key, &amount]),
            2 => words(&[b"SET", &key, &amount]),
            _ => words(&[b"INCRBY", &key, &amount]),
        }
    }

    fn hash(&self, draws: &mut Stream, serial: u64) -> Words {
        let key = if draws.chance(900_000) {
            word(format!("h{}", draws.below(self.keys)))
        } else {
            self.key(draws)
        };
        let field = word(format!("f{}", draws.below(8)));
        let value = self.value(draws, serial);
        match draws.below(12) {
            0..=3 => words(&[b"HSET", &key, &field, &value]),
            4 => words(&[b"HSET", &key, &field, &value, b"g", &value]),
            5 => words(&[b"HINCRBY", &key, b"n", serial.to_string().as_bytes()]),
            6 => words(&[b"HDEL", &key, &field, &value]),
            7 => words(&[b"HGET", &key, &field]),
            8 => words(&[b"HGETALL", &key]),
            9 => words(&[b"HLEN", &key]),
            10 => words(&[b"HSETNX", &key, &field, &value]),
            _ => words(&[b"HMGET", &key, &field, b"n", b"none"]),
        }
    }

    fn ttl(&self, draws: &mut Stream, serial: u64, wall_ms: u64) -> Words {
        let (key, value) = (self.key(draws), self.value(draws, serial));
        let away_ms = draws.magnitude(1, 5_000);
        let span = word(away_ms.to_string());
        let moment = word((wall_ms + away_ms).to_string());
        match draws.below(12) {
            0..=2 => words(&[b"SET", &key, &value, b"PX", &span]),
            3 => words(&[b"SET", &key, &value, b"PXAT", &moment]),
            4 => words(&[b"SET", &key, &value, b"KEEPTTL"]),
            5 => words(&[b"PEXPIRE", &key, &span]),
            6 => words(&[b"PEXPIREAT", &key, &moment]),
            7 => words(&[b"PERSIST", &key]),
            8 => words(&[b"PTTL", &key]),
            9 => words(&[b"PEXPIRETIME", &key]),
            10 => words(&[b"EXISTS", &key]),
            _ => words(&[b"GET", &key]),
        }
    }

    fn several(&self, draws: &mut Stream, serial: u64) -> Words {
        let (one, other, value) = (self.key(draws), self.key(draws), self.value(draws, serial));
        let nobody = word(format!("nobody{serial}"));
        match draws.below(12) {
            0..=1 => words(&[b"MSET", &one, &value, &other, &value]),
            2 => words(&[b"MSETNX", &one, &value, &other, &value]),
            3 => words(&[b"MGET", &one, &other]),
            4 => words(&[b"DEL", &one, &other, &nobody]),
            5 => words(&[b"UNLINK", &one, &nobody]),
            6 => words(&[b"EXISTS", &one, &other, &one]),
            7..=8 if one != other => words(&[b"RENAME", &one, &other]),
            9 if one != other => words(&[b"COPY", &one, &other, b"REPLACE"]),
            10 if one != other => words(&[b"RENAMENX", &one, &other]),
            _ => words(&[b"TYPE", &one]),
        }
    }
}

fn connection(draws: &mut Stream, serial: u64) -> (Words, Kind) {
    let text = word(format!("echo{serial}"));
    match draws.below(3) {
        0 => (words(&[b"PING"]), Kind::Fixed(Reply::Simple("PONG".into()))),
        1 => (words(&[b"ECHO", &text]), Kind::Fixed(Reply::Bulk(text))),
        _ => (words(&[b"NOSUCHCOMMAND", &text]), Kind::Free),
    }
}

fn operator(draws: &mut Stream) -> Words {
    match draws.below(6) {
        0..=2 => words(&[b"BGREWRITEAOF"]),
        3 => words(&[b"BGSAVE"]),
        4 => words(&[b"SAVE"]),
        _ => words(&[b"WAITAOF", b"1", b"0", b"100"]),
    }
}

/// The same name, spelt another way.
fn respell(name: &mut [u8], bits: u64) {
    for (at, letter) in name.iter_mut().enumerate() {
        *letter = if bits >> at & 1 == 1 { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::durable::Policy;
    use crate::model;
    use crate::random::{Domain, Keyed};

    #[test]
    fn writes_are_unlike_each_other_and_the_model_knows_them_all() {
        let mut draws = Keyed(4).stream(Domain::Workload, 0);
        let mut checks = Checks::new(Policy::No, 0);
        let serial = checks.connect();
        let workload = Workload { weights: [1; KINDS.len()], keys: 2, value_bytes: 30 };
        let mut names = std::collections::BTreeSet::new();
        for number in 1..5_000 {
            let (request, kind) = workload.next(&mut draws, &checks, 0, number, 1_000_000);
            names.insert(request[0].to_ascii_uppercase());
            assert!(kind != Kind::Keys || model::knows(&request), "{request:?}");
            // Panics when a write is not unique.
            checks.request(serial, 0, request, kind);
        }
        assert!(names.len() > 35, "{}", names.len());
    }
}
