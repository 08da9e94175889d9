//! Calls that concern their own process only.

use crosswire_model::Call;

/// Tells whether a call concerns only its own process, such as those of start-up.
pub(super) fn is_private(call: Call, args: &[u64; 6], path: Option<&str>) -> bool {
    match call.name() {
        Some("mmap") => args[3] & libc::MAP_SHARED as u64 == 0,
        Some("open" | "openat" | "openat2" | "access" | "stat" | "newfstatat") => {
            path.is_some_and(|path| path.is_empty() || is_start_up_file(path))
        }
        Some(name) => PRIVATE.contains(&name),
        None => false,
    }
}

const PRIVATE: &[&str] = &[
    "arch_prctl",
    "brk",
    "clock_getres",
    "clock_gettime",
    "clone",
    "clone3",
    "exit",
    "exit_group",
    "fork",
    "fstat",
    "getcwd",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getppid",
    "getrandom",
    "gettid",
    "gettimeofday",
    "getuid",
    "ioctl",
    "lseek",
    "madvise",
    "mprotect",
    "mremap",
    "munmap",
    "prctl",
    "prlimit64",
    "readlink",
    "readlinkat",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_getparam",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "statfs",
    "statx",
    "sysinfo",
    "time",
    "umask",
    "uname",
    "vfork",
];

/// Tells whether the return of a call concerns only its own process. The reason for
/// opening a file was already shown when the call began.
pub(super) fn is_private_return(call: Call) -> bool {
    is_private(call, &[0; 6], None) || matches!(call.name(), Some("open" | "openat" | "openat2"))
}

/// Libraries, locales and the like.
fn is_start_up_file(path: &str) -> bool {
    ["/etc/", "/lib", "/usr/", "/proc/", "/sys/"]
        .iter()
        .any(|begin| path.starts_with(begin))
}
