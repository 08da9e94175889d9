//! From the fork in process 1 to execve. Nothing here allocates (see
//! [`super::raw`]); what the program is to be lies in the shared block.

use std::ffi::{c_int, c_ulong};
use std::sync::atomic::Ordering;

use super::powers;
use super::raw::{self, Errno, Fd};
use super::shared_block::{LimitRecord, ProgramRecord, SpawnStage};

/// As many descriptors as one message can carry (SCM_MAX_FD, unix(7)).
pub(super) const MAX_FDS: usize = 253;

/// Differences of the child from process 1 besides those that the program asks for.
pub(super) struct Origin {
    /// The user namespace for programs; -1 if there is none.
    pub inner: Fd,
    pub is_root: bool,
    /// Without a pid namespace the child would outlive process 1.
    pub die_with_parent: bool,
    pub umask: libc::mode_t,
}

/// Writes down what went wrong. `failed` comes last: it vouches for `error`.
pub(super) fn report(program: &ProgramRecord, stage: SpawnStage, error: Errno) {
    program.error.store(error, Ordering::Relaxed);
    program.failed.store(stage as u32, Ordering::Release);
}

/// Becomes the program, or reports why not and ends.
pub(super) fn become_program(program: &ProgramRecord, fds: &[Fd], origin: &Origin) -> ! {
    if let Err((stage, error)) = prepare(program, fds, origin) {
        report(program, stage, error);
        raw::exit(127);
    }
    // SAFETY: the harness built path and null-terminated arrays in the shared block, which
    // both processes have at the same address.
    let failed = unsafe {
        raw::call(
            libc::SYS_execve,
            [
                program.path as c_ulong,
                program.argv as c_ulong,
                program.envp as c_ulong,
                0,
                0,
            ],
        )
    };
    report(program, SpawnStage::Execute, failed.err().unwrap_or(0));
    raw::exit(127)
}

fn prepare(
    program: &ProgramRecord,
    fds: &[Fd],
    origin: &Origin,
) -> Result<(), (SpawnStage, Errno)> {
    if origin.die_with_parent {
        let _ = raw::prctl(libc::PR_SET_PDEATHSIG, [libc::SIGKILL as c_ulong, 0, 0, 0]);
    }
    raw::umask(origin.umask);
    default_signals();
    // Reading the time-stamp counter faults, for the tracer to answer. Not without
    // one: the filter tells.
    if program.filter_len > 0 {
        let _ = raw::prctl(libc::PR_SET_TSC, [libc::PR_TSC_SIGSEGV as c_ulong, 0, 0, 0]);
    }
    // A woken task does not take the CPU from the task that wakes it (sched(7)): a step
    // runs to its end before its consequences. Only a help: nothing depends on it.
    let parameter = [0i32; 1];
    // SAFETY: the kernel reads one sched_param, an int.
    let _ = unsafe {
        raw::call(
            libc::SYS_sched_setscheduler,
            [
                0,
                libc::SCHED_BATCH as c_ulong,
                parameter.as_ptr() as c_ulong,
                0,
                0,
            ],
        )
    };
    // A group of its own in the session of process 1, like a shell's job: in a
    // session of its own it would be an orphaned group, in which SIGTSTP does nothing.
    // SAFETY: no pointers.
    unsafe { raw::call(libc::SYS_setpgid, [0; 5]) }.map_err(|e| (SpawnStage::Session, e))?;
    powers::reduce(origin.inner, origin.is_root).map_err(|e| (SpawnStage::Capabilities, e))?;
    set_limits(program).map_err(|e| (SpawnStage::Limits, e))?;
    place_descriptors(program, fds).map_err(|e| (SpawnStage::Descriptors, e))?;
    raw::prctl(libc::PR_SET_NO_NEW_PRIVS, [1, 0, 0, 0]).map_err(|e| (SpawnStage::NoNewPrivs, e))?;
    install_filter(program).map_err(|e| (SpawnStage::Filter, e))
}

