//! Whatever becomes of the harness, nothing of the programs under test is left on
//! the machine, and nothing of the user's is touched.
//!
//! The harness is killed ten times at random moments; `CROSSWIRE_KILLS` says how
//! often instead.

use crosswire_testing::building::{build_directory, compile, source};
use crosswire_testing::command::{self, INTERRUPTED, somewhere};
use crosswire_testing::machine::{
    MARK, await_processes, mounts, names, processes_left, system_v, tree,
};
use crosswire_testing::{marker, measure};
use std::hash::{BuildHasher, RandomState};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SIGKILL: i32 = 9;

/// A program that litters, and a harness that explores it.
struct Littering {
    name: String,
    /// Of its System V objects.
    key: i32,
    program: tempfile::TempDir,
    directory: tempfile::TempDir,
    /// Where the harness puts temporary files, if it makes any.
    temporary: tempfile::TempDir,
}

impl Littering {
    fn new(purpose: &str) -> Littering {
        let program = build_directory();
        compile(&[source("litter.c")], program.path(), "litter");
        let directory = somewhere();
        std::fs::write(directory.path().join("kept"), "kept").expect("a writable directory");
        Littering {
            name: marker(purpose),
            key: (random() & 0x3fff_ffff) as i32 | 0x4000_0000,
            program,
            directory,
            temporary: somewhere(),
        }
    }

    /// Starts a harness that would go on for a minute.
    fn explore(&self, options: &[&str]) -> Child {
        let mut command = command::crosswire(self.directory.path());
        command
            .args(["run", "--leaks", "ignore", "--time", "60"])
            .args(options);
        command.arg("--").arg(self.program.path().join("litter"));
        command.args([&self.name, &self.key.to_string()]);
        command
            .env(MARK, &self.name)
            .env("TMPDIR", self.temporary.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the command can be started")
    }

    /// Nothing of it is on the machine.
    #[track_caller]
    fn leaves_nothing(&self, when: &str) {
        assert_eq!(processes_left(&self.name), [""; 0], "processes left {when}");
        assert_eq!(system_v(self.key), [""; 0], "System V objects left {when}");
        for directory in ["/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue"] {
            assert_eq!(names(directory, &self.name), [""; 0], "files left {when}");
        }
        assert!(
            !mounts().contains(&self.name),
            "mounts left {when}: {}",
            mounts()
        );
        let kept = tree(self.directory.path());
        let paths: Vec<&String> = kept
            .keys()
            .filter(|path| !path.contains("crosswire-failures"))
            .collect();
        assert_eq!(
            paths.len(),
            1,
            "files in the working directory {when}: {paths:?}"
        );
        let own = tree(self.temporary.path());
        assert!(
            own.is_empty(),
            "the harness's own files left {when}: {:?}",
            own.keys()
        );
    }
}

fn random() -> u64 {
    RandomState::new().hash_one(0)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill can be run").success());
}

#[test]
fn a_killed_harness_leaves_nothing() {
    let littering = Littering::new("killed");
    let mut seen = 0;
    for round in 0..measure("CROSSWIRE_KILLS", 10) {
        let mut harness = littering.explore(&["--quiet"]);
        // From the first steps of its start to the middle of the exploration.
        let delay = Duration::from_micros(random() % 600_000);
        std::thread::sleep(delay);
        seen = seen.max(crosswire_testing::machine::processes(&littering.name).len());
        harness.kill().expect("it is a child of this test");
        let status = harness.wait().expect("it is a child of this test");
        assert_eq!(
            status.signal(),
            Some(SIGKILL),
            "it ended by itself: {status}"
        );
        littering.leaves_nothing(&format!("by a kill after {delay:?} (round {round})"));
    }
    // Harness, its sandbox and the program: else it would be no wonder.
    assert!(seen > 2, "at most {seen} processes were seen");
}

#[test]
fn a_harness_killed_in_its_first_run_leaves_nothing() {
    let littering = Littering::new("early");
    let mut harness = littering.explore(&["--quiet"]);
    await_processes(&littering.name, 4);
    harness.kill().expect("it is a child of this test");
    harness.wait().expect("it is a child of this test");
    littering.leaves_nothing("by a kill as soon as the program runs");
}

#[test]
fn an_interrupt_ends_it_with_a_summary() {
    for name in ["-INT", "-TERM"] {
        let littering = Littering::new("interrupted");
        let harness = littering.explore(&[]);
        await_processes(&littering.name, 4);
        std::thread::sleep(Duration::from_millis(300));
        signal(&harness, name);
        let output = harness
            .wait_with_output()
            .expect("it is a child of this test");
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), INTERRUPTED, "{name}: {output:?}");
        assert!(told.contains("interrupted"), "{name}: {told}");
        assert!(told.contains("runs in "), "{name}: {told}");
        littering.leaves_nothing(&format!("by {name}"));
        assert!(
            told.contains("run the same command line with --continue"),
            "{told}"
        );
        let on = littering.explore(&["--continue", "--runs", "5"]);
        let output = on.wait_with_output().expect("it is a child of this test");
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), command::PASS, "{output:?}");
        assert!(told.contains("resumed after"), "{told}");
    }
}

#[test]
fn an_end_by_itself_leaves_nothing() {
    let littering = Littering::new("ended");
    let output = littering.explore(&["--runs", "5"]).wait_with_output();
    let output = output.expect("it is a child of this test");
    assert_eq!(output.status.code(), command::PASS, "{output:?}");
    littering.leaves_nothing("by an end by itself");
}

