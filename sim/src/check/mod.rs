//! What is promised, and whether it is kept. The checkers see what crosses the edge of a node: bytes that arrive,
//! bytes that leave, bytes that are handed to the disk, crashes. Nothing they believe comes from inside the node but
//! the digest of its keys.

pub mod digest;
pub mod durable;
pub mod log;
pub mod oracle;
pub mod replies;
pub mod versions;

use std::collections::BTreeMap;

use lockstep_core::ids::File;

use crate::disk::Disk;
use crate::history::{Kind, Moment, Op, OpId, Point, Violation, violated};
use crate::model;
use crate::resp::{Reply, Words, request, requests};
use digest::Digests;
use durable::{Durable, Policy};
use log::Log;
use replies::Replies;
use versions::Versions;

/// Errors that say that a command was not run.
const REFUSALS: [&str; 5] = ["LOADING", "MISCONF", "OOM", "NOAUTH", "BUSY"];

/// Everything that is checked of one node.
#[derive(Debug)]
pub struct Checks {
    ops: Vec<Op>,
    /// Writes that may still turn up in the log, by database and bytes.
    awaited: BTreeMap<(usize, Vec<u8>), OpId>,
    conns: Vec<Conn>,
    /// The canonical log.
    pub log: Log,
    versions: Versions,
    /// What was promised about crashes.
    pub durable: Durable,
    /// The digest at each entry.
    pub digests: Digests,
    /// What everybody together has been told.
    floor: Point,
    /// The log's time can be no earlier in this life of the process, in milliseconds.
    log_ms: u64,
    /// How much was checked.
    pub counts: Counts,
}

/// How much was checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Replies compared with the model.
    pub replies: u64,
    /// Commands seen in the log.
    pub units: u64,
    /// Commands lost in crashes, as they may be.
    pub lost: u64,
    /// Requests without an answer.
    pub unknown: u64,
    /// Recoveries that went on writing.
    pub recoveries: u64,
}

#[derive(Debug, Default)]
struct Conn {
    ops: Vec<OpId>,
    /// Bytes of requests handed out so far.
    requested: u64,
    /// How many requests have arrived.
    arrived: usize,
    replies: Replies,
    floor: Point,
    last_unit: Option<u64>,
}

impl Checks {
    /// Checks of a node that starts on nothing.
    #[must_use]
    pub fn new(policy: Policy, window_us: u64) -> Self {
        Self {
            ops: Vec::new(),
            awaited: BTreeMap::new(),
            conns: Vec::new(),
            log: Log::default(),
            versions: Versions::default(),
            durable: Durable::new(policy, window_us),
            digests: Digests::default(),
            floor: Point::default(),
            log_ms: 0,
            counts: Counts::default(),
        }
    }

    /// A connection is going to be made; its serial number.
    pub fn connect(&mut self) -> usize {
        self.conns.push(Conn::default());
        self.conns.len() - 1
    }

    /// Whether no other write that may still turn up has these bytes.
    #[must_use]
    pub fn is_unique(&self, database: usize, words: &Words) -> bool {
        !self.awaited.contains_key(&(database, request(words)))
    }

    /// A client sends a request; its bytes.
    ///
    /// # Panics
    /// When a write is not unique.
    pub fn request(&mut self, serial: usize, database: usize, words: Words, kind: Kind) -> Vec<u8> {
        let bytes = request(&words);
        let conn = &mut self.conns[serial];
        conn.requested += bytes.len() as u64;
        let id = self.ops.len();
        conn.ops.push(id);
        if kind == Kind::Keys && model::writes(&words) {
            let before = self.awaited.insert((database, bytes.clone()), id);
            assert!(before.is_none(), "writes are unique");
        }
        self.ops.push(Op {
            conn: serial,
            database,
            words,
            bytes: bytes.clone(),
            kind,
            end: conn.requested,
            arrived: None,
            unit: None,
            expected: None,
            answer: None,
        });
        bytes
    }

    /// A turn of the node begins.
    pub fn turn(&mut self, moment: Moment) {
        self.log_ms = self.log_ms.max(moment.wall_ms);
    }

    /// The node was handed the first `total` bytes of a connection.
    pub fn arrived(&mut self, serial: usize, total: u64) {
        let conn = &mut self.conns[serial];
        while let Some(&id) = conn.ops.get(conn.arrived) {
            if self.ops[id].end > total {
                break;
            }
            self.ops[id].arrived = Some((self.floor, self.log_ms));
            conn.arrived += 1;
        }
    }

    /// Whether the state after this entry is known to belong to the log: it is a new entry that was handed to the disk.
    #[must_use]
    pub fn is_logged(&self, index: u64) -> bool {
        self.log.goes_on && index <= self.log.last()
    }

