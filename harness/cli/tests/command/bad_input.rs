//! Whatever is wrong with the input, the command says so in one clear line and
//! ends with the status that is documented for it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

const USAGE: i32 = 2;

fn crosswire(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosswire"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .output()
        .expect("the command can be started")
}

/// Runs it, and requires a refusal that contains these words.
#[track_caller]
fn refused(directory: &Path, arguments: &[&str], words: &str) {
    let output = crosswire(directory, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(USAGE),
        "{arguments:?}: {message}"
    );
    assert!(message.contains(words), "{arguments:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    assert!(output.stdout.is_empty(), "{arguments:?} printed a result");
    let own = message
        .lines()
        .filter(|line| line.starts_with("crosswire: "))
        .count();
    let of_clap = message
        .lines()
        .filter(|line| line.starts_with("error: "))
        .count();
    assert_eq!(own + of_clap, 1, "one line says what is wrong: {message}");
}

fn somewhere() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary directories can be made")
}

#[test]
fn programs_that_cannot_be_started() {
    let here = somewhere();
    std::fs::write(here.path().join("text"), "no program\n").unwrap();
    let old = here.path().join("old");
    std::fs::write(&old, b"\x7fELF\x01").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&old, mode).unwrap();
    for (program, words) in [
        ("no-such-program", "no program of that name in PATH"),
        ("./missing", "no such file"),
        ("./text", "not executable"),
        ("./old", "32-bit program"),
        ("/", "it is a directory"),
        ("", "cannot start ``"),
    ] {
        refused(here.path(), &["run", "--", program], words);
    }
    refused(here.path(), &["run"], "no program to run");
    refused(here.path(), &["run", "--process", "a"], "NAME='COMMAND'");
    refused(here.path(), &["run", "--process", "a="], "is empty");
    refused(here.path(), &["run", "--process", "a='x"], "quote");
    refused(
        here.path(),
        &[
            "run",
            "--process",
            "a=/bin/true",
            "--process",
            "a=/bin/true",
        ],
        "two processes are named `a`",
    );
}

#[test]
fn options_that_make_no_sense() {
    let here = somewhere();
    for (options, words) in [
        (["--faults", "melt"], "unknown fault `melt`"),
        (["--faults", "kill,,"], "unknown fault"),
        (["--faults", "kill:a@melt"], "unknown system call `melt`"),
        (["--faults", "kill:a@write#0"], "names no point"),
        (["--faults", "kill:@write"], "names no process"),
        (["--faults", "errno(ENOWAY)"], "unknown error `ENOWAY`"),
        (["--faults", "short-io(x)"], "needs a value in parentheses"),
        (["--runs", "0"], "0 is not in 1.."),
        (["--time", "-1"], "unexpected argument '-1'"),
        (["--time", "0"], "must be greater than 0"),
        (["--jobs", "0"], "0 is not in 1..=512"),
        (["--expect-exit", "256"], "from 0 to 255"),
        (["--format", "xml"], "invalid value 'xml'"),
        (["--isolation", "some"], "invalid value 'some'"),
    ] {
        refused(
            here.path(),
            &["run", options[0], options[1], "--", "/bin/true"],
            words,
        );
    }
}

#[test]
fn searches_that_contradict_themselves() {
    let here = somewhere();
    for (options, words) in [
        (
            &["--exhaust", "--strategy", "pos"][..],
            "cannot be used with",
        ),
        (
            &["--exhaust", "--fault-pairs", "--faults", "kill"],
            "cannot be used with",
        ),
        (&["--preemptions", "2"], "--exhaust"),
        (&["--fault-pairs"], "--faults"),
        (&["--shard", "0/4"], "1 <= K <= N"),
        (&["--shard", "5/4"], "1 <= K <= N"),
        (&["--shard", "auto"], "no scheduler says which part this is"),
        (&["--exhaust", "--continue"], "nothing to continue"),
        (&["--strategy", "pct(0)"], "depth from 1 to 32"),
        (&["--strategy", "luck"], "unknown strategy `luck`"),
        (&["--suspect", "a", "--exhaust"], "cannot be used with"),
        (
            &["--suspect", "a,b,c,d,e,f,g,h,i"],
            "9 suspects are too many: name at most 8",
        ),
        (
            &["--suspect", "pay"],
            "of the steps that can matter in the first 16 runs, none is in `pay`, makes such a \
             call or uses such an object; functions and calls seen: ",
        ),
        (&["--memory", "power"], "unknown memory model `power`"),
        (&["--continue"], "nothing to continue"),
    ] {
        let arguments = [&["run"], options, &["--", "/bin/true"]].concat();
        refused(here.path(), &arguments, words);
    }
    assert!(!here.path().join("crosswire-failures").exists());
}

