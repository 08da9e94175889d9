//! Flags by their names, and memory as strace(1) prints it.

use crosswire_model::{Bytes, Content, Polled, SemaphoreOperation, Signal};
use libc::*;

type Names = &'static [(i32, &'static str)];

const OPEN: Names = &[
    (O_CREAT, "O_CREAT"),
    (O_EXCL, "O_EXCL"),
    (O_NOCTTY, "O_NOCTTY"),
    (O_TRUNC, "O_TRUNC"),
    (O_APPEND, "O_APPEND"),
    (O_NONBLOCK, "O_NONBLOCK"),
    (O_SYNC, "O_SYNC"),
    (O_DSYNC, "O_DSYNC"),
    (O_DIRECT, "O_DIRECT"),
    (O_DIRECTORY, "O_DIRECTORY"),
    (O_NOFOLLOW, "O_NOFOLLOW"),
    (O_CLOEXEC, "O_CLOEXEC"),
    (O_PATH, "O_PATH"),
];

const MAP: Names = &[
    (MAP_SHARED, "MAP_SHARED"),
    (MAP_PRIVATE, "MAP_PRIVATE"),
    (MAP_FIXED, "MAP_FIXED"),
    (MAP_ANONYMOUS, "MAP_ANONYMOUS"),
    (MAP_NORESERVE, "MAP_NORESERVE"),
    (MAP_POPULATE, "MAP_POPULATE"),
];

const GET: Names = &[(IPC_CREAT, "IPC_CREAT"), (IPC_EXCL, "IPC_EXCL")];

const SOCKET: Names = &[
    (SOCK_NONBLOCK, "SOCK_NONBLOCK"),
    (SOCK_CLOEXEC, "SOCK_CLOEXEC"),
];

const POLL: Names = &[
    (POLLIN as i32, "POLLIN"),
    (POLLPRI as i32, "POLLPRI"),
    (POLLOUT as i32, "POLLOUT"),
    (POLLERR as i32, "POLLERR"),
    (POLLHUP as i32, "POLLHUP"),
    (POLLNVAL as i32, "POLLNVAL"),
];

/// Returns the names of the bits that are set, and what is left over in hexadecimal.
fn joined(mut value: i32, names: Names) -> Vec<String> {
    let mut all = Vec::new();
    for (bits, name) in names {
        if value & bits == *bits {
            all.push((*name).to_owned());
            value &= !bits;
        }
    }
    if value != 0 {
        all.push(format!("{value:#x}"));
    }
    all
}

fn or_zero(parts: Vec<String>) -> String {
    match parts.is_empty() {
        true => "0".to_owned(),
        false => parts.join("|"),
    }
}

/// Flags of open(2). `O_LARGEFILE`, which 64-bit programs need not say, is left out.
pub(crate) fn open_flags(value: i32) -> String {
    const LARGE_FILE: i32 = 0o100_000;
    let mode = match value & O_ACCMODE {
        O_RDONLY => "O_RDONLY",
        O_WRONLY => "O_WRONLY",
        _ => "O_RDWR",
    };
    let mut all = vec![mode.to_owned()];
    all.extend(joined(value & !O_ACCMODE & !LARGE_FILE, OPEN));
    all.join("|")
}

/// Flags of pipe2(2) and dup3(2), which have no mode.
pub(crate) fn descriptor_flags(value: i32) -> String {
    or_zero(joined(value, OPEN))
}

pub(crate) fn map_flags(value: i32) -> String {
    or_zero(joined(value, MAP))
}

/// Flags of msgget(2): names, then permissions in octal.
pub(crate) fn get_flags(value: i32) -> String {
    let mut all = joined(value & !0o777, GET);
    all.push(format!("{:#05o}", value & 0o777).replace("0o", "0"));
    all.join("|")
}

