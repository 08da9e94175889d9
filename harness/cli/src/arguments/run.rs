//! The options of the verbs that run programs: `run` and `crash`.

use super::values::{
    ExpectedExit, IsolationOption, Leaks, NamedCommand, Words, seconds, seconds_or_none, words,
};
use super::{ExploreOptions, OutputOptions};
use clap::Args;
use crosswire::explore::{Budget, CrashSearch, Shard, Strategy};
use crosswire::model::{FaultKind, Limits};
use std::path::PathBuf;
use std::time::Duration;

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
    /// Go on behind the runs of an exploration that was interrupted: the same command line, and
    /// the same --output-dir, where it is kept how far it came
    #[arg(long = "continue", conflicts_with = "exhaust")]
    pub go_on: bool,
    /// The Kth of N parts of the exploration, for spreading it over machines
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
    /// Real time for shrinking what was found, in seconds; 0 for not at all
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds_or_none)]
    pub shrink_time: Duration,
    /// Faults that may be injected, separated by commas (see below)
    #[arg(long, value_name = "FAULTS", value_delimiter = ',')]
    pub faults: Vec<FaultKind>,
    /// Some runs have two faults, once each was tried alone
    #[arg(long, requires = "faults", conflicts_with = "exhaust")]
    pub fault_pairs: bool,
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
