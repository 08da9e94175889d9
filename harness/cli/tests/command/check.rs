//! `crosswire check`: verdicts, and one clear line with its number for whatever is wrong
//! with a file or a history.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const PASS: i32 = 0;
const VIOLATION: i32 = 1;
const USAGE: i32 = 2;
const INCONCLUSIVE: i32 = 4;

/// Runs the command with a text on its standard input.
fn check(arguments: &[&str], text: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crosswire"))
        .arg("check")
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command can be started");
    let mut input = child.stdin.take().expect("it has a standard input");
    // It need not read to the end.
    let _ = input.write_all(text);
    drop(input);
    child.wait_with_output().expect("it ends")
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/histories")
}

/// A text with this history of a queue.
fn text(lines: &str) -> String {
    format!("crosswire-histories 1\nhistory h\nas fifo\nprocesses p c\n{lines}")
}

/// The text must be refused with these words, and nothing be said of it.
#[track_caller]
fn refused(arguments: &[&str], text: &[u8], words: &str) {
    let output = check(arguments, text);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(USAGE), "{message}");
    assert!(message.contains(words), "`{words}` is not in: {message}");
    // A text is refused with one line; each history of it that is refused has one of its own.
    if output.stdout.is_empty() {
        assert_eq!(message.lines().count(), 1, "{message}");
    } else {
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(
            told.contains("REFUSED") && message.contains("history `"),
            "{told}{message}"
        );
    }
}

#[test]
fn damaged_texts_are_refused_at_their_line() {
    for (lines, words) in [
        (
            "1 2 p send 1\nend\n1 2\n",
            "line 7: an operation stands outside",
        ),
        (
            "1 2 p send 1\n",
            "line 6: the text ends before the history has its `end`",
        ),
        (
            "1 2 p send 1\nend",
            "line 6: the text ends in the midst of this line",
        ),
        (
            "1 2 p se\nend\n",
            "line 5: fifo knows no `se`; it knows send, recv",
        ),
        ("1 2 p\nend\n", "line 5: the action is missing"),
        ("1 2 p send\nend\n", "line 5: the value is missing"),
        (
            "1 2 p send x\nend\n",
            "line 5: the value should be an integer, but is `x`",
        ),
        (
            "1 2 p send 1 2\nend\n",
            "line 5: `2` stands where `=` should",
        ),
        ("1 2 c recv\nend\n", "line 5: this `recv` has no answer"),
        ("1 - c recv = 1\nend\n", "line 5: it has an answer, but `-`"),
        (
            "1 2 c recv = 1 1\nend\n",
            "line 5: `1` is one word too many",
        ),
        (
            "1 2 c recv = refused\nend\n",
            "line 5: the answer should be an integer",
        ),
        (
            "1 x p send 1\nend\n",
            "line 5: the moment of the answer should be an integer",
        ),
        (
            "99999999999999999999 - p send 1\nend\n",
            "line 5: the moment of the call",
        ),
        (
            "9223372036854775807 - p send 1\nend\n",
            "line 5: its moments lie beyond",
        ),
        (
            "3 2 p send 1\nend\n",
            "line 5: it answers at 2, before it is called at 3",
        ),
        (
            "1 2 q send 1\nend\n",
            "line 5: `q` is not among the processes",
        ),
        (
            "1 2 p send 1\n3 4 p send 1\nend\n",
            "line 6: 1 is sent a second time",
        ),
        (
            "initial 3\nend\n",
            "line 5: `initial` means nothing for fifo",
        ),
        (
            "1 2 p send 1\nas mutex\nend\n",
            "line 6: `as` must stand before the operations",
        ),
        ("colour blue\nend\n", "line 5: `colour` means nothing here"),
        ("history second\nend\n", "line 5: a history begins before"),
        (
            "as mutes\nend\n",
            "line 5: `mutes` is no object; there are fifo, ",
        ),
    ] {
        refused(&[], text(lines).as_bytes(), words);
        refused(&["-"], text(lines).as_bytes(), words);
    }
}

#[test]
fn what_is_no_text_of_histories_is_refused() {
    refused(&[], b"", "line 1: the text contains no history");
    refused(
        &[],
        b"crosswire-histories 1\n",
        "line 2: the text contains no history",
    );
    refused(
        &[],
        b"crosswire-histories 2\n",
        "line 1: the text does not begin with",
    );
    refused(
        &[],
        b"{\"history\": 1}\n",
        "line 1: the text does not begin with",
    );
    refused(
        &[],
        b"crosswire-histories 1\nhistory \xff\n",
        "line 2: it is no text (UTF-8)",
    );
    refused(
        &[],
        &vec![b'a'; 2 << 20],
        "line 1: it is longer than 1048576 bytes",
    );
    refused(
        &[],
        b"crosswire-histories 1\nhistory h\nprocesses p\n1 2 p send 1\nend\n",
        "line 4: it is not said what this is a history of",
    );
    refused(&["/nonexistent"], b"", "/nonexistent: No such file");
    refused(&["/"], b"", "line 1: it cannot be read: Is a directory");
    let overlapping =
        "crosswire-histories 1\nhistory h\nas mutex\nprocesses p\n1 4 p lock\n2 5 p unlock\nend\n";
    refused(
        &[],
        overlapping.as_bytes(),
        "line 6: `p` calls this before its `lock` has answered",
    );
}

