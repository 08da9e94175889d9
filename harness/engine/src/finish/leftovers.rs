//! Findings of the sandbox after a run, in the terms of the trace.

use super::ids::Ids;
use crosswire_calls::SystemV;
use crosswire_kernel::sandbox::{FileKind, Leftovers, SysvKind};
use crosswire_model::Leftover;

/// Returns the kind of a System V object, as the table of calls has it.
pub(super) fn kind_of(kind: SysvKind) -> SystemV {
    match kind {
        SysvKind::Queue { .. } => SystemV::Queue,
        SysvKind::Semaphores { .. } => SystemV::Semaphores,
        SysvKind::SharedMemory { .. } => SystemV::Memory,
    }
}

/// See the module.
pub(crate) fn describe(left: Leftovers, ids: &Ids) -> Vec<Leftover> {
    let system_v = left.sysv.into_iter().map(|object| Leftover::SystemV {
        kind: kind_of(object.kind).name().to_owned(),
        id: ids.stable(kind_of(object.kind), object.id.into()) as i32,
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
