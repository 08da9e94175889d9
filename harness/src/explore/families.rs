//! Which faults make sense at which calls.

use crate::model::{Action, Call};

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
    "open",
    "openat",
];

/// Further calls that obtain, change or give back a kernel object.
const OBTAINING: &[&str] = &[
    "pipe",
    "pipe2",
    "socket",
    "socketpair",
    "bind",
    "listen",
    "shutdown",
    "getsockopt",
    "setsockopt",
    "open",
    "openat",
    "openat2",
    "creat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "ftruncate",
    "truncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "msync",
    "mmap",
    "mremap",
    "memfd_create",
    "shmget",
    "shmat",
    "shmdt",
    "shmctl",
    "semget",
    "semctl",
    "msgget",
    "msgctl",
    "mq_open",
    "mq_unlink",
    "mq_notify",
    "eventfd",
    "eventfd2",
    "signalfd",
    "signalfd4",
    "timerfd_create",
    "timerfd_settime",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "inotify_init1",
    "inotify_add_watch",
    "fork",
    "vfork",
    "clone",
    "clone3",
    "execve",
    "kill",
    "tgkill",
    "rt_sigqueueinfo",
    "pidfd_open",
    "pidfd_getfd",
    "pidfd_send_signal",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "flock",
    "process_vm_readv",
    "process_vm_writev",
];

fn is_one_of(call: Call, families: &[&[&str]]) -> bool {
    let Some(name) = call.name() else {
        return false;
    };
    families.iter().any(|family| family.contains(&name))
}

/// Whether injecting `action` at `call` (before it, or once it has blocked) is
/// something that can happen to a program on a real machine.
pub(super) fn applies(action: Action, call: Call, blocked: bool) -> bool {
    match action {
        Action::Kill => true,
        Action::Interrupt => blocked || is_one_of(call, &[WRITING, READING, WAITING]),
        _ if blocked => false,
        Action::Pause(_) => true,
        Action::LoseSignal | Action::DelaySignal(_) => false,
        Action::ShortIo(_) => is_one_of(call, &[PARTIAL]),
        Action::Full => is_one_of(call, &[WRITING]),
        Action::Errno(_) => is_one_of(call, &[WRITING, READING, WAITING, OBTAINING]),
    }
}

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
        for name in [WRITING, READING, PARTIAL, WAITING, OBTAINING].concat() {
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
