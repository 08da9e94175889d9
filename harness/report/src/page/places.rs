//! Where in their programs tasks were, with the lines of the source around it where the file is
//! there when the page is made.

use crate::escape::escape;
use crosswire_model::{Frame, Record, What};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Lines before and after the one that is meant.
const AROUND: usize = 3;

/// Calls of a stack.
const DEEPEST: usize = 6;

/// Events whose place is told: more would only make the page large.
const MOST: usize = 20_000;

/// Larger files are no source that somebody has written.
const LARGEST: u64 = 4 << 20;

/// What source files end with. A recording from somebody else may name any file; nothing but
/// source is put into a page that may be passed on.
const ENDINGS: &[&str] = &[
    "c", "cc", "cpp", "cxx", "h", "hh", "hpp", "rs", "go", "zig", "d", "f90", "adb", "swift", "nim",
];

/// A function and its line.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Stand {
    /// `update (record.c:42)`.
    text: String,
    /// The number of the first of the lines.
    first: usize,
    /// The line that is meant, among them.
    line: usize,
    /// The source, if it is there.
    lines: Vec<String>,
}

/// Returns the places of events: of accesses to memory that is watched, and of the last event of
/// each task whose stack was looked at.
pub(super) fn places(record: &Record) -> BTreeMap<usize, Vec<Stand>> {
    let mut sources = Sources::default();
    let mut found: BTreeMap<usize, Vec<Stand>> = BTreeMap::new();
    let events = &record.trace.events;
    for (index, event) in events.iter().enumerate() {
        let (What::Access(access) | What::Delay { access, .. }) = &event.what else {
            continue;
        };
        if let Some(frame) = record.places.get(access.place as usize)
            && found.len() < MOST
        {
            found.insert(index, vec![sources.stand(frame)]);
        }
    }
    for stack in &record.stacks {
        let last = events
            .iter()
            .rposition(|event| event.task == stack.task && event.step <= stack.step);
        let told = stack.told().into_iter().take(DEEPEST);
        let told: Vec<Stand> = told.map(|frame| sources.stand(frame)).collect();
        if let Some(last) = last.filter(|_| !told.is_empty()) {
            found.insert(last, told);
        }
    }
    found
}

/// Source files, each read once.
#[derive(Default)]
struct Sources {
    files: HashMap<String, Option<Vec<String>>>,
}

impl Sources {
    fn stand(&mut self, frame: &Frame) -> Stand {
        let text = escape(&frame.to_string());
        let (Some(file), Some(line)) = (&frame.file, frame.line) else {
            return Stand {
                text,
                first: 0,
                line: 0,
                lines: Vec::new(),
            };
        };
        let line = line as usize;
        let all = self.files.entry(file.clone()).or_insert_with(|| read(file));
        let first = line.saturating_sub(AROUND).max(1);
        let lines = all.iter().flatten().skip(first - 1);
        Stand {
            text,
            first,
            line,
            lines: lines.take(line + AROUND + 1 - first).cloned().collect(),
        }
    }
}

fn read(file: &str) -> Option<Vec<String>> {
    let ending = Path::new(file).extension()?.to_str()?;
    let size = std::fs::metadata(file).ok()?.len();
    if !ENDINGS.contains(&ending) || size > LARGEST {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    Some(text.lines().map(escape_line).collect())
}

/// Tabs are kept: they are how source is written.
fn escape_line(line: &str) -> String {
    escape(&line.replace('\t', "    "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(file: &Path, line: u32) -> Frame {
        Frame {
            module: "/app".to_owned(),
            address: 1,
            function: Some("save".to_owned()),
            file: Some(file.display().to_string()),
            line: Some(line),
        }
    }

    #[test]
    fn the_lines_around_are_shown_where_the_source_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("a.c");
        let text: String = (1..=9)
            .map(|number| format!("\tline {number};\n"))
            .collect();
        std::fs::write(&source, text).unwrap();
        let mut sources = Sources::default();
        let stand = sources.stand(&frame(&source, 2));
        assert_eq!((stand.first, stand.line), (1, 2));
        assert_eq!(stand.lines[0], "    line 1;");
        assert_eq!(stand.lines.len(), 5);
        let stand = sources.stand(&frame(&source, 8));
        assert_eq!((stand.first, stand.lines.len()), (5, 5));
    }

    #[test]
    fn nothing_but_source_is_put_into_a_page() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["secret", "shadow.txt", "key.pem"] {
            let file = directory.path().join(name);
            std::fs::write(&file, "secret\n").unwrap();
            let stand = Sources::default().stand(&frame(&file, 1));
            assert_eq!(stand.lines, Vec::<String>::new(), "{name}");
        }
        let gone = directory.path().join("gone.c");
        assert!(Sources::default().stand(&frame(&gone, 1)).lines.is_empty());
    }
}
