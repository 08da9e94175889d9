//! The mounts and descriptors of process 1: building the room and clearing it.
//! Nothing here allocates (see [`super::raw`]).

use std::ffi::{CStr, CString, c_int};

use super::arena::{
    Arena, Cover, IN_MQUEUE, IN_SHM, MAX_COVERS, NameWriter, ResetAnswer, ResetRequest, ResetStage,
    SetUpReport, Step,
};
use super::raw::{self, Errno, Fd, Text};
use super::sweep::{self, Sweep};
use super::sysv;

/// What process 1 needs to know, made before it is cloned.
pub(super) struct Plan {
    pub arena: Arena,
    /// Process 1's end of the socket.
    pub socket: Fd,
    /// The `CLONE_NEW*` flags it was cloned with.
    pub namespaces: c_int,
    pub working_dir: CString,
    /// Not root: programs keep no capability but the one to make ipc namespaces.
    pub reduce_capabilities: bool,
    pub covers: Vec<CoverPlan>,
}

/// A directory that programs may write to without the host noticing.
pub(super) struct CoverPlan {
    pub mount_point: CString,
    /// An empty directory may replace it if it cannot be overlaid.
    pub may_hide: bool,
    /// It contains the working directory.
    pub has_working_dir: bool,
}

#[derive(Clone, Copy)]
struct Covered {
    kind: Cover,
    /// The directory as the host has it.
    lower: Fd,
    /// Where an overlay keeps what is written; -1 for an empty directory.
    upper: Fd,
    /// The directory as programs see it.
    merged: Fd,
    generation: u32,
    /// Permissions and owner that the directory had at first.
    attributes: libc::stat,
}

/// What process 1 holds on to.
pub(super) struct Room {
    in_user_namespace: bool,
    /// A tmpfs that holds the upper directories and the random bytes.
    storage: Fd,
    shm: Fd,
    mqueue: Fd,
    own_ipc: Fd,
    last_pid: Fd,
    covers: [Covered; MAX_COVERS],
}

const STORAGE_OPTIONS: &CStr = c"size=256m,mode=0755";
const SHM_OPTIONS: &CStr = c"size=1g,mode=1777";
/// Every program that opens a random device reads these bytes from the start.
const RANDOM_BYTES: usize = 1 << 20;
const READ_DIR: c_int = libc::O_RDONLY | libc::O_DIRECTORY;

fn fd_path(fd: Fd) -> Text<64> {
    let mut path = Text::of(b"/proc/self/fd/");
    path.push_number(fd as u64);
    path
}

