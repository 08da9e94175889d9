//! Checkers of histories: they tell whether the answers of operations could be those of a
//! queue, a lock, a register, …, in any order of the operations that overlap.
//!
//! Each is a pure function with one interface, [`Checker`]: operations in, an [`Outcome`]
//! out. They need no run and no engine; `crosswire check` reads histories from files
//! ([`text`](mod@text)), and `crosswire::check::history::of_run` makes a check of a run
//! from any of them.
//!
//! | checker | object | cost for n operations |
//! |---|---|---|
//! | [`Fifo`] | a queue | sorting |
//! | [`FifoStream`] | a queue, while it is used | constant time an event |
//! | [`PriorityQueue`] | a POSIX message queue | sorting; a search with receives that were cut off and messages missing |
//! | [`Datagram`] | messages in order for each sender | sorting |
//! | [`Stream`] | bytes | a pass, as long as the next bytes of the writers differ |
//! | [`Semaphore`] | a counting semaphore | sorting; a search with refusals |
//! | [`Mutex`], [`RwLock`] | locks | sorting; a search with refusals and acquisitions that were cut off |
//! | [`Register`], [`KeyValue`] | memory | sorting; a search for keys that are deleted and found empty |
//! | [`Rpc`] | calls executed once | a pass |
//! | [`Signals`] | signals of one process | sorting; a search in rare cases |
//! | [`Fairness`] | who was overtaken | sorting |
//! | [`explain`] | any [`Specification`] | a search within a budget |
//!
//! # What was cut off
//!
//! A process that is killed leaves operations without an answer. Each may have had its
//! effect at any moment after its call, or none: a history is in order if it is for some
//! such choice. What is called a violation is one for every choice.
//!
//! # Time
//!
//! Moments are taken outside of operations, so an operation's effect lies between its
//! call and its answer. One precedes another only if it answered strictly before that
//! was called; at equal moments either may come first.

mod datagram;
mod drawing;
#[cfg(test)]
mod exhaustive;
mod face;
mod fairness;
mod fifo;
mod fifo_stream;
mod free;
mod gaps;
mod holds;
mod kv;
mod locks;
mod messages;
mod mutex;
mod object;
mod operations;
mod priority_queue;
mod register;
mod rpc;
mod rwlock;
mod search;
mod semaphore;
mod signals;
mod stream;
pub mod text;
mod unusable;
mod values;
pub mod witness;
mod zones;

pub use datagram::{Datagram, NO_LENGTH};
pub use drawing::{described, draw};
pub use face::{Broken, Checker, Outcome};
pub use fairness::{Fairness, Overtaken, overtaken};
pub use fifo::Fifo;
pub use fifo_stream::{FifoStream, Wrong};
pub use free::Free;
pub use kv::KeyValue;
pub use mutex::Mutex;
pub use object::{Object, Settings};
pub use operations::{Action, LAST, NEVER, Op, Operations};
pub use priority_queue::PriorityQueue;
pub use register::Register;
pub use rpc::Rpc;
pub use rwlock::RwLock;
pub use search::{BUDGET, Explanation, Specification, Timed, explain};
pub use semaphore::Semaphore;
pub use signals::{REAL_TIME, Signals};
pub use stream::{PIPE_BUF, Stream};
pub use unusable::Unusable;
