//! The command line.

mod run;
mod values;

pub use run::{CrashOptions, JudgementOptions, ProgramOptions, RunOptions};
pub use values::{ExpectedExit, IsolationOption, Leaks, Words};

use crate::check::CheckOptions;
use clap::{Args, Parser, Subcommand, ValueEnum};
use crosswire::engine::FAILURES;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;
use values::seconds;

const EXAMPLES: &str = "\
Examples:
  crosswire                                   every mechanism against its contract, under faults
  crosswire run -- ./server --port 0          explore the schedules of an unmodified program
  crosswire run --process a='./peer 1' --process b='./peer 2' --faults kill:a,short-io
  crosswire crash --victim app.1 --recover ./repair -- ./app
  crosswire replay crosswire-failures/server-deadlock-1f3a.json
  crosswire shrink crosswire-failures/server-deadlock-1f3a.json
  crosswire check --as fifo history.txt       could this be the history of a queue?

Exit status:
  0 pass   1 violation   2 unusable command line, file or program   3 invalid (Crosswire could
  not do its job)   4 inconclusive (a limit was reached)   130 interrupted, nothing found so far";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  crosswire explain crosswire-failures/server-deadlock-1f3a.json
  crosswire explain --html run.html crosswire-failures/server-deadlock-1f3a.json
  crosswire explain --demo pipe --html pipe.html
  crosswire explain --format json --perfetto run.perfetto.json --junit results.xml FILE";

const REPLAY_EXAMPLES: &str = "\
Examples:
  crosswire replay crosswire-failures/server-deadlock-1f3a.json
  crosswire replay --debug --at 12 FILE       stop before step 12 and say how to attach
  crosswire replay --gdb server.1 FILE        a debugger on that process, at the last step
  crosswire replay --cores cores FILE         core files of everybody who is left";

/// Finds races, deadlocks, lost messages and leaked kernel resources between
/// processes: runs them for real, one step at a time, under schedules and faults
/// that it chooses, and replays what it finds.
#[derive(Debug, Parser)]
#[command(name = "crosswire", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct CommandLine {
    /// What to do; the main job if nothing is said.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Options of the main job.
    #[command(flatten)]
    pub main_job: MainJobOptions,
}

