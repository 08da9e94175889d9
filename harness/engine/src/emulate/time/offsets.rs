//! What a time namespace adds to clocks (time_namespaces(7)).

use super::clock::SECOND;
use libc::{
    CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE,
    CLOCK_MONOTONIC_RAW, c_int,
};

/// Nanoseconds that are added to the clocks of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Offsets {
    monotonic: i64,
    since_boot: i64,
}

impl Offsets {
    /// Reads the text of `/proc/PID/timens_offsets`: on each line a clock, seconds and
    /// nanoseconds.
    pub fn read(text: &str) -> Offsets {
        let of = |name: &str| {
            let mut lines = text.lines().map(str::split_whitespace);
            let mut line =
                lines.find_map(|mut line| (line.next() == Some(name)).then_some(line))?;
            let mut number = || line.next()?.parse::<i64>().ok();
            let (seconds, rest) = (number()?, number()?);
            Some(seconds.saturating_mul(SECOND as i64).saturating_add(rest))
        };
        Offsets {
            monotonic: of("monotonic").unwrap_or_default(),
            since_boot: of("boottime").unwrap_or_default(),
        }
    }

    /// Returns what is added to a clock.
    pub fn of(self, clock: c_int) -> i64 {
        match clock {
            CLOCK_MONOTONIC | CLOCK_MONOTONIC_RAW | CLOCK_MONOTONIC_COARSE => self.monotonic,
            CLOCK_BOOTTIME | CLOCK_BOOTTIME_ALARM => self.since_boot,
            _ => 0,
        }
    }

    /// Tells whether the clocks agree with each other, as those of the run do.
    pub fn agree(self) -> bool {
        self.monotonic == self.since_boot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_as_the_kernel_writes_them() {
        let offsets = Offsets::read("monotonic          10         5\nboottime           -3   0\n");
        let second = SECOND as i64;
        assert_eq!(offsets.of(CLOCK_MONOTONIC), 10 * second + 5);
        assert_eq!(offsets.of(CLOCK_BOOTTIME), -3 * second);
        assert_eq!(offsets.of(libc::CLOCK_REALTIME), 0);
        assert!(!offsets.agree() && Offsets::read("").agree());
    }
}
