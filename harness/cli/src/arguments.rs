//! The command line.

use crate::check::CheckOptions;
use clap::{Args, Parser, Subcommand, ValueEnum};
use crosswire::explore::{Budget, CrashSearch, Shard, Strategy};
use crosswire::model::{FaultKind, Limits};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

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
    #[arg(long, value_name = "DIR", default_value = "crosswire-failures")]
    pub output_dir: PathBuf,
}

/// Options of the main job.
#[derive(Debug, Clone, Args)]
pub struct MainJobOptions {
    /// Real time for all cases together, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "45", value_parser = seconds)]
    pub budget: Duration,
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

/// Options of `crosswire run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Faults, each optionally with :PROCESS (as in kill:server), one in every other run:
  kill                the process gets SIGKILL, before a call or while blocked in it
  pause(STEPS)        it gets no turn for so many steps of others
  lose-signal         a signal never arrives
  delay-signal(STEPS) a signal arrives later
  interrupt           a call that may block ends with EINTR
  short-io(BYTES)     a transfer moves at most so many bytes
  errno(NAME)         a call fails, as in errno(ENOSPC)
  full                the pipe or socket buffer is as small as can be
  clock-jump(SECONDS) somebody sets the calendar clock, forward or back

A program is named after its file; the children that it forks are NAME.1, NAME.2, …")]
pub struct RunOptions {
    /// What is run.
    #[command(flatten)]
    pub programs: ProgramOptions,
    /// The number of runs [default: 1000, or unlimited with --time]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// Real time after which no further run is begun, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub time: Option<Duration>,
    /// How schedules are chosen: mixed, random-walk, pct, pct(DEPTH), pos, surw, round-robin
    #[arg(long, value_name = "STRATEGY", default_value_t)]
    pub strategy: Strategy,
    /// Every order of the steps that can matter, until none is left [unlimited runs unless
    /// --runs or --time says otherwise]
    #[arg(long, conflicts_with = "strategy")]
    pub exhaust: bool,
    /// With --exhaust: only orders in which a process that could go on is left at most N times
    #[arg(long, value_name = "N", requires = "exhaust")]
    pub preemptions: Option<u32>,
    /// Failures of before, which are run first: a directory, into which what is found is
    /// stored as well, or one of its files
    #[arg(long, value_name = "PATH")]
    pub regressions: Option<PathBuf>,
    /// The Kth of N parts of the exploration, for spreading it over machines
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
    /// Real time for shrinking what was found, in seconds; 0 for not at all
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds_or_none)]
    pub shrink_time: Duration,
    /// Faults that may be injected, separated by commas (see below)
    #[arg(long, value_name = "FAULTS", value_delimiter = ',')]
    pub faults: Vec<FaultKind>,
    /// Write the results as JUnit XML, for CI
    #[arg(long, value_name = "OUT")]
    pub junit: Option<PathBuf>,
    /// Every run without faults must print what the first one printed
    #[arg(long)]
    pub check_output: bool,
    /// Do not stop at the first violation
    #[arg(long)]
    pub keep_going: bool,
    /// What is expected of it.
    #[command(flatten)]
    pub judgement: JudgementOptions,
    /// Bounds on each run.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// How to explore.
    #[command(flatten)]
    pub explore: ExploreOptions,
    /// How to report.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// What is run, and in which surroundings.
#[derive(Debug, Args)]
pub struct ProgramOptions {
    /// A process and its command, quoted as for a shell; may be repeated
    #[arg(
        long = "process",
        value_name = "NAME='COMMAND'",
        conflicts_with = "command"
    )]
    pub processes: Vec<NamedCommand>,
    /// Whether the processes get namespaces of their own
    #[arg(long, value_enum, default_value_t)]
    pub isolation: IsolationOption,
    /// A variable of the environment, as NAME=VALUE, or NAME to pass one on
    /// that would be withheld because its name sounds secret; may be repeated
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    pub environment: Vec<String>,
    /// A single program and its arguments
    #[arg(last = true, value_name = "PROGRAM")]
    pub command: Vec<String>,
}

