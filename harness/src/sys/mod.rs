//! Floor 0: everything that talks to the kernel about other processes, and the
//! only place with unsafe code.

pub(crate) mod affinity;
pub(crate) mod counter;
pub(crate) mod descriptor;
pub(crate) mod filter;
pub(crate) mod maps;
pub(crate) mod memory;
pub(crate) mod oplog;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod regs;
pub mod sandbox;
pub(crate) mod tick;
pub(crate) mod tracee;

/// A kernel thread id as this process sees it.
pub(crate) type Tid = libc::pid_t;
