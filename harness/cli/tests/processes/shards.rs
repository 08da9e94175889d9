//! Parts of one exploration as processes that have nothing in common but a directory: together
//! they come to the same as the exploration in one piece.

use crosswire_testing::building::{build_directory, compile, folder, source};
use crosswire_testing::command::{
    self, INCONCLUSIVE, Outcome, PASS, UNUSABLE, VIOLATION, crosswire, somewhere,
};
use crosswire_testing::engine::OwnCpu;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A search for all interleavings of two processes, in a directory of its own.
struct Searched {
    directory: tempfile::TempDir,
    program: PathBuf,
    _programs: tempfile::TempDir,
}

impl Searched {
    fn new() -> Searched {
        let (directory, programs) = (somewhere(), build_directory());
        std::fs::write(directory.path().join("a"), "00000000").unwrap();
        Searched {
            program: compile(&[source("steps.c")], programs.path(), "steps"),
            directory,
            _programs: programs,
        }
    }

    /// Six writes by each of two processes: 12! / (6! 6!) = 924 classes.
    fn command(&self, more: &[&str]) -> Command {
        let mut run = crosswire(self.directory.path());
        let program = self.program.display();
        run.args(["run", "--quiet", "--format", "json", "--exhaust"]);
        run.args(["--no-leaks", "--output-dir", "parts"]).args(more);
        for process in ["one", "other"] {
            run.arg("--process");
            run.arg(format!("{process}='{program}' w:a w:a w:a w:a w:a w:a"));
        }
        run
    }

    fn start(&self, more: &[&str]) -> Child {
        let mut run = self.command(more);
        run.stdout(Stdio::null()).stderr(Stdio::null());
        run.spawn().expect("the command can be started")
    }
}

fn merged(directory: &Path) -> Outcome {
    let mut merge = crosswire(directory);
    merge.args(["merge", "--format", "json", "parts"]);
    Outcome::of(&mut merge)
}

fn left(report: &Value) -> u64 {
    report["exhaustion"]["left"].as_u64().expect("a number")
}

#[test]
fn parts_explore_each_class_once_whatever_becomes_of_them() {
    let _cpu = OwnCpu::take();
    let searched = Searched::new();
    let here = searched.directory.path();
    let parts = ["1/3", "2/3", "3/3"].map(|part| searched.start(&["--shard", part]));
    let [mut first, mut second, mut third] = parts;
    std::thread::sleep(Duration::from_millis(300));
    second.kill().expect("it is a child of this test");
    for part in [&mut first, &mut second, &mut third] {
        part.wait().expect("it is a child of this test");
    }
    let without = merged(here);
    assert_eq!(without.status, INCONCLUSIVE, "{}", without.told());
    let shards = &without.report["shards"];
    assert_ne!(
        (&shards["missing"], &shards["unfinished"]),
        (&Value::from([0; 0]), &Value::from([0; 0])),
        "the second part is not there: {}",
        without.told()
    );
    assert_eq!(without.report["exhaustion"]["complete"], false);

    // The killed part again, in pieces; and one that was there already.
    let mut pieces = 0;
    loop {
        let more = ["--shard", "2/3", "--continue", "--runs", "150"];
        let piece = Outcome::of(&mut searched.command(&more));
        assert_eq!(piece.status, PASS, "{}", piece.told());
        assert_eq!(piece.report["exhaustion"]["complete"], false);
        pieces += 1;
        if left(&piece.report) == 0 {
            break;
        }
        let so_far = merged(here);
        assert!(left(&so_far.report) > 0, "{}", so_far.told());
        assert_eq!(so_far.report["exhaustion"]["complete"], false);
    }
    assert!(pieces > 1, "it was not interrupted");
    let repeated = Outcome::of(&mut searched.command(&["--shard", "1/3"]));
    assert_eq!(repeated.status, PASS, "{}", repeated.told());

    let all = merged(here);
    assert_eq!(all.status, PASS, "{}", all.told());
    let exhaustion = &all.report["exhaustion"];
    assert_eq!(exhaustion["complete"], true, "{}", all.told());
    // By hand; and none of them twice.
    assert_eq!(exhaustion["classes"], 924, "{}", all.told());
    assert_eq!(exhaustion["explored"], 924, "{}", all.told());
    assert_ne!(exhaustion["checked"], 0, "{}", all.told());
}

