//! `crosswire replay --debug`: keeps a recorded run stopped for a debugger.

use crate::arguments::ReplayOptions;
use crate::exit;
use crate::failure::Failure;
use crate::terminal;
use crosswire::engine::{Engine, Held};
use crosswire::explore;
use crosswire::model::{End, Names, Record, Verdict};
use crosswire::report::escape;
use std::path::Path;
use std::process::Command;

/// Keeps the processes stopped at the requested step, or by default at the step that
/// shows the violation, until the user is done.
pub fn debug(record: &Record, options: &ReplayOptions) -> Result<u8, Failure> {
    let mut plan = record.plan.clone();
    match options.at {
        Some(step) if step > record.trace.steps => {
            let steps = record.trace.steps;
            return Err(Failure::usage(format!(
                "cannot stop before step {step}: the recorded run has {steps} steps"
            )));
        }
        Some(step) => plan.limits.steps = step,
        // At the run's end no process would be left.
        None if !stands_still(record) => plan.limits.steps = last_step(record),
        None => {}
    }
    let cpu = explore::available_cpus().first().copied();
    let mut engine = Engine::start(&explore::target_of(record)?, cpu)?;
    let (trace, held) = engine.hold(&plan)?;
    if record.trace.events.len() < trace.events.len()
        || record.trace.events[..trace.events.len()] != trace.events
    {
        engine.release(&held);
        return Err(Failure::invalid("the replay diverged from the recording"));
    }
    let mut text = format!(
        "stopped before step {} of {}\n",
        trace.steps, record.trace.steps
    );
    let names = Names::of(&record.trace);
    for held in &held {
        let name = match names.all().get(&held.name) {
            Some(program) => format!("{} ({program})", held.name),
            None => held.name.clone(),
        };
        text += &format!("  pid {:<8} {}: {}\n", held.tid, escape(&name), held.doing);
    }
    terminal::print(&text);
    let outcome = attend(&held, options, &names);
    engine.release(&held);
    outcome.map(|()| exit::of(&record.verdict))
}

/// Tells whether processes are left at the end of the run.
fn stands_still(record: &Record) -> bool {
    matches!(
        record.trace.end,
        End::Deadlock(_) | End::Livelock(_) | End::Stalled(_)
    )
}

/// Returns the step that shows the violation, or else the last step.
fn last_step(record: &Record) -> u64 {
    let shown = match &record.verdict {
        Verdict::Violation(violations) => violations.iter().flat_map(|v| &v.steps).max().copied(),
        _ => None,
    };
    shown.unwrap_or(record.trace.steps.saturating_sub(1))
}

/// Does what the options ask for with the stopped processes.
fn attend(held: &[Held], options: &ReplayOptions, names: &Names) -> Result<(), Failure> {
    if let Some(directory) = &options.cores {
        return cores(held, directory);
    }
    if let Some(name) = &options.gdb {
        // A reader may know it by the name of its program.
        let in_plans = names.in_plans(name);
        let Some(task) = held.iter().find(|held| held.name == in_plans) else {
            let names: Vec<&str> = held.iter().map(|held| held.name.as_str()).collect();
            return Err(Failure::usage(format!(
                "no remaining process is called `{name}`; there are: {}",
                names.join(", ")
            )));
        };
        gdb()
            .arg("-p")
            .arg(task.tid.to_string())
            .status()
            .map_err(no_gdb)?;
        return Ok(());
    }
    terminal::print("attach with `gdb -p PID`; press Enter here to end them\n");
    // At the end of input there is nothing to wait for.
    let _ = std::io::stdin().read_line(&mut String::new());
    Ok(())
}

fn gdb() -> Command {
    let mut command = Command::new("gdb");
    command.arg("-q");
    command
}

fn no_gdb(error: std::io::Error) -> Failure {
    Failure::usage(format!(
        "cannot start gdb: {error}; install it, or attach another debugger"
    ))
}

/// Writes a core file of each process with gdb, which leaves the processes alive.
fn cores(held: &[Held], directory: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(directory).map_err(|error| {
        Failure::usage(format!("cannot create {}: {error}", directory.display()))
    })?;
    // Threads share the core file of their process.
    for held in held.iter().filter(|held| !held.name.contains(":t")) {
        let file = directory.join(format!("{}.core", held.name.replace('/', "_")));
        let written = gdb()
            .args(["-batch", "-p", &held.tid.to_string(), "-ex"])
            .arg(format!("generate-core-file {}", file.display()))
            .output()
            .map_err(no_gdb)?;
        if !file.is_file() {
            let said = String::from_utf8_lossy(&written.stderr);
            let last = said.lines().last().unwrap_or("it printed no reason");
            return Err(Failure::invalid(format!(
                "gdb wrote no core file for `{}`: {last}",
                held.name
            )));
        }
        terminal::print(&format!("  {}\n", file.display()));
    }
    Ok(())
}
