//! Without namespaces: what a run has created on the machine and left there is
//! taken away, so that the next run finds things as this one did.
//!
//! Only what the run's own trace shows it created is touched: names in the working directory,
//! `/tmp`, `/var/tmp`, `/dev/shm` and `/dev/mqueue`, and System V objects. A file must
//! besides have been born since the run began; where the file system does not keep
//! that, the call must have been one that fails if the name exists. Whatever is
//! doubtful stays.

use super::ids::Ids;
use super::leftovers::kind_of;
use crosswire_calls::{Arg, Does, Row, SystemV};
use crosswire_kernel::sandbox::{Leftovers, remove_sysv};
use crosswire_model::{Event, What};
use nix::time::{ClockId, clock_gettime};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Directories in which names are removed.
const PLACES: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Returns the time as the kernel writes it into new files: ticks of a few milliseconds.
pub(crate) fn now() -> Option<SystemTime> {
    let time = clock_gettime(ClockId::CLOCK_REALTIME_COARSE).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from(time))
}

/// Creation of a name, as the trace shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Creation {
    /// The name did not exist before.
    Certain,
    /// It may have existed.
    Possible,
}

/// Removes what a run that began at this time has created and left; whether there
/// was anything to remove.
pub(crate) fn sweep(
    events: &[Event],
    left: &Leftovers,
    ids: &Ids,
    working_dir: &Path,
    began: SystemTime,
) -> bool {
    let mut removed = sweep_files(events, left, working_dir, began, &[]);
    let objects = objects(events);
    for object in &left.sysv {
        let kind = kind_of(object.kind);
        if objects.contains(&(kind, ids.stable(kind, object.id.into()) as i32)) {
            remove_sysv(object);
            removed = true;
        }
    }
    let queues = queues(events);
    for name in left
        .mqueues
        .iter()
        .filter(|name| queues.contains(name.as_str()))
    {
        removed |= fs::remove_file(Path::new("/dev/mqueue").join(name)).is_ok();
    }
    removed
}

/// Removes files only, and none in these directories, which are the sandbox's own.
pub(crate) fn sweep_files(
    events: &[Event],
    left: &Leftovers,
    working_dir: &Path,
    began: SystemTime,
    own: &[PathBuf],
) -> bool {
    let mut removed = false;
    // The last created first: a directory is empty when its turn comes.
    for (path, creation) in created(events).into_iter().rev() {
        // Of a program that has gone elsewhere, a relative name leads to nothing here, or to
        // something that was there before.
        let path = working_dir.join(path);
        if !own.iter().any(|own| path.starts_with(own)) && is_in_a_place(&path, working_dir) {
            removed |= remove(&path, creation, left, began);
        }
    }
    removed
}

/// Returns the calls that came back, with what is known of them.
fn calls(events: &[Event]) -> impl Iterator<Item = (&'static Row, &[u64; 6], &str, i64)> {
    events.iter().filter_map(|event| match &event.what {
        What::Call {
            call,
            args,
            path,
            result,
        } => Some((
            call.row(),
            args,
            path.as_deref().unwrap_or_default(),
            *result,
        )),
        _ => None,
    })
}

/// Names that were created and not removed again, in the order of their creation.
fn created(events: &[Event]) -> Vec<(&str, Creation)> {
    let mut names: BTreeMap<&str, (usize, Creation)> = BTreeMap::new();
    for (at, (call, args, path, result)) in calls(events).enumerate() {
        if result < 0 {
            continue;
        }
        if call.does == Does::Remove {
            names.remove(path);
        } else if let Some(creation) = creation(call, args) {
            let known = names.entry(path).or_insert((at, creation));
            if creation == Creation::Certain {
                known.1 = creation;
            }
        }
    }
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by_key(|(_, (at, _))| *at);
    names
        .into_iter()
        .map(|(path, (_, creation))| (path, creation))
        .collect()
}

/// Tells whether a call that has succeeded creates the name that it was given.
fn creation(row: &Row, args: &[u64; 6]) -> Option<Creation> {
    match row.does {
        Does::Open => match row.open_flags(args)? {
            flags if flags & libc::O_CREAT == 0 => None,
            flags if flags & libc::O_EXCL != 0 => Some(Creation::Certain),
            _ => Some(Creation::Possible),
        },
        Does::Rename => Some(Creation::Possible),
        Does::MakeDirectory | Does::MakeNode | Does::Symlink | Does::Link | Does::Bind => {
            Some(Creation::Certain)
        }
        _ => None,
    }
}

fn remove(path: &Path, creation: Creation, left: &Leftovers, began: SystemTime) -> bool {
    let Ok(data) = fs::symlink_metadata(path) else {
        return false;
    };
    let is_own = match data.created() {
        Ok(born) => born >= began,
        Err(_) => creation == Creation::Certain || is_new(path, left),
    };
    if !is_own {
        return false;
    }
    match data.is_dir() {
        true => fs::remove_dir(path).is_ok(),
        false => fs::remove_file(path).is_ok(),
    }
}