/// Rust programs ignore SIGPIPE, and execve keeps what is ignored or blocked
/// (signal(7)); a program under test must find what a shell would give it.
fn default_signals() {
    // SIG_DFL, no flags, empty mask; large enough for every architecture.
    let default = [0_u64; 8];
    let mask = [0_u64; 1];
    for signal in 1..=64 {
        // SAFETY: `default` is a valid kernel sigaction. The raw call, because libc
        // refuses the signals it uses itself.
        let _ = unsafe {
            raw::call(
                libc::SYS_rt_sigaction,
                [
                    signal,
                    default.as_ptr() as c_ulong,
                    0,
                    size_of_val(&mask) as c_ulong,
                    0,
                ],
            )
        };
    }
    // SAFETY: `mask` is a kernel signal set.
    let _ = unsafe {
        raw::call(
            libc::SYS_rt_sigprocmask,
            [
                libc::SIG_SETMASK as c_ulong,
                mask.as_ptr() as c_ulong,
                0,
                size_of_val(&mask) as c_ulong,
                0,
            ],
        )
    };
}

fn set_limits(program: &ProgramRecord) -> Result<(), Errno> {
    let limits = if program.limits_len == 0 {
        &[]
    } else {
        // SAFETY: the harness put that many records there.
        unsafe { std::slice::from_raw_parts(program.limits, program.limits_len) }
    };
    for LimitRecord {
        resource,
        soft,
        hard,
    } in limits
    {
        let value = [*soft, *hard];
        // SAFETY: `value` is a `struct rlimit64` (prlimit(2)).
        unsafe {
            raw::call(
                libc::SYS_prlimit64,
                [0, (*resource).into(), value.as_ptr() as c_ulong, 0, 0],
            )
        }?;
    }
    Ok(())
}

/// Gives each descriptor its number. All others have the close-on-exec flag.
fn place_descriptors(program: &ProgramRecord, fds: &[Fd]) -> Result<(), Errno> {
    let targets = if program.targets_len == 0 {
        &[]
    } else {
        // SAFETY: the harness put that many numbers there.
        unsafe { std::slice::from_raw_parts(program.targets, program.targets_len) }
    };
    if targets.len() != fds.len() {
        // The kernel drops what exceeds the receiver's limit of open files.
        return Err(libc::EMFILE);
    }
    // A descriptor may have a number that another one is to get, so all move
    // above the highest number first.
    let above = targets
        .iter()
        .copied()
        .max()
        .unwrap_or(0)
        .max(2)
        .saturating_add(1);
    let mut moved = [-1; MAX_FDS];
    for (to, from) in moved.iter_mut().zip(fds) {
        // SAFETY: no memory is involved.
        *to = unsafe {
            raw::call(
                libc::SYS_fcntl,
                [
                    *from as c_ulong,
                    libc::F_DUPFD_CLOEXEC as c_ulong,
                    above as c_ulong,
                    0,
                    0,
                ],
            )
        }? as Fd;
    }
    for (from, target) in moved.iter().zip(targets) {
        place(*from, *target)?;
    }
    // A program that finds 0, 1 or 2 closed would take its next file for them.
    for standard in 0..=2 {
        if !targets.contains(&standard) {
            raw::close(standard);
            if let Ok(null) = raw::open(c"/dev/null", libc::O_RDWR) {
                if null == standard {
                    keep_across_exec(null)?;
                } else {
                    place(null, standard)?;
                }
            }
        }
    }
    Ok(())
}

fn place(from: Fd, target: c_int) -> Result<(), Errno> {
    // SAFETY: no memory is involved. dup3(2) leaves close-on-exec off.
    unsafe {
        raw::call(
            libc::SYS_dup3,
            [from as c_ulong, target as c_ulong, 0, 0, 0],
        )
    }
    .map(drop)
}

fn keep_across_exec(fd: Fd) -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    unsafe {
        raw::call(
            libc::SYS_fcntl,
            [fd as c_ulong, libc::F_SETFD as c_ulong, 0, 0, 0],
        )
    }
    .map(drop)
}

fn install_filter(program: &ProgramRecord) -> Result<(), Errno> {
    if program.filter_len == 0 {
        return Ok(());
    }
    let filter = libc::sock_fprog {
        len: program.filter_len as u16,
        filter: program.filter.cast_mut(),
    };
    // SAFETY: the harness put that many instructions there; the kernel only reads.
    unsafe {
        raw::call(
            libc::SYS_seccomp,
            [
                libc::SECCOMP_SET_MODE_FILTER as c_ulong,
                0,
                &raw const filter as c_ulong,
                0,
                0,
            ],
        )
    }
    .map(drop)
}
