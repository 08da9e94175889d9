//! Ways in which processes on one machine communicate: a reference implementation of
//! each, and its contract, with references to the manual pages.
//!
//! The kinds are the traits of [`crosswire::contract`]; each mechanism is a file in the
//! folder of its kind, and ends with its contract. Read a file from the top: the
//! facility, its correct use, then the code.
//!
//! Crashes. Everything here is built so that the death of one process at any moment harms
//! the others only as the contract says. The process that created a name in the file
//! system or the kernel removes it when it drops the handle. If that process is killed,
//! the name stays; the next process that creates the same object replaces the name if it
//! is unused, or reports that it is taken.
//!
//! The processes are expected to ignore `SIGPIPE`, as Rust programs do.

pub mod cell;
pub mod channel;
mod common;
pub mod demo;
pub mod lock;
pub mod notifier;
pub mod rpc;
pub mod semaphore;
#[allow(unsafe_code)]
mod sys;

/// The words that the lock-free ones consist of, which loom checks.
pub use crosswire_words as words;
