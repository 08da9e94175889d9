//! Calls that do what their command says: fcntl(2), futex(2), ioctl(2), prctl(2),
//! setsockopt(2).

use crate::{Does, SystemV, Timeout};
use libc::*;

/// `FUTEX_LOCK_PI2` of linux/futex.h.
const FUTEX_LOCK_PI2: c_int = 13;

/// `PR_SET_SYSCALL_USER_DISPATCH` of linux/prctl.h.
const PR_SET_SYSCALL_USER_DISPATCH: c_int = 59;

pub(crate) fn fcntl_arity(command: u64) -> usize {
    match command as c_int {
        F_GETFD | F_GETFL | F_GETOWN | F_GETLEASE | F_GETPIPE_SZ | F_GET_SEALS => 2,
        _ => 3,
    }
}

/// Returns whether the command neither waits nor wakes anybody.
pub(crate) fn fcntl_is_brief(command: u64) -> bool {
    matches!(
        command as c_int,
        F_DUPFD | F_DUPFD_CLOEXEC | F_GETFD | F_SETFD | F_GETFL
    )
}

/// Returns whether a command of fcntl(2) changes nothing.
pub(crate) fn fcntl_only_asks(command: u64) -> bool {
    matches!(
        command as c_int,
        F_GETFD
            | F_GETFL
            | F_GETOWN
            | F_GETLEASE
            | F_GETPIPE_SZ
            | F_GET_SEALS
            | F_GETLK
            | F_OFD_GETLK
    )
}

/// Returns whether a command of semctl(2), msgctl(2) or shmctl(2) changes nothing.
pub(crate) fn control_only_asks(kind: SystemV, command: u64) -> bool {
    /// Asks for the form of the structure that every C library uses (linux/ipc.h).
    const IPC_64: u64 = 0x100;
    // linux/msg.h, linux/sem.h and linux/shm.h; the libc crate lacks them.
    const MSG_STAT: c_int = 11;
    const MSG_INFO: c_int = 12;
    const SHM_STAT: c_int = 13;
    const SHM_INFO: c_int = 14;
    const SEM_STAT: c_int = 18;
    const SEM_INFO: c_int = 19;
    let command = (command & !IPC_64) as c_int;
    matches!(command, IPC_STAT | IPC_INFO)
        || match kind {
            SystemV::Queue => matches!(command, MSG_STAT | MSG_INFO),
            SystemV::Memory => matches!(command, SHM_STAT | SHM_INFO),
            SystemV::Semaphores => matches!(
                command,
                GETPID | GETVAL | GETALL | GETNCNT | GETZCNT | SEM_STAT | SEM_INFO
            ),
        }
}

/// Returns whether a request of ioctl(2) changes nothing.
pub(crate) fn ioctl_only_asks(request: u64) -> bool {
    matches!(
        request,
        TCGETS | TIOCGWINSZ | TIOCGPGRP | TIOCGSID | FIONREAD | TIOCOUTQ
    )
}

/// Returns whether a command of fcntl(2) is about locks.
pub fn is_file_lock_command(command: u64) -> bool {
    matches!(
        command as c_int,
        F_GETLK | F_SETLK | F_SETLKW | F_OFD_GETLK | F_OFD_SETLK | F_OFD_SETLKW
    )
}

/// Returns whether a request of ioctl(2) neither waits nor wakes anybody.
pub(crate) fn ioctl_is_brief(request: u64) -> bool {
    matches!(request, TCGETS | TIOCGWINSZ | FIOCLEX | FIONCLEX | FIONREAD)
}

pub(crate) fn futex_arity(operation: u64) -> Option<usize> {
    match operation as c_int & FUTEX_CMD_MASK {
        FUTEX_WAKE => Some(3),
        FUTEX_WAIT | FUTEX_LOCK_PI => Some(4),
        FUTEX_UNLOCK_PI | FUTEX_TRYLOCK_PI => Some(2),
        _ => None,
    }
}

/// The timeout of a call of futex(2), if its operation has one.
pub fn futex_timeout(args: &[u64; 6]) -> Option<Timeout> {
    let clock = match args[1] as c_int & FUTEX_CLOCK_REALTIME {
        0 => CLOCK_MONOTONIC,
        _ => CLOCK_REALTIME,
    };
    match args[1] as c_int & FUTEX_CMD_MASK {
        FUTEX_WAIT => Some(Timeout::Relative(3)),
        FUTEX_WAIT_BITSET | FUTEX_WAIT_REQUEUE_PI | FUTEX_LOCK_PI2 => {
            Some(Timeout::Absolute(3, clock))
        }
        FUTEX_LOCK_PI => Some(Timeout::Absolute(3, CLOCK_REALTIME)),
        _ => None,
    }
}

/// Returns whether an operation of futex(2) waits.
pub(crate) fn futex_waits(operation: u64) -> bool {
    matches!(
        operation as c_int & FUTEX_CMD_MASK,
        FUTEX_WAIT | FUTEX_WAIT_BITSET | FUTEX_LOCK_PI | FUTEX_WAIT_REQUEUE_PI
    )
}

/// Returns whether a call of futex(2) waits on one word until it changes, having done
/// nothing before.
pub(crate) fn futex_only_waits(operation: u64) -> bool {
    matches!(
        operation as c_int & FUTEX_CMD_MASK,
        FUTEX_WAIT | FUTEX_WAIT_BITSET
    )
}

