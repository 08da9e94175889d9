//! Data behind the pointers among a call's arguments. Recorded for runs that will be
//! shown to a reader (see [`Engine::watch`](crosswire_engine::Engine::watch)), and never
//! compared: two runs with equal traces are the same run.

use super::Signal;
use serde::{Deserialize, Serialize};

/// The memory behind one argument of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The event, as an index into [`Trace::events`](super::Trace::events).
    pub event: usize,
    /// Index of the call's argument, from 0. For an event that ends a call begun earlier,
    /// an argument of that call.
    pub argument: u8,
    /// Data found there.
    pub content: Content,
}

/// Memory, decoded as its call understands it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Bytes that the call transfers.
    Bytes(Bytes),
    /// A System V message: its type, and its text.
    Message {
        /// The type, which msgrcv(2) selects by.
        kind: i64,
        /// Content of the memory.
        text: Bytes,
    },
    /// Descriptors that the call made or passed on.
    Descriptors(Vec<i32>),
    /// A `struct flock` (fcntl(2)).
    Lock {
        /// `F_RDLCK`, `F_WRLCK` or `F_UNLCK`.
        kind: i16,
        /// Origin that `start` counts from: `SEEK_SET`, `SEEK_CUR` or `SEEK_END`.
        whence: i16,
        /// First byte.
        start: i64,
        /// Number of bytes; 0 means up to the end.
        length: i64,
    },
    /// Operations on the semaphores of a set (semop(2)).
    Semaphores(Vec<SemaphoreOperation>),
    /// Events that poll(2) waits for.
    Polled(Vec<Polled>),
    /// A time in nanoseconds.
    Time(u64),
    /// A second path: the old name in rename(2).
    Path(String),
    /// A number: the value of a futex, the status of a child.
    Word(u32),
    /// A set of signals.
    Signals(Vec<Signal>),
}

/// The beginning of a piece of memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Its first bytes, in printable ASCII: everything else is an escape of C.
    pub shown: String,
    /// Total number of bytes.
    pub length: u64,
    /// True if `shown` is only the beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// One `struct sembuf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SemaphoreOperation {
    /// Number of the semaphore in the set.
    pub number: u16,
    /// Number to add; 0 waits until the value is 0.
    pub change: i16,
    /// `IPC_NOWAIT`, `SEM_UNDO`.
    pub flags: i16,
}

/// One `struct pollfd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polled {
    /// The descriptor.
    pub descriptor: i32,
    /// Events waited for.
    pub events: i16,
    /// Events returned.
    pub returned: i16,
}