impl Room {
    /// Builds the room; `report` says what could not be had. `None` if nothing
    /// may be mounted without the host seeing it.
    pub(super) fn build(plan: &Plan, report: &mut SetUpReport) -> Option<Room> {
        let private = raw::mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE, None);
        if !report.note(Step::PrivateMounts, private) {
            return None;
        }
        let untouched = Covered {
            kind: Cover::None,
            lower: -1,
            upper: -1,
            merged: -1,
            generation: 0,
            // SAFETY: all zeroes is a valid `stat`.
            attributes: unsafe { std::mem::zeroed() },
        };
        let mut room = Room {
            in_user_namespace: plan.namespaces & libc::CLONE_NEWUSER != 0,
            storage: -1,
            shm: -1,
            mqueue: -1,
            own_ipc: -1,
            last_pid: -1,
            covers: [untouched; MAX_COVERS],
        };
        room.open_lowers(plan);
        let hidden = libc::MS_NOSUID | libc::MS_NODEV;
        report.note(
            Step::Proc,
            raw::mount(
                Some(c"proc"),
                c"/proc",
                Some(c"proc"),
                hidden | libc::MS_NOEXEC,
                None,
            ),
        );
        report.note(Step::Storage, room.mount_storage());
        report.note(Step::Random, room.fix_random());
        for index in 0..plan.covers.len().min(MAX_COVERS) {
            room.cover_first(plan, index, report);
        }
        // The storage lies below: mounted there first, it is out of sight now.
        report.note(Step::Shm, room.mount_shm());
        report.note(
            Step::Mqueue,
            raw::mount(
                Some(c"mqueue"),
                c"/dev/mqueue",
                Some(c"mqueue"),
                hidden,
                None,
            ),
        );
        room.mqueue = raw::open(c"/dev/mqueue", READ_DIR).unwrap_or(-1);
        if plan.namespaces & libc::CLONE_NEWNET != 0 {
            report.note(Step::Loopback, raw::loopback_up());
        }
        report.note(Step::FirstPid, room.open_last_pid());
        report.note(Step::IpcPerRun, room.try_ipc_per_run());
        Some(room)
    }

    /// The directories as they are before anything is mounted over them.
    fn open_lowers(&mut self, plan: &Plan) {
        for (cover, wanted) in self.covers.iter_mut().zip(&plan.covers) {
            cover.lower =
                raw::open(&wanted.mount_point, libc::O_PATH | libc::O_DIRECTORY).unwrap_or(-1);
            if let Ok(found) = raw::fstat(cover.lower) {
                cover.attributes = found;
            }
        }
    }

    fn mount_storage(&mut self) -> Result<(), Errno> {
        raw::mount(
            Some(c"crosswire"),
            c"/dev/shm",
            Some(c"tmpfs"),
            libc::MS_NOSUID,
            Some(STORAGE_OPTIONS),
        )?;
        self.storage = raw::open(c"/dev/shm", READ_DIR)?;
        Ok(())
    }

    fn mount_shm(&mut self) -> Result<(), Errno> {
        let flags = libc::MS_NOSUID | libc::MS_NODEV;
        raw::mount(
            Some(c"tmpfs"),
            c"/dev/shm",
            Some(c"tmpfs"),
            flags,
            Some(SHM_OPTIONS),
        )?;
        self.shm = raw::open(c"/dev/shm", READ_DIR)?;
        Ok(())
    }

    /// Puts a file of fixed bytes in the place of the random devices.
    fn fix_random(&mut self) -> Result<(), Errno> {
        let file = raw::openat(
            self.storage,
            c"random",
            libc::O_WRONLY | libc::O_CREAT,
            0o444,
        )?;
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
        let mut source = fd_path(file);
        let mut bind = |device: &CStr| {
            raw::mount(Some(source.c_str()), device, None, libc::MS_BIND, None)?;
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
        self.last_pid = raw::open(c"/proc/sys/kernel/ns_last_pid", libc::O_WRONLY)?;
        self.set_next_pid(2)
    }

    fn set_next_pid(&self, next: i32) -> Result<(), Errno> {
        let mut digits: Text<24> = Text::new();
        digits.push_number(i64::from(next).saturating_sub(1).max(1) as u64);
        raw::pwrite(self.last_pid, digits.bytes()).map(drop)
    }

    fn try_ipc_per_run(&mut self) -> Result<(), Errno> {
        self.own_ipc = raw::open(c"/proc/self/ns/ipc", libc::O_RDONLY)?;
        raw::unshare(libc::CLONE_NEWIPC)?;
        raw::setns(self.own_ipc, libc::CLONE_NEWIPC)
    }

    fn cover_first(&mut self, plan: &Plan, index: usize, report: &mut SetUpReport) {
        let Some(wanted) = plan.covers.get(index) else {
            return;
        };
        let mut outcome = self.cover(wanted, index, Cover::Overlay);
        let error = outcome.err().unwrap_or(0);
        if outcome.is_err() && wanted.may_hide {
            outcome = self.cover(wanted, index, Cover::Empty);
        }
        if outcome.is_err() {
            self.forget(index);
        }
        if let (Some(cover), Some(kind), Some(place)) = (
            self.covers.get(index),
            report.covers.get_mut(index),
            report.cover_errors.get_mut(index),
        ) {
            *kind = cover.kind;
            *place = error;
        }
    }

    fn cover(&mut self, wanted: &CoverPlan, index: usize, kind: Cover) -> Result<(), Errno> {
        let Some(cover) = self.covers.get_mut(index) else {
            return Err(libc::EINVAL);
        };
        cover.generation = cover.generation.wrapping_add(1);
        cover.kind = kind;
        match kind {
            Cover::Overlay => {
                overlay(self.storage, self.in_user_namespace, wanted, index, cover)?;
            }
            _ => raw::mount(
                Some(c"tmpfs"),
                &wanted.mount_point,
                Some(c"tmpfs"),
                libc::MS_NOSUID | libc::MS_NODEV,
                Some(c"size=256m"),
            )?,
        }
        cover.merged = raw::open(&wanted.mount_point, READ_DIR)?;
        if kind == Cover::Empty {
            raw::imitate(cover.merged, c".", &cover.attributes);
        }
        let written = if kind == Cover::Overlay {
            cover.upper
        } else {
            cover.merged
        };
        cover.attributes = raw::fstat(written)?;
        Ok(())
    }

    fn forget(&mut self, index: usize) {
        if let Some(cover) = self.covers.get_mut(index) {
            raw::close(cover.merged);
            raw::close(cover.upper);
            cover.kind = Cover::None;
            cover.merged = -1;
            cover.upper = -1;
        }
    }

    /// Replaces what covers a directory by a new, clean one. Processes that have
    /// it open, or work in it, keep the old one.
    fn renew(&mut self, plan: &Plan, index: usize) -> Result<(), Errno> {
        let Some(wanted) = plan.covers.get(index) else {
            return Ok(());
        };
        let Some(Covered {
            kind, generation, ..
        }) = self.covers.get(index).copied()
        else {
            return Ok(());
        };
        self.forget(index);
        raw::detach(&wanted.mount_point)?;
        if kind == Cover::Overlay {
            sweep::remove_tree(
                self.storage,
                overlay_name(index, generation, b"").c_str(),
                0,
            );
        }
        self.cover(wanted, index, kind)
    }

    /// Lists and clears what is left; see `Sandbox::reset`.
    pub(super) fn reset(&mut self, plan: &Plan, request: &ResetRequest, ipc: Fd) -> ResetAnswer {
        let mut names = NameWriter::new(plan.arena);
        let mut answer = ResetAnswer {
            error: 0,
            failed: ResetStage::None,
            names_bytes: 0,
            sysv_count: 0,
            truncated: false,
            renewed: false,
        };
        if request.sysv || request.mqueue {
            self.clear_ipc(plan.arena, request, ipc, &mut names, &mut answer);
        }
        if self.shm >= 0 && !sweep::is_empty(self.shm) {
            let sweep = Sweep::new(None, self.shm, c"", IN_SHM, &mut names);
            if !sweep.run(self.shm) {
                note(&mut answer, ResetStage::Clear, Err(libc::EBUSY));
            }
        }
        for index in 0..plan.covers.len().min(MAX_COVERS) {
            self.clear_cover(plan, index, request.renew, &mut names, &mut answer);
        }
        if answer.renewed {
            note(
                &mut answer,
                ResetStage::WorkingDir,
                raw::chdir(&plan.working_dir),
            );
        }
        if self.last_pid >= 0 {
            note(
                &mut answer,
                ResetStage::FirstPid,
                self.set_next_pid(request.next_pid),
            );
        }
        answer.names_bytes = names.used as u32;
        answer.truncated |= names.truncated;
        answer
    }

    fn clear_cover(
        &mut self,
        plan: &Plan,
        index: usize,
        renew: bool,
        names: &mut NameWriter,
        answer: &mut ResetAnswer,
    ) {
        let Some(cover) = self.covers.get(index).copied() else {
            return;
        };
        let (lower, written) = match cover.kind {
            Cover::None => return,
            Cover::Overlay => (Some(cover.lower), cover.upper),
            Cover::Empty => (None, cover.merged),
        };
        let unchanged =
            raw::fstat(written).is_ok_and(|now| sweep::same_attributes(&now, &cover.attributes));
        let mut clean = unchanged;
        if !sweep::is_empty(written) {
            let place = index as u8;
            let sweep = Sweep::new(lower, cover.merged, self.opaque_attribute(), place, names);
            clean &= sweep.run(written);
        }
        if !clean || renew {
            note(answer, ResetStage::Cover, self.renew(plan, index));
            answer.renewed |= plan
                .covers
                .get(index)
                .is_some_and(|cover| cover.has_working_dir);
        }
    }

    fn opaque_attribute(&self) -> &'static CStr {
        if self.in_user_namespace {
            c"user.overlay.opaque"
        } else {
            c"trusted.overlay.opaque"
        }
    }

    /// Lists the ipc objects of the namespace `ipc`, or of process 1's own, which
    /// alone needs clearing: others end with their last process.
    fn clear_ipc(
        &mut self,
        arena: Arena,
        request: &ResetRequest,
        ipc: Fd,
        names: &mut NameWriter,
        answer: &mut ResetAnswer,
    ) {
        let foreign = ipc >= 0;
        if foreign
            && !note(
                answer,
                ResetStage::EnterIpc,
                raw::setns(ipc, libc::CLONE_NEWIPC),
            )
        {
            return;
        }
        if request.sysv {
            sysv::each(|record| {
                if arena.put_sysv(answer.sysv_count as usize, record) {
                    answer.sysv_count = answer.sysv_count.wrapping_add(1);
                } else {
                    answer.truncated = true;
                }
                if !foreign {
                    sysv::remove(&record);
                }
            });
        }
        if request.mqueue {
            self.clear_mqueue(foreign, names, answer);
        }
        if foreign {
            note(
                answer,
                ResetStage::LeaveIpc,
                raw::setns(self.own_ipc, libc::CLONE_NEWIPC),
            );
        }
    }

    fn clear_mqueue(&self, foreign: bool, names: &mut NameWriter, answer: &mut ResetAnswer) {
        // A mount of this kind shows the ipc namespace of whoever mounts it.
        let own = !foreign && self.mqueue >= 0;
        let opened = if own {
            Ok(self.mqueue)
        } else {
            raw::floating_mount(c"mqueue")
        };
        match opened {
            Ok(queues) => {
                if !sweep::is_empty(queues) {
                    Sweep::new(None, queues, c"", IN_MQUEUE, names).run(queues);
                }
                if !own {
                    raw::close(queues);
                }
            }
            Err(error) => {
                note(answer, ResetStage::Mqueue, Err(error));
            }
        }
    }
}

