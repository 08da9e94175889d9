//! One program that uses every facility, in many modes: friendly ones end well
//! under every schedule and repeat exactly, hostile ones are ended by name, and
//! nothing is left of them.

use crosswire::check::{Expectations, judge};
use crosswire::engine::{Engine, first_difference};
use crosswire::model::{End, Limit, Run, Verdict, What};
use crosswire_testing::building::{build_directory, compile, exercise, modes};
use crosswire_testing::command::{self, INCONCLUSIVE, Outcome, VIOLATION, somewhere};
use crosswire_testing::engine::{engine, exit_status, on_every_cpu, schedule, target};
use crosswire_testing::machine::{MARK, processes_left};
use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Random schedules for each mode.
const SCHEDULES: u64 = 20;

/// Runs a mode under every schedule, each twice; returns how many different traces
/// there were.
fn try_mode(program: &Path, mode: &str, cpu: usize) -> Result<usize, String> {
    let directory = somewhere();
    let program = program.to_str().expect("a path that is text");
    let target = target("exercise", &[program, mode], directory.path());
    let failed = |number: u64, what: &str| format!("{mode} under schedule {number}: {what}");
    let perform = |engine: &mut Engine, number| {
        engine
            .run(&schedule(number))
            .map_err(|error| failed(number, &error.to_string()))
    };
    let compare = |engine: &mut Engine, number: u64, run: &Run| {
        let again = perform(engine, number)?;
        let difference = first_difference(run, &again);
        difference.map_or(Ok(()), |difference| {
            Err(failed(number, &format!("repeated, {difference}")))
        })
    };
    let mut first = engine(&target, cpu);
    let mut runs = Vec::new();
    for number in 0..=SCHEDULES {
        let run = perform(&mut first, number)?;
        let verdict = judge(&run, &Expectations::default(), &[]);
        if verdict != Verdict::Pass || exit_status(&run, "exercise") != Some(0) {
            let stderr = String::from_utf8_lossy(&run.stderr);
            return Err(failed(
                number,
                &format!("{verdict:?}, {:?}, {stderr}", run.trace.end),
            ));
        }
        compare(&mut first, number, &run)?;
        runs.push(run);
    }
    drop(first);
    // One that does not look back on all these runs, and looks at what calls are given: so
    // that none has but one stop.
    let mut second = engine(&target, cpu);
    second.watch(true);
    for number in (0..=SCHEDULES).rev().step_by(4) {
        compare(&mut second, number, &runs[number as usize])?;
    }
    let traces: HashSet<String> = runs
        .iter()
        .map(|run| format!("{:?}", run.trace.events))
        .collect();
    Ok(traces.len())
}

