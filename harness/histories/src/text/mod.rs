//! Histories in text: one operation a line.
//!
//! ```text
//! crosswire-histories 1
//!
//! # A comment. Empty lines do not matter either.
//! history overtaken
//! as fifo
//! processes producer consumer
//! 1 2 producer send 1
//! 3 4 producer send 2
//! 5 6 consumer recv = 2
//! 7 8 consumer recv = 1
//! 9 - consumer recv
//! end
//! ```
//!
//! A line gives the moments of call and answer, the process, the action, its
//! arguments, and after `=` the answer. `-` in place of the second moment: it was cut
//! off. `= failed`: it had no effect, by its own word, and is left out. Moments are
//! integers from 0 to 2⁶¹-1, values integers of 64 bits; the order of the lines does not
//! matter. Every history ends with `end`, so that half a file is noticed.
//!
//! | `as` | actions | settings |
//! |---|---|---|
//! | `fifo` | `send VALUE`, `recv = VALUE`, `recv = nothing` | |
//! | `priority-queue` | `send VALUE PRIORITY`, `recv = VALUE`, `recv = nothing` | |
//! | `datagram` | `send VALUE [LENGTH]`, `recv = VALUE [LENGTH]`, `recv = nothing` | `lossy` |
//! | `stream` | `write BYTES`, `read = BYTES`, `read = nothing` | `atomic BYTES` |
//! | `semaphore` | `post`, `wait`, `trywait = ok`, `trywait = refused` | `initial N` |
//! | `mutex` | `lock`, `trylock = ok`, `trylock = refused`, `unlock`, `crash` | `robust` |
//! | `rwlock` | those, `readlock`, `tryreadlock = ok`, `tryreadlock = refused` | `robust` |
//! | `register` | `write VALUE`, `read = VALUE` | `initial VALUE` |
//! | `kv` | `put KEY VALUE`, `get KEY = VALUE`, `get KEY = nothing`, `delete KEY` | |
//! | `rpc` | `call ID`, `execute ID` | |
//! | `signals` | `raise NUMBER [VALUE]`, `handle NUMBER [VALUE]`, `crash` | |
//! | `fairness` | `lock`, `readlock`, `unlock`, `wait`, `post`, `send VALUE`, `recv = VALUE`, `call ID` | `bound N` |
//!
//! Settings are lines before the operations. `crash` is the death of its process, which
//! lies between the two moments. BYTES are a word in which `\xHH` stands for any byte and
//! `\\` for a backslash. `expect ok` and `expect RULE: SENTENCE` say what the verdict
//! should be, which `crosswire check` then compares.

mod bytes;
mod grammar;
mod reader;

pub use reader::{Expected, Limits, Refused, Told, read, read_each};

/// Reason why a text is no history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct TextError {
    /// The number of the line, from 1.
    pub line: u64,
    /// Description of the error.
    pub reason: String,
}
