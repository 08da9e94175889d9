//! `crosswire list`: lists scenarios and mechanisms.

use crate::arguments::{Format, OutputOptions};
use crate::{exit, table, terminal};
use serde::Serialize;

/// Something that can be run by name.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// `mechanism` or `scenario`.
    pub kind: &'static str,
    /// Name to run it by.
    pub name: String,
    /// Description of the entry, or of the failure that it can show.
    pub about: String,
}

#[derive(Serialize)]
struct List<'a> {
    format_version: u32,
    entries: &'a [Entry],
}

/// Lists all entries.
pub fn list(entries: &[Entry], options: &OutputOptions) -> u8 {
    match options.format {
        Format::Json => terminal::print_json(&List {
            format_version: crosswire::model::FORMAT_VERSION,
            entries,
        }),
        Format::Text | Format::Github => {
            let rows = entries.iter().map(|entry| {
                [
                    entry.kind.to_owned(),
                    entry.name.clone(),
                    entry.about.clone(),
                ]
            });
            terminal::print(&table::render(["kind", "name", ""], rows));
        }
    }
    exit::PASS
}

/// Collects all scenarios and mechanisms of the command.
pub fn entries() -> Vec<Entry> {
    let mechanisms = crosswire_scenarios::contracts().into_iter();
    let mechanisms = mechanisms.map(|contract| Entry {
        kind: "mechanism",
        name: contract.name.to_owned(),
        about: contract.specification.to_owned(),
    });
    let scenarios = crosswire_scenarios::cases().into_iter();
    let scenarios = scenarios.map(|case| Entry {
        kind: "scenario",
        name: case.name,
        about: case.promise.to_owned(),
    });
    mechanisms.chain(scenarios).collect()
}
