//! Where the killed stood is told by function and line, however a program was built.

use crosswire_testing::building::{build_directory, folder, source, tool};
use crosswire_testing::command::{Outcome, crosswire, replay_differs, somewhere};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds a program with exactly these arguments.
fn build(compiler: &str, directory: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let program = directory.join(name);
    let mut command = Command::new(compiler);
    command.current_dir(directory).arg("-o").arg(&program);
    let output = command.args(arguments).output().expect("a compiler");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler} {arguments:?}: {said}");
    program
}

/// Kills a program before its first `write`; the calls it was in, innermost first, and
/// the one that counts as the place of death.
fn killed_in_write(program: &Path) -> (Vec<String>, String) {
    killed_in_write_in(somewhere().path(), program)
}

/// The same in this working directory.
fn killed_in_write_in(directory: &Path, program: &Path) -> (Vec<String>, String) {
    let mut command = crosswire(directory);
    command.args(["crash", "--quiet", "--format", "json", "--schedules", "1"]);
    // A recovery that always fails makes every crash a violation.
    command.args(["--recover", "false", "--victim"]);
    command.arg(program.file_name().unwrap());
    let outcome = Outcome::of(command.arg("--").arg(program));
    let groups = outcome.report["groups"].as_array().expect("groups");
    let points = groups
        .iter()
        .flat_map(|group| group["points"].as_array().unwrap());
    let at_write = points.into_iter().find(|point| {
        let crash = point["crashes"][0].as_str().unwrap_or_default();
        crash.ends_with("@write#1")
    });
    let died_in = at_write.expect("it writes")["died_in"].as_str();
    let died_in = died_in.unwrap_or_default().to_owned();
    let file = groups[0]["replay_file"].as_str().expect("a replay file");
    let fault = format!(
        "kill:{}@write#1",
        program.file_name().unwrap().to_str().unwrap()
    );
    (stack_at(&directory.join(file), &fault, directory), died_in)
}

/// The stack of the killed in a replay file whose fault was replaced by this one.
fn stack_at(file: &Path, fault: &str, directory: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["plan"]["faults"] = serde_json::json!([fault]);
    let other = directory.join("other.json");
    std::fs::write(&other, record.to_string()).unwrap();
    let output = crosswire(directory)
        .args(["replay", "--format", "json"])
        .arg(other)
        .output();
    let output = output.expect("the command can be started");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let stacks = report["stacks"].as_array().expect("stacks").iter();
    let killed = stacks.into_iter().find(|stack| stack["moment"] == "killed");
    let frames = killed.expect("somebody was killed")["frames"]
        .as_array()
        .unwrap();
    frames
        .iter()
        .map(|frame| frame["text"].as_str().unwrap().to_owned())
        .collect()
}

/// The functions of the program itself, as far as `main`.
fn own(frames: &[String]) -> Vec<&str> {
    let from = frames.iter().position(|frame| frame.contains("innermost"));
    let frames = frames[from.unwrap_or(0)..].iter().map(String::as_str);
    let mut own = Vec::new();
    for frame in frames {
        own.push(frame);
        if frame.starts_with("main ") {
            break;
        }
    }
    own
}

const LINES: [&str; 3] = [
    "innermost (callers.c:12)",
    "middle (callers.c:21)",
    "main (callers.c:27)",
];

#[test]
fn functions_and_lines_are_told_of_programs_with_debug_information() {
    let built = build_directory();
    let source = source("callers.c");
    let source = source.to_str().unwrap();
    let kinds: &[(&str, &[&str])] = &[
        ("pie", &["-O0"]),
        ("optimized", &["-O2", "-fomit-frame-pointer"]),
        ("fixed-address", &["-O1", "-no-pie"]),
        ("static", &["-O1", "-static"]),
        ("compressed", &["-O1", "-gz"]),
    ];
    for (name, options) in kinds {
        let arguments = [&["-g", source], *options].concat();
        let program = build("cc", built.path(), name, &arguments);
        let (frames, died_in) = killed_in_write(&program);
        assert_eq!(own(&frames), LINES, "{name}: {frames:?}");
        assert_eq!(died_in, LINES[0], "{name}");
    }
}

/// A run that changes a file of the user's is followed by one in which the directory has
/// a new overlay, while the program is still mapped from the old one.
#[test]
fn a_program_that_changes_files_next_to_it_keeps_its_lines() {
    let here = somewhere();
    let source = source("callers.c");
    let options = [
        "-g",
        "-O1",
        "-DCHANGES=\"changed\"",
        source.to_str().unwrap(),
    ];
    let program = build("cc", here.path(), "changing", &options);
    std::fs::write(here.path().join("changed"), "the user's").unwrap();
    let (frames, died_in) = killed_in_write_in(here.path(), &program);
    assert_eq!(own(&frames), LINES, "{frames:?}");
    assert_eq!(died_in, LINES[0]);
    // What was found with the new overlay is found again with the first one.
    let found = std::fs::read_dir(here.path().join("crosswire-failures")).unwrap();
    for file in found.map(|file| file.unwrap().path()) {
        let differs = replay_differs(here.path(), &file, "exit-status");
        assert_eq!(differs, None);
    }
    let kept = std::fs::read_to_string(here.path().join("changed")).unwrap();
    assert_eq!(kept, "the user's");
}

