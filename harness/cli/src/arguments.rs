//! The command line.

mod analyses;
mod histories;
mod run;
mod shard;
mod shared;
mod steer;
mod values;

pub use analyses::AnalysesOptions;
pub use histories::CheckOptions;
pub use run::{CrashOptions, JudgementOptions, ProgramOptions, RunOptions};
pub use shared::{ExploreOptions, Format, OutputOptions};
pub use steer::{DemoPart, SteerDemo, SteerOptions};
pub use values::{Allowed, ExpectedExit, IsolationOption, Leaks, Words};

use clap::{Args, Parser, Subcommand, ValueEnum};
use crosswire::engine::FAILURES;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;
use values::{named_path, seconds};

const EXAMPLES: &str = "\
Examples:
  crosswire                                   test every mechanism against its contract
  crosswire run -- ./server --port 0          explore the schedules of an unmodified program
  crosswire run --process a='./peer 1' --process b='./peer 2' --faults kill:a,short-io
  crosswire crash --victim app.1 --recover ./repair -- ./app
  crosswire replay crosswire-failures/server-deadlock-1f3a.json
  crosswire shrink crosswire-failures/server-deadlock-1f3a.json
  crosswire steer -- ./server                 decide each step by hand, and step back
  crosswire check --as fifo history.txt       check whether this can be the history of a queue

Exit status:
  0 pass   1 violation   2 unusable command line, file or program   3 invalid (Crosswire could
    not do its job)   4 inconclusive (a limit was reached)   130 interrupted, no violation found";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  crosswire explain crosswire-failures/server-deadlock-1f3a.json
  crosswire explain --html run.html crosswire-failures/server-deadlock-1f3a.json
  crosswire explain --demo pipe --html pipe.html
  crosswire explain --format json --perfetto run.perfetto.json --junit results.xml FILE";

const REPLAY_EXAMPLES: &str = "\
Examples:
  crosswire replay crosswire-failures/server-deadlock-1f3a.json
  crosswire replay --debug --at 12 FILE       stop before step 12 and print how to attach
  crosswire replay --gdb server.1 FILE        attach a debugger to that process, at the last step
  crosswire replay --cores cores FILE         core files of the remaining processes";

const MERGE_EXAMPLES: &str = "\
Examples:
  for K in 1 2 3 4; do crosswire run --shard $K/4 --output-dir parts -- ./server; done
  crosswire merge parts                       the report of all four
  crosswire run --shard auto --continue --output-dir parts -- ./server   in a job array

The exit status is that of a single run with the same results; 4 (inconclusive) if no part found
a violation and a part is missing or not finished.";

/// Finds races, deadlocks, lost messages and leaked kernel resources between processes:
/// runs the real processes one step at a time, under schedules and faults that it
/// chooses, and replays each failure.
#[derive(Debug, Parser)]
#[command(name = "crosswire", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct CommandLine {
    /// The verb to perform; the main job if there is none.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Options of the main job.
    #[command(flatten)]
    pub main_job: MainJobOptions,
}

