//! Tests programs written elsewhere, and the example in C, against the contracts of
//! mechanisms by the line protocol, promise by promise. A promise that is not listed as
//! broken must hold; a listed one must be seen to break.

use crosswire::contract::Peril;
use crosswire::model::Verdict;
use crosswire::{Budget, Report};
use crosswire_scenarios::{Case, Cell, adapter_cells};
use crosswire_testing::engine::OwnCpu;
use crosswire_testing::{is_performing, left_out};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ANY: (usize, usize) = (usize::MAX, usize::MAX);

/// Number of runs to try a promise that should hold, with any participants.
const RUNS: u64 = 32;

/// The same for Python, which is loaded in each run and takes most of its time for that.
const RUNS_OF_PYTHON: u64 = 16;

/// Runs among which a broken promise is seen to be; the first such run ends them.
const MANY: u64 = 1000;

/// Expectations on a program.
struct Held {
    contract: &'static str,
    /// The most senders and receivers that it is made for.
    most: (usize, usize),
    /// Perils that are tried; all that the contract speaks of, if there are none.
    only: &'static [Peril],
    /// Promises that it breaks, and the check that finds it.
    broken: &'static [(Peril, &'static str)],
    /// Runs for each promise that is to hold.
    runs: u64,
}

fn holds(contract: &'static str) -> Held {
    Held {
        contract,
        most: ANY,
        only: &[],
        broken: &[],
        runs: RUNS,
    }
}

fn holds_in_python(contract: &'static str) -> Held {
    Held {
        runs: RUNS_OF_PYTHON,
        ..holds(contract)
    }
}

#[test]
fn a_pipe_in_c() {
    held(&[built("keeps")], &holds("pipe"));
}

#[test]
fn a_receiver_in_c_that_keeps_the_write_end() {
    let command = [built("forgetful"), "forgetful".to_owned()];
    let forgetful = Held {
        only: &[Peril::None],
        broken: &[(Peril::None, "deadlock")],
        ..holds("pipe")
    };
    held(&command, &forgetful);
}

#[test]
fn multiprocessing_pipe() {
    let Some(command) = python("mp_pipe.py") else {
        return;
    };
    let one_reader = Held {
        most: (usize::MAX, 1),
        ..holds_in_python("pipe")
    };
    held(&command, &one_reader);
}

/// "Data in a pipe may become corrupted if two processes (or threads) try to read from or
/// write to the same end of the pipe at the same time": a message is read in two parts.
#[test]
fn multiprocessing_pipe_with_two_readers() {
    let Some(command) = python("mp_pipe.py") else {
        return;
    };
    let two_readers = Held {
        only: &[Peril::None],
        broken: &[(Peril::None, "whole-messages")],
        ..holds_in_python("pipe")
    };
    held(&command, &two_readers);
}

/// A thread of the process sends what the process has put, and dies with it.
#[test]
fn multiprocessing_queue() {
    let Some(command) = python("mp_queue.py") else {
        return;
    };
    let letter_box = Held {
        // It uses no signals.
        only: &[
            Peril::None,
            Peril::KillSender,
            Peril::KillReceiver,
            Peril::Pause,
            Peril::Interrupt,
            Peril::Errno,
            Peril::Full,
            Peril::Contend,
        ],
        broken: &[(Peril::KillSender, "loss")],
        ..holds_in_python("direct-messages")
    };
    held(&command, &letter_box);
}

/// "If multiple processes are enqueuing objects, it is possible for the objects to be
/// received at the other end out-of-order"; and who dies while receiving keeps the lock
/// that receivers share.
#[test]
fn multiprocessing_queue_as_one_for_all() {
    let Some(command) = python("mp_queue.py") else {
        return;
    };
    let one_for_all = Held {
        only: &[Peril::None, Peril::KillReceiver],
        broken: &[(Peril::None, "order"), (Peril::KillReceiver, "loss")],
        ..holds_in_python("mailbox")
    };
    held(&command, &one_for_all);
}

/// Its timeouts are absolute wall-clock times (sem_timedwait(3)).
#[test]
fn multiprocessing_lock() {
    let Some(command) = python("mp_lock.py") else {
        return;
    };
    let lock = Held {
        broken: &[(Peril::ClockJump, "refused-only-while-held")],
        ..holds_in_python("plain-mutex")
    };
    held(&command, &lock);
}

