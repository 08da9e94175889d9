//! `crosswire replay`: perform a recorded run again.

use crate::arguments::{Format, ReplayOptions};
use crate::failure::Failure;
use crate::{exit, terminal};
use crosswire::explore::{self, Changes};
use crosswire::model::Record;
use crosswire::report::{json, text};

/// Replays a file and says how it came out.
pub fn replay(options: &ReplayOptions) -> Result<u8, Failure> {
    let record = explore::load(&options.file)?;
    if options.debug {
        return debug(&record);
    }
    if let Some(scenario) = &record.scenario {
        return replay_scenario(scenario);
    }
    let changes = match options.allow_changed {
        true => Changes::Allow,
        false => Changes::Refuse,
    };
    let outcome = explore::replay(&record, changes)?;
    match options.output.format {
        Format::Json => {
            terminal::print_json(&json::replay(&record, &outcome, options.file.clone()));
        }
        Format::Text => terminal::print(&text::replay(&record, &outcome, terminal::palette())),
    }
    Ok(exit::of(&outcome.verdict))
}

/// Leaves the processes stopped at the last step of the recording.
fn debug(_record: &Record) -> Result<u8, Failure> {
    Err(Failure::invalid(
        "--debug is not available: this engine cannot leave processes stopped yet",
    ))
}

/// Replays a recording whose processes are closures of a test.
fn replay_scenario(scenario: &str) -> Result<u8, Failure> {
    Err(Failure::invalid(format!(
        "the recording is of the scenario `{scenario}`, which this command does not contain"
    )))
}
