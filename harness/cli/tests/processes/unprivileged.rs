//! Without privileges, and without namespaces: verdicts stay right, and what is
//! lost is said.
//!
//! Started as root, these tests run the command as the user nobody.

use crosswire_testing::building::{compile, exercise, folder, source};
use crosswire_testing::command::{self, Outcome, PASS, VIOLATION, replay_differs, run, somewhere};
use crosswire_testing::machine::{MARK, await_processes, processes_left};
use crosswire_testing::{left_out, marker, say};
use serial_test::{parallel, serial};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The user and group that own nothing, on every Linux.
const NOBODY: u32 = 65_534;

/// A planted bug, what it needs to show, and the kind of its violation.
const BUGS: &[(&str, &[&str], &str)] = &[
    ("abba_flock", &[], "deadlock"),
    ("broken_pipe", &[], "exit-status"),
    ("cond_no_predicate", &[], "deadlock"),
    ("eof_sometimes", &[], "deadlock"),
    ("lost_update", &[], "exit-status"),
    (
        "mutex_not_robust",
        &["--faults", "kill:mutex_not_robust.1"],
        "deadlock",
    ),
    ("pause_flag", &[], "deadlock"),
];

/// Programs and a directory that an unprivileged user can use.
pub struct Ground {
    root: TempDir,
    user: Option<u32>,
    /// What executes the command, if something does.
    container: Option<PathBuf>,
}

impl Ground {
    pub fn new() -> Ground {
        let root = tempfile::tempdir_in("/tmp").expect("/tmp is writable");
        let path = root.path();
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("it is this test's");
        fs::copy(command::executable(), path.join("crosswire")).expect("the command was built");
        fs::create_dir(path.join("work")).expect("it is this test's");
        let own = fs::metadata(path).expect("it was made just now").uid();
        let user = (own == 0).then_some(NOBODY);
        match user {
            Some(id) => chown(path.join("work"), Some(id), Some(id)).expect("root may do this"),
            None => say(&format!(
                "already unprivileged: these tests run as user {own}"
            )),
        }
        Ground {
            root,
            user,
            container: None,
        }
    }

    /// The same in a container with Docker's usual settings, of which root may be the user.
    pub fn contained(may_be_root: bool) -> Ground {
        let ground = Ground::new();
        let program = compile(&[source("container.c")], ground.root.path(), "container");
        Ground {
            user: ground.user.filter(|_| !may_be_root),
            container: Some(program),
            ..ground
        }
    }

    /// Tells whether root has started these tests.
    pub fn is_of_root(&self) -> bool {
        self.user.is_some()
    }

    /// The directory of programs.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A planted bug or its fixed twin.
    pub fn fixture(&self, name: &str) -> PathBuf {
        let source = folder("fixtures/c").join(format!("{name}.c"));
        compile(&[source], self.root.path(), name)
    }

    /// The directory in which the command runs.
    pub fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// The command, as the unprivileged user.
    pub fn crosswire(&self) -> Command {
        let own = self.root.path().join("crosswire");
        let mut command = Command::new(self.container.as_ref().unwrap_or(&own));
        if self.container.is_some() {
            command.arg(own);
        }
        command::prepare(&mut command, &self.work());
        if let Some(id) = self.user {
            command.uid(id).gid(id);
        }
        command
    }

    pub fn run(&self, options: &[&str], program: &Path, arguments: &[&str]) -> Outcome {
        let mut command = self.crosswire();
        command.args(["run", "--format", "json"]).args(options);
        Outcome::of(command.arg("--").arg(program).args(arguments))
    }

    /// What the machine refuses to this user.
    fn missing(&self) -> Vec<String> {
        let examined = Outcome::of(self.crosswire().args(["doctor", "--format", "json"]));
        assert_eq!(examined.status, PASS, "{}", examined.told());
        let all = examined.report["capabilities"].as_array().expect("a list");
        let missing = all
            .iter()
            .filter(|capability| !capability["missing"].is_null());
        missing
            .map(|capability| capability["name"].to_string())
            .collect()
    }

    /// Whether namespaces are to be had; says what is left out otherwise.
    pub fn is_isolated(&self, what: &str) -> bool {
        let missing = self.missing();
        let isolated = !missing.iter().any(|name| name.contains("namespace"));
        if !isolated {
            left_out(
                what,
                &format!("this machine refuses it to unprivileged users: {missing:?}"),
            );
        }
        isolated
    }

    /// Explores planted bugs and their fixed twins where nothing keeps them off the real /tmp,
    /// and returns what was misjudged.
    pub fn misjudged(&self) -> Vec<String> {
        remove_litter();
        let (wrong, _) = self.judge(&[]);
        remove_litter();
        wrong
    }

    /// Removes what planted bugs have left.
    pub fn forget(&self) {
        remove_litter();
    }

    /// Explores planted bugs and their fixed twins, and returns what was misjudged
    /// and what was said on standard error.
    fn judge(&self, options: &[&str]) -> (Vec<String>, Vec<String>) {
        let (mut wrong, mut said) = (Vec::new(), Vec::new());
        for (name, needs, kind) in BUGS {
            let bug = self.run(
                &[options, needs, &["--runs", "200"]].concat(),
                &self.fixture(name),
                &[],
            );
            if bug.status != VIOLATION || !bug.kinds().contains(kind) {
                wrong.push(format!("{name} {options:?}: {}", bug.told()));
            }
            let twin = format!("{name}_fixed");
            let needs: Vec<String> = needs.iter().map(|word| word.replace(name, &twin)).collect();
            let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
            let program = self.fixture(&twin);
            let twin = self.run(
                &[options, &needs, &["--runs", "100"]].concat(),
                &program,
                &[],
            );
            if twin.status != PASS {
                wrong.push(format!(
                    "{} {options:?}: {}",
                    program.display(),
                    twin.told()
                ));
            }
            said.extend([bug.stderr, twin.stderr]);
        }
        (wrong, said)
    }
}

