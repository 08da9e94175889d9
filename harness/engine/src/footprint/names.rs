//! What calls touch that look at files by name, or change them.

use super::kernel_files::{self, OUTSIDE};
use super::{objects, paths};
use crate::run::session::Session;
use crate::start::loading::{is_inside, opens_to_change};
use crosswire_calls::{Does, Fact};
use crosswire_kernel::tracee::Entering;
use crosswire_kernel::{descriptor, maps, memory};
use crosswire_model::{EVERYTHING, Touch};
use std::path::Path;

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

    /// Returns what a call that takes names touches, as far as other processes are concerned.
    pub(super) fn concern_of_names(&mut self, index: usize) -> Vec<Touch> {
        let task = &self.tasks[index];
        let (tid, entering) = (task.tid, task.entering);
        let (row, args) = (entering.row(), entering.args);
        let mut touches = Vec::new();
        for (directory, at) in row.paths() {
            let name = memory::read_string(tid, args[at], 4096).unwrap_or_default();
            let is_own = !name.starts_with('/')
                || name.contains("/..")
                || is_inside(&name, self.setup.private_dirs);
            if name.is_empty() {
                // The descriptor itself, as fstat(2).
                let file = directory.and_then(|at| self.descriptor(tid, args[at]));
                match (file, directory) {
                    (Some(file), Some(at)) if file.name == EVERYTHING => {
                        let path = descriptor::target(tid, args[at]).unwrap_or_default();
                        touches.extend(self.asked_of_kernel(index, &path));
                    }
                    (file, _) => touches.extend(file.map(|file| Touch::read(file.name))),
                }
            } else if is_own {
                let objects = &mut self.footprints.objects;
                touches.extend(objects.names(tid, row, &args, (directory, at), &name));
            } else if objects::is_of_kernel(Path::new(&name)) {
                let asks = row.is(Fact::Looks)
                    || matches!(
                        row.does,
                        Does::Open | Does::LookUp | Does::Execute | Does::ChangeDirectory
                    );
                match asks {
                    true => touches.extend(self.asked_of_kernel(index, Path::new(&name))),
                    false => touches.push(Touch::everything()),
                }
            } else {
                // No device in a sandbox keeps what is written to it.
                let is_device = is_inside(&name, &["/dev".to_owned()]);
                touches.push(match row.does {
                    Does::Open if is_device || !opens_to_change(&entering) => Touch::read(OUTSIDE),
                    Does::LookUp | Does::Execute | Does::ChangeDirectory => Touch::read(OUTSIDE),
                    _ if row.is(Fact::Looks) => Touch::read(OUTSIDE),
                    _ => Touch::write(OUTSIDE),
                });
            }
        }
        if row.does == Does::Execute {
            self.of_execution(index, &mut touches);
        }
        touches
    }

    /// Returns what writing to a file of the kernel touches.
    pub(super) fn told_to_kernel(&self, index: usize, path: &Path) -> Option<Touch> {
        let tid = self.tasks[index].tid;
        let own = kernel_files::of_itself(tid, path);
        let is_own = own.is_some_and(|file| kernel_files::OF_PROCESS.contains(&file));
        (!is_own).then(Touch::everything)
    }

    /// Returns what opening a file of the kernel, reading it or asking for its state touches.
    pub(super) fn asked_of_kernel(&self, index: usize, path: &Path) -> Vec<Touch> {
        let tid = self.tasks[index].tid;
        let reads_link = self.tasks[index].entering.row().reads_link();
        if let Some(object) = kernel_files::object(tid, path) {
            return vec![Touch::read(object)];
        }
        if path == Path::new("/dev/tty") && !kernel_files::has_terminal(tid) {
            return Vec::new();
        }
        match kernel_files::of_itself(tid, path) {
            Some(file) if kernel_files::OF_PROCESS.contains(&file) => Vec::new(),
            // Otherwise what they lead to is looked at, not they.
            Some("cwd") if reads_link => paths::working_directory(tid),
            Some("exe") if reads_link => {
                let executed = descriptor::executable(tid);
                vec![executed.map_or(Touch::read(EVERYTHING), |path| self.named(&path))]
            }
            Some("maps") => match maps::areas(tid) {
                Ok(areas) => {
                    let files = areas.iter().filter(|area| area.path.starts_with('/'));
                    files
                        .map(|area| self.named(Path::new(&area.path)))
                        .collect()
                }
                Err(_) => vec![Touch::read(EVERYTHING)],
            },
            _ => vec![Touch::read(EVERYTHING)],
        }
    }

    /// Returns the touch of telling the name of a file, which may be renamed or removed.
    fn named(&self, path: &Path) -> Touch {
        match is_inside(&path.to_string_lossy(), self.setup.private_dirs) {
            true => Touch::read(paths::name(path)),
            false => Touch::read(OUTSIDE),
        }
    }
}
