//! `crosswire explain`: what a recorded run shows, without performing it again.

use crate::arguments::{ExplainOptions, Format};
use crate::failure::Failure;
use crate::{exit, terminal};
use crosswire::explore;
use crosswire::report::text;

/// Explains a file.
pub fn explain(options: &ExplainOptions) -> Result<u8, Failure> {
    let record = explore::load(&options.file)?;
    match options.output.format {
        Format::Json => {}
        Format::Text => {
            let palette = terminal::palette();
            terminal::print(&text::explanation(&record, Some(&options.file), palette));
        }
    }
    Ok(exit::PASS)
}