#[test]
fn what_several_parts_find_is_told_once() {
    let _cpu = OwnCpu::take();
    let (here, programs) = (somewhere(), build_directory());
    let file = folder("fixtures/c").join("lost_update.c");
    let program = compile(&[file], programs.path(), "lost_update");
    let explore = |more: &[&str]| {
        let mut run = crosswire(here.path());
        run.args(["run", "--quiet", "--format", "json", "--runs", "60"]);
        run.args(["--keep-going", "--output-dir", "parts"]);
        run.args(more).arg("--").arg(&program);
        Outcome::of(&mut run)
    };
    let parts: Vec<Outcome> = ["1/2", "2/2"]
        .iter()
        .map(|part| explore(&["--shard", part]))
        .collect();
    let all = merged(here.path());
    assert_eq!(all.status, VIOLATION, "{}", all.told());
    let sum = |name: &str| -> u64 {
        let each = parts.iter().map(|part| part.report[name].as_u64().unwrap());
        each.sum()
    };
    assert_eq!(all.report["runs"], sum("runs"), "{}", all.told());
    assert!(all.report["distinct_traces"].as_u64().unwrap() < sum("distinct_traces"));
    let counted = |report: &Value| -> u64 {
        let found = report["violations"].as_array().unwrap().iter();
        found.map(|one| one["runs"].as_u64().unwrap()).sum()
    };
    let each: u64 = parts.iter().map(|part| counted(&part.report)).sum();
    assert_eq!(counted(&all.report), each, "{}", all.told());
    let kinds = all.kinds();
    assert_eq!(kinds.len(), 1, "{}", all.told());
    for file in all.files(here.path()) {
        assert_eq!(command::replay_differs(here.path(), &file, kinds[0]), None);
    }
    let pairs = |report: &Value| report["coverage"]["contested_pairs"].as_u64();
    assert!(pairs(&all.report) >= pairs(&parts[0].report));

    let other = explore(&["--shard", "1/2", "--seed", "7"]);
    assert_eq!(other.status, VIOLATION, "{}", other.told());
    let mixed = merged(here.path());
    assert_eq!(mixed.status, UNUSABLE, "{}", mixed.told());
    let told = mixed.report["error"].as_str().unwrap();
    assert!(told.contains("parts of different explorations"), "{told}");
}

#[test]
fn an_exploration_goes_on_where_its_time_was_up() {
    let _cpu = OwnCpu::take();
    let searched = Searched::new();
    let mut runs = 0;
    let mut more = vec!["--time", "0.5s"];
    loop {
        let piece = Outcome::of(&mut searched.command(&more));
        assert_eq!(piece.status, PASS, "{}", piece.told());
        let all = piece.report["runs"].as_u64().unwrap();
        assert!(all > runs, "{}", piece.told());
        runs = all;
        if left(&piece.report) == 0 {
            assert_eq!(piece.report["exhaustion"]["complete"], true);
            assert_eq!(piece.report["exhaustion"]["explored"], 924);
            break;
        }
        more = vec!["--time", "3s", "--continue"];
    }
    assert!(more.contains(&"--continue"), "it was not interrupted");

    // Another program is not the one that was explored.
    std::fs::copy("/bin/true", &searched.program).unwrap();
    let changed = Outcome::of(&mut searched.command(&more));
    assert_eq!(changed.status, UNUSABLE, "{}", changed.told());
    let told = changed.report["error"].as_str().unwrap();
    assert!(told.contains("has changed since"), "{told}");
}
