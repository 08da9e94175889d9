//! Findings of the sandbox after a run, in the terms of the trace.

use crosswire_kernel::sandbox::{FileKind, Leftovers, SysvKind};
use crosswire_model::Leftover;

/// See the module.
pub(crate) fn describe(left: Leftovers) -> Vec<Leftover> {
    let system_v = left.sysv.into_iter().map(|object| Leftover::SystemV {
        kind: match object.kind {
            SysvKind::Queue { .. } => "message queue",
            SysvKind::Semaphores { .. } => "semaphore set",
            SysvKind::SharedMemory { .. } => "shared memory",
        }
        .to_owned(),
        id: object.id,
        key: object.key,
    });
    let files = left.files.into_iter().map(|file| Leftover::File {
        kind: match file.kind {
            FileKind::Socket => "socket",
            FileKind::Fifo => "fifo",
            FileKind::Directory => "directory",
            FileKind::Symlink => "symlink",
            _ => "file",
        }
        .to_owned(),
        path: file.path.to_string_lossy().into_owned(),
    });
    system_v
        .chain(left.shm.into_iter().map(Leftover::SharedMemory))
        .chain(left.mqueues.into_iter().map(Leftover::MessageQueue))
        .chain(files)
        .collect()
}
