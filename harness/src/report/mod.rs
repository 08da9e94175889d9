//! Floor 3: what is told to people ([`text`]) and to programs ([`json`]).
//!
//! Whatever comes from a program under test (names, paths, output, messages of
//! panics) is shown with its control characters escaped.

mod arguments;
mod calls;
pub mod crashes;
mod escape;
mod events;
pub mod json;
mod palette;
#[cfg(test)]
mod samples;
mod shrunk;
mod story;
pub mod text;
mod timeline;

pub use escape::{escape, quoted};
pub use palette::Palette;
pub use story::story;
pub use timeline::timeline;
