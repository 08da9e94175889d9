//! Reaching the open files of other processes.

use super::Tid;
use crate::taken::Taken;
use nix::unistd::{Whence, lseek};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

/// Type of the file behind a descriptor, as far as transfers are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    /// A pipe or FIFO: any number of bytes may move, and up to PIPE_BUF go in at once (pipe(7)).
    Pipe,
    /// A stream socket: any number of bytes may move.
    Stream,
    /// A socket of messages: each moves whole.
    Datagram,
    /// A file on a disk.
    Regular,
    /// Terminals, counters, timers, …
    Other,
}

/// Returns the type of the file behind a descriptor.
pub fn file_type(file: &OwnedFd) -> FileType {
    use nix::sys::socket::{SockType, getsockopt, sockopt};
    use nix::sys::stat::{SFlag, fstat};
    let mode = fstat(file).map_or(0, |stat| stat.st_mode);
    match SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFIFO => FileType::Pipe,
        SFlag::S_IFREG => FileType::Regular,
        SFlag::S_IFSOCK => match getsockopt(file, sockopt::SockType) {
            Ok(SockType::Stream) => FileType::Stream,
            _ => FileType::Datagram,
        },
        _ => FileType::Other,
    }
}

/// Tells whether a file can lack room, or be broken, on a disk. Message queues have the type of
/// such files (mq_overview(7), "Mounting the message queue filesystem").
pub fn is_on_disk(file: &OwnedFd) -> bool {
    use nix::sys::statfs::{FsType, fstatfs};
    /// `MQUEUE_MAGIC` of ipc/mqueue.c.
    const QUEUES: FsType = FsType(0x1980_0202);
    file_type(file) == FileType::Regular
        && fstatfs(file).is_ok_and(|system| system.filesystem_type() != QUEUES)
}

/// Tells whether operations on it return EAGAIN instead of waiting.
pub fn is_non_blocking(file: &OwnedFd) -> bool {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    fcntl(file, FcntlArg::F_GETFL)
        .is_ok_and(|flags| OFlag::from_bits_truncate(flags).contains(OFlag::O_NONBLOCK))
}

/// Gives a pipe or socket the smallest buffer that the kernel allows. Other files
/// have none, and are left alone.
pub fn shrink(file: &OwnedFd) {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::sys::socket::{setsockopt, sockopt};
    // One page is the least that a pipe can have; it stays as it is if it holds
    // more than that already.
    if fcntl(file, FcntlArg::F_SETPIPE_SZ(4096)).is_err() {
        // Raised to the kernel's minimum (socket(7)).
        let _ = setsockopt(file, sockopt::SndBuf, &1);
    }
}

/// Gives a pipe at least the capacity that pipes have by default. The kernel makes smaller ones
/// for a user with many pipes (`pipe-user-pages-soft` in pipe(7)), which only a privileged
/// process may enlarge.
pub fn enlarge(file: &OwnedFd) {
    use nix::fcntl::{FcntlArg, fcntl};
    const USUAL: i32 = 65_536;
    if fcntl(file, FcntlArg::F_GETPIPE_SZ).is_ok_and(|size| size < USUAL) {
        let _ = fcntl(file, FcntlArg::F_SETPIPE_SZ(USUAL));
    }
}

/// Returns the file behind a descriptor, as `/proc` shows it: a path, or `pipe:[…]`,
/// `socket:[…]`.
pub fn target(process: Tid, descriptor: u64) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{process}/fd/{descriptor}")).ok()
}

/// Returns the working directory of a process, by its path there.
pub fn working_directory(process: Tid) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{process}/cwd")).ok()
}

/// Returns the program that a process executes, by its path there.
pub fn executable(process: Tid) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{process}/exe")).ok()
}

/// Numbers of a process's open descriptors.
pub fn numbers(process: Tid) -> Vec<u64> {
    let Ok(directory) = std::fs::read_dir(format!("/proc/{process}/fd")) else {
        return Vec::new();
    };
    let numbers = directory.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// Returns the position of an open file.
pub fn position(process: Tid, descriptor: u64) -> u64 {
    let info = info(process, descriptor);
    let position = info.lines().find_map(|line| line.strip_prefix("pos:"));
    position
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

/// Returns the descriptors of a process: of each its number, and a line with what it leads
/// to, its position and its flags. Sockets and pipes are not told from one another.
pub fn all(process: Tid) -> io::Result<Vec<(i32, String)>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{process}/fd"))? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let target = target(process, number as u64).unwrap_or_default();
        let target = target.to_string_lossy();
        // `socket:[1234]`
        let kind = target.split(":[").next().unwrap_or_default();
        let info = std::fs::read_to_string(format!("/proc/{process}/fdinfo/{number}"));
        let info = info.unwrap_or_default();
        let mut lines = info.lines();
        let (position, flags) = (lines.next(), lines.next());
        all.push((number, format!("{kind} {position:?} {flags:?}")));
    }
    all.sort_unstable();
    Ok(all)
}

