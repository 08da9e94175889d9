//! Facts about each system call that the engine must know before it lets the call happen.

use libc::*;

/// Returns the argument that is a path or name, if there is one.
pub(super) fn path_argument(call: u32) -> Option<usize> {
    Some(match c_long::from(call) {
        SYS_open | SYS_stat | SYS_lstat | SYS_access | SYS_execve | SYS_truncate | SYS_chdir
        | SYS_mkdir | SYS_rmdir | SYS_creat | SYS_unlink | SYS_readlink | SYS_chmod | SYS_chown
        | SYS_mknod | SYS_mq_open | SYS_mq_unlink | SYS_statfs => 0,
        SYS_openat | SYS_openat2 | SYS_newfstatat | SYS_faccessat | SYS_faccessat2
        | SYS_unlinkat | SYS_mkdirat | SYS_mknodat | SYS_readlinkat | SYS_fchmodat
        | SYS_fchownat | SYS_statx | SYS_execveat | SYS_utimensat => 1,
        // Of two names, the new one.
        SYS_rename | SYS_link | SYS_symlink => 1,
        SYS_symlinkat => 2,
        SYS_renameat | SYS_renameat2 | SYS_linkat => 3,
        _ => return None,
    })
}

/// Returns the arguments that are a socket address and its length, if there are any.
pub(super) fn address_argument(call: u32) -> Option<(usize, usize)> {
    match c_long::from(call) {
        SYS_bind | SYS_connect => Some((1, 2)),
        _ => None,
    }
}

/// Tells whether the call ends tasks or may end them, so that stopped tasks may no longer
/// be stopped.
pub(super) fn may_end_tasks(call: u32) -> bool {
    sends_signal(call)
        || matches!(
            c_long::from(call),
            SYS_exit | SYS_exit_group | SYS_execve | SYS_execveat
        )
}

/// Tells whether the call sends a signal.
pub(super) fn sends_signal(call: u32) -> bool {
    matches!(
        c_long::from(call),
        SYS_kill
            | SYS_tkill
            | SYS_tgkill
            | SYS_rt_sigqueueinfo
            | SYS_rt_tgsigqueueinfo
            | SYS_pidfd_send_signal
    )
}

/// Tells whether the call never returns.
pub(super) fn never_returns(call: u32) -> bool {
    matches!(c_long::from(call), SYS_exit | SYS_exit_group)
}

/// Tells whether the call can neither wait nor wake any task, so that the engine can
/// await its end without checking whether a task sleeps.
pub(super) fn is_instant(call: u32, args: [u64; 6]) -> bool {
    match c_long::from(call) {
        SYS_fcntl => matches!(
            args[1] as c_int,
            F_DUPFD | F_DUPFD_CLOEXEC | F_GETFD | F_SETFD | F_GETFL
        ),
        SYS_ioctl => matches!(args[1], TCGETS | TIOCGWINSZ | FIOCLEX | FIONCLEX | FIONREAD),
        SYS_mmap => true,
        _ => is_brief(call),
    }
}

/// Tells whether the caller may continue before the effects of the call are examined.
/// `somebody_waits` is true if a task waits that the call might wake; some sockets may
/// `linger` when they are closed.
pub(super) fn can_be_left_alone(
    call: u32,
    args: [u64; 6],
    somebody_waits: bool,
    linger: bool,
) -> bool {
    match c_long::from(call) {
        // What is mapped is watched from the first access on.
        SYS_mmap => false,
        SYS_close => !somebody_waits && !linger,
        _ => is_instant(call, args) || !somebody_waits && only_wakes(call),
    }
}

/// Tells whether the call makes closing a socket wait until everything is sent
/// (socket(7)).
pub(super) fn makes_linger(call: u32, args: [u64; 6]) -> bool {
    c_long::from(call) == SYS_setsockopt
        && (args[1] as c_int, args[2] as c_int) == (SOL_SOCKET, SO_LINGER)
}

