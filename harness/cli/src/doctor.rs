//! `crosswire doctor`: tests what this machine permits.

use crate::arguments::{Format, OutputOptions};
use crate::failure::Failure;
use crate::{exit, table, terminal};
use crosswire::explore::{Capability, capabilities};
use crosswire::model::FORMAT_VERSION;
use serde::Serialize;

#[derive(Serialize)]
struct Examination<'a> {
    format_version: u32,
    verdict: &'static str,
    capabilities: &'a [Capability],
}

/// Reports what the machine permits. A missing capability makes the status `INVALID`
/// only if nothing can be run without it; otherwise runs work with reduced isolation.
pub fn doctor(options: &OutputOptions) -> Result<u8, Failure> {
    let working_dir = std::env::current_dir()
        .map_err(|error| Failure::usage(format!("cannot find the working directory: {error}")))?;
    let capabilities = capabilities(&working_dir);
    let works = capabilities
        .iter()
        .all(|one| !one.needed || one.missing.is_none());
    match options.format {
        Format::Json => terminal::print_json(&Examination {
            format_version: FORMAT_VERSION,
            verdict: if works { "pass" } else { "invalid" },
            capabilities: &capabilities,
        }),
        Format::Text | Format::Github => {
            let rows = capabilities.iter().map(|capability| {
                let Capability {
                    name, test, lost, ..
                } = capability;
                match &capability.missing {
                    None => ["ok".to_owned(), name.clone(), test.clone()],
                    Some(reason) => [
                        "MISSING".to_owned(),
                        name.clone(),
                        format!("{test}: {reason}. Without it, {lost}"),
                    ],
                }
            });
            let head = ["", "capability", "test"];
            terminal::print(&table::render(head, rows));
        }
    }
    Ok(if works { exit::PASS } else { exit::INVALID })
}
