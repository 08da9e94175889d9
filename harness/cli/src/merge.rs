//! `crosswire merge`: one report of all parts of an exploration.

use crate::arguments::{Format, MergeOptions};
use crate::failure::Failure;
use crate::{exit, findings, junit, terminal};
use crosswire::explore;
use crosswire::report::{json, text};

/// Merges, reports and returns the exit status of all parts together.
pub fn merge(options: &MergeOptions) -> Result<u8, Failure> {
    let mut report = explore::merge(&options.directories)?;
    let directory = options.output_dir.as_ref();
    // There is at least one: the command line asks for it.
    let directory = directory.unwrap_or(&options.directories[0]);
    findings::store_given_up(&mut report.given_up, directory);
    let files = findings::store(&report.found, directory);
    if let Some(out) = &options.junit {
        junit::write(
            out,
            vec![junit::of_report(&report, &files, "crosswire merge")],
        )?;
    }
    match options.output.format {
        Format::Json => terminal::print_json(&json::summary(&report, &files)),
        Format::Text | Format::Github => {
            let palette = terminal::palette();
            let mut all = findings::describe(&report.found, &files, palette);
            all += &text::summary(&report, palette);
            terminal::print(&all);
        }
    }
    terminal::annotate(&options.output, &report.verdict, &report.found, &files);
    Ok(exit::of(&report.verdict))
}
