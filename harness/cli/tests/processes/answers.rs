//! What the kernel answers where the engine stands between it and a program.

use crosswire_testing::building::{build_directory, compile, source};
use crosswire_testing::command::{PASS, run, somewhere};
use crosswire_testing::engine::on_every_cpu;

/// Modes of `programs/answers.c`, which checks its answers itself.
const MODES: [&str; 13] = [
    "terminal_time_out",
    "terminal_lines",
    "aborted_by_parent",
    "removed_queue",
    "system_v_times",
    "unnamed_socket",
    "no_new_privileges",
    "entropy",
    "first_process",
    "timer_overruns",
    "wrong_remapping",
    "mapped_times",
    "dumped_core",
];

#[test]
fn answers_are_those_of_the_kernel_and_the_same_when_a_run_is_repeated() {
    let programs = build_directory();
    let program = compile(&[source("answers.c")], programs.path(), "answers");
    let program = program.to_str().expect("a path that is text");
    let failures = on_every_cpu(&MODES, |_, mode| {
        let directory = somewhere();
        let words = ["--runs", "40", "--jobs", "1", "--", program, mode];
        let outcome = run(directory.path(), &words);
        let told = || format!("{mode}: {}", outcome.told());
        (outcome.status == PASS).then_some(()).ok_or_else(told)
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