/// A damaged history is refused by its name, and the others are judged, in any file.
#[test]
fn a_damaged_history_keeps_no_other_from_being_judged() {
    let damaged = "history i\nas fifo\nprocesses p\n1 2 p recieve = 1\nend\n";
    let both = |first: &str| format!("{}{damaged}", text(first));
    let sound = both("1 2 p send 1\nend\n");
    refused(&[], sound.as_bytes(), "history `i` is refused: line 10");
    let wrong = check(
        &["--format", "json"],
        both("1 2 c recv = 1\nend\n").as_bytes(),
    );
    assert_eq!(wrong.status.code(), Some(VIOLATION));
    let report: serde_json::Value = serde_json::from_slice(&wrong.stdout).unwrap();
    let verdicts = report["histories"].as_array().unwrap();
    let verdicts: Vec<&str> = verdicts
        .iter()
        .map(|h| h["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["violation", "refused"]);
    let files = ["mutex.txt", "fifo.txt"].map(|name| fixtures().join(name));
    let paths = files.each_ref().map(|path| path.to_str().unwrap());
    let several = check(&[paths[0], "/nonexistent", paths[1], "--expected"], b"");
    assert_eq!(several.status.code(), Some(USAGE));
    let told = String::from_utf8_lossy(&several.stdout);
    assert!(
        told.contains("mutex.txt: ") && told.contains("fifo.txt: "),
        "{told}"
    );
}

/// Results that cannot be written are no pass; a closed pipe is no error.
#[test]
fn results_that_cannot_be_written_are_an_error() {
    for format in ["text", "json"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswire"));
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let status = command
            .args(["list", "--format", format])
            .stdout(full)
            .status();
        assert_eq!(status.unwrap().code(), Some(3), "{format}");
    }
}

#[test]
fn a_text_that_is_cut_off_is_refused() {
    let both = format!(
        "{}history i\nas fifo\nprocesses p\n1 2 p recv = 1",
        text("1 2 p send 1\nend\n")
    );
    refused(&[], both.as_bytes(), "line 10: the text ends in the midst");
}

#[test]
fn operations_are_limited() {
    let lines: String = (0..100).map(|i| format!("{i} {i} p send {i}\n")).collect();
    let text = text(&format!("{lines}end\n"));
    refused(
        &["--limit-operations", "99"],
        text.as_bytes(),
        "line 104: there are more than 99 operations",
    );
    assert_eq!(
        check(&["--limit-operations", "100"], text.as_bytes())
            .status
            .code(),
        Some(PASS)
    );
}

#[test]
fn every_fixture_is_as_it_is_expected_to_be() {
    let mut files = 0;
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let output = check(&["--expected", path.to_str().unwrap()], b"");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(PASS),
            "{}: {said}",
            path.display()
        );
        files += 1;
    }
    assert!(files >= 12, "{files} files");
}

#[test]
fn a_violation_is_told_with_lines_and_drawn() {
    let output = check(
        &["--as", "fifo"],
        text("1 2 p send 1\n3 4 p send 2\n7 8 c recv = 1\n5 6 c recv = 2\nend\n").as_bytes(),
    );
    assert_eq!(output.status.code(), Some(VIOLATION));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "\
VIOLATION order in h (fifo, 4 operations): 1 was sent before 2 by `p`, but 2 was received before 1 by `c`
    line 5      p: send(1)       |---|
    line 6      p: send(2)               |---|
    line 8      c: recv gives 2                  |---|
    line 7      c: recv gives 1                          |---|

VIOLATION: 1 histories, 1 with a violation, 0 undecided
"
    );
}

#[test]
fn the_same_for_programs() {
    let several = format!(
        "{}{}",
        text("1 2 p send 1\nend\n"),
        text("1 - p send 1\n3 4 c recv = 2\nend\n").replace("history h", "history i")
    );
    let output = check(&["--format", "json"], several.as_bytes());
    assert_eq!(output.status.code(), Some(VIOLATION));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "violation");
    assert_eq!(report["operations"], 3);
    assert_eq!(report["histories"][0]["verdict"], "pass");
    let second = &report["histories"][1];
    assert_eq!(second["rule"], "invention");
    assert_eq!(second["sentence"], "`c` received 2, which no process sent");
    assert_eq!(second["witness"][0]["line"], 12);
    assert_eq!(second["witness"][0]["operation"], "recv gives 2");

    let damaged = check(&["--format", "json"], b"nonsense\n");
    assert_eq!(damaged.status.code(), Some(USAGE));
    let report: serde_json::Value = serde_json::from_slice(&damaged.stdout).unwrap();
    assert!(
        report["error"].as_str().unwrap().contains("line 1: "),
        "{report}"
    );
    assert_eq!(report.get("verdict"), None);
}

#[test]
fn a_search_that_is_given_up_is_inconclusive() {
    let text = "crosswire-histories 1\nhistory h\nas semaphore\nprocesses p q r\n0 9 p post\n\
                0 9 q wait\n10 11 r trywait = refused\nend\n";
    assert_eq!(check(&[], text.as_bytes()).status.code(), Some(PASS));
    let few = check(&["--search-budget", "1"], text.as_bytes());
    assert_eq!(
        few.status.code(),
        Some(INCONCLUSIVE),
        "{}",
        String::from_utf8_lossy(&few.stdout)
    );
}
