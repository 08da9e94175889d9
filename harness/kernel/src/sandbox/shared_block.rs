//! The memory that the harness and process 1 share.
//!
//! It is mapped before process 1 is cloned, so it has the same address on both
//! sides and pointers stored in it mean the same to both. Access needs no locks:
//! each request and each answer is a message on a socket, and between the two
//! messages exactly one side touches the part concerned. Only the answer of a
//! starting program is read while it may be written; those fields are atomic.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU32};

use super::raw::Errno;

/// Directories that can be overlaid: the working directory, `/tmp`, `/var/tmp`.
pub(super) const MAX_OVERLAYS: usize = 3;
/// Leftover System V objects of one run that can be reported.
pub(super) const MAX_SYSV: usize = 1024;
const NAMES_BYTES: usize = 1 << 20;
/// As much as execve(2) takes with the usual stack limit, and some more.
pub(super) const PROGRAMS_BYTES: usize = 4 << 20;

/// Request to process 1.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Request {
    /// The identity maps are written: build the room.
    SetUp = 1,
    /// Start the program at the given offset in the block.
    Spawn = 2,
    /// List and clear what the last run left.
    Reset = 3,
    /// Let the next process have the given pid.
    NextPid = 4,
    /// Let the harness's user look at the sandbox's files, or no longer.
    Show = 5,
}

pub(super) const MESSAGE_BYTES: usize = 8;

/// Returns a message: the request and, for `Spawn`, the address of the program relative
/// to the block, for `NextPid` the pid, for `Show` 1 or 0.
pub(super) fn message(request: Request, offset: u32) -> [u8; MESSAGE_BYTES] {
    let [a, b, c, d] = (request as u32).to_ne_bytes();
    let [e, f, g, h] = offset.to_ne_bytes();
    [a, b, c, d, e, f, g, h]
}

pub(super) fn parse_message(bytes: [u8; MESSAGE_BYTES]) -> Option<(Request, u32)> {
    let [a, b, c, d, e, f, g, h] = bytes;
    let request = match u32::from_ne_bytes([a, b, c, d]) {
        1 => Request::SetUp,
        2 => Request::Spawn,
        3 => Request::Reset,
        4 => Request::NextPid,
        5 => Request::Show,
        _ => return None,
    };
    Some((request, u32::from_ne_bytes([e, f, g, h])))
}

/// Parts of the room, each with its own outcome.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Step {
    PrivateMounts,
    Proc,
    Storage,
    Shm,
    Mqueue,
    Random,
    Inner,
    Devices,
    Terminals,
    Settings,
    Loopback,
    FirstPid,
    Addresses,
    IpcPerRun,
    Subreaper,
    WorkingDir,
}

pub(super) const STEPS: usize = Step::WorkingDir as usize + 1;

/// Way in which a directory was overlaid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum OverlayKind {
    /// The program writes to the directory of the host.
    None = 0,
    /// An overlay: the host's files are seen, nothing is written to them.
    Overlay = 1,
    /// A private, at first empty directory.
    Empty = 2,
}

/// Result of the set-up of process 1: 0 or an `errno` per part.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct SetUpReport {
    pub steps: [Errno; STEPS],
    pub overlays: [OverlayKind; MAX_OVERLAYS],
    pub overlay_errors: [Errno; MAX_OVERLAYS],
}

/// The request of a reset.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct ResetRequest {
    pub next_pid: i32,
    pub sysv: bool,
    pub mqueue: bool,
    /// Mount the overlays anew even if nothing was written to them.
    pub renew: bool,
}

/// The answer to a reset; the lists themselves are in the parts named.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct ResetAnswer {
    /// 0 or the errno of the first thing that failed, and which.
    pub error: Errno,
    pub failed: ResetStage,
    pub names_bytes: u32,
    pub sysv_count: u32,
    pub truncated: bool,
    pub renewed: bool,
    /// Some overlay was mounted anew.
    pub remounted: bool,
}

