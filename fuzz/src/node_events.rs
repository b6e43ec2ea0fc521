//! Arbitrary events, in any order that a correct driver can bring about: clients that come, cut their requests,
//! do not read and leave; a disk that is slow, full or failing; clocks that jump; restarts.

use arbitrary::{Result, Unstructured};
use lockstep_core::config::{AppendFsync, SavePoint};
use lockstep_core::ids::ConnId;
use lockstep_core::{Config, DiskFault, Event, Halt, Measures};

use crate::driver::{Disk, Driver, volatile};
use crate::resp::request;
use crate::vocabulary;

const CLIENTS_MAX: usize = 6;

/// A configuration with small bounds, so that they are met.
fn draw_config(from: &mut Unstructured<'_>) -> Result<Config> {
    let mut config = volatile();
    config.appendonly = from.ratio(3, 4)?;
    config.appendfsync = *from.choose(&[AppendFsync::Always, AppendFsync::EverySecond, AppendFsync::No])?;
    if from.ratio(1, 3)? {
        config.save = vec![SavePoint { seconds: 1, changes: 1 }];
    }
    config.databases = 4;
    config.maxclients = from.int_in_range(1..=6)?;
    config.hash_max_listpack_entries = from.int_in_range(0..=4)?;
    config.client_query_buffer_limit_bytes = 1 << 20;
    let knobs = &mut config.knobs;
    knobs.segment_bytes = *from.choose(&[600, 4096, 1 << 20])?;
    knobs.entry_batch_bytes = *from.choose(&[1, 200, 1 << 20])?;
    knobs.snapshot_step_bytes = *from.choose(&[1, 100, 1 << 18])?;
    knobs.snapshot_window_bytes = *from.choose(&[1, 300, 1 << 22])?;
    knobs.snapshot_copies_bytes = *from.choose(&[0, 100, 1 << 22])?;
    knobs.lane_bytes = *from.choose(&[0, 100, 1 << 22])?;
    knobs.commands_per_turn = *from.choose(&[1, 3, 10_000])?;
    knobs.expire_keys_per_entry = *from.choose(&[1, 2, 200])?;
    knobs.sync_interval_ms = *from.choose(&[0, 1, 1000])?;
    knobs.sync_late_ms = *from.choose(&[0, 1, 2000])?;
    Ok(config)
}

struct World {
    driver: Driver,
    config: Config,
    conns: Vec<ConnId>,
    /// The disk failed at something that the log cannot do without.
    failed: bool,
}

impl World {
    fn client(&mut self, from: &mut Unstructured<'_>) -> Result<Option<ConnId>> {
        if self.conns.is_empty() { Ok(None) } else { Ok(Some(*from.choose(&self.conns)?)) }
    }

    fn step(&mut self, from: &mut Unstructured<'_>) -> Result<()> {
        match from.int_in_range(0..=31)? {
            0 | 1 if self.conns.len() < CLIENTS_MAX => {
                let conn = self.driver.open();
                self.conns.push(conn);
            }
            0..=13 => {
                let Some(conn) = self.client(from)? else { return Ok(()) };
                let mut bytes = Vec::new();
                for _ in 0..=from.int_in_range(0..=3)? {
                    let words = vocabulary::command(from)?;
                    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                    bytes.extend_from_slice(&request(&words));
                }
                let cut = if from.ratio(1, 4)? { from.int_in_range(0..=bytes.len())? } else { bytes.len() };
                self.driver.send(conn, &bytes[..cut]);
                if from.ratio(7, 8)? {
                    self.driver.send(conn, &bytes[cut..]);
                }
            }
            14 => {
                let Some(conn) = self.client(from)? else { return Ok(()) };
                let length = from.int_in_range(0..=60)?.min(from.len());
                self.driver.send(conn, from.bytes(length)?);
            }
            15 => {
                if let Some(conn) = self.client(from)? {
                    self.driver.hang_up(conn);
                }
            }
            16..=19 => self.driver.turn(),
            20..=22 => {
                self.driver.complete();
            }
            23 => self.fail(from)?,
            24 | 25 => {
                self.driver.pass(*from.choose(&[0, 1, 500, 1_000, 100_000, 1_100_000, 3_600_000_000])?)
            }
            26 => {
                // The wall clock is set, in either direction.
                let years: i64 = from.int_in_range(-3..=3)?;
                let jump_us = years * 31_557_600_000_000 / from.int_in_range(1..=1000)?;
                self.driver.now.wall_us = self.driver.now.wall_us.saturating_add_signed(jump_us);
            }
            27 => {
                self.driver.socket_bytes = *from.choose(&[0, 1, 100, usize::MAX])?;
                for conn in self.conns.clone() {
                    self.driver.drain(conn);
                }
            }
            28 => match from.int_in_range(0..=7)? {
                0 => self.driver.happen(Event::StopAsked),
                1 => self.driver.happen(Event::TurnTook { micros: from.int_in_range(0..=1 << 45)? }),
                2 => {
                    let resident_bytes = *from.choose(&[0, 1 << 20, u64::MAX])?;
                    self.driver.happen(Event::Measured(Measures { resident_bytes, ..Measures::default() }));
                }
                _ => self.driver.happen(Event::Timer),
            },
            29 => self.restart(),
            _ => self.driver.settle(),
        }
        self.look();
        Ok(())
    }

