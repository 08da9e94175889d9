//! `crosswire explain`: what a recorded run shows, without performing it again.

use crate::arguments::{ExplainOptions, Format};
use crate::failure::Failure;
use crate::{exit, terminal};
use crosswire::explore;
use crosswire::report::{self, text};
use std::path::Path;

/// Explains a file.
pub fn explain(options: &ExplainOptions) -> Result<u8, Failure> {
    let record = explore::load(&options.file)?;
    if let Some(out) = &options.html {
        write(out, &report::page(&record, Some(&options.file)))?;
    }
    match options.output.format {
        Format::Json => {}
        Format::Text => {
            let palette = terminal::palette();
            terminal::print(&text::explanation(&record, Some(&options.file), palette));
        }
    }
    Ok(exit::PASS)
}

fn write(out: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::usage(format!("cannot write {}: {error}", out.display()));
    std::fs::write(out, text).map_err(failed)
}
