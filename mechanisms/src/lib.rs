//! Ways in which processes on one machine communicate: a reference implementation
//! of each, and what it promises, with the manual page that says so.
//!
//! A kind of mechanism is a trait with a folder of its own; each mechanism of that
//! kind is one file in it. So far there are channels.
//!
//! The processes are expected to ignore `SIGPIPE`, as Rust programs do.

#![forbid(unsafe_code)]

pub mod channel;
mod contract;

pub use contract::{Contract, Exemption, Peril, Promise};