/// Its timeouts are absolute wall-clock times, too: it waits as the lock does. Of all the
/// calls that read a clock, few are made while a permit is about to be given back.
#[test]
fn multiprocessing_semaphore() {
    let Some(command) = python("mp_semaphore.py") else {
        return;
    };
    let semaphore = Held {
        only: &[
            Peril::None,
            Peril::KillHolder,
            Peril::Pause,
            Peril::Interrupt,
            Peril::Contend,
        ],
        ..holds_in_python("named-semaphore")
    };
    held(&command, &semaphore);
}

/// Its timeouts are absolute wall-clock times (mq_timedreceive(3)).
#[test]
fn posix_ipc_queue() {
    let Some(command) = posix_ipc("posix_ipc_queue.py") else {
        return;
    };
    let queue = Held {
        broken: &[(Peril::ClockJump, "end-after-last-sender")],
        ..holds_in_python("posix-queue")
    };
    held(&command, &queue);
}

/// The same (sem_timedwait(3)).
#[test]
fn posix_ipc_semaphore() {
    let Some(command) = posix_ipc("posix_ipc_semaphore.py") else {
        return;
    };
    let semaphore = Held {
        broken: &[(Peril::ClockJump, "refused-only-when-taken")],
        ..holds_in_python("named-semaphore")
    };
    held(&command, &semaphore);
}

#[test]
fn ipc_channel() {
    let Some(command) = of_crates("ipc-channel") else {
        return;
    };
    held(&command, &holds("unix-seqpacket"));
}

#[test]
fn interprocess() {
    let Some(command) = of_crates("interprocess") else {
        return;
    };
    held(&command, &holds("unix-stream"));
}

/// A word is stored and loaded at once.
#[test]
fn a_word_of_shared_memory() {
    let Some(command) = of_crates("shared_memory-word") else {
        return;
    };
    held(&command, &holds("posix-shm"));
}

/// It gives memory, and nothing that guards it: several words are not one value.
#[test]
fn words_of_shared_memory() {
    let Some(command) = of_crates("shared_memory") else {
        return;
    };
    let unguarded = Held {
        only: &[Peril::None, Peril::KillWriter],
        broken: &[
            (Peril::None, "atomic-register"),
            (Peril::KillWriter, "atomic-register"),
        ],
        ..holds("posix-shm")
    };
    held(&command, &unguarded);
}

/// # Panics
/// If a promise came out otherwise than it is listed: all that did are named.
fn held(command: &[String], to: &Held) {
    let _cpu = OwnCpu::take();
    let cells = adapter_cells(to.contract, to.most, command).expect(to.contract);
    let cases: Vec<Case> = cells
        .into_iter()
        .filter_map(|cell| match cell {
            Cell::Case(case) => Some(case),
            Cell::Exempt { .. } => None,
        })
        .filter(|case| to.only.is_empty() || to.only.contains(&case.fault))
        .collect();
    let is_listed = |case: &&Case| to.broken.iter().any(|(peril, _)| *peril == case.fault);
    let to_hold = cases.iter().filter(|case| !is_listed(case));
    let shapes = |fault| cases.iter().filter(|case| case.fault == fault).count();
    let mut wrong: Vec<String> = to_hold
        .filter_map(|case| not_kept(case, to.runs.div_ceil(shapes(case.fault) as u64)))
        .collect();
    for (peril, check) in to.broken {
        let tried = cases.iter().filter(|case| case.fault == *peril);
        wrong.extend(not_broken(tried.collect(), check));
    }
    assert!(wrong.is_empty(), "{command:?}\n{}", wrong.join("\n"));
}

/// Describes how a promise that should have been kept was broken, if it was.
fn not_kept(case: &Case, mut runs: u64) -> Option<String> {
    // Of the transfers, few are long enough to be cut short.
    if case.fault == Peril::ShortIo {
        runs *= 2;
    }
    let report = case.explore_in_test(Budget::runs(runs));
    match &report.verdict {
        Verdict::Pass => None,
        other => Some(format!("{}: {other:?}\n{}", case.name, sentences(&report))),
    }
}

