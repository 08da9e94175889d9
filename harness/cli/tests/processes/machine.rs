//! Values in which the machine could show: numbers and times of files, directories that change,
//! files of proc(5). Programs see the same in every run.

use crosswire_testing::building::{build_directory, compile, source};
use crosswire_testing::command::{self, Outcome, PASS, VIOLATION, somewhere};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Runs a mode of `programs/files.c` some times and demands the same output of each run.
fn all_print_the_same(mode: &str, directory: &Path) {
    let programs = build_directory();
    let program = compile(&[source("files.c")], programs.path(), "files");
    for jobs in ["1", "3"] {
        let words = [
            "--runs",
            "20",
            "--jobs",
            jobs,
            "--leaks",
            "ignore",
            "--check-output",
            "--",
            program.to_str().expect("a path that is text"),
            mode,
        ];
        let outcome = command::run(directory, &words);
        assert_eq!(outcome.status, PASS, "{jobs} jobs: {}", outcome.told());
    }
}

#[test]
fn a_file_has_one_number_however_it_is_asked_for_and_in_every_run() {
    let directory = somewhere();
    for file in ["old", "older"] {
        fs::write(directory.path().join(file), "").expect("a writable directory");
    }
    fs::create_dir(directory.path().join("existing")).expect("a writable directory");
    all_print_the_same("numbers", directory.path());
}

#[test]
fn what_was_there_before_has_the_number_that_it_has_outside() {
    let directory = somewhere();
    let path = directory.path().join("old");
    fs::write(&path, "").expect("a writable directory");
    let inode = fs::metadata(&path).expect("it is there").ino();
    let check = format!(
        "test $(stat -c %i old) = {inode} && echo x >>old && test $(ls -i old | cut -d' ' -f1) = {inode}"
    );
    let outcome = command::run(directory.path(), &["--runs", "3", "--", "sh", "-c", &check]);
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
}

#[test]
fn times_of_files_are_those_of_the_run() {
    let directory = somewhere();
    fs::write(directory.path().join("old"), "").expect("a writable directory");
    all_print_the_same("times", directory.path());
}

#[test]
fn a_directory_is_listed_whose_names_are_no_text() {
    let list = r#"d=$(printf 'd\377'); mkdir "$d"; : >"$d/$(printf 'f\376')"; : >"$d/text"
        test $(ls "$d" | wc -l) = 2 && rm "$d"/* && rmdir "$d""#;
    let outcome = command::run(somewhere().path(), &["--runs", "3", "--", "sh", "-c", list]);
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
}

#[test]
fn a_message_queue_has_one_number_and_the_times_of_the_run() {
    all_print_the_same("queue", somewhere().path());
}

#[test]
fn renames_are_told_of_by_the_same_numbers() {
    all_print_the_same("notices", somewhere().path());
}

#[test]
fn files_of_proc_tell_the_same_in_every_run() {
    all_print_the_same("proc", somewhere().path());
    all_print_the_same("processes", somewhere().path());
}

/// Finds a violation, and replays it.
fn replays(directory: &Path, more: &[&str], words: &[&str]) -> Outcome {
    let programs = build_directory();
    let program = compile(&[source("files.c")], programs.path(), "files");
    let mut arguments = more.to_vec();
    arguments.extend(["--runs", "50", "--", program.to_str().expect("text")]);
    arguments.extend(words);
    let outcome = command::run(directory, &arguments);
    assert_eq!(outcome.status, VIOLATION, "{}", outcome.told());
    let files = outcome.files(directory);
    assert!(!files.is_empty(), "{}", outcome.told());
    fs::write(directory.join("came-later"), "").expect("a writable directory");
    for file in files {
        let replayed = command::replay(directory, &file);
        assert_eq!(replayed.status, VIOLATION, "{}", replayed.told());
    }
    outcome
}

#[test]
fn a_failure_replays_that_depends_on_a_key_made_of_a_file() {
    let directory = somewhere();
    let outcome = replays(directory.path(), &[], &["key"]);
    assert_eq!(outcome.kinds(), ["deadlock"], "{}", outcome.told());
}

#[test]
fn a_failure_replays_though_the_kernel_gives_other_numbers_to_its_semaphores() {
    let directory = somewhere();
    let outcome = replays(directory.path(), &["--isolation", "none"], &["key"]);
    assert_eq!(outcome.kinds(), ["deadlock"], "{}", outcome.told());
    // What it has made there is gone: only a new file gets a number of the run.
    assert!(!directory.path().join("key-a").exists());
}

#[test]
fn a_replay_lists_what_the_run_has_listed() {
    let directory = somewhere();
    fs::write(directory.path().join("early"), "").expect("a writable directory");
    // The directory of the replay files is one of those that come later.
    replays(
        directory.path(),
        &["--output-dir", "failures"],
        &["list", ".", "fails"],
    );
}

/// All runs have one open file for it.
#[test]
fn what_a_run_sets_about_standard_input_is_gone_with_it() {
    let directory = somewhere();
    let sets = "use Fcntl;
        my $flags = fcntl(STDIN, F_GETFL, 0);
        fcntl(STDIN, F_SETFL, $flags | O_NONBLOCK);
        exit($flags & O_NONBLOCK ? 1 : 0)";
    let outcome = command::run(directory.path(), &["--runs", "8", "--", "perl", "-e", sets]);
    assert_eq!(outcome.verdict(), "pass", "{}", outcome.told());
}

/// Process 1 is the program that tests, which was called with other words, and handles other
/// signals, when it explored.
#[test]
fn a_replay_shows_the_same_process_1() {
    let directory = somewhere();
    let reads = "cat /proc/1/stat /proc/1/status /proc/1/statm /proc/1/comm /proc/1/cmdline >&2; \
        ps -ef >&2; exit 1";
    let outcome = command::run(directory.path(), &["--runs", "1", "--", "sh", "-c", reads]);
    assert_eq!(outcome.kinds(), ["exit-status"], "{}", outcome.told());
    let file = &outcome.files(directory.path())[0];
    assert_eq!(
        command::replay_differs(directory.path(), file, "exit-status"),
        None
    );
}
