//! One seed, one trace: however busy the machine is, whichever CPU an engine is
//! on, and however many runs it has performed before.
//!
//! Each program of our own is replayed 10 times, each other one four times, or all of
//! them as often as `CROSSWIRE_REPLAYS` says: `CROSSWIRE_REPLAYS=1000 cargo test never_differ`.

use crosswire::engine::first_difference;
use crosswire::model::Run;
use crosswire_testing::building::{
    build_directory, build_with, compile, exercise, goroutines, python, source, tool,
};
use crosswire_testing::command::{self, somewhere};
use crosswire_testing::engine::{engine, on_every_cpu, schedule, target};
use crosswire_testing::measure;
use serial_test::serial;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The schedules that are replayed: a random walk, and one by priorities.
const SEEDS: [u64; 2] = [2, 19];

/// Modes of the exerciser in which processes, threads, signals, timers and locks
/// get into each other's way.
const MODES: &[&str] = &[
    "pipe",
    "sysv_msg",
    "robust_mutex",
    "unix_stream",
    "stream_bulk",
    "tcp",
    "flock",
    "fcntl",
    "signal_handler",
    "signal_on_input",
    "file_notices",
    "stop_continue",
    "readiness_poll",
    "readiness_select",
    "readiness_epoll",
    "readiness_epoll_part",
    "thread_cond",
    "thread_exec",
    "timer_thread",
    "timeout_at_once",
    "sleepers",
    "fork_tree",
    "kill_group",
    "daemon_adopted",
    "spinwait",
    "shared_handlers",
    "shared_robust",
    "shared_waiting",
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

/// A program and the files that it finds in its working directory.
struct Program {
    words: Vec<String>,
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Program {
    fn new(words: &[&str]) -> Program {
        Program {
            words: words.iter().map(|&word| word.to_owned()).collect(),
            files: Vec::new(),
        }
    }
}

/// Replays one schedule of a program on all CPUs: what came out differently, and
/// how many decisions the schedule takes.
fn divergences(program: &Program, seed: u64, replays: u64) -> (Vec<String>, usize) {
    let directory = somewhere();
    for (name, content) in &program.files {
        std::fs::write(directory.path().join(name), content).expect("a writable directory");
    }
    let words: Vec<&str> = program.words.iter().map(String::as_str).collect();
    let target = target("program", &words, directory.path());
    let reference: OnceLock<Run> = OnceLock::new();
    let cpus = crosswire_testing::engine::cpus().len() as u64;
    let shares: Vec<u64> = (0..cpus).collect();
    let failures = on_every_cpu(&shares, |cpu, _| {
        let mut engine = engine(&target, cpu);
        for round in 0..replays.div_ceil(cpus) {
            // Looking changes nothing, although it takes more stops.
            engine.watch(round % 4 == 3);
            let mut run = |seed| {
                engine
                    .run(&schedule(seed))
                    .map_err(|error| error.to_string())
            };
            // Runs in between leave their traces in the engine, if any can.
            if round % 5 == 4 {
                run(round)?;
            }
            let run = run(seed)?;
            let reference = reference.get_or_init(|| run.clone());
            if let Some(difference) = first_difference(reference, &run) {
                let which = format!("{words:?} with seed {seed}, replay {round} on CPU {cpu}");
                return Err(format!("{which}: {difference}"));
            }
        }
        Ok(())
    });
    let reference = reference.into_inner().expect("one run at least");
    let decisions = reference.trace.deviations.len();
    // Shown with --nocapture: a thousand replays take a while.
    println!("{words:?} with seed {seed}: {replays} replays, {decisions} decisions, {failures:?}");
    (failures, decisions)
}

/// Replays every program while all CPUs are busy.
fn never_differ(programs: &[Program], replays: u64) {
    let _load = Load::everywhere();
    let mut failures = Vec::new();
    for program in programs {
        let (found, decisions): (Vec<_>, Vec<_>) = SEEDS
            .map(|seed| divergences(program, seed, replays))
            .into_iter()
            .unzip();
        failures.extend(found.concat());
        assert!(
            decisions.iter().any(|&count| count > 0),
            "{:?}: nothing to decide",
            program.words
        );
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

#[test]
#[serial]
fn replays_under_load_never_differ() {
    let build = build_directory();
    let exercise = exercise(build.path());
    let mut programs: Vec<Program> = MODES
        .iter()
        .map(|mode| Program::new(&[text(&exercise), mode]))
        .collect();
    programs.push(Program::new(&[
        "bash",
        "-c",
        "seq 1 2000 | sort -rn | head -3",
    ]));
    never_differ(&programs, measure("CROSSWIRE_REPLAYS", 10));
}

#[test]
#[serial]
fn replays_of_real_programs_under_load_never_differ() {
    let build = build_directory();
    let mut programs = Vec::new();
    if tool("flock", "the determinism of flock(1)").is_some() {
        programs.push(Program::new(&[
            "sh",
            text(&source("counter_under_flock.sh")),
        ]));
    }
    if tool("musl-gcc", "the determinism of a program with musl").is_some() {
        let program = build_with("musl-gcc", &[source("static.c")], build.path(), "static");
        programs.push(Program::new(&[text(&program)]));
    }
    if tool("sqlite3", "the determinism of a database").is_some() {
        programs.push(Program::new(&["sh", text(&source("two_writers.sh"))]));
    }
    if tool("make", "the determinism of make").is_some() {
        let makefile = std::fs::read(source("Makefile")).expect("it is part of the tests");
        programs.push(Program {
            files: vec![("Makefile", makefile), ("source", b"the source\n".to_vec())],
            ..Program::new(&["make", "-s", "-j4"])
        });
    }
    if let Some(program) = goroutines(build.path()) {
        programs.push(Program::new(&[text(&program)]));
    }
    if let Some(python) = python("the determinism of Python") {
        let modes = text(&source("multiprocessing_modes.py")).to_owned();
        programs.push(Program::new(&[
            text(&python),
            "-B",
            &modes,
            "queue",
            "fork",
        ]));
        let memory = text(&source("multiprocessing_memory.py")).to_owned();
        programs.push(Program::new(&[text(&python), "-B", &memory, "fork"]));
    }
    never_differ(&programs, measure("CROSSWIRE_REPLAYS", 4));
}

/// Which thread the kernel wakes for a signal depends on whether another has stopped that was
/// woken before it.
#[test]
#[serial]
fn a_signal_reaches_the_same_thread_again() {
    is_performed_again("told_twice", &[], 60);
}

/// A thread of the kernel carries what is written to a pseudoterminal, when it gets the CPU.
#[test]
#[serial]
fn a_terminal_delivers_in_the_same_step_again() {
    is_performed_again("carried", &[], 60);
}

/// The kernel tells of a process that ends before it tells of those that it leaves behind.
#[test]
#[serial]
fn who_inherits_children_learns_first_of_whom_they_come_from() {
    let build = build_directory();
    let program = compile(&[source("heir.c")], build.path(), "heir");
    for how in ["exit", "signal", "killed"] {
        is_performed_again("heir", &[how], 60);
        let directory = somewhere();
        let options = [
            "--runs",
            "200",
            "--expect-signal",
            "heir.1=SIGTERM",
            "--leaks",
            "ignore",
        ];
        let words = [&options[..], &["--", text(&program), how]].concat();
        let outcome = command::run(directory.path(), &words);
        assert_eq!(outcome.verdict(), "pass", "{how}: {}", outcome.told());
    }
}

/// Runs of a program under these schedules do not differ from those before.
fn is_performed_again(name: &str, arguments: &[&str], seeds: u64) {
    let build = build_directory();
    let program = compile(&[source(&format!("{name}.c"))], build.path(), name);
    let directory = somewhere();
    let command = [&[text(&program)], arguments].concat();
    let target = target("program", &command, directory.path());
    let mut engine = engine(&target, crosswire_testing::engine::next_cpu());
    for seed in 0..seeds {
        let mut run = || engine.run(&schedule(seed)).expect("a run");
        assert_eq!(first_difference(&run(), &run()), None, "seed {seed}");
    }
}

#[test]
fn an_exploration_does_not_depend_on_the_number_of_its_workers() {
    let build = build_directory();
    let program = exercise(build.path());
    let program = program.to_str().expect("a path that is text");
    // Records hold the directory, and are named after what they hold.
    let directory = somewhere();
    let explore = |jobs: &str, mode: &str| {
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
        // These two are about time.
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
    let mut engine = engine(&target, crosswire_testing::engine::next_cpu());
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
