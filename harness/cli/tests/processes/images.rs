//! Programs that a run executes again are put together from memory, and nothing differs.

use crosswire::engine::{Engine, Isolation, Target, first_difference};
use crosswire::model::{Plan, Run, StartUp};
use crosswire_testing::building::{build_directory, compile};
use crosswire_testing::command::{PASS, VIOLATION, replay_differs, run, somewhere};
use crosswire_testing::engine::{engine, next_cpu, schedule, target};
use std::path::{Path, PathBuf};

/// Runs, of which each is performed twice. The first ones are needed for learning.
const RUNS: u64 = 12;

fn reveals(directory: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/reveals.c");
    compile(&[source], directory, "reveals")
}

fn engine_of(directory: &Path, script: &str) -> Engine {
    let target: Target = target("sh", &["sh", "-c", script], directory);
    engine(&target, next_cpu())
}

fn plan(seed: u64) -> Plan {
    Plan {
        start_up: StartUp {
            carries_on: false,
            // Every other run looks also at what is contested.
            comes_first: seed % 2 == 1,
            ..StartUp::longest()
        },
        ..schedule(seed)
    }
}

fn text(run: &Run) -> String {
    String::from_utf8_lossy(&run.stdout).into_owned()
}

/// Compares runs in which programs are put together with runs in which they are loaded; returns
/// how often they were put together.
fn compare(directory: &Path, script: &str) -> u64 {
    let mut engine = engine_of(directory, script);
    for seed in 0..RUNS {
        let [fast, watched] = [false, true].map(|watches| {
            engine.watch(watches);
            engine.run(&plan(seed)).expect("a run")
        });
        for (fast, watched) in text(&fast).lines().zip(text(&watched).lines()) {
            assert_eq!(fast, watched, "{script}, seed {seed}");
        }
        assert_eq!(
            first_difference(&fast, &watched),
            None,
            "{script}, seed {seed}"
        );
    }
    engine.programs_put_together()
}

#[test]
fn a_program_is_as_if_it_had_been_loaded() {
    let programs = build_directory();
    let reveals = reveals(programs.path());
    let reveals = reveals.display();
    // What a program may keep of what it is told when it starts.
    for kept in [
        "",
        "nanoseconds",
        "seconds",
        "milliseconds",
        "calendar",
        "counter",
        "time",
        "parent",
        "size",
        "number",
        "position",
        "service",
    ] {
        let directory = somewhere();
        let script = format!("{reveals} '{kept}' & {reveals} '{kept}' two | cat; wait");
        let used = compare(directory.path(), &script);
        assert!(used > 0, "{kept}");
    }
}

#[test]
fn its_surroundings_make_it_another_one() {
    let programs = build_directory();
    let reveals = reveals(programs.path());
    let reveals = reveals.display();
    for prepared in [
        "A=$(date +%N) ",
        "exec 5< /dev/null; ",
        "cd /; ",
        "umask 7; ",
        "trap '' TERM SEGV; ",
        "ulimit -n 20; ",
        "exec > /dev/null; ",
    ] {
        let directory = somewhere();
        let script = format!(
            "for i in 1 2; do {reveals} > first & {reveals} > /dev/null & wait; cat first; done; \
             {prepared} {reveals}; {reveals}"
        );
        compare(directory.path(), &script);
    }
}

/// A program finds something else while it is loaded if another process comes first.
#[test]
fn what_it_finds_when_it_is_loaded_depends_on_who_comes_first() {
    let programs = build_directory();
    let reveals = reveals(programs.path());
    let reveals = reveals.display();
    for (changes, status) in [("settings", VIOLATION), ("others", PASS)] {
        let directory = somewhere();
        std::fs::write(directory.path().join("settings"), "1").expect("a file");
        let script = format!(
            "echo 2 > {changes} & {reveals} | grep -q 'settings 1'; found=$?; wait; exit $found"
        );
        let common = ["--runs", "100", "--leaks", "ignore"];
        let options = [&common[..], &["--", "sh", "-c", &script]].concat();
        let outcome = run(directory.path(), &options);
        assert_eq!(outcome.status, status, "{changes}: {}", outcome.told());
        for (file, kind) in outcome.files(directory.path()).iter().zip(outcome.kinds()) {
            assert_eq!(replay_differs(directory.path(), file, kind), None);
        }
    }
    let directory = somewhere();
    std::fs::write(directory.path().join("settings"), "1").expect("a file");
    // What a process changes itself, it finds changed.
    compare(
        directory.path(),
        &format!("for i in 1 2 3; do sh -c 'echo '$i' > settings; exec {reveals}'; done"),
    );
}

#[test]
fn programs_of_all_kinds_are_put_together() {
    for script in [
        "for i in 1 2 3; do echo $i | tr 1 2 | sort; done; date; ls /etc | wc -l",
        "sh -c 'sh -c \"echo $$ $PPID\" & wait'; perl -e 'print time, \"\\n\"; print sort keys %ENV'",
        "python3 -S -c 'import sys, os; print(sys.argv, os.getpid(), hash(\"a\"), id(sys))'; \
         python3 -c 'import time; print(time.monotonic(), time.time())' | cat",
        "(sleep 1; echo late) & timeout 5 cat /dev/null; wait; env | sort",
    ] {
        let directory = somewhere();
        let used = compare(directory.path(), script);
        assert!(used > 0, "{script}");
    }
}

/// Without namespaces pids differ, and programs are loaded.
#[test]
fn without_namespaces_they_are_loaded() {
    let directory = somewhere();
    let target = Target {
        isolation: Isolation::None,
        ..target(
            "sh",
            &["sh", "-c", "true & cat /dev/null | sort; wait"],
            directory.path(),
        )
    };
    let mut engine = engine(&target, next_cpu());
    for seed in 0..6 {
        engine.run(&plan(seed)).expect("a run");
    }
    assert_eq!(engine.programs_put_together(), 0);
}
