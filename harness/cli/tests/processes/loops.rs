//! Loops that wait: an endless one is a livelock, whatever it waits for and how, and its
//! twin that something ends passes.

use crosswire::model::Record;
use crosswire_testing::building::{build_directory, compile, folder};
use crosswire_testing::command::{Outcome, replay_differs, run, somewhere};
use crosswire_testing::engine::on_every_cpu;
use std::path::Path;

/// Forms that go on forever unless something happens.
const ENDLESS: [&str; 39] = [
    "load",
    "scan",
    "counter",
    "heartbeat",
    "compare",
    "copy",
    "yield",
    "spin_then_yield",
    "sleeping",
    "backoff",
    "clock_reading",
    "try_semaphore",
    "timed_futex",
    "polling",
    "selecting",
    "epolling",
    "reading",
    "status",
    "opening",
    "rereading",
    "file_lock",
    "between_locks",
    "settling",
    "asking",
    "mapping",
    "identifying",
    "lock_file",
    "message",
    "semaphores",
    "connecting",
    "signal_waiting",
    "alive",
    "reaping",
    "handler_flag",
    "counting",
    "thread",
    "threads",
    "two_polls",
    "numbers_by_turns",
];

/// Forms that end by themselves.
const ENDING: [&str; 22] = [
    "bounded",
    "bounded_by_time",
    "bounded_without_sleep",
    "summing",
    "computing",
    "computing_with_clock",
    "cpu_clock",
    "cpu_usage",
    "cpu_ticks",
    "cpu_in_proc",
    "cpu_timer",
    "cpu_limit",
    "until_alarm",
    "cpu_between_sleeps",
    "signals_while_asleep",
    "counting_while_asleep",
    "unnoticed_timer",
    "counting_calls",
    "numbers_until",
    "long_rounds",
    "counting_alone",
    "counting_in_page",
];

/// Forms that act in each round, and no other process has to do with it.
const PRIVATE: [&str; 7] = [
    "ticking",
    "interval",
    "logging",
    "being_alive",
    "telling_itself",
    "writing_to_itself",
    "at_random",
];

fn explored(program: &Path, form: &str, when: &str, runs: &str) -> Outcome {
    let directory = somewhere();
    let program = program.to_str().expect("a path that is text");
    run(
        directory.path(),
        &[
            "--runs",
            runs,
            // How fast the machine takes single steps is not what is tried.
            "--limit-wall",
            "300",
            "--",
            program,
            form,
            when,
        ],
    )
}

fn each(source: &str, forms: &[&str], try_one: impl Fn(&Path, &str) -> Result<(), String> + Sync) {
    let build = build_directory();
    let source = folder("fixtures").join("c/loops").join(source);
    let program = compile(&[source], build.path(), "loops");
    let failures = on_every_cpu(forms, |_, form| try_one(&program, form));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn endless_loops_are_proved_within_a_few_thousand_steps() {
    each("loops.c", &ENDLESS, |program, form| {
        let outcome = explored(program, form, "never", "1");
        let steps = outcome.report["schedule_points"].as_u64();
        let is_right = outcome.kinds() == ["livelock"] && steps.is_some_and(|n| n <= 5_000);
        let told = || format!("{form}: {steps:?} steps, {}", outcome.told());
        is_right.then_some(()).ok_or_else(told)
    });
}

#[test]
fn loops_that_something_ends_pass() {
    each("loops.c", &ENDLESS, |program, form| {
        let outcome = explored(program, form, "late", "10");
        let told = || format!("{form}: {}", outcome.told());
        (outcome.verdict() == "pass").then_some(()).ok_or_else(told)
    });
}

#[test]
fn loops_that_end_by_themselves_pass() {
    each("loops.c", &ENDING, |program, form| {
        let outcome = explored(program, form, "never", "2");
        let told = || format!("{form}: {}", outcome.told());
        (outcome.verdict() == "pass").then_some(()).ok_or_else(told)
    });
}

/// What makes their rounds differ is in no register, and in no result.
#[test]
fn loops_of_calls_that_look_alike_come_to_their_end() {
    let forms = [
        "upwards",
        "descriptors",
        "messages",
        "children",
        "children_at_once",
        "children_found",
    ];
    each("ending.c", &forms, |program, form| {
        let outcome = explored(program, form, "", "2");
        let told = || format!("{form}: {}", outcome.told());
        (outcome.verdict() == "pass").then_some(()).ok_or_else(told)
    });
}

/// The deadline that it computes anew in each round might be the end of the loop.
#[test]
fn a_loop_that_cannot_be_proved_endless_is_stalled() {
    each("loops.c", &["timed_semaphore"], |program, form| {
        let outcome = explored(program, form, "never", "1");
        let told = || format!("{form}: {}", outcome.told());
        (outcome.kinds() == ["stalled"])
            .then_some(())
            .ok_or_else(told)
    });
}

/// What a loop does for itself alone adds up, so that nothing is proved.
#[test]
fn loops_that_act_for_themselves_alone_are_stalled() {
    each("private.c", &PRIVATE, |program, form| {
        let never = explored(program, form, "never", "1");
        let steps = never.report["schedule_points"].as_u64();
        let is_stalled = never.kinds() == ["stalled"] && steps.is_some_and(|n| n <= 100_000);
        let late = explored(program, form, "late", "10");
        let counted = explored(program, form, "counted", "2");
        let told = || {
            let (late, counted) = (late.told(), counted.told());
            format!(
                "{form}: {steps:?} steps, {}; {late}; {counted}",
                never.told()
            )
        };
        let passes = late.verdict() == "pass" && counted.verdict() == "pass";
        (is_stalled && passes).then_some(()).ok_or_else(told)
    });
}

/// Nothing proves what they do, and nothing tells how long they take.
#[test]
fn computations_do_not_keep_others_from_their_turns() {
    let forms = ["told", "lock", "killed", "asked"];
    each("computing.c", &forms, |program, form| {
        let directory = somewhere();
        let program = program.to_str().expect("a path that is text");
        let explored = |status: &str| {
            let run_once = ["--runs", "1", "--shrink-time", "0", "--limit-wall", "300"];
            let command = ["--", program, form, status];
            run(directory.path(), &[&run_once[..], &command].concat())
        };
        let (passes, fails) = (explored("0"), explored("9"));
        let told = || format!("{form}: {}; {}", passes.told(), fails.told());
        let is_right = passes.verdict() == "pass" && fails.kinds() == ["exit-status"];
        is_right.then_some(()).ok_or_else(told)?;
        // A computation is stopped elsewhere each time, after the same steps.
        let files = fails.files(directory.path());
        let text = std::fs::read_to_string(&files[0]).map_err(|error| error.to_string())?;
        let listed = Record::from_json(&text).map_err(|error| error.to_string())?;
        let listed = listed.plan.preemptions.unwrap_or_default();
        let told = || format!("{form}: without preemptions");
        (!listed.is_empty()).then_some(()).ok_or_else(told)?;
        match replay_differs(directory.path(), &files[0], "exit-status") {
            Some(difference) => Err(format!("{form}: {difference}")),
            None => Ok(()),
        }
    });
}

/// Two processes compute one after the other, as one of them waits for the other.
#[test]
fn a_computation_for_which_others_wait_goes_on_to_its_end() {
    each("computing.c", &["alone"], |program, form| {
        let outcome = explored(program, form, "0", "1");
        let is_short = outcome.report["schedule_points"].as_u64() < Some(20);
        let told = || format!("{form}: {}", outcome.told());
        (outcome.verdict() == "pass" && is_short)
            .then_some(())
            .ok_or_else(told)
    });
}