/// The parts of a reset that can fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum ResetStage {
    None,
    EnterIpc,
    LeaveIpc,
    Mqueue,
    Clear,
    Overlay,
    HostName,
    WorkingDir,
    FirstPid,
}

/// Directory of a leftover name; overlays are numbered from 0.
pub(super) const IN_SHM: u8 = 100;
/// The name is that of a POSIX message queue.
pub(super) const IN_MQUEUE: u8 = 101;

/// One leftover System V object, as process 1 writes it down.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct SysvRecord {
    pub kind: u32,
    pub id: i32,
    pub key: i32,
    pub creator_pid: i32,
    /// Bytes (queue, memory) or number of semaphores.
    pub size: u64,
    /// Messages (queue) or attachments (memory).
    pub count: u64,
}

/// The stage at which a program is executed, in [`super::SpawnError`].
pub const EXECUTING: &str = "execve";

/// Call at which starting a program failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum SpawnStage {
    Fork = 1,
    Session,
    Capabilities,
    Limits,
    Descriptors,
    NoNewPrivs,
    Filter,
    Execute,
}

impl SpawnStage {
    pub(super) fn name(stage: u32) -> &'static str {
        const NAMES: [&str; 8] = [
            "fork",
            "starting a session",
            "reducing capabilities",
            "setting resource limits",
            "placing descriptors",
            "setting no_new_privs",
            "installing the seccomp filter",
            EXECUTING,
        ];
        NAMES
            .get((stage as usize).wrapping_sub(1))
            .copied()
            .unwrap_or("unknown")
    }
}

/// A resource limit for the program.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct LimitRecord {
    pub resource: u32,
    pub soft: u64,
    pub hard: u64,
}

/// A program to start. All pointers lead into the block.
#[repr(C)]
pub(super) struct ProgramRecord {
    pub path: *const libc::c_char,
    pub argv: *const *const libc::c_char,
    pub envp: *const *const libc::c_char,
    pub filter: *const libc::sock_filter,
    pub filter_len: usize,
    pub limits: *const LimitRecord,
    pub limits_len: usize,
    /// Target numbers of the descriptors that came with the message.
    pub targets: *const i32,
    pub targets_len: usize,
    /// The child's pid in the sandbox, once there is a child.
    pub child: AtomicI32,
    /// The stage that failed, 0 if none has; written after `error`.
    pub failed: AtomicU32,
    pub error: AtomicI32,
}

#[repr(C)]
struct Layout {
    set_up: SetUpReport,
    request: ResetRequest,
    answer: ResetAnswer,
    sysv: [SysvRecord; MAX_SYSV],
    names: [u8; NAMES_BYTES],
    programs: [u64; PROGRAMS_BYTES / 8],
}

/// The mapping. Copies name the same memory; `unmap` ends it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedBlock {
    base: NonNull<Layout>,
}

