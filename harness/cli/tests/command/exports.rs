//! What machines get: JSON by its schema, JUnit XML by a strict schema, traces that an
//! existing reader reads; and what is said of files that cannot be read.

use crosswire_testing::browser::Browser;
use crosswire_testing::building::{folder, tool};
use crosswire_testing::command::{Outcome, crosswire, somewhere};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

fn recording(name: &str) -> PathBuf {
    folder("fixtures/traces").join(format!("{name}.json"))
}

fn recordings() -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder("fixtures/traces")).expect("the recordings are there");
    all.map(|file| file.expect("a file").path()).collect()
}

/// Whether a report is as the published schema says, and why not.
fn holds(validator: &Path, directory: &Path, report: &Value) -> Result<(), String> {
    let schema = crosswire(directory).args(["explain", "--schema"]).output();
    let schema = schema.expect("the command can be started").stdout;
    std::fs::write(directory.join("schema.json"), schema).expect("a file can be written");
    std::fs::write(directory.join("report.json"), report.to_string()).expect("a file");
    let checked = Command::new(validator)
        .current_dir(directory)
        .args(["-i", "report.json", "schema.json"])
        .output()
        .expect("the validator can be run");
    match checked.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&checked.stderr).into_owned()),
    }
}

#[test]
fn json_is_what_the_schema_says() {
    let Some(validator) = tool("jsonschema", "the check of JSON against its schema") else {
        return;
    };
    let directory = somewhere();
    let told = |arguments: &[&str]| {
        let mut command = crosswire(directory.path());
        let (verb, rest) = arguments.split_first().expect("a verb");
        Outcome::of(command.args([verb, "--format", "json"]).args(rest)).report
    };
    let [abba, upgrade] = ["abba_flock", "lock_upgrade"].map(recording);
    let [abba, upgrade] = [abba.to_str().unwrap(), upgrade.to_str().unwrap()];
    let explained = told(&["explain", abba]);
    let compared = told(&["diff", abba, upgrade]);
    let reports = [
        explained.clone(),
        compared,
        told(&["explain", "nothing.json"]),
        told(&["run", "--quiet", "--runs", "1", "--", "true"]),
    ];
    for report in &reports {
        assert_eq!(
            holds(&validator, directory.path(), report),
            Ok(()),
            "{report}"
        );
    }
    assert!(
        explained["events"][0]["what"]
            .as_str()
            .is_some_and(|what| !what.is_empty())
    );
    // A schema that everything satisfies would hold nobody to anything.
    let mut changed = explained;
    changed["steps"] = Value::from("three");
    assert!(holds(&validator, directory.path(), &changed).is_err());
}

#[test]
fn junit_is_accepted_by_a_strict_schema() {
    let Some(xmllint) = tool("xmllint", "the check of JUnit files") else {
        return;
    };
    let directory = somewhere();
    let schema = folder("harness/cli/tests/programs/junit.xsd");
    for file in recordings() {
        let out = directory.path().join("junit.xml");
        let output = crosswire(directory.path())
            .arg("explain")
            .arg(&file)
            .arg("--junit")
            .arg(&out)
            .output()
            .expect("the command can be started");
        assert!(output.status.success(), "{output:?}");
        let text = std::fs::read_to_string(&out).expect("a report");
        assert!(text.contains("<failure"), "{text}");
        assert!(
            text.contains("name=\"keeps its promises in every run\""),
            "{text}"
        );
        let checked = Command::new(&xmllint)
            .args(["--noout", "--schema"])
            .args([&schema, &out])
            .output()
            .expect("xmllint can be run");
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(
            checked.status.success(),
            "{}: {said}\n{text}",
            file.display()
        );
    }
}

/// Where `.ci/run` puts a viewer of traces that somebody else wrote.
const VIEWER: &str = "target/viewers/speedscope/package/dist/release/index.html";

/// A recording as a trace for viewers.
fn exported(directory: &Path) -> String {
    let output = crosswire(directory)
        .args(["explain", "--perfetto", "run.json"])
        .arg(recording("abba_flock"))
        .output()
        .expect("the command can be started");
    assert!(output.status.success(), "{output:?}");
    std::fs::read_to_string(directory.join("run.json")).expect("an export")
}

#[test]
fn a_trace_viewer_opens_what_is_exported() {
    let what = "opening an exported run in a trace viewer";
    let viewer = folder(".").join(VIEWER);
    if !viewer.is_file() {
        let why = format!("there is no {VIEWER}; `.ci/run` fetches it from the npm registry");
        return crosswire_testing::left_out(what, &why);
    }
    let Some(mut browser) = Browser::start(what) else {
        return;
    };
    let directory = somewhere();
    let text = exported(directory.path());
    // In the way in which the viewer's own command passes it a file; btoa() takes bytes.
    let bytes = format!("unescape(encodeURIComponent({}))", json!(text));
    let script = format!("speedscope.loadFileFromBase64('run.json', btoa({bytes}))");
    let file = directory.path().join("profile.js");
    std::fs::write(&file, script).expect("a file can be written");
    browser.load_url(&format!(
        "file://{}#localProfilePath={}",
        viewer.display(),
        file.display()
    ));
    let looks = (0..100_000).map(|_| {
        std::thread::yield_now();
        let shown = browser.evaluate("document.body.innerText");
        shown.as_str().unwrap_or_default().to_owned()
    });
    let is_loaded = |shown: &String| shown.contains("abba_flock") || shown.contains("rror");
    let shown = { looks }.find(is_loaded).expect("it shows something");
    // One of its profiles a process, the first of which is shown.
    assert!(
        shown.contains("abba_flock") && shown.contains("1/3"),
        "{shown}"
    );
}

