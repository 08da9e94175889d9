//! Creators of kernel resources, read from the calls in a trace.

use crosswire_calls::{Does, Mapping, Row, SystemV};
use crosswire_model::{Action, Event, Leftover, TaskId, Trace, What};

/// `O_CREAT`, the same on every architecture that Linux runs on and Rust
/// supports as a host (include/uapi/asm-generic/fcntl.h, octal).
const O_CREAT: u64 = 0o100;

/// Origin of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Creator {
    /// Who created it, or named it first if no call is seen to create it.
    pub(super) task: TaskId,
    /// In which step.
    pub(super) step: u64,
    /// True if the call created it, rather than merely named it.
    pub(super) created: bool,
    /// True if the call named it relative to the working directory.
    pub(super) relative: bool,
    /// True if a fault made a later attempt to remove it fail.
    pub(super) removal_struck: bool,
    /// Last task to open or use it since then, and the step.
    pub(super) last: (TaskId, u64),
}

/// Finds the creator of a resource that a call can create. What was created,
/// removed and created again comes from the last creation.
///
/// Some creations cannot be seen: glibc's `sem_open` links a file under a name
/// that it has only tried to open before. Then whoever named it first is taken.
pub(super) fn creator(trace: &Trace, leftover: &Leftover) -> Option<Creator> {
    let wanted = Wanted::of(leftover)?;
    let mut creator: Option<Creator> = None;
    let mut struck = None;
    for event in &trace.events {
        match &event.what {
            What::Fault(fault) if refuses(fault.action) => struck = Some((event.task, event.step)),
            What::Call {
                call,
                args,
                path,
                result,
            } => {
                let deed = wanted.deed(call.row(), args, path.as_deref(), *result);
                let struck = struck == Some((event.task, event.step));
                apply(&mut creator, event, deed, struck, path.as_deref());
            }
            What::Block { call, args, path } => {
                // Whether it succeeded is not known yet, so it only names.
                let deed = wanted.deed(call.row(), args, path.as_deref(), -1);
                apply(&mut creator, event, deed, false, path.as_deref());
            }
            _ => {}
        }
    }
    creator
}

/// Faults that make a call fail.
fn refuses(action: Action) -> bool {
    matches!(action, Action::Errno(_) | Action::Interrupt)
}

/// Effect of a call on the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Nothing,
    Names,
    /// By its id, which says nothing about where it comes from.
    Uses,
    Creates,
    Removes,
    FailsToRemove,
}

fn apply(
    creator: &mut Option<Creator>,
    event: &Event,
    deed: Deed,
    struck: bool,
    path: Option<&str>,
) {
    let here = |created| Creator {
        task: event.task,
        step: event.step,
        created,
        relative: path.is_some_and(|path| !path.starts_with('/')),
        removal_struck: false,
        last: (event.task, event.step),
    };
    if let (Some(creator), Deed::Names | Deed::Uses | Deed::Creates) = (creator.as_mut(), deed) {
        creator.last = (event.task, event.step);
    }
    match deed {
        Deed::Nothing | Deed::Uses => {}
        Deed::Removes => *creator = None,
        Deed::Creates if creator.is_none_or(|creator| !creator.created) => {
            *creator = Some(here(true))
        }
        Deed::FailsToRemove if struck => {
            creator.get_or_insert_with(|| here(false)).removal_struck = true;
        }
        Deed::Names | Deed::Creates | Deed::FailsToRemove => {
            creator.get_or_insert_with(|| here(false));
        }
    }
}

/// A resource as calls speak of it.
enum Wanted<'a> {
    SystemV { kind: SystemV, id: i32 },
    Queue(&'a str),
    Path(String),
}

impl<'a> Wanted<'a> {
    fn of(leftover: &'a Leftover) -> Option<Self> {
        Some(match leftover {
            Leftover::SystemV { kind, id, .. } => {
                let kinds = [SystemV::Queue, SystemV::Semaphores, SystemV::Memory];
                let kind = kinds.into_iter().find(|known| known.name() == kind)?;
                Wanted::SystemV { kind, id: *id }
            }
            Leftover::SharedMemory(name) => {
                let name = name.trim_start_matches('/');
                Wanted::Path(format!("/dev/shm/{name}"))
            }
            Leftover::MessageQueue(name) => Wanted::Queue(name.trim_start_matches('/')),
            Leftover::File { path, .. } => Wanted::Path(path.clone()),
            Leftover::Process(_) | Leftover::Zombie(_) | Leftover::Lock { .. } => return None,
        })
    }

