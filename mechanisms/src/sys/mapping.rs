//! Memory that several processes have in common, as atomics: nothing may be assumed
//! about what another process has written there.

use memmap2::{MmapOptions, MmapRaw};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io;
use std::ptr::NonNull;

/// A part of the address space shared with every process that inherits or maps the same
/// object. Dropping the value unmaps it; the object itself remains.
#[derive(Debug)]
pub(crate) enum Mapping {
    /// A file or memory object.
    Mapped(MmapRaw),
    /// A System V segment.
    Attached(Segment),
}

/// A System V segment in the address space.
#[derive(Debug)]
pub(crate) struct Segment {
    at: NonNull<u8>,
    bytes: usize,
}

/// Types whose every bit pattern is valid, and which may be changed by another
/// process at any time.
///
/// # Safety
/// The type must consist of atomics, or of memory that only the C library looks at.
pub(crate) unsafe trait Shared {}

impl Mapping {
    /// Maps the first bytes of a file or memory object, which must be so long.
    pub fn of(file: &File, bytes: usize) -> io::Result<Mapping> {
        let map = MmapOptions::new().len(bytes).map_raw(file)?;
        Ok(Mapping::Mapped(map))
    }

    /// Memory without a name in the file system, for processes that inherit it
    /// (memfd_create(2)).
    pub fn anonymous(name: &str, bytes: usize) -> io::Result<Mapping> {
        let file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
        file.set_len(bytes as u64)?;
        Mapping::of(&file, bytes)
    }

    /// Attaches a System V segment, which must be so long.
    pub fn attach(id: i32, bytes: usize) -> io::Result<Mapping> {
        // SAFETY: the kernel chooses an address that nothing else has.
        let at = unsafe { libc::shmat(id, std::ptr::null(), 0) };
        if at as isize == -1 {
            return Err(io::Error::last_os_error());
        }
        let at = NonNull::new(at.cast()).ok_or(io::ErrorKind::Other)?;
        Ok(Mapping::Attached(Segment { at, bytes }))
    }

    /// Returns its content, from its beginning.
    ///
    /// # Panics
    /// If the mapping is too short.
    pub fn get<T: Shared>(&self) -> &T {
        let (at, bytes) = match self {
            Mapping::Mapped(map) => (map.as_mut_ptr(), map.len()),
            Mapping::Attached(segment) => (segment.at.as_ptr(), segment.bytes),
        };
        assert!(size_of::<T>() <= bytes);
        // SAFETY: mappings are aligned to pages and live as long as `self`; all bit
        // patterns of `T` are valid, and it expects changes by others.
        unsafe { &*at.cast::<T>() }
    }

    /// Writes what was changed to the file behind it, and waits for that (msync(2)).
    pub fn sync(&self) -> io::Result<()> {
        match self {
            Mapping::Mapped(map) => map.flush(),
            Mapping::Attached(_) => Ok(()),
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: nothing that borrowed from it is left, and it is attached.
        unsafe { libc::shmdt(self.at.as_ptr().cast()) };
    }
}

// SAFETY: the memory is shared between processes by design; all access is through
// `Shared` types.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}
