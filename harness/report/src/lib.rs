//! Floor 3: reports for people ([`text`]) and for programs ([`json`]).
//!
//! Whatever comes from a program under test (names, paths, output, messages of
//! panics) is shown with its control characters escaped.

mod data;
mod escape;
mod meaning;
mod page;
#[cfg(test)]
mod samples;
mod told;

pub use crosswire_world as world;
pub use data::explained::{
    Explained, ExplainedEvent, ExplainedObject, ExplainedViolation, explained,
};
pub use data::github;
pub use data::json;
pub use data::perfetto::trace_events;
pub use escape::{escape, quoted};
pub use meaning::cause::Cause;
pub use meaning::explanation::Explanation;
pub use page::page;
pub use told::about::about;
pub use told::palette::Palette;
pub use told::races::RaceEntry;
pub use told::stacks::StackEntry;
pub use told::story::story;
pub use told::{compare, crashes, text};

/// The JSON schema of what the command prints with `--format json`.
pub const SCHEMA: &str = include_str!("schema.json");
