//! What the kernel answers where the engine stands between it and a program.

use crosswire_testing::building::{build_directory, compile, source};
use crosswire_testing::command::{PASS, run, somewhere};
use crosswire_testing::engine::on_every_cpu;

/// Programs that check the answers themselves, and their modes.
const MODES: [(&str, &str); 20] = [
    ("answers", "terminal_time_out"),
    ("answers", "terminal_lines"),
    ("answers", "aborted_by_parent"),
    ("answers", "removed_queue"),
    ("answers", "continued"),
    ("answers", "system_v_times"),
    ("answers", "unnamed_socket"),
    ("answers", "no_new_privileges"),
    ("answers", "entropy"),
    ("answers", "first_process"),
    ("answers", "ended_process"),
    ("answers", "timer_overruns"),
    ("answers", "dumped_core"),
    ("answers", "time_namespaces"),
    ("answers", "time_namespaces_alike"),
    ("file_answers", "wrong_remapping"),
    ("file_answers", "mapped_times"),
    ("file_answers", "opened_before"),
    ("file_answers", "used_up_addresses"),
    ("file_answers", "closed_lock"),
];

#[test]
fn answers_are_those_of_the_kernel_and_the_same_when_a_run_is_repeated() {
    let programs = build_directory();
    for name in ["answers", "file_answers"] {
        compile(&[source(&format!("{name}.c"))], programs.path(), name);
    }
    let failures = on_every_cpu(&MODES, |_, (name, mode)| {
        let directory = somewhere();
        let program = programs.path().join(name);
        let program = program.to_str().expect("a path that is text");
        let words = ["--runs", "40", "--jobs", "1", "--", program, mode];
        let outcome = run(directory.path(), &words);
        let told = || format!("{mode}: {}", outcome.told());
        (outcome.status == PASS).then_some(()).ok_or_else(told)
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
