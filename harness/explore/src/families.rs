//! Combinations of faults and calls that make sense.

use crosswire_model::{Action, Call};

/// Calls that move bytes out of the process.
const WRITING: &[&str] = &[
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "sendfile",
    "splice",
    "tee",
    "vmsplice",
    "mq_timedsend",
    "msgsnd",
];

/// Calls that move bytes into the process.
const READING: &[&str] = &[
    "read",
    "readv",
    "pread64",
    "preadv",
    "preadv2",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "mq_timedreceive",
    "msgrcv",
];

/// Transfers whose manual page allows them to move fewer bytes than asked for.
/// Messages are all or nothing, so queues are not among them.
const PARTIAL: &[&str] = &[
    "read", "readv", "pread64", "preadv", "preadv2", "recvfrom", "recvmsg", "write", "writev",
    "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendfile", "splice", "tee",
    "vmsplice",
];

/// Further calls that may wait, and so may be interrupted by a signal.
const WAITING: &[&str] = &[
    "accept",
    "accept4",
    "connect",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "semop",
    "semtimedop",
    "futex",
    "futex_waitv",
    "flock",
    "wait4",
    "waitid",
    "pause",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "nanosleep",
    "clock_nanosleep",
];

/// Calls that can find no room on the file system (ENOSPC, EDQUOT).
const STORING: &[&str] = &[
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "open",
    "openat",
    "openat2",
    "creat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "fallocate",
    "fsync",
    "fdatasync",
    "sendfile",
    "splice",
    "semget",
    "shmget",
    "msgget",
    "mq_open",
    "inotify_add_watch",
    "epoll_ctl",
];

/// Calls that make a descriptor (EMFILE, ENFILE).
const OPENING: &[&str] = &[
    "open",
    "openat",
    "openat2",
    "creat",
    "pipe",
    "pipe2",
    "socket",
    "socketpair",
    "accept",
    "accept4",
    "dup",
    "eventfd",
    "eventfd2",
    "signalfd",
    "signalfd4",
    "timerfd_create",
    "epoll_create",
    "epoll_create1",
    "memfd_create",
    "inotify_init1",
    "mq_open",
    "pidfd_open",
    "pidfd_getfd",
];

/// Calls that can find no memory (ENOMEM), or no room for another process.
const ALLOCATING: &[&str] = &[
    "fork",
    "vfork",
    "clone",
    "clone3",
    "mmap",
    "mremap",
    "shmat",
    "shmget",
    "msgget",
    "msgsnd",
    // Not in its manual page; the kernel copies the message as for msgsnd(2).
    "mq_timedsend",
    "semget",
    "semop",
    "semtimedop",
    "mq_open",
    "poll",
    "ppoll",
    "select",
    "epoll_ctl",
    "fcntl",
    "flock",
    "bind",
    "connect",
    "listen",
    "setsockopt",
    "execve",
    "open",
    "openat",
    "mkdir",
    "unlink",
];

fn is_one_of(call: Call, families: &[&[&str]]) -> bool {
    let Some(name) = call.name() else {
        return false;
    };
    families.iter().any(|family| family.contains(&name))
}

/// Tells whether injecting `action` at `call` (before it, or once it has blocked) has an
/// effect that can happen to a program on a real machine.
pub(super) fn applies(action: Action, call: Call, blocked: bool) -> bool {
    match action {
        Action::Kill => true,
        Action::ClockJump(_) => is_one_of(call, &[TIMED]),
        Action::Interrupt => blocked || is_one_of(call, &[WRITING, READING, WAITING]),
        _ if blocked => false,
        Action::Pause(_) => true,
        Action::LoseSignal | Action::DelaySignal(_) => false,
        Action::ShortIo(_) => is_one_of(call, &[PARTIAL]),
        Action::Full => is_one_of(call, &[WRITING]),
        Action::Errno(errno) => can_fail_with(call, errno.0),
    }
}

/// Tells whether the call's manual page lists this error as one that the machine's state
/// can cause. Errors caused by the caller itself (EBADF, EINVAL, …) are up to the user:
/// they can be injected wherever something can fail.
fn can_fail_with(call: Call, errno: i32) -> bool {
    match errno {
        libc::ENOSPC | libc::EDQUOT => is_one_of(call, &[STORING]),
        libc::EMFILE | libc::ENFILE => is_one_of(call, &[OPENING]),
        libc::ENOMEM => is_one_of(call, &[ALLOCATING, OPENING]),
        libc::ENOBUFS => is_one_of(call, &[WRITING]),
        libc::EINTR => is_one_of(call, &[WRITING, READING, WAITING]),
        libc::EAGAIN => is_one_of(call, &[WRITING, READING, FORKING]),
        libc::EIO => is_one_of(call, &[WRITING, READING, &["fsync", "fdatasync"]]),
        libc::EPIPE | libc::ECONNRESET => is_one_of(call, &[WRITING, READING]),
        _ => is_one_of(
            call,
            &[WRITING, READING, WAITING, STORING, OPENING, ALLOCATING],
        ),
    }
}

/// Calls that read the calendar or may wait until a date.
const TIMED: &[&str] = &[
    "clock_gettime",
    "gettimeofday",
    "time",
    "clock_nanosleep",
    "futex",
    "mq_timedsend",
    "mq_timedreceive",
    "timer_settime",
    "timerfd_settime",
    "semtimedop",
    "rt_sigtimedwait",
    "poll",
    "ppoll",
    "recvfrom",
    "read",
    "msgrcv",
];

/// Calls that make a process, which its user may have too many of (EAGAIN).
const FORKING: &[&str] = &["fork", "vfork", "clone", "clone3"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_call_of_some_architecture() {
        // `open`, `pipe`, … do not exist on newer architectures, so only those
        // that exist everywhere are required to parse.
        for name in [
            "write",
            "read",
            "msgsnd",
            "mq_timedreceive",
            "futex",
            "splice",
        ] {
            assert!(name.parse::<Call>().is_ok(), "{name}");
        }
        #[cfg(target_arch = "x86_64")]
        for name in [
            WRITING, READING, PARTIAL, WAITING, STORING, OPENING, ALLOCATING, FORKING, TIMED,
        ]
        .concat()
        {
            assert!(name.parse::<Call>().is_ok(), "{name}");
        }
    }

    #[test]
    fn messages_are_never_cut_short() {
        let send = "mq_timedsend".parse().unwrap();
        assert!(!applies(Action::ShortIo(1), send, false));
        assert!(applies(Action::Full, send, false));
        assert!(!applies(Action::Full, send, true));
        assert!(applies(Action::Kill, send, true));
    }
}
