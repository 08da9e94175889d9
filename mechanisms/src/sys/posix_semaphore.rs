//! POSIX semaphores: sem_overview(7).

use super::mapping::Shared;
use super::{checked, deadline};
use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::io;
use std::ptr::NonNull;
use std::time::Duration;

/// A semaphore in shared memory.
#[repr(transparent)]
pub(crate) struct Unnamed(UnsafeCell<libc::sem_t>);

// SAFETY: only the C library looks at a sem_t, and it expects others to change it.
unsafe impl Shared for Unnamed {}

impl Unnamed {
    /// Initialises a semaphore in zeroed memory, once, before any use of it.
    pub fn init(&self, permits: u32) -> io::Result<()> {
        // SAFETY: the memory is large enough and shared (the 1); it is not in use yet.
        checked(unsafe { libc::sem_init(self.0.get(), 1, permits) }).map(drop)
    }

    pub fn handle(&self) -> Handle<'_> {
        Handle(self.0.get(), std::marker::PhantomData)
    }
}

/// A named semaphore, open in this process.
#[derive(Debug)]
pub(crate) struct Named(NonNull<libc::sem_t>);

impl Named {
    /// Creates a semaphore that does not exist yet.
    pub fn create(name: &CStr, permits: u32) -> io::Result<Named> {
        let mode: libc::c_uint = 0o600;
        let flags = libc::O_CREAT | libc::O_EXCL;
        // SAFETY: the name outlives the call.
        let semaphore = unsafe { libc::sem_open(name.as_ptr(), flags, mode, permits) };
        NonNull::new(semaphore)
            .map(Named)
            .ok_or_else(io::Error::last_os_error)
    }

    pub fn handle(&self) -> Handle<'_> {
        Handle(self.0.as_ptr(), std::marker::PhantomData)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // SAFETY: it is open, and nothing that borrowed from it is left.
        unsafe { libc::sem_close(self.0.as_ptr()) };
    }
}

pub(crate) fn unlink(name: &CStr) -> io::Result<()> {
    // SAFETY: the name outlives the call.
    checked(unsafe { libc::sem_unlink(name.as_ptr()) }).map(drop)
}

/// A semaphore of either kind, while it can be used.
#[derive(Clone, Copy)]
pub(crate) struct Handle<'a>(*mut libc::sem_t, std::marker::PhantomData<&'a ()>);

unsafe extern "C" {
    /// glibc 2.30 and newer; not in the crate libc.
    fn sem_clockwait(
        semaphore: *mut libc::sem_t,
        clock: libc::clockid_t,
        until: *const libc::timespec,
    ) -> libc::c_int;
}

impl Handle<'_> {
    /// Waits with a timeout by CLOCK_MONOTONIC, which cannot be set, unlike the clock of
    /// sem_timedwait(3).
    pub fn wait(self, patience: Duration) -> io::Result<()> {
        let until = deadline(libc::CLOCK_MONOTONIC, patience);
        // SAFETY: the semaphore exists as long as the handle does.
        checked(unsafe { sem_clockwait(self.0, libc::CLOCK_MONOTONIC, &until) }).map(drop)
    }

    pub fn try_wait(self) -> io::Result<()> {
        // SAFETY: as above.
        checked(unsafe { libc::sem_trywait(self.0) }).map(drop)
    }

    pub fn post(self) -> io::Result<()> {
        // SAFETY: as above.
        checked(unsafe { libc::sem_post(self.0) }).map(drop)
    }
}