/// See [`is_instant`]: what the number alone tells.
fn is_brief(call: u32) -> bool {
    matches!(
        c_long::from(call),
        SYS_getpid
            | SYS_gettid
            | SYS_getppid
            | SYS_getsid
            | SYS_fchdir
            | SYS_chdir
            | SYS_statfs
            | SYS_fstatfs
            | SYS_newfstatat
            | SYS_fstat
            | SYS_stat
            | SYS_lstat
            | SYS_access
            | SYS_faccessat
            | SYS_faccessat2
            | SYS_readlink
            | SYS_readlinkat
            | SYS_lseek
            | SYS_pipe
            | SYS_pipe2
            | SYS_socket
            | SYS_socketpair
            | SYS_dup
            | SYS_msgget
            | SYS_semget
            | SYS_shmget
            | SYS_eventfd2
            | SYS_epoll_create1
            | SYS_signalfd4
            | SYS_memfd_create
            | SYS_setsid
            | SYS_getpgrp
            | SYS_getpgid
            | SYS_statx
            | SYS_sched_yield
            | SYS_getsockopt
            | SYS_getsockname
            | SYS_getpeername
    )
}

/// Tells whether the call never waits, and wakes only tasks that wait for changes of
/// files, sockets or descriptors.
fn only_wakes(call: u32) -> bool {
    matches!(
        c_long::from(call),
        SYS_getdents64
            | SYS_pread64
            | SYS_pwrite64
            | SYS_unlink
            | SYS_unlinkat
            | SYS_mkdir
            | SYS_mkdirat
            | SYS_rmdir
            | SYS_rename
            | SYS_renameat
            | SYS_renameat2
            | SYS_link
            | SYS_linkat
            | SYS_symlink
            | SYS_symlinkat
            | SYS_ftruncate
            | SYS_chmod
            | SYS_fchmod
            | SYS_fchmodat
            | SYS_chown
            | SYS_fchown
            | SYS_fchownat
            | SYS_utimensat
            | SYS_setpgid
            | SYS_bind
            | SYS_listen
            | SYS_setsockopt
            | SYS_epoll_ctl
    )
}

/// Tells whether a call that can be left alone passes no pointer to the kernel.
pub(super) fn has_no_pointer(call: u32) -> bool {
    matches!(
        c_long::from(call),
        SYS_getpid
            | SYS_gettid
            | SYS_getppid
            | SYS_getsid
            | SYS_getpgrp
            | SYS_getpgid
            | SYS_setpgid
            | SYS_setsid
            | SYS_sched_yield
            | SYS_lseek
            | SYS_close
            | SYS_fcntl
            | SYS_dup
            | SYS_fchdir
            | SYS_ftruncate
            | SYS_fchmod
            | SYS_fchown
            | SYS_msgget
            | SYS_semget
            | SYS_shmget
            | SYS_socket
            | SYS_listen
            | SYS_eventfd2
            | SYS_epoll_create1
    )
}

/// Tells whether the caller installs a filter of its own for calls (seccomp(2),
/// prctl(2)): the filter could refuse the calls that it makes for the engine, or kill it
/// for them.
pub(super) fn filters_calls(call: u32, args: [u64; 6]) -> bool {
    /// The libc crate lacks it.
    const PR_SET_SYSCALL_USER_DISPATCH: c_int = 59;
    match c_long::from(call) {
        SYS_seccomp => true,
        SYS_prctl => matches!(
            args[0] as c_int,
            PR_SET_SECCOMP | PR_SET_SYSCALL_USER_DISPATCH
        ),
        _ => false,
    }
}

/// Tells whether the call may release a file lock, or make room in a System V queue.
pub(super) fn may_release_lock(call: u32) -> bool {
    may_end_tasks(call)
        || matches!(
            c_long::from(call),
            SYS_flock
                | SYS_fcntl
                | SYS_close
                | SYS_close_range
                | SYS_dup2
                | SYS_dup3
                | SYS_msgrcv
                | SYS_msgctl
        )
}

