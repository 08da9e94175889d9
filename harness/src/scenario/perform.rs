//! The program started again for a scenario: it becomes the process that performs the
//! set-up and owns the others.

use super::Scenario;
use super::log::Log;
use crosswire_kernel::oplog::{LOG_VARIABLE, OpLog};
use crosswire_kernel::process::{self, MARK_TEMPLATE};
use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::sync::Arc;
use std::{env, io};

/// Number of entries of a log without a reader.
const UNREAD_ENTRIES: usize = 1 << 16;

/// Exit status of a Rust program whose main function panics.
const PANICKED: i32 = 101;

thread_local! {
    /// True if a panic of this thread ends the process.
    static DECISIVE: Cell<bool> = const { Cell::new(false) };
    /// The last panic of this thread.
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
    /// The process of the scenario that this is.
    static PROCESS: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Performs the scenario. All that comes before the mark happens once; every run is
/// a clone of this process as it is at the mark.
pub(super) fn perform<Q>(scenario: Scenario<'_, Q>) -> ! {
    let log = open_log().unwrap_or_else(|error| {
        eprintln!("crosswire: opening the operation log: {error}");
        process::exit(PANICKED)
    });
    set_hook(Box::new(note_panic));
    // The first value of a thread that is dropped with it makes the loader look up a
    // function, which costs as much as several calls: once here, not in every process
    // of every run.
    PROCESS.set(String::new());
    // What is buffered now would otherwise be written by every process forked.
    let _ = io::stdout().flush();
    match process::fork() {
        // The test runner's main thread is not in the new process, and this one
        // has no further use.
        Ok(Some(_)) => process::exit(0),
        Ok(None) => {}
        Err(error) => {
            eprintln!("crosswire: creating the process of the set-up: {error}");
            process::exit(PANICKED)
        }
    }
    process::can_be_interrupted();
    process::mark(MARK_TEMPLATE, 0, 0);
    let name = scenario.name.clone();
    let status = guarded(&name, || {
        own(scenario, &Arc::new(log));
        0
    });
    process::exit(status)
}

/// Opens the log that the engine reads. Without an engine, for example when a user sets
/// `CROSSWIRE_SCENARIO` by hand to watch a scenario run natively, the log has no reader.
fn open_log() -> io::Result<OpLog> {
    match env::var(LOG_VARIABLE) {
        Ok(fd) => OpLog::open(fd.parse().map_err(io::Error::other)?),
        Err(_) => OpLog::create(UNREAD_ENTRIES),
    }
}

/// Runs the owner: set-up, processes, end.
fn own<Q>(scenario: Scenario<'_, Q>, log: &Arc<OpLog>) {
    let mut value = (scenario.setup)();
    let descriptors = process::open_descriptors();
    let mut left: Vec<Pid> = Vec::new();
    for (number, member) in scenario.processes.into_iter().enumerate() {
        match process::fork() {
            Ok(Some(pid)) => left.push(pid),
            Ok(None) => {
                let number = u32::try_from(number).expect("fewer processes than 2^32");
                let log = Log::new(log.clone(), number);
                PROCESS.set(member.name.clone());
                let status = guarded(&member.name, || (member.body)(&mut value, &log));
                process::exit(status)
            }
            Err(error) => panic!("creating the process `{}`: {error}", member.name),
        }
    }
    // An owner that kept the write end of a pipe would keep its readers from ever
    // seeing the end of the file.
    process::close_descriptors();
    while !left.is_empty() {
        match wait() {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) => {
                left.retain(|&other| other != pid);
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => panic!("waiting for the processes of the scenario: {error}"),
        }
    }
    process::reserve(&descriptors).unwrap_or_else(|error| {
        panic!("opening /dev/null in place of closed descriptors: {error}")
    });
    match scenario.teardown {
        Some(teardown) => teardown(value),
        None => drop(value),
    }
}

/// Returns the name of the process that this is; empty outside of all.
pub(crate) fn current_process() -> String {
    PROCESS.with_borrow(Clone::clone)
}

/// Ends this process with status 0. What it has begun stays pending in the log.
pub(crate) fn leave() -> ! {
    process::exit(0)
}

/// Runs the process's own part. A panic in it is reported and gives the status of
/// a Rust program that panicked.
fn guarded(process: &str, part: impl FnOnce() -> i32) -> i32 {
    DECISIVE.set(true);
    catch_unwind(AssertUnwindSafe(part)).unwrap_or_else(|_| {
        report_panic(process, &MESSAGE.take());
        PANICKED
    })
}

fn report_panic(process: &str, message: &str) {
    if !process::mark_panic(message) {
        eprintln!("crosswire: {process} panicked: {message}");
    }
}

/// Keeps the message of a panic for [`guarded`] and prints nothing: printing would add
/// schedule points, and a thread id that differs between runs.
fn note_panic(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    let message = match info.location() {
        Some(location) => format!("{text} ({location})"),
        None => text.to_owned(),
    };
    if !DECISIVE.get() {
        eprintln!("a thread panicked: {message}");
    } else if cfg!(panic = "abort") {
        report_panic("a process", &message);
    } else {
        MESSAGE.set(message);
    }
}
