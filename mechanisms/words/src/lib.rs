//! The lock-free mechanisms as words in memory: what is read and written, in which
//! order, with which memory order. With `--cfg loom` the same code uses loom's
//! atomics, and `tests/loom.rs` checks it under every reordering.
//!
//! A crate of its own, so that loom builds nothing else.

#![forbid(unsafe_code)]

pub mod futex_word;
mod ring;
mod sequence;

pub use ring::{Many, One, Queue, SLOTS};
pub use sequence::{Sequence, WORDS};
