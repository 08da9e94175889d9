//! Running the command `crosswire`.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;

/// Its documented exit statuses: nothing that was checked was violated.
pub const PASS: Option<i32> = Some(0);
/// A program did what it must not do.
pub const VIOLATION: Option<i32> = Some(1);
/// The command line, or a file or program that it names, cannot be used.
pub const UNUSABLE: Option<i32> = Some(2);
/// Crosswire could not do its job.
pub const INVALID: Option<i32> = Some(3);
/// A limit was reached.
pub const INCONCLUSIVE: Option<i32> = Some(4);
/// It was interrupted before a violation was found.
pub const INTERRUPTED: Option<i32> = Some(130);

/// Where programs are looked for.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns the command as cargo built it for the tests of its package: beside the folder
/// that they stand in.
pub fn executable() -> &'static Path {
    static COMMAND: LazyLock<PathBuf> = LazyLock::new(|| build_folder().join("crosswire"));
    &COMMAND
}

/// Returns the folder of what cargo built in this test's profile.
pub fn build_folder() -> PathBuf {
    let test = std::env::current_exe().expect("tests are files");
    let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    folder.to_owned()
}

/// An empty working directory for the command.
pub fn somewhere() -> TempDir {
    tempfile::tempdir().expect("temporary directories can be made")
}

/// The command, run in this directory with a small environment.
pub fn crosswire(directory: &Path) -> Command {
    let mut command = Command::new(executable());
    prepare(&mut command, directory);
    command
}

/// Gives a command the surroundings that all tests use.
pub fn prepare(command: &mut Command, directory: &Path) {
    command.current_dir(directory).stdin(Stdio::null());
    command.env_clear().env("PATH", PATH);
}

/// How a run of the command came out.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status, unless a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub report: Value,
    /// What it said on standard error.
    pub stderr: String,
}

impl Outcome {
    /// Performs a command that was told `--format json`.
    pub fn of(command: &mut Command) -> Outcome {
        let output = command.output().expect("the command can be started");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let stdout = String::from_utf8_lossy(&output.stdout);
            panic!(
                "{command:?}: no JSON: {error}: `{stdout}`, {}, {stderr}",
                output.status
            )
        });
        let status = output.status.code();
        Outcome {
            status,
            report,
            stderr,
        }
    }

    /// The verdict in a word; empty if there is none.
    pub fn verdict(&self) -> &str {
        self.report["verdict"].as_str().unwrap_or_default()
    }

    /// All violations.
    pub fn violations(&self) -> &[Value] {
        self.report["violations"]
            .as_array()
            .map_or(&[], Vec::as_slice)
    }

    /// The kinds of all violations.
    pub fn kinds(&self) -> Vec<&str> {
        self.violations()
            .iter()
            .filter_map(|violation| violation["kind"].as_str())
            .collect()
    }

    /// The replay files of all violations.
    pub fn files(&self, directory: &Path) -> Vec<PathBuf> {
        let violations = self.violations().iter();
        violations
            .map(|violation| {
                let file = violation["replay_file"].as_str();
                directory.join(file.unwrap_or_else(|| panic!("no replay file: {violation}")))
            })
            .collect()
    }

    /// What a failed test shows.
    pub fn told(&self) -> String {
        format!("status {:?}, {}, {}", self.status, self.report, self.stderr)
    }
}

/// `crosswire run --format json` with further arguments.
pub fn run(directory: &Path, arguments: &[&str]) -> Outcome {
    Outcome::of(
        crosswire(directory)
            .args(["run", "--quiet", "--format", "json"])
            .args(arguments),
    )
}

/// `crosswire replay --format json`.
pub fn replay(directory: &Path, file: &Path) -> Outcome {
    Outcome::of(
        crosswire(directory)
            .args(["replay", "--format", "json"])
            .arg(file),
    )
}

/// Why a replay is not the same violation with the same trace; `None` if it is.
pub fn replay_differs(directory: &Path, file: &Path, kind: &str) -> Option<String> {
    let again = replay(directory, file);
    let same =
        again.status == VIOLATION && again.report["same"] == true && again.kinds().contains(&kind);
    (!same).then(|| format!("replay of {}: {}", file.display(), again.told()))
}
