//! Mounts and descriptors that process 1 creates at its start. Nothing here allocates
//! (see [`super::raw`]).

use std::ffi::CStr;

use super::overlay::{Overlaid, READ_DIR};
use super::plan::{OverlayPlan, Plan};
use super::raw::{self, Errno, Fd, Text};
use super::shared_block::{MAX_OVERLAYS, OverlayKind, SetUpReport, Step};
use super::{inner, machine};

/// Resources that process 1 holds. Descriptors are -1 if something is missing.
pub(super) struct Room {
    /// A tmpfs that holds the upper directories and the random bytes.
    pub storage: Fd,
    pub shm: Fd,
    /// State of `/dev/shm` when it is empty.
    pub shm_empty: libc::stat,
    /// The queues of process 1's own ipc namespace.
    pub mqueue: Fd,
    pub own_ipc: Fd,
    /// The user namespace of programs.
    pub inner: Fd,
    /// How the host is called when a run begins.
    pub host: libc::utsname,
    pub last_pid: Fd,
    /// On tmpfs, the size of a directory tells how many entries it has.
    pub size_counts: bool,
    pub overlays: [Overlaid; MAX_OVERLAYS],
}

const SHM_OPTIONS: &CStr = c"size=1g,mode=1777";
/// Every program that opens a random device reads these bytes from the start.
const RANDOM_BYTES: usize = 1 << 20;
const HIDDEN: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV;

/// Numbers of processes that are awaited at most. More have hardly been used by what
/// is gone: they belong to templates.
const MOST_AWAITED: i32 = 1024;

/// Number of times that the CPU is yielded to a process that still holds a number. A live
/// process holds it forever.
const PATIENCE: u32 = 50_000;

