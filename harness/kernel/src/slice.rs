//! The time slice of the harness and of all that it traces.
//!
//! A step is a ping-pong between them. On a CPU that others use, each switch waits until a
//! slice of the others has ended, unless its own is shorter: then EEVDF, the scheduler of
//! Linux, lets it run at once. Short slices take no CPU time from anybody.

use std::mem::size_of;

/// The shortest slice that Linux grants (`kernel/sched/syscalls.c`), 100 µs.
const SHORTEST_NS: u64 = 100_000;

/// Makes the slices of the calling thread short, and of every process that it starts. Only
/// from Linux 6.12 on does it have an effect, and only on threads of `SCHED_OTHER` and
/// `SCHED_BATCH`.
pub fn shorten() {
    // SAFETY: all-zero bytes are a valid `sched_attr`.
    let mut attr: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sched_attr>() as u32;
    let this_thread = 0;
    // SAFETY: the kernel writes at most `size` bytes to `attr`.
    let got = unsafe { libc::syscall(libc::SYS_sched_getattr, this_thread, &mut attr, size, 0) };
    let is_fair = matches!(
        attr.sched_policy as i32,
        libc::SCHED_OTHER | libc::SCHED_BATCH
    );
    if got == 0 && is_fair {
        attr.sched_runtime = SHORTEST_NS;
        // A speed-up, no more: what refuses it, such as a filter of a container, is no failure.
        // SAFETY: `attr` is initialised and tells its size.
        unsafe { libc::syscall(libc::SYS_sched_setattr, this_thread, &attr, 0) };
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn policy_and_priority_stay() {
        // SAFETY: asks about this thread.
        let now = || unsafe {
            (
                libc::sched_getscheduler(0),
                libc::getpriority(libc::PRIO_PROCESS, 0),
            )
        };
        let before = now();
        super::shorten();
        assert_eq!(now(), before);
    }
}
