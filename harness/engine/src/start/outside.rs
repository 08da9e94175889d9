//! Files outside the directories that belong to the run, at which programs look while they start.
//!
//! What covers the directories of a run does not cover them: they are looked at once, for all runs.
//! Should a run change one, it is repeated with a start-up that ends before the look.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Begins the names of such files among contested objects.
const NAME: &str = "file outside: ";

/// What is there belongs to the kernel: changes are not those of a file.
const OF_KERNEL: [&str; 3] = ["/dev", "/proc", "/sys"];

/// Tells whether an object is a file outside.
pub(crate) fn is_outside(object: &str) -> bool {
    object.starts_with(NAME)
}

/// Tells whether looking at one file outside finds what changes with another: itself, or the directory
/// in which it is.
pub(super) fn is_changed_with(seen: &str, changed: &str) -> bool {
    match (seen.strip_prefix(changed), changed.strip_prefix(seen)) {
        // It is the same, or what was a directory is another.
        (Some(below), _) => below.is_empty() || below.starts_with('/'),
        // An entry of a directory that was itself looked at.
        (_, Some(entry)) => entry.starts_with('/') && !entry[1..].contains('/'),
        _ => false,
    }
}

/// Returns the names of what is at a path: where the name is, and what it leads to.
pub(super) fn names(path: &Path) -> BTreeSet<String> {
    if OF_KERNEL.iter().any(|place| path.starts_with(place)) {
        return BTreeSet::new();
    }
    let directory = path.parent().and_then(|parent| parent.canonicalize().ok());
    let entry = directory.zip(path.file_name());
    let entry = entry.map(|(directory, name)| directory.join(name));
    let target = path.canonicalize().ok();
    let mut all: BTreeSet<PathBuf> = entry.into_iter().chain(target).collect();
    if all.is_empty() {
        // Not even its directory is there.
        all.insert(path.to_owned());
    }
    let name = |path: &PathBuf| format!("{NAME}{}", path.display());
    all.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_look_finds_what_changes_above_it_and_in_it() {
        let file = |path: &str| format!("{NAME}{path}");
        let changes = |seen: &str, changed: &str| is_changed_with(&file(seen), &file(changed));
        assert!(changes("/a/b", "/a/b") && changes("/a/b/c", "/a") && changes("/a", "/a/b"));
        assert!(!changes("/a/b", "/a/c") && !changes("/a/bc", "/a/b"));
        assert!(!changes("/a", "/a/b/c") && !changes("/ab", "/a/b"));
    }

    #[test]
    fn a_link_and_what_it_leads_to_are_looked_at() {
        let directory = tempfile::tempdir().expect("a directory");
        let real = directory.path().canonicalize().expect("it is there");
        fs::write(real.join("file"), "").expect("a file");
        symlink("file", real.join("link")).expect("a link");
        let found = names(&real.join("link"));
        let expected = ["file", "link"].map(|name| format!("{NAME}{}", real.join(name).display()));
        assert_eq!(found, expected.into());
        assert_eq!(names(&real.join("x/y")).len(), 1);
        assert!(names(Path::new("/dev/null")).is_empty());
    }
}
