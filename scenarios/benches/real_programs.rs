//! Compares complete runs of real programs, started plainly, with native starts of the same
//! programs, one after the other on the same machine. Tells how many steps a run has, and how
//! many of them are choices.
//!
//! `cargo bench --bench real_programs -- [NAME…]`; `CROSSWIRE_BENCH_RUNS` sets the number of
//! runs of each (default 100).

use crosswire::check::{Expectations, Leaks};
use crosswire::engine::{Start, Target, find_executable};
use crosswire::explore::{Budget, Exploration, Report, available_cpus};
use crosswire_testing::building::compile;
use crosswire_testing::engine::target;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What the runs are of: a name, and the processes, each with its interpreter.
const PROGRAMS: &[(&str, &[(&str, &str)])] = &[
    ("C, a pipe", &[("cc", "ping_pong.c")]),
    ("Python, a queue", &[("python3", "messages.py")]),
    (
        "Python, two programs with imports",
        &[("python3", "counter.py"), ("python3", "counter.py")],
    ),
    (
        "Python, a server with two workers",
        &[("python3", "server.py")],
    ),
    ("Python, a supervisor", &[("python3", "supervisor.py")]),
    (
        "Perl, three programs with a semaphore",
        &[
            ("perl", "semaphore.pl"),
            ("perl", "semaphore.pl"),
            ("perl", "semaphore.pl"),
        ],
    ),
    ("Node, a child", &[("node", "child.js")]),
    ("sh, four programs", &[("sh", "four.sh")]),
];

fn main() {
    let runs = crosswire_testing::measure("CROSSWIRE_BENCH_RUNS", 100);
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    println!(
        "{:<38} {:>8} {:>9} {:>9} {:>8} {:>8}",
        "", "runs/s", "native/s", "ratio", "steps", "choices"
    );
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| name.contains(one));
    for (name, processes) in PROGRAMS.iter().filter(|(name, _)| is_wanted(name)) {
        measure(name, processes, runs);
    }
    if is_wanted("C, a pipe") {
        under_load(runs);
    }
}

fn measure(name: &str, processes: &[(&str, &str)], runs: u64) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let commands: Option<Vec<Vec<String>>> = processes
        .iter()
        .map(|(interpreter, file)| command(interpreter, file, directory.path()))
        .collect();
    let Some(commands) = commands else {
        println!("{name:<38} left out: `{}` is not there", processes[0].0);
        return;
    };
    let report = explore(&commands, directory.path(), runs);
    let native = natively(&commands, directory.path(), runs);
    let choices = match &report.relevance {
        Some(relevance) => relevance.mattering.to_string(),
        None => "all".to_owned(),
    };
    println!(
        "{name:<38} {:>8.1} {native:>9.1} {:>9.2} {:>8} {choices:>8}",
        report.runs_per_second(),
        native / report.runs_per_second(),
        report.steps / report.runs.max(1),
    );
}

/// The command of a program, if its interpreter is there.
fn command(interpreter: &str, file: &str, directory: &Path) -> Option<Vec<String>> {
    let programs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/programs");
    let source = programs.join(file);
    if interpreter == "cc" {
        let program = compile(&[source], directory, "program");
        return Some(vec![program.to_string_lossy().into_owned()]);
    }
    let source = source.to_string_lossy().into_owned();
    // A wrapper that looks for an interpreter is a program of its own.
    let asked = (interpreter == "python3").then(|| {
        let executable = Command::new(interpreter)
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .ok()?;
        let path = String::from_utf8(executable.stdout).ok()?;
        Some(path.trim().to_owned())
    });
    let program = match asked {
        Some(path) => path?,
        None => find_executable(interpreter, Path::new("/"), &environment())
            .ok()?
            .to_string_lossy()
            .into_owned(),
    };
    Some(vec![program, source])
}

fn environment() -> Vec<(String, String)> {
    let path = std::env::var("PATH").unwrap_or_default();
    vec![
        ("PATH".to_owned(), path),
        ("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned()),
    ]
}

fn explore(commands: &[Vec<String>], directory: &Path, runs: u64) -> Report {
    let start = |(number, command): (usize, &Vec<String>)| Start {
        name: format!("p{number}"),
        command: command.clone(),
    };
    let exploration = Exploration {
        budget: Budget::runs(runs),
        jobs: 1,
        expectations: Expectations {
            leaks: Leaks::Ignored,
            ..Expectations::default()
        },
        ..Exploration::new(Target {
            programs: commands.iter().enumerate().map(start).collect(),
            working_dir: directory.to_owned(),
            environment: environment(),
            ..target("", &[], directory)
        })
    };
    let report = exploration
        .explore(&AtomicBool::new(false), &|_| {})
        .expect("an exploration");
    assert!(report.found.is_empty(), "{:?}", report.verdict);
    report
}

/// Returns how often a second the programs start and end natively, all at a time.
fn natively(commands: &[Vec<String>], directory: &Path, runs: u64) -> f64 {
    let began = Instant::now();
    for _ in 0..runs {
        let start = |command: &Vec<String>| {
            Command::new(&command[0])
                .args(&command[1..])
                .current_dir(directory)
                .envs(environment())
                .stdout(Stdio::null())
                .spawn()
                .expect("it starts")
        };
        let children: Vec<Child> = commands.iter().map(start).collect();
        for mut child in children {
            assert!(child.wait().expect("it ends").success());
        }
    }
    runs as f64 / began.elapsed().as_secs_f64()
}

/// Compares the speed on a machine of which every CPU computes with that on an idle one.
fn under_load(runs: u64) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let commands = [command("cc", "ping_pong.c", directory.path()).expect("a compiler")];
    let idle = explore(&commands, directory.path(), 10 * runs).runs_per_second();
    let stop = AtomicBool::new(false);
    let busy = std::thread::scope(|scope| {
        for _ in available_cpus() {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let busy = explore(&commands, directory.path(), 10 * runs).runs_per_second();
        stop.store(true, Ordering::Relaxed);
        busy
    });
    println!(
        "{:<38} {busy:>8.1}/s  {:.2} × the {idle:.1}/s of an idle machine",
        "C, a pipe, a spinner on each CPU",
        busy / idle
    );
}
