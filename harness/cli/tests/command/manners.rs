//! How the command behaves towards the shell: statuses, pipes, signals.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn crosswire() -> (Command, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("temporary directories can be made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswire"));
    command.current_dir(directory.path()).stdin(Stdio::null());
    command.env_clear().env("PATH", "/usr/bin:/bin");
    (command, directory)
}

#[test]
fn help_and_version_are_no_errors() {
    for option in ["--help", "--version", "help"] {
        let (mut command, _directory) = crosswire();
        let output = command.arg(option).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn a_closed_pipe_does_not_change_the_verdict() {
    let (mut command, _directory) = crosswire();
    command.args(["run", "--runs", "5", "--", "/bin/true"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut message = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut message)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{message}");
    assert_eq!(message, "");
}

#[test]
fn nothing_but_the_report_goes_to_standard_output() {
    let (mut command, _directory) = crosswire();
    let options = [
        "run",
        "--runs",
        "5",
        "--format",
        "json",
        "--",
        "/bin/echo",
        "hello",
    ];
    let output = command.args(options).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["runs"], 5);
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn a_program_may_follow_without_dashes_and_what_it_prints_is_shown() {
    let (mut command, _directory) = crosswire();
    command.args(["run", "--quiet", "--runs", "2", "--show-output"]);
    command.args([
        "--expect-exit",
        "3",
        "sh",
        "-c",
        "echo $0; exit 3",
        "--said",
    ]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout);
    for part in [
        "  sh: exit status 3\n",
        "    --said\n",
        "standard error: nothing",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn what_is_interrupted_has_not_passed() {
    let (mut command, _directory) = crosswire();
    command.args(["run", "--time", "60s", "/bin/true"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let id = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(killed.success());
    let mut told = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        told.starts_with("INTERRUPTED: no violation so far\n"),
        "{told}"
    );
}

#[test]
fn an_interrupt_ends_it_within_a_second_with_what_was_done() {
    let (mut command, _directory) = crosswire();
    command.args(["run", "--time", "60", "--format", "json", "--", "/bin/true"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let interrupted = Instant::now();
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        interrupted.elapsed() < Duration::from_secs(2),
        "{:?}",
        interrupted.elapsed()
    );
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["interrupted"], true);
}

#[test]
fn a_limit_makes_it_inconclusive() {
    let (mut command, _directory) = crosswire();
    let options = [
        "run",
        "--runs",
        "3",
        "--limit-steps",
        "1",
        "--",
        "/bin/echo",
        "hello",
    ];
    let output = command.args(options).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("INCONCLUSIVE"));
}

#[test]
fn faults_without_a_place_are_inconclusive_and_those_that_linux_refuses_are_not() {
    for (fault, code, reason) in [
        ("lose-signal", 4, "the program gets no signal"),
        (
            "interrupt",
            0,
            "Linux did not interrupt any of the calls tried",
        ),
    ] {
        let (mut command, _directory) = crosswire();
        command.args(["run", "--runs", "20", "--faults", fault]);
        let output = command.args(["--", "cat", "/etc/passwd"]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains(reason),
            "{output:?}"
        );
    }
}

#[test]
fn deaths_leaks_and_other_violations_can_be_accepted() {
    let dies = "kill -ABRT $$";
    let leaves = "mkfifo /tmp/left-$$ /tmp/other";
    for (script, options, code) in [
        (dies, &[][..], 1),
        (dies, &["--expect-signal", "sh=SIGABRT"], 0),
        (dies, &["--expect-signal", "SIGTERM"], 1),
        (dies, &["--allow", "fatal-signal:s?"], 0),
        (leaves, &["--allow", "leak:/tmp/left-*"], 1),
        (
            leaves,
            &["--allow", "leak:/tmp/left-*", "--allow", "leak:/tmp/other"],
            0,
        ),
    ] {
        let (mut command, _directory) = crosswire();
        command.args(["run", "--runs", "2"]).args(options);
        let output = command.args(["--", "sh", "-c", script]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{options:?}: {output:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        let told = options.contains(&"--allow");
        assert_eq!(said.contains("allowed: "), told, "{said}");
    }
}

#[test]
fn the_main_job_performs_as_many_runs_of_each_case_as_it_is_told() {
    let (mut command, _directory) = crosswire();
    command.args([
        "--only",
        "pipe/kill-receiver",
        "--only",
        "robust-mutex/none",
    ]);
    let output = command.args(["--runs", "20", "--format", "json"]).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mechanisms = report["mechanisms"].as_array().unwrap();
    assert_eq!(mechanisms.len(), 2, "{report}");
    for mechanism in mechanisms {
        let runs = mechanism["faults"][0]["runs"].as_u64().unwrap();
        // In each shape.
        assert!(runs > 0 && runs.is_multiple_of(20), "{report}");
    }
}
