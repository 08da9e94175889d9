//! `crosswire crash`: kill one process at every point, judge the others.

use crate::arguments::{CrashOptions, Format, Words};
use crate::failure::Failure;
use crate::findings;
use crate::progress::Display;
use crate::{exit, interrupt, surroundings, terminal};
use crosswire::engine::{Start, Successor, Target};
use crosswire::explore::{Budget, CrashReport, CrashSearch, Exploration, find_executable};
use crosswire::report::crashes;

/// Names of the processes of the recovery program: its first start and its restart.
const RECOVERY: [&str; 2] = ["recovery", "recovery-again"];

/// Searches, reports and returns the exit status.
pub fn crash(options: &CrashOptions) -> Result<u8, Failure> {
    let mut surroundings = surroundings::from(&options.programs)?;
    let only = match &surroundings.target.programs[..] {
        [only] => Some(only.name.clone()),
        _ => None,
    };
    if let Some(command) = &options.recover {
        let victim = recovered(options, &surroundings.target)?;
        let is_killed = options.second.as_deref() == Some(RECOVERY[0]);
        add_recovery(command, &victim, is_killed, &mut surroundings.target)?;
    }
    surroundings.note_withheld();
    let mut exploration = Exploration::new(surroundings.target);
    exploration.seed = options.explore.seed;
    exploration.jobs = options.explore.jobs.map_or(exploration.jobs, usize::from);
    exploration.expectations = surroundings::expectations(&options.judgement, &exploration.target);
    exploration.limits = options.limits.limits();
    let search = CrashSearch {
        second: options.second.clone(),
        schedules: options.schedules,
        every_point: options.every_point,
        victim: options.victim.clone().or(only),
        budget: budget(options),
        ..CrashSearch::new(exploration, "")
    };

    let stop = interrupt::stop_flag()?;
    let display = Display::new(options.output.quiet);
    let report = search.perform(&stop, &|progress| display.exploration(progress));
    display.finish();
    let mut report = report?;
    findings::store_given_up(&mut report.given_up, &options.explore.output_dir);
    terminal::note_losses(&report.capabilities_lost);
    tell(&report, options);
    Ok(exit::of_exploration(&report.verdict, report.interrupted))
}

fn budget(options: &CrashOptions) -> Budget {
    let runs = Budget::runs(options.runs.unwrap_or(u64::MAX));
    match options.time {
        Some(time) => runs.within(time),
        None => runs,
    }
}

/// Returns the process after whose end the recovery begins.
fn recovered(options: &CrashOptions, target: &Target) -> Result<String, Failure> {
    match (&options.victim, &target.programs[..]) {
        (Some(name), _) => Ok(name.clone()),
        (None, [only]) => Ok(only.name.clone()),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|start| start.name.as_str()).collect();
            Err(Failure::usage(format!(
                "--recover needs the process after whose end it begins: write --victim NAME; the \
                 programs are {}, and the children that they fork are NAME.1, NAME.2, …",
                names.join(", ")
            )))
        }
    }
}

/// Adds the program that starts when the victim has ended and, if that program is killed
/// too, starts once more.
fn add_recovery(
    Words(command): &Words,
    victim: &str,
    is_killed: bool,
    target: &mut Target,
) -> Result<(), Failure> {
    find_executable(&command[0], &target.working_dir, &target.environment)
        .map_err(Failure::usage)?;
    let mut predecessor = victim;
    for name in RECOVERY.into_iter().take(1 + usize::from(is_killed)) {
        if target.programs.iter().any(|start| start.name == name) {
            return Err(Failure::usage(format!(
                "`{name}` is reserved for the process of --recover; rename your process"
            )));
        }
        target.programs.push(Start {
            name: name.to_owned(),
            command: command.clone(),
        });
        target.successors.push(Successor {
            process: name.to_owned(),
            of: predecessor.to_owned(),
        });
        predecessor = name;
    }
    Ok(())
}

fn tell(report: &CrashReport, options: &CrashOptions) {
    let found = report.groups.iter().map(|group| &group.found);
    let files = findings::store(found, &options.explore.output_dir);
    match options.output.format {
        Format::Json => terminal::print_json(&crashes::summary(report, &files)),
        Format::Text | Format::Github => {
            let palette = terminal::palette();
            terminal::print(&crashes::text(report, &files, palette));
        }
    }
    let found = report.groups.iter().map(|group| &group.found);
    terminal::annotate(&options.output, &report.verdict, found, &files);
}