impl SharedBlock {
    pub(super) fn map() -> Result<Self, Errno> {
        // SAFETY: a new anonymous mapping; it changes nothing that exists.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_of::<Layout>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0));
        }
        // The mapping is zeroed, and zeroes are a valid value of each part.
        NonNull::new(address.cast())
            .map(|base| Self { base })
            .ok_or(libc::ENOMEM)
    }

    /// # Safety
    /// Neither this nor a copy of it is used afterwards by this process.
    pub(super) unsafe fn unmap(self) {
        // SAFETY: the mapping made by `map`, and the caller is its last user.
        unsafe { libc::munmap(self.base.as_ptr().cast(), size_of::<Layout>()) };
    }

    // Each of these parts is touched by one side at a time (see the module), and
    // within a side by one function at a time, so plain copies are sound.

    pub(super) fn set_up(self) -> SetUpReport {
        // SAFETY: mapped, aligned, and only this side uses it now.
        unsafe { (*self.base.as_ptr()).set_up }
    }

    pub(super) fn put_set_up(self, report: SetUpReport) {
        // SAFETY: as in `set_up`.
        unsafe { (*self.base.as_ptr()).set_up = report };
    }

    pub(super) fn request(self) -> ResetRequest {
        // SAFETY: as in `set_up`.
        unsafe { (*self.base.as_ptr()).request }
    }

    pub(super) fn put_request(self, request: ResetRequest) {
        // SAFETY: as in `set_up`.
        unsafe { (*self.base.as_ptr()).request = request };
    }

    pub(super) fn answer(self) -> ResetAnswer {
        // SAFETY: as in `set_up`.
        unsafe { (*self.base.as_ptr()).answer }
    }

    pub(super) fn put_answer(self, answer: ResetAnswer) {
        // SAFETY: as in `set_up`.
        unsafe { (*self.base.as_ptr()).answer = answer };
    }

    pub(super) fn sysv(self, index: usize) -> Option<SysvRecord> {
        // SAFETY: `index` is checked; otherwise as in `set_up`.
        (index < MAX_SYSV).then(|| unsafe {
            *(&raw const (*self.base.as_ptr()).sysv)
                .cast::<SysvRecord>()
                .add(index)
        })
    }

    pub(super) fn put_sysv(self, index: usize, record: SysvRecord) -> bool {
        if index >= MAX_SYSV {
            return false;
        }
        // SAFETY: `index` is checked; otherwise as in `set_up`.
        unsafe {
            *(&raw mut (*self.base.as_ptr()).sysv)
                .cast::<SysvRecord>()
                .add(index) = record
        };
        true
    }

    /// Writes `bytes` at `at` of the names; false if they do not fit.
    pub(super) fn put_name(self, at: usize, bytes: &[u8]) -> bool {
        if at.saturating_add(bytes.len()) > NAMES_BYTES {
            return false;
        }
        // SAFETY: the range was checked; otherwise as in `set_up`.
        unsafe {
            let names = (&raw mut (*self.base.as_ptr()).names).cast::<u8>();
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), names.add(at), bytes.len());
        }
        true
    }

    /// Returns the first `length` bytes of the names.
    pub(super) fn names(self, length: usize) -> Vec<u8> {
        let mut copy = vec![0; length.min(NAMES_BYTES)];
        // SAFETY: in bounds; otherwise as in `set_up`.
        unsafe {
            let names = (&raw const (*self.base.as_ptr()).names).cast::<u8>();
            std::ptr::copy_nonoverlapping(names, copy.as_mut_ptr(), copy.len());
        }
        copy
    }

    /// Returns the start of the part for programs, aligned to 8 and `PROGRAMS_BYTES`
    /// long.
    pub(super) fn programs(self) -> *mut u8 {
        // SAFETY: only the address is taken.
        unsafe { (&raw mut (*self.base.as_ptr()).programs).cast() }
    }

    /// Returns the program whose record lies at `offset` of the programs.
    pub(super) fn program(self, offset: u32) -> Option<NonNull<ProgramRecord>> {
        let end = (offset as usize).saturating_add(size_of::<ProgramRecord>());
        if end > PROGRAMS_BYTES || !offset.is_multiple_of(8) {
            return None;
        }
        // SAFETY: in bounds, as just checked.
        NonNull::new(unsafe { self.programs().add(offset as usize) }.cast())
    }
}

impl SetUpReport {
    /// Nothing tried yet.
    pub(super) const BLANK: Self = Self {
        steps: [0; STEPS],
        overlays: [OverlayKind::None; MAX_OVERLAYS],
        overlay_errors: [0; MAX_OVERLAYS],
    };

    pub(super) fn note(&mut self, step: Step, outcome: Result<(), Errno>) -> bool {
        if let Some(place) = self.steps.get_mut(step as usize) {
            *place = outcome.err().unwrap_or(0);
        }
        outcome.is_ok()
    }

    pub(super) fn error(&self, step: Step) -> Errno {
        self.steps.get(step as usize).copied().unwrap_or(0)
    }
}
