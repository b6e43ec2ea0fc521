//! Log lines: `pid:M 22 Nov 2026 18:53:01.123 * text`, as those who read Redis's log expect them. Times are UTC.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lockstep_core::Level;
use lockstep_core::config::LogLevel;

/// The same line again within this time is counted instead of written.
const REPEAT: Duration = Duration::from_secs(5);

/// Where log lines go.
#[derive(Debug)]
pub struct Log {
    file: Option<File>,
    level: LogLevel,
    last: String,
    last_at: SystemTime,
    repeated: u64,
}

impl Log {
    /// To the standard output.
    pub fn stdout(level: LogLevel) -> Self {
        Self { file: None, level, last: String::new(), last_at: UNIX_EPOCH, repeated: 0 }
    }

    /// To the end of a file from now on; an empty path means the standard output.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(&mut self, path: &str) -> io::Result<()> {
        self.file = match path {
            "" => None,
            path => Some(OpenOptions::new().append(true).create(true).open(path)?),
        };
        Ok(())
    }

    /// Writes only lines that matter at least this much from now on.
    pub fn set_level(&mut self, level: LogLevel) {
        self.level = level;
    }

    /// Writes a line, unless it matters too little, or was written just now already.
    pub fn say(&mut self, level: Level, text: &str) {
        if threshold(level) < self.level {
            return;
        }
        let now = SystemTime::now();
        let recent = now.duration_since(self.last_at).is_ok_and(|passed| passed < REPEAT);
        if recent && self.last == text {
            self.repeated += 1;
            return;
        }
        if self.repeated > 0 {
            let note = format!("The line before came {} times more", self.repeated);
            self.write(now, Level::Notice, &note);
            self.repeated = 0;
        }
        self.write(now, level, text);
        self.last.clear();
        self.last.push_str(text);
        self.last_at = now;
    }

    /// A log that cannot be written is no reason to stop serving: errors are ignored.
    fn write(&mut self, now: SystemTime, level: Level, text: &str) {
        let line = line(std::process::id(), now, level, text);
        let _ = match &mut self.file {
            Some(file) => file.write_all(line.as_bytes()),
            None => io::stdout().lock().write_all(line.as_bytes()),
        };
    }
}

fn threshold(level: Level) -> LogLevel {
    match level {
        Level::Debug => LogLevel::Debug,
        Level::Verbose => LogLevel::Verbose,
        Level::Notice => LogLevel::Notice,
        Level::Warning => LogLevel::Warning,
    }
}

fn line(pid: u32, now: SystemTime, level: Level, text: &str) -> String {
    let mark = match level {
        Level::Debug => '.',
        Level::Verbose => '-',
        Level::Notice => '*',
        Level::Warning => '#',
    };
    // A line is a line: what strangers sent must not begin a new one.
    let text = text.replace(['\n', '\r'], " ");
    format!("{pid}:M {} {mark} {text}\n", timestamp(now.duration_since(UNIX_EPOCH).unwrap_or_default()))
}

/// `22 Nov 2026 18:53:01.123`, in UTC.
fn timestamp(since_epoch: Duration) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = since_epoch.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let month = MONTHS[usize::try_from(month - 1).expect("a month of the year")];
    let millis = since_epoch.subsec_millis();
    format!("{day:02} {month} {year} {hour:02}:{minute:02}:{second:02}.{millis:03}")
}

/// Year, month and day (both from 1) of a day counted from 1 January 1970.
///
/// The year is taken to begin in March, so that the leap day is its last (H. Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms", `civil_from_days`).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era_day = days % 146_097;
    let era_year = (era_day - era_day / 1460 + era_day / 36_524 - era_day / 146_096) / 365;
    let year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    let shifted = (5 * year_day + 2) / 153;
    let day = year_day - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (days / 146_097 * 400 + era_year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_write_them() {
        for (millis, text) in [
            (0, "01 Jan 1970 00:00:00.000"),
            (951_782_399_999, "28 Feb 2000 23:59:59.999"),
            (951_782_400_000, "29 Feb 2000 00:00:00.000"),
            (1_795_374_693_094, "22 Nov 2026 19:11:33.094"),
            (4_107_542_400_000, "01 Mar 2100 00:00:00.000"),
        ] {
            assert_eq!(timestamp(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_line_stays_one_line() {
        let text = line(7, UNIX_EPOCH, Level::Warning, "a\nb");
        assert_eq!(text, "7:M 01 Jan 1970 00:00:00.000 # a b\n");
    }
}
