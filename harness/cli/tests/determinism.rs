//! One seed, one trace: however busy the machine is, whichever CPU an engine is
//! on, and however many runs it has performed before.
//!
//! Each program is replayed 20 times, or as often as `CROSSWIRE_REPLAYS` says.

mod common;

use common::building::{build_directory, exercise, python, source};
use common::command::{self, somewhere};
use common::engine::{engine, on_every_cpu, schedule, target};
use common::measure;
use crosswire::engine::first_difference;
use crosswire::model::Run;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The seed of the schedule that is replayed: a random walk.
const SEED: u64 = 4_242;

/// Modes of the exerciser in which processes, threads, signals, timers and locks
/// get into each other's way.
const MODES: &[&str] = &[
    "pipe",
    "sysv_msg",
    "robust_mutex",
    "unix_stream",
    "tcp",
    "flock",
    "fcntl",
    "signal_handler",
    "stop_continue",
    "thread_cond",
    "thread_exec",
    "timer_thread",
    "sleepers",
    "fork_tree",
    "daemon_adopted",
    "spinwait",
];

/// Processes that do nothing but use a CPU, until this is dropped.
struct Load(Vec<Child>);

impl Load {
    /// As many as there are CPUs.
    fn everywhere() -> Load {
        let start = |_| {
            let mut command = Command::new("sh");
            command
                .args(["-c", "while :; do :; done"])
                .stdin(Stdio::null());
            command.spawn().expect("a shell can be started")
        };
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        Load((0..count).map(start).collect())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Replays one schedule of a program on all CPUs; what came out differently.
fn divergences(words: &[&str]) -> Vec<String> {
    let directory = somewhere();
    let target = target("program", words, directory.path());
    let reference: OnceLock<Run> = OnceLock::new();
    let cpus = common::engine::cpus().len() as u64;
    let replays = measure("CROSSWIRE_REPLAYS", 20).div_ceil(cpus);
    let shares: Vec<u64> = (0..cpus).collect();
    let failures = on_every_cpu(&shares, |cpu, share| {
        let mut engine = engine(&target, cpu);
        for round in 0..replays {
            // Runs in between leave their traces in the engine, if any can.
            if round % 5 == 4 {
                engine
                    .run(&schedule(round))
                    .map_err(|error| error.to_string())?;
            }
            let run = engine
                .run(&schedule(SEED))
                .map_err(|error| error.to_string())?;
            let reference = reference.get_or_init(|| run.clone());
            if let Some(difference) = first_difference(reference, &run) {
                return Err(format!(
                    "{words:?}: replay {round} of share {share}: {difference}"
                ));
            }
        }
        Ok(())
    });
    let reference = reference.into_inner().expect("one run at least");
    assert!(
        !reference.trace.deviations.is_empty(),
        "{words:?}: there is nothing to decide"
    );
    failures
}

#[test]
fn replays_under_load_never_differ() {
    let build = build_directory();
    let exercise = exercise(build.path());
    let exercise = exercise.to_str().expect("a path that is text");
    let mut programs: Vec<Vec<&str>> = MODES.iter().map(|mode| vec![exercise, mode]).collect();
    programs.push(vec!["bash", "-c", "seq 1 2000 | sort -rn | head -3"]);
    let script = source("multiprocessing_modes.py");
    let interpreter = python("the determinism of Python");
    if let Some(interpreter) = &interpreter {
        let text =
            |path: &std::path::PathBuf| path.to_str().expect("a path that is text").to_owned();
        let words = [
            text(interpreter),
            "-B".into(),
            text(&script),
            "queue".into(),
            "fork".into(),
        ];
        programs.push(words.map(|word| &*word.leak()).to_vec());
    }
    let _load = Load::everywhere();
    let failures: Vec<String> = programs
        .iter()
        .flat_map(|words| divergences(words))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn an_exploration_does_not_depend_on_the_number_of_its_workers() {
    let build = build_directory();
    let program = exercise(build.path());
    let program = program.to_str().expect("a path that is text");
    let explore = |jobs: &str, mode: &str| {
        let directory = somewhere();
        let options = [
            "--runs",
            "120",
            "--jobs",
            jobs,
            "--keep-going",
            "--faults",
            "kill,errno(EIO)",
        ];
        let words = [&options[..], &["--leaks", "ignore", "--", program, mode]].concat();
        let mut report = command::run(directory.path(), &words).report;
        // These two are about time; the files have names of their own.
        let fields = report.as_object_mut().expect("a report is an object");
        fields.remove("seconds");
        fields.remove("runs_per_second");
        report
    };
    for mode in ["sysv_sem", "unix_stream"] {
        let alone = explore("1", mode);
        assert_eq!(alone["runs"], 120, "{alone}");
        assert_ne!(alone["faults"]["struck"], 0, "{alone}");
        for jobs in ["2", "5"] {
            assert_eq!(explore(jobs, mode), alone, "{mode} with {jobs} workers");
        }
    }
}

#[test]
fn another_seed_takes_other_ways() {
    let build = build_directory();
    let program = exercise(build.path());
    let program = program.to_str().expect("a path that is text");
    let directory = somewhere();
    let target = target("program", &[program, "pipe"], directory.path());
    let mut engine = engine(&target, common::engine::next_cpu());
    let runs: Vec<Run> = (0..6)
        .map(|seed| engine.run(&schedule(seed)).expect("a run"))
        .collect();
    for (index, run) in runs.iter().enumerate() {
        for other in &runs[..index] {
            assert!(
                first_difference(run, other).is_some(),
                "schedule {index} is no other"
            );
        }
    }
}
