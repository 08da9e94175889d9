//! The options of the verbs that run programs: `run` and `crash`.

use super::shard::shard;
use super::shared::{ExploreOptions, OutputOptions};
use super::values::{
    Allowed, ExpectedExit, IsolationOption, Leaks, NamedCommand, Words, seconds, seconds_or_none,
    words,
};
use clap::Args;
use crosswire::check::ExpectedDeath;
use crosswire::engine::Target;
use crosswire::explore::{Budget, CrashSearch, Memory, Shard, Strategy};
use crosswire::model::{FaultKind, Limits, Suspect};
use std::path::PathBuf;
use std::time::Duration;

/// Options of `crosswire run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Faults, each optionally with :PROCESS, @CALL and #N; every other run injects one:
  kill                sends SIGKILL to the process, before a call or while it blocks in one
  pause(STEPS)        does not schedule the process for STEPS steps of other tasks, or for as long
                      as these take, a microsecond each: pause(20ms), too; time-outs come meanwhile
  lose-signal         drops a signal
  delay-signal(STEPS) delays a signal by STEPS steps
  interrupt           sends a signal that the process handles: a call that waits fails with EINTR
  short-io(BYTES)     limits a transfer to BYTES bytes
  errno(NAME)         makes a call fail that can, as in errno(ENOSPC); errno(ENOMEM): mmap, brk, …
  full                shrinks the buffer of a pipe or socket to the kernel's minimum
  clock-jump(SECONDS) steps CLOCK_REALTIME by SECONDS (may be negative)
  reuse-pid           gives a new process the number of one that was waited for (needs namespaces)
  no-memory           SIGBUS where a page of a mapped file is touched first, as in a full file system

  kill:server                 in process `server`, at any call
  kill:server@semtimedop      at each of its calls of semtimedop, one call per run
  errno(EIO):server@write#2   at its second call of write
  kill:server@blocked:read    while it blocks in read
  kill:server@memory#3        at its third access to shared memory

Where no call is named, kill and pause are injected first at points between which the process
does something that others can notice; at the other points they come to the same.

A fault excuses no fatal signal. Exit statuses are judged after every fault but errno (unless EINTR),
no-memory and lose-signal, after which a correct program may give up; --may-give-up adds kill to these. The
report counts the unexpected statuses that were not judged.

