//! What every lock in Rust is asked: a driver calls `main` with a function that performs work
//! while it holds the lock.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

/// Runs it in a forked process, and returns the pid.
pub fn fork(body: impl FnOnce()) -> i32 {
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let work = std::panic::AssertUnwindSafe(body);
        let failed = std::panic::catch_unwind(work).is_err();
        unsafe { libc::_exit(failed as i32) };
    }
    pid
}

/// Waits for its end, and tells how it ended.
pub fn wait(pid: i32) -> i32 {
    let mut status = 0;
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    status
}

/// Kills it, if it has not ended.
pub fn kill(pid: i32) {
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

fn increment() {
    let counter = OpenOptions::new().read(true).write(true).create(true).truncate(false).open("counter").unwrap();
    let mut number = [0];
    let _ = counter.read_at(&mut number, 0).unwrap();
    counter.write_all_at(&[number[0] + 1], 0).unwrap();
}

/// Performs the mode that the first argument names.
pub fn main(locked: impl Fn(&dyn Fn())) {
    match std::env::args().nth(1).as_deref() {
        Some("exclusion") => {
            let pids = [fork(|| locked(&increment)), fork(|| locked(&increment))];
            assert_eq!(pids.map(wait), [0, 0]);
            assert_eq!(std::fs::read("counter").unwrap(), [2], "two processes held the lock at once");
        }
        Some("killed") => {
            let pids = [fork(|| locked(&|| ())), fork(|| locked(&|| ()))];
            assert_eq!(pids.map(wait)[1], 0);
        }
        _ => panic!("exclusion or killed"),
    }
}