/// The verbs of the command.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Explore the schedules and faults of an unmodified program, or of several
    Run(Box<RunOptions>),
    /// Kill one process at every point that makes a difference and check that the others survive
    Crash(Box<CrashOptions>),
    /// Test a program against the contract of a mechanism, through an adapter
    Conform(Box<ConformOptions>),
    /// Replay a recorded failure: same verdict, same trace
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayOptions),
    /// Find the fewest faults and scheduling decisions that reproduce a recorded failure
    Shrink(ShrinkOptions),
    /// Explain a recorded run: the violation and the steps that led to it
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Box<ExplainOptions>),
    /// Steer a run by hand: who takes each step, which fault strikes; forward and back
    Steer(Box<SteerOptions>),
    /// Compare two recorded runs: the first step and the decisions that differ
    Diff(DiffOptions),
    /// Merge the results of all parts of an exploration into one report
    #[command(after_help = MERGE_EXAMPLES)]
    Merge(MergeOptions),
    /// Print the manual page of the command or of a verb, in the format of man(1)
    Man {
        /// The verb to document [default: the whole command]
        verb: Option<String>,
    },
    /// Print the completion script of a shell
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
    /// List the scenarios and mechanisms
    List(OutputOptions),
    /// Test what this machine permits and explain what is lost without it
    Doctor(OutputOptions),
    /// Judge histories of operations from a file or a pipe
    Check(CheckOptions),
    /// Become a process of a demo, when started by it
    #[command(name = "__demo", hide = true)]
    DemoProcess {
        /// The part of the process.
        part: DemoPart,
        /// The text that is given and taken.
        text: String,
    },
    /// Repeat the analyses of IPC libraries and compare with what is recorded
    Analyses(AnalysesOptions),
    /// Become the processes of a scenario of the main job, when started by it
    #[command(name = "__scenario", hide = true)]
    Scenario {
        /// Name of the scenario.
        name: String,
        /// The adapter's program, if it is one.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

/// Options of the main job.
#[derive(Debug, Clone, Args)]
pub struct MainJobOptions {
    /// Real time for all cases together, in seconds; cases for which none is left are not
    /// tested
    #[arg(long, value_name = "SECONDS", default_value = "45", value_parser = seconds)]
    pub budget: Duration,
    /// Perform N runs of each case, however long they take, instead
    #[arg(long, value_name = "N", conflicts_with = "budget", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// Only this mechanism, or this MECHANISM/FAULT; may be given several times
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Options of the exploration.
    #[command(flatten)]
    pub explore: ExploreOptions,
    /// Options of the output.
    #[command(flatten)]
    pub output: OutputOptions,
    /// True if an adapter is tested against a contract, so that each promise holds or is broken.
    #[arg(skip)]
    pub held_to_contract: bool,
}

/// Options of `crosswire conform`.
#[derive(Debug, Args)]
#[command(after_help = "\
The adapter speaks a line protocol on descriptors that it inherits: `send 7`, `recv`, `lock`, …
The documentation of crosswire::conformance::adapter describes it; fixtures/adapters has examples
in C and Python. Crosswire kills, pauses and interrupts its processes as the contract says.")]
pub struct ConformOptions {
    /// Mechanism whose contract must hold, by its name in `crosswire list`
    #[arg(long, value_name = "MECHANISM")]
    pub contract: String,
    /// Maximum number of senders that the adapter supports, if it is a channel [default: no limit]
    #[arg(long, value_name = "N")]
    pub senders: Option<NonZeroUsize>,
    /// Maximum number of receivers that it supports [default: no limit]
    #[arg(long, value_name = "N")]
    pub receivers: Option<NonZeroUsize>,
    /// Options shared with the main job.
    #[command(flatten)]
    pub job: MainJobOptions,
    /// Adapter program and its arguments
    #[arg(last = true, required = true, value_name = "ADAPTER")]
    pub command: Vec<String>,
}

/// Options of `crosswire replay`.
#[derive(Debug, Args)]
pub struct ReplayOptions {
    /// A replay file
    pub file: PathBuf,
    /// Stop the processes at the step that shows the violation and keep them for a debugger
    #[arg(long)]
    pub debug: bool,
    /// Stop before this step; implies --debug
    #[arg(long, value_name = "STEP")]
    pub at: Option<u64>,
    /// Start gdb on this process or thread, by its name in the report; implies --debug
    #[arg(long, value_name = "TASK")]
    pub gdb: Option<String>,
    /// Write core files of the remaining processes to this directory; implies --debug
    #[arg(long, value_name = "DIR", conflicts_with = "gdb")]
    pub cores: Option<PathBuf>,
    /// Replay even if the program has changed, and report whether it still fails
    #[arg(long)]
    pub allow_changed: bool,
    /// Replay without the tested cause of this number, from 1: the run passes
    #[arg(
        long,
        value_name = "N",
        conflicts_with_all = ["debug", "at", "gdb", "cores", "allow_changed", "programs"]
    )]
    pub without_cause: Option<usize>,
    /// Replay with this executable as process NAME, in place of the recorded one; implies
    /// --allow-changed; may be repeated
    #[arg(long = "program", value_name = "NAME=PATH", value_parser = named_path)]
    pub programs: Vec<(String, PathBuf)>,
    /// Options of the output.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Options of `crosswire merge`.
#[derive(Debug, Args)]
pub struct MergeOptions {
    /// Directories with the results of parts: the --output-dir of `crosswire run --shard`
    #[arg(required = true, value_name = "DIR")]
    pub directories: Vec<PathBuf>,
    /// Directory for replay files [default: the first DIR]
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Write the results to this file as JUnit XML, for CI
    #[arg(long, value_name = "OUT")]
    pub junit: Option<PathBuf>,
    /// Options of the output.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Options of `crosswire shrink`.
#[derive(Debug, Args)]
pub struct ShrinkOptions {
    /// A replay file; it is not modified
    pub file: PathBuf,
    /// Real time to spend, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub time: Duration,
    /// Directory for the replay file of the shrunk failure
    #[arg(long, value_name = "DIR", default_value = FAILURES)]
    pub output_dir: PathBuf,
    /// Options of the output.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Recordings shipped with Crosswire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Demo {
    /// Two processes increment the same number.
    SharedMemory,
    /// Messages queue between processes.
    MessagePassing,
    /// Bytes are buffered between a writer and a reader.
    Pipe,
    /// A counter that cannot drop below zero.
    Semaphore,
    /// Signals are sent, pending, delivered.
    Signals,
    /// Each process holds the lock that the other one waits for.
    Deadlock,
}

/// Options of `crosswire diff`.
#[derive(Debug, Args)]
pub struct DiffOptions {
    /// A replay file
    pub first: PathBuf,
    /// Another replay file of the same programs [default: perform a run with the default
    /// schedule and without faults]
    pub second: Option<PathBuf>,
    /// Options of the output.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Options of `crosswire explain`.
#[derive(Debug, Args)]
pub struct ExplainOptions {
    /// A replay file
    #[arg(required_unless_present_any = ["demo", "schema", "mechanism"])]
    pub file: Option<PathBuf>,
    /// Explain a recording shipped with Crosswire instead of a file
    #[arg(long, value_enum, conflicts_with = "file")]
    pub demo: Option<Demo>,
    /// Write the results to this file as JUnit XML, for CI
    #[arg(long, value_name = "OUT")]
    pub junit: Option<PathBuf>,
    /// Write the run to this file for trace viewers such as https://ui.perfetto.dev
    #[arg(long, value_name = "OUT")]
    pub perfetto: Option<PathBuf>,
    /// Print a page about a mechanism, generated from its contract
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "demo"])]
    pub mechanism: Option<String>,
    /// Print the JSON schema of the output of `--format json`
    #[arg(long, conflicts_with_all = ["file", "demo"])]
    pub schema: bool,
    /// Write a self-contained HTML page for stepping through the run
    #[arg(long, value_name = "OUT")]
    pub html: Option<PathBuf>,
    /// Options of the output.
    #[command(flatten)]
    pub output: OutputOptions,
}

#[cfg(test)]
mod tests;
