//! Programs and their environment, from the command line.

use crate::arguments::{
    Allowed, ExpectedExit, IsolationOption, JudgementOptions, Leaks, ProgramOptions,
};
use crate::failure::Failure;
use crate::terminal;
use crosswire::check::{self, Exit, Expectations};
use crosswire::engine::{Isolation, Start, Target};
use crosswire::explore::{Environment, find_executable};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// The programs under test and the variables withheld from them.
pub struct Surroundings {
    /// Target for the engine.
    pub target: Target,
    /// Variables withheld from the programs.
    pub withheld: Vec<String>,
}

impl Surroundings {
    /// Reports the withheld variables and the reason.
    pub fn note_withheld(&self) {
        if !self.withheld.is_empty() {
            terminal::note(&format!(
                "withheld from the programs, because replay files contain the environment: {} \
                 (--env NAME passes one on)",
                self.withheld.join(", ")
            ));
        }
    }
}

/// Builds the target of `crosswire run` and `crosswire crash`.
pub fn from(options: &ProgramOptions) -> Result<Surroundings, Failure> {
    let programs = programs(options)?;
    let working_dir = std::env::current_dir()
        .map_err(|error| Failure::usage(format!("cannot find the working directory: {error}")))?;
    let (environment, withheld) = environment(&options.environment, std::env::vars_os());
    for start in &programs {
        find_executable(&start.command[0], &working_dir, &environment).map_err(Failure::usage)?;
    }
    let isolation = match options.isolation {
        IsolationOption::Auto => Isolation::Auto,
        IsolationOption::None => Isolation::None,
    };
    let target = Target {
        programs,
        working_dir,
        environment,
        isolation,
        disk_mib: options.disk,
        children: Vec::new(),
        successors: Vec::new(),
        listings: crosswire::engine::Listings::default(),
    };
    Ok(Surroundings { target, withheld })
}

/// Builds the expectations for the programs from the options.
pub fn expectations(options: &JudgementOptions, target: &Target) -> Expectations {
    let allowed = &options.allow;
    let roots = target.programs.iter().map(|start| start.name.clone());
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
        statuses_under_faults: !options.may_give_up,
        may_die: options.expect_signal.clone(),
        may_leave: allowed.iter().filter_map(Allowed::leak).collect(),
        allowed: allowed.iter().filter_map(Allowed::other).collect(),
        working_dir: target.working_dir.to_str().map(str::to_owned),
        ..Expectations::default()
    }
}

fn programs(options: &ProgramOptions) -> Result<Vec<Start>, Failure> {
    let mut programs: Vec<Start> = Vec::new();
    for named in &options.processes {
        if programs.iter().any(|known| known.name == named.name) {
            return Err(Failure::usage(format!(
                "two processes are named `{}`; give each a name of its own",
                named.name
            )));
        }
        programs.push(Start {
            name: named.name.clone(),
            command: named.command.clone(),
        });
    }
    if let Some(program) = options.command.first() {
        // The name is part of faults such as kill:NAME@write#2, hence without their separators.
        let file = Path::new(program)
            .file_name()
            .map_or(program.as_str().into(), |name| name.to_string_lossy());
        let name = file.replace(
            |c: char| c.is_whitespace() || c.is_control() || ",:@#".contains(c),
            "_",
        );
        programs.push(Start {
            name,
            command: options.command.clone(),
        });
    }
    match programs.is_empty() {
        true => Err(Failure::usage(
            "no program to run: write `-- PROGRAM ARGS…` or --process NAME='COMMAND'",
        )),
        false => Ok(programs),
    }
}

/// Returns the programs' environment, sorted, and the names of the withheld variables.
fn environment(
    options: &[String],
    own: impl Iterator<Item = (OsString, OsString)>,
) -> (Vec<(String, String)>, Vec<String>) {
    let mut environment = Environment::of(own, options);
    for (name, value) in options.iter().filter_map(|option| option.split_once('=')) {
        environment.set(name, value);
    }
    let withheld = environment.withheld.clone();
    (environment.into_list(), withheld)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_withheld_unless_named() {
        let own = [
            ("HOME", "/root"),
            ("GITHUB_TOKEN", "x"),
            ("DB_PASSWORD", "y"),
            ("A", "1"),
        ];
        let own = || {
            own.into_iter()
                .map(|(name, value)| (name.into(), value.into()))
        };
        let options = ["GITHUB_TOKEN".to_owned(), "A=2".to_owned()];
        let (variables, withheld) = environment(&options, own());
        let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", "GITHUB_TOKEN", "HOME"]);
        assert_eq!(variables[0].1, "2");
        assert_eq!(withheld, ["DB_PASSWORD"]);
    }
}
