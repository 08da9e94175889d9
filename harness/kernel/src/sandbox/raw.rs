//! System calls as the sandbox's process 1 may use them.
//!
//! That process is a copy of one thread of a multi-threaded program. Whatever
//! lock another thread held at the moment of the copy stays held forever, so
//! nothing here allocates, locks or panics: every function is a system call
//! (signal-safety(7)), and errors are plain `errno` values.

use crate::loopback;
use std::ffi::{CStr, c_int, c_long, c_uint, c_ulong};
use std::ptr;

/// A value of `errno`.
pub(super) type Errno = c_int;
/// A descriptor that belongs to process 1; it lives as long as the process.
pub(super) type Fd = c_int;

fn check(result: c_long) -> Result<c_long, Errno> {
    if result == -1 {
        // SAFETY: always a valid pointer to this thread's errno.
        Err(unsafe { *libc::__errno_location() })
    } else {
        Ok(result)
    }
}

fn check_int(result: c_int) -> Result<c_int, Errno> {
    check(c_long::from(result)).map(|value| value as c_int)
}

fn pointer_or_null(text: Option<&CStr>) -> *const libc::c_char {
    text.map_or(ptr::null(), CStr::as_ptr)
}

/// Returns the system call `number`.
///
/// # Safety
/// The arguments are what that call expects, pointers included.
pub(super) unsafe fn call(number: c_long, args: [c_ulong; 5]) -> Result<c_long, Errno> {
    // SAFETY: the caller vouches for the arguments.
    check(unsafe { libc::syscall(number, args[0], args[1], args[2], args[3], args[4]) })
}

pub(super) fn openat(dir: Fd, path: &CStr, flags: c_int, mode: c_uint) -> Result<Fd, Errno> {
    // SAFETY: `path` is a string that lives during the call.
    check_int(unsafe { libc::openat(dir, path.as_ptr(), flags | libc::O_CLOEXEC, mode) })
}

pub(super) fn open(path: &CStr, flags: c_int) -> Result<Fd, Errno> {
    openat(libc::AT_FDCWD, path, flags, 0)
}

pub(super) fn close(fd: Fd) {
    if fd >= 0 {
        // SAFETY: a raw descriptor of this process; no `OwnedFd` owns it.
        unsafe { libc::close(fd) };
    }
}

/// Closes the descriptors `first..=last`.
pub(super) fn close_range(first: c_uint, last: c_uint) {
    if first > last {
        return;
    }
    // SAFETY: process 1 owns none of the descriptors it inherited.
    let closed = unsafe { call(libc::SYS_close_range, [first.into(), last.into(), 0, 0, 0]) };
    if closed.is_err() {
        // Linux before 5.9.
        for fd in first..=last.min(65_535) {
            close(fd as Fd);
        }
    }
}

pub(super) fn mkdirat(dir: Fd, path: &CStr, mode: c_uint) -> Result<(), Errno> {
    // SAFETY: `path` is a string that lives during the call.
    check_int(unsafe { libc::mkdirat(dir, path.as_ptr(), mode) }).map(drop)
}

/// Makes what hides a name in the directories below (overlayfs.rst, "whiteouts"). The
/// one device that needs no capability, since Linux 5.8.
pub(super) fn make_whiteout(dir: Fd, path: &CStr) -> Result<(), Errno> {
    // SAFETY: `path` is a string that lives during the call.
    check_int(unsafe { libc::mknodat(dir, path.as_ptr(), libc::S_IFCHR, 0) }).map(drop)
}

pub(super) fn unlinkat(dir: Fd, path: &CStr, flags: c_int) -> Result<(), Errno> {
    // SAFETY: `path` is a string that lives during the call.
    check_int(unsafe { libc::unlinkat(dir, path.as_ptr(), flags) }).map(drop)
}

pub(super) fn rename(from: Fd, old: &CStr, to: Fd, new: &CStr) -> Result<(), Errno> {
    // SAFETY: both names are strings that live during the call.
    check_int(unsafe { libc::renameat(from, old.as_ptr(), to, new.as_ptr()) }).map(drop)
}

