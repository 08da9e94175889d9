//! The command `crosswire`.

#![forbid(unsafe_code)]

mod arguments;
mod doctor;
mod exit;
mod failure;
mod findings;
mod interrupt;
mod list;
mod main_job;
mod progress;
mod replay;
mod run;
mod surroundings;
mod table;
mod terminal;

use arguments::{CommandLine, Verb};
use clap::Parser;
use failure::Failure;

fn main() {
    let code = match CommandLine::try_parse() {
        Ok(command_line) => perform(&command_line).unwrap_or_else(|failure| {
            terminal::note(&failure.to_string());
            failure.code
        }),
        Err(error) => {
            // Help and version count as errors here, but not for the caller.
            let _ = error.print();
            if error.use_stderr() {
                exit::USAGE
            } else {
                exit::PASS
            }
        }
    };
    // Ends workers that are still busy with an abandoned run.
    std::process::exit(i32::from(code));
}

fn perform(command_line: &CommandLine) -> Result<u8, Failure> {
    match &command_line.verb {
        None => main_job::main_job(cases(), &command_line.main_job),
        Some(Verb::Run(options)) => run::run(options),
        Some(Verb::Replay(options)) => replay::replay(options),
        Some(Verb::List(options)) => Ok(list::list(&list::entries(), options)),
        Some(Verb::Doctor(options)) => doctor::doctor(options),
    }
}

/// The cases of the main job.
fn cases() -> impl Iterator<Item = main_job::Case> {
    std::iter::empty()
}