#[test]
fn a_fault_for_a_process_that_does_not_exist_names_those_that_do() {
    let here = somewhere();
    let words = "no process is called `server`; those of the first run are: true";
    refused(
        here.path(),
        &["run", "--faults", "kill:server", "--", "/bin/true"],
        words,
    );
}

#[test]
fn files_that_are_no_replay_files() {
    let here = somewhere();
    let write = |name: &str, text: &[u8]| std::fs::write(here.path().join(name), text).unwrap();
    write("empty.json", b"");
    write("foreign.json", br#"{"name": "something else"}"#);
    write("binary.json", b"\xff\xfe\x00");
    write("newer.json", br#"{"format_version": 4000000000}"#);
    write(
        "huge-version.json",
        br#"{"format_version": 99999999999999}"#,
    );
    write("not\nan\x1b[31m-innocent-name.json", b"{}");
    for (file, words) in [
        ("missing.json", "No such file"),
        ("empty.json", "not a Crosswire replay file"),
        ("foreign.json", "not a Crosswire replay file"),
        ("binary.json", "UTF-8"),
        ("newer.json", "Use a newer Crosswire"),
        ("huge-version.json", "not a Crosswire replay file"),
        ("not\nan\x1b[31m-innocent-name.json", "not\\nan\\x1b[31m"),
        (".", "not a regular file"),
        ("/dev/zero", "not a regular file"),
    ] {
        refused(here.path(), &["replay", file], words);
    }
}

/// A recording to be damaged.
fn recording(here: &Path) -> (std::path::PathBuf, String) {
    std::fs::copy("/bin/false", here.join("program")).unwrap();
    let output = crosswire(here, &["run", "--format", "json", "--", "./program"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let file = here.join(report["violations"][0]["replay_file"].as_str().unwrap());
    let text = std::fs::read_to_string(&file).unwrap();
    (file, text)
}

#[test]
fn recordings_that_were_damaged_or_do_not_fit() {
    let here = somewhere();
    let (file, text) = recording(here.path());
    let name = file.to_str().unwrap();
    let sound = crosswire(here.path(), &["replay", name]);
    assert_eq!(sound.status.code(), Some(1), "{sound:?}");
    let said = String::from_utf8_lossy(&sound.stdout).into_owned();
    assert!(said.contains("same verdict, same trace"), "{said}");

    for cut in [1, text.len() / 2, text.len() - 3] {
        std::fs::write(&file, &text[..cut]).unwrap();
        refused(here.path(), &["replay", name], "it is damaged");
    }
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["plan"]["schedule"]["deviations"] = serde_json::json!([{"step": 1, "task": 77}]);
    std::fs::write(&file, record.to_string()).unwrap();
    refused(
        here.path(),
        &["replay", name],
        "task #77, which never appears",
    );

    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["plan"]["faults"] = serde_json::json!(["kill:nobody@write#1"]);
    std::fs::write(&file, record.to_string()).unwrap();
    refused(here.path(), &["replay", name], "kill:nobody@write#1");

    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["working_dir"] = "/no/such/directory".into();
    std::fs::write(&file, record.to_string()).unwrap();
    refused(here.path(), &["replay", name], "/no/such/directory");

    std::fs::write(&file, &text).unwrap();
    std::fs::copy(here.path().join("program"), here.path().join("kept")).unwrap();
    std::fs::copy("/bin/true", here.path().join("program")).unwrap();
    refused(
        here.path(),
        &["replay", name],
        "has changed since the recording",
    );
    let repaired = crosswire(here.path(), &["replay", "--allow-changed", name]);
    assert_eq!(repaired.status.code(), Some(0), "{repaired:?}");

    // The program of the recording, under another name.
    let moved = crosswire(
        here.path(),
        &["replay", "--program", "program=./kept", name],
    );
    assert_eq!(moved.status.code(), Some(1), "{moved:?}");
    for (program, words) in [
        ("program=./nothing", "No such file"),
        ("other=./kept", "it has program"),
        ("./kept", "NAME=PATH"),
    ] {
        refused(here.path(), &["replay", "--program", program, name], words);
    }
}

#[test]
fn victims_that_do_not_exist() {
    let here = somewhere();
    let refused = |arguments: &[&str], words: &str| {
        refused(here.path(), &[&["crash"], arguments].concat(), words);
    };
    refused(&["--victim", "nobody", "--", "true"], "nobody");
    let several = ["--process", "a=true", "--process", "b=true"];
    refused(&[&several[..], &["--recover", "true"]].concat(), "--victim");
    refused(&["--second", "nobody", "--", "true"], "nobody");
    refused(&["--recover", "/no/such", "--", "true"], "/no/such");
}