/// Gives the file `path` the mode, the times and, where it may, the owner of `model`.
pub(super) fn imitate(dir: Fd, path: &CStr, model: &libc::stat) {
    let time = |tv_sec, tv_nsec| libc::timespec { tv_sec, tv_nsec };
    let times = [
        time(model.st_atime, model.st_atime_nsec),
        time(model.st_mtime, model.st_mtime_nsec),
    ];
    // SAFETY: `path` and `times` live during the calls. A failure is
    // harmless: an unprivileged sandbox cannot name the owner of /tmp.
    unsafe {
        libc::fchownat(
            dir,
            path.as_ptr(),
            model.st_uid,
            model.st_gid,
            libc::AT_SYMLINK_NOFOLLOW,
        );
        libc::fchmodat(dir, path.as_ptr(), model.st_mode & 0o7777, 0);
        libc::utimensat(dir, path.as_ptr(), times.as_ptr(), 0);
    }
}

pub(super) fn fstat(fd: Fd) -> Result<libc::stat, Errno> {
    fstatat(fd, c"", libc::AT_EMPTY_PATH)
}

pub(super) fn fstatat(dir: Fd, path: &CStr, flags: c_int) -> Result<libc::stat, Errno> {
    // SAFETY: all zeroes is a valid `stat`.
    let mut found: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `path` and `found` live during the call.
    check_int(unsafe { libc::fstatat(dir, path.as_ptr(), &mut found, flags) }).map(|_| found)
}

/// Tells whether the open directory has the extended attribute `name`.
pub(super) fn has_attribute(fd: Fd, name: &CStr) -> bool {
    // SAFETY: a null buffer of size 0 only asks for the length.
    unsafe { libc::fgetxattr(fd, name.as_ptr(), ptr::null_mut(), 0) > 0 }
}

pub(super) fn rewind(fd: Fd) {
    // SAFETY: no memory is involved.
    unsafe { libc::lseek(fd, 0, libc::SEEK_SET) };
}

pub(super) fn getdents(fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    let read = unsafe {
        call(
            libc::SYS_getdents64,
            [
                fd as c_ulong,
                buffer.as_mut_ptr() as c_ulong,
                buffer.len() as c_ulong,
                0,
                0,
            ],
        )
    };
    read.map(|bytes| bytes as usize)
}

pub(super) fn read(fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    check(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) } as c_long)
        .map(|read| read as usize)
}

pub(super) fn kill(pid: libc::pid_t) {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

pub(super) fn yield_now() {
    // SAFETY: no memory is involved.
    unsafe { libc::sched_yield() };
}

pub(super) fn write(fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: `bytes` is readable for its length.
    check(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) } as c_long)
        .map(|written| written as usize)
}

pub(super) fn pread(fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    check(unsafe { libc::pread(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) } as c_long)
        .map(|read| read as usize)
}

/// Tells whether the kernel cannot give this number to a new process. The owner of a file
/// need not be alive, but its number must be known (f_setown in fs/fcntl.c): the only
/// call that makes this distinction.
pub(super) fn is_taken(fd: Fd, pid: libc::pid_t) -> bool {
    // SAFETY: no memory is involved.
    unsafe {
        let taken = libc::fcntl(fd, libc::F_SETOWN, pid) == 0;
        if taken {
            libc::fcntl(fd, libc::F_SETOWN, 0);
        }
        taken
    }
}

pub(super) fn pwrite(fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: `bytes` is readable for its length.
    check(unsafe { libc::pwrite(fd, bytes.as_ptr().cast(), bytes.len(), 0) } as c_long)
        .map(|written| written as usize)
}

pub(super) fn mount(
    source: Option<&CStr>,
    target: &CStr,
    kind: Option<&CStr>,
    flags: c_ulong,
    options: Option<&CStr>,
) -> Result<(), Errno> {
    // SAFETY: null or strings that live during the call (mount(2)).
    check_int(unsafe {
        libc::mount(
            pointer_or_null(source),
            target.as_ptr(),
            pointer_or_null(kind),
            flags,
            pointer_or_null(options).cast(),
        )
    })
    .map(drop)
}

