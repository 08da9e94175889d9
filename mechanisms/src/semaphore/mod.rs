//! Counting semaphores: a number of permits.

mod eventfd;
mod posix;
mod sysv;

pub use eventfd::EventFdSemaphore;
pub use posix::{NamedSemaphore, SharedSemaphore};
pub use sysv::{Counting, SemaphoreSet, SysvSemaphore, SysvSemaphoreWithoutUndo, Undo};
