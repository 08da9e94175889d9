//! What the engine must know of each system call before it lets it happen.

use libc::*;

/// Which argument is a path or name, if one is.
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

/// Which arguments are a socket address and its length, if there is one.
pub(super) fn address_argument(call: u32) -> Option<(usize, usize)> {
    match c_long::from(call) {
        SYS_bind | SYS_connect => Some((1, 2)),
        _ => None,
    }
}

/// Whether the call ends tasks or may end them, so that tasks which were stopped
/// may be stopped no more.
pub(super) fn may_end_tasks(call: u32) -> bool {
    sends_signal(call)
        || matches!(
            c_long::from(call),
            SYS_exit | SYS_exit_group | SYS_execve | SYS_execveat
        )
}

/// Whether the call sends a signal to somebody.
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

/// Whether the call never comes back.
pub(super) fn never_returns(call: u32) -> bool {
    matches!(c_long::from(call), SYS_exit | SYS_exit_group)
}

/// Whether the call can neither wait nor wake anybody, so that its end can be
/// awaited without asking whether somebody sleeps.
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

/// Whether nobody has to look at what the call has done before its caller goes on.
/// `somebody_waits` whom it might wake; some sockets may `linger` when they are closed.
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

/// Whether the call makes closing a socket wait until everything is sent (socket(7)).
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

/// Whether the call never waits for anybody, and may only wake who waits for changes of
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

/// Whether a call that can be left alone gives the kernel no pointer.
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

/// Whether the caller begins to decide itself about calls (seccomp(2), prctl(2)): those
/// that it makes for the engine could be refused, or be its end.
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

/// Whether the call may give up a file lock, or make room in a System V queue.
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

/// Whether the caller asks for others to run.
pub(super) fn yields(call: u32) -> bool {
    matches!(
        c_long::from(call),
        SYS_sched_yield | SYS_nanosleep | SYS_clock_nanosleep
    )
}

/// Whether the call makes a System V object or finds one.
pub(super) fn uses_system_v(call: u32) -> bool {
    matches!(c_long::from(call), SYS_msgget | SYS_semget | SYS_shmget)
}

/// Whether the call opens a POSIX message queue.
pub(super) fn uses_message_queues(call: u32) -> bool {
    c_long::from(call) == SYS_mq_open
}

/// Whether the call leaves it as it is which files are open under which numbers, and
/// which names they have.
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

/// Whether the call leaves it as it is what is mapped, and which names the mapped files
/// have.
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

/// Whether the call's result is a process id.
pub(super) fn returns_pid(call: u32) -> bool {
    shows_identity(call)
        || matches!(
            c_long::from(call),
            SYS_fork | SYS_vfork | SYS_clone | SYS_clone3 | SYS_wait4 | SYS_setsid | SYS_getpgid
        )
}

/// Whether a call depends on the caller's process id.
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
