//! The options of `crosswire steer`.

use super::run::LimitOptions;
use super::{Format, JudgementOptions, ProgramOptions};
use clap::Args;
use crosswire::model::FaultKind;

/// Options of `crosswire steer`.
#[derive(Debug, Args)]
#[command(after_help = "\
Where a terminal is, it shows the processes, what each is about to do, and every kernel object and
shared region; keys and commands decide who takes the next step, or which fault strikes there. Where
standard input is no terminal, commands are read from it, one a line, and each is answered by lines;
the first that fails ends the session with status 2. `help` lists the commands.

Examples:
  crosswire steer -- ./server --port 0        in the terminal
  crosswire steer --web -- ./server           in a browser on this machine
  printf 'step server.1\\nend\\n' | crosswire steer -- ./server

The exit status is that of the verdict on the run, if it is over when the session ends; 0 if not.")]
pub struct SteerOptions {
    /// The programs to run.
    #[command(flatten)]
    pub programs: ProgramOptions,
    /// Read commands from standard input and answer by lines, even if it is a terminal
    #[arg(long, conflicts_with = "web")]
    pub plain: bool,
    /// Serve a page on 127.0.0.1 instead, at this port, and print its address; 0 takes a free port
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    pub web: Option<u16>,
    /// Faults that a search may inject besides those that were chosen, separated by commas, as for
    /// `crosswire run` [default: none]
    #[arg(long, value_name = "FAULTS", value_delimiter = ',')]
    pub faults: Vec<FaultKind>,
    /// Make a step of every call with which a program starts, too
    #[arg(long)]
    pub every_step: bool,
    /// Seed of all that a program asks the kernel for that is random
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The expected results.
    #[command(flatten)]
    pub judgement: JudgementOptions,
    /// Bounds on each run.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// Format of the answers where commands are read from standard input: json is one object a
    /// line
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
