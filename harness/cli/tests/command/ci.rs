//! The files for CI systems in `harness/cli/ci`: valid by the schemas of these systems, and
//! their commands, as they stand, find a bug and report on all parts.

use crosswire_testing::building::{folder, python};
use crosswire_testing::command::{Outcome, PATH, VIOLATION, crosswire, executable, somewhere};
use crosswire_testing::left_out;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Python with the validator of workflows that `.ci/run` installs.
fn validator() -> Option<Command> {
    let modules = folder("target").join("tools/python");
    let mut python = Command::new(python("the check of workflows")?);
    python.env("PYTHONPATH", &modules);
    let is_there = modules.join("check_jsonschema").is_dir();
    if !is_there {
        let hint = "pip install --target target/tools/python check-jsonschema";
        left_out("the check of workflows", &format!("it needs `{hint}`"));
    }
    is_there.then_some(python)
}

#[test]
fn workflows_are_as_their_schemas_say() {
    for (file, schema) in [
        ("github.yml", "vendor.github-workflows"),
        ("gitlab.yml", "vendor.gitlab-ci"),
    ] {
        let Some(mut check) = validator() else { return };
        check.args(["-m", "check_jsonschema", "--builtin-schema", schema]);
        let checked = check.arg(folder("harness/cli/ci").join(file)).output();
        let checked = checked.expect("Python can be run");
        assert!(checked.status.success(), "{file}: {checked:?}");
    }
}

/// Reads a YAML file.
fn read(file: &str) -> Option<Value> {
    let mut python = validator()?;
    let script = "import json, sys; from ruamel.yaml import YAML; \
                  json.dump(YAML(typ='safe').load(open(sys.argv[1])), sys.stdout)";
    let path = folder("harness/cli/ci").join(file);
    let output = python.args(["-c", script]).arg(path).output();
    let output = output.expect("Python can be run");
    assert!(output.status.success(), "{output:?}");
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// A repository with a program that takes locks in two orders, its makefile, and the command in PATH.
fn repository() -> tempfile::TempDir {
    let directory = somewhere();
    for (from, to) in [("abba_flock.c", "server.c"), ("fixture.h", "fixture.h")] {
        let source = folder("fixtures/c").join(from);
        std::fs::copy(source, directory.path().join(to)).expect("a file can be copied");
    }
    let makefile = "server: server.c\n\tcc -g -o server server.c\n";
    std::fs::write(directory.path().join("Makefile"), makefile).expect("a file can be written");
    directory
}

/// Performs a command as a CI system does.
fn perform(directory: &Path, script: &str, variables: &[(&str, &str)]) -> Output {
    let own = executable().parent().expect("a folder").display();
    let mut shell = Command::new("bash");
    shell.args(["-e", "-c", script]).current_dir(directory);
    shell.env_clear().env("PATH", format!("{own}:{PATH}"));
    shell.envs(variables.iter().copied());
    shell.output().expect("bash can be run")
}

/// Tells whether all parts have found the bug, by the directory of the results.
fn found_by_all(directory: &Path, merged: &Output) {
    let told = String::from_utf8_lossy(&merged.stdout);
    assert_eq!(merged.status.code(), VIOLATION, "{merged:?}");
    assert!(told.contains("merged from 2 of 2 parts"), "{told}");
    assert!(directory.join("merged.xml").is_file());
    let again =
        Outcome::of(crosswire(directory).args(["merge", "--format", "json", "crosswire-failures"]));
    assert_eq!(again.violations().len(), 1, "{}", again.told());
}

#[test]
fn the_workflow_of_github_finds_and_annotates() {
    let Some(workflow) = read("github.yml") else {
        return;
    };
    let repository = repository();
    let here = repository.path();
    let script = |job: &str, name: &str| {
        let steps = workflow["jobs"][job]["steps"].as_array().expect("steps");
        let mut named = steps.iter().filter(|step| step["name"] == name);
        let step = named
            .next()
            .unwrap_or_else(|| panic!("{job} has no {name}"));
        step["run"].as_str().expect("a command").to_owned()
    };
    let build = perform(here, &script("build", "Build"), &[]);
    assert!(build.status.success(), "{build:?}");
    let explore = script("explore", "Explore").replace(
        "${{ github.event_name == 'schedule' && '1h' || '60s' }}",
        "60s",
    );
    for part in ["1", "2"] {
        let script = explore.replace("${{ matrix.part }}", part);
        assert!(!script.contains("${{"), "{script}");
        let workspace = here.to_str().expect("text");
        let output = perform(here, &script, &[("GITHUB_WORKSPACE", workspace)]);
        assert_eq!(output.status.code(), VIOLATION, "{output:?}");
        let told = String::from_utf8_lossy(&output.stdout);
        let annotation = told.lines().find(|line| line.starts_with("::error"));
        let annotation = annotation.unwrap_or_else(|| panic!("no annotation: {told}"));
        // In a function of the header, which takes the lock.
        let head = "::error file=fixture.h,line=";
        assert!(annotation.starts_with(head), "{annotation}");
        assert!(annotation.contains("title=crosswire%3A "), "{annotation}");
        assert!(here.join("crosswire.xml").is_file());
    }
    let merge = perform(here, &script("merge", "Merge"), &[]);
    found_by_all(here, &merge);
}

#[test]
fn the_jobs_of_gitlab_find() {
    let Some(jobs) = read("gitlab.yml") else {
        return;
    };
    let repository = repository();
    let here = repository.path();
    let script = |job: &str| {
        let lines = jobs[job]["script"].as_array().expect("commands").iter();
        let lines: Vec<&str> = lines.map(|line| line.as_str().expect("text")).collect();
        lines.join("\n")
    };
    let build = perform(here, &script("build"), &[]);
    assert!(build.status.success(), "{build:?}");
    for part in ["1", "2"] {
        let variables = [("CI_NODE_INDEX", part), ("CI_NODE_TOTAL", "2")];
        let output = perform(here, &script("explore"), &variables);
        assert_eq!(output.status.code(), VIOLATION, "{output:?}");
    }
    found_by_all(here, &perform(here, &script("merge"), &[]));
}

#[test]
fn what_is_no_result_is_annotated_as_well() {
    let here = somewhere();
    let mut run = crosswire(here.path());
    run.args(["run", "--format", "github", "--", "./nothing, here"]);
    let output = run.output().expect("the command can be started");
    let told = String::from_utf8_lossy(&output.stdout);
    let head = "::error title=crosswire%3A no result::";
    assert!(told.starts_with(head), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}
