//! `crosswire steer`: schedules by hand, in a terminal, in a browser, or by lines.

mod demo;
mod plain;
mod screen;
mod terminal_form;
mod web;

use crate::arguments::SteerOptions;
use crate::failure::Failure;
use crate::{exit, surroundings};
use crosswire::check::Leaks;
use crosswire::engine::Target;
use crosswire::explore::{self, Exploration};
use crosswire_steer::{SteerError, Steering};
use std::io::IsTerminal;

pub use demo::perform as perform_demo;

/// Steers until the user is done; returns the exit status.
pub fn steer(options: &SteerOptions) -> Result<u8, Failure> {
    let mut steering = match (options.demo, &options.replay) {
        (None, None) => Steering::start(exploration(options)?)?,
        (None, Some(file)) => {
            let record = explore::load(file)?;
            let exploration = settings(options, explore::target_of(&record)?);
            Steering::retrace(exploration, &record)?
        }
        (Some(demo), _) => {
            let demo = demo::demo(demo, options.lock, options.data.as_deref())?;
            let mut exploration = settings(options, demo.target());
            // What they make ends with the run.
            exploration.expectations.leaks = Leaks::Ignored;
            Steering::demonstrate(exploration, demo)?
        }
    };
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    match options.web {
        Some(port) => web::serve(&mut steering, port)?,
        None if is_terminal && !options.plain => terminal_form::converse(&mut steering)?,
        None => plain::converse(&mut steering, options.format)?,
    }
    Ok(status(&steering))
}

/// Builds the settings of the runs, and of a search behind them.
fn exploration(options: &SteerOptions) -> Result<Exploration, Failure> {
    let surroundings = surroundings::from(&options.programs)?;
    surroundings.note_withheld();
    Ok(settings(options, surroundings.target))
}

fn settings(options: &SteerOptions, target: Target) -> Exploration {
    let mut exploration = Exploration::new(target);
    exploration.expectations = surroundings::expectations(&options.judgement, &exploration.target);
    exploration.limits = options.limits.limits();
    exploration.faults = options.faults.clone();
    exploration.every_step = options.every_step;
    exploration.watches_threads = options.threads;
    exploration.seed = options.seed;
    exploration
}

/// Returns the status of the verdict, if the run is over.
fn status(steering: &Steering) -> u8 {
    steering.verdict().map_or(exit::PASS, exit::of)
}

impl From<SteerError> for Failure {
    fn from(error: SteerError) -> Failure {
        match error {
            SteerError::Engine(error) => error.into(),
            SteerError::Explore(error) => error.into(),
            SteerError::Replay(error) => error.into(),
            error => Failure::usage(error),
        }
    }
}
