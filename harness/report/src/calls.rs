//! System calls as one reads them: `write(4, …, 16) = 16`.

use super::arguments::{self, Kind};
use super::decode;
use super::escape::escape;
use crosswire_model::{Call, Content, Errno, Signal};

/// A call to be described.
pub(super) struct Telling<'a> {
    pub call: Call,
    pub args: &'a [u64; 6],
    pub path: Option<&'a str>,
    /// Data behind its pointers, by argument.
    pub contents: &'a [(u8, &'a Content)],
    /// Objects behind its descriptors, by argument.
    pub behind: &'a [(u8, &'a str)],
}

/// Space for the parts that may be long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Characters of a path. Its end is shown, since that tells more than its
    /// beginning.
    pub path: usize,
    /// Characters of data.
    pub data: usize,
    /// True if objects behind descriptors are named.
    pub names: bool,
}

/// Returns a call with its arguments.
pub(super) fn call(told: &Telling<'_>, room: Room) -> String {
    let Telling { call, args, .. } = told;
    // Where a child's status will be stored says nothing.
    let is_wait = call.name() == Some("wait4");
    let path = told
        .path
        .map(|path| format!("\"{}\"", ending(&escape(path), room.path)));
    let shown = match arguments::kinds(*call) {
        Some(kinds) => (0..)
            .zip(kinds.iter().zip(*args))
            .take(call.arity(args))
            // Where paths usually start need not be said each time.
            .filter(|(number, (kind, value))| {
                **kind != Kind::Hidden
                    && !(is_wait && *number == 1 && seen(told, 1).is_none())
                    && (**kind != Kind::Fd || **value as u32 as i32 != libc::AT_FDCWD)
            })
            .map(|(number, (kind, &value))| match kind {
                Kind::Memory => memory(told, number, value, room),
                Kind::FcntlArgument => fcntl_argument(told, value, room),
                Kind::OpenFlags if matches!(call.name(), Some("pipe2" | "dup3")) => {
                    decode::descriptor_flags(value as i32)
                }
                Kind::Fd => descriptor(told, number, value, room),
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

fn seen<'a>(told: &Telling<'a>, argument: u8) -> Option<&'a Content> {
    let mut contents = told.contents.iter();
    contents
        .find(|(of, _)| *of == argument)
        .map(|(_, content)| *content)
}

fn memory(told: &Telling<'_>, argument: u8, value: u64, room: Room) -> String {
    match seen(told, argument) {
        Some(Content::Word(status)) if told.call.name() == Some("wait4") => {
            decode::wait_status(*status)
        }
        Some(content) => decode::content(content, room.data),
        None if value == 0 => "NULL".to_owned(),
        None => "…".to_owned(),
    }
}

/// Returns a descriptor, and what is behind it as `strace -y` says it.
fn descriptor(told: &Telling<'_>, argument: u8, value: u64, room: Room) -> String {
    let number = value as u32 as i32;
    let behind = told.behind.iter().find(|(of, _)| *of == argument);
    match behind {
        Some((_, name)) if room.names => {
            format!("{number}<{}>", ending(&escape(name), room.path))
        }
        _ => number.to_string(),
    }
}

pub(super) fn ending(path: &str, room: usize) -> String {
    let length = path.chars().count();
    match length.checked_sub(room.max(1)) {
        None | Some(0) => path.to_owned(),
        Some(excess) => format!("…{}", path.chars().skip(excess + 1).collect::<String>()),
    }
}

/// Describes the result of a call: ` = ` and the value returned.
pub(super) fn came_back(call: Call, value: i64) -> String {
    match value {
        // ERESTARTSYS to ERESTART_RESTARTBLOCK (include/linux/errno.h), which no
        // program sees: a signal comes first, then the call is made again.
        -516..=-512 => " is interrupted and restarted".to_owned(),
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
        Kind::Memory | Kind::Hidden => "…".to_owned(),
        Kind::OpenFlags => decode::open_flags(low),
        Kind::Mode => decode::mode(low),
        Kind::MapFlags => decode::map_flags(low),
        Kind::Family => decode::family(low),
        Kind::SocketType => decode::socket_type(low),
        Kind::Key => decode::key(low),
        Kind::GetFlags => decode::get_flags(low),
        Kind::ControlCommand => decode::control_command(low),
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

/// Locks are described in memory.
fn fcntl_argument(told: &Telling<'_>, value: u64, room: Room) -> String {
    match told.args[1] as u32 as i32 {
        libc::F_GETLK
        | libc::F_SETLK
        | libc::F_SETLKW
        | libc::F_OFD_GETLK
        | libc::F_OFD_SETLK
        | libc::F_OFD_SETLKW => memory(told, 2, value, room),
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

/// Describes the operation of a futex. Omits whether it is private to its process, and
/// the clock of its timeout, which do not matter to the reader.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::Bytes;

    const WIDE: Room = Room {
        path: 100,
        data: 32,
        names: true,
    };

    fn shown_in(room: Room, name: &str, args: [u64; 6], path: Option<&str>) -> String {
        let told = Telling {
            call: name.parse().unwrap(),
            args: &args,
            path,
            contents: &[],
            behind: &[],
        };
        call(&told, room)
    }

    fn shown(name: &str, args: [u64; 6], path: Option<&str>) -> String {
        shown_in(WIDE, name, args, path)
    }

    #[test]
    fn arguments_are_decoded() {
        assert_eq!(
            shown("write", [4, 0x7fff_0000, 16, 0, 0, 0], None),
            "write(4, …, 16)"
        );
        assert_eq!(
            shown("openat", [0xffff_ff9c, 1, 2, 0, 0, 0], Some("/tmp/a\n")),
            "openat(\"/tmp/a\\n\", O_RDWR)"
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
    fn memory_and_descriptors_are_shown_where_they_are_known() {
        let bytes = Content::Bytes(Bytes {
            shown: "one\\n".to_owned(),
            length: 4,
            cut: false,
        });
        let told = Telling {
            call: "write".parse().unwrap(),
            args: &[4, 0x1000, 4, 0, 0, 0],
            path: None,
            contents: &[(1, &bytes)],
            behind: &[(0, "pipe 1")],
        };
        assert_eq!(call(&told, WIDE), "write(4<pipe 1>, \"one\\n\", 4)");
        let narrow = Room {
            data: 2,
            names: false,
            ..WIDE
        };
        assert_eq!(call(&told, narrow), "write(4, \"on\"…, 4)");
    }

    #[test]
    fn of_long_paths_the_end_is_shown() {
        let shown = |path: &str, room: usize| {
            let args = [0xffff_ff9c, 1, 2, 0, 0, 0];
            shown_in(Room { path: room, ..WIDE }, "openat", args, Some(path))
        };
        assert_eq!(shown("/tmp/locks/a", 8), "openat(\"…locks/a\", O_RDWR)");
        assert_eq!(shown("/tmp/a", 6), "openat(\"/tmp/a\", O_RDWR)");
        assert_eq!(shown("/tmp/a", 0), "openat(\"…\", O_RDWR)");
    }

    #[test]
    fn results_are_numbers_or_errors() {
        let read = "read".parse().unwrap();
        assert_eq!(result(read, 16), "16");
        assert_eq!(result(read, -11), "-1 EAGAIN");
        assert_eq!(came_back(read, 16), " = 16");
        assert_eq!(came_back(read, -512), " is interrupted and restarted");
        assert_eq!(result("mmap".parse().unwrap(), 0x1000), "0x1000");
    }
}