/// Returns whether a descriptor leads to a regular file or a directory.
pub fn is_plain_file(process: Tid, descriptor: u64) -> bool {
    std::fs::metadata(format!("/proc/{process}/fd/{descriptor}"))
        .is_ok_and(|data| data.is_file() || data.is_dir())
}

/// Tells whether reading from a descriptor may wait for another process: it leads to
/// anything but a file, a directory or a device.
pub fn may_wait(process: Tid, descriptor: u64) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let file = std::fs::metadata(format!("/proc/{process}/fd/{descriptor}"));
    file.is_ok_and(|file| {
        let kind = file.file_type();
        !(kind.is_file() || kind.is_dir() || kind.is_char_device() || kind.is_block_device())
    })
}

/// Returns the identity of a socket or eventfd, at which waiters are not queued.
pub fn queue_identity(process: Tid, descriptor: u64) -> Option<String> {
    let target = target(process, descriptor)?.to_string_lossy().into_owned();
    if target.starts_with("socket:") {
        return Some(target);
    }
    if target != "anon_inode:[eventfd]" {
        return None;
    }
    let info = info(process, descriptor);
    info.lines()
        .find(|line| line.starts_with("eventfd-id"))
        .map(str::to_owned)
}

/// Tells whether two descriptors are the same open file (kcmp(2)).
pub fn is_same(ours: &OwnedFd, process: Tid, descriptor: u64) -> bool {
    const KCMP_FILE: i32 = 0;
    let me = std::process::id();
    let ours = ours.as_raw_fd();
    // SAFETY: kcmp takes its arguments by value.
    let order = unsafe { libc::syscall(libc::SYS_kcmp, me, process, KCMP_FILE, ours, descriptor) };
    order == 0
}

/// Makes a timer descriptor readable now, and returns when it is.
pub fn expire_timer(file: &OwnedFd) -> io::Result<()> {
    /// `_IOW('T', 0, __u64)` of linux/timerfd.h.
    const TFD_IOC_SET_TICKS: libc::Ioctl = 0x4008_5400;
    let once = 1u64;
    // At once, where the kernel has the request (timerfd_create(2), TFD_IOC_SET_TICKS).
    // SAFETY: the kernel reads one unsigned 64-bit integer.
    match unsafe { libc::ioctl(file.as_raw_fd(), TFD_IOC_SET_TICKS, &raw const once) } {
        0 => Ok(()),
        _ => expire_soon(file),
    }
}

/// Lets a timer descriptor expire in a nanosecond.
fn expire_soon(file: &OwnedFd) -> io::Result<()> {
    let spec = libc::itimerspec {
        it_interval: libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        },
        it_value: libc::timespec {
            tv_sec: 0,
            tv_nsec: 1,
        },
    };
    // SAFETY: the kernel reads one itimerspec.
    let set = unsafe {
        libc::timerfd_settime(file.as_raw_fd(), 0, &raw const spec, std::ptr::null_mut())
    };
    if set != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut poll = libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // A reader that was waiting may take the expiry before this thread sees it.
    const MOST: i32 = 2;
    // SAFETY: the kernel reads and writes one pollfd.
    unsafe { libc::poll(&raw mut poll, 1, MOST) };
    Ok(())
}

/// Makes a timer descriptor expire never.
pub fn disarm_timer(file: &OwnedFd) {
    // SAFETY: itimerspec is plain integers, for which zero is a value.
    let spec: libc::itimerspec = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel reads one itimerspec.
    unsafe { libc::timerfd_settime(file.as_raw_fd(), 0, &raw const spec, std::ptr::null_mut()) };
}

