//! The options of `crosswire steer`.

use super::run::LimitOptions;
use super::{Format, JudgementOptions, ProgramOptions};
use clap::{Args, ValueEnum};
use crosswire::model::FaultKind;
use std::path::PathBuf;

/// What is shown to newcomers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SteerDemo {
    /// A writes into memory that B reads: torn data without --lock, whole data with it.
    SharedMemory,
    /// A sends a message that the kernel keeps until B receives it.
    MessagePassing,
    /// Both at once, with what the kernel did in each.
    Compare,
}

/// The part that one process has in a demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DemoPart {
    /// Writes into shared memory.
    Write,
    /// Reads from it.
    Read,
    /// Writes, and holds a lock meanwhile.
    WriteLocked,
    /// Reads, and holds it.
    ReadLocked,
    /// Sends a message.
    Send,
    /// Receives one.
    Receive,
}

impl DemoPart {
    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            DemoPart::Write => "write",
            DemoPart::Read => "read",
            DemoPart::WriteLocked => "write-locked",
            DemoPart::ReadLocked => "read-locked",
            DemoPart::Send => "send",
            DemoPart::Receive => "receive",
        }
    }
}

/// Options of `crosswire steer`.
#[derive(Debug, Args)]
#[command(after_help = "\
Where a terminal is, it shows the processes, what each is about to do, and every kernel object and
shared region; keys and commands decide who takes the next step, or which fault strikes there. Where
standard input is no terminal, commands are read from it, one a line, and each is answered by lines;
the first that fails ends the session with status 2. `help` lists the commands.

With --demo there is nothing to prepare: A gives B a text, which you may choose.

Examples:
  crosswire steer --demo shared-memory        choose when B reads: is what it reads whole?
  crosswire steer -- ./server --port 0        in the terminal
  crosswire steer --web -- ./server           in a browser on this machine
  crosswire steer --replay FILE               along a failure that was found
  printf 'step server.1\\nend\\n' | crosswire steer -- ./server

The exit status is that of the verdict on the run, if it is over when the session ends; 0 if not.")]
pub struct SteerOptions {
    /// The programs to run.
    #[command(flatten)]
    pub programs: ProgramOptions,
    /// Steer the run of this replay file: its steps are ahead, to be gone one by one, or left
    #[arg(long, value_name = "FILE", conflicts_with_all = ["processes", "command"])]
    pub replay: Option<PathBuf>,
    /// Steer two processes, A and B, of which A gives a text to B, instead of a program of yours
    #[arg(long, value_enum, conflicts_with_all = ["processes", "command", "replay"])]
    pub demo: Option<SteerDemo>,
    /// With --demo: the text, at most 32 bytes; the command `data TEXT` changes it
    #[arg(long, value_name = "TEXT", requires = "demo")]
    pub data: Option<String>,
    /// With --demo: guard the shared memory by a lock
    #[arg(long, requires = "demo")]
    pub lock: bool,
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
    /// Make accesses to memory that threads of a process could share (globals, heap) steps, as
    /// those to shared mappings are
    #[arg(long)]
    pub threads: bool,
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
