//! Times of files: who asks for those of two files learns which was changed last.
//!
//! Changes of two files depend on each other only if somebody compares their times, which is
//! known of a whole run and not of its steps: the search of all orders takes that into account.

use super::objects;
use crate::files::Inode;
use crosswire_model::Touch;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// Beginning of the name of the object that the times of a file are. Steps that change them add
/// to it, and steps that ask for them read it. The times at which files were read do not count.
pub const TIMES_OF: &str = "times of ";

/// The files whose times a run has changed.
#[derive(Debug, Default)]
pub(crate) struct FileTimes {
    /// The path that each had when it was first changed: it may be renamed since.
    names: HashMap<Inode, String>,
    /// Touches of the step under way.
    touches: HashSet<Touch>,
}

impl FileTimes {
    /// The step under way changes the times of a file. One that it has made is not the file that
    /// had its number before; `path` looks for a name where the file has none here.
    pub fn change(&mut self, file: Inode, is_made: bool, path: impl FnOnce() -> Option<PathBuf>) {
        if (is_made || !self.names.contains_key(&file))
            && let Some(path) = path()
        {
            let name = objects::file(&path.to_string_lossy());
            self.names.insert(file, format!("{TIMES_OF}{name}"));
        }
        let name = self.names.get(&file);
        self.touches.extend(name.map(Touch::add));
    }

    /// The step under way asks for the times of a file.
    pub fn look(&mut self, file: Inode) {
        let name = self.names.get(&file);
        self.touches.extend(name.map(Touch::read));
    }

    /// Returns what the step has touched, which is over.
    pub fn take(&mut self) -> impl Iterator<Item = Touch> + '_ {
        self.touches.drain()
    }
}