pub(crate) fn mode(value: i32) -> String {
    let kind = match value as u32 & S_IFMT {
        S_IFIFO => "S_IFIFO|",
        S_IFREG => "S_IFREG|",
        S_IFSOCK => "S_IFSOCK|",
        _ => "",
    };
    format!("{kind}0{:o}", value & 0o7777)
}

pub(crate) fn family(value: i32) -> String {
    match value {
        AF_UNIX => "AF_UNIX".to_owned(),
        AF_INET => "AF_INET".to_owned(),
        AF_INET6 => "AF_INET6".to_owned(),
        AF_NETLINK => "AF_NETLINK".to_owned(),
        other => other.to_string(),
    }
}

pub(crate) fn socket_type(value: i32) -> String {
    let flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    let kind = match value & !flags {
        SOCK_STREAM => "SOCK_STREAM".to_owned(),
        SOCK_DGRAM => "SOCK_DGRAM".to_owned(),
        SOCK_SEQPACKET => "SOCK_SEQPACKET".to_owned(),
        other => other.to_string(),
    };
    let mut all = vec![kind];
    all.extend(joined(value & flags, SOCKET));
    all.join("|")
}

pub(crate) fn key(value: i32) -> String {
    match value {
        IPC_PRIVATE => "IPC_PRIVATE".to_owned(),
        value => format!("{value:#x}"),
    }
}

/// Commands of msgctl(2), semctl(2) and shmctl(2); numbers as in linux/ipc.h and
/// linux/sem.h. `IPC_64`, which the C library may add, says nothing.
pub(crate) fn control_command(value: i32) -> String {
    match value & 0xff {
        IPC_RMID => "IPC_RMID".to_owned(),
        IPC_SET => "IPC_SET".to_owned(),
        IPC_STAT => "IPC_STAT".to_owned(),
        11 => "GETPID".to_owned(),
        12 => "GETVAL".to_owned(),
        13 => "GETALL".to_owned(),
        14 => "GETNCNT".to_owned(),
        15 => "GETZCNT".to_owned(),
        16 => "SETVAL".to_owned(),
        17 => "SETALL".to_owned(),
        other => other.to_string(),
    }
}

/// Memory, of which at most `room` characters of data are shown.
pub(crate) fn content(content: &Content, room: usize) -> String {
    match content {
        Content::Bytes(bytes) => data(bytes, room),
        Content::Message { kind, text } => format!("{{{kind}, {}}}", data(text, room)),
        Content::Descriptors(all) => listed(all, i32::to_string),
        Content::Lock {
            kind,
            whence,
            start,
            length,
        } => lock(*kind, *whence, *start, *length),
        Content::Semaphores(all) => listed(all, semaphore),
        Content::Polled(all) => listed(all, polled),
        Content::Time(nanoseconds) => time(*nanoseconds),
        Content::Path(path) => format!("\"{}\"", crate::escape(path)),
        Content::Word(value) => format!("[{value}]"),
        Content::Signals(all) => listed(all, Signal::to_string),
    }
}

fn listed<T>(all: &[T], one: impl Fn(&T) -> String) -> String {
    let all: Vec<String> = all.iter().map(one).collect();
    format!("[{}]", all.join(", "))
}

/// Formats the captured part of a piece of memory, between quotes.
fn data(bytes: &Bytes, room: usize) -> String {
    // The author of the file may have put anything there.
    let safe = crate::escape(&bytes.shown);
    let shown = beginning(&safe, room);
    match bytes.cut || shown.len() < safe.len() {
        true => format!("\"{shown}\"…"),
        false => format!("\"{shown}\""),
    }
}

/// Returns the first characters, without half an escape at the end.
fn beginning(text: &str, room: usize) -> &str {
    let end = text
        .char_indices()
        .nth(room)
        .map_or(text.len(), |(at, _)| at);
    let shown = &text[..end];
    let longest_escape = 4;
    for back in 1..longest_escape.min(shown.len() + 1) {
        let at = shown.len() - back;
        if end < text.len() && shown.is_char_boundary(at) && shown[at..].starts_with('\\') {
            let whole = match text.as_bytes().get(at + 1) {
                Some(b'x') => 4,
                _ => 2,
            };
            return match at + whole > end {
                true => &shown[..at],
                false => shown,
            };
        }
    }
    shown
}

