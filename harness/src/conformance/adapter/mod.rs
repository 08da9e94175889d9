//! Programs in any language against a contract, by way of a line protocol.
//!
//! The program is started once, as
//!
//! ```text
//! PROGRAM ARGS… FACILITY ROLE=IN,OUT ROLE=IN,OUT …
//! ```
//!
//! for example `adapter.py channel sender1=7,10 receiver1=11,14`. It makes what is to
//! be tested, and then forks a process for each role, in that order and before any
//! other; a semaphore's permits, and whether a channel is to be small, come as words
//! `permits=N` and `small` before the roles. Each of these processes reads commands
//! from descriptor IN, a line each, and answers each with a line on OUT; it closes the
//! descriptors of the others, and ends when IN does. The program itself closes all of
//! them, waits for its children, removes what it made, and ends with status 0,
//! whatever became of them.
//!
//! | facility | roles | command | answers |
//! |---|---|---|---|
//! | channel | sender, receiver | `send N` | `ok`, `closed`, `timeout` |
//! | | | `recv` | `value N`, `end`, `torn` |
//! | | | `close` | `ok` |
//! | lock | holder | `lock` | `ok`, `died` (taken, and the holder before died), `timeout` |
//! | | | `try-lock` | `ok`, `died`, `busy` |
//! | | | `unlock` | `ok` |
//! | rwlock | reader, writer | `read`, `write` | `ok`, `timeout` |
//! | | | `unlock` | `ok` |
//! | semaphore | holder | `wait` | `ok`, `timeout` |
//! | | | `try-wait` | `ok`, `busy` |
//! | | | `post` | `ok` |
//! | notifier | notifier, waiter | `notify N` | `ok`, `closed` |
//! | | | `wait` | `woken COUNT`, `woken COUNT N`, `timeout` |
//! | cell | writer, reader | `store N` | `ok`, `timeout` |
//! | | | `load` | `value N`, `torn`, `timeout` |
//!
//! A sender closes at its end, whatever came before. A call that was interrupted (EINTR)
//! is to be repeated where it may be. Only a process that handles a signal can be
//! interrupted: an adapter that is to be tested under `interrupt` installs a handler that
//! does nothing, without `SA_RESTART`, of SIGWINCH for instance.
//!
//! Every command may be answered with `error TEXT`. N is a number of up to 6 digits.
//! `timeout` means that nothing happened for a second. A message or value is to be
//! long enough to be torn, and to show it: N many times over, for instance.

mod ends;
mod lines;
mod trial;

pub use ends::{Adapted, AdaptedSender};
pub use trial::adapted;