#[test]
fn arrows_are_exported_as_flows_between_slices() {
    let directory = somewhere();
    let text = exported(directory.path());
    let trace: Value = serde_json::from_str(&text).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events");
    let of = |phase: &'static str| events.iter().filter(move |event| event["ph"] == phase);
    let forks = of("s").filter(|event| event["name"] == "fork").count();
    assert_eq!(forks, 2);
    for begin in of("s") {
        let end = of("f")
            .find(|end| end["id"] == begin["id"])
            .expect("its end");
        assert!(begin["ts"].as_u64() < end["ts"].as_u64(), "{begin} {end}");
        // The viewer ties each end to the slice that it stands in.
        for one in [begin, end] {
            let at = one["ts"].as_u64().expect("a time");
            let holds = |slice: &&Value| {
                let since = slice["ts"].as_u64().unwrap_or(u64::MAX);
                let until = since.saturating_add(slice["dur"].as_u64().unwrap_or(0));
                slice["tid"] == one["tid"] && (since..until).contains(&at)
            };
            assert!(of("X").any(|slice| holds(&slice)), "{one} is in no slice");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_a_reason() {
    let directory = somewhere();
    let text = std::fs::read_to_string(recording("abba_flock")).expect("a recording");
    let record: Value = serde_json::from_str(&text).expect("JSON");
    let version = format!("\"format_version\": {}", record["format_version"]);
    let newer = text.replacen(&version, "\"format_version\": 99", 1);
    assert_ne!(newer, text);
    let cases = [
        ("cut.json", text[..text.len() / 2].to_owned(), "damaged"),
        ("newer.json", newer, "Use a newer Crosswire"),
        (
            "other.json",
            "{\"a\": 1}".to_owned(),
            "not a Crosswire replay file",
        ),
        ("empty.json", String::new(), "not a Crosswire replay file"),
    ];
    for (name, content, reason) in cases {
        std::fs::write(directory.path().join(name), content).expect("a file can be written");
        for verb in [
            &["explain"][..],
            &["explain", "--html", "out.html"],
            &["diff"],
        ] {
            let mut command = crosswire(directory.path());
            command.args(verb).arg(name);
            if verb == ["diff"] {
                command.arg(recording("abba_flock"));
            }
            let output = command.output().expect("the command can be started");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{verb:?} {name}: {said}");
            assert!(said.contains(reason), "{verb:?} {name}: {said}");
            assert!(!directory.path().join("out.html").exists());
        }
    }
}

/// A recording of an earlier version is read as before; of it no cause was tested.
#[test]
fn an_older_recording_is_explained() {
    let directory = somewhere();
    let output = crosswire(directory.path())
        .arg("explain")
        .arg(recording("check_then_create.version-2"))
        .output();
    let output = output.expect("the command can be started");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("likely cause (not tested): "), "{told}");
}

#[test]
fn what_steers_a_terminal_is_shown_as_text() {
    let directory = somewhere();
    let text = std::fs::read_to_string(recording("abba_flock")).expect("a recording");
    let hostile = text.replace(
        "/tmp/abba_flock.a",
        "/tmp/\\u001b]0;title\\u0007\\u202e<b>&amp;",
    );
    let file = directory.path().join("hostile.json");
    std::fs::write(&file, hostile).expect("a file can be written");
    let output = crosswire(directory.path())
        .arg("explain")
        .arg(&file)
        .args(["--junit", "out.xml", "--perfetto", "out.json"])
        .output()
        .expect("the command can be started");
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let junit = std::fs::read_to_string(directory.path().join("out.xml")).expect("a report");
    for text in [&told, &junit] {
        for steering in ['\u{1b}', '\u{7}', '\u{202e}'] {
            assert!(!text.contains(steering), "{text}");
        }
    }
    assert!(told.contains("\\x1b]0;title"), "{told}");
    assert!(!junit.contains("<b>"), "{junit}");
}

#[test]
fn the_manual_page_and_the_completions_know_every_verb() {
    let said = |arguments: &[&str]| {
        let output = crosswire(Path::new("/")).args(arguments).output();
        let output = output.expect("the command can be started");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let page = said(&["man"]);
    assert!(
        page.starts_with(".ie") || page.contains(".TH crosswire"),
        "{page}"
    );
    for verb in ["run", "replay", "explain", "diff", "doctor"] {
        assert!(page.contains(verb), "{verb}");
        assert!(said(&["man", verb]).contains(verb));
        for shell in ["bash", "zsh", "fish"] {
            assert!(
                said(&["completions", shell]).contains(verb),
                "{shell} {verb}"
            );
        }
    }
}
