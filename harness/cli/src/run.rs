//! `crosswire run`: explores unmodified programs.

use crate::arguments::{Format, RunOptions};
use crate::failure::Failure;
use crate::findings;
use crate::progress::Display;
use crate::{exit, interrupt, junit, surroundings, terminal};
use crosswire::explore::{self, Exhaust, Exploration, Keep, PartError, Regression, Report};
use crosswire::report::{json, text};
use std::path::Path;

/// Explores, reports and returns the exit status.
pub fn run(options: &RunOptions) -> Result<u8, Failure> {
    let surroundings = surroundings::from(&options.programs)?;
    surroundings.note_withheld();
    let mut exploration = Exploration::new(surroundings.target);
    exploration.budget = options.budget();
    exploration.faults = options.faults.clone();
    exploration.seed = options.explore.seed;
    exploration.jobs = options.explore.jobs.map_or(exploration.jobs, usize::from);
    exploration.expectations = surroundings::expectations(&options.judgement, &exploration.target);
    exploration.limits = options.limits.limits();
    exploration.stop_at_first = !options.keep_going;
    exploration.check_output = options.check_output;
    exploration.strategy = options.strategy;
    exploration.suspects = options.suspect.clone();
    exploration.memory = options.memory;
    exploration.watches_threads = options.threads;
    exploration.every_step = options.every_step;
    exploration.exhaust = options.exhaust.then_some(Exhaust {
        preemptions: options.preemptions,
    });
    exploration.shard = options.shard;
    exploration.shrink = options.shrink_time;
    exploration.fault_pairs = options.fault_pairs;
    let directory = &options.explore.output_dir;
    if options.go_on {
        resume(&mut exploration, directory)?;
    }
    exploration.keep = Some(Keep {
        directory: directory.clone(),
        steadily: options.shard.is_some() || options.go_on,
    });

    if let Some(path) = &options.regressions {
        exploration.regressions = explore::regressions(path, &test_name(&exploration))?;
    }

    let stop = interrupt::stop_flag()?;
    let display = Display::new(options.output.quiet);
    let report = exploration.explore(&stop, &|progress| display.exploration(progress));
    display.finish();
    let mut report = report?;
    note_progress(&mut report, &exploration, options);
    if let Some(path) = options.regressions.as_ref().filter(|path| !path.is_file()) {
        keep(&mut report, &test_name(&exploration), path)?;
    }
    terminal::note_losses(&report.capabilities_lost);
    findings::store_given_up(&mut report.given_up, directory);
    tell(&report, options)?;
    Ok(exit::of_exploration(&report.verdict, report.interrupted))
}

/// Returns the name under which regressions of this program are saved: the names of its
/// processes.
fn test_name(exploration: &Exploration) -> String {
    let programs = exploration.target.programs.iter();
    let names: Vec<&str> = programs.map(|start| start.name.as_str()).collect();
    names.join("+")
}

/// Resumes what was noted in the directory. A part of several may be the first attempt.
fn resume(exploration: &mut Exploration, directory: &Path) -> Result<(), Failure> {
    match exploration.resume(directory) {
        Err(PartError::Missing { .. }) if exploration.shard.is_some() => Ok(()),
        resumed => Ok(resumed?),
    }
}

/// Notes what the exploration has resumed, and how it is resumed.
fn note_progress(report: &mut Report, exploration: &Exploration, options: &RunOptions) {
    if let Some(part) = &exploration.resumed {
        let runs = part.report.runs;
        let note = format!("resumed after {runs} runs of an earlier exploration");
        report.notes.push(note);
    }
    if exploration.has_left(report) {
        let note = "to resume, run the same command line with --continue";
        report.notes.push(note.to_owned());
    }
    if let Some(shard) = options.shard {
        let directory = options.explore.output_dir.display();
        let note = format!("part {shard}: `crosswire merge {directory}` reports on all parts");
        report.notes.push(note);
    }
}

/// Saves the failures, so that they are rerun first next time.
fn keep(report: &mut Report, test: &str, directory: &Path) -> Result<(), Failure> {
    if report.runs == 0 {
        return Ok(()); // The saved failures still fail.
    }
    for found in &report.found {
        let file = Regression::of(test, &found.record).save(directory)?;
        let note = format!("saved {}; it is rerun first from now on", file.display());
        report.notes.push(note);
    }
    Ok(())
}

fn tell(report: &Report, options: &RunOptions) -> Result<(), Failure> {
    let files = findings::store(&report.found, &options.explore.output_dir);
    if let Some(out) = &options.junit {
        let suite = match (
            options.programs.command.first(),
            options.programs.processes.first(),
        ) {
            (Some(command), _) => command,
            (None, Some(process)) => &process.name,
            (None, None) => "crosswire run",
        };
        junit::write(out, vec![junit::of_report(report, &files, suite)])?;
    }
    match options.output.format {
        Format::Json => terminal::print_json(&json::summary(report, &files)),
        Format::Text | Format::Github => {
            let palette = terminal::palette();
            let mut all = findings::describe(&report.found, &files, palette);
            all += &text::summary(report, palette);
            if let Some(first) = report.first.as_ref().filter(|_| options.show_output) {
                all += &text::first_run(first);
            }
            terminal::print(&all);
        }
    }
    terminal::annotate(&options.output, &report.verdict, &report.found, &files);
    Ok(())
}