    /// How many requests of a connection were answered whole within its first `bytes` bytes.
    #[must_use]
    pub fn answered_within(&self, serial: usize, bytes: u64) -> usize {
        self.conns[serial].replies.within(bytes)
    }

    /// A connection is gone; what had not arrived by now never will.
    pub fn closed(&mut self, serial: usize) {
        let conn = &self.conns[serial];
        for &id in &conn.ops[conn.arrived..] {
            self.awaited.remove(&(self.ops[id].database, self.ops[id].bytes.clone()));
        }
        self.counts.unknown += (conn.arrived - conn.replies.count()) as u64;
    }

    /// Bytes are handed to the disk, by a node that serves or still carries over what it found.
    ///
    /// # Errors
    /// When they should not be in the log.
    pub fn appended(
        &mut self,
        file: File,
        offset: usize,
        bytes: &[u8],
        serving: bool,
        moment: Moment,
    ) -> Result<(), Violation> {
        if matches!(file, File::Snapshot(_)) {
            return Ok(());
        }
        for seen in log::entries(bytes, offset)? {
            let known = seen.index.checked_sub(1).and_then(|at| self.log.entries.get_mut(at as usize));
            if !serving {
                // Old entries only, each as it was. A new one may be equal to one that was lost, so looking at the
                // bytes alone would not do.
                let Some(entry) = known.filter(|entry| entry.frame == seen.frame) else {
                    return violated(
                        "INV-S2",
                        format!("entry {} was recovered, and nobody wrote it so", seen.index),
                    );
                };
                entry.places.push((file, seen.offset));
                continue;
            }
            if seen.index <= self.log.last() && self.log.goes_on {
                return violated("INV-R6", format!("entry {} was written twice in one life", seen.index));
            }
            if seen.index > self.log.last() + 1 || seen.index == 0 {
                return violated("INV-S2", format!("entry {} follows entry {}", seen.index, self.log.last()));
            }
            self.goes_on_behind(seen.index - 1)?;
            self.entry(file, &seen, moment)?;
        }
        Ok(())
    }

    /// The first new entry of a life says what was recovered.
    fn goes_on_behind(&mut self, index: u64) -> Result<(), Violation> {
        if self.log.goes_on {
            return Ok(());
        }
        self.log.goes_on = true;
        self.durable.recovered(&self.log, index)?;
        self.counts.recoveries += 1;
        let units = self.log.units_at(index);
        self.counts.lost += self.log.units() - units;
        self.versions.truncate(units);
        self.digests.truncate(index);
        self.log.truncate(index);
        self.floor.units = self.floor.units.min(units);
        // Time that somebody could have noticed is in the log; the rest may pass again.
        let time_ms = self.log.entries.last().map_or(0, |entry| entry.time_ms);
        self.floor.time_ms = self.floor.time_ms.min(time_ms);
        Ok(())
    }

    fn entry(&mut self, file: File, seen: &log::Seen<'_>, moment: Moment) -> Result<(), Violation> {
        let before_ms = self.log.entries.last().map_or(0, |entry| entry.time_ms);
        if seen.time_ms < before_ms {
            return violated(
                "INV-R6",
                format!("the log's time goes back from {before_ms} to {}", seen.time_ms),
            );
        }
        self.log_ms = self.log_ms.max(seen.time_ms);
        let Some(units) = requests(seen.payload) else {
            return violated("INV-S2", format!("entry {} holds something else than commands", seen.index));
        };
        let mut database = 0;
        for (bytes, words) in units {
            match &words[0][..] {
                b"SELECT" => {
                    database =
                        words[1].iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
                }
                b"_expire" => {}
                _ => self.unit(database, bytes, &words, seen.time_ms)?,
            }
        }
        self.log.entries.push(log::Entry {
            frame: seen.frame.to_vec(),
            time_ms: seen.time_ms,
            units_end: self.log.units(),
            places: vec![(file, seen.offset)],
            appended: moment.mono,
        });
        Ok(())
    }

