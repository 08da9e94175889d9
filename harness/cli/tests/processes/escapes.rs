//! Programs that try to get out of their sandbox, or out of the engine's sight, as root and
//! without privileges.

use crate::unprivileged::Ground;
use crosswire_testing::building::{build_directory, compile, source};
use crosswire_testing::command::{self, INVALID, Outcome, PASS, UNUSABLE, VIOLATION, somewhere};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Attempts that must fail. The program says with its status whether they did.
const WAYS: [&str; 14] = [
    "mounts_of_others",
    "mounts_of_its_own",
    "mounts_of_its_own_user",
    "moved_mounts",
    "file_handles",
    "process_1",
    "templates",
    "devices",
    "settings",
    "host_name",
    "untraced",
    "handed_to_tracer",
    "marks",
    "undumpable",
];

/// Tries every way with this command, and fails if one leads out.
fn nothing_gets_out(run: impl Fn(&str, &str) -> Outcome) {
    let outside = tempfile::tempdir_in("/tmp").expect("/tmp is writable");
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(outside.path(), open).expect("it is this test's");
    let host = || fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux has it");
    let before = host();
    for way in WAYS {
        let marker = outside.path().join(way);
        let outcome = run(way, marker.to_str().expect("a path that is text"));
        assert_eq!(outcome.status, PASS, "{way}: {}", outcome.told());
        assert!(!marker.exists(), "{way} wrote to {}", marker.display());
        assert_eq!(host(), before, "{way}");
    }
}

#[test]
fn root_does_not_get_out() {
    let directory = somewhere();
    let program = compile(&[source("escape.c")], directory.path(), "escape");
    let program = program.to_str().expect("a path that is text");
    nothing_gets_out(|way, marker| {
        let words = [
            "--runs", "3", "--leaks", "ignore", "--", program, way, marker,
        ];
        command::run(directory.path(), &words)
    });
}

#[test]
fn nobody_gets_out() {
    let ground = Ground::new();
    if !ground.is_isolated("containment without privileges") {
        return;
    }
    let program = compile(&[source("escape.c")], ground.root(), "escape");
    nothing_gets_out(|way, marker| {
        ground.run(
            &["--runs", "3", "--leaks", "ignore"],
            &program,
            &[way, marker],
        )
    });
}

#[test]
fn daemons_of_the_machine_are_not_reached() {
    let directory = build_directory();
    let program = compile(&[source("escape.c")], directory.path(), "escape");
    let name = directory.path().join("daemon");
    let _daemon = UnixListener::bind(&name).expect("a name of this test");
    let words = [program.as_path(), Path::new("daemons"), &name];
    let words = words.map(|word| word.to_str().expect("a path that is text"));
    let options = ["--runs", "3", "--leaks", "ignore", "--"];
    let outcome = command::run(somewhere().path(), &[&options[..], &words].concat());
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
}

fn explore(program: &Path, way: &str) -> Outcome {
    let directory = somewhere();
    let program = program.to_str().expect("a path that is text");
    command::run(directory.path(), &["--runs", "2", "--", program, way, "-"])
}

#[test]
fn what_cannot_be_followed_is_named() {
    let directory = somewhere();
    let program = compile(&[source("escape.c")], directory.path(), "escape");
    for (way, words) in [
        ("asks_listener", "SECCOMP_FILTER_FLAG_NEW_LISTENER"),
        ("strict", "strict mode"),
    ] {
        let outcome = explore(&program, way);
        assert_eq!(outcome.status, INVALID, "{way}: {}", outcome.told());
        assert!(outcome.told().contains(words), "{way}: {}", outcome.told());
    }
}

#[test]
fn a_jump_to_nowhere_is_the_programs_own_mistake() {
    let directory = somewhere();
    let program = compile(&[source("escape.c")], directory.path(), "escape");
    let outcome = explore(&program, "wild_jump");
    assert_eq!(outcome.status, VIOLATION, "{}", outcome.told());
    assert_eq!(outcome.kinds(), ["fatal-signal"], "{}", outcome.told());
}

/// The kernel finds out when it is too late for an error (execve(2)).
#[test]
fn a_program_cut_short_is_named() {
    let directory = somewhere();
    let program = compile(&[source("escape.c")], directory.path(), "escape");
    let whole = fs::read(&program).expect("it was built");
    fs::write(&program, &whole[..4096]).expect("it is this test's");
    let outcome = explore(&program, "marks");
    assert_eq!(outcome.status, UNUSABLE, "{}", outcome.told());
    assert!(outcome.told().contains("cut short"), "{}", outcome.told());
}