/// What is expected of the programs.
#[derive(Debug, Clone, Args)]
pub struct JudgementOptions {
    /// The exit status that the processes must have, or `any`
    #[arg(
        long,
        value_name = "N|any",
        default_value = "0",
        allow_hyphen_values = true
    )]
    pub expect_exit: ExpectedExit,
    /// Which kernel resources must not outlive a run
    #[arg(long, value_enum, default_value_t)]
    pub leaks: Leaks,
    /// The same as --leaks ignore
    #[arg(long, conflicts_with = "leaks")]
    pub no_leaks: bool,
}

impl RunOptions {
    /// Runs and time as the options say.
    pub fn budget(&self) -> Budget {
        let runs = self
            .runs
            .unwrap_or(match self.time.is_some() || self.exhaust {
                true => u64::MAX,
                false => 1000,
            });
        match self.time {
            Some(time) => Budget::runs(runs).within(time),
            None => Budget::runs(runs),
        }
    }
}

/// Bounds on each run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits on each run (reaching one makes it inconclusive)")]
pub struct LimitOptions {
    /// Steps of all tasks together [default: 1000000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit_steps: Option<u64>,
    /// Real time, in seconds [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub limit_wall: Option<Duration>,
    /// Virtual time, in seconds [default: 86400]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub limit_virtual: Option<Duration>,
    /// Processes and threads ever created [default: 512]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit_tasks: Option<u32>,
    /// Bytes of output [default: 16777216]
    #[arg(long, value_name = "BYTES")]
    pub limit_output: Option<u64>,
}

impl LimitOptions {
    /// The usual limits where nothing else is said.
    pub fn limits(&self) -> Limits {
        let usual = Limits::default();
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Limits {
            steps: self.limit_steps.unwrap_or(usual.steps),
            virtual_ns: self.limit_virtual.map_or(usual.virtual_ns, nanoseconds),
            wall_ms: self.limit_wall.map_or(usual.wall_ms, milliseconds).max(1),
            tasks: self.limit_tasks.unwrap_or(usual.tasks),
            output_bytes: self.limit_output.unwrap_or(usual.output_bytes),
        }
    }
}

/// Options of `crosswire crash`.
#[derive(Debug, Args)]
#[command(after_help = "\
The victim is killed at each of its points, once in each run: before every system call that can
be switched at, and while it is blocked in one. The survivors go on, and must end as --expect-exit
and --leaks say. A program is named after its file; the children that it forks are NAME.1,
NAME.2, …")]
pub struct CrashOptions {
    /// What is run.
    #[command(flatten)]
    pub programs: ProgramOptions,
    /// Which process is killed [default: the program itself, if there is only one]
    #[arg(long, value_name = "NAME")]
    pub victim: Option<String>,
    /// Another process to kill in the same run, after the victim, at each of its points
    #[arg(long, value_name = "NAME")]
    pub second: Option<String>,
    /// A program that begins when the victim has ended, in whatever way, and sees what it has
    /// left; its process is called `recovery`. With --second recovery it begins once more when
    /// it has been killed
    #[arg(long, value_name = "COMMAND", value_parser = words)]
    pub recover: Option<Words>,
    /// Under how many schedules each point is tried
    #[arg(
        long,
        value_name = "K",
        default_value_t = CrashSearch::SCHEDULES,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub schedules: u32,
    /// Survivors may end with any status once somebody has been killed; until then with
    /// that of --expect-exit
    #[arg(long)]
    pub may_give_up: bool,
    /// What is expected of it.
    #[command(flatten)]
    pub judgement: JudgementOptions,
    /// Bounds on each run.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// How to explore.
    #[command(flatten)]
    pub explore: ExploreOptions,
    /// How to report.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// A command, split as a shell does.
#[derive(Debug, Clone)]
pub struct Words(pub Vec<String>);

fn words(text: &str) -> Result<Words, String> {
    let words = shell_words::split(text).map_err(|error| error.to_string())?;
    match words.is_empty() {
        true => Err("the command is empty".to_owned()),
        false => Ok(Words(words)),
    }
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
    #[arg(long, value_name = "DIR", default_value = "crosswire-failures")]
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
fn seconds_or_none(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        text => seconds(text),
    }
}

/// A time in seconds, with decimals if need be.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    if seconds <= 0.0 {
        return Err("the time must be more than 0".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