    /// A command of the log.
    fn unit(
        &mut self,
        database: usize,
        bytes: Vec<u8>,
        words: &Words,
        time_ms: u64,
    ) -> Result<(), Violation> {
        let unit = self.log.units();
        let Some(id) = self.awaited.remove(&(database, bytes)) else {
            let shown =
                words.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
            return violated(
                "INV-S2",
                format!("command {unit} of the log was not asked for, or not again: {shown}"),
            );
        };
        let op = &mut self.ops[id];
        let Some((floor, arrived_ms)) = op.arrived else {
            return violated(
                "INV-S2",
                format!("a command is in the log that has not arrived whole: {}", op.show()),
            );
        };
        if unit < floor.units || time_ms < floor.time_ms || time_ms < arrived_ms {
            return violated(
                "INV-L1",
                format!(
                    "{} is command {unit} of time {time_ms}, but it came when {floor:?} was known",
                    op.show()
                ),
            );
        }
        let conn = &mut self.conns[op.conn];
        if conn.last_unit.is_some_and(|last| last >= unit) {
            return violated("INV-L6", format!("{} overtook a command of its own connection", op.show()));
        }
        conn.last_unit = Some(unit);
        op.unit = Some(unit);
        let keys = oracle::keys(op);
        let mut model = self.versions.model(&keys, unit);
        op.expected = Some(model.run(database, words, time_ms));
        self.log.unit_times.push(time_ms);
        self.versions.note(&keys, unit + 1, &model);
        self.counts.units += 1;
        Ok(())
    }

    /// Bytes left the node for a client.
    ///
    /// # Errors
    /// When they are not what they should be.
    pub fn left(
        &mut self,
        serial: usize,
        bytes: &[u8],
        disk: &Disk,
        moment: Moment,
    ) -> Result<(), Violation> {
        let replies = self.conns[serial].replies.take(bytes)?;
        for reply in replies {
            self.reply(serial, reply, disk, moment)?;
        }
        Ok(())
    }

    fn reply(&mut self, serial: usize, reply: Reply, disk: &Disk, moment: Moment) -> Result<(), Violation> {
        let conn = &self.conns[serial];
        let at = conn.replies.count();
        if at >= conn.arrived {
            return violated("INV-L6", format!("a reply to nothing that was asked: {reply:?}"));
        }
        let id = conn.ops[at];
        self.conns[serial].replies.counted();
        let point = self.judge(id, &reply, moment)?;
        self.ops[id].answer = Some(reply);
        if let Some(point) = point {
            self.counts.replies += 1;
            let conn = &mut self.conns[serial];
            conn.floor = conn.floor.max(point);
            self.floor = self.floor.max(point);
            self.durable.tell(&self.log, disk, point.units, moment.mono)?;
        }
        Ok(())
    }

    /// Compares a reply with what it may be; where it stands in the log, if it tells of keys.
    fn judge(&mut self, id: OpId, reply: &Reply, _moment: Moment) -> Result<Option<Point>, Violation> {
        let op = &self.ops[id];
        let refused = REFUSALS.iter().any(|start| reply.is_error(start));
        match &op.kind {
            Kind::Free => return Ok(None),
            Kind::Fixed(expected) if refused || expected == reply => return Ok(None),
            Kind::Fixed(expected) => {
                return violated("INV-L6", format!("{}: answered {reply:?}, not {expected:?}", op.show()));
            }
            Kind::Keys => {}
        }
        if let Some(unit) = op.unit {
            if op.expected.as_ref() != Some(&oracle::normal(op, reply)) {
                let (invariant, expected) = (if refused { "INV-L4" } else { "INV-L1" }, &op.expected);
                return violated(
                    invariant,
                    format!("{}: answered {reply:?}, the model says {expected:?}", op.show()),
                );
            }
            return Ok(Some(Point { units: unit + 1, time_ms: self.log.unit_times[unit as usize] }));
        }
        let key = (op.database, op.bytes.clone());
        if model::writes(&op.words) {
            // It may not turn up later: it was answered without being in the log.
            self.awaited.remove(&key);
        }
        if refused {
            return Ok(None);
        }
        let (floor, arrived_ms) = op.arrived.expect("what is answered has arrived");
        let from = floor.max(self.conns[op.conn].floor);
        let from = Point { time_ms: from.time_ms.max(arrived_ms), ..from };
        match oracle::find(&self.log, &self.versions, op, reply, from, self.log_ms) {
            Some(point) => Ok(Some(point)),
            None => {
                let keys = oracle::keys(op);
                let held = self.versions.model(&keys, self.log.units());
                violated(
                    "INV-L1",
                    format!(
                        "{}: answered {reply:?}, which nothing explains from {from:?} to command {} at {}; now {:?}",
                        op.show(),
                        self.log.units(),
                        self.log_ms,
                        held.keys
                    ),
                )
            }
        }
    }

    /// The process is gone.
    pub fn crashed(&mut self, disk: &Disk, power_lost: bool) {
        self.durable.crashed(&self.log, disk, power_lost);
        // What arrived and is not in the log can never come: nobody remembers it.
        let ops = &self.ops;
        self.awaited.retain(|_, &mut id| ops[id].arrived.is_none());
        self.log.goes_on = false;
        self.digests.restarted();
        self.log_ms = 0;
    }

    /// Where the last write of a database is: names of keys that were ever used.
    #[must_use]
    pub fn known_keys(&self) -> Vec<model::Key> {
        self.versions.known()
    }
}