#[test]
fn a_shared_library_is_looked_into() {
    let built = build_directory();
    let source = source("callers.c");
    let source = source.to_str().unwrap();
    let library = ["-g", "-O1", "-shared", "-fPIC", "-DLIBRARY", source];
    build("cc", built.path(), "libcallers.so", &library);
    let here = format!("-Wl,-rpath,{}", built.path().display());
    let caller = ["-g", "-O1", "-DCALLER", source, "-L.", "-lcallers", &here];
    let program = build("cc", built.path(), "with-library", &caller);
    let (frames, died_in) = killed_in_write(&program);
    assert_eq!(own(&frames), LINES, "{frames:?}");
    assert_eq!(died_in, LINES[0]);
}

#[test]
fn without_debug_information_there_are_functions_and_without_symbols_offsets() {
    let built = build_directory();
    let source = source("callers.c");
    let source = source.to_str().unwrap();
    let plain = build("cc", built.path(), "plain", &["-O1", source]);
    let (frames, _) = killed_in_write(&plain);
    let functions = ["innermost (plain)", "middle (plain)", "main (plain)"];
    assert_eq!(own(&frames), functions, "{frames:?}");

    for (name, options) in [
        ("stripped", &["-s"][..]),
        ("stripped-static", &["-s", "-static"]),
    ] {
        let arguments = [&["-O1", source], options].concat();
        let program = build("cc", built.path(), name, &arguments);
        let (frames, died_in) = killed_in_write(&program);
        let offset = format!("{name}+0x");
        let of_program = frames
            .iter()
            .filter(|frame| frame.starts_with(&offset))
            .count();
        assert!(of_program >= 3, "{name}: {frames:?}");
        assert!(!died_in.is_empty(), "{name}");
    }
}

#[test]
fn names_of_rust_are_readable() {
    let Some(rustc) = tool("rustc", "symbols of Rust").or_else(|| tool_of_cargo("rustc")) else {
        return;
    };
    let built = build_directory();
    let source = source("callers.rs");
    let arguments = ["-g", "-O", source.to_str().unwrap()];
    let program = build(rustc.to_str().unwrap(), built.path(), "rusty", &arguments);
    let (frames, died_in) = killed_in_write(&program);
    assert_eq!(died_in, "callers::innermost (callers.rs:5)");
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    for wanted in [
        "callers::innermost (callers.rs:5)",
        "callers::outer::middle (callers.rs:11)",
    ] {
        assert!(frames.contains(&wanted), "{wanted}: {frames:?}");
    }
}

/// Cargo tells its tests which compiler it uses, if the user has said so; else it is
/// beside cargo.
fn tool_of_cargo(name: &str) -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO")?;
    let beside = Path::new(&cargo).with_file_name(name);
    beside.is_file().then_some(beside)
}

/// musl's own functions have no unwind tables, so nothing is known of who called them;
/// that must not lead to calls that never happened.
#[test]
fn of_musl_no_more_is_told_than_is_known() {
    let Some(compiler) = tool("musl-gcc", "symbols of musl") else {
        return;
    };
    let built = build_directory();
    let source = source("callers.c");
    let arguments = ["-g", "-O1", "-static", source.to_str().unwrap()];
    let program = build(compiler.to_str().unwrap(), built.path(), "musl", &arguments);
    let (frames, died_in) = killed_in_write(&program);
    assert!(frames.contains(&"write (musl)".to_owned()), "{frames:?}");
    let own = own(&frames);
    assert!(
        own == LINES || frames.iter().all(|frame| frame.ends_with("(musl)")),
        "{frames:?}"
    );
    assert!(!died_in.is_empty());
}

#[test]
fn a_race_is_named_by_process_function_and_line() {
    let built = build_directory();
    let source = folder("fixtures/c/shm_counter.c");
    let arguments = ["-g", "-O0", "-pthread", source.to_str().unwrap(), "-lrt"];
    let program = build("cc", built.path(), "shm_counter", &arguments);
    let directory = somewhere();
    let mut command = crosswire(directory.path());
    command.args(["run", "--quiet", "--format", "json", "--"]);
    let outcome = Outcome::of(command.arg(&program));
    let violations = outcome.violations();
    assert!(!violations.is_empty(), "{}", outcome.told());
    let races = violations[0]["races"].as_array();
    let races = races.unwrap_or_else(|| panic!("{}", outcome.told()));
    let accesses = races[0]["accesses"].as_array().expect("two accesses");
    assert_ne!(accesses[0]["process"], accesses[1]["process"]);
    assert_eq!(accesses[0]["offset"], accesses[1]["offset"]);
    for access in accesses {
        let place = access["place"].as_str().unwrap();
        assert!(place.contains("(shm_counter.c:"), "{place}");
        assert!(access["before"].is_u64(), "{access}");
    }
    let kinds: Vec<&str> = accesses
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    assert!(kinds.contains(&"write"), "{kinds:?}");
}
