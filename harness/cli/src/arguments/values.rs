//! Values of options and their parsers.

use clap::ValueEnum;
use crosswire::check::{Allowance, AllowanceError, pattern as read_pattern};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// `NAME=COMMAND`.
#[derive(Debug, Clone)]
pub struct NamedCommand {
    /// Name of the process.
    pub name: String,
    /// Words of the command.
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
            return Err(format!(
                "`{name}` cannot be the name of a process: it is empty, or contains white space, \
                 a control character or one of `,:@#`"
            ));
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

/// Exit status that processes must end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedExit {
    /// Any status.
    Any,
    /// This status.
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

/// Violations that are accepted.
#[derive(Debug, Clone)]
pub enum Allowed {
    /// Leaks of what the shell pattern matches.
    Leak(String),
    /// Violations of another kind.
    Other(Allowance),
}

impl Allowed {
    /// Returns the pattern of the leaks.
    pub fn leak(&self) -> Option<String> {
        match self {
            Allowed::Leak(pattern) => Some(pattern.clone()),
            Allowed::Other(_) => None,
        }
    }

    /// Returns what is accepted, if that is no leak.
    pub fn other(&self) -> Option<Allowance> {
        match self {
            Allowed::Leak(_) => None,
            Allowed::Other(allowance) => Some(allowance.clone()),
        }
    }
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("leak", pattern)) => match read_pattern(pattern) {
                Ok(_) => Ok(Allowed::Leak(pattern.to_owned())),
                Err(error) => Err(error.to_string()),
            },
            _ if text == "leak" => Err("say which, as in leak:/tmp/cache*, or accept all with \
                --leaks ignore"
                .to_owned()),
            _ => text
                .parse()
                .map(Allowed::Other)
                .map_err(|e: AllowanceError| e.to_string()),
        }
    }
}

/// Kernel resources that must not outlive a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Leaks {
    /// Anything may be left behind.
    Ignore,
    /// Only what a killed process has created may be left behind.
    #[default]
    UnlessKilled,
    /// Nothing may be left behind: survivors must clean up after killed processes.
    Always,
}

/// Degree of isolation of the processes from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum IsolationOption {
    /// All namespaces that the machine permits.
    #[default]
    Auto,
    /// No namespaces.
    None,
}

/// Parses `NAME=PATH`.
pub(super) fn named_path(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok((name.to_owned(), path.into()))
        }
        _ => Err("write NAME=PATH, for example server=target/debug/server".to_owned()),
    }
}

/// Parses a time in seconds, or 0.
pub(super) fn seconds_or_none(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        text => seconds(text),
    }
}

/// Parses a positive time in seconds, with optional decimals, or with a unit.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let number = digits.parse::<f64>().ok().filter(|_| !unit.is_nan());
    let seconds = number.ok_or("not a time, as in 30, 1.5, 90s, 2m or 1h")? * unit;
    if seconds <= 0.0 {
        return Err("the time must be greater than 0".to_owned());
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
