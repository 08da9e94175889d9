//! The house rules that no compiler checks: dependencies between the folders of
//! `src` point down, unsafe code stands in `src/sys` only, files stay short, and
//! `ARCHITECTURE.md` names every file. Whoever changes a rule changes that page too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each folder, and what it may import besides itself.
const FLOORS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("sys", &["model"]),
    ("engine", &["model", "sys"]),
    ("check", &["model"]),
    ("contract", &["model"]),
    ("symbols", &["model"]),
    ("explore", &["model", "check", "engine", "symbols"]),
    ("report", &["model", "check", "explore"]),
    (
        "scenario",
        &["model", "sys", "engine", "check", "explore", "report"],
    ),
    (
        "conformance",
        &["model", "check", "contract", "explore", "scenario"],
    ),
];

/// Files that may import one more folder, from further down than their floor does.
const EXCEPTIONS: &[(&str, &str)] = &[
    // Says what the machine permits, which nobody but the sandbox finds out.
    ("explore/machine.rs", "sys"),
    // Looks at its own mappings.
    ("symbols/tests.rs", "sys"),
];

/// Lines that a file may have.
const MOST_LINES: usize = 500;

#[test]
fn dependencies_point_down() {
    let mut wrong = Vec::new();
    for (path, code) in sources(&source_root()) {
        let Some((floor, _)) = path.split_once('/') else {
            continue;
        };
        let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == floor) else {
            wrong.push(format!("{path}: the folder `{floor}` has no floor"));
            continue;
        };
        for import in imports(&code) {
            let is_known = FLOORS.iter().any(|(name, _)| *name == import);
            let is_allowed = import == floor
                || allowed.contains(&import.as_str())
                || EXCEPTIONS.contains(&(path.as_str(), import.as_str()));
            if is_known && !is_allowed {
                wrong.push(format!(
                    "{path} imports `{import}`, which `{floor}` must not know"
                ));
            }
            // What lib.rs re-exports comes from some floor, and hides which.
            if !is_known {
                wrong.push(format!("{path} imports `crate::{import}` past the floors"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_stands_in_sys_only() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let roots = ["harness/src", "harness/cli", "mechanisms", "scenarios"];
    let mut wrong = Vec::new();
    for root in roots {
        for (path, code) in sources(&workspace.join(root)) {
            // The raw calls of the reference implementations have a fence of their own.
            let is_sys = match root {
                "harness/src" => path.starts_with("sys/"),
                _ => root == "mechanisms" && path.starts_with("src/sys/"),
            };
            if !is_sys && words(&code).any(|word| word == "unsafe") {
                wrong.push(format!("{root}/{path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "unsafe code in {}", wrong.join(", "));
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = files(&source_root())
        .iter()
        .map(|path| (path, read(path).lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(path, lines)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(
        long.is_empty(),
        "at most {MOST_LINES} are allowed: {}",
        long.join(", ")
    );
}

#[test]
fn the_architecture_names_every_file() {
    let page = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md"));
    let (_, list) = page
        .split_once("```files\n")
        .expect("there is a list of files");
    let (list, _) = list.split_once("```").expect("the list has an end");
    let mut named = BTreeSet::new();
    let mut folder = "";
    for line in list.lines() {
        match line.strip_prefix("  ") {
            Some(file) => {
                let name = file.split_whitespace().next().expect("a file has a name");
                named.insert(format!("{folder}{name}"));
            }
            None if line.is_empty() => {}
            None => {
                folder = line
                    .strip_prefix("harness/src/")
                    .expect("a folder of the crate")
            }
        }
    }
    let root = source_root();
    let below = |path: &PathBuf| {
        path.strip_prefix(&root)
            .expect("it was found there")
            .to_owned()
    };
    let is_told = |path: &String| !path.starts_with("sys/sandbox/tests/");
    let present: BTreeSet<String> = files(&root)
        .iter()
        .map(|path| below(path).to_string_lossy().into_owned())
        .filter(is_told)
        .collect();
    let missing: Vec<&String> = present.difference(&named).collect();
    let gone: Vec<&String> = named.difference(&present).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not named: {missing:?}; not there: {gone:?}"
    );
}

#[test]
fn the_reader_of_sources_reads_them() {
    let code = strip(
        r##"
        //! unsafe in a comment, crate::wrong
        use crate::{model::{Call, Plan}, sys, engine as e}; /* crate::wrong /* too */ */
        pub(crate) use crate::check::Check;
        fn f<'a>(x: &'a str) -> char { "crate::wrong \" unsafe"; r#"crate::wrong""#; '"' }
        fn g() -> crate::report::Palette { $crate::scenario::Named::new('\'') }
        "##,
    );
    let expected = ["model", "sys", "engine", "check", "report", "scenario"];
    assert_eq!(imports(&code), expected.map(str::to_owned).into());
    assert!(words(&code).all(|word| word != "unsafe"), "{code}");
    assert!(words("pub unsafe fn f()").any(|word| word == "unsafe"));
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file below a folder.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries {
            let path = entry.expect("a folder can be listed to its end").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {}", root.display());
    found.sort();
    found
}

/// Their code without comments and literals, by path below the folder.
fn sources(root: &Path) -> Vec<(String, String)> {
    let name = |path: &Path| {
        let below = path.strip_prefix(root).expect("it was found there");
        below
            .to_str()
            .expect("names of source files are plain")
            .to_owned()
    };
    files(root)
        .iter()
        .map(|path| (name(path), strip(&read(path))))
        .collect()
}

/// What stands behind `crate::`, whether alone or in braces.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(heads(group)),
            None => found.extend(words(rest).next().map(str::to_owned)),
        }
    }
    found
}

/// The first word of each member of a group, whose opening brace has been read.
fn heads(group: &str) -> Vec<String> {
    let mut depth = 0_i32;
    let mut members = vec![String::new()];
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(String::new()),
            other if depth == 0 => members.last_mut().expect("never empty").push(other),
            _ => {}
        }
    }
    members
        .iter()
        .filter_map(|member| words(member).next().map(str::to_owned))
        .collect()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.split(move |c| !is_part(c))
        .filter(|word| !word.is_empty())
}

/// The code with comments, strings and characters taken out.
fn strip(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = literal_or_comment(rest, code.chars().next_back());
        match skipped {
            0 => {
                code.push(first);
                rest = &rest[first.len_utf8()..];
            }
            length => {
                code.push(' ');
                rest = &rest[length..];
            }
        }
    }
    code
}

/// How many bytes the comment or literal has with which the text begins; 0 if it
/// begins with neither.
fn literal_or_comment(text: &str, before: Option<char>) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    if !in_word && text.starts_with('r') {
        let signs = text[1..].bytes().take_while(|byte| *byte == b'#').count();
        if text[1 + signs..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(signs));
            let body = 2 + signs;
            return text[body..]
                .find(&end)
                .map_or(text.len(), |at| body + at + end.len());
        }
    }
    // A lifetime has no second quotation mark where a character has it.
    let mut inner = text.strip_prefix('\'').unwrap_or_default().chars();
    match (inner.next(), inner.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => quoted(text, '\''),
        _ => 0,
    }
}

/// A literal between quotation marks, with escapes.
fn quoted(text: &str, mark: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == mark => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}