/// Describes why a promise that should have been broken in one of these cases was not, or
/// was broken in another way.
fn not_broken(cases: Vec<&Case>, check: &str) -> Option<String> {
    let mut others = BTreeSet::new();
    let mut name = "";
    // The most take part in the last, which shows the most.
    for case in cases.into_iter().rev() {
        name = &case.name;
        let report = case.explore_in_test(Budget::runs(MANY));
        let mut found = report.found.iter().map(|found| &found.violation);
        if found.any(|violation| violation.kind.to_string() == check) {
            return None;
        }
        others.insert(format!("{:?} {}", report.verdict, sentences(&report)));
    }
    let others: Vec<String> = others.into_iter().collect();
    Some(format!("{name}: no {check}, but {}", others.join(", ")))
}

fn sentences(report: &Report) -> String {
    let found = report.found.iter();
    let sentences = found.map(|found| format!("  {}\n", found.violation.sentence));
    sentences.collect()
}

fn adapters() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/adapters")
}

/// Returns the directory of what is built for the tests, below the build directory.
fn made() -> PathBuf {
    let test = std::env::current_exe().expect("tests are files");
    let target = test.ancestors().nth(3).expect("target/PROFILE/deps/TEST");
    target.join("adapters")
}

/// The C example.
fn built(name: &str) -> String {
    let program = made().join(format!("pipe-{name}"));
    if !is_performing() {
        std::fs::create_dir_all(made()).unwrap();
        let mut cc = Command::new("cc");
        cc.arg("-o").arg(&program).arg(adapters().join("pipe.c"));
        assert!(cc.status().expect("running cc").success());
    }
    program.to_str().unwrap().to_owned()
}

/// The program that this makes, by its name; made once, however many tests want it.
/// Which it is stands in a file for those that come back.
fn once(name: &str, make: impl FnOnce() -> Option<String>) -> Option<String> {
    static MAKING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let file = made().join(format!("{name}.path"));
    if !is_performing() {
        let _one = MAKING.lock().unwrap_or_else(|error| error.into_inner());
        let path = make()?;
        std::fs::create_dir_all(made()).unwrap();
        // Others may be reading it.
        let new = made().join(format!("{name}.{}", std::process::id()));
        std::fs::write(&new, path).unwrap();
        std::fs::rename(&new, &file).unwrap();
    }
    Some(std::fs::read_to_string(&file).unwrap())
}

fn output_of(command: &mut Command) -> Option<Output> {
    command.output().ok().filter(|out| out.status.success())
}

/// The interpreter itself, not a script that looks for one, with an adapter. What `site`
/// adds to the search path is left away: it takes as long as all the rest.
fn python(adapter: &str) -> Option<Vec<String>> {
    let interpreter = once("python", || {
        let mut ask = Command::new("python3");
        let asked = output_of(ask.args(["-c", "import sys; print(sys.executable)"]));
        if asked.is_none() {
            left_out(adapter, "there is no python3 here");
        }
        let path = String::from_utf8(asked?.stdout).unwrap();
        Some(path.trim().to_owned())
    })?;
    let script = adapters().join(adapter).to_str().unwrap().to_owned();
    // No byte code beside the script: that would be left behind.
    Some(vec![interpreter, "-S".to_owned(), "-B".to_owned(), script])
}

/// An adapter that needs posix_ipc from PyPI.
fn posix_ipc(adapter: &str) -> Option<Vec<String>> {
    let command = python(adapter)?;
    let modules = made().join("python").to_str().unwrap().to_owned();
    if !is_performing() {
        let mut ask = Command::new(&command[0]);
        ask.env("PYTHONPATH", &modules)
            .args(["-S", "-c", "import posix_ipc"]);
        if output_of(&mut ask).is_none() {
            let why = format!(
                "posix_ipc is not there; `python3 -m pip install --target {modules} posix_ipc` \
                 gets it"
            );
            left_out(adapter, &why);
            return None;
        }
    }
    let env = ["/usr/bin/env".to_owned(), format!("PYTHONPATH={modules}")];
    Some(env.into_iter().chain(command).collect())
}

/// The adapter for crates from crates.io, which is a package of its own.
fn of_crates(name: &str) -> Option<Vec<String>> {
    let program = once("crates", || {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build
            .args(["build", "--quiet", "--release", "--locked"])
            .arg("--manifest-path")
            .arg(adapters().join("crates/Cargo.toml"))
            .arg("--target-dir")
            .arg(made());
        let output = build.output().expect("running cargo");
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            left_out(name, &format!("its adapter was not built: {said}"));
            return None;
        }
        let program = made().join("release/crosswire-adapters");
        Some(program.to_str().unwrap().to_owned())
    })?;
    Some(vec![program, name.to_owned()])
}
