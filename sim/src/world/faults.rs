//! Faults strike.

use super::{Happening, Mend, World};
use crate::fault::Fault;
use crate::history::Violation;
use crate::process::Doom;

impl World {
    pub(super) fn fault(&mut self, fault: Fault) -> Result<(), Violation> {
        let now_us = self.now_us();
        let mut effective = self.node.is_some();
        match fault {
            Fault::Kill { .. } | Fault::PowerLoss { .. } => {
                if effective && self.machine.doom.is_none() {
                    self.machine.doom = Doom::of(fault);
                    // An idle node meets its end too.
                    self.wake();
                } else if let Fault::PowerLoss { .. } = fault
                    && !effective
                {
                    // The process is down already, and its pages are still in memory.
                    self.checks.crashed(&self.machine.disk, true);
                    self.machine.disk.power_lost();
                    effective = true;
                }
            }
            Fault::Pause { for_us } => self.machine.paused_until = now_us + for_us,
            Fault::Stop { down_us } if effective => {
                self.machine.stop_asked = true;
                self.machine.stopping = Some(down_us);
                self.wake();
            }
            Fault::Stop { .. } => {}
            Fault::SlowCpu { factor, for_us } => {
                self.machine.slow_cpu = factor;
                self.schedule.after(for_us, Happening::Mend(Mend::Cpu));
            }
            Fault::Reset { per_million } => effective = self.reset(per_million),
            Fault::FailSync { count } => self.machine.disk.condition.syncs_to_fail = count,
            Fault::FailAppend => self.machine.disk.condition.appends_to_fail = 1,
            Fault::FailLoad => self.machine.disk.condition.loads_to_fail = 1,
            Fault::Full { spare_bytes, for_us } => {
                self.machine.disk.condition.capacity_bytes =
                    Some(self.machine.disk.used_bytes() + spare_bytes);
                self.schedule.after(for_us, Happening::Mend(Mend::Space));
            }
            Fault::SlowDisk { factor, for_us } => {
                self.machine.disk.condition.slowness = factor;
                self.schedule.after(for_us, Happening::Mend(Mend::Disk));
            }
            Fault::WallJump { by_us } => {
                effective = true;
                self.machine.clock.jump(by_us);
            }
            Fault::Rot => effective = self.damage_found(|world| world.machine.disk.rot(&mut world.damage))?,
            Fault::Misdirect => {
                effective = self.damage_found(|world| world.machine.disk.misdirect(&mut world.damage))?;
                // A sector of zeros over the newest bytes looks like a write that never came.
                self.checks.durable.waived |= effective;
            }
        }
        self.trace
            .line(now_us, || format!("FAULT {fault:?}{}", if effective { "" } else { " (without effect)" }));
        self.faults[fault.kind()] += u64::from(effective);
        Ok(())
    }

    /// Damages a file while its process is down.
    fn damage_found(&mut self, damage: impl FnOnce(&mut Self) -> bool) -> Result<bool, Violation> {
        if self.node.is_some() {
            self.end_process(false, 1_000)?;
        }
        let effective = damage(self);
        self.damaged |= effective;
        Ok(effective)
    }

    fn reset(&mut self, per_million: u64) -> bool {
        let mut any = false;
        let conns: Vec<_> = self.machine.conns.iter().map(|(&conn, &serial)| (conn, serial)).collect();
        for (conn, serial) in conns {
            if self.network.chance(per_million) {
                any = true;
                self.drop_link(serial);
                self.machine.closes.push(conn);
            }
        }
        self.wake();
        any
    }

    pub(super) fn mend(&mut self, what: Mend) {
        match what {
            Mend::Disk => self.machine.disk.condition.slowness = 1,
            Mend::Space => self.machine.disk.condition.capacity_bytes = None,
            Mend::Cpu => self.machine.slow_cpu = 1,
        }
    }
}
