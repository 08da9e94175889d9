//! `crosswire replay`: perform a recorded run again.

use crate::arguments::{Format, ReplayOptions};
use crate::failure::Failure;
use crate::{exit, terminal};
use crosswire::engine::{Engine, Target};
use crosswire::explore::{self, Changes};
use crosswire::model::{End, Record, Verdict};
use crosswire::report::{json, text};
use crosswire::scenario::replay_command;

/// Replays a file and says how it came out.
pub fn replay(options: &ReplayOptions) -> Result<u8, Failure> {
    let record = explore::load(&options.file)?;
    let case = crosswire_scenarios::recorded(&record);
    if record.scenario.is_some() && case.is_none() {
        return Err(elsewhere(&record, options));
    }
    if options.debug {
        return debug(&record, &explore::target_of(&record)?);
    }
    let changes = match options.allow_changed {
        true => Changes::Allow,
        false => Changes::Refuse,
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
        Format::Text => terminal::print(&text::replay(&record, &outcome, terminal::palette())),
    }
    Ok(exit::of(&outcome.verdict))
}

/// Only the program that contains a scenario knows its checks.
fn elsewhere(record: &Record, options: &ReplayOptions) -> Failure {
    Failure::usage(format!(
        "the recording is of a scenario of another program, which has its checks; replay it \
         with: {}",
        replay_command(record, &options.file)
    ))
}

/// Leaves the processes stopped at the step that shows the violation, for a
/// debugger, until the user has seen enough.
fn debug(record: &Record, target: &Target) -> Result<u8, Failure> {
    let mut plan = record.plan.clone();
    if !matches!(record.trace.end, End::Deadlock(_)) {
        // At the run's end nobody would be left.
        plan.limits.steps = last_step(record);
    }
    let cpu = explore::available_cpus().first().copied();
    let mut engine = Engine::start(target, cpu)?;
    let (trace, held) = engine.hold(&plan)?;
    if record.trace.events.len() < trace.events.len()
        || record.trace.events[..trace.events.len()] != trace.events
    {
        return Err(Failure::invalid(
            "the replay went another way than the recording",
        ));
    }
    let mut text = format!(
        "stopped before step {} of {}\n",
        trace.steps, record.trace.steps
    );
    for held in &held {
        text += &format!("  pid {:<8} {}: {}\n", held.tid, held.name, held.doing);
    }
    text += "attach with `gdb -p PID`; press Enter here to end them\n";
    terminal::print(&text);
    // At the end of input there is nobody to wait for.
    let _ = std::io::stdin().read_line(&mut String::new());
    engine.release(&held);
    Ok(exit::of(&record.verdict))
}

/// The step in which the violation shows, or else the last one.
fn last_step(record: &Record) -> u64 {
    let shown = match &record.verdict {
        Verdict::Violation(violations) => violations.iter().flat_map(|v| &v.steps).max().copied(),
        _ => None,
    };
    shown.unwrap_or(record.trace.steps.saturating_sub(1))
}
