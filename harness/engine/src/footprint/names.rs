//! What calls touch that look at files by name, or change them.

use super::objects;
use crate::run::session::Session;
use crate::start::loading::{is_inside, opens_to_change};
use crosswire_calls::Does;
use crosswire_kernel::descriptor;
use crosswire_kernel::tracee::Entering;
use crosswire_model::Touch;

/// Tells whether a call may change a file that it names.
pub(crate) fn changes_by_name(entering: &Entering) -> bool {
    match entering.row().does {
        Does::Open => opens_to_change(entering),
        does => matches!(
            does,
            Does::Remove
                | Does::Rename
                | Does::Link
                | Does::Symlink
                | Does::MakeNode
                | Does::MakeDirectory
                | Does::ChangeFile
        ),
    }
}

impl Session<'_> {
    /// Returns what a task's call touches by the names that it uses.
    pub fn of_names(&mut self, index: usize) -> Vec<Touch> {
        let task = &self.tasks[index];
        let (tid, row, args) = (task.tid, task.entering.row(), task.entering.args);
        let mut touches = self.footprints.objects.paths(tid, row, &args);
        self.footprints.objects.add_linked(&mut touches);
        touches
    }

    /// The same for a call that may change files. What it only looks at is among it.
    pub fn of_changed_files(&mut self, index: usize) -> Vec<Touch> {
        let task = &self.tasks[index];
        let (tid, args) = (task.tid, task.entering.args);
        match task.entering.row().does {
            _ if changes_by_name(&task.entering) => self.of_names(index),
            Does::Bind => match task.path.as_deref() {
                // Neither an abstract name nor an address of the internet.
                Some(path) if !path.starts_with('@') && !path.contains(':') => {
                    self.footprints.objects.made_at(tid, path)
                }
                _ => Vec::new(),
            },
            Does::Change => {
                let file = descriptor::target(tid, args[0]);
                let file = file.map(|path| objects::file(&path.to_string_lossy()));
                file.map(Touch::write).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns what any step of a task may touch by the files that are mapped.
    pub(super) fn of_mappings(&mut self, index: usize) -> Vec<Touch> {
        let (tid, is_watched) = (self.tasks[index].tid, self.is_watched(index));
        let dirs = self.setup.private_dirs;
        (self.footprints.mapped).of(tid, |path| is_inside(path, dirs), is_watched)
    }
}
