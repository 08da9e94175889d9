//! Repeating analyses of libraries.

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn analyses(directory: &Path, options: &[&str]) -> Output {
    let cache = tempfile::tempdir().expect("temporary directories can be made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswire"));
    command.args(["analyses", "--format", "json", "--directory"]);
    command.arg(directory).arg("--cache").arg(cache.path());
    command.args(options).output().unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Writes an analysis of `/bin/true`, or of the command line given.
fn analysis(run: &str, rest: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join("example");
    fs::create_dir(&own).unwrap();
    let text = format!(
        "library = \"example\"\nversion = \"1\"\nfrom = \"here\"\nfacility = \"locks\"\n\
         [[promise]]\npromise = \"it ends\"\ndocumented = \"here\"\nfault = \"none\"\n\
         run = \"{run}\"\n{rest}\n"
    );
    fs::write(own.join("analysis.toml"), text).unwrap();
    directory
}

#[test]
fn a_shipped_analysis_comes_out_as_recorded() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/analyses");
    let output = analyses(&shipped, &["--runs", "10", "flock-1"]);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter().all(|row| row["result"] == "holds"),
        "{report:#}"
    );
    assert!(
        rows.iter().any(|row| row["points"].as_u64() > Some(3)),
        "{report:#}"
    );
}

#[test]
fn a_row_that_differs_changes_the_status() {
    let finding = "expect = \"broken\"\nkind = \"exit-status\"\n\
                   [promise.finding]\ntitle = \"it fails\"\ntext = \"It fails.\"\nnative = \"NATIVE\"";
    let status = |run: &str, native: &str| {
        let directory = analysis(run, &finding.replace("NATIVE", native));
        analyses(directory.path(), &[]).status.code()
    };
    assert_eq!(status("run --runs 2 -- /bin/false", "true"), Some(0));
    assert_eq!(status("run --runs 2 -- /bin/false", "false"), Some(1));
    assert_eq!(status("run --runs 2 -- /bin/true", "true"), Some(1));
}

#[test]
fn a_fault_that_never_struck_proves_nothing() {
    let directory = analysis("run --runs 2 -- /bin/true", "expect = \"holds\"");
    let file = directory.path().join("example/analysis.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"none\"", "\"short-io\"")).unwrap();
    let output = analyses(directory.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report(&output)["rows"][0]["result"], "unexplored");
}

#[test]
fn what_cannot_be_tried_is_a_usage_error() {
    let directory = analysis("run -- ./not-installed", "expect = \"holds\"");
    for names in [&["other"][..], &["example"]] {
        let output = analyses(directory.path(), names);
        assert_eq!(output.status.code(), Some(2));
        assert!(report(&output)["error"].is_string());
    }
    let installed = analysis("run --runs 2 -- {cache}/program", "expect = \"holds\"");
    let file = installed.path().join("example/analysis.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        format!("install = \"cp /bin/true {{cache}}/program\"\n{text}"),
    )
    .unwrap();
    assert_eq!(
        analyses(installed.path(), &["--install"]).status.code(),
        Some(0)
    );
    fs::write(&file, format!("install = \"exit 7\"\n{text}")).unwrap();
    assert_eq!(
        analyses(installed.path(), &["--install"]).status.code(),
        Some(2)
    );
}