A program is named after its file; the children that it forks are NAME.1, NAME.2, …")]
pub struct RunOptions {
    /// The programs to run.
    #[command(flatten)]
    pub programs: ProgramOptions,
    /// Number of runs [default: 1000, or unlimited with --time or --exhaust]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// Real time after which no further run starts, in seconds, or as 90s, 2m, 1h [default: no
    /// limit]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub time: Option<Duration>,
    /// Scheduling strategy: mixed (all others in turn, more often those that show more), surw
    /// (every order of the steps on selected objects equally likely), pct or pct(DEPTH) (random
    /// priorities with DEPTH - 1 changes), pos (a random priority for each step), random-walk,
    /// pairs (each contested pair that was seen in one order only is tried in the other),
    /// round-robin
    #[arg(long, value_name = "STRATEGY", default_value_t)]
    pub strategy: Strategy,
    /// Directs three of four schedules at these steps, separated by commas: a function, a line as
    /// FILE:LINE, a system call, or an object by its name in the report. Two processes come to
    /// them at one time and take turns; with one name, both come to that [default: none]
    #[arg(
        long, value_name = "A,B", value_delimiter = ',', conflicts_with_all = ["exhaust"]
    )]
    pub suspect: Vec<Suspect>,
    /// Memory model: sc (every store is visible to others at once) or tso (stores may wait in
    /// store buffers, as on x86 processors). In both an instruction that loads and stores without a
    /// lock may take two steps
    #[arg(long, value_name = "MODEL", default_value_t)]
    pub memory: Memory,
    /// Make accesses to memory that threads of a process could share (globals, heap) schedule
    /// points, as those to shared mappings are
    #[arg(long)]
    pub threads: bool,
    /// Explore every distinguishable interleaving, without a limit on runs unless --runs or
    /// --time sets one
    #[arg(long, conflicts_with = "strategy")]
    pub exhaust: bool,
    /// With --exhaust: explore only interleavings with at most N preemptions [default: no limit]
    #[arg(long, value_name = "N", requires = "exhaust")]
    pub preemptions: Option<u32>,
    /// Saved failures, rerun first: a directory, to which new failures are added, or one of
    /// its files
    #[arg(long, value_name = "PATH")]
    pub regressions: Option<PathBuf>,
    /// Make a choice of every step. By default tasks carry on after steps that touch nothing
    /// which two processes touch and one of them changes, and scripts that only prepare and
    /// execute another program are passed over in most runs
    #[arg(long, conflicts_with = "exhaust")]
    pub every_step: bool,
    /// Resume an exploration that was interrupted, or whose --time was up; needs the same command
    /// line and the same --output-dir, where its progress is saved. With --shard it begins if
    /// there is nothing to resume
    #[arg(long = "continue")]
    pub go_on: bool,
    /// Perform only the Kth of N parts of the exploration, to spread it over machines; --runs and
    /// --time are those of each part. `crosswire merge` reads the results from --output-dir.
    /// auto takes K and N from the job array of Slurm or the parallel jobs of GitLab, CircleCI or
    /// Buildkite; auto/N takes K from them, from an indexed job of Kubernetes or from GNU parallel
    #[arg(long, value_name = "K/N|auto", value_parser = shard)]
    pub shard: Option<Shard>,
    /// Real time for shrinking all failures together and testing their causes, in seconds; 0
    /// disables both
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds_or_none)]
    pub shrink_time: Duration,
    /// Faults to inject, separated by commas (see below) [default: none]
    #[arg(long, value_name = "FAULTS", value_delimiter = ',')]
    pub faults: Vec<FaultKind>,
    /// Inject two faults in some runs, once each has been tried alone
    #[arg(long, requires = "faults", conflicts_with = "exhaust")]
    pub fault_pairs: bool,
    /// Write the results to this file as JUnit XML, for CI
    #[arg(long, value_name = "OUT")]
    pub junit: Option<PathBuf>,
    /// Require every run without faults to print the same output as the first run
    #[arg(long)]
    pub check_output: bool,
    /// Show how the processes of the first run ended, and what they printed
    #[arg(long)]
    pub show_output: bool,
    /// Continue after the first violation
    #[arg(long)]
    pub keep_going: bool,
    /// The expected results.
    #[command(flatten)]
    pub judgement: JudgementOptions,
    /// Bounds on each run.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// Options of the exploration.
    #[command(flatten)]
    pub explore: ExploreOptions,
    /// Options of the output.
    #[command(flatten)]
    pub output: OutputOptions,
}

impl RunOptions {
    /// Returns the budget of runs and time that the options ask for.
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
Each run kills the victim at one of its points: before a system call at which tasks can be
switched, or while the victim blocks in one. Points between which the victim does nothing that
survivors, successors or a check of the final state could notice form a class; one point of each
class is tried, with --every-point all of them. Points next to a change of what other processes
use come first, then those next to a lasting change; the last points before the others. The
survivors continue and must end as --expect-exit and --leaks say; --may-give-up accepts any exit
status of theirs. A program is named after its file; the children that it forks are NAME.1,
NAME.2, …")]
pub struct CrashOptions {
    /// The programs to run.
    #[command(flatten)]
    pub programs: ProgramOptions,
    /// Process to kill [default: the program itself; of several, each in turn, one per run]
    #[arg(long, value_name = "NAME")]
    pub victim: Option<String>,
    /// Second process to kill in the same run, after the victim, at each of its points
    #[arg(long, value_name = "NAME")]
    pub second: Option<String>,
    /// Program to start when the victim has ended, in any way; it sees what the victim left
    /// behind, and its process is called `recovery`. With --second recovery it starts again
    /// after it was killed
    #[arg(long, value_name = "COMMAND", value_parser = words)]
    pub recover: Option<Words>,
    /// Number of runs after which the search ends as inconclusive [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// Real time after which no further run starts and the search ends as inconclusive, in
    /// seconds [default: no limit]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub time: Option<Duration>,
    /// Number of schedules to try per point
    #[arg(
        long,
        value_name = "K",
        default_value_t = CrashSearch::SCHEDULES,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub schedules: u32,
    /// Kill the victim at every point, instead of one point per class (see below)
    #[arg(long)]
    pub every_point: bool,
    /// The expected results.
    #[command(flatten)]
    pub judgement: JudgementOptions,
    /// Bounds on each run.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// Options of the exploration.
    #[command(flatten)]
    pub explore: ExploreOptions,
    /// Options of the output.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// The programs to run and their environment.
#[derive(Debug, Args)]
pub struct ProgramOptions {
    /// Process name and its command, quoted as for a shell; may be repeated
    #[arg(
        long = "process",
        value_name = "NAME='COMMAND'",
        conflicts_with = "command"
    )]
    pub processes: Vec<NamedCommand>,
    /// Isolation of the processes from the machine by namespaces
    #[arg(long, value_enum, default_value_t)]
    pub isolation: IsolationOption,
    /// Mebibytes that the processes may write to the working directory, /tmp and /var/tmp in
    /// a run, all together
    #[arg(long, value_name = "MIB", default_value_t = Target::DISK_MIB,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub disk: u32,
    /// Environment variable to set, as NAME=VALUE; or NAME to pass on a variable that is
    /// withheld because its name suggests a secret; may be repeated
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    pub environment: Vec<String>,
    /// Program and its arguments; options of Crosswire come before
    #[arg(trailing_var_arg = true, value_name = "PROGRAM")]
    pub command: Vec<String>,
}

