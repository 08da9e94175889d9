//! `crosswire shrink`: finds the fewest decisions that still fail.

use crate::arguments::{Format, ShrinkOptions};
use crate::failure::Failure;
use crate::{exit, interrupt, terminal};
use crosswire::explore::{self, Reduced};
use crosswire::model::Record;
use crosswire::report::{json, text};
use crosswire::scenario::replay_command;

/// Shrinks a recorded failure, saves the result and describes it.
pub fn shrink(options: &ShrinkOptions) -> Result<u8, Failure> {
    let record = explore::load(&options.file)?;
    let stop = interrupt::stop_flag()?;
    let case = crosswire_scenarios::recorded(&record);
    let reduced = match case {
        Some(case) => case.shrink(&record, options.time, &stop)?,
        None if record.scenario.is_some() => return Err(elsewhere(&record, options)),
        None => explore::reduce(&record, options.time, &stop)?,
    };
    tell(&record, &reduced, options)?;
    Ok(exit::of(&reduced.record.verdict))
}

/// Refuses the recording of a scenario: only the program that contains the scenario
/// knows its checks, and its tests shrink their failures themselves.
fn elsewhere(record: &Record, options: &ShrinkOptions) -> Failure {
    Failure::usage(format!(
        "cannot shrink: the recording is of a scenario in another program, which shrinks its \
         failures itself; replay it with: {}",
        replay_command(record, &options.file)
    ))
}

fn tell(record: &Record, reduced: &Reduced, options: &ShrinkOptions) -> Result<(), Failure> {
    let saved = explore::save(
        &reduced.record,
        &reduced.violation.kind,
        &options.output_dir,
    );
    let file = saved.map_err(|error| {
        let directory = options.output_dir.display();
        Failure::usage(format!(
            "cannot write a replay file to {directory}: {error}"
        ))
    })?;
    match options.output.format {
        Format::Json => terminal::print_json(&json::shrunk(record, reduced, file)),
        Format::Text | Format::Github => {
            terminal::print(&text::shrunk(record, reduced, &file, terminal::palette()));
        }
    }
    Ok(())
}
