//! Programs to test with: building them, and finding those that a machine may lack.

use crate::command::build_folder;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The folder of this repository that has this name.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name);
    path.canonicalize()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A source file of the command's tests.
pub fn source(name: &str) -> PathBuf {
    folder("harness/cli/tests/programs").join(name)
}

/// A directory for results of the build, deleted at the end of the test.
pub fn build_directory() -> TempDir {
    let directory = build_folder().join("../tmp");
    std::fs::create_dir_all(&directory).expect("the target directory is writable");
    let directory = directory.canonicalize().expect("it was made just now");
    tempfile::tempdir_in(directory).expect("the target directory is writable")
}

/// Compiles C sources into the program `directory/name`.
pub fn compile(sources: &[PathBuf], directory: &Path, name: &str) -> PathBuf {
    build_with("cc", sources, directory, name)
}

/// The same with another compiler.
pub fn build_with(compiler: &str, sources: &[PathBuf], directory: &Path, name: &str) -> PathBuf {
    let program = directory.join(name);
    let mut command = Command::new(compiler);
    command.args(["-O2", "-Wall", "-Wextra", "-pthread", "-o"]);
    command.arg(&program).args(sources).arg("-lrt");
    if compiler != "cc" {
        command.arg("-static");
    }
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{compiler}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler} {sources:?}: {said}");
    program
}

/// Returns the C sources in a folder.
pub fn sources(name: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder(name)).expect("the fixtures are part of the repository");
    files
        .map(|file| file.expect("a readable directory").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect()
}

/// Compiles the exerciser into a directory.
pub fn exercise(directory: &Path) -> PathBuf {
    compile(&sources("fixtures/c/exercise"), directory, "exercise")
}

/// The modes of the exerciser that are of this kind.
pub fn modes(exercise: &Path, kind: &str) -> Vec<String> {
    let output = Command::new(exercise)
        .arg("list")
        .output()
        .expect("the exerciser can be run");
    let list = String::from_utf8(output.stdout).expect("the list is ASCII");
    let modes = list.lines().filter_map(|line| {
        let (mode, of_kind) = line.split_once(' ').expect("a mode and its kind");
        (of_kind == kind).then(|| mode.to_owned())
    });
    modes.collect()
}

/// Finds a program that a machine may lack, or says that `what` is left out.
pub fn tool(name: &str, what: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.push("/usr/local/go/bin".into());
    let found = directories
        .iter()
        .map(|directory| directory.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        crate::left_out(what, &format!("there is no {name} here"));
    }
    found
}

/// A program in Go whose goroutines run programs; `None` where there is no Go.
pub fn goroutines(directory: &Path) -> Option<PathBuf> {
    let go = tool("go", "a Go program")?;
    let program = directory.join("goroutines");
    let built = Command::new(go)
        .args(["build", "-o"])
        .args([&program, &source("goroutines.go")])
        .env("GO111MODULE", "off")
        .env("GOCACHE", directory.join("cache"))
        .output()
        .expect("go can be run");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    Some(program)
}

/// The Python interpreter itself: what is found in PATH may be a script that
/// looks for one.
pub fn python(what: &str) -> Option<PathBuf> {
    let found = tool("python3", what)?;
    let output = Command::new(found)
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .expect("python3 can be run");
    let path = String::from_utf8(output.stdout).expect("a path");
    assert!(output.status.success(), "python3 does not work");
    Some(PathBuf::from(path.trim()))
}
