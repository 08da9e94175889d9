//! System calls as one reads them: `write(4, …, 16) = 16`.

use super::arguments::{self, Kind};
use super::escape::escape;
use crate::model::{Call, Errno, Signal};

/// A call with its arguments. Of a long path at most `room` characters are shown:
/// its end, since that tells more than its beginning.
pub(super) fn call(call: Call, args: &[u64; 6], path: Option<&str>, room: usize) -> String {
    let path = path.map(|path| format!("\"{}\"", ending(&escape(path), room)));
    let shown = match arguments::kinds(call) {
        Some(kinds) => kinds
            .iter()
            .zip(args)
            .take(call.arity(args))
            // Where paths usually start need not be said each time.
            .filter(|(kind, value)| **kind != Kind::Fd || **value as u32 as i32 != libc::AT_FDCWD)
            .map(|(kind, &value)| match kind {
                Kind::FcntlArgument => fcntl_argument(args[1], value),
                _ => argument(*kind, value, path.as_deref()),
            })
            .collect::<Vec<_>>()
            .join(", "),
        None if call.arity(args) == 0 => String::new(),
        None => path
            .filter(|path| path != "\"\"")
            .unwrap_or_else(|| "…".to_owned()),
    };
    format!("{call}({shown})")
}

fn ending(path: &str, room: usize) -> String {
    let length = path.chars().count();
    match length.checked_sub(room.max(1)) {
        None | Some(0) => path.to_owned(),
        Some(excess) => format!("…{}", path.chars().skip(excess + 1).collect::<String>()),
    }
}

/// What became of a call: ` = ` and what it gave back.
pub(super) fn came_back(call: Call, value: i64) -> String {
    match value {
        // ERESTARTSYS to ERESTART_RESTARTBLOCK (include/linux/errno.h), which no
        // program sees: a signal comes first, then the call is made again.
        -516..=-512 => " is interrupted, starts again".to_owned(),
        _ => format!(" = {}", result(call, value)),
    }
}

fn result(call: Call, value: i64) -> String {
    match value {
        // The kernel's errors (include/linux/err.h).
        -4095..=-1 => format!("-1 {}", Errno(-value as i32)),
        _ if matches!(call.name(), Some("mmap" | "shmat" | "brk" | "mremap")) => {
            format!("{value:#x}")
        }
        _ => value.to_string(),
    }
}

/// Registers are 64 bits wide; most arguments are 32-bit numbers, whose upper half
/// means nothing.
fn argument(kind: Kind, value: u64, path: Option<&str>) -> String {
    let low = value as u32 as i32;
    match kind {
        Kind::Fd | Kind::Int | Kind::FcntlArgument => low.to_string(),
        Kind::Size => value.to_string(),
        Kind::Bits if value as u32 == 0 => "0".to_owned(),
        Kind::Bits => format!("{:#x}", value as u32),
        Kind::Memory => "…".to_owned(),
        Kind::Path => path.unwrap_or("…").to_owned(),
        Kind::Signal => Signal(low).to_string(),
        Kind::Address if value == 0 => "NULL".to_owned(),
        Kind::Address => format!("{value:#x}"),
        Kind::FutexOp => futex_operation(low),
        Kind::FlockOp => flock_operation(low),
        Kind::FcntlCommand => named(low, FCNTL_COMMANDS),
        Kind::EpollOp => named(low, EPOLL_OPERATIONS),
    }
}

/// Locks are described in memory, which the trace does not hold.
fn fcntl_argument(command: u64, value: u64) -> String {
    match command as u32 as i32 {
        libc::F_GETLK
        | libc::F_SETLK
        | libc::F_SETLKW
        | libc::F_OFD_GETLK
        | libc::F_OFD_SETLK
        | libc::F_OFD_SETLKW => "…".to_owned(),
        _ => argument(Kind::Int, value, None),
    }
}

const FCNTL_COMMANDS: &[(i32, &str)] = &[
    (libc::F_DUPFD, "F_DUPFD"),
    (libc::F_GETFD, "F_GETFD"),
    (libc::F_SETFD, "F_SETFD"),
    (libc::F_GETFL, "F_GETFL"),
    (libc::F_SETFL, "F_SETFL"),
    (libc::F_GETLK, "F_GETLK"),
    (libc::F_SETLK, "F_SETLK"),
    (libc::F_SETLKW, "F_SETLKW"),
    (libc::F_OFD_GETLK, "F_OFD_GETLK"),
    (libc::F_OFD_SETLK, "F_OFD_SETLK"),
    (libc::F_OFD_SETLKW, "F_OFD_SETLKW"),
    (libc::F_SETPIPE_SZ, "F_SETPIPE_SZ"),
    (libc::F_GETPIPE_SZ, "F_GETPIPE_SZ"),
    (libc::F_GET_SEALS, "F_GET_SEALS"),
    (libc::F_ADD_SEALS, "F_ADD_SEALS"),
    (libc::F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC"),
];

const EPOLL_OPERATIONS: &[(i32, &str)] = &[
    (libc::EPOLL_CTL_ADD, "ADD"),
    (libc::EPOLL_CTL_DEL, "DEL"),
    (libc::EPOLL_CTL_MOD, "MOD"),
];

const FUTEX_OPERATIONS: &[(i32, &str)] = &[
    (libc::FUTEX_WAIT, "WAIT"),
    (libc::FUTEX_WAKE, "WAKE"),
    (libc::FUTEX_REQUEUE, "REQUEUE"),
    (libc::FUTEX_CMP_REQUEUE, "CMP_REQUEUE"),
    (libc::FUTEX_WAKE_OP, "WAKE_OP"),
    (libc::FUTEX_LOCK_PI, "LOCK_PI"),
    (libc::FUTEX_UNLOCK_PI, "UNLOCK_PI"),
    (libc::FUTEX_TRYLOCK_PI, "TRYLOCK_PI"),
    (libc::FUTEX_WAIT_BITSET, "WAIT_BITSET"),
    (libc::FUTEX_WAKE_BITSET, "WAKE_BITSET"),
];

fn named(value: i32, names: &[(i32, &str)]) -> String {
    let name = names.iter().find(|(known, _)| *known == value);
    name.map_or_else(|| value.to_string(), |(_, name)| (*name).to_owned())
}

/// Whether a futex is private to its process, and which clock it waits by, does
/// not matter to the reader.
fn futex_operation(value: i32) -> String {
    named(
        value & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME),
        FUTEX_OPERATIONS,
    )
}

