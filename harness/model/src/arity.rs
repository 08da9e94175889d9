//! Numbers of argument registers that calls use. The other registers hold leftovers of an
//! earlier call, which mean nothing and need not repeat.

use super::Call;

/// Calls by the number of their arguments (their manual pages in section 2).
const BY_ARITY: [&[&str]; 6] = [
    &[
        "getpid",
        "gettid",
        "getppid",
        "getuid",
        "geteuid",
        "getgid",
        "getegid",
        "pause",
        "sched_yield",
        "fork",
        "vfork",
        "setsid",
        "getpgrp",
        "sync",
        "munlockall",
        "inotify_init",
        "restart_syscall",
        "rt_sigreturn",
        "vhangup",
    ],
    &[
        "close",
        "unlink",
        "rmdir",
        "chdir",
        "fchdir",
        "exit",
        "exit_group",
        "dup",
        "pipe",
        "alarm",
        "eventfd",
        "epoll_create",
        "epoll_create1",
        "brk",
        "umask",
        "fsync",
        "fdatasync",
        "time",
        "uname",
        "times",
        "sysinfo",
        "shmdt",
        "mq_unlink",
        "getpgid",
        "getsid",
        "syncfs",
        "set_tid_address",
        "timer_getoverrun",
        "timer_delete",
        "unshare",
        "inotify_init1",
        "userfaultfd",
        "chroot",
        "setuid",
        "setgid",
        "mlockall",
    ],
    &[
        "stat",
        "lstat",
        "fstat",
        "access",
        "listen",
        "shutdown",
        "kill",
        "tkill",
        "dup2",
        "getrlimit",
        "setrlimit",
        "gettimeofday",
        "settimeofday",
        "nanosleep",
        "getitimer",
        "truncate",
        "ftruncate",
        "creat",
        "mkdir",
        "rename",
        "link",
        "symlink",
        "chmod",
        "fchmod",
        "munmap",
        "flock",
        "pipe2",
        "timerfd_create",
        "timerfd_gettime",
        "timer_gettime",
        "clock_gettime",
        "clock_settime",
        "clock_getres",
        "setpgid",
        "rt_sigsuspend",
        "rt_sigpending",
        "sigaltstack",
        "memfd_create",
        "eventfd2",
        "set_robust_list",
        "utime",
        "utimes",
        "msgget",
        "getcwd",
        "pidfd_open",
        "clone3",
        "mlock",
        "munlock",
        "setns",
        "arch_prctl",
        "statfs",
        "fstatfs",
        "getgroups",
        "getrusage",
        "setreuid",
        "setregid",
        "sched_setparam",
        "sched_getparam",
    ],
    &[
        "read",
        "write",
        "poll",
        "lseek",
        "mprotect",
        "ioctl",
        "readv",
        "writev",
        "madvise",
        "mincore",
        "msync",
        "shmget",
        "shmat",
        "shmctl",
        "dup3",
        "setitimer",
        "socket",
        "connect",
        "accept",
        "bind",
        "sendmsg",
        "recvmsg",
        "getsockname",
        "getpeername",
        "execve",
        "getdents64",
        "readlink",
        "chown",
        "fchown",
        "lchown",
        "mknod",
        "semget",
        "semop",
        "msgctl",
        "tgkill",
        "rt_sigqueueinfo",
        "mkdirat",
        "unlinkat",
        "symlinkat",
        "fchmodat",
        "faccessat",
        "timer_create",
        "sched_setaffinity",
        "sched_getaffinity",
        "inotify_add_watch",
        "getrandom",
        "mq_getsetattr",
        "signalfd",
        "membarrier",
        "close_range",
        "pidfd_getfd",
        "mlock2",
        "get_robust_list",
        "sched_setscheduler",
        "setresuid",
        "setresgid",
        "getcpu",
    ],
    &[
        "wait4",
        "newfstatat",
        "socketpair",
        "epoll_ctl",
        "epoll_wait",
        "msgsnd",
        "accept4",
        "rt_sigaction",
        "rt_sigprocmask",
        "rt_sigtimedwait",
        "semctl",
        "semtimedop",
        "timer_settime",
        "timerfd_settime",
        "clock_nanosleep",
        "mknodat",
        "readlinkat",
        "renameat",
        "utimensat",
        "pread64",
        "pwrite64",
        "sendfile",
        "tee",
        "vmsplice",
        "fallocate",
        "sync_file_range",
        "sendmmsg",
        "prlimit64",
        "faccessat2",
        "signalfd4",
        "rt_tgsigqueueinfo",
        "openat2",
        "pidfd_send_signal",
        "ptrace",
        "fadvise64",
        "rseq",
    ],
    &[
        "select",
        "clone",
        "waitid",
        "setsockopt",
        "getsockopt",
        "linkat",
        "renameat2",
        "statx",
        "msgrcv",
        "mremap",
        "prctl",
        "fchownat",
        "mq_timedsend",
        "mq_timedreceive",
        "recvmmsg",
        "preadv",
        "pwritev",
        "ppoll",
        "mount",
        "kcmp",
        "execveat",
    ],
];

impl Call {
    /// Returns the number of arguments that the call uses when its first ones are `args`;
    /// all six for calls that are not known here.
    pub fn arity(self, args: &[u64; 6]) -> usize {
        let Some(name) = self.name() else {
            return args.len();
        };
        let creates = |flags: u64| flags & (libc::O_CREAT | libc::O_TMPFILE) as u64 != 0;
        match name {
            "open" => 2 + usize::from(creates(args[1])),
            "openat" => 3 + usize::from(creates(args[2])),
            "mq_open" if creates(args[1]) => 4,
            "mq_open" => 2,
            "mq_notify" => 2,
            "fcntl" => match args[1] as i32 {
                libc::F_GETFD
                | libc::F_GETFL
                | libc::F_GETOWN
                | libc::F_GETLEASE
                | libc::F_GETPIPE_SZ
                | libc::F_GET_SEALS => 2,
                _ => 3,
            },
            "futex" => match args[1] as i32 & libc::FUTEX_CMD_MASK {
                libc::FUTEX_WAKE => 3,
                libc::FUTEX_WAIT | libc::FUTEX_LOCK_PI => 4,
                libc::FUTEX_UNLOCK_PI | libc::FUTEX_TRYLOCK_PI => 2,
                _ => 6,
            },
            _ => BY_ARITY
                .iter()
                .position(|names| names.contains(&name))
                .unwrap_or(args.len()),
        }
    }

    /// Returns the arguments with 0 in place of those that the call does not use.
    pub fn used(self, mut args: [u64; 6]) -> [u64; 6] {
        let arity = self.arity(&args);
        args[arity..].fill(0);
        args
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_call_and_stands_once() {
        let mut all = BY_ARITY.concat();
        for name in &all {
            assert!(name.parse::<Call>().is_ok(), "{name}");
        }
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn unused_registers_are_cleared() {
        let write: Call = "write".parse().unwrap();
        assert_eq!(write.used([1, 2, 3, 4, 5, 6]), [1, 2, 3, 0, 0, 0]);
        let open: Call = "openat".parse().unwrap();
        assert_eq!(open.used([1, 2, 0, 4, 5, 6]), [1, 2, 0, 0, 0, 0]);
    }
}
