//! Measures the cost of a stop on this machine, as the yardstick for all other costs.

use crate::TICK;
use crosswire_kernel::patience::Patience;
use crosswire_kernel::tick::Ticker;
use crosswire_kernel::tracee::{self, Report, Stopped};
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Returns the time between resuming a task that makes system calls in a loop and seeing
/// it stop again, over `stops` stops with nothing else done: the least that any tracer
/// pays. Tracer and task share the CPU that the calling thread is pinned to.
///
/// # Errors
/// If tracing is forbidden, or `yes` cannot be run.
pub fn bare_stop(stops: u32) -> io::Result<Duration> {
    measure(&mut Command::new("yes"), stops, Stopped::resume_to_exit)
}

/// Measures the same for a program that, once its standard input has ended, only touches
/// memory which it may not touch: the tracer is notified of each faulting access, and the
/// program tries again. The input ends when the program is traced: without a tracer the
/// first fault would be its last.
///
/// # Errors
/// If tracing is forbidden, or the program cannot be run.
pub fn bare_fault(program: &mut Command, stops: u32) -> io::Result<Duration> {
    measure(program, stops, |stopped| stopped.resume(0))
}

fn measure(
    program: &mut Command,
    stops: u32,
    resume: fn(Stopped) -> io::Result<()>,
) -> io::Result<Duration> {
    let _ticker = Ticker::start(TICK)?;
    program.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = program.spawn()?;
    let tid = child.id() as crosswire_kernel::Tid;
    tracee::seize(tid)?;
    tracee::interrupt(tid)?;
    drop(child.stdin.take());
    let stop = || match Patience::of(Patience::SHORT).next(tid)? {
        Some(Report::Stopped(stopped, _)) => Ok(stopped),
        _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    };
    // Past its loading.
    for _ in 0..1_000 {
        resume(stop()?)?;
    }
    let began = Instant::now();
    for _ in 0..stops {
        resume(stop()?)?;
    }
    let taken = began.elapsed();
    child.kill()?;
    child.wait()?;
    Ok(taken / stops)
}
