//! No process outlives a sandbox, and no sandbox outlives its owner.

use std::fs;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

use super::*;
use crate::descriptor::lock_at_once;
use crate::taken::Taken;

#[test]
fn nothing_outlives_a_killed_harness() {
    outlive(Isolation::Auto, 1);
}

#[test]
fn nothing_outlives_a_killed_harness_without_isolation() {
    outlive(Isolation::None, 2);
}

fn outlive(isolation: Isolation, number: u32) {
    let dir = elsewhere();
    let marker = format!("{}.{number}", 100_000 + std::process::id());
    let (mut reader, writer) = std::io::pipe().unwrap();
    // SAFETY: the child only makes system calls and allocates; glibc keeps its
    // allocator usable across fork.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let mut sandbox = Sandbox::start(&Settings {
                isolation,
                ..settings(dir.path())
            })
            .unwrap();
            let script = format!("sleep {marker} & setsid sleep {marker} & echo ready; wait");
            sandbox
                .request_spawn(&shell(&script), &[(writer.as_fd(), 1)])
                .unwrap();
            drop(writer);
            std::thread::sleep(Duration::from_secs(100));
            std::process::exit(0);
        }
        ForkResult::Parent { child } => {
            drop(writer);
            let mut ready = [0; 6];
            reader.read_exact(&mut ready).unwrap();
            let begin = Instant::now();
            while running(&marker) < 2 {
                assert!(begin.elapsed() < Duration::from_secs(5));
            }
            kill(child, Signal::SIGKILL).unwrap();
            waitpid(child, None).unwrap();
        }
    }
    // The sleeping programs hold the pipe open, so its end is theirs.
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    let begin = Instant::now();
    while running(&marker) > 0 {
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}

fn running(marker: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| {
            fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| line.starts_with(format!("sleep\0{marker}").as_bytes()))
        })
        .count()
}

#[test]
fn dropping_ends_all_programs() {
    for isolation in [Isolation::Auto, Isolation::None] {
        let dir = elsewhere();
        let marker = format!("{}.5", 100_000 + std::process::id());
        let mut sandbox = Sandbox::start(&Settings {
            isolation,
            ..settings(dir.path())
        })
        .unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let script =
            format!("(sleep {marker} &) ; setsid sleep {marker} & echo ready; exec sleep {marker}");
        sandbox
            .request_spawn(&shell(&script), &[(writer.as_fd(), 1)])
            .unwrap();
        drop(writer);
        reader.read_exact(&mut [0; 6]).unwrap();
        drop(sandbox);
        reader.read_to_end(&mut Vec::new()).unwrap();
        let begin = Instant::now();
        while running(&marker) > 0 {
            assert!(begin.elapsed() < Duration::from_secs(5), "{isolation:?}");
        }
    }
}

#[test]
fn a_traced_sandbox_spawns_resets_and_ends() {
    let dir = elsewhere();
    let mut sandbox = Sandbox::start(&settings(dir.path())).unwrap();
    let init = Pid::from_raw(sandbox.init_pid());
    ptrace::seize(
        init,
        Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_EXITKILL,
    )
    .unwrap();
    for _ in 0..3 {
        let ticket = sandbox.request_spawn(&shell("exit 3"), &[]).unwrap();
        let fork = waitpid(init, Some(WaitPidFlag::__WALL)).unwrap();
        assert!(matches!(
            fork,
            WaitStatus::PtraceEvent(_, Signal::SIGTRAP, libc::PTRACE_EVENT_FORK)
        ));
        let child = Pid::from_raw(ptrace::getevent(init).unwrap() as i32);
        assert!(!sandbox.is_isolated() || sandbox.spawned_pid(ticket) == Some(2));
        ptrace::cont(init, None).unwrap();
        let mut status = waitpid(child, Some(WaitPidFlag::__WALL)).unwrap();
        while !matches!(status, WaitStatus::Exited(..)) {
            let _ = ptrace::cont(child, None);
            status = waitpid(child, Some(WaitPidFlag::__WALL)).unwrap();
        }
        assert_eq!(status, WaitStatus::Exited(child, 3));
        assert_eq!(sandbox.spawn_error(ticket), None);
        reset(&mut sandbox);
    }
    // Dropped with a stopped process that no process has waited for.
    sandbox.request_spawn(&shell("sleep 100"), &[]).unwrap();
    waitpid(init, Some(WaitPidFlag::__WALL)).unwrap();
}

/// What another process has locked is free when it has closed the file and the harness has, too,
/// although other threads start sandboxes all the time.
#[test]
fn a_starting_sandbox_keeps_no_file_open() {
    const ROUNDS: u32 = 300;
    let dir = elsewhere();
    let path = dir.path().join("locked");
    fs::write(&path, "").unwrap();
    let (mut answers, answer) = std::io::pipe().unwrap();
    let (order, mut orders) = std::io::pipe().unwrap();
    // SAFETY: the child only makes system calls and allocates; glibc keeps its
    // allocator usable across fork.
    let owner = match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            drop(orders);
            let _ = lock_again_and_again(&path, order, answer);
            std::process::exit(0);
        }
    };
    drop((order, answer));
    let is_done = AtomicBool::new(false);
    let late = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                drop(Sandbox::start(&settings(dir.path())).unwrap());
            }
        });
        let mut next = || {
            let mut number = [0];
            orders.write_all(&[0]).unwrap();
            answers.read_exact(&mut number).unwrap();
            i32::from(number[0])
        };
        let mut late = 0;
        for _ in 0..ROUNDS {
            let number = next();
            let taken = Taken::from(owner.as_raw(), number).unwrap();
            std::thread::sleep(Duration::from_micros(100));
            let is_locked = next() != 0;
            drop(taken);
            late += u32::from(!is_locked);
        }
        is_done.store(true, Ordering::Relaxed);
        late
    });
    drop(orders);
    waitpid(owner, None).unwrap();
    assert_eq!(late, 0, "of {ROUNDS}");
}

/// At each order, opens a file, locks it and answers with its descriptor, or closes it and answers
/// whether it could be locked.
fn lock_again_and_again(
    path: &Path,
    mut orders: PipeReader,
    mut answers: PipeWriter,
) -> std::io::Result<()> {
    orders.read_exact(&mut [0])?;
    let mut next = |answer: i32| {
        answers.write_all(&[answer as u8])?;
        orders.read_exact(&mut [0])
    };
    loop {
        let file = OwnedFd::from(fs::File::open(path)?);
        let is_locked = lock_at_once(&file, libc::LOCK_EX);
        next(file.as_raw_fd())?;
        drop(file);
        next(is_locked.into())?;
    }
}