#[test]
fn friendly_modes_end_well_under_every_schedule_and_repeat_exactly() {
    let build = build_directory();
    let program = exercise(build.path());
    let modes = modes(&program, "friendly");
    assert!(modes.len() >= 90, "{modes:?}");
    let scheduled = AtomicUsize::new(0);
    let failures = on_every_cpu(&modes, |cpu, mode| {
        if try_mode(&program, mode, cpu)? > 2 {
            scheduled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // Modes of one process always take the same way; that all do would mean that
    // no schedule had any effect.
    let scheduled = scheduled.into_inner();
    assert!(
        scheduled > modes.len() / 2,
        "only {scheduled} modes took several ways"
    );
}

/// A hostile mode, options that keep it small, and how it must come out: the
/// verdict, and the limit or the kind of violation.
const HOSTILE: &[(&[&str], &[&str], &str, &str)] = &[
    (
        &["forkbomb"],
        &["--limit-tasks", "50"],
        "inconclusive",
        "tasks",
    ),
    (
        &["forkbomb", "3"],
        &["--limit-tasks", "5"],
        "inconclusive",
        "tasks",
    ),
    (
        &["writeflood"],
        &["--limit-output", "100000"],
        "inconclusive",
        "output-bytes",
    ),
    (
        &["writeflood", "20000"],
        &["--limit-output", "10000"],
        "inconclusive",
        "output-bytes",
    ),
    (
        &["writeflood"],
        &["--limit-steps", "50"],
        "inconclusive",
        "steps",
    ),
    (
        &["compute"],
        &["--limit-wall", "1"],
        "inconclusive",
        "wall-time",
    ),
    (&["spin"], &[], "violation", "livelock"),
    (&["spin_child"], &[], "violation", "livelock"),
    (&["ignoreterm"], &[], "violation", "deadlock"),
    (&["stuck"], &[], "violation", "deadlock"),
];

/// Explores a few runs of a program that is not to be trusted. Whatever it does, no
/// process of it remains.
fn survive(purpose: &str, options: &[&str], words: &[&str]) -> Outcome {
    let directory = somewhere();
    let marker = crosswire_testing::marker(purpose);
    let mut command = command::crosswire(directory.path());
    command.args([
        "run",
        "--quiet",
        "--format",
        "json",
        "--runs",
        "3",
        "--keep-going",
    ]);
    command
        .args(options)
        .arg("--")
        .args(words)
        .env(MARK, &marker);
    let outcome = Outcome::of(&mut command);
    assert_eq!(processes_left(&marker), [""; 0], "{words:?}");
    outcome
}

#[test]
fn hostile_modes_are_ended_by_the_limit_that_is_meant_for_them() {
    let build = build_directory();
    let program = exercise(build.path());
    let program = program.to_str().expect("a path that is text");
    let tried: BTreeSet<String> = HOSTILE
        .iter()
        .map(|(words, ..)| words[0].to_owned())
        .collect();
    assert_eq!(
        tried,
        modes(Path::new(program), "hostile").into_iter().collect()
    );
    let failures = on_every_cpu(HOSTILE, |_, (words, options, verdict, by)| {
        let outcome = survive(words[0], options, &[&[program], *words].concat());
        let by_limit = || {
            let limits = outcome.report["inconclusive"].as_array();
            let limits = limits.map_or(&[][..], Vec::as_slice);
            limits
                .iter()
                .map(|entry| &entry["limit"])
                .all(|limit| limit == by)
                && limits.len() == 1
        };
        let as_expected = match *verdict {
            "inconclusive" => outcome.status == INCONCLUSIVE && by_limit(),
            _ => outcome.status == VIOLATION && outcome.kinds() == [*by],
        };
        let right = outcome.verdict() == *verdict && as_expected;
        let told = || {
            format!(
                "{words:?} {options:?}: not {verdict} by {by}: {}",
                outcome.told()
            )
        };
        right.then_some(()).ok_or_else(told)
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_program_that_only_sleeps_reaches_the_limit_of_virtual_time() {
    let words = ["/bin/sh", "-c", "while :; do sleep 3600; done"];
    let outcome = survive("sleep", &["--limit-virtual", "100000"], &words);
    assert_eq!(outcome.status, INCONCLUSIVE, "{}", outcome.told());
    assert_eq!(
        outcome.report["inconclusive"][0]["limit"],
        "virtual-time",
        "{}",
        outcome.told()
    );
    assert_eq!(
        outcome.report["inconclusive"][0]["runs"],
        3,
        "{}",
        outcome.told()
    );
}

#[test]
fn a_limit_that_is_not_reached_does_not_matter() {
    let build = build_directory();
    let program = exercise(build.path());
    let words = [
        program.to_str().expect("a path that is text"),
        "writeflood",
        "9000",
    ];
    let outcome = survive(
        "exact",
        &["--limit-output", "9000", "--limit-tasks", "1"],
        &words,
    );
    assert_eq!(outcome.verdict(), "pass", "{}", outcome.told());
}

#[test]
fn a_run_that_is_ended_while_it_computes_tells_the_call_before() {
    let build = build_directory();
    let program = exercise(build.path());
    let directory = somewhere();
    let program = program.to_str().expect("a path that is text");
    let target = target("exercise", &[program, "compute"], directory.path());
    let mut plan = schedule(0);
    plan.limits.wall_ms = 100;
    let mut engine = engine(&target, 0);
    let trace = engine.run(&plan).expect("a run").trace;
    assert_eq!(trace.end, End::Limit(Limit::WallTime));
    let last = trace.events.last().map(|event| &event.what);
    assert!(
        matches!(last, Some(What::Call { call, result: 1.., .. }) if call.to_string() == "getppid"),
        "{last:?}"
    );
}

#[test]
fn a_crash_while_loading_is_not_taken_for_a_pass() {
    let build = build_directory();
    let source = build.path().join("crash.c");
    std::fs::write(
        &source,
        "int main(void) { *(volatile int *)8 = 1; return 0; }\n",
    )
    .expect("the build directory is writable");
    let program = compile(&[source], build.path(), "crash");
    let outcome = survive(
        "crash",
        &[],
        &[program.to_str().expect("a path that is text")],
    );
    assert_eq!(outcome.status, VIOLATION, "{}", outcome.told());
    assert_eq!(outcome.kinds(), ["fatal-signal"], "{}", outcome.told());
}