fn lock(kind: i16, whence: i16, start: i64, length: i64) -> String {
    let kind = match i32::from(kind) {
        F_RDLCK => "F_RDLCK",
        F_WRLCK => "F_WRLCK",
        _ => "F_UNLCK",
    };
    match (i32::from(whence), start, length) {
        (SEEK_SET, 0, 0) => format!("{{{kind}}}"),
        (SEEK_SET, start, 0) => format!("{{{kind}, {start}..}}"),
        (SEEK_SET, start, length) => format!("{{{kind}, {start}..{}}}", start + length),
        (whence, start, length) => format!("{{{kind}, {whence}, {start}, {length}}}"),
    }
}

fn semaphore(operation: &SemaphoreOperation) -> String {
    let flags = joined(
        i32::from(operation.flags),
        &[(IPC_NOWAIT, "IPC_NOWAIT"), (SEM_UNDO, "SEM_UNDO")],
    );
    let (number, change) = (operation.number, operation.change);
    match flags.is_empty() {
        true => format!("{{{number}, {change:+}}}"),
        false => format!("{{{number}, {change:+}, {}}}", flags.join("|")),
    }
}

fn polled(polled: &Polled) -> String {
    let wanted = or_zero(joined(i32::from(polled.events as u16), POLL));
    match polled.returned {
        0 => format!("{{{}, {wanted}}}", polled.descriptor),
        come => {
            let come = or_zero(joined(i32::from(come as u16), POLL));
            format!("{{{}, {wanted} -> {come}}}", polled.descriptor)
        }
    }
}

/// Returns the status of a child, as wait(2) describes it.
pub(crate) fn wait_status(status: u32) -> String {
    let status = status as i32;
    if WIFEXITED(status) {
        return format!("[exit {}]", WEXITSTATUS(status));
    }
    match WIFSIGNALED(status) {
        true => format!("[{}]", Signal(WTERMSIG(status))),
        false => format!("[{status:#x}]"),
    }
}

/// Returns a time with the unit that suits it.
pub(crate) fn time(nanoseconds: u64) -> String {
    let scaled = |unit: f64| (nanoseconds as f64 / unit * 1000.0).round() / 1000.0;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{} µs", scaled(1e3)),
        1_000_000..1_000_000_000 => format!("{} ms", scaled(1e6)),
        _ => format!("{} s", scaled(1e9)),
    }
}

