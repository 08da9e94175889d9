//! Floor 4: a run that somebody steers by hand: who takes the next step, or which fault strikes
//! there, and back again.
//!
//! It works because a plan determines a run. What was steered so far is a list of decisions; it is
//! carried out up to the step that is to be decided ([`Engine::stand`]). A decision more is a
//! longer list, a step back a shorter one.
//!
//! Nothing here knows of terminals or browsers. All forms give [`Command`]s to a [`Steering`] and
//! show its [`View`].
//!
//! [`Engine::stand`]: crosswire_engine::Engine::stand

#![forbid(unsafe_code)]

mod ahead;
mod command;
mod counts;
mod demo;
mod error;
mod files;
mod lines;
mod machine;
mod path;
mod place;
mod steering;
mod test_lines;
mod view;

pub use command::{Command, HELP, UnknownCommand};
pub use counts::Side;
pub use demo::Demo;
pub use error::SteerError;
pub use lines::lines;
pub use path::Decision;
pub use steering::{Said, Steering};
pub use view::{Cell, Line, ObjectView, TaskView, View};
