//! The tables of `fixtures`: what each program must come to. `fixtures/README.md`
//! explains the columns.

use crate::building::{compile, folder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Programs {
    program: Vec<Fixture>,
    #[serde(default)]
    system: Vec<Fixture>,
}

/// One program, or several that are started together: a row of `expected.toml`.
#[allow(missing_docs)]
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    pub name: String,
    #[serde(default)]
    pub source: PathBuf,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub bench_args: Vec<String>,
    #[serde(default)]
    pub native_args: Vec<String>,
    #[serde(default)]
    pub process: Vec<Process>,
    pub faults: Vec<String>,
    pub memory: Option<String>,
    #[serde(default)]
    pub threads: bool,
    pub leaks: Option<String>,
    pub verdict: String,
    #[serde(default)]
    pub kind: String,
    pub native: String,
    pub bug: String,
    pub names: Vec<String>,
}

/// One program of several.
#[allow(missing_docs)]
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    pub name: String,
    pub source: PathBuf,
    #[serde(default)]
    pub args: Vec<String>,
}

/// Returns the rows of `expected.toml`.
pub fn fixtures() -> Vec<Fixture> {
    let table: Programs = read("expected.toml");
    table.program.into_iter().chain(table.system).collect()
}

impl Fixture {
    /// Tells whether it has a planted bug, and is no fixed twin.
    pub fn is_bug(&self) -> bool {
        self.verdict == "violation"
    }

    /// Builds it in a folder, and adds its options and programs to `crosswire run`.
    pub fn add_to(&self, command: &mut Command, programs: &Path) {
        if !self.faults.is_empty() {
            command.args(["--faults", &self.faults.join(",")]);
        }
        if let Some(memory) = &self.memory {
            command.args(["--memory", memory]);
        }
        if self.threads {
            command.arg("--threads");
        }
        if let Some(leaks) = &self.leaks {
            command.args(["--leaks", leaks]);
        }
        for Process { name, source, args } in &self.process {
            let program = build(source, programs);
            let words = [vec![program.to_string_lossy().into_owned()], args.clone()].concat();
            let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            command
                .arg("--process")
                .arg(format!("{name}={}", quoted.join(" ")));
        }
        if self.process.is_empty() {
            let program = build(&self.source, programs);
            command.arg("--").arg(program).args(&self.args);
        }
    }
}

/// Builds a program under the name that its source has.
fn build(source: &Path, directory: &Path) -> PathBuf {
    let name = source.file_stem().expect("a file").to_string_lossy();
    compile(&[folder("fixtures").join(source)], directory, &name)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Crashes {
    crash: Vec<CrashFixture>,
}

/// A program of which one process is killed at each of its points: a row of
/// `crashes.toml`.
#[allow(missing_docs)]
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrashFixture {
    pub name: String,
    pub source: PathBuf,
    pub args: Vec<String>,
    #[serde(default)]
    pub recover: Vec<String>,
    pub leaks: Option<String>,
    pub victim: String,
    pub points: u64,
    pub classes: Option<u64>,
    pub failing: u64,
    pub kinds: Vec<String>,
    #[serde(default)]
    pub died_in: Vec<String>,
}

/// Returns the rows of `crashes.toml`.
pub fn crashes() -> Vec<CrashFixture> {
    let table: Crashes = read("crashes.toml");
    table.crash
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read_to_string(folder("fixtures").join(name));
    toml::from_str(&text.expect("the table is there"))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}
