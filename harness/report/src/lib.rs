//! Floor 3: reports for people ([`text`]) and for programs ([`json`]).
//!
//! Whatever comes from a program under test (names, paths, output, messages of
//! panics) is shown with its control characters escaped.

mod arguments;
mod calls;
mod cause;
pub mod compare;
pub mod crashes;
mod decode;
mod escape;
mod events;
mod explained;
mod explanation;
mod fold;
pub mod json;
mod page;
mod palette;
mod perfetto;
mod private;
mod races;
mod rows;
#[cfg(test)]
mod samples;
mod shrunk;
mod stacks;
mod story;
mod summary;
pub mod text;
mod timeline;

pub use cause::Cause;
pub use crosswire_world as world;
pub use escape::{escape, quoted};
pub use explained::{Explained, ExplainedEvent, ExplainedObject, ExplainedViolation, explained};
pub use explanation::Explanation;
pub use page::page;
pub use palette::Palette;
pub use perfetto::trace_events;
pub use races::RaceEntry;
pub use stacks::StackEntry;
pub use story::story;

/// The JSON schema of what the command prints with `--format json`.
pub const SCHEMA: &str = include_str!("schema.json");
