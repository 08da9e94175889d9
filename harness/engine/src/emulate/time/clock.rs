//! Virtual time: what programs under test believe the clock says.

use libc::c_int;

pub(crate) const SECOND: u64 = 1_000_000_000;

/// The monotonic clock when a run begins. Not 0: programs subtract from it.
const MONOTONIC_START: u64 = 100_000 * SECOND;

/// Wall-clock time when a run begins: 2037-01-01T00:00:00Z. In the future, because files that
/// were there before carry the machine's time, and tools such as make(1) complain about files
/// that are newer than now; before 2038, because of 32-bit times.
const CALENDAR_START: u64 = 2_114_380_800 * SECOND;

/// Time that each step takes, so that a loop which waits for a moment to pass
/// ends.
pub(crate) const STEP: u64 = 1_000;

/// Nanoseconds since the run began, and the steps of the wall clock since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Clock {
    run: u64,
    set_by: i64,
    /// Readings of the processor's time-stamp counter.
    counter_readings: u64,
    /// Readings by programs that start.
    start_up_readings: u32,
}

impl Clock {
    /// The monotonic clock when a run begins.
    pub const AT_START: u64 = MONOTONIC_START;

    /// Readings by programs that start, in a run, before they take time.
    const AT_ONCE: u32 = 64;

    pub fn now(self) -> u64 {
        self.run
    }

    /// Reads the time-stamp counter, once more after so many readings in a row. That takes time,
    /// so that a loop which waits for it ends: a nanosecond, and ever more for a program that does
    /// nothing else.
    pub fn read_counter(&mut self, in_a_row: u32) -> u64 {
        match in_a_row {
            0..64 => {}
            64..1024 => self.run += 10 * STEP,
            _ => self.run += 100 * STEP,
        }
        self.count_readings(1);
        self.counter()
    }

    /// Returns what was read last of the time-stamp counter, if that was now.
    pub fn counter(self) -> u64 {
        self.reading(libc::CLOCK_MONOTONIC) + self.counter_readings
    }

    /// The time-stamp counter has been read so often.
    pub fn count_readings(&mut self, readings: u64) {
        self.counter_readings += readings;
    }

    /// A program that starts reads a clock. Programs do that a few times; then it takes time,
    /// so that a loop which waits for a moment to pass ends.
    pub fn read_in_start_up(&mut self) {
        self.start_up_readings += 1;
        if self.start_up_readings > Clock::AT_ONCE {
            self.step();
        }
    }

    /// Returns how many further readings by programs that start would take no time.
    pub fn readings_at_once(self) -> u32 {
        Clock::AT_ONCE.saturating_sub(self.start_up_readings)
    }

    /// Returns the number of readings of the time-stamp counter.
    pub fn counter_readings(self) -> u64 {
        self.counter_readings
    }

    /// One step has been taken.
    pub fn step(&mut self) {
        self.run += STEP;
    }

    /// Makes it later or earlier by so many nanoseconds, for a run that is thrown away.
    pub fn pretend(&mut self, by: i64) {
        self.run = self.run.saturating_add_signed(by);
    }

    /// Nothing happens before `deadline`.
    pub fn advance_to(&mut self, deadline: u64) {
        self.run = self.run.max(deadline);
    }

    /// Steps the wall clock by this many nanoseconds; no other clock changes
    /// (clock_settime(2)).
    pub fn set_calendar(&mut self, by: i64) {
        self.set_by = self.set_by.saturating_add(by);
    }

    /// Returns whether a clock measures the CPU time of a thread, not of a process.
    pub fn is_of_thread(id: c_int) -> bool {
        /// Marks it among the clocks of others (clock_getcpuclockid(3)).
        const OF_THREAD: c_int = 4;
        id == libc::CLOCK_THREAD_CPUTIME_ID || id < 0 && id & OF_THREAD != 0
    }

    /// Returns the time of the clock with this id (clock_gettime(2)), in nanoseconds. It is
    /// no clock of CPU time.
    pub fn reading(self, clock: c_int) -> u64 {
        match clock {
            id if is_calendar(id) => (CALENDAR_START + self.run).saturating_add_signed(self.set_by),
            _ => MONOTONIC_START + self.run,
        }
    }