const FCNTL_COMMANDS: &[(i32, &str)] = &[
    (F_DUPFD, "F_DUPFD"),
    (F_GETFD, "F_GETFD"),
    (F_SETFD, "F_SETFD"),
    (F_GETFL, "F_GETFL"),
    (F_SETFL, "F_SETFL"),
    (F_GETLK, "F_GETLK"),
    (F_SETLK, "F_SETLK"),
    (F_SETLKW, "F_SETLKW"),
    (F_OFD_GETLK, "F_OFD_GETLK"),
    (F_OFD_SETLK, "F_OFD_SETLK"),
    (F_OFD_SETLKW, "F_OFD_SETLKW"),
    (F_SETPIPE_SZ, "F_SETPIPE_SZ"),
    (F_GETPIPE_SZ, "F_GETPIPE_SZ"),
    (F_GET_SEALS, "F_GET_SEALS"),
    (F_ADD_SEALS, "F_ADD_SEALS"),
    (F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC"),
];

const EPOLL_OPERATIONS: &[(i32, &str)] = &[
    (EPOLL_CTL_ADD, "ADD"),
    (EPOLL_CTL_DEL, "DEL"),
    (EPOLL_CTL_MOD, "MOD"),
];

const FUTEX_OPERATIONS: &[(i32, &str)] = &[
    (FUTEX_WAIT, "WAIT"),
    (FUTEX_WAKE, "WAKE"),
    (FUTEX_REQUEUE, "REQUEUE"),
    (FUTEX_CMP_REQUEUE, "CMP_REQUEUE"),
    (FUTEX_WAKE_OP, "WAKE_OP"),
    (FUTEX_LOCK_PI, "LOCK_PI"),
    (FUTEX_UNLOCK_PI, "UNLOCK_PI"),
    (FUTEX_TRYLOCK_PI, "TRYLOCK_PI"),
    (FUTEX_WAIT_BITSET, "WAIT_BITSET"),
    (FUTEX_WAKE_BITSET, "WAKE_BITSET"),
];

fn named(value: i32, names: &[(i32, &str)]) -> String {
    let name = names.iter().find(|(known, _)| *known == value);
    name.map_or_else(|| value.to_string(), |(_, name)| (*name).to_owned())
}

/// Whether a futex is private to its process, and which clock it waits by, does
/// not matter to the reader.
pub(crate) fn futex_operation(value: i32) -> String {
    named(
        value & !(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME),
        FUTEX_OPERATIONS,
    )
}

pub(crate) fn flock_operation(value: i32) -> String {
    let names = [
        (LOCK_SH, "LOCK_SH"),
        (LOCK_EX, "LOCK_EX"),
        (LOCK_UN, "LOCK_UN"),
    ];
    let operation = named(value & !LOCK_NB, &names);
    match value & LOCK_NB {
        0 => operation,
        _ => format!("{operation}|LOCK_NB"),
    }
}

/// The command of fcntl(2).
pub(crate) fn fcntl_command(value: i32) -> String {
    named(value, FCNTL_COMMANDS)
}

/// The operation of epoll_ctl(2).
pub(crate) fn epoll_operation(value: i32) -> String {
    named(value, EPOLL_OPERATIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_names() {
        assert_eq!(open_flags(0x42), "O_RDWR|O_CREAT");
        assert_eq!(open_flags(0x8000), "O_RDONLY");
        assert_eq!(map_flags(0x21), "MAP_SHARED|MAP_ANONYMOUS");
        assert_eq!(socket_type(1 | SOCK_CLOEXEC), "SOCK_STREAM|SOCK_CLOEXEC");
        assert_eq!(get_flags(0o1600), "IPC_CREAT|0600");
        assert_eq!(mode(0o10600), "S_IFIFO|0600");
    }

    #[test]
    fn data_is_cut_between_escapes() {
        let bytes = Bytes {
            shown: "ab\\x00\\n".to_owned(),
            length: 4,
            cut: false,
        };
        let shown = |room| data(&bytes, room);
        assert_eq!(shown(99), "\"ab\\x00\\n\"");
        assert_eq!(shown(7), "\"ab\\x00\"…");
        assert_eq!(shown(6), "\"ab\\x00\"…");
        assert_eq!(shown(5), "\"ab\"…");
        assert_eq!(shown(3), "\"ab\"…");
        assert_eq!(shown(1), "\"a\"…");
    }

    #[test]
    fn structures_are_spelled_out() {
        assert_eq!(lock(1, 0, 0, 0), "{F_WRLCK}");
        assert_eq!(lock(0, 0, 8, 4), "{F_RDLCK, 8..12}");
        let operation = SemaphoreOperation {
            number: 0,
            change: -1,
            flags: SEM_UNDO as i16,
        };
        assert_eq!(semaphore(&operation), "{0, -1, SEM_UNDO}");
        assert_eq!(wait_status(0x100), "[exit 1]");
        assert_eq!(wait_status(13), "[SIGPIPE]");
        assert_eq!(time(20_000_000), "20 ms");
        assert_eq!(time(1_500_000_000), "1.5 s");
    }
}
