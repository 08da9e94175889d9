//! Faults do what the kernel may do, and no more: programs that rely on its promises are not
//! blamed, others are.

use crosswire_testing::building::{build_directory, compile, source};
use crosswire_testing::command::{replay_differs, run, somewhere};

/// Programs of `programs/faulted.c`, what strikes them, and the verdict. It is inconclusive where
/// the fault cannot strike.
const CASES: [(&str, &str, &str); 20] = [
    ("packets", "short-io(1):faulted@read", "inconclusive"),
    ("elements", "short-io(1):faulted@readv", "pass"),
    ("short_read", "short-io(1):faulted@read", "violation"),
    ("all", "short-io(1):faulted@recvfrom", "inconclusive"),
    ("edge", "full", "pass"),
    ("edge", "errno(EAGAIN):faulted.1", "pass"),
    ("edge_lost", "full", "violation"),
    ("real_time", "delay-signal(1)", "pass"),
    ("real_time", "delay-signal(6)", "pass"),
    ("raises", "delay-signal(3)", "inconclusive"),
    ("any_thread", "delay-signal(5)", "pass"),
    ("late_signal", "delay-signal(5)", "violation"),
    ("undisturbed", "errno(EINTR)", "inconclusive"),
    ("disturbed", "errno(EINTR):faulted@read", "violation"),
    ("impatient", "pause(9ms):faulted.1", "pass"),
    ("impatient", "pause(20ms):faulted.1", "violation"),
    // Neither of them is a file that could be full or broken.
    (
        "short_read",
        "errno(ENOSPC):faulted.1@write",
        "inconclusive",
    ),
    ("short_read", "errno(EIO):faulted@read", "inconclusive"),
    ("edge", "errno(ENOSPC):faulted@close", "inconclusive"),
    (
        "undisturbed",
        "errno(EAGAIN):faulted.1@write",
        "inconclusive",
    ),
];

#[test]
fn faults_break_no_promise_of_the_kernel() {
    let build = build_directory();
    let program = compile(&[source("faulted.c")], build.path(), "faulted");
    let program = program.to_str().expect("a path that is text");
    for (mode, fault, expected) in CASES {
        let directory = somewhere();
        let options = [
            "--runs", "80", "--leaks", "ignore", "--faults", fault, "--", program, mode,
        ];
        let outcome = run(directory.path(), &options);
        assert_eq!(
            outcome.verdict(),
            expected,
            "{mode}, {fault}: {}",
            outcome.told()
        );
        for file in outcome.files(directory.path()) {
            let differs = replay_differs(directory.path(), &file, outcome.kinds()[0]);
            assert_eq!(differs, None, "{mode}, {fault}");
        }
    }
}
