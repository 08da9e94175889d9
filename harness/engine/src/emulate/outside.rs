//! Sockets of the machine: a network namespace keeps ports and abstract names apart, but
//! not names in the file system (unix(7)), behind which daemons would do what a program
//! may not.

use super::address;
use crate::run::session::Session;
use crate::start::loading::is_inside;
use crosswire_calls::Does;
use crosswire_kernel::descriptor;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

impl Session<'_> {
    /// Tells whether the call asks for a socket that no process of the sandbox has bound. In
    /// the overlaid directories the kernel finds none.
    pub(super) fn asks_machine(&self, index: usize) -> bool {
        let isolated = !self.setup.pids_vary;
        isolated
            && self.named_socket(index).is_some_and(|path| {
                !is_inside(&path.to_string_lossy(), self.setup.private_dirs)
                    && self.is_socket(index, &path)
                    && !self.is_bound_inside(index, &path)
            })
    }

    /// Returns the name in the file system to which the call connects or sends.
    fn named_socket(&self, index: usize) -> Option<PathBuf> {
        let task = &self.tasks[index];
        let (row, args) = (task.entering.row(), task.entering.args);
        let at = match row.does {
            Does::Connect => args[1],
            Does::Send => address::destination(task.tid, row, &args),
            _ => return None,
        };
        let path = address::path(task.tid, at)?;
        match path.is_absolute() {
            true => Some(path),
            false => Some(descriptor::working_directory(task.tid)?.join(path)),
        }
    }

    fn is_socket(&self, index: usize, path: &Path) -> bool {
        let root = PathBuf::from(format!("/proc/{}/root", self.tasks[index].tid));
        let inside = root.join(path.strip_prefix("/").unwrap_or(path));
        fs::metadata(inside).is_ok_and(|file| file.file_type().is_socket())
    }

    /// Tells whether a socket of the task's network namespace has this name. It may be bound
    /// by another path.
    fn is_bound_inside(&self, index: usize, path: &Path) -> bool {
        let list = fs::read_to_string(format!("/proc/{}/net/unix", self.tasks[index].tid));
        list.unwrap_or_default().lines().any(|line| {
            let bound = line
                .splitn(8, ' ')
                .nth(7)
                .map(|name| Path::new(name.trim()));
            bound.is_some_and(|bound| bound.file_name() == path.file_name())
        })
    }
}