/// The results expected of the programs.
#[derive(Debug, Clone, Args)]
pub struct JudgementOptions {
    /// Exit status required of the named programs, or `any`
    #[arg(
        long,
        value_name = "N|any",
        default_value = "0",
        allow_hyphen_values = true
    )]
    pub expect_exit: ExpectedExit,
    /// Accept any exit status of a survivor after another process was killed by a fault;
    /// before that, it must match --expect-exit
    #[arg(long)]
    pub may_give_up: bool,
    /// Accept that a process dies of this signal, such as SIGABRT; of the processes that the
    /// shell pattern matches, if there is one
    #[arg(long, value_name = "[PATTERN=]SIGNAL")]
    pub expect_signal: Vec<ExpectedDeath>,
    /// Accept violations of this kind: deadlock, livelock, stalled, fatal-signal, exit-status
    /// or panic, of the processes that the shell pattern matches; or leak:PATTERN: files by
    /// path, with all below; memory, semaphores and queues by /name; System V by key;
    /// processes by name. The report counts them
    #[arg(long, value_name = "KIND[:PATTERN]")]
    pub allow: Vec<Allowed>,
    /// Kernel resources that must not outlive a run
    #[arg(long, value_enum, default_value_t)]
    pub leaks: Leaks,
    /// Short for --leaks ignore
    #[arg(long, conflicts_with = "leaks")]
    pub no_leaks: bool,
}

/// Bounds on each run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits on each run (reaching one makes it inconclusive)")]
pub struct LimitOptions {
    /// Maximum number of steps of all tasks together [default: 1000000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit_steps: Option<u64>,
    /// Maximum real time, in seconds; on a busy machine, maximum CPU time [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub limit_wall: Option<Duration>,
    /// Ends a sleep early, as if other processes were slow, if at most so many seconds of it
    /// are left [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub early_sleep: Option<Duration>,
    /// Maximum virtual time, in seconds [default: 86400]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub limit_virtual: Option<Duration>,
    /// Virtual time without any effect after which polling loops are a violation, `stalled`,
    /// in seconds [default: 43200]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub limit_stall: Option<Duration>,
    /// Maximum number of processes and threads created [default: 512]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit_tasks: Option<u32>,
    /// Maximum output, in bytes [default: 16777216]
    #[arg(long, value_name = "BYTES")]
    pub limit_output: Option<u64>,
}

impl LimitOptions {
    /// Returns the default limits, overridden by the options.
    pub fn limits(&self) -> Limits {
        let usual = Limits::default();
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Limits {
            steps: self.limit_steps.unwrap_or(usual.steps),
            virtual_ns: self.limit_virtual.map_or(usual.virtual_ns, nanoseconds),
            stall_ns: self.limit_stall.map_or(usual.stall_ns, nanoseconds),
            wall_ms: self.limit_wall.map_or(usual.wall_ms, milliseconds).max(1),
            tasks: self.limit_tasks.unwrap_or(usual.tasks),
            output_bytes: self.limit_output.unwrap_or(usual.output_bytes),
            early_sleep_ns: self.early_sleep.map_or(usual.early_sleep_ns, nanoseconds),
        }
    }
}
