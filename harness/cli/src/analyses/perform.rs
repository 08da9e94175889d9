//! Trying a promise: Crosswire runs itself, in the directory of the analysis.

use super::description::{Analysis, Promise};
use super::recorded::{Result as Outcome, Tried};
use crate::arguments::AnalysesOptions;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Most seconds that a native reproduction may take.
const NATIVE_SECONDS: &str = "300";

/// Where an analysis is and where its library is installed.
pub struct Place {
    here: PathBuf,
    cache: PathBuf,
}

impl Place {
    /// Finds the directories of an analysis, and makes that of the library.
    pub fn of(analysis: &Analysis, options: &AnalysesOptions) -> Result<Place, String> {
        let cache = options.cache.join(&analysis.name);
        fs::create_dir_all(&cache)
            .map_err(|error| format!("cannot make the directory {}: {error}", cache.display()))?;
        Ok(Place {
            here: absolute(&options.directory.join(&analysis.name))?,
            cache: absolute(&cache)?,
        })
    }

    /// Installs the library. Its output goes to standard error.
    pub fn install(&self, analysis: &Analysis) -> Result<(), String> {
        let Some(script) = &analysis.install else {
            return Ok(());
        };
        let mut shell = self.command("sh");
        // The clients of registries need the settings of the machine.
        shell.envs(std::env::vars_os());
        shell.args(["-euc", &self.filled(script)]);
        let output = output(shell)?;
        if output.status.success() {
            return Ok(());
        }
        let name = &analysis.name;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        Err(format!(
            "{name}: cannot install {}: {}",
            analysis.library,
            last.join("; ")
        ))
    }

    /// Returns a note if the version that is used is not the one that the analysis names.
    pub fn other_version(&self, analysis: &Analysis) -> Result<Option<String>, String> {
        let Some(command) = &analysis.version_command else {
            return Ok(None);
        };
        let mut shell = self.command("sh");
        shell.args(["-c", &self.filled(command)]);
        let output = output(shell)?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let Analysis {
            name,
            version,
            library,
            ..
        } = analysis;
        let first = said.lines().next().unwrap_or("nothing");
        Ok((!said.contains(version.as_str()))
            .then(|| format!("{name}: the analysis is of {library} {version}, here is: {first}")))
    }

    /// Tries a promise, and reproduces its finding natively.
    pub fn attempt(
        &self,
        analysis: &Analysis,
        promise: &Promise,
        options: &AnalysesOptions,
    ) -> Result<Tried, String> {
        let (name, label) = (&analysis.name, &promise.promise);
        let words = shell_words::split(&self.filled(&promise.run))
            .map_err(|error| format!("{name}: `{label}`: {error}"))?;
        let words = with_runs(words, options.runs);
        let (verb, rest) = words
            .split_first()
            .ok_or_else(|| format!("{name}: the command line of `{label}` is empty"))?;
        let own = std::env::current_exe()
            .map_err(|error| format!("cannot find Crosswire's own executable: {error}"))?;
        let mut command = self.command(own);
        command.arg(verb).args(["--format", "json", "--quiet"]);
        command.arg("--output-dir").arg(self.cache.join("failures"));
        if let Some(jobs) = options.jobs {
            command.args(["--jobs", &jobs.to_string()]);
        }
        command.args(rest);
        let output = output(command)?;
        let report: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            format!("{name}: `{label}`: no report ({error}): {said}")
        })?;
        if let Some(error) = report["error"].as_str() {
            let hint = if options.install {
                ""
            } else {
                "; --install installs the library"
            };
            return Err(format!("{name}: `{label}` cannot be tried: {error}{hint}"));
        }
        let mut tried = read_report(analysis, promise, &report);
        if tried.result == Outcome::Broken && options.runs.is_none() {
            tried.native = self.reproduce(promise)?;
        }
        Ok(tried)
    }

    /// Reproduces a finding without Crosswire, in an empty directory.
    fn reproduce(&self, promise: &Promise) -> Result<Option<bool>, String> {
        let native = promise
            .finding
            .as_ref()
            .and_then(|finding| finding.native.as_ref());
        let Some(native) = native else {
            return Ok(None);
        };
        let empty = tempfile::tempdir().map_err(|error| format!("no directory: {error}"))?;
        let mut command = self.command("timeout");
        command.args([
            "--kill-after=5",
            NATIVE_SECONDS,
            "sh",
            "-euc",
            &self.filled(native),
        ]);
        command.current_dir(empty.path());
        Ok(Some(output(command)?.status.success()))
    }

    fn filled(&self, text: &str) -> String {
        let text = text.replace("{cache}", &self.cache.to_string_lossy());
        text.replace("{here}", &self.here.to_string_lossy())
    }

    /// Builds a command with the same surroundings on every machine.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.here).stdin(Stdio::null());
        command
            .env_clear()
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", "/tmp");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }
}

/// Replaces the number of runs that a command line of `run` asks for.
fn with_runs(mut words: Vec<String>, runs: Option<u64>) -> Vec<String> {
    let own = words
        .iter()
        .position(|word| word == "--")
        .unwrap_or(words.len());
    let option = words[..own].iter().position(|word| word == "--runs");
    if let (Some(runs), Some(option)) = (runs, option)
        && option + 1 < own
    {
        words[option + 1] = runs.to_string();
    }
    words
}

/// Reads what `run` or `crash` has reported.
fn read_report(analysis: &Analysis, promise: &Promise, report: &Value) -> Tried {
    let number = |name: &str| report[name].as_u64().unwrap_or(0);
    let runs = number("runs");
    let is_crash = report["points"].is_u64();
    let found = &report[if is_crash { "groups" } else { "violations" }];
    let found = found.as_array().map_or(&[][..], Vec::as_slice);
    let told = |one: &Value, name: &str| Some(one[name].as_str()?.to_owned());
    let mut kinds: Vec<String> = found.iter().filter_map(|one| told(one, "kind")).collect();
    kinds.sort();
    kinds.dedup();
    let struck = match is_crash {
        true => runs,
        false => report["faults"]["struck"].as_u64().unwrap_or(0),
    };
    let first = found.first().and_then(|one| told(one, "sentence"));
    let limit = || told(&report["inconclusive"][0], "limit").map(|limit| format!("limit: {limit}"));
    let invalid = || told(&report["invalid"], "reason");
    let mut sentence = first.or_else(invalid).or_else(limit);
    let mut result = match report["verdict"].as_str() {
        Some("pass") => Outcome::Holds,
        Some("violation") => Outcome::Broken,
        Some("inconclusive") => Outcome::Unexplored,
        _ => Outcome::Invalid,
    };
    // A promise about a fault that never happened was not tried.
    if result == Outcome::Holds && promise.fault != "none" && struck == 0 {
        result = Outcome::Unexplored;
        sentence = Some("the fault never struck".to_owned());
    }
    Tried {
        analysis: analysis.name.clone(),
        promise: promise.promise.clone(),
        fault: promise.fault.clone(),
        result,
        runs,
        traces: number("distinct_traces"),
        struck,
        points: is_crash.then(|| number("points")),
        kinds,
        sentence,
        native: None,
        seconds: report["seconds"].as_f64().unwrap_or(0.0),
    }
}

fn output(mut command: Command) -> Result<std::process::Output, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    output.map_err(|error| format!("cannot run {program}: {error}"))
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    fs::canonicalize(path).map_err(|error| format!("cannot find {}: {error}", path.display()))
}