    /// Returns the deadline that an absolute time on a clock means.
    pub fn deadline(self, clock: c_int, absolute: u64) -> u64 {
        let ahead = absolute.saturating_sub(self.reading(clock));
        let behind = self.reading(clock).saturating_sub(absolute);
        self.run.saturating_add(ahead).saturating_sub(behind)
    }

    /// Returns how long before the beginning of the run an absolute time on a clock was.
    pub fn before_start(self, clock: c_int, absolute: u64) -> u64 {
        let behind = self.reading(clock).saturating_sub(absolute);
        behind.saturating_sub(self.run)
    }

    /// Returns the deadline that lies so far ahead.
    pub fn after(self, nanoseconds: u64) -> u64 {
        self.run.saturating_add(nanoseconds)
    }
}

/// Returns the error with which Linux refuses a sleep by the clock with this id
/// (`kernel/time/posix-timers.c`), if it does.
pub(crate) fn refuses_sleep(clock: c_int) -> Option<c_int> {
    match clock {
        libc::CLOCK_THREAD_CPUTIME_ID
        | libc::CLOCK_MONOTONIC_RAW
        | libc::CLOCK_REALTIME_COARSE
        | libc::CLOCK_MONOTONIC_COARSE => Some(libc::EOPNOTSUPP),
        // 10 was a clock of one kind of machine.
        10 | 12.. => Some(libc::EINVAL),
        _ => None,
    }
}

/// Tells whether the clock with this id can be set.
pub(crate) fn is_calendar(clock: c_int) -> bool {
    matches!(
        clock,
        libc::CLOCK_REALTIME
            | libc::CLOCK_REALTIME_COARSE
            | libc::CLOCK_TAI
            | libc::CLOCK_REALTIME_ALARM
    )
}

/// Nanoseconds of a `timespec`; `None` if the kernel would answer EINVAL.
pub(crate) fn from_timespec((seconds, nanoseconds): (i64, i64)) -> Option<u64> {
    let valid = seconds >= 0 && (0..SECOND as i64).contains(&nanoseconds);
    valid.then(|| {
        (seconds as u64)
            .saturating_mul(SECOND)
            .saturating_add(nanoseconds as u64)
    })
}

/// Nanoseconds of a `timeval`; `None` if the kernel would answer EINVAL.
pub(crate) fn from_timeval((seconds, microseconds): (i64, i64)) -> Option<u64> {
    let valid = seconds >= 0 && (0..1_000_000).contains(&microseconds);
    valid.then(|| {
        (seconds as u64)
            .saturating_mul(SECOND)
            .saturating_add(microseconds as u64 * 1_000)
    })
}

/// Returns the bytes of a `timespec`.
pub(crate) fn to_timespec(nanoseconds: u64) -> [u8; 16] {
    pair(nanoseconds / SECOND, nanoseconds % SECOND)
}

/// Returns the bytes of a `timeval`.
pub(crate) fn to_timeval(nanoseconds: u64) -> [u8; 16] {
    pair(nanoseconds / SECOND, nanoseconds % SECOND / 1_000)
}

fn pair(a: u64, b: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&a.to_ne_bytes());
    bytes[8..].copy_from_slice(&b.to_ne_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_calendar_moves_its_deadlines_and_no_others() {
        let mut clock = Clock::default();
        clock.advance_to(5 * SECOND);
        let calendar = clock.reading(libc::CLOCK_REALTIME) + SECOND;
        let monotonic = clock.reading(libc::CLOCK_MONOTONIC) + SECOND;
        for by in [3600, -7200] {
            clock.set_calendar(by * SECOND as i64);
            assert_eq!(clock.deadline(libc::CLOCK_MONOTONIC, monotonic), 6 * SECOND);
        }
        assert_eq!(
            clock.deadline(libc::CLOCK_REALTIME, calendar),
            3606 * SECOND
        );
        clock.set_calendar(3600 * SECOND as i64);
        assert_eq!(clock.deadline(libc::CLOCK_REALTIME, calendar), 6 * SECOND);
    }
}