    fn fail(&mut self, from: &mut Unstructured<'_>) -> Result<()> {
        let fault = if from.ratio(3, 4)? { DiskFault::Full } else { DiskFault::Io(5) };
        self.failed |= self.driver.fail_next(fault);
        Ok(())
    }

    /// What must hold at any time.
    fn look(&mut self) {
        let driver = &self.driver;
        self.conns.retain(|&conn| driver.is_open(conn));
        match &self.driver.halted {
            None => {}
            Some(Halt::Asked) => self.restart(),
            Some(Halt::DiskFailed(text)) => {
                assert!(self.failed, "the disk did not fail: {text}");
                self.restart();
            }
            Some(Halt::Damaged(text) | Halt::Unusable(text)) => {
                panic!("a kill is no damage: {text}");
            }
        }
    }

    /// The process is killed, and starts again on what the page cache holds.
    fn restart(&mut self) {
        let disk = std::mem::take(&mut self.driver.disk);
        self.driver = Driver::start_at(self.config.clone(), disk, self.driver.now);
        self.conns.clear();
    }
}

/// Plays arbitrary events to a node; at the end, what it says of its data must survive a restart.
pub fn node_events(data: &[u8]) {
    let mut from = Unstructured::new(data);
    let Ok(config) = draw_config(&mut from) else { return };
    let driver = Driver::start(config.clone(), Disk::new());
    let mut world = World { driver, config, conns: Vec::new(), failed: false };
    for _ in 0..300 {
        if from.is_empty() || world.step(&mut from).is_err() {
            break;
        }
    }
    finish(world);
}

/// The digest of a node that is at rest; `None` when it does not answer, because it was told not to.
fn digest(driver: &mut Driver) -> Option<Vec<u8>> {
    driver.socket_bytes = usize::MAX;
    driver.settle();
    let conn = driver.open();
    driver.settle();
    let told = driver.ask(conn, &[b"DEBUG", b"DIGEST"]);
    (told.starts_with(b"+") && driver.halted.is_none()).then_some(told)
}

fn finish(mut world: World) {
    for conn in std::mem::take(&mut world.conns) {
        world.driver.hang_up(conn);
    }
    // Writes may wait for a sync that the clock brings.
    for _ in 0..3 {
        world.driver.settle();
        world.driver.pass(1_100_000);
    }
    let Some(before) = digest(&mut world.driver) else { return };
    // CONFIG SET may have switched the log off or on; what the disk holds then is another question.
    if !world.config.appendonly || world.driver.told_of("appendonly") {
        return;
    }
    world.restart();
    let after = digest(&mut world.driver);
    assert!(
        !matches!(world.driver.halted, Some(Halt::Damaged(_) | Halt::Unusable(_))),
        "{:?}",
        world.driver.halted
    );
    if let Some(after) = after {
        assert_eq!(before, after, "the same data after a restart");
    }
}
