//! Files outside the directories that each run has for itself.

use crosswire_testing::command::{PASS, VIOLATION, replay_differs, run, somewhere};
use std::path::{Path, PathBuf};

/// Returns a new directory that nothing covers: neither `/tmp` nor a working directory.
fn outside() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("a script");
    path
}

/// A process looks first thing at what another changes and puts back: ways to name it, from the
/// working directory, which has a link `link` to what is outside and a script `reads`.
const LOOKS: [&str; 4] = [
    "sh {outside}/reads {outside}/file",
    "sh {outside}/reads {inside}/link/file",
    "sh {outside}/executes {outside}/file",
    // It is not even there.
    "sh {outside}/asks {outside}/late",
];

/// The same, of what does not change.
const LOOKS_ELSEWHERE: [&str; 2] = [
    "sh {outside}/reads {outside}/other",
    "sh {outside}/asks {outside}/file.not",
];

fn told_of(look: &str, options: &[&str]) -> (String, Option<String>) {
    let (outside, inside) = (outside(), somewhere());
    std::fs::write(outside.path().join("file"), "old\n").expect("a file");
    std::fs::write(outside.path().join("other"), "old\n").expect("a file");
    std::os::unix::fs::symlink(outside.path(), inside.path().join("link")).expect("a link");
    script(
        outside.path(),
        "reads",
        "read x < \"$1\"; test \"$x\" != new",
    );
    script(
        outside.path(),
        "executes",
        "sh ${0%/*}/reads \"$1\" || exit 8",
    );
    script(outside.path(), "asks", "test ! -e \"$1\"");
    let changes = "cd ${0%/*}; echo new > file; echo old > file; : > late; rm late";
    let changes = script(outside.path(), "changes", changes);
    let fill = |text: &str| {
        text.replace("{outside}", &outside.path().display().to_string())
            .replace("{inside}", &inside.path().display().to_string())
    };
    let (one, other) = (
        format!("changes=sh {}", changes.display()),
        format!("looks={}", fill(look)),
    );
    let common = ["--runs", "600", "--process", &one, "--process", &other];
    let outcome = run(inside.path(), &[&common[..], options].concat());
    let files = outcome.files(inside.path()).into_iter();
    let differs = files.filter_map(|file| replay_differs(inside.path(), &file, "exit-status"));
    let differs = differs.collect::<Vec<_>>().pop();
    (outcome.verdict().to_owned(), differs)
}

#[test]
fn what_is_read_at_the_start_may_have_been_written_before() {
    for look in LOOKS {
        for options in [&[][..], &["--every-step"]] {
            let (verdict, differs) = told_of(look, options);
            assert_eq!(verdict, "violation", "{look} {options:?}");
            assert_eq!(differs, None, "{look} {options:?}");
        }
    }
    for look in LOOKS_ELSEWHERE {
        assert_eq!(told_of(look, &[]).0, "pass", "{look}");
    }
}

/// The usual script that is to run once, and one that waits for its turn.
#[test]
fn runs_at_the_same_time_do_not_meet_at_locks() {
    let outside = outside();
    let lock = outside.path().join("lock");
    std::fs::write(&lock, "").expect("a file");
    let lock = lock.display();
    for (text, status) in [
        (format!("exec 9<{lock}; flock -n 9 || exit 7"), PASS),
        (
            format!("exec 9<{lock}; flock 9; exec 8<{lock}; flock -n 8 && exit 7; :"),
            PASS,
        ),
        (
            format!("exec 9<{lock}; flock -n 9; exec 8<{lock}; flock 8"),
            VIOLATION,
        ),
    ] {
        let inside = somewhere();
        let path = script(inside.path(), "locks", &text);
        let path = path.to_str().expect("text");
        let options = ["--jobs", "2", "--runs", "60", "--", "sh", path];
        let outcome = run(inside.path(), &options);
        assert_eq!(outcome.status, status, "{text}: {}", outcome.told());
    }
}