fn note(answer: &mut ResetAnswer, stage: ResetStage, outcome: Result<(), Errno>) -> bool {
    if let Err(error) = outcome
        && answer.failed == ResetStage::None
    {
        answer.failed = stage;
        answer.error = error;
    }
    outcome.is_ok()
}

/// The name in the storage of one overlay's directory, or of a part of it.
fn overlay_name(index: usize, generation: u32, part: &[u8]) -> Text<64> {
    let mut name = Text::of(b"c");
    name.push_number(index as u64);
    name.push(b"g");
    name.push_number(generation.into());
    name.push(part);
    name
}

fn overlay(
    storage: Fd,
    in_user_namespace: bool,
    wanted: &CoverPlan,
    index: usize,
    cover: &mut Covered,
) -> Result<(), Errno> {
    if storage < 0 || cover.lower < 0 {
        return Err(libc::ENOENT);
    }
    let part = |name: &[u8]| overlay_name(index, cover.generation, name);
    raw::mkdirat(storage, part(b"").c_str(), 0o755)?;
    raw::mkdirat(storage, part(b"/upper").c_str(), 0o755)?;
    raw::mkdirat(storage, part(b"/work").c_str(), 0o755)?;
    // The root of an overlay has the attributes of its upper directory.
    raw::imitate(storage, part(b"/upper").c_str(), &cover.attributes);

    // Descriptors, because the storage has no path by now, and because a path
    // with ':' or ',' would need quoting.
    let mut options: Text<512> = Text::of(b"lowerdir=");
    options.push(fd_path(cover.lower).bytes());
    for (option, name) in [
        (&b",upperdir="[..], &b"/upper"[..]),
        (b",workdir=", b"/work"),
    ] {
        options.push(option);
        options.push(fd_path(storage).bytes());
        options.push(b"/");
        options.push(part(name).bytes());
    }
    if in_user_namespace {
        // "trusted." attributes are reserved to the initial user namespace.
        options.push(b",userxattr");
    }
    raw::mount(
        Some(c"overlay"),
        &wanted.mount_point,
        Some(c"overlay"),
        0,
        Some(options.c_str()),
    )?;
    cover.upper = raw::openat(storage, part(b"/upper").c_str(), READ_DIR, 0)?;
    Ok(())
}
