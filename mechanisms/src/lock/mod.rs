//! Locks: one holder at a time, or one that writes and many that read; and the barrier.

mod barrier;
mod file;
mod futex_mutex;
mod mutex;
mod rwlock;

pub use barrier::Barrier;
pub use file::{FcntlLock, FileLock, Flock, OfdLock};
pub use futex_mutex::FutexMutex;
pub use mutex::{PlainMutex, PthreadMutex, RobustMutex};
pub use rwlock::PthreadRwLock;
