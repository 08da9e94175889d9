//! Times of files: who asks for those of two files learns which was changed last.
//!
//! Changes of two files depend on each other only if somebody compares their times, which is
//! known of a whole run and not of its steps: whoever searches all orders takes that into account.

use super::objects;
use crate::files::Inode;
use crosswire_model::Touch;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Beginning of the name of the object that the times of a file are. Steps that change them add
/// to it, and steps that ask for them read it. The times at which files were read do not count.
pub const TIMES_OF: &str = "times of ";

/// The files whose times a run has changed.
#[derive(Debug, Default)]
pub(crate) struct FileTimes {
    /// The path that each had when it was first changed: it may be renamed since.
    names: HashMap<Inode, String>,
    /// What has been touched by the step under way.
    touches: HashSet<Touch>,
}

impl FileTimes {
    /// Tells whether a file has a name here.
    pub fn knows(&self, file: Inode) -> bool {
        self.names.contains_key(&file)
    }

    /// Gives a file a name, which another one may have had that is gone.
    pub fn name(&mut self, file: Inode, path: &Path) {
        let name = objects::file(&path.to_string_lossy());
        self.names.insert(file, format!("{TIMES_OF}{name}"));
    }

    /// The step under way changes the times of a file.
    pub fn change(&mut self, file: Inode) {
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
