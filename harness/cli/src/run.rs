//! `crosswire run`: explore unmodified programs.

use crate::arguments::{ExpectedExit, Format, Leaks, RunOptions};
use crate::failure::Failure;
use crate::findings;
use crate::progress::Display;
use crate::{exit, interrupt, surroundings, terminal};
use crosswire::check::{self, Exit, Expectations};
use crosswire::explore::{Exploration, Report};
use crosswire::report::{json, text};
use std::collections::BTreeMap;

/// Explores, reports, and says how it came out.
pub fn run(options: &RunOptions) -> Result<u8, Failure> {
    let surroundings = surroundings::from(options)?;
    if !surroundings.withheld.is_empty() {
        terminal::note(&format!(
            "not given to the programs, because replay files hold the environment: {} \
             (use --env NAME to give it)",
            surroundings.withheld.join(", ")
        ));
    }
    let mut exploration = Exploration::new(surroundings.target);
    exploration.budget = options.budget();
    exploration.faults = options.faults.clone();
    exploration.seed = options.explore.seed;
    exploration.jobs = options.explore.jobs.map_or(exploration.jobs, usize::from);
    exploration.expectations = expectations(options, &exploration);
    exploration.limits = options.limits.limits();
    exploration.stop_at_first = !options.keep_going;
    exploration.check_output = options.check_output;

    let stop = interrupt::stop_flag()?;
    let display = Display::new(options.output.quiet);
    let report = exploration.explore(&stop, &|progress| display.exploration(progress));
    display.finish();
    let report = report?;
    terminal::note_losses(&report.capabilities_lost);
    tell(&report, options);
    Ok(exit::of_exploration(&report.verdict, report.interrupted))
}

fn tell(report: &Report, options: &RunOptions) {
    let files = findings::store(&report.found, &options.explore.output_dir);
    match options.output.format {
        Format::Json => terminal::print_json(&json::summary(report, &files)),
        Format::Text => {
            let palette = terminal::palette();
            let mut all = findings::describe(&report.found, &files, palette);
            all += &text::summary(report, palette);
            terminal::print(&all);
        }
    }
}

fn expectations(options: &RunOptions, exploration: &Exploration) -> Expectations {
    let roots = exploration
        .target
        .programs
        .iter()
        .map(|start| start.name.clone());
    let (exit, statuses) = match options.expect_exit {
        ExpectedExit::Any => (Exit::Any, BTreeMap::new()),
        ExpectedExit::Status(0) => (Exit::Roots, BTreeMap::new()),
        ExpectedExit::Status(status) => (
            Exit::Roots,
            roots.map(|name| (name, i32::from(status))).collect(),
        ),
    };
    Expectations {
        exit,
        statuses,
        leaks: match options.leaks {
            _ if options.no_leaks => check::Leaks::Ignored,
            Leaks::Ignore => check::Leaks::Ignored,
            Leaks::UnlessKilled => check::Leaks::UnlessKilled,
            Leaks::Always => check::Leaks::Always,
        },
        working_dir: exploration.target.working_dir.to_str().map(str::to_owned),
        ..Expectations::default()
    }
}
