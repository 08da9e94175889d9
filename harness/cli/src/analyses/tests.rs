use super::description::{Analysis, read_all};
use super::recorded::{Result as Outcome, Results, Tried};
use super::{PAGE, RESULTS, difference, page};
use std::fs;
use std::path::{Path, PathBuf};

const HOLDS: &str = r#"
library = "a lock"
version = "1.0"
from = "a registry"
facility = "locks"

[[promise]]
promise = "one holder at a time"
documented = "its page"
fault = "none"
run = "run --runs 1000 -- ./driver"
expect = "holds"
"#;

fn parse(text: &str) -> Result<Analysis, String> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("analysis.toml"), text).unwrap();
    Analysis::read(directory.path())
}

fn tried(analysis: &str, result: Outcome, runs: u64) -> Tried {
    Tried {
        analysis: analysis.to_owned(),
        promise: "one holder at a time".to_owned(),
        fault: "none".to_owned(),
        result,
        runs,
        traces: 7,
        struck: 0,
        points: None,
        kinds: Vec::new(),
        sentence: None,
        native: None,
        seconds: 1.5,
    }
}

/// The analyses that are shipped, with their results.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/analyses")
}

#[test]
fn the_page_says_what_is_recorded() {
    let all = read_all(&shipped()).unwrap();
    let results = Results::read(&shipped().join(RESULTS)).unwrap();
    let page = page::of(&all, &results).unwrap();
    let stored = fs::read_to_string(shipped().join(PAGE)).unwrap();
    assert!(
        page == stored,
        "`crosswire analyses --page` writes the page anew"
    );
}

#[test]
fn recorded_results_are_as_the_analyses_expect() {
    let results = Results::read(&shipped().join(RESULTS)).unwrap();
    for analysis in read_all(&shipped()).unwrap() {
        for promise in &analysis.promises {
            let row = results
                .of(&analysis.name, &promise.promise, &promise.fault)
                .unwrap();
            assert_eq!(difference(promise, row, None), None, "{row:?}");
        }
    }
}

#[test]
fn drivers_are_short() {
    for analysis in read_all(&shipped()).unwrap() {
        for entry in fs::read_dir(shipped().join(&analysis.name)).unwrap() {
            let path = entry.unwrap().path();
            let is_driver = path.file_stem().is_some_and(|stem| stem == "driver");
            let lines = if is_driver {
                fs::read_to_string(&path).unwrap().lines().count()
            } else {
                0
            };
            assert!(lines <= 60, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn a_result_that_is_not_expected_differs() {
    let analysis = parse(HOLDS).unwrap();
    let promise = &analysis.promises[0];
    let difference = |result, runs, before| {
        let before = tried(&analysis.name, Outcome::Holds, before);
        difference(promise, &tried(&analysis.name, result, runs), Some(&before))
    };
    assert_eq!(difference(Outcome::Holds, 1000, 1000), None);
    assert!(
        difference(Outcome::Holds, 999, 1000)
            .unwrap()
            .contains("999")
    );
    for other in [Outcome::Broken, Outcome::Unexplored, Outcome::Invalid] {
        assert!(
            difference(other, 1000, 1000)
                .unwrap()
                .contains("expected holds")
        );
    }
}

#[test]
fn a_finding_that_does_not_reproduce_or_is_another_differs() {
    let broken = HOLDS.replace("\"holds\"", "\"broken\"\nkind = \"deadlock\"");
    let finding = "[promise.finding]\ntitle = \"it hangs\"\ntext = \"…\"\nnative = \"true\"\n";
    let analysis = parse(&(broken.clone() + finding)).unwrap();
    let promise = &analysis.promises[0];
    let mut row = tried(&analysis.name, Outcome::Broken, 3);
    row.kinds = vec!["deadlock".to_owned()];
    row.native = Some(true);
    assert_eq!(difference(promise, &row, None), None);
    row.native = Some(false);
    assert!(difference(promise, &row, None).is_some());
    row.native = Some(true);
    row.kinds = vec!["leak".to_owned()];
    assert!(difference(promise, &row, None).unwrap().contains("leak"));
    assert!(parse(&broken).unwrap_err().contains("[promise.finding]"));
}

#[test]
fn descriptions_are_read_strictly() {
    assert!(parse(&HOLDS.replace("expect =", "expects =")).is_err());
    assert!(parse(&HOLDS.replace("fault =", "faults =")).is_err());
    let twice = HOLDS.to_owned() + &HOLDS[HOLDS.find("[[").unwrap()..];
    assert!(parse(&twice).unwrap_err().contains("twice"));
}

#[test]
fn results_are_read_as_they_were_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(RESULTS);
    assert_eq!(Results::read(&file).unwrap(), Results::default());
    let mut results = Results::default();
    results.replace("b", vec![tried("b", Outcome::Holds, 1000)]);
    results.replace("a", vec![tried("a", Outcome::Broken, 2)]);
    results.replace("b", vec![tried("b", Outcome::Holds, 2000)]);
    results.write(&file).unwrap();
    let read = Results::read(&file).unwrap();
    assert_eq!(read, results);
    let analysis = Analysis {
        name: "b".to_owned(),
        ..parse(HOLDS).unwrap()
    };
    let promise = &analysis.promises[0];
    let row = read.of("b", &promise.promise, &promise.fault);
    assert_eq!(row.unwrap().runs, 2000);
}
