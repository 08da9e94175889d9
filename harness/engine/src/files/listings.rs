//! What was in the directories of the machine when a run first listed them. What came later,
//! such as the files that the harness itself writes, later runs and replays do not see.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Names by directory.
type Names = BTreeMap<String, BTreeSet<String>>;

/// The names in each directory that was listed; all runs of a target share them.
#[derive(Debug, Clone, Default)]
pub struct Listings(Arc<Mutex<Names>>);

impl Listings {
    /// Returns the names as a record holds them.
    pub fn names(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.lock().clone()
    }

    /// Returns whether a directory of the machine held this name when it was first listed, which
    /// may be now.
    pub(crate) fn held(&self, directory: &Path, name: &str) -> bool {
        let listed = directory.to_string_lossy();
        let mut names = self.lock();
        if let Some(held) = names.get(listed.as_ref()) {
            return held.contains(name);
        }
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let held: BTreeSet<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        let holds = held.contains(name);
        names.insert(listed.into_owned(), held);
        holds
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Names> for Listings {
    fn from(names: Names) -> Listings {
        Listings(Arc::new(Mutex::new(names)))
    }
}

#[cfg(test)]
mod tests {
    use super::Listings;

    #[test]
    fn what_comes_later_was_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name| std::fs::write(directory.path().join(name), "").unwrap();
        write("early");
        let listings = Listings::default();
        assert!(listings.held(directory.path(), "early"));
        write("late");
        assert!(!listings.clone().held(directory.path(), "late"));
        let again = Listings::from(listings.names());
        assert!(!again.held(directory.path(), "late"));
        assert!(again.held(directory.path(), "early"));
    }
}
