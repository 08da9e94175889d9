//! The house rules that the compiler does not check. That dependencies point down and
//! that unsafe code stands in few places, it does: floors are crates.

mod imports;

use imports::Crate;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::Visit;

/// Lines that a file may have.
const MOST_LINES: usize = 500;

/// Files that a folder of the engine may have.
const MOST_FILES: usize = 16;

/// Where calls may be named: the table itself, and the places that make calls of their own.
const MAY_NAME_CALLS: [&str; 4] = [
    "calls/src/",
    "kernel/src/",
    // Calls that tasks make for the engine.
    "engine/src/inside/remote.rs",
    // What the integration tests share.
    "testing/src/",
];

/// Names of calls that are ordinary words, too.
const WORDS: [&str; 32] = [
    "accept", "access", "alarm", "bind", "brk", "clone", "close", "connect", "exit", "fork",
    "getpid", "kill", "link", "listen", "mount", "open", "pause", "pipe", "poll", "read", "reboot",
    "rename", "select", "security", "shutdown", "socket", "splice", "stat", "symlink", "sync",
    "time", "write",
];

#[test]
fn files_stay_short() {
    let long: Vec<String> = sources(&harness())
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
fn rooms_of_the_engine_stay_small() {
    let mut files: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for path in sources(&harness().join("engine/src")) {
        let room = path.parent().expect("a file is in a folder");
        *files.entry(room.to_owned()).or_default() += 1;
    }
    files.retain(|_, count| *count > MOST_FILES);
    assert!(
        files.is_empty(),
        "at most {MOST_FILES} files are allowed: {files:?}"
    );
}

/// What a file may assume is what the files below it say; in a circle there is no below.
#[test]
fn no_file_imports_itself_by_way_of_others() {
    let mut circles = Vec::new();
    for root in crates() {
        for circle in Crate::read(&root).circles() {
            circles.push(format!("{}: {}", root.display(), circle.join(", ")));
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// Whoever reads a name shall know which of them is meant. Types that belong to a trait or
/// an implementation are told apart by it.
#[test]
fn no_type_name_stands_twice_in_a_crate() {
    let mut twice = Vec::new();
    for root in crates() {
        let mut names = BTreeMap::<String, usize>::new();
        for path in sources(&root) {
            let mut types = TypeNames(&mut names);
            types.visit_file(&parsed(&path));
        }
        let several = names.into_iter().filter(|(_, count)| *count > 1);
        twice.extend(several.map(|(name, _)| format!("{}: {name}", root.display())));
    }
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

/// Counts the types that modules define, outside of tests and functions.
struct TypeNames<'a>(&'a mut BTreeMap<String, usize>);

impl<'ast> Visit<'ast> for TypeNames<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if imports::is_for_tests(item) {
            return;
        }
        let name = match item {
            syn::Item::Struct(item) => &item.ident,
            syn::Item::Enum(item) => &item.ident,
            syn::Item::Trait(item) => &item.ident,
            syn::Item::Type(item) => &item.ident,
            syn::Item::Mod(_) => return syn::visit::visit_item(self, item),
            _ => return,
        };
        *self.0.entry(name.to_string()).or_default() += 1;
    }
}

/// Two lists of one subject disagree sooner or later, so what is known of calls stands in
/// the table.
#[test]
fn calls_are_named_in_the_table_only() {
    let mut wrong = Vec::new();
    let everything = crates().into_iter().flat_map(|root| sources(&root));
    let everything: Vec<PathBuf> = everything.collect();
    let for_tests: BTreeSet<PathBuf> = everything.iter().flat_map(|p| test_modules(p)).collect();
    for path in everything {
        let text = path.to_string_lossy();
        let may = MAY_NAME_CALLS.iter().any(|part| text.contains(part));
        if may || for_tests.iter().any(|module| path.starts_with(module)) {
            continue;
        }
        let mut names = CallNames::default();
        names.visit_file(&parsed(&path));
        if !names.found.is_empty() {
            wrong.push(format!("{text}: {:?}", names.found));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Collects constants and literals that name calls, outside of tests.
#[derive(Default)]
struct CallNames {
    found: BTreeSet<String>,
}

impl<'ast> Visit<'ast> for CallNames {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !imports::is_for_tests(item) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        let name = ident.to_string();
        if name.starts_with("SYS_") {
            self.found.insert(name);
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        let text = literal.value();
        if crosswire_calls::number(&text).is_some() && !WORDS.contains(&text.as_str()) {
            self.found.insert(text);
        }
    }
}

fn harness() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The source folder of each crate in `harness`.
fn crates() -> Vec<PathBuf> {
    let mut found = vec![harness().join("src")];
    for entry in fs::read_dir(harness()).expect("the folder of the crates") {
        let source = entry.expect("it can be read").path().join("src");
        if source.join("lib.rs").exists() || source.join("main.rs").exists() {
            found.push(source);
        }
    }
    assert!(found.len() > 10, "only {} crates were found", found.len());
    found
}

/// Every source file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

/// The files and folders of modules that a file declares for tests only.
fn test_modules(path: &Path) -> Vec<PathBuf> {
    let stem = path.file_stem().expect("a file").to_string_lossy();
    let folder = match stem.as_ref() {
        "lib" | "main" | "mod" => path.parent().expect("it is in a folder").to_owned(),
        _ => path.with_extension(""),
    };
    let of_tests = |item: &syn::Item| match item {
        syn::Item::Mod(module) if module.content.is_none() && imports::is_for_tests(item) => {
            let place = folder.join(module.ident.to_string());
            Some([place.with_extension("rs"), place])
        }
        _ => None,
    };
    let items = parsed(path).items;
    items.iter().filter_map(of_tests).flatten().collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a file of the workspace")
}

fn parsed(path: &Path) -> syn::File {
    syn::parse_file(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