/// Returns whether an operation of futex(2) leaves the words in memory as they are.
pub(crate) fn futex_leaves_words(operation: u64) -> bool {
    matches!(
        operation as c_int & FUTEX_CMD_MASK,
        FUTEX_WAIT
            | FUTEX_WAIT_BITSET
            | FUTEX_WAKE
            | FUTEX_WAKE_BITSET
            | FUTEX_REQUEUE
            | FUTEX_CMP_REQUEUE
    )
}

/// Returns whether a call of futex(2) concerns threads of one process only.
pub fn futex_is_private(args: &[u64; 6]) -> bool {
    args[1] as c_int & FUTEX_PRIVATE_FLAG != 0
}

/// Returns whether a call of prctl(2) changes who inherits children, or who dies with its
/// parent.
pub fn changes_parenthood(args: &[u64; 6]) -> bool {
    matches!(args[0] as c_int, PR_SET_PDEATHSIG | PR_SET_CHILD_SUBREAPER)
}

/// Returns whether a call of prctl(2) gives the caller another name, which others read in
/// `/proc/PID/comm`, also after its end.
pub fn sets_name(args: &[u64; 6]) -> bool {
    args[0] as c_int == PR_SET_NAME
}

/// Returns whether a command of fcntl(2) arranges that later calls of others send signals, or
/// wait for an answer.
pub(crate) fn fcntl_acts_later(command: u64) -> bool {
    matches!(
        command as c_int,
        F_SETOWN | F_SETOWN_EX | F_SETSIG | F_SETLEASE | F_NOTIFY
    )
}

/// Returns whether a request of ioctl(2) arranges that later calls of others send signals.
pub(crate) fn ioctl_acts_later(request: u64) -> bool {
    matches!(request, FIOASYNC | FIOSETOWN | SIOCSPGRP)
}

/// Returns whether a process that is created with these flags of clone(2) has something in
/// common with its creator that is known to belong to one process, or is not its child, or knows
/// others by other numbers.
pub fn shares_with_creator(flags: u64) -> bool {
    let shares = |what: c_int| flags & what as u64 != 0;
    let is_thread = shares(CLONE_THREAD);
    // The creator waits (vfork(2)).
    let shares_memory = shares(CLONE_VM) && !shares(CLONE_VFORK);
    let is_elsewhere = shares(CLONE_PARENT) || shares(CLONE_NEWPID);
    // CSIGNAL: what the parent is sent at the end.
    let is_odd = !matches!((flags & 0xff) as c_int, 0 | SIGCHLD);
    !is_thread
        && (is_odd || shares(CLONE_FS) || shares(CLONE_FILES) || shares_memory || is_elsewhere)
}

/// Requests of asm-generic/sockios.h, which the libc crate lacks.
const FIOSETOWN: u64 = 0x8901;
const SIOCSPGRP: u64 = 0x8902;

/// `F_SETSIG` and `F_SETOWN_EX` of linux/fcntl.h; the libc crate lacks them.
const F_SETSIG: c_int = 10;
const F_SETOWN_EX: c_int = 15;

/// Returns whether the caller begins to decide itself about calls (seccomp(2), prctl(2)):
/// those that it makes for the engine could be refused, or be its end.
pub fn filters_calls(does: Does, args: &[u64; 6]) -> bool {
    match does {
        Does::Filter => true,
        Does::ProcessControl => matches!(
            args[0] as c_int,
            PR_SET_SECCOMP | PR_SET_SYSCALL_USER_DISPATCH
        ),
        _ => false,
    }
}

/// Returns whether a command of msgctl(2), semctl(2) or shmctl(2) tells of an object by its place
/// among all, or of all (linux/msg.h, linux/sem.h, linux/shm.h).
pub(crate) fn surveys_system_v(kind: SystemV, command: u64) -> bool {
    // On some architectures `IPC_64` is or-ed to it.
    let command = command & 0xff;
    command == IPC_INFO as u64
        || match kind {
            SystemV::Queue => (11..=13).contains(&command),
            SystemV::Semaphores => (18..=20).contains(&command),
            SystemV::Memory => (13..=15).contains(&command),
        }
}

/// Consequences of a call for the caller's further system calls (seccomp(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filtering {
    /// All but four end the caller.
    Strict,
    /// A program decides. Its `struct sock_fprog` is at the argument of this number.
    Program {
        /// The argument.
        argument: usize,
        /// Another task may be asked to decide.
        listener: bool,
    },
}

/// Returns how the call filters system calls, if it does.
pub fn filtering(does: Does, args: &[u64; 6]) -> Option<Filtering> {
    let mode = args[0] as c_uint;
    match does {
        Does::Filter if mode == SECCOMP_SET_MODE_STRICT => Some(Filtering::Strict),
        Does::Filter if mode == SECCOMP_SET_MODE_FILTER => Some(Filtering::Program {
            argument: 2,
            listener: args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER != 0,
        }),
        Does::ProcessControl if args[0] as c_int == PR_SET_SECCOMP => match args[1] as c_uint {
            SECCOMP_MODE_STRICT => Some(Filtering::Strict),
            SECCOMP_MODE_FILTER => Some(Filtering::Program {
                argument: 2,
                listener: false,
            }),
            _ => None,
        },
        _ => None,
    }
}

/// Returns whether the call makes closing a socket wait until everything is sent
/// (socket(7)).
pub fn lingers(does: Does, args: &[u64; 6]) -> bool {
    does == (Does::SocketOption { sets: true })
        && (args[1] as c_int, args[2] as c_int) == (SOL_SOCKET, SO_LINGER)
}
