//! Meaning of the argument registers of calls, as far as a reader of a timeline needs it.

use crosswire_model::Call;

/// Format of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file descriptor; `AT_FDCWD` is not shown.
    Fd,
    /// A signed number.
    Int,
    /// An unsigned number of bytes or elements.
    Size,
    /// A set of bits, in hexadecimal.
    Bits,
    /// Memory whose content the trace does not hold.
    Memory,
    /// The path or name that the trace does hold.
    Path,
    /// A signal's number.
    Signal,
    /// An address that is worth knowing.
    Address,
    /// The operation of futex(2).
    FutexOp,
    /// The operation of flock(2).
    FlockOp,
    /// The command of fcntl(2).
    FcntlCommand,
    /// Argument of the fcntl(2) command: a number, or memory for locks.
    FcntlArgument,
    /// The operation of epoll_ctl(2).
    EpollOp,
    /// Flags of open(2).
    OpenFlags,
    /// Permissions of a new file, in octal.
    Mode,
    /// Flags of mmap(2).
    MapFlags,
    /// A socket's family.
    Family,
    /// A socket's type.
    SocketType,
    /// A key of System V.
    Key,
    /// Flags of msgget(2) and its relatives.
    GetFlags,
    /// The command of semctl(2) and its relatives.
    ControlCommand,
    /// Nothing that a reader needs.
    Hidden,
}

use Kind::{
    Address, Bits, ControlCommand, EpollOp, Family, FcntlArgument, FcntlCommand, Fd, FlockOp,
    FutexOp, GetFlags, Hidden, Int, Key, MapFlags, Memory, Mode, OpenFlags, Path, Signal, Size,
    SocketType,
};

/// The arguments of each call that processes communicate by.
const TABLE: &[(&str, &[Kind])] = &[
    // descriptors and files
    ("read", &[Fd, Memory, Size]),
    ("write", &[Fd, Memory, Size]),
    ("pread64", &[Fd, Memory, Size, Int]),
    ("pwrite64", &[Fd, Memory, Size, Int]),
    ("readv", &[Fd, Memory, Size]),
    ("writev", &[Fd, Memory, Size]),
    ("splice", &[Fd, Memory, Fd, Memory, Size, Bits]),
    ("tee", &[Fd, Fd, Size, Bits]),
    ("sendfile", &[Fd, Fd, Memory, Size]),
    ("open", &[Path, OpenFlags]),
    ("openat", &[Fd, Path, OpenFlags]),
    ("creat", &[Path, Mode]),
    ("close", &[Fd]),
    ("dup", &[Fd]),
    ("dup2", &[Fd, Fd]),
    ("dup3", &[Fd, Fd, OpenFlags]),
    ("fcntl", &[Fd, FcntlCommand, FcntlArgument]),
    ("flock", &[Fd, FlockOp]),
    ("ftruncate", &[Fd, Size]),
    ("fsync", &[Fd]),
    ("lseek", &[Fd, Int, Int]),
    ("unlink", &[Path]),
    ("unlinkat", &[Fd, Path]),
    ("rename", &[Memory, Path]),
    ("link", &[Memory, Path]),
    ("access", &[Path]),
    ("stat", &[Path]),
    ("newfstatat", &[Fd, Path]),
    ("renameat2", &[Fd, Memory, Fd, Path, Bits]),
    ("mkdir", &[Path, Mode]),
    ("mknodat", &[Fd, Path, Mode]),
    // pipes, sockets, descriptors that are events
    ("pipe", &[Memory]),
    ("pipe2", &[Memory, OpenFlags]),
    ("socket", &[Family, SocketType]),
    ("socketpair", &[Family, SocketType, Hidden, Memory]),
    ("bind", &[Fd, Path]),
    ("listen", &[Fd, Int]),
    ("accept", &[Fd]),
    ("accept4", &[Fd, Memory, Memory, Bits]),
    ("connect", &[Fd, Path]),
    ("shutdown", &[Fd, Int]),
    ("sendto", &[Fd, Memory, Size, Bits]),
    ("recvfrom", &[Fd, Memory, Size, Bits]),
    ("sendmsg", &[Fd, Memory, Bits]),
    ("recvmsg", &[Fd, Memory, Bits]),
    ("eventfd2", &[Size, Bits]),
    ("timerfd_create", &[Int, Bits]),
    ("timerfd_settime", &[Fd, Bits]),
    ("signalfd4", &[Fd, Memory, Size, Bits]),
    ("poll", &[Memory, Hidden, Int]),
    ("ppoll", &[Memory]),
    ("select", &[Int]),
    ("pselect6", &[Int]),
    ("epoll_create1", &[Bits]),
    ("epoll_ctl", &[Fd, EpollOp, Fd]),
    ("epoll_wait", &[Fd, Memory, Int, Int]),
    ("epoll_pwait", &[Fd, Memory, Int, Int]),
    // System V
    ("msgget", &[Key, GetFlags]),
    ("msgsnd", &[Int, Memory, Size]),
    ("msgrcv", &[Int, Memory, Size, Int]),
    ("msgctl", &[Int, ControlCommand]),
    ("semget", &[Key, Int, GetFlags]),
    ("semop", &[Int, Memory]),
    ("semtimedop", &[Int, Memory]),
    ("semctl", &[Int, Int, ControlCommand, Int]),
    ("shmget", &[Key, Size, GetFlags]),
    ("shmat", &[Int, Address, Bits]),
    ("shmdt", &[Address]),
    ("shmctl", &[Int, ControlCommand]),
    // POSIX queues, shared memory, futexes
    ("mq_open", &[Path, OpenFlags]),
    ("mq_unlink", &[Path]),
    ("mq_timedsend", &[Fd, Memory, Size, Int]),
    ("mq_timedreceive", &[Fd, Memory, Size]),
    ("mq_notify", &[Fd]),
    ("memfd_create", &[Path, Bits]),
    ("mmap", &[Hidden, Size, Hidden, MapFlags, Fd]),
    ("munmap", &[Address, Size]),
    ("futex", &[Address, FutexOp, Int]),
    // processes and signals
    ("kill", &[Int, Signal]),
    ("tkill", &[Int, Signal]),
    ("tgkill", &[Int, Int, Signal]),
    ("rt_sigqueueinfo", &[Int, Signal]),
    ("pidfd_send_signal", &[Fd, Signal]),
    ("pidfd_open", &[Int, Bits]),
    ("rt_sigaction", &[Signal]),
    ("wait4", &[Int, Memory]),
    ("rt_sigsuspend", &[Memory]),
    ("rt_sigtimedwait", &[Memory]),
    ("nanosleep", &[Memory]),
    ("clock_nanosleep", &[Hidden, Hidden, Memory]),
    ("waitid", &[Int, Int]),
    ("execve", &[Path]),
    ("exit", &[Int]),
    ("exit_group", &[Int]),
];

/// Returns the kinds of a call's arguments, if they are known.
pub(super) fn kinds(call: Call) -> Option<&'static [Kind]> {
    let name = call.name()?;
    TABLE
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, kinds)| *kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_row_is_a_call_and_stands_once() {
        for (row, (name, kinds)) in TABLE.iter().enumerate() {
            assert!(name.parse::<Call>().is_ok(), "{name}");
            assert!(kinds.len() <= 6, "{name}");
            assert!(
                TABLE[..row].iter().all(|(other, _)| other != name),
                "{name}"
            );
        }
    }
}