impl Room {
    /// Builds the room; `report` says what could not be had. `None` if nothing
    /// may be mounted without the host seeing it.
    pub(super) fn build(plan: &Plan, report: &mut SetUpReport) -> Option<Room> {
        let private = raw::mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE, None);
        if !report.note(Step::PrivateMounts, private) {
            return None;
        }
        let mut room = Room {
            storage: -1,
            shm: -1,
            // SAFETY: all zeroes is a valid `stat`.
            shm_empty: unsafe { std::mem::zeroed() },
            mqueue: -1,
            own_ipc: -1,
            inner: -1,
            host: raw::host(),
            last_pid: -1,
            size_counts: false,
            overlays: [Overlaid::NONE; MAX_OVERLAYS],
        };
        for (overlay, wanted) in room.overlays.iter_mut().zip(&plan.overlays) {
            overlay.open_lower(wanted);
        }
        let flags = HIDDEN | libc::MS_NOEXEC;
        report.note(
            Step::Proc,
            raw::mount(Some(c"proc"), c"/proc", Some(c"proc"), flags, None),
        );
        let inner = inner::create(plan);
        room.inner = inner.unwrap_or(-1);
        report.note(Step::Inner, inner.map(drop));
        report.note(Step::Devices, machine::cut_off_devices());
        report.note(Step::Terminals, machine::mount_terminals());
        // While it can still be written.
        report.note(Step::FirstPid, room.open_last_pid());
        report.note(Step::Settings, machine::protect_settings());
        report.note(Step::Storage, room.mount_storage(&plan.storage_options));
        report.note(Step::Random, room.fix_random());
        room.overlay_all(plan, report);
        // The storage was mounted here first; this puts it out of sight.
        report.note(Step::Shm, room.mount_shm());
        report.note(Step::Mqueue, room.mount_mqueue());
        if plan.namespaces & libc::CLONE_NEWNET != 0 {
            report.note(Step::Loopback, raw::loopback_up());
        }
        report.note(Step::IpcPerRun, room.try_ipc_per_run());
        Some(room)
    }

    fn mount_storage(&mut self, options: &CStr) -> Result<(), Errno> {
        let flags = libc::MS_NOSUID;
        let options = Some(options);
        raw::mount(
            Some(c"crosswire"),
            c"/dev/shm",
            Some(c"tmpfs"),
            flags,
            options,
        )?;
        self.storage = raw::open(c"/dev/shm", READ_DIR)?;
        let empty = raw::fstat(self.storage)?;
        raw::mkdirat(self.storage, c"probe", 0o700)?;
        let filled = raw::fstat(self.storage)?;
        raw::unlinkat(self.storage, c"probe", libc::AT_REMOVEDIR)?;
        let again = raw::fstat(self.storage)?;
        self.size_counts = filled.st_size > empty.st_size && again.st_size == empty.st_size;
        Ok(())
    }

    fn overlay_all(&mut self, plan: &Plan, report: &mut SetUpReport) {
        let places = report.overlays.iter_mut().zip(&mut report.overlay_errors);
        let overlays = self.overlays.iter_mut().enumerate().zip(&plan.overlays);
        for (((index, overlay), wanted), (kind, error)) in overlays.zip(places) {
            let outcome = overlay.first(self.storage, plan, wanted, index);
            *kind = overlay.kind;
            *error = outcome.err().unwrap_or(0);
        }
    }

    fn mount_shm(&mut self) -> Result<(), Errno> {
        let options = Some(SHM_OPTIONS);
        raw::mount(Some(c"tmpfs"), c"/dev/shm", Some(c"tmpfs"), HIDDEN, options)?;
        self.shm = raw::open(c"/dev/shm", READ_DIR)?;
        self.shm_empty = raw::fstat(self.shm)?;
        Ok(())
    }

    fn mount_mqueue(&mut self) -> Result<(), Errno> {
        let mounted = raw::mount(
            Some(c"mqueue"),
            c"/dev/mqueue",
            Some(c"mqueue"),
            HIDDEN,
            None,
        );
        // What is at /dev/mqueue otherwise are the queues of the host.
        let opened = match mounted {
            Ok(()) => raw::open(c"/dev/mqueue", READ_DIR),
            Err(_) => raw::floating_mount(c"mqueue"),
        };
        self.mqueue = opened.unwrap_or(-1);
        mounted
    }

    /// Puts a file of fixed bytes in the place of the random devices.
    fn fix_random(&mut self) -> Result<(), Errno> {
        let flags = libc::O_WRONLY | libc::O_CREAT;
        let file = raw::openat(self.storage, c"random", flags, 0o444)?;
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut block = [0_u8; 4096];
        let mut filled = Ok(());
        for _ in 0..RANDOM_BYTES / block.len() {
            for word in block.chunks_exact_mut(8) {
                // Marsaglia's xorshift64 (Journal of Statistical Software 8, 14).
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                for (to, from) in word.iter_mut().zip(state.to_ne_bytes()) {
                    *to = from;
                }
            }
            filled = filled.and(raw::write(file, &block).map(drop));
        }
        let mut source = raw::fd_path(file);
        let mut bind = |device: &CStr| {
            raw::bind(source.c_str(), device)?;
            let read_only = libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY | libc::MS_NOSUID;
            raw::mount(None, device, None, read_only, None)
        };
        let bound = filled
            .and_then(|()| bind(c"/dev/urandom"))
            .and_then(|()| bind(c"/dev/random"));
        raw::close(file);
        bound
    }

    fn open_last_pid(&mut self) -> Result<(), Errno> {
        self.last_pid = raw::open(c"/proc/sys/kernel/ns_last_pid", libc::O_RDWR)?;
        let outcome = self.set_next_pid(2);
        if outcome.is_err() {
            raw::close(self.last_pid);
            self.last_pid = -1;
        }
        outcome
    }

    /// Sets the next pid: the kernel assigns the next free number after the last one
    /// (`/proc/sys/kernel/ns_last_pid`, proc_sys_kernel(5)). A process can be gone, by
    /// all evidence of kill(2) and wait(2), a moment before its number is free.
    pub(super) fn set_next_pid(&self, next: i32) -> Result<(), Errno> {
        for pid in next..=self.last_pid_given().min(next.saturating_add(MOST_AWAITED)) {
            for _ in 0..PATIENCE {
                if !raw::is_taken(self.last_pid, pid) {
                    break;
                }
                raw::yield_now();
            }
        }
        self.give_next_pid(next)
    }

    /// Sets the next pid, or the first free one after it.
    pub(super) fn give_next_pid(&self, next: i32) -> Result<(), Errno> {
        let mut digits: Text<24> = Text::new();
        digits.push_number(i64::from(next).saturating_sub(1).max(1) as u64);
        raw::pwrite(self.last_pid, digits.bytes()).map(drop)
    }

    /// Returns the number that was given out last.
    fn last_pid_given(&self) -> i32 {
        let mut digits = [0_u8; 16];
        let count = raw::pread(self.last_pid, &mut digits).unwrap_or(0);
        let digits = digits
            .iter()
            .take(count)
            .take_while(|byte| byte.is_ascii_digit());
        digits.fold(0_i32, |number, byte| {
            number
                .wrapping_mul(10)
                .wrapping_add(i32::from(byte.wrapping_sub(b'0')))
        })
    }

    fn try_ipc_per_run(&mut self) -> Result<(), Errno> {
        self.own_ipc = raw::open(c"/proc/self/ns/ipc", libc::O_RDONLY)?;
        raw::unshare(libc::CLONE_NEWIPC)?;
        raw::setns(self.own_ipc, libc::CLONE_NEWIPC)
    }
}

/// State of a overlaid directory at the start.
impl Overlaid {
    /// Opens the directory before anything is mounted over it.
    fn open_lower(&mut self, wanted: &OverlayPlan) {
        self.lower = raw::open(&wanted.mount_point, libc::O_PATH | libc::O_DIRECTORY).unwrap_or(-1);
        if let Ok(found) = raw::fstat(self.lower) {
            self.empty = found;
        }
    }

    /// Overlays the directory in the best way that works; the error is that of the
    /// overlay.
    fn first(
        &mut self,
        storage: Fd,
        plan: &Plan,
        wanted: &OverlayPlan,
        index: usize,
    ) -> Result<(), Errno> {
        let mut outcome = self.mount(OverlayKind::Overlay, storage, plan, wanted, index);
        let overlay = outcome;
        if outcome.is_err() && wanted.may_hide {
            outcome = self.mount(OverlayKind::Empty, storage, plan, wanted, index);
        }
        if outcome.is_err() {
            self.close();
            self.kind = OverlayKind::None;
        }
        overlay
    }
}