/// Shows `source` at `target` as well.
pub(super) fn bind(source: &CStr, target: &CStr) -> Result<(), Errno> {
    mount(Some(source), target, None, libc::MS_BIND, None)
}

/// For [`set_mount`]: all mounts below, too.
pub(super) const RECURSIVE: c_int = 0x8000;
// linux/mount.h
pub(super) const READ_ONLY: u64 = 0x1;
pub(super) const NO_DEVICES: u64 = 0x4;

/// Sets and clears attributes of the mount at `target` (mount_setattr(2), Linux 5.12).
pub(super) fn set_mount(target: &CStr, flags: c_int, set: u64, clear: u64) -> Result<(), Errno> {
    let attributes = [set, clear, 0, 0];
    // SAFETY: a path and a `struct mount_attr` that live during the call.
    unsafe {
        call(
            libc::SYS_mount_setattr,
            [
                libc::AT_FDCWD as c_ulong,
                target.as_ptr() as c_ulong,
                flags as c_ulong,
                attributes.as_ptr() as c_ulong,
                size_of_val(&attributes) as c_ulong,
            ],
        )
    }
    .map(drop)
}

/// Takes away the topmost mount at `target`; processes inside keep it.
pub(super) fn detach(target: &CStr) -> Result<(), Errno> {
    // SAFETY: `target` is a string that lives during the call.
    check_int(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

/// Returns a file system of this kind that is mounted nowhere: the descriptor of its
/// root. Closing it unmounts it (fsopen(2), Linux 5.2).
pub(super) fn floating_mount(kind: &CStr) -> Result<Fd, Errno> {
    const FSCONFIG_CMD_CREATE: c_ulong = 6;
    const CLOEXEC: c_ulong = 1; // FSOPEN_CLOEXEC and FSMOUNT_CLOEXEC
    // SAFETY: `kind` is a string that lives during the call.
    let context = unsafe {
        call(
            libc::SYS_fsopen,
            [kind.as_ptr() as c_ulong, CLOEXEC, 0, 0, 0],
        )
    }? as Fd;
    // SAFETY: no pointers but nulls, which these commands expect.
    let mount = unsafe {
        call(
            libc::SYS_fsconfig,
            [context as c_ulong, FSCONFIG_CMD_CREATE, 0, 0, 0],
        )
        .and_then(|_| call(libc::SYS_fsmount, [context as c_ulong, CLOEXEC, 0, 0, 0]))
    };
    close(context);
    // fsmount(2) gives an O_PATH descriptor, which cannot be read.
    let mount = mount? as Fd;
    let root = openat(mount, c".", libc::O_RDONLY | libc::O_DIRECTORY, 0);
    close(mount);
    root
}

/// Returns the two ends of a pipe, the one to read first.
pub(super) fn pipe() -> Result<(Fd, Fd), Errno> {
    let mut ends = [-1; 2];
    // SAFETY: the kernel writes two descriptors.
    check_int(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok((ends[0], ends[1]))
}

/// Waits until all children of this process have ended. It ignores SIGCHLD, so the kernel
/// reaps them (wait(2)).
pub(super) fn await_children() {
    // SAFETY: a null pointer asks for no status.
    while unsafe { libc::waitpid(-1, ptr::null_mut(), 0) } >= 0 {}
}

/// Returns the name and the domain of the host, as this process sees them.
pub(super) fn host() -> libc::utsname {
    // SAFETY: all zeroes is a valid `utsname`, and the kernel fills it in.
    unsafe {
        let mut host = std::mem::zeroed();
        libc::uname(&mut host);
        host
    }
}

/// Gives the host its name and domain.
pub(super) fn name_host(host: &libc::utsname) -> Result<(), Errno> {
    let length = |name: &[libc::c_char]| name.iter().take_while(|byte| **byte != 0).count();
    let (name, domain) = (&host.nodename, &host.domainname);
    // SAFETY: both are readable for the length given.
    unsafe {
        check_int(libc::sethostname(name.as_ptr(), length(name)))?;
        check_int(libc::setdomainname(domain.as_ptr(), length(domain))).map(drop)
    }
}

pub(super) fn chdir(path: &CStr) -> Result<(), Errno> {
    // SAFETY: `path` is a string that lives during the call.
    check_int(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}

pub(super) fn unshare(flags: c_int) -> Result<(), Errno> {
    // SAFETY: no memory is shared with another thread: process 1 has only one.
    check_int(unsafe { libc::unshare(flags) }).map(drop)
}

pub(super) fn setns(namespace: Fd, kind: c_int) -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    check_int(unsafe { libc::setns(namespace, kind) }).map(drop)
}

pub(super) fn prctl(operation: c_int, args: [c_ulong; 4]) -> Result<c_int, Errno> {
    // SAFETY: used only with operations that take plain numbers (prctl(2)).
    check_int(unsafe { libc::prctl(operation, args[0], args[1], args[2], args[3]) })
}

pub(super) fn umask(mask: libc::mode_t) -> libc::mode_t {
    // SAFETY: cannot fail and touches no memory.
    unsafe { libc::umask(mask) }
}

/// Switches address randomisation off for this process and what it executes, and has
/// the kernel hand out addresses from 0x2aaa_aaaa_b000 upwards, so that there is a lot
/// of room above every mapping.
pub(super) fn fix_addresses() -> Result<(), Errno> {
    const QUERY: c_ulong = 0xffff_ffff;
    // SAFETY: no memory is involved (personality(2)).
    unsafe {
        let now = libc::personality(QUERY);
        check_int(libc::personality(
            now as c_ulong | (libc::ADDR_NO_RANDOMIZE | libc::ADDR_COMPAT_LAYOUT) as c_ulong,
        ))
        .map(drop)
    }
}

/// Switches the loopback interface of this network namespace on (netdevice(7)), and lets
/// nothing on it wait for real time.
pub(super) fn loopback_up() -> Result<(), Errno> {
    // SAFETY: all zeroes is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    // SAFETY: no memory is involved.
    let socket = check_int(unsafe {
        libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0)
    })?;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`.
    let done = check_int(unsafe { libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &request) });
    close(socket);
    done?;
    let (kind, protocol) = (libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_ROUTE);
    // SAFETY: no memory is involved.
    let socket = check_int(unsafe { libc::socket(libc::AF_NETLINK, kind, protocol) })?;
    let sent = write(socket, &loopback::PROMPT_ROUTES);
    close(socket);
    sent.map(drop)
}

/// Ends this process at once, without running anything that was registered.
pub(super) fn exit(status: c_int) -> ! {
    // SAFETY: `_exit` may always be called.
    unsafe { libc::_exit(status) }
}

/// A string of at most `N - 1` bytes, built without allocating.
pub(super) struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    pub(super) fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    pub(super) fn of(text: &[u8]) -> Self {
        let mut new = Self::new();
        new.push(text);
        new
    }

    /// Appends `more`; false, and nothing changed, if there is no room.
    pub(super) fn push(&mut self, more: &[u8]) -> bool {
        let end = self.length.saturating_add(more.len());
        // The byte after the text stays free for the terminator.
        if end >= N {
            return false;
        }
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            for (to, from) in place.iter_mut().zip(more) {
                *to = *from;
            }
        }
        self.length = end;
        true
    }

    pub(super) fn push_number(&mut self, number: u64) -> bool {
        let mut digits = [0_u8; 20];
        let mut rest = number;
        let mut start = digits.len();
        for (place, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            start = place;
            if rest == 0 {
                break;
            }
        }
        self.push(digits.get(start..).unwrap_or(&[]))
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }

    pub(super) fn c_str(&mut self) -> &CStr {
        if let Some(end) = self.bytes.get_mut(self.length) {
            *end = 0;
        }
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"")
    }
}

/// Returns a path to what `fd` names, for calls that take only paths.
pub(super) fn fd_path(fd: Fd) -> Text<64> {
    let mut path = Text::of(b"/proc/self/fd/");
    path.push_number(fd.max(0) as u64);
    path
}
