//! Signals of POSIX timers (timer_create(2)).

use crate::Tid;

/// The kernel's layout of siginfo for timers (asm-generic/siginfo.h): after the three ints
/// and padding come timer id, overrun count and the value.
#[repr(C)]
#[derive(Clone, Copy)]
struct TimerInfo {
    signo: i32,
    errno: i32,
    code: i32,
    pad: i32,
    timer: i32,
    overrun: i32,
    value: u64,
    rest: [u8; 96],
}

const _: () = assert!(size_of::<TimerInfo>() == size_of::<libc::siginfo_t>());

/// Returns the number of the POSIX timer whose signal this is, if it is one's.
pub fn timer_of(info: &libc::siginfo_t) -> Option<i32> {
    // SAFETY: both are plain data of the same size, and the alignment is the same.
    let timer = unsafe { *std::ptr::from_ref(info).cast::<TimerInfo>() };
    (timer.code == libc::SI_TIMER).then_some(timer.timer)
}

/// Returns the details of a POSIX timer's signal with this count of overruns.
pub fn with_overruns(mut info: libc::siginfo_t, overruns: i32) -> libc::siginfo_t {
    // SAFETY: as in `timer_of`.
    unsafe { (*(&raw mut info).cast::<TimerInfo>()).overrun = overruns };
    info
}

/// Queues the signal of a POSIX timer with its value, to a process or one thread.
pub fn queue_timer_signal(process: Tid, thread: Option<Tid>, signal: i32, timer: i32, value: u64) {
    let info = TimerInfo {
        signo: signal,
        errno: 0,
        code: libc::SI_TIMER,
        pad: 0,
        timer,
        overrun: 0,
        value,
        rest: [0; 96],
    };
    // SAFETY: both calls read one siginfo_t, which `info` has the size and layout of.
    unsafe {
        match thread {
            Some(tid) => libc::syscall(
                libc::SYS_rt_tgsigqueueinfo,
                process,
                tid,
                signal,
                &raw const info,
            ),
            None => libc::syscall(libc::SYS_rt_sigqueueinfo, process, signal, &raw const info),
        }
    };
}