/// Bytes in a pipe and its capacity.
pub fn pipe_fill(file: &OwnedFd) -> Option<(i32, i32)> {
    use nix::fcntl::{FcntlArg, fcntl};
    let capacity = fcntl(file, FcntlArg::F_GETPIPE_SZ).ok()?;
    let mut held = 0;
    // SAFETY: FIONREAD writes one int.
    match unsafe { libc::ioctl(file.as_raw_fd(), libc::FIONREAD, &raw mut held) } {
        0 => Some((held, capacity)),
        _ => None,
    }
}

/// Returns a socket in words: its family and the name it has or is connected to.
pub fn describe_socket(file: &OwnedFd) -> String {
    use nix::sys::socket::{SockaddrStorage, getpeername, getsockname};
    let named = |name: nix::Result<SockaddrStorage>| {
        let text = name.ok()?.to_string();
        (!text.is_empty() && !text.contains("unnamed")).then_some(text)
    };
    let name =
        named(getsockname(file.as_raw_fd())).or_else(|| named(getpeername(file.as_raw_fd())));
    match name {
        Some(name) => format!("socket {name}"),
        None => "socket".to_owned(),
    }
}

/// Returns the process at the other end of a Unix socket (`SO_PEERCRED`, unix(7)).
pub fn peer_process(file: &OwnedFd) -> Option<Tid> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    getsockopt(file, PeerCredentials)
        .ok()
        .map(|peer| peer.pid())
        .filter(|pid| *pid > 0)
}

fn info(process: Tid, descriptor: u64) -> String {
    std::fs::read_to_string(format!("/proc/{process}/fdinfo/{descriptor}")).unwrap_or_default()
}

/// Tells whether a process has `path` open, in a mode that includes `mode`.
pub fn holds(process: Tid, path: &str, mode: Option<i32>) -> bool {
    let fits = |descriptor: &u64| {
        let info = info(process, *descriptor);
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|text| i32::from_str_radix(text.trim(), 8).ok());
        match (mode, flags.map(|flags| flags & libc::O_ACCMODE)) {
            (Some(mode), Some(has)) => has == mode || has == libc::O_RDWR,
            _ => true,
        }
    };
    let is_it =
        |descriptor: &u64| target(process, *descriptor).is_some_and(|t| t.as_os_str() == path);
    numbers(process).iter().any(|d| is_it(d) && fits(d))
}

/// Tells whether a process holds a lock on `path`.
pub fn holds_lock(process: Tid, path: &str) -> bool {
    numbers(process).iter().any(|descriptor| {
        target(process, *descriptor).is_some_and(|t| t.as_os_str() == path)
            && info(process, *descriptor)
                .lines()
                .any(|line| line.starts_with("lock:"))
    })
}

/// Returns the number of a process's open descriptors.
pub fn number(process: Tid) -> usize {
    numbers(process).len()
}

/// A descriptor of a file that has a position, as another process may have one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub number: u64,
    /// Another descriptor that leads to the same open file, so that they share a position.
    pub shared_with: Option<u64>,
    /// How it was opened, and the status flags (open(2)), with `O_CLOEXEC` if it is closed at an
    /// exec.
    pub flags: i32,
    /// Where it stands.
    pub position: i64,
}

/// Returns the descriptors, besides standard input, output and error, of a process's files that
/// have a position. The process stands still.
pub fn opened(process: Tid) -> Vec<Opened> {
    let mut files: Vec<(Taken, Opened)> = Vec::new();
    for number in numbers(process).into_iter().filter(|one| *one > 2) {
        let Ok(file) = Taken::from(process, number as i32) else {
            continue;
        };
        let Ok(position) = lseek(&file, 0, Whence::SeekCur) else {
            continue;
        };
        let shares = |(other, _): &&(Taken, Opened)| share_position(&file, other, position);
        let opened = Opened {
            number,
            shared_with: files.iter().find(shares).map(|(_, one)| one.number),
            flags: flags(process, number),
            position,
        };
        files.push((file, opened));
    }
    files.into_iter().map(|(_, opened)| opened).collect()
}

/// Tells whether two descriptors lead to the same open file, of which this is the position.
fn share_position(file: &OwnedFd, other: &OwnedFd, position: i64) -> bool {
    let place = |file: &OwnedFd| lseek(file, 0, Whence::SeekCur).ok();
    let is_same_file = match (nix::sys::stat::fstat(file), nix::sys::stat::fstat(other)) {
        (Ok(one), Ok(two)) => (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino),
        _ => false,
    };
    if !is_same_file || place(other) != Some(position) {
        return false;
    }
    // kcmp(2) would tell, but not every kernel has it.
    let moved = lseek(file, position ^ 1, Whence::SeekSet).ok();
    let follows = moved.is_some() && place(other) == moved;
    let _ = lseek(file, position, Whence::SeekSet);
    follows
}

