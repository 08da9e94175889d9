//! Real time that a run may take. On a busy machine a run gets a part of its CPU only, and would
//! reach the limit by what others do; so what counts there is the CPU time of the run.

use crosswire_kernel::counter::Moment;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// A run to which less of the CPU goes than this part does not compute: it is stuck.
const IDLE: u32 = 50;

/// However busy the machine is, a run ends after so many times the limit.
const LONGEST: u32 = 60;

/// Looks within the limit, once it is passed.
const LOOKS: u32 = 8;

/// The time that a run has taken.
#[derive(Debug)]
pub(crate) struct Allowance {
    began: Moment,
    /// CPU time of the harness's thread at the start.
    harness: Duration,
    /// Real time and CPU time at the last look.
    last: (Duration, Duration),
}

impl Allowance {
    /// A run begins now.
    pub fn new() -> Allowance {
        Allowance {
            began: Moment::now(),
            harness: cpu_time(),
            last: (Duration::ZERO, Duration::ZERO),
        }
    }

    /// Returns the real time since the run began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns whether the limit is reached by a run whose tasks have used as much CPU time as
    /// `tasks` finds out.
    pub fn is_over(&mut self, limit: Duration, tasks: impl Fn() -> Duration) -> bool {
        let elapsed = self.elapsed();
        if elapsed <= limit || elapsed < self.last.0 + limit / LOOKS {
            return false;
        }
        let used = cpu_time().saturating_sub(self.harness) + tasks();
        self.decide(limit, elapsed, used)
    }

    fn decide(&mut self, limit: Duration, elapsed: Duration, used: Duration) -> bool {
        let (since, before) = std::mem::replace(&mut self.last, (elapsed, used));
        let is_stuck = used.saturating_sub(before) < (elapsed - since) / IDLE;
        // Some of the CPU time is nobody's: that of tasks which have ended.
        used >= limit / 4 * 3 || is_stuck || elapsed >= limit * LONGEST
    }
}

/// Returns the CPU time of the calling thread.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn decide(looks: &[(u64, u64)]) -> Option<u64> {
        let mut allowance = Allowance::new();
        let seconds = Duration::from_secs;
        let mut looks = looks.iter().copied();
        let over =
            looks.find(|&(elapsed, used)| allowance.decide(LIMIT, seconds(elapsed), seconds(used)));
        over.map(|(elapsed, _)| elapsed)
    }

    #[test]
    fn alone_on_its_cpu_a_run_has_the_limit() {
        assert_eq!(decide(&[(31, 30)]), Some(31));
    }

    #[test]
    fn under_load_what_it_uses_counts() {
        let looks = [(31, 3), (100, 9), (200, 18), (250, 24), (300, 29)];
        assert_eq!(decide(&looks), Some(250));
    }

    #[test]
    fn a_run_that_is_stuck_ends() {
        assert_eq!(decide(&[(31, 0)]), Some(31));
        assert_eq!(decide(&[(31, 10), (35, 10)]), Some(35));
    }

    #[test]
    fn no_load_lets_a_run_go_on_for_ever() {
        assert_eq!(decide(&[(31, 1), (500, 11)]), None);
        assert_eq!(
            decide(&[(31, 1), (500, 11), (800, 18), (1_000, 22), (1_801, 22)]),
            Some(1_801)
        );
    }
}
