//! System calls as one reads them: `write(4, …, 16) = 16`.

use crate::escape::escape;
use crate::meaning::arguments;
use crate::meaning::decode;
use crosswire_calls::{Arg, Does, is_file_lock_command};
use crosswire_model::{Call, Content, Errno};

/// A call to be described.
pub(crate) struct Telling<'a> {
    pub call: Call,
    pub args: &'a [u64; 6],
    pub path: Option<&'a str>,
    /// Data behind its pointers, by argument.
    pub contents: &'a [(u8, &'a Content)],
    /// Objects behind its descriptors, by argument.
    pub behind: &'a [(u8, String)],
}

/// Space for the parts that may be long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Characters of a path. Its end is shown, since that tells more than its
    /// beginning.
    pub path: usize,
    /// Characters of data.
    pub data: usize,
    /// True if objects behind descriptors are named.
    pub names: bool,
    /// True if it is said which end of a pipe that is.
    pub ends: bool,
}

/// Returns a call with its arguments.
pub(crate) fn call(told: &Telling<'_>, room: Room) -> String {
    let Telling { call, args, .. } = told;
    let row = call.row();
    let path = told
        .path
        .map(|path| format!("\"{}\"", ending(&escape(path), room.path)));
    if row.shown == 0 {
        let shown = match row.arity(args) {
            0 => String::new(),
            _ => path
                .filter(|path| path != "\"\"")
                .unwrap_or_else(|| "…".to_owned()),
        };
        return format!("{}({shown})", name(*call));
    }
    let own_path = row.path().or(row.socket_address().map(|(at, _)| at));
    let used = row
        .args
        .iter()
        .zip(*args)
        .take(row.shown.min(row.arity(args)));
    let shown: Vec<String> = (0..)
        .zip(used)
        .filter(|(number, (arg, value))| match arg {
            // Where paths usually start need not be said each time.
            Arg::Dir => **value as u32 as i32 != libc::AT_FDCWD,
            // Where a child's status will be stored says nothing.
            Arg::Status => seen(told, *number).is_some(),
            arg => !arguments::is_hidden(**arg),
        })
        .map(|(number, (&arg, &value))| match arg {
            _ if own_path == Some(usize::from(number)) => {
                path.clone().unwrap_or_else(|| "…".to_owned())
            }
            Arg::Fd | Arg::Sink | Arg::Dir => descriptor(told, number, value, room),
            Arg::FcntlArgument if is_file_lock_command(args[1]) => {
                memory(told, number, value, room)
            }
            _ if arguments::is_memory(arg) => memory(told, number, value, room),
            _ => arguments::in_words(arg, value),
        })
        .collect();
    format!("{}({})", name(*call), shown.join(", "))
}

/// Names a call; one that the kernel's headers do not know, by its number.
pub(crate) fn name(call: Call) -> String {
    let shown = call.to_string();
    match shown.strip_prefix("call_") {
        Some(number) => format!("system call {number}"),
        None => shown,
    }
}

fn seen<'a>(told: &Telling<'a>, argument: u8) -> Option<&'a Content> {
    let mut contents = told.contents.iter();
    contents
        .find(|(of, _)| *of == argument)
        .map(|(_, content)| *content)
}

fn memory(told: &Telling<'_>, argument: u8, value: u64, room: Room) -> String {
    match seen(told, argument) {
        Some(Content::Word(status)) if told.call.row().does == Does::WaitChild => {
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

pub(crate) fn ending(path: &str, room: usize) -> String {
    let length = path.chars().count();
    match length.checked_sub(room.max(1)) {
        None | Some(0) => path.to_owned(),
        Some(excess) => format!("…{}", path.chars().skip(excess + 1).collect::<String>()),
    }
}

/// Describes the result of a call: ` = ` and the value returned.
pub(crate) fn came_back(call: Call, value: i64) -> String {
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
        _ if call.row().returns_address() => format!("{value:#x}"),
        _ => value.to_string(),
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
        ends: true,
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
        assert_eq!(shown("call_5000", [1; 6], None), "system call 5000(…)");
        let ioctl = [3, 0x5421, 0x7fff_0000, 0, 0, 0];
        assert_eq!(shown("ioctl", ioctl, None), "ioctl(3, FIONBIO)");
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
            behind: &[(0, "pipe 1".to_owned())],
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
