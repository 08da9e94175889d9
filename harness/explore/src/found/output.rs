//! Comparison of the outputs of two runs.

use crosswire_model::Run;
use serde::{Deserialize, Serialize};

/// Output as stored in a replay file: as text where it is text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Readable(String),
    Bytes(Vec<u8>),
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Text {
        match std::str::from_utf8(bytes) {
            Ok(text) => Text::Readable(text.to_owned()),
            Err(_) => Text::Bytes(bytes.to_vec()),
        }
    }
}

impl Text {
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Text::Readable(text) => text.as_bytes(),
            Text::Bytes(bytes) => bytes,
        }
    }
}

/// Number of characters of a line that are quoted.
const QUOTED_CHARACTERS: usize = 60;

/// Returns a sentence about the first line in which two outputs differ, if one does.
pub(crate) fn difference(expected: &[u8], found: &[u8]) -> Option<String> {
    if expected == found {
        return None;
    }
    let mut expected_lines = expected.split_inclusive(|&byte| byte == b'\n');
    let mut found_lines = found.split_inclusive(|&byte| byte == b'\n');
    let mut number = 0;
    loop {
        number += 1;
        let (wanted, got) = (expected_lines.next(), found_lines.next());
        if wanted != got {
            return Some(match (wanted, got) {
                (Some(wanted), Some(got)) => format!(
                    "line {number} of the output is `{}`, but `{}` in the first run",
                    quoted(got),
                    quoted(wanted)
                ),
                (Some(wanted), None) => format!(
                    "the output lacks line {number}, which is `{}` in the first run",
                    quoted(wanted)
                ),
                (None, Some(got)) => format!(
                    "the output has a further line {number}, `{}`, that the first run \
                     does not print",
                    quoted(got)
                ),
                (None, None) => unreachable!("outputs that differ differ in some line"),
            });
        }
    }
}

fn quoted(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    match text.char_indices().nth(QUOTED_CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Lines of each stream that are kept.
const LAST_LINES: usize = 3;

/// Bytes of a stream that are looked at for them.
const LAST_BYTES: usize = 4096;

/// The end of what a run printed: often the best explanation of how it ended. It
/// is no part of the verdict, because it may differ from run to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastLines {
    /// Of standard output.
    pub stdout: Vec<String>,
    /// Of standard error.
    pub stderr: Vec<String>,
}

impl LastLines {
    /// Returns the last lines of a run that have something in them.
    pub fn of(run: &Run) -> LastLines {
        LastLines::of_output(&run.stdout, &run.stderr)
    }

    /// Returns the last lines written to each stream.
    pub fn of_output(stdout: &[u8], stderr: &[u8]) -> LastLines {
        LastLines {
            stdout: last_lines(stdout),
            stderr: last_lines(stderr),
        }
    }

    /// Tells whether there was no output.
    pub fn is_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty()
    }
}

fn last_lines(output: &[u8]) -> Vec<String> {
    let end = &output[output.len().saturating_sub(LAST_BYTES)..];
    let end = String::from_utf8_lossy(end);
    let lines = end.lines().rev().filter(|line| !line.trim().is_empty());
    let mut lines: Vec<String> = lines.take(LAST_LINES).map(str::to_owned).collect();
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_differing_line_is_named() {
        assert_eq!(difference(b"a\nb\n", b"a\nb\n"), None);
        let changed = difference(b"a\nb\n", b"a\nc\n").unwrap();
        assert!(
            changed.starts_with("line 2 of the output is `c`, but `b`"),
            "{changed}"
        );
        let short = difference(b"a\nb\n", b"a\n").unwrap();
        assert!(short.starts_with("the output lacks line 2"), "{short}");
        let long = difference(b"a\n", b"a\nb\n").unwrap();
        assert!(long.contains("further line 2, `b`"), "{long}");
        assert!(difference(b"a", b"a\n").is_some());
    }

    #[test]
    fn the_last_lines_are_those_with_something_in_them() {
        assert_eq!(last_lines(b"a\nb\n\nc\nd\n\n"), ["b", "c", "d"]);
        assert!(last_lines(b"\n \n").is_empty());
    }

    #[test]
    fn bytes_survive_storage() {
        for bytes in [&b"plain \x1b[1m\n"[..], &b"\xff\x00\n"[..]] {
            let stored = serde_json::to_string(&Text::from(bytes)).unwrap();
            let back: Text = serde_json::from_str(&stored).unwrap();
            assert_eq!(back.as_bytes(), bytes);
        }
    }
}