/// Removes what planted bugs leave in the real /tmp, where nothing keeps them off.
fn remove_litter() {
    for entry in fs::read_dir("/tmp").expect("/tmp is readable").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if BUGS
            .iter()
            .any(|(bug, ..)| name.starts_with(&format!("{bug}.")))
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[test]
#[parallel(tmp)]
fn verdicts_are_right_and_replay() {
    let ground = Ground::new();
    if !ground.is_isolated("isolation without privileges") {
        return;
    }
    let (wrong, _) = ground.judge(&[]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // A program that lists its directory does not find what the first failure has
    // written there.
    let lister: (&Path, &[&str]) = (
        Path::new("/bin/bash"),
        &["-c", "for f in *; do :; done; false"],
    );
    for (program, arguments) in [lister, (&ground.fixture("abba_flock"), &[])] {
        let bug = ground.run(&["--runs", "200"], program, arguments);
        let files = bug.files(&ground.work());
        assert_eq!(files.len(), 1, "{}", bug.told());
        let mut replay = ground.crosswire();
        let again = Outcome::of(replay.args(["replay", "--format", "json"]).arg(&files[0]));
        assert_eq!(again.status, VIOLATION, "{}", again.told());
        assert_eq!(again.report["same"], true, "{}", again.told());
    }
}

#[test]
fn programs_do_what_they_do_for_root() {
    let ground = Ground::new();
    if !ground.is_isolated("programs without privileges") {
        return;
    }
    let program = exercise(ground.root.path());
    let modes = [
        "sysv_sem",
        "posix_mq",
        "robust_mutex",
        "tcp",
        "thread_exec",
        "stop_continue",
    ];
    for mode in modes {
        let outcome = ground.run(&["--runs", "21"], &program, &[mode]);
        assert_eq!(outcome.status, PASS, "{mode}: {}", outcome.told());
        assert_eq!(outcome.report["runs"], 21, "{mode}: {}", outcome.told());
    }
}

/// A run that removes a file which was there before is followed by others that find it.
#[test]
fn files_have_the_same_numbers_after_a_run_has_changed_one() {
    let ground = Ground::new();
    if !ground.is_isolated("numbers of files without privileges") {
        return;
    }
    fs::write(ground.work().join("there"), "x").expect("it is this test's");
    let script = "stat -c '%d %i' .; rm there";
    let options = ["--runs", "5", "--jobs", "1", "--check-output"];
    let outcome = ground.run(&options, Path::new("/bin/sh"), &["-c", script]);
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
}

#[test]
fn a_killed_harness_leaves_nothing() {
    let ground = Ground::new();
    let program = exercise(ground.root.path());
    for isolation in ["auto", "none"] {
        let name = marker("unprivileged");
        let mut command = ground.crosswire();
        command.args([
            "run",
            "--time",
            "60",
            "--leaks",
            "ignore",
            "--isolation",
            isolation,
            "--",
        ]);
        command.arg(&program).arg("fork_tree").env(MARK, &name);
        let mut harness = command.spawn().expect("the command can be started");
        await_processes(&name, 3);
        harness.kill().expect("it is a child of this test");
        harness.wait().expect("it is a child of this test");
        assert_eq!(processes_left(&name), [""; 0], "--isolation {isolation}");
    }
}

/// The fixtures write to the real /tmp, which lies beneath the overlays of those who explore
/// the same ones meanwhile.
#[test]
#[serial(tmp)]
fn without_isolation_verdicts_are_right_and_the_loss_is_said() {
    let ground = Ground::new();
    remove_litter();
    let (wrong, said) = ground.judge(&["--isolation", "none"]);
    remove_litter();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    for message in said {
        let names_it = message.contains("isolat") || message.contains("namespace");
        assert!(
            names_it,
            "nothing is said about the lost isolation: `{message}`"
        );
    }
}

#[test]
fn without_isolation_the_parent_of_all_is_the_same_in_a_replay() {
    let directory = somewhere();
    let script = "kill 0, getppid; exit(getppid() > 0)";
    let options = [
        "--isolation",
        "none",
        "--runs",
        "1",
        "--",
        "perl",
        "-e",
        script,
    ];
    let outcome = run(directory.path(), &options);
    assert_eq!(outcome.verdict(), "violation", "{}", outcome.told());
    for file in outcome.files(directory.path()) {
        assert_eq!(replay_differs(directory.path(), &file, "exit-status"), None);
    }
}

#[test]
fn what_is_lost_is_in_the_doctors_list() {
    let ground = Ground::new();
    let mut command = ground.crosswire();
    let output = command
        .arg("doctor")
        .output()
        .expect("the command can be started");
    let told = String::from_utf8_lossy(&output.stdout);
    let missing = ground.missing();
    let rows = told.lines().filter(|line| line.contains("MISSING")).count();
    assert_eq!(rows, missing.len(), "{missing:?}: {told}");
    assert_eq!(
        told.matches("Without").count(),
        rows,
        "each loss is explained: {told}"
    );
}