/// Tells whether an absolute path leads to a name below one of the places or the working
/// directory, without
/// leaving them by a link.
fn is_in_a_place(path: &Path, working_dir: &Path) -> bool {
    let is_plain = path
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    let places = PLACES.map(Path::new);
    let below = |path: &Path| {
        let mut places = places.iter().chain([&working_dir]);
        places.any(|place| path.starts_with(place) && path != *place)
    };
    let parent = parent.map(|parent| parent.join("name"));
    is_plain && below(path) && parent.is_some_and(|parent| below(&parent))
}

/// Tells whether it is a name in `/dev/shm` that did not exist before the run.
fn is_new(path: &Path, left: &Leftovers) -> bool {
    let name = path.strip_prefix("/dev/shm").ok();
    name.is_some_and(|name| left.shm.iter().any(|new| name == Path::new(new)))
}

/// System V objects that calls have created, by kind and id.
fn objects(events: &[Event]) -> Vec<(SystemV, i32)> {
    let made = calls(events).filter_map(|(row, args, _, result)| {
        let Does::Get(kind) = row.does else {
            return None;
        };
        let flags = row.argument(Arg::GetFlags)?;
        let is_private = args[0] as i32 == libc::IPC_PRIVATE;
        let creates = is_private || args[flags] as i32 & libc::IPC_CREAT != 0;
        (result >= 0 && creates).then_some((kind, result as i32))
    });
    made.collect()
}

/// Message queues that calls have created, without the slash.
fn queues(events: &[Event]) -> BTreeSet<&str> {
    calls(events)
        .filter(|(call, args, _, result)| {
            call.does == Does::OpenQueue && *result >= 0 && args[1] as i32 & libc::O_CREAT != 0
        })
        .map(|(_, _, path, _)| path.trim_start_matches('/'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::TaskId;

    fn event(call: &str, args: &[u64], path: &str, result: i64) -> Event {
        let mut all = [0; 6];
        all[..args.len()].copy_from_slice(args);
        let what = What::Call {
            call: call.parse().unwrap(),
            args: all,
            path: Some(path.to_owned()),
            result,
        };
        Event {
            step: 0,
            task: TaskId(0),
            time: 0,
            what,
        }
    }

    const CREAT: u64 = libc::O_CREAT as u64;
    const EXCL: u64 = (libc::O_CREAT | libc::O_EXCL) as u64;

    #[test]
    fn what_the_trace_shows_to_be_created_is_known() {
        let events = [
            event("openat", &[0, 0, EXCL], "/tmp/a", 3),
            event("openat", &[0, 0, 0], "/tmp/b", 3),
            event("openat", &[0, 0, CREAT], "/tmp/c", 3),
            event("openat", &[0, 0, EXCL], "/tmp/d", -17),
            event("mkdir", &[], "/tmp/e", 0),
            event("unlink", &[], "/tmp/a", 0),
        ];
        let expected = [
            ("/tmp/c", Creation::Possible),
            ("/tmp/e", Creation::Certain),
        ];
        assert_eq!(created(&events), expected);
    }

    #[test]
    fn files_of_the_run_go_and_others_stay() {
        let place = tempfile::tempdir_in("/tmp").unwrap();
        let path = |name: &str| place.path().join(name).to_string_lossy().into_owned();
        fs::write(path("old"), "somebody else's").unwrap();
        // Longer than a tick of the coarse clock.
        std::thread::sleep(Duration::from_millis(20));
        let began = now().unwrap();
        fs::create_dir(path("dir")).unwrap();
        fs::write(path("dir/new"), "").unwrap();
        fs::write(path("unnamed"), "").unwrap();
        let events = [
            event("openat", &[0, 0, CREAT], &path("old"), 3),
            event("mkdir", &[], &path("dir"), 0),
            event("openat", &[0, 0, CREAT], "dir/new", 3),
            event("openat", &[0, 0, 0], &path("unnamed"), 3),
        ];
        assert!(sweep(
            &events,
            &Leftovers::default(),
            &Ids::default(),
            place.path(),
            began
        ));
        for (name, stays) in [("old", true), ("dir", false), ("unnamed", true)] {
            assert_eq!(Path::new(&path(name)).exists(), stays, "{name}");
        }
        assert!(!sweep(
            &events,
            &Leftovers::default(),
            &Ids::default(),
            place.path(),
            began
        ));
    }

    #[test]
    fn nothing_outside_the_places_is_touched() {
        assert!(is_in_a_place(Path::new("/tmp/x"), Path::new("/work")));
        for path in [
            "/tmp",
            "/etc/x",
            "/tmp/../etc/x",
            "tmp/x",
            "/tmp/no-such-dir/x",
            "",
        ] {
            assert!(
                !is_in_a_place(Path::new(path), Path::new("/work")),
                "{path}"
            );
        }
        let place = tempfile::tempdir_in("/tmp").unwrap();
        let link = place.path().join("link");
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        assert!(!is_in_a_place(&link.join("x"), Path::new("/work")));
    }

    #[test]
    fn objects_are_known_by_call_and_id() {
        let events = [
            event("msgget", &[0, 0], "", 4),
            event("semget", &[77, 1, 0], "", 5),
            event("shmget", &[77, 1, libc::IPC_CREAT as u64], "", 6),
            event("mq_open", &[0, CREAT], "/q", 3),
        ];
        assert_eq!(
            objects(&events),
            [(SystemV::Queue, 4), (SystemV::Memory, 6)]
        );
        assert_eq!(queues(&events), ["q"].into());
    }
}
