//! The time-stamp counter is withheld from programs under test, and it costs a stop
//! less to withhold it from the harness, too.

use std::ffi::{c_int, c_ulong};
use std::marker::PhantomData;
use std::time::Duration;

/// While it lives, reading the processor's time-stamp counter faults in the calling
/// thread as it does in the tasks that the thread traces (PR_SET_TSC of prctl(2)).
///
/// The kernel switches that in a control register whenever the CPU turns from a task
/// with the one setting to a task with the other. On a virtual machine the register
/// belongs to the hypervisor, and two such switches cost as much as a ptrace stop.
///
/// Nothing that runs meanwhile may read a precise clock: the vDSO's functions read the
/// counter (vdso(7)). [`Moment`] does not.
pub struct CounterTrap {
    /// It belongs to the thread that made it.
    _thread: PhantomData<*const ()>,
}

impl CounterTrap {
    /// Sets the trap. Where the kernel refuses, nothing is lost but time.
    pub fn set() -> CounterTrap {
        set_counter(libc::PR_TSC_SIGSEGV);
        CounterTrap {
            _thread: PhantomData,
        }
    }
}

impl Drop for CounterTrap {
    fn drop(&mut self) {
        set_counter(libc::PR_TSC_ENABLE);
    }
}

fn set_counter(mode: c_int) {
    // SAFETY: the call concerns a flag of the calling thread and no memory. What the
    // flag makes fail is not executed while `CounterTrap` lives, as it demands.
    unsafe { libc::prctl(libc::PR_SET_TSC, mode as c_ulong, 0, 0, 0) };
}

/// Real time to within some milliseconds, read without the time-stamp counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// Returns the time now: that of the kernel's last tick.
    pub fn now() -> Moment {
        let clock = nix::time::ClockId::CLOCK_MONOTONIC_COARSE;
        let time = nix::time::clock_gettime(clock).expect("Linux has this clock since 2.6.32");
        Moment(time.into())
    }

    /// Returns the time since then.
    pub fn elapsed(self) -> Duration {
        Moment::now().0.saturating_sub(self.0)
    }

    /// Returns the time so much later.
    pub fn after(self, duration: Duration) -> Moment {
        Moment(self.0 + duration)
    }

    /// Tells whether it is over.
    pub fn is_past(self) -> bool {
        Moment::now() > self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_while_the_counter_is_withheld() {
        let _trap = CounterTrap::set();
        let began = Moment::now();
        let soon = began.after(Duration::from_millis(1));
        while !soon.is_past() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(began.elapsed() > Duration::ZERO);
    }
}
