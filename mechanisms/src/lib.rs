//! Ways in which processes on one machine communicate: a reference implementation
//! of each, and what it promises, with the manual page that says so.
//!
//! The kinds are the traits of [`crosswire::contract`]; each mechanism is a file in
//! the folder of its kind, and its contract stands beneath it. Read a file from the
//! top: what the facility is, how it is used correctly, then the code.
//!
//! What happens at a crash. Everything here is built so that the death of one
//! process at any moment harms the others only as the contract says. Names in the
//! file system or the kernel are removed by the process that created them, when it
//! drops the handle; if it is killed, they stay, and the next one that creates the
//! same object replaces what nobody uses any more, or says that the name is taken.
//!
//! The processes are expected to ignore `SIGPIPE`, as Rust programs do.

pub mod cell;
pub mod channel;
mod common;
pub mod lock;
pub mod notifier;
pub mod rpc;
pub mod semaphore;
#[allow(unsafe_code)]
mod sys;

/// The words that the lock-free ones consist of, which loom checks.
pub use crosswire_words as words;
