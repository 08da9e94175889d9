//! Describes programs to process 1.

use nix::sys::resource::{Resource, getrlimit};
use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use nix::errno::Errno;

use super::SandboxError;
use super::shared_block::{LimitRecord, PROGRAMS_BYTES, ProgramRecord, SharedBlock, SpawnStage};

/// A program to run.
#[derive(Debug, Clone)]
pub struct Program {
    /// Absolute, or relative to the working directory; not searched in `PATH`.
    pub path: CString,
    /// Its arguments, its own name first.
    pub argv: Vec<CString>,
    /// Its whole environment, as `NAME=value`.
    pub envp: Vec<CString>,
    /// The seccomp filter that is installed just before execve; none if empty.
    pub filter: Vec<libc::sock_filter>,
    /// Resource limits. Core dumps are off unless they say otherwise.
    pub limits: Vec<Limit>,
}

/// A resource limit (getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// `RLIMIT_...`
    pub resource: u32,
    /// The limit in force.
    pub soft: u64,
    /// Hard limit, up to which the program may raise it.
    pub hard: u64,
}

/// Names a requested start until the next reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpawnTicket {
    pub(super) offset: u32,
    run: u64,
}

/// Reason why a program was not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{stage}: {}", errno.desc())]
pub struct SpawnError {
    /// The call that failed.
    pub stage: &'static str,
    /// Cause of the failure.
    pub errno: Errno,
}

/// The part of the shared block for programs. It fills up during a run and is empty
/// again after a reset: a program's description must stay until its execve.
#[derive(Debug)]
pub(super) struct Programs {
    block: SharedBlock,
    used: usize,
    run: u64,
}

impl Programs {
    pub(super) fn new(block: SharedBlock) -> Self {
        Self {
            block,
            used: 0,
            run: 0,
        }
    }

    pub(super) fn forget(&mut self) {
        self.used = 0;
        self.run += 1;
    }

    pub(super) fn write(
        &mut self,
        program: &Program,
        targets: &[i32],
    ) -> Result<SpawnTicket, SandboxError> {
        let before = self.used;
        let written = self.try_write(program, targets);
        if written.is_none() {
            self.used = before;
        }
        written.ok_or(SandboxError::TooLarge {
            limit: PROGRAMS_BYTES,
        })
    }

    fn try_write(&mut self, program: &Program, targets: &[i32]) -> Option<SpawnTicket> {
        let offset = u32::try_from(self.used).ok()?;
        let record: *mut ProgramRecord = self.reserve(size_of::<ProgramRecord>())?.cast();
        // The same for every user; a program may ask for core files, and gets none.
        let (_, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap_or_default();
        let mut limits = vec![LimitRecord {
            resource: libc::RLIMIT_CORE,
            soft: 0,
            hard,
        }];
        limits.extend(program.limits.iter().map(|limit| LimitRecord {
            resource: limit.resource,
            soft: limit.soft,
            hard: limit.hard,
        }));
        let contents = ProgramRecord {
            path: self.string(&program.path)?,
            argv: self.strings(&program.argv)?,
            envp: self.strings(&program.envp)?,
            filter: self.copy(&program.filter)?,
            filter_len: program.filter.len(),
            limits: self.copy(&limits)?,
            limits_len: limits.len(),
            targets: self.copy(targets)?,
            targets_len: targets.len(),
            child: AtomicI32::new(0),
            failed: AtomicU32::new(0),
            error: AtomicI32::new(0),
        };
        // SAFETY: reserved above for this, aligned to 8, and not yet known to
        // process 1.
        unsafe { record.write(contents) };
        Some(SpawnTicket {
            offset,
            run: self.run,
        })
    }

    /// Takes `bytes` bytes, aligned to 8.
    fn reserve(&mut self, bytes: usize) -> Option<*mut u8> {
        let start = self.used;
        let end = start.checked_add(bytes)?.checked_next_multiple_of(8)?;
        if end > PROGRAMS_BYTES {
            return None;
        }
        self.used = end;
        // SAFETY: in bounds, as just checked.
        Some(unsafe { self.block.programs().add(start) })
    }

    fn copy<T: Copy>(&mut self, items: &[T]) -> Option<*const T> {
        const { assert!(align_of::<T>() <= 8) };
        let place: *mut T = self.reserve(size_of_val(items))?.cast();
        // SAFETY: reserved with this size and alignment just now.
        unsafe { std::ptr::copy_nonoverlapping(items.as_ptr(), place, items.len()) };
        Some(place)
    }

    fn string(&mut self, text: &CStr) -> Option<*const libc::c_char> {
        self.copy(text.to_bytes_with_nul()).map(<*const u8>::cast)
    }

    fn strings(&mut self, texts: &[CString]) -> Option<*const *const libc::c_char> {
        let mut pointers = Vec::with_capacity(texts.len() + 1);
        for text in texts {
            pointers.push(self.string(text)?);
        }
        pointers.push(std::ptr::null());
        self.copy(&pointers)
    }

    fn record(&self, ticket: SpawnTicket) -> Option<NonNull<ProgramRecord>> {
        if ticket.run == self.run {
            self.block.program(ticket.offset)
        } else {
            None
        }
    }

    pub(super) fn error(&self, ticket: SpawnTicket) -> Option<SpawnError> {
        // SAFETY: written by `try_write`; what process 1 changes is atomic.
        let record = unsafe { self.record(ticket)?.as_ref() };
        match record.failed.load(Ordering::Acquire) {
            0 => None,
            stage => Some(SpawnError {
                stage: SpawnStage::name(stage),
                errno: Errno::from_raw(record.error.load(Ordering::Relaxed)),
            }),
        }
    }

    pub(super) fn pid(&self, ticket: SpawnTicket) -> Option<libc::pid_t> {
        // SAFETY: as in `error`.
        let record = unsafe { self.record(ticket)?.as_ref() };
        Some(record.child.load(Ordering::Acquire)).filter(|pid| *pid > 0)
    }
}