/// Returns the flags of a descriptor (proc_pid_fdinfo(5)).
fn flags(process: Tid, number: u64) -> i32 {
    let text = info(process, number);
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.map_or(0, |flags| i32::from_str_radix(flags.trim(), 8).unwrap_or(0))
}

/// Locks a file as flock(2) does unless that would have to wait. Returns whether it has.
pub fn lock_at_once(file: &OwnedFd, operation: i32) -> bool {
    // SAFETY: no memory is involved.
    unsafe { libc::flock(file.as_raw_fd(), operation | libc::LOCK_NB) == 0 }
}

/// Returns the process that holds a record lock which the request at address `request` of
/// a task conflicts with (fcntl(2), F_GETLK).
pub fn record_lock_holder(process: Tid, tid: Tid, descriptor: i32, request: u64) -> Option<Tid> {
    const SIZE: usize = size_of::<libc::flock>();
    let bytes: [u8; SIZE] = super::memory::read_exact(tid, request).ok()?;
    // SAFETY: flock is plain integers, for which every bit pattern is a value.
    let mut lock: libc::flock = unsafe { std::mem::transmute(bytes) };
    let file = Taken::from(process, descriptor).ok()?;
    // SAFETY: the kernel reads and writes one flock.
    let asked = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut lock) };
    let held = asked == 0 && i32::from(lock.l_type) != libc::F_UNLCK;
    // Its own lock, asked for by the harness, looks like another's.
    (held && lock.l_pid != process).then_some(lock.l_pid)
}

/// Tells whether it is an Internet socket without a port.
pub fn needs_port(socket: &OwnedFd) -> bool {
    use nix::sys::socket::{SockaddrStorage, getsockname};
    let Ok(name) = getsockname::<SockaddrStorage>(socket.as_raw_fd()) else {
        return false;
    };
    let v4 = name.as_sockaddr_in().map(|address| address.port());
    let v6 = name.as_sockaddr_in6().map(|address| address.port());
    v4.or(v6) == Some(0)
}

/// Binds an Internet socket to a port of every address.
pub fn bind_any(socket: &OwnedFd, port: u16) {
    use nix::sys::socket::{SockaddrIn, SockaddrIn6, SockaddrStorage, bind, getsockname};
    use std::net::{Ipv6Addr, SocketAddrV6};
    let fd = socket.as_raw_fd();
    let is_v6 =
        getsockname::<SockaddrStorage>(fd).is_ok_and(|name| name.as_sockaddr_in6().is_some());
    // Where this fails, the program's own call fails or finds a port for itself.
    let _ = match is_v6 {
        true => {
            let any = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0);
            bind(fd, &SockaddrIn6::from(any))
        }
        false => bind(fd, &SockaddrIn::new(0, 0, 0, 0, port)),
    };
}

/// A descriptor that an epoll instance watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// Its number, as it was when the instance was told of it.
    pub number: u64,
    /// What it is watched for, and how (epoll_ctl(2), `events`).
    pub events: u32,
    /// What its events are told with (epoll_ctl(2), `epoll_data_t`).
    pub data: u64,
}

/// Returns the descriptors that an epoll instance watches (proc_pid_fdinfo(5), `tfd`).
pub fn watched_by_epoll(process: Tid, descriptor: u64) -> Option<Vec<Watched>> {
    let text = std::fs::read_to_string(format!("/proc/{process}/fdinfo/{descriptor}")).ok()?;
    let lines = text.lines().filter(|line| line.starts_with("tfd:"));
    lines.map(watched).collect()
}

/// Reads a line of the kind `tfd: 5 events: 19 data: 5 pos:0 ino:61 sdev:7`.
fn watched(line: &str) -> Option<Watched> {
    let mut words = line.split_whitespace();
    let mut after = |name| words.by_ref().skip_while(|word| *word != name).nth(1);
    Some(Watched {
        number: after("tfd:")?.parse().ok()?,
        events: u32::from_str_radix(after("events:")?, 16).ok()?,
        data: u64::from_str_radix(after("data:")?, 16).ok()?,
    })
}