#[test]
fn what_is_left_is_told() {
    let littering = Littering::new("told");
    let name = &littering.name;
    let program = littering.program.path().join("litter");
    let program = program.to_str().expect("a path that is text");
    let words = [
        "--runs",
        "1",
        "--",
        program,
        name,
        &littering.key.to_string(),
    ];
    let outcome = command::run(littering.directory.path(), &words);
    assert_eq!(outcome.status, command::VIOLATION, "{}", outcome.told());
    let told = outcome.report["violations"].to_string();
    let expected = [
        "System V message queue",
        "System V semaphore set",
        "System V shared memory",
        &format!("message queue /{name}"),
        &format!("shared memory /{name}"),
        &format!("file /tmp/{name}"),
        &format!("file /var/tmp/{name}"),
    ];
    for words in expected {
        assert!(told.contains(words), "{words} is not told: {told}");
    }
    assert!(
        !told.contains(".product"),
        "what a program makes where it runs is no leak: {told}"
    );
    littering.leaves_nothing("by a run that told");
}

#[test]
fn a_product_of_the_same_name_hides_no_leak() {
    let directory = somewhere();
    let name = marker("namesake");
    let script = format!("echo product > {name}; echo litter > /tmp/{name}");
    let outcome = command::run(
        directory.path(),
        &["--runs", "1", "--", "sh", "-c", &script],
    );
    let told = outcome.report["violations"].to_string();
    assert!(
        told.contains(&format!("file /tmp/{name}")),
        "{}",
        outcome.told()
    );
}

#[test]
fn who_sleeps_on_when_all_others_have_ended_is_a_leak() {
    let directory = somewhere();
    for sleep in ["sleep 1000000 &", "{ while :; do sleep 3600; done; } &"] {
        let outcome = command::run(directory.path(), &["--runs", "1", "--", "sh", "-c", sleep]);
        assert_eq!(outcome.status, command::VIOLATION, "{}", outcome.told());
        let all_leaks = outcome.kinds().iter().all(|kind| *kind == "leak");
        assert!(all_leaks, "{}", outcome.told());
    }
}

#[test]
fn a_disk_has_the_size_asked_for() {
    let directory = somewhere();
    let write = ["--", "sh", "-c", "head -c 3000000 /dev/zero > file"];
    let run = |options: &[&str]| command::run(directory.path(), &[options, &write].concat());
    let room = run(&["--runs", "2"]);
    assert_eq!(room.status, command::PASS, "{}", room.told());
    let full = run(&["--runs", "2", "--disk", "2"]);
    assert_eq!(full.status, command::VIOLATION, "{}", full.told());
    let [file] = &full.files(directory.path())[..] else {
        panic!("{}", full.told());
    };
    let differs = command::replay_differs(directory.path(), file, "exit-status");
    assert_eq!(differs, None);
}

/// Whatever a program does to the files of its working directory and of /tmp.
const VANDAL: &str = "
    echo overwritten > kept; chmod 000 kept; rm -rf ./* .hidden; mkdir kept; touch new
    mv $0 $0.moved; rm -rf $0.moved $0; echo new > $0
    for f in $1; do echo overwritten > $f; rm -f $f; done
    find . -delete 2>/dev/null; cd /; rm -rf $OLDPWD
";

#[test]
fn the_users_files_are_never_touched() {
    let directory = somewhere();
    let outside = tempfile::tempdir_in("/tmp").expect("/tmp is writable");
    let shared = tempfile::NamedTempFile::new_in("/dev/shm").expect("/dev/shm is writable");
    std::fs::write(shared.path(), "shared").expect("a writable file");
    for root in [directory.path(), outside.path()] {
        std::fs::create_dir_all(root.join("deep/deeper")).expect("a writable directory");
        for file in ["kept", ".hidden", "deep/deeper/file"] {
            std::fs::write(root.join(file), file).expect("a writable directory");
        }
    }
    let before = [tree(directory.path()), tree(outside.path())];
    let text = |path: &Path| path.to_str().expect("a path that is text").to_owned();
    let replays = somewhere();
    let words = [
        "--runs",
        "6",
        "--leaks",
        "ignore",
        "--expect-exit",
        "any",
        "--output-dir",
        &text(replays.path()),
        "--",
        "sh",
        "-c",
        VANDAL,
        &text(outside.path()),
        &text(shared.path()),
    ];
    let outcome = command::run(directory.path(), &words);
    assert_eq!(outcome.status, command::PASS, "{}", outcome.told());
    assert_eq!([tree(directory.path()), tree(outside.path())], before);
    let content = std::fs::read_to_string(shared.path()).expect("it is still there");
    assert_eq!(content, "shared");
}

/// The objects in an IPC namespace that a program makes end with it.
#[test]
fn a_namespace_of_its_own_leaves_nothing() {
    let build = build_directory();
    let program = compile(&[source("own_ipc.c")], build.path(), "own_ipc");
    let program = program.to_str().expect("a path that is text");
    let explore = |words: &[&str]| {
        let directory = somewhere();
        let all = [&["--runs", "10", "--", program], words].concat();
        command::run(directory.path(), &all)
    };
    let clean = explore(&[]);
    assert_eq!(clean.verdict(), "pass", "{}", clean.told());
    let leaves = explore(&["leaves"]);
    assert_eq!(leaves.kinds(), ["leak"], "{}", leaves.told());
    assert!(leaves.told().contains("key 0x6"), "{}", leaves.told());
}
