//! `crosswire steer`: by lines, in a real terminal and in a real browser.

mod by_lines;
mod in_browser;
mod in_terminal;
/// What `crosswire steer` has written as a test; it is one of this crate.
mod steered {
    include!("steered.in");
}

use crosswire_testing::building::{compile, folder};
use std::path::{Path, PathBuf};

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
