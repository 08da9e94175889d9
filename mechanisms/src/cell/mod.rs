//! Shared cells: a value in memory or in a file that one process stores and others
//! load.

mod file;
mod posix_shm;
mod sequence;
mod slots;
mod sysv_shm;

pub(crate) use file::Inside as FileInside;
pub use file::MappedFile;
pub(crate) use posix_shm::Inside as PosixInside;
pub use posix_shm::PosixSharedMemory;
pub use sequence::SequenceLock;
pub(crate) use slots::Slots;
pub use sysv_shm::SysvSharedMemory;