    fn deed(&self, row: &Row, args: &[u64; 6], path: Option<&str>, result: i64) -> Deed {
        let done = result >= 0;
        let removal = match done {
            true => Deed::Removes,
            false => Deed::FailsToRemove,
        };
        match self {
            Wanted::SystemV { kind, id } if row.system_v() == Some(*kind) => {
                let is_it = args[0] as i32 == *id;
                match row.does {
                    Does::Get(_) if result == i64::from(*id) => Deed::Creates,
                    Does::ControlSystemV(_) if is_it && row.removes_system_v(args) => removal,
                    Does::Get(_) | Does::ControlSystemV(_) => Deed::Nothing,
                    // shmdt(2) has an address.
                    Does::Map(Mapping::Detach) => Deed::Nothing,
                    _ if is_it => Deed::Uses,
                    _ => Deed::Nothing,
                }
            }
            Wanted::SystemV { .. } => Deed::Nothing,
            Wanted::Queue(name) => match path {
                Some(path) if path.trim_start_matches('/') == *name => match row.does {
                    Does::OpenQueue if done && args[1] & O_CREAT != 0 => Deed::Creates,
                    Does::RemoveQueue => removal,
                    _ => Deed::Names,
                },
                _ => Deed::Nothing,
            },
            Wanted::Path(wanted) => match path {
                Some(path) if is_same(path, wanted) => match row.does {
                    Does::Remove => removal,
                    _ if done && creates_path(row, args) => Deed::Creates,
                    _ => Deed::Names,
                },
                _ => Deed::Nothing,
            },
        }
    }
}

fn creates_path(row: &Row, args: &[u64; 6]) -> bool {
    match row.does {
        Does::Open => row
            .open_flags(args)
            .is_some_and(|flags| flags as u64 & O_CREAT != 0),
        Does::MakeNode
        | Does::MakeDirectory
        | Does::Symlink
        | Does::Link
        | Does::Rename
        | Does::Bind => true,
        _ => false,
    }
}

/// Tells whether a path in a call means this absolute path. A relative path matches if it
/// could: the working directory is not known here.
fn is_same(path: &str, absolute: &str) -> bool {
    let (path, is_relative) = (path.trim_end_matches('/'), !path.starts_with('/'));
    // The last name decides almost always, and costs nothing.
    if path.rsplit('/').next() != absolute.rsplit('/').next() {
        return false;
    }
    match is_relative {
        true => parts(absolute).ends_with(&parts(path)),
        false => parts(path) == parts(absolute),
    }
}

fn parts(path: &str) -> Vec<&str> {
    let parts = path.split('/');
    parts.filter(|part| !matches!(*part, "" | ".")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::End;
    use crosswire_model::testing::RunBuilder;

    /// `IPC_RMID` (include/uapi/linux/ipc.h).
    const IPC_RMID: u64 = 0;

    fn file(path: &str) -> Leftover {
        Leftover::File {
            kind: "file".into(),
            path: path.into(),
        }
    }

    fn found(run: RunBuilder, leftover: Leftover) -> Option<(u32, u64, bool)> {
        creator(&run.end(End::Finished).trace, &leftover)
            .map(|creator| (creator.task.0, creator.step, creator.created))
    }

    fn run() -> RunBuilder {
        RunBuilder::new(&["a", "b"])
    }

    #[test]
    fn the_first_successful_creation_counts() {
        let creat = [0, 0, O_CREAT];
        let twice = run()
            .call((0, 1), "openat", &creat, Some("/tmp/x"), -13)
            .call((1, 2), "openat", &creat, Some("/tmp//x"), 3)
            .call((0, 3), "openat", &creat, Some("/tmp/x"), 3);
        assert_eq!(found(twice, file("/tmp/x")), Some((1, 2, true)));
        let again = run()
            .call((0, 1), "mkdir", &[], Some("d/"), 0)
            .call((0, 2), "rmdir", &[], Some("d"), 0)
            .call((1, 3), "mkdir", &[], Some("./d"), 0);
        assert_eq!(found(again, file("/tmp/d")), Some((1, 3, true)));
        let named = run().call((0, 1), "openat", &[], Some("/dev/shm/sem.s"), -2);
        assert_eq!(
            found(named, Leftover::SharedMemory("sem.s".into())),
            Some((0, 1, false))
        );
        assert_eq!(found(run(), file("/tmp/x")), None);
    }

    #[test]
    fn system_v_objects_are_known_by_their_id() {
        let queue = Leftover::SystemV {
            kind: "message queue".into(),
            id: 5,
            key: 0,
        };
        let calls = run()
            .call((0, 1), "shmget", &[], None, 5)
            .call((0, 2), "msgget", &[], None, 5)
            .call((1, 3), "msgget", &[], None, 5);
        let calls = calls.call((1, 4), "msgrcv", &[5], None, 8);
        let calls = calls.call((1, 5), "msgctl", &[5, 2], None, 0);
        let whence = creator(&calls.end(End::Finished).trace, &queue).unwrap();
        assert_eq!(whence.last, (TaskId(1), 4));
        assert_eq!(found(calls, queue.clone()), Some((0, 2, true)));
        let struck = run()
            .call((0, 2), "msgget", &[], None, 5)
            .fault(0, 3, "errno(EINTR):a@msgctl#1")
            .call((0, 3), "msgctl", &[5, IPC_RMID], None, -4);
        let creator = creator(&struck.end(End::Finished).trace, &queue).unwrap();
        assert!(creator.removal_struck);
    }

    #[test]
    fn queues_are_known_by_their_name() {
        let calls = run()
            .call((0, 0), "mq_open", &[0, 0], Some("q"), -2)
            .call((0, 1), "mq_open", &[0, O_CREAT], Some("q"), -13)
            .call((1, 2), "mq_open", &[0, O_CREAT], Some("q"), 3);
        assert_eq!(
            found(calls, Leftover::MessageQueue("/q".into())),
            Some((1, 2, true))
        );
    }
}