/// Tells whether the caller yields to other tasks.
pub(super) fn yields(call: u32) -> bool {
    matches!(
        c_long::from(call),
        SYS_sched_yield | SYS_nanosleep | SYS_clock_nanosleep
    )
}

/// Tells whether the call creates or finds a System V object.
pub(super) fn uses_system_v(call: u32) -> bool {
    matches!(c_long::from(call), SYS_msgget | SYS_semget | SYS_shmget)
}

/// Tells whether the call opens a POSIX message queue.
pub(super) fn uses_message_queues(call: u32) -> bool {
    c_long::from(call) == SYS_mq_open
}

/// Tells whether the call changes neither the open files, nor their numbers and names.
pub(super) fn leaves_files(call: u32) -> bool {
    matches!(
        c_long::from(call),
        SYS_read
            | SYS_write
            | SYS_pread64
            | SYS_pwrite64
            | SYS_readv
            | SYS_writev
            | SYS_sendto
            | SYS_recvfrom
            | SYS_lseek
            | SYS_fstat
            | SYS_poll
            | SYS_ppoll
            | SYS_select
            | SYS_pselect6
            | SYS_epoll_wait
            | SYS_epoll_pwait
            | SYS_futex
            | SYS_flock
            | SYS_msgsnd
            | SYS_msgrcv
            | SYS_semop
            | SYS_semtimedop
            | SYS_mq_timedsend
            | SYS_mq_timedreceive
            | SYS_kill
            | SYS_tgkill
            | SYS_wait4
            | SYS_nanosleep
            | SYS_clock_nanosleep
            | SYS_sched_yield
            | SYS_getpid
            | SYS_getppid
            | SYS_gettid
    )
}

/// Tells whether the call changes no mapping, and no name of a mapped file.
pub(super) fn leaves_mappings(call: u32) -> bool {
    leaves_files(call)
        || looks_up_path(call)
        || matches!(
            c_long::from(call),
            SYS_open
                | SYS_openat
                | SYS_close
                | SYS_dup
                | SYS_dup2
                | SYS_dup3
                | SYS_pipe
                | SYS_pipe2
                | SYS_fcntl
                | SYS_ioctl
                | SYS_getdents64
                | SYS_getpgrp
                | SYS_getpgid
                | SYS_setpgid
                | SYS_socket
                | SYS_socketpair
                | SYS_connect
                | SYS_accept
                | SYS_accept4
                | SYS_sendmsg
                | SYS_recvmsg
                | SYS_eventfd2
                | SYS_exit
                | SYS_exit_group
        )
}

/// Tells whether the call's result is a process id.
pub(super) fn returns_pid(call: u32) -> bool {
    shows_identity(call)
        || matches!(
            c_long::from(call),
            SYS_fork | SYS_vfork | SYS_clone | SYS_clone3 | SYS_wait4 | SYS_setsid | SYS_getpgid
        )
}

/// Tells whether a call depends on the caller's process id.
pub(super) fn shows_identity(call: u32) -> bool {
    matches!(c_long::from(call), SYS_getpid | SYS_gettid | SYS_getppid)
}

/// The second kind of start-up call: those on a descriptor that was itself opened
/// during start-up.
pub(super) fn reads_descriptor(call: u32) -> bool {
    matches!(
        c_long::from(call),
        SYS_read | SYS_pread64 | SYS_lseek | SYS_fstat | SYS_getdents64 | SYS_close | SYS_fadvise64
    )
}

/// Calls that only look something up by path.
pub(super) fn looks_up_path(call: u32) -> bool {
    matches!(
        c_long::from(call),
        SYS_stat
            | SYS_lstat
            | SYS_newfstatat
            | SYS_access
            | SYS_faccessat
            | SYS_faccessat2
            | SYS_readlink
            | SYS_readlinkat
            | SYS_statfs
            | SYS_statx
    )
}
