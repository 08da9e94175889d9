//! Replay files of every version of their format (`crosswire::manual::stability`): each is
//! explained, and shows its failure again with the program built anew; newer ones are refused.

use crosswire::model::FORMAT_VERSION;
use crosswire_testing::building::{build_directory, compile, folder};
use crosswire_testing::command::{Outcome, UNUSABLE, VIOLATION, crosswire, somewhere};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A recording of each version; if possible one that names no places in the program, whose path
/// is another one here.
fn recordings() -> BTreeMap<u32, (PathBuf, Value)> {
    let mut of_version: BTreeMap<u32, (PathBuf, Value)> = BTreeMap::new();
    let all = std::fs::read_dir(folder("fixtures/traces")).expect("the recordings are there");
    let mut all: Vec<PathBuf> = all.map(|file| file.expect("a file").path()).collect();
    all.sort();
    for path in all {
        let text = std::fs::read_to_string(&path).expect("a recording");
        let record: Value = serde_json::from_str(&text).expect("JSON");
        let version = record["format_version"].as_u64().expect("a version");
        let version = u32::try_from(version).expect("a small number");
        let is_better = |known: &(PathBuf, Value)| names_places(&known.1) && !names_places(&record);
        if of_version.get(&version).is_none_or(is_better) {
            of_version.insert(version, (path, record));
        }
    }
    of_version
}

fn names_places(record: &Value) -> bool {
    !record["trace"]["places"].is_null()
}

#[test]
fn files_of_every_version_are_explained_and_replayed() {
    let recordings = recordings();
    let versions: Vec<u32> = recordings.keys().copied().collect();
    let every: Vec<u32> = (1..=FORMAT_VERSION).collect();
    assert_eq!(versions, every, "a recording of each version");
    let (here, programs) = (somewhere(), build_directory());
    for (version, (file, record)) in recordings {
        let mut explain = crosswire(here.path());
        let explained = Outcome::of(explain.args(["explain", "--format", "json"]).arg(&file));
        assert_eq!(
            explained.verdict(),
            "violation",
            "{version}: {}",
            explained.told()
        );

        let name = record["programs"][0]["name"].as_str().expect("a name");
        let source = folder("fixtures/c").join(format!("{name}.c"));
        let program = compile(&[source], programs.path(), name);
        let mut replay = crosswire(here.path());
        replay.args(["replay", "--format", "json", "--program"]);
        replay.arg(format!("{name}={}", program.display()));
        let replayed = Outcome::of(replay.arg(&file));
        assert_eq!(replayed.status, VIOLATION, "{version}: {}", replayed.told());
        assert_eq!(replayed.violations().len(), explained.violations().len());
        let is_same = replayed.report["same"] == true;
        assert!(
            is_same || names_places(&record),
            "{version}: {}",
            replayed.told()
        );
    }
}

#[test]
fn a_newer_file_is_refused_in_one_line() {
    let here = somewhere();
    let newer = format!(
        "{{\"format_version\": {}, \"new\": []}}",
        FORMAT_VERSION + 1
    );
    let file = here.path().join("newer.json");
    std::fs::write(&file, newer).expect("a file can be written");
    for verb in ["replay", "explain", "shrink"] {
        let output = crosswire(here.path()).arg(verb).arg(&file).output();
        let output = output.expect("the command can be started");
        assert_eq!(output.status.code(), UNUSABLE, "{verb}: {output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains("Use a newer Crosswire"), "{told}");
    }
}
