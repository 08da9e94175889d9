//! Floor 0: everything that talks to the kernel about other processes, and the
//! only place with unsafe code.

#![allow(unsafe_code)]

pub mod affinity;
pub mod arch;
pub mod counter;
pub mod descriptor;
pub mod filter;
pub mod lent;
pub mod loopback;
pub mod maps;
pub mod memory;
pub mod oplog;
pub mod patience;
pub mod probe;
pub mod process;
pub mod registered;
mod request;
pub mod sandbox;
pub mod slice;
pub mod taken;
pub mod terminal;
pub mod tick;
pub mod tracee;

/// A kernel thread id as this process sees it.
pub type Tid = libc::pid_t;
