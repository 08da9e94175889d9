//! Errors of calls that concern their process alone, which are steps only where one is asked for.

use crosswire_testing::building::{build_directory, compile, source};
use crosswire_testing::command::{PASS, VIOLATION, replay_differs, run, somewhere};

#[test]
fn calls_that_concern_their_process_alone_can_be_made_to_fail() {
    let (here, programs) = (somewhere(), build_directory());
    let program = compile(&[source("own_errors.c")], programs.path(), "own_errors");
    let program = program.to_str().expect("a path that is text");
    for (call, error) in [
        ("mmap", "ENOMEM"),
        ("mprotect", "ENOMEM"),
        ("mlock", "EAGAIN"),
        ("brk", "ENOMEM"),
        ("setrlimit", "EPERM"),
    ] {
        let faults = format!("errno({error})");
        let words = ["--runs", "10", "--", program, call];
        let usual = run(here.path(), &words);
        assert_eq!(usual.status, PASS, "{call}: {}", usual.told());
        let failing = run(here.path(), &[&["--faults", &faults][..], &words].concat());
        assert_eq!(failing.status, VIOLATION, "{call}: {}", failing.told());
        assert_eq!(failing.kinds(), ["fatal-signal"], "{call}");
        let file = &failing.files(here.path())[0];
        assert_eq!(replay_differs(here.path(), file, "fatal-signal"), None);
    }
}
