//! Pages of watched memory that are left to those who alone use them.
//!
//! Watching what no other task uses would take most of the time. After some accesses by one user a
//! page is left to it: it is accessible where the program has it, until it is mapped otherwise, a
//! child is created, or another user shows up. Of private memory that threads could share, users
//! are threads (`own/leave.rs`); of memory that processes share, they are processes (`users`).

mod calls;
pub(crate) mod learned;
mod leave;
pub(crate) mod open;
pub(crate) mod users;
mod written;
