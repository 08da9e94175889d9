//! Floor 0: one table of what is known of each system call.
//!
//! A [`Row`] says what a call's arguments are, what it does, and the facts about it that
//! do not follow from that. Everything else is derived from these, here or by the caller: the
//! seccomp filter, the objects that a step touches, where a fault can strike, how many
//! arguments count, what a report shows, which calls belong to a program's start-up.
//!
//! A call without a row, or one whose row says [`Does::Anything`], is taken to touch
//! everything and to wait: the safe side. The unit tests hold the table against the
//! kernel's list of calls (crate `syscalls`), so none is forgotten by accident.
//!
//! ```
//! use crosswire_calls::{Does, Fact, row};
//! let read = row(libc::SYS_read as u32);
//! assert_eq!((read.name, read.does), ("read", Does::Read));
//! assert!(read.is(Fact::Partial));
//! ```

mod about;
mod argument;
mod commands;
mod does;
mod effect;
mod errors;
mod fact;
mod interrupts;
mod measure;
mod row;
mod rows;
mod status;
mod table;
#[cfg(target_arch = "x86_64")]
mod table_x86_64;
mod timeout;

pub use about::clock_owner;
pub use argument::Arg;
pub use commands::{
    Filtering, changes_parenthood, filtering, filters_calls, futex_is_private, futex_timeout,
    is_file_lock_command, lingers, sets_name, shares_with_creator,
};
pub use does::{Does, Mapping, SystemV, Timer};
pub use fact::{Fact, Facts};
pub use interrupts::Interrupted;
pub use measure::Measure;
pub use row::{Amount, Flow, Row, Transfer, Wait};
pub use status::StatusForm;
pub use timeout::Timeout;

/// The row of a call, by its number on this architecture.
pub fn row(number: u32) -> &'static Row {
    table::find(number)
}

/// All rows, by ascending number.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    table::all()
}

/// The number of a call, by its name in section 2 of the manual.
///
/// ```
/// assert_eq!(crosswire_calls::number("read"), Some(libc::SYS_read as u32));
/// assert_eq!(crosswire_calls::number("frobnicate"), None);
/// ```
pub fn number(name: &str) -> Option<u32> {
    name.parse::<syscalls::Sysno>()
        .ok()
        .map(|call| call.id() as u32)
}

/// The name of a call, if the kernel's headers know the number.
pub fn name(number: u32) -> Option<&'static str> {
    syscalls::Sysno::new(number as usize).map(|call| call.name())
}
