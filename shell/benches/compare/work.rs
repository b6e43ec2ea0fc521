//! What clients ask: batches of commands, encoded once, whose keys alone are written anew for every batch.

/// One kind of command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    Get,
    Set,
    Incr,
    HashSet,
    /// `MSET` of ten keys.
    MultiSet,
    /// Half `SET`, half `GET`.
    Mixed,
}

/// How the keys of successive commands are chosen.
#[derive(Clone, Copy, Debug)]
pub enum Keys {
    /// Any of the first `limit`.
    Random { limit: u32 },
    /// One after the other below `limit`, and from the beginning again.
    InOrder { next: u32, limit: u32 },
}

/// Length of every key, in bytes.
pub const KEY_BYTES: usize = 16;
const DIGITS: usize = 7;
const MULTI: usize = 10;

/// Three digits of every number below a thousand.
static TRIPLES: [[u8; 3]; 1000] = {
    let mut triples = [[0; 3]; 1000];
    let mut number = 0;
    while number < 1000 {
        triples[number] =
            [(number / 100) as u8 + b'0', (number / 10 % 10) as u8 + b'0', (number % 10) as u8 + b'0'];
        number += 1;
    }
    triples
};

fn write_digits(place: &mut [u8], number: u32) {
    place[0] = (number / 1_000_000 % 10) as u8 + b'0';
    place[1..4].copy_from_slice(&TRIPLES[(number / 1000 % 1000) as usize]);
    place[4..7].copy_from_slice(&TRIPLES[(number % 1000) as usize]);
}

/// A generator of random numbers (Vigna, "xorshift64*": small, and good enough to choose keys).
#[derive(Clone, Copy, Debug)]
pub struct Random(pub u64);

impl Random {
    /// Any number below `limit`.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((high * u64::from(limit)) >> 32) as u32
    }
}

impl Keys {
    fn choose(&mut self, random: &mut Random) -> u32 {
        match self {
            Self::Random { limit } => random.below(*limit),
            Self::InOrder { next, limit } => {
                let chosen = *next;
                *next = if chosen + 1 == *limit { 0 } else { chosen + 1 };
                chosen
            }
        }
    }
}

/// A batch of commands ready to be sent.
#[derive(Clone, Debug)]
pub struct Batch {
    pub bytes: Vec<u8>,
    /// Per key: where its digits stand, and where its value's do.
    places: Vec<(usize, Option<usize>)>,
    /// The keys chosen last.
    numbers: Vec<u32>,
    work: Work,
    commands: usize,
    value_bytes: usize,
}

/// How the end of a batch's replies is recognised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// After so many bytes.
    Bytes(usize),
    /// After so many lines.
    Lines(usize),
}

impl Batch {
    pub fn new(work: Work, commands: usize, value_bytes: usize) -> Self {
        let mut batch =
            Self { bytes: Vec::new(), places: Vec::new(), numbers: Vec::new(), work, commands, value_bytes };
        for index in 0..commands {
            match batch.kind(index) {
                Work::Get | Work::Mixed => {
                    batch.words(2, "GET");
                    batch.key("key");
                }
                Work::Set => {
                    batch.words(3, "SET");
                    batch.key("key");
                    batch.value();
                }
                Work::Incr => {
                    batch.words(2, "INCR");
                    batch.key("cnt");
                }
                Work::HashSet => {
                    batch.words(4, "HSET");
                    batch.key("hsh");
                    batch.bulk(b"field");
                    batch.value();
                }
                Work::MultiSet => {
                    batch.words(1 + 2 * MULTI, "MSET");
                    for _ in 0..MULTI {
                        batch.key("key");
                        batch.value();
                    }
                }
            }
        }
        batch.numbers = vec![0; batch.places.len()];
        batch
    }

    /// The kind of the command at `index`.
    fn kind(&self, index: usize) -> Work {
        match self.work {
            Work::Mixed if index.is_multiple_of(2) => Work::Set,
            Work::Mixed => Work::Get,
            work => work,
        }
    }

    fn words(&mut self, count: usize, name: &str) {
        self.bytes.extend_from_slice(format!("*{count}\r\n").as_bytes());
        self.bulk(name.as_bytes());
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn key(&mut self, family: &str) {
        self.bulk(format!("{family}:{:0width$}", 0, width = KEY_BYTES - family.len() - 1).as_bytes());
        self.places.push((self.bytes.len() - 2 - DIGITS, None));
    }

    fn value(&mut self) {
        self.bulk(&value_of(0, self.value_bytes));
        let digits = self.bytes.len() - 2 - DIGITS;
        self.places.last_mut().expect("a value has a key").1 = Some(digits);
    }

    /// How many commands it holds.
    pub fn commands(&self) -> usize {
        self.commands
    }

    /// Chooses other keys.
    pub fn refill(&mut self, keys: &mut Keys, random: &mut Random) {
        for (place, number) in self.places.iter().zip(&mut self.numbers) {
            *number = keys.choose(random);
            write_digits(&mut self.bytes[place.0..place.0 + DIGITS], *number);
            if let Some(value) = place.1 {
                write_digits(&mut self.bytes[value..value + DIGITS], *number);
            }
        }
    }

    /// How the end of the replies is recognised.
    pub fn expected(&self) -> Expected {
        let found = format!("${}\r\n", self.value_bytes).len() + self.value_bytes + 2;
        match self.work {
            Work::Get => Expected::Bytes(self.commands * found),
            Work::Set | Work::MultiSet => Expected::Bytes(self.commands * 5),
            Work::HashSet => Expected::Bytes(self.commands * 4),
            Work::Mixed => Expected::Bytes(self.commands.div_ceil(2) * 5 + self.commands / 2 * found),
            Work::Incr => Expected::Lines(self.commands),
        }
    }

    /// Whether these are the replies to this batch.
    pub fn check(&self, replies: &[u8]) -> Result<(), String> {
        let mut rest = replies;
        for index in 0..self.commands {
            let right = match self.kind(index) {
                Work::Get | Work::Mixed => {
                    let value = value_of(self.numbers[index], self.value_bytes);
                    let reply = [format!("${}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat();
                    rest.strip_prefix(reply.as_slice())
                }
                Work::Set | Work::MultiSet => rest.strip_prefix(b"+OK\r\n"),
                Work::HashSet => rest.strip_prefix(b":0\r\n").or_else(|| rest.strip_prefix(b":1\r\n")),
                Work::Incr => after_positive_integer(rest),
            };
            let Some(next) = right else {
                let shown = String::from_utf8_lossy(&rest[..rest.len().min(80)]).into_owned();
                return Err(format!(
                    "{:?} {index} of {}: unexpected reply {shown:?}",
                    self.work, self.commands
                ));
            };
            rest = next;
        }
        if rest.is_empty() { Ok(()) } else { Err(format!("{} bytes too many", rest.len())) }
    }
}

fn after_positive_integer(bytes: &[u8]) -> Option<&[u8]> {
    let digits = bytes.strip_prefix(b":")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    (end > 0).then_some(())?;
    digits[end..].strip_prefix(b"\r\n")
}

/// The value of a key: filled up, with the key's number at its end.
fn value_of(number: u32, value_bytes: usize) -> Vec<u8> {
    let mut value = vec![b'v'; value_bytes];
    write_digits(&mut value[value_bytes - DIGITS..], number);
    value
}
