//! The manual page and completions, generated from the definition of the command line.

use crate::arguments::CommandLine;
use crate::failure::Failure;
use crate::{exit, terminal};
use clap::CommandFactory;

/// Prints the manual page of the command or of one of its verbs.
pub fn man(verb: Option<&str>) -> Result<u8, Failure> {
    let mut command = CommandLine::command();
    if let Some(verb) = verb {
        let unknown = || {
            Failure::usage(format!(
                "unknown verb `{verb}`; `crosswire help` lists the verbs"
            ))
        };
        let found = command.find_subcommand(verb).ok_or_else(unknown)?;
        let name: &'static str = format!("crosswire-{verb}").leak();
        command = found.clone().name(name);
    }
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered.expect("memory accepts everything");
    terminal::print(&String::from_utf8_lossy(&page));
    Ok(exit::PASS)
}

/// Prints the completion script of a shell.
pub fn completions(shell: clap_complete::Shell) -> u8 {
    let mut script = Vec::new();
    let mut command = CommandLine::command();
    clap_complete::generate(shell, &mut command, "crosswire", &mut script);
    terminal::print(&String::from_utf8_lossy(&script));
    exit::PASS
}
