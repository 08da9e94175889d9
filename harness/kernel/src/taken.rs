//! Descriptors of other processes that the harness has, too.
//!
//! A file stays open, and what flock(2) locked stays locked, until its last descriptor is closed.
//! A sandbox that another thread starts has the harness's descriptors for the moment between its
//! clone(2) and its close_range(2). So the harness has parted with a file only when those that were
//! being cloned have closed it, too: otherwise the death of its owner would unlock it, or end a
//! pipe, some milliseconds late, and in some runs only.

use crate::Tid;
use std::collections::BTreeSet;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The processes that are being made and have the harness's descriptors.
static INHERITING: Mutex<Making> = Mutex::new(Making {
    begun: 0,
    under_way: BTreeSet::new(),
});
static CLOSED: Condvar = Condvar::new();

struct Making {
    begun: u64,
    under_way: BTreeSet<u64>,
}

/// A duplicate of another process's descriptor.
#[derive(Debug)]
pub struct Taken(ManuallyDrop<OwnedFd>);

impl Taken {
    /// Duplicates a descriptor of a process (pidfd_getfd(2)): the same open file.
    ///
    /// # Errors
    /// If there is no such process or descriptor, or the kernel refuses.
    pub fn from(process: Tid, descriptor: i32) -> io::Result<Taken> {
        let owned = |result: libc::c_long| match result {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: both calls return a new descriptor that has no other owner.
            descriptor => Ok(unsafe { OwnedFd::from_raw_fd(descriptor as i32) }),
        };
        // SAFETY: pidfd_open takes its arguments by value.
        let process = owned(unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) })?;
        // SAFETY: pidfd_getfd takes its arguments by value.
        let duplicate =
            unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), descriptor, 0) };
        owned(duplicate).map(|file| Taken(ManuallyDrop::new(file)))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // SAFETY: it is not used again.
        unsafe { ManuallyDrop::drop(&mut self.0) };
        let making = making();
        let begun = making.begun;
        let are_inheriting = |making: &mut Making| {
            let first = making.under_way.first();
            first.is_some_and(|first| *first <= begun)
        };
        drop(CLOSED.wait_while(making, are_inheriting));
    }
}

fn making() -> MutexGuard<'static, Making> {
    INHERITING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deref for Taken {
    type Target = OwnedFd;

    fn deref(&self) -> &OwnedFd {
        &self.0
    }
}

impl AsFd for Taken {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Exists while a process is being made that has not closed the harness's descriptors.
pub(crate) struct Inheriting(u64);

impl Inheriting {
    pub fn begin() -> Inheriting {
        let mut making = making();
        making.begun += 1;
        let number = making.begun;
        making.under_way.insert(number);
        Inheriting(number)
    }
}

impl Drop for Inheriting {
    fn drop(&mut self) {
        making().under_way.remove(&self.0);
        CLOSED.notify_all();
    }
}
