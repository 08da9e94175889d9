//! The command `crosswire`.

#![forbid(unsafe_code)]

mod analyses;
mod arguments;
mod check;
mod conform;
mod crash;
mod debugging;
mod diff;
mod doctor;
mod exit;
mod explain;
mod failure;
mod findings;
mod generated;
mod interrupt;
mod junit;
mod list;
mod main_job;
mod mechanism;
mod merge;
mod progress;
mod replay;
mod run;
mod shrink;
mod steer;
mod surroundings;
mod table;
mod terminal;

use arguments::{CommandLine, Verb};
use clap::Parser;
use failure::Failure;
use std::io::Write;

fn main() {
    let code = match CommandLine::try_parse() {
        Ok(command_line) => perform(&command_line).unwrap_or_else(|failure| {
            tell_programs(&failure.to_string());
            terminal::note(&failure.to_string());
            failure.code
        }),
        Err(error) => {
            // Help and version count as errors here, but not for the caller.
            let is_error = error.use_stderr();
            if is_error {
                let said = error.to_string();
                tell_programs(said.trim_start_matches("error: ").trim_end());
            }
            // Help goes to standard output, and is flushed when the process exits.
            let printed = error.print().and_then(|()| std::io::stdout().flush());
            if !is_error {
                terminal::note_result(printed);
            }
            if is_error { exit::USAGE } else { exit::PASS }
        }
    };
    // Missing results must not be taken for a pass.
    let code = match code {
        exit::VIOLATION | exit::USAGE => code,
        _ if terminal::is_lost() => exit::INVALID,
        code => code,
    };
    // Ends workers that are still busy with an abandoned run.
    std::process::exit(i32::from(code));
}

fn perform(command_line: &CommandLine) -> Result<u8, Failure> {
    match &command_line.verb {
        None => main_job::main_job(&crosswire_scenarios::cells(), &command_line.main_job),
        Some(Verb::Run(options)) => run::run(options),
        Some(Verb::Crash(options)) => crash::crash(options),
        Some(Verb::Merge(options)) => merge::merge(options),
        Some(Verb::Replay(options)) => replay::replay(options),
        Some(Verb::Shrink(options)) => shrink::shrink(options),
        Some(Verb::Explain(options)) => explain::explain(options),
        Some(Verb::Steer(options)) => steer::steer(options),
        Some(Verb::Diff(options)) => diff::diff(options),
        Some(Verb::Man { verb }) => generated::man(verb.as_deref()),
        Some(Verb::Completions { shell }) => Ok(generated::completions(*shell)),
        Some(Verb::List(options)) => Ok(list::list(&list::entries(), options)),
        Some(Verb::Doctor(options)) => doctor::doctor(options),
        Some(Verb::Check(options)) => check::check(options),
        Some(Verb::Analyses(options)) => analyses::analyses(options),
        Some(Verb::Conform(options)) => conform::conform(options),
        Some(Verb::DemoProcess { part, text }) => steer::perform_demo(*part, text),
        Some(Verb::Scenario { name, command }) => {
            crosswire_scenarios::reenter(name, command).map_err(Failure::usage)?;
            Ok(exit::PASS)
        }
    }
}

/// Prints for programs that there is no report, in the form in which they expect one.
fn tell_programs(error: &str) {
    #[derive(serde::Serialize)]
    struct NoReport<'a> {
        format_version: u32,
        error: &'a str,
    }
    if wants("github", std::env::args_os().skip(1)) {
        terminal::print(&crosswire::report::github::error("no result", error));
    }
    if wants("json", std::env::args_os().skip(1)) {
        terminal::print_json(&NoReport {
            format_version: crosswire::model::FORMAT_VERSION,
            error,
        });
    }
}

/// Tells whether the command line asks for a format, even if it cannot be parsed otherwise.
/// Arguments after `--` belong to the program under test.
fn wants(format: &str, arguments: impl Iterator<Item = std::ffi::OsString>) -> bool {
    let whole = format!("--format={format}");
    let own: Vec<_> = arguments.take_while(|argument| argument != "--").collect();
    own.iter().any(|argument| *argument == *whole)
        || own
            .windows(2)
            .any(|pair| pair[0] == "--format" && pair[1] == format)
}

#[cfg(test)]
mod tests {
    use super::wants;

    #[test]
    fn the_format_is_seen_in_unreadable_command_lines() {
        let wants = |line: &str| wants("json", line.split(' ').map(Into::into));
        assert!(wants("run --format json --what"));
        assert!(wants("--format=json --what"));
        assert!(!wants("run --what -- cc --format json"));
        assert!(!wants("run --format text"));
    }
}
