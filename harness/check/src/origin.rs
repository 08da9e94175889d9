//! Creators of kernel resources, read from the calls in a trace.

use crosswire_model::{Action, Event, Leftover, TaskId, Trace, What};

/// `O_CREAT`, the same on every architecture that Linux runs on and Rust
/// supports as a host (include/uapi/asm-generic/fcntl.h, octal).
const O_CREAT: u64 = 0o100;

/// `IPC_RMID` (include/uapi/linux/ipc.h).
const IPC_RMID: u64 = 0;

/// Origin of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// Task that created it, or the first to name it if no call is seen to create it.
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

/// Finds the origin of a resource that a call can create. What was created,
/// removed and created again comes from the last creation.
///
/// Some creations cannot be seen: glibc's `sem_open` links a file under a name
/// that it has only tried to open before. Then the first process to name it counts as the creator.
pub(super) fn origin(trace: &Trace, leftover: &Leftover) -> Option<Origin> {
    let wanted = Wanted::of(leftover)?;
    let mut origin: Option<Origin> = None;
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
                let Some(name) = call.name() else { continue };
                let deed = wanted.deed(name, args, path.as_deref(), *result);
                let struck = struck == Some((event.task, event.step));
                apply(&mut origin, event, deed, struck, path.as_deref());
            }
            What::Block { call, args, path } => {
                let Some(name) = call.name() else { continue };
                // Whether it succeeded is not known yet, so it only names.
                let deed = wanted.deed(name, args, path.as_deref(), -1);
                apply(&mut origin, event, deed, false, path.as_deref());
            }
            _ => {}
        }
    }
    origin
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

fn apply(origin: &mut Option<Origin>, event: &Event, deed: Deed, struck: bool, path: Option<&str>) {
    let here = |created| Origin {
        task: event.task,
        step: event.step,
        created,
        relative: path.is_some_and(|path| !path.starts_with('/')),
        removal_struck: false,
        last: (event.task, event.step),
    };
    if let (Some(origin), Deed::Names | Deed::Uses | Deed::Creates) = (origin.as_mut(), deed) {
        origin.last = (event.task, event.step);
    }
    match deed {
        Deed::Nothing | Deed::Uses => {}
        Deed::Removes => *origin = None,
        Deed::Creates if origin.is_none_or(|origin| !origin.created) => *origin = Some(here(true)),
        Deed::FailsToRemove if struck => {
            origin.get_or_insert_with(|| here(false)).removal_struck = true;
        }
        Deed::Names | Deed::Creates | Deed::FailsToRemove => {
            origin.get_or_insert_with(|| here(false));
        }
    }
}

/// A resource as calls speak of it.
enum Wanted<'a> {
    SystemV {
        get: &'a str,
        ctl: &'a str,
        uses: &'a [&'a str],
        command: usize,
        id: i32,
    },
    Queue(&'a str),
    Path(String),
}

impl<'a> Wanted<'a> {
    fn of(leftover: &'a Leftover) -> Option<Self> {
        Some(match leftover {
            Leftover::SystemV { kind, id, .. } => {
                // semctl has the number of a semaphore before the command.
                let (get, ctl, uses, command): (_, _, &[&str], _) = match kind.as_str() {
                    "message queue" => ("msgget", "msgctl", &["msgsnd", "msgrcv"], 1),
                    "semaphore set" => ("semget", "semctl", &["semop", "semtimedop"], 2),
                    _ => ("shmget", "shmctl", &["shmat"], 1),
                };
                Wanted::SystemV {
                    get,
                    ctl,
                    uses,
                    command,
                    id: *id,
                }
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

    fn deed(&self, call: &str, args: &[u64; 6], path: Option<&str>, result: i64) -> Deed {
        let done = result >= 0;
        let removal = match done {
            true => Deed::Removes,
            false => Deed::FailsToRemove,
        };
        match self {
            Wanted::SystemV {
                get,
                ctl,
                uses,
                command,
                id,
            } => {
                // IPC_64 (0x100) is or-ed to the command on some architectures.
                if call == *get && result == i64::from(*id) {
                    Deed::Creates
                } else if call == *ctl && args[0] as i32 == *id && args[*command] & 0xff == IPC_RMID
                {
                    removal
                } else if uses.contains(&call) && args[0] as i32 == *id {
                    Deed::Uses
                } else {
                    Deed::Nothing
                }
            }
            Wanted::Queue(name) => match path {
                Some(path) if path.trim_start_matches('/') == *name => match call {
                    "mq_open" if done && args[1] & O_CREAT != 0 => Deed::Creates,
                    "mq_unlink" => removal,
                    _ => Deed::Names,
                },
                _ => Deed::Nothing,
            },
            Wanted::Path(wanted) => match path {
                Some(path) if is_same(path, wanted) => match call {
                    "unlink" | "unlinkat" | "rmdir" => removal,
                    _ if done && creates_path(call, args) => Deed::Creates,
                    _ => Deed::Names,
                },
                _ => Deed::Nothing,
            },
        }
    }
}

fn creates_path(call: &str, args: &[u64; 6]) -> bool {
    match call {
        "open" => args[1] & O_CREAT != 0,
        "openat" => args[2] & O_CREAT != 0,
        "creat" | "mknod" | "mknodat" | "mkdir" | "mkdirat" | "symlink" | "symlinkat" | "link"
        | "linkat" | "rename" | "renameat" | "renameat2" | "bind" => true,
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

    fn file(path: &str) -> Leftover {
        Leftover::File {
            kind: "file".into(),
            path: path.into(),
        }
    }

    fn found(run: RunBuilder, leftover: Leftover) -> Option<(u32, u64, bool)> {
        origin(&run.end(End::Finished).trace, &leftover)
            .map(|origin| (origin.task.0, origin.step, origin.created))
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
        let whence = origin(&calls.end(End::Finished).trace, &queue).unwrap();
        assert_eq!(whence.last, (TaskId(1), 4));
        assert_eq!(found(calls, queue.clone()), Some((0, 2, true)));
        let struck = run()
            .call((0, 2), "msgget", &[], None, 5)
            .fault(0, 3, "errno(EINTR):a@msgctl#1")
            .call((0, 3), "msgctl", &[5, IPC_RMID], None, -4);
        let origin = origin(&struck.end(End::Finished).trace, &queue).unwrap();
        assert!(origin.removal_struck);
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