fn flock_operation(value: i32) -> String {
    let names = [
        (libc::LOCK_SH, "LOCK_SH"),
        (libc::LOCK_EX, "LOCK_EX"),
        (libc::LOCK_UN, "LOCK_UN"),
    ];
    let operation = named(value & !libc::LOCK_NB, &names);
    match value & libc::LOCK_NB {
        0 => operation,
        _ => format!("{operation}|LOCK_NB"),
    }
}

/// Whether a call is about its own process only, such as those of start-up.
pub(super) fn is_private(call: Call, args: &[u64; 6], path: Option<&str>) -> bool {
    match call.name() {
        Some("mmap") => args[3] & libc::MAP_SHARED as u64 == 0,
        Some("open" | "openat" | "openat2") => path.is_some_and(is_start_up_file),
        Some(name) => PRIVATE.contains(&name),
        None => false,
    }
}

const PRIVATE: &[&str] = &[
    "access",
    "arch_prctl",
    "brk",
    "clock_getres",
    "clock_gettime",
    "faccessat",
    "faccessat2",
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
    "lstat",
    "madvise",
    "mprotect",
    "mremap",
    "munmap",
    "newfstatat",
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
    "stat",
    "statfs",
    "statx",
    "sysinfo",
    "time",
    "umask",
    "uname",
];

/// Whether the coming back of a call is of interest to its process only. What a
/// file was opened for has been said when the call began.
pub(super) fn is_private_return(call: Call) -> bool {
    is_private(call, &[0; 6], None) || matches!(call.name(), Some("open" | "openat" | "openat2"))
}

/// Libraries, locales and the like.
fn is_start_up_file(path: &str) -> bool {
    ["/etc/", "/lib", "/usr/", "/proc/", "/sys/"]
        .iter()
        .any(|begin| path.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, args: [u64; 6], path: Option<&str>) -> String {
        call(name.parse().unwrap(), &args, path, 100)
    }

    #[test]
    fn arguments_are_decoded() {
        assert_eq!(
            shown("write", [4, 0x7fff_0000, 16, 0, 0, 0], None),
            "write(4, …, 16)"
        );
        assert_eq!(
            shown("openat", [0xffff_ff9c, 1, 2, 0, 0, 0], Some("/tmp/a\n")),
            "openat(\"/tmp/a\\n\", 0x2)"
        );
        assert_eq!(
            shown("futex", [0x1000, 128, 2, 0, 0, 0], None),
            "futex(0x1000, WAIT, 2)"
        );
        assert_eq!(
            shown("flock", [3, 6, 0, 0, 0, 0], None),
            "flock(3, LOCK_EX|LOCK_NB)"
        );
        assert_eq!(
            shown("kill", [12, 15, 0, 0, 0, 0], None),
            "kill(12, SIGTERM)"
        );
        assert_eq!(shown("uname", [1, 0, 0, 0, 0, 0], None), "uname(…)");
        let junk = 0x5555_5555;
        assert_eq!(shown("getuid", [junk; 6], None), "getuid()");
        let fcntl = |command: i32| shown("fcntl", [3, command as u64, 1, junk, 0, 0], None);
        assert_eq!(fcntl(libc::F_GETFL), "fcntl(3, F_GETFL)");
        assert_eq!(fcntl(libc::F_SETFD), "fcntl(3, F_SETFD, 1)");
        assert_eq!(fcntl(libc::F_SETLKW), "fcntl(3, F_SETLKW, …)");
        let futex = |operation: u64| shown("futex", [16, operation, 2, junk, 0, 0], None);
        assert_eq!(futex(128 | 7), "futex(0x10, UNLOCK_PI)");
    }

    #[test]
    fn of_long_paths_the_end_is_shown() {
        let (opening, args) = ("openat".parse().unwrap(), [0xffff_ff9c, 1, 2, 0, 0, 0]);
        assert_eq!(
            call(opening, &args, Some("/tmp/locks/a"), 8),
            "openat(\"…locks/a\", 0x2)"
        );
        assert_eq!(
            call(opening, &args, Some("/tmp/a"), 6),
            "openat(\"/tmp/a\", 0x2)"
        );
        assert_eq!(
            call(opening, &args, Some("/tmp/a"), 0),
            "openat(\"…\", 0x2)"
        );
    }

    #[test]
    fn results_are_numbers_or_errors() {
        let read = "read".parse().unwrap();
        assert_eq!(result(read, 16), "16");
        assert_eq!(result(read, -11), "-1 EAGAIN");
        assert_eq!(came_back(read, 16), " = 16");
        assert_eq!(came_back(read, -512), " is interrupted, starts again");
        assert_eq!(result("mmap".parse().unwrap(), 0x1000), "0x1000");
    }
}
