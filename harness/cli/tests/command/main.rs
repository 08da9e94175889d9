//! The command towards the shell, people and other programs: what it accepts, what it
//! says and in which form. None of this explores for long.

mod analyses;
mod bad_input;
mod check;
mod ci;
mod demos;
mod exports;
mod formats;
mod manners;
mod page;
mod steer;
mod wording;
