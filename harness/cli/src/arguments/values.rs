//! What stands behind an option, and how it is read.

use clap::ValueEnum;
use std::str::FromStr;
use std::time::Duration;

/// `NAME=COMMAND`.
#[derive(Debug, Clone)]
pub struct NamedCommand {
    /// Name of the process.
    pub name: String,
    /// Its words.
    pub command: Vec<String>,
}

impl FromStr for NamedCommand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, command) = text
            .split_once('=')
            .ok_or("write NAME='COMMAND', for example server='./server --port 0'")?;
        let harmless = |c: char| !c.is_control() && !c.is_whitespace() && !",:@#".contains(c);
        if name.is_empty() || !name.chars().all(harmless) {
            return Err(format!("`{name}` cannot be the name of a process"));
        }
        let command = shell_words::split(command).map_err(|error| error.to_string())?;
        if command.is_empty() {
            return Err(format!("the command of `{name}` is empty"));
        }
        Ok(NamedCommand {
            name: name.to_owned(),
            command,
        })
    }
}

/// Which status processes must end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedExit {
    /// Whichever.
    Any,
    /// This one.
    Status(u8),
}

impl FromStr for ExpectedExit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "any" => Ok(ExpectedExit::Any),
            number => number
                .parse()
                .map(ExpectedExit::Status)
                .map_err(|_| "an exit status is a number from 0 to 255, or `any`".to_owned()),
        }
    }
}

/// Which kernel resources must not outlive a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Leaks {
    /// Anything may be left.
    Ignore,
    /// Only what a killed process has created may be left.
    #[default]
    UnlessKilled,
    /// Nothing may be left: survivors must clean up for the killed.
    Always,
}

/// How far the processes are kept from the rest of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum IsolationOption {
    /// All namespaces that the machine permits.
    #[default]
    Auto,
    /// None.
    None,
}

/// A time in seconds, or 0.
pub(super) fn seconds_or_none(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        text => seconds(text),
    }
}

/// A time in seconds, with decimals if need be.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    if seconds <= 0.0 {
        return Err("the time must be more than 0".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// A command, split as a shell does.
#[derive(Debug, Clone)]
pub struct Words(pub Vec<String>);

pub(super) fn words(text: &str) -> Result<Words, String> {
    let words = shell_words::split(text).map_err(|error| error.to_string())?;
    match words.is_empty() {
        true => Err("the command is empty".to_owned()),
        false => Ok(Words(words)),
    }
}