/// What the command can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Explore the schedules and faults of an unmodified program, or of several
    Run(Box<RunOptions>),
    /// Kill one process at every point, and see whether the others survive it
    Crash(Box<CrashOptions>),
    /// Hold a program, by way of an adapter, to the contract of a mechanism
    Conform(Box<ConformOptions>),
    /// Perform a recorded failure again: same verdict, same trace
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayOptions),
    /// Find the fewest faults and decisions with which a recorded failure still shows
    Shrink(ShrinkOptions),
    /// Say what a recorded run shows: what went wrong, and the steps that led there
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Box<ExplainOptions>),
    /// Compare two recorded runs: the first step that differs, and the decisions that do
    Diff(DiffOptions),
    /// Print the manual page, or that of a verb, for man(1)
    Man {
        /// Which verb.
        verb: Option<String>,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// List the scenarios and mechanisms
    List(OutputOptions),
    /// Say what this machine permits, how that was tested and what is lost without it
    Doctor(OutputOptions),
    /// Judge histories of operations from a file or a pipe
    Check(CheckOptions),
    /// Become the processes of a scenario of the main job, when started by it
    #[command(name = "__scenario", hide = true)]
    Scenario {
        /// Which.
        name: String,
        /// The adapter's program, if it is one.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object on standard output.
    Json,
}

/// Options of every verb.
#[derive(Debug, Clone, Args)]
pub struct OutputOptions {
    /// How results are written to standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// No progress on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

/// Options of every exploration.
#[derive(Debug, Clone, Args)]
pub struct ExploreOptions {
    /// Determines every schedule and fault
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Runs at a time [default: one for each CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: Option<u16>,
    /// Where replay files are written
    #[arg(long, value_name = "DIR", default_value = FAILURES)]
    pub output_dir: PathBuf,
}

/// Options of the main job.
#[derive(Debug, Clone, Args)]
pub struct MainJobOptions {
    /// Real time for all cases together, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "45", value_parser = seconds)]
    pub budget: Duration,
    /// Perform N runs of each case, however long they take, instead
    #[arg(long, value_name = "N", conflicts_with = "budget", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// Only this mechanism, or this MECHANISM/FAULT; may be given several times
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// How to explore.
    #[command(flatten)]
    pub explore: ExploreOptions,
    /// How to report.
    #[command(flatten)]
    pub output: OutputOptions,
    /// Whether an adapter is held to a contract, so that each promise holds or is broken.
    #[arg(skip)]
    pub held_to_contract: bool,
}

/// Options of `crosswire conform`.
#[derive(Debug, Args)]
#[command(after_help = "\
The adapter speaks a line protocol on descriptors that it is given: `send 7`, `recv`, `lock`, …
The documentation of crosswire::conformance::adapter describes it; fixtures/adapters has examples
in C and Python. Each of its processes is killed, paused and interrupted as the contract says.")]
pub struct ConformOptions {
    /// The mechanism whose contract it is held to, by its name in `crosswire list`
    #[arg(long, value_name = "MECHANISM")]
    pub contract: String,
    /// Senders that the adapter is made for, at most, if it is a channel
    #[arg(long, value_name = "N")]
    pub senders: Option<NonZeroUsize>,
    /// Receivers that it is made for, at most
    #[arg(long, value_name = "N")]
    pub receivers: Option<NonZeroUsize>,
    /// How to go about it.
    #[command(flatten)]
    pub job: MainJobOptions,
    /// The adapter and its arguments
    #[arg(last = true, required = true, value_name = "ADAPTER")]
    pub command: Vec<String>,
}

/// Options of `crosswire replay`.
#[derive(Debug, Args)]
pub struct ReplayOptions {
    /// A replay file
    pub file: PathBuf,
    /// Leave the processes stopped at the last step, for a debugger
    #[arg(long)]
    pub debug: bool,
    /// Stop before this step; implies --debug
    #[arg(long, value_name = "STEP")]
    pub at: Option<u64>,
    /// Start gdb on this process or thread, as the report names it; implies --debug
    #[arg(long, value_name = "TASK")]
    pub gdb: Option<String>,
    /// Write core files of everybody who is left into this directory; implies --debug
    #[arg(long, value_name = "DIR", conflicts_with = "gdb")]
    pub cores: Option<PathBuf>,
    /// Replay although the program has changed, and say what becomes of it now
    #[arg(long)]
    pub allow_changed: bool,
    /// How to report.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Options of `crosswire shrink`.
#[derive(Debug, Args)]
pub struct ShrinkOptions {
    /// A replay file; it is left as it is
    pub file: PathBuf,
    /// Real time, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub time: Duration,
    /// Where the replay file of the shrunk failure is written
    #[arg(long, value_name = "DIR", default_value = FAILURES)]
    pub output_dir: PathBuf,
    /// How to report.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Recordings that come with Crosswire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Demo {
    /// Two processes add to the same number.
    SharedMemory,
    /// Whole messages wait in a queue.
    MessagePassing,
    /// Bytes wait between a writer and a reader.
    Pipe,
    /// A number that nobody can take below zero.
    Semaphore,
    /// Sent, on their way, delivered.
    Signals,
    /// Each holds the lock that the other one waits for.
    Deadlock,
}

/// Options of `crosswire diff`.
#[derive(Debug, Args)]
pub struct DiffOptions {
    /// A replay file
    pub first: PathBuf,
    /// Another one of the same programs [default: the run in the default order without
    /// faults, which is performed now]
    pub second: Option<PathBuf>,
    /// How to report.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Options of `crosswire explain`.
#[derive(Debug, Args)]
pub struct ExplainOptions {
    /// A replay file
    #[arg(required_unless_present_any = ["demo", "schema", "mechanism"])]
    pub file: Option<PathBuf>,
    /// A recording that comes with Crosswire, to see how such a thing works
    #[arg(long, value_enum, conflicts_with = "file")]
    pub demo: Option<Demo>,
    /// Write the results as JUnit XML, for CI
    #[arg(long, value_name = "OUT")]
    pub junit: Option<PathBuf>,
    /// Write the run for trace viewers such as https://ui.perfetto.dev
    #[arg(long, value_name = "OUT")]
    pub perfetto: Option<PathBuf>,
    /// Print a page about a mechanism, made from its contract
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "demo"])]
    pub mechanism: Option<String>,
    /// Print the JSON schema of what `--format json` prints
    #[arg(long, conflicts_with_all = ["file", "demo"])]
    pub schema: bool,
    /// Write a page to step through the run, one file that needs no network
    #[arg(long, value_name = "OUT")]
    pub html: Option<PathBuf>,
    /// How to report.
    #[command(flatten)]
    pub output: OutputOptions,
}

#[cfg(test)]
mod tests;
