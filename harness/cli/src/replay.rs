//! `crosswire replay`: performs a recorded run again.

use crate::arguments::{Format, ReplayOptions};
use crate::failure::Failure;
use crate::{debugging, exit, terminal};
use crosswire::explore::{self, Changes};
use crosswire::model::Record;
use crosswire::report::{json, text};
use crosswire::scenario::replay_command;
use std::path::Path;

/// Replays a file, reports and returns the exit status.
pub fn replay(options: &ReplayOptions) -> Result<u8, Failure> {
    let mut record = explore::load(&options.file)?;
    for (name, path) in &options.programs {
        replace(&mut record, name, path)?;
    }
    let case = crosswire_scenarios::recorded(&record);
    if record.scenario.is_some() && case.is_none() {
        return Err(elsewhere(&record, options));
    }
    if options.debug || options.at.is_some() || options.gdb.is_some() || options.cores.is_some() {
        return debugging::debug(&record, options);
    }
    let changes = match options.without_cause {
        Some(number) => Changes::WithoutCause(number),
        None if options.allow_changed || !options.programs.is_empty() => Changes::Allow,
        None => Changes::Refuse,
    };
    let outcome = match case {
        Some(case) => case.replay(&record, changes)?,
        None => explore::replay(&record, changes)?,
    };
    terminal::note_losses(&outcome.capabilities_lost);
    match options.output.format {
        Format::Json => {
            terminal::print_json(&json::replay(&record, &outcome, options.file.clone()));
        }
        Format::Text | Format::Github => {
            terminal::print(&text::replay(&record, &outcome, terminal::palette()));
        }
    }
    terminal::annotate(&options.output, &outcome.verdict, [], &[]);
    Ok(exit::of(&outcome.verdict))
}

/// Lets a process of a recording execute another file.
fn replace(record: &mut Record, name: &str, path: &Path) -> Result<(), Failure> {
    let path = path.canonicalize().map_err(|error| {
        Failure::usage(format!("--program {name}: {}: {error}", path.display()))
    })?;
    let names: Vec<String> = record.programs.iter().map(|one| one.name.clone()).collect();
    let mut programs = record.programs.iter_mut();
    let program = programs.find(|one| one.name == name).ok_or_else(|| {
        let names = names.join(", ");
        Failure::usage(format!(
            "--program {name}: the recording has no such process; it has {names}"
        ))
    })?;
    program.executable = path.to_string_lossy().into_owned();
    if let Some(command) = program.command.first_mut() {
        command.clone_from(&program.executable);
    }
    Ok(())
}

/// Refuses the recording of a scenario: only the program that contains the scenario
/// knows its checks.
fn elsewhere(record: &Record, options: &ReplayOptions) -> Failure {
    Failure::usage(format!(
        "cannot replay: the recording is of a scenario in another program, which contains its \
         checks; replay it with: {}",
        replay_command(record, &options.file)
    ))
}
