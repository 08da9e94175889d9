//! A timer that interrupts the calling thread's `waitpid` now and then, so that
//! a task which never stops is noticed.

use std::io;
use std::sync::Once;

/// Ticks while it lives.
#[derive(Debug)]
pub struct Ticker(libc::timer_t);

extern "C" fn ignore(_: libc::c_int) {}

/// Returns a real-time signal that neither glibc nor common libraries use.
fn signal() -> i32 {
    libc::SIGRTMAX() - 3
}

impl Ticker {
    /// Starts ticking at the calling thread, every `milliseconds`.
    pub fn start(milliseconds: i64) -> io::Result<Ticker> {
        static HANDLER: Once = Once::new();
        HANDLER.call_once(|| {
            // SAFETY: sigaction is plain data; without SA_RESTART in its flags
            // waitpid returns EINTR, which is the purpose.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = ignore as *const () as usize;
            // SAFETY: the handler does nothing, so it is safe at any moment.
            unsafe { libc::sigaction(signal(), &raw const action, std::ptr::null_mut()) };
        });
        // SAFETY: sigevent is plain data, for which zero is a value.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal();
        // SAFETY: gettid has no preconditions.
        event.sigev_notify_thread_id = unsafe { libc::gettid() };
        let mut timer = std::ptr::null_mut();
        // SAFETY: the kernel reads `event` and writes one timer_t.
        let made =
            unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
        if made != 0 {
            return Err(io::Error::last_os_error());
        }
        let ticker = Ticker(timer);
        let every = libc::timespec {
            tv_sec: milliseconds / 1000,
            tv_nsec: milliseconds % 1000 * 1_000_000,
        };
        let spec = libc::itimerspec {
            it_interval: every,
            it_value: every,
        };
        // SAFETY: the kernel reads `spec`; the timer is ours.
        match unsafe { libc::timer_settime(timer, 0, &raw const spec, std::ptr::null_mut()) } {
            0 => Ok(ticker),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // SAFETY: the timer was created by `start` and is deleted once.
        unsafe { libc::timer_delete(self.0) };
    }
}
