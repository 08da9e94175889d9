//! `crosswire steer`: by lines, in a real terminal and in a real browser.

mod by_lines;
mod demos;
mod in_browser;
mod in_terminal;
/// What `crosswire steer` has written as a test; it is one of this crate.
mod steered {
    include!("steered.in");
}

use crosswire_testing::building::{compile, folder};
use crosswire_testing::command::crosswire;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// Compiles a fixture into a directory.
fn fixture(name: &str, directory: &Path) -> PathBuf {
    let source = folder("fixtures/c").join(format!("{name}.c"));
    compile(&[source], directory, name)
}

/// The commands that lead `abba_flock` into its deadlock: each child holds one lock and waits for
/// the other.
fn into_deadlock() -> Vec<&'static str> {
    let mut commands = vec!["run abba_flock"];
    commands.extend(["step abba_flock.1"; 3]);
    commands.extend(["step abba_flock.2"; 5]);
    commands.push("end");
    commands
}

/// Gives commands to `crosswire steer`.
fn steer(directory: &Path, arguments: &[&str], commands: &[&str]) -> Output {
    let mut command = crosswire(directory);
    command.arg("steer").args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command can be started");
    let mut input = child.stdin.take().expect("it is a pipe");
    // Where it has ended already, its status tells.
    let _ = input.write_all(commands.join("\n").as_bytes());
    drop(input);
    child.wait_with_output().expect("the command ends")
}

/// The views after the start and after each command.
fn views(directory: &Path, program: &str, commands: &[&str]) -> Vec<Value> {
    let output = steer(directory, &["--format", "json", "--", program], commands);
    let said = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let views: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a view a line"))
        .collect();
    assert_eq!(views.len(), commands.len() + 1, "{commands:?}: {said}");
    views
}

fn task<'a>(view: &'a Value, name: &str) -> &'a Value {
    let tasks = view["tasks"].as_array().expect("tasks");
    let task = tasks.iter().find(|task| task["name"] == name);
    task.unwrap_or_else(|| panic!("no {name}: {view}"))
}
