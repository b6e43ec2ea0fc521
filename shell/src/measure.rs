//! Memory and processor time of this process.

use std::fs;

use lockstep_core::Measures;

/// Clock ticks per second in `/proc`; Linux shows them in this unit whatever the kernel's own rate is.
const TICKS_PER_SECOND: u64 = 100;

/// What the system tells. A figure that it does not tell is 0.
pub fn measure() -> Measures {
    let (cpu_user_us, cpu_system_us) = cpu().unwrap_or_default();
    let system = rustix::system::sysinfo();
    Measures {
        resident_bytes: resident().unwrap_or(0),
        allocated_bytes: 0,
        system_bytes: (system.totalram as u64).saturating_mul(u64::from(system.mem_unit)),
        cpu_system_us,
        cpu_user_us,
    }
}

fn resident() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Processor time outside and inside the kernel, in microseconds (proc(5): fields 14 and 15 of `stat`).
fn cpu() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold spaces.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut micros = || Some(fields.next()?.parse::<u64>().ok()? * (1_000_000 / TICKS_PER_SECOND));
    Some((micros()?, micros()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_memory_and_time() {
        let spent = std::time::Instant::now();
        while spent.elapsed().as_millis() < 30 {
            std::hint::spin_loop();
        }
        let measures = measure();
        assert!(measures.resident_bytes > 100_000);
        assert!(measures.system_bytes > measures.resident_bytes);
        assert!(measures.cpu_user_us + measures.cpu_system_us > 0);
    }
}
