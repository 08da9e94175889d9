//! Without namespaces: what is new since the last run, and how to end what an
//! ordinary child process left running.

use std::collections::BTreeSet;
use std::fs;

use super::leftovers::{Leftovers, SysvKind, SysvLeft};
use super::settings::Reset;
use super::shared_block::SysvRecord;
use super::sysv;

/// Objects that existed at the end of the last run.
#[derive(Debug)]
pub(super) struct Known {
    shm: BTreeSet<String>,
    mqueues: BTreeSet<String>,
    sysv: BTreeSet<(u32, i32)>,
}

impl Known {
    pub(super) fn now() -> Self {
        let mut known = Self {
            shm: BTreeSet::new(),
            mqueues: BTreeSet::new(),
            sysv: BTreeSet::new(),
        };
        known.update(true, true);
        known
    }

    /// Returns the objects that have appeared since the last call. They may belong to any
    /// program.
    pub(super) fn news(&mut self, reset: &Reset<'_>) -> Leftovers {
        let mut left = self.update(reset.sysv, reset.mqueue);
        left.kept = !left.is_empty();
        left.sort();
        left
    }

    fn update(&mut self, with_sysv: bool, with_mqueue: bool) -> Leftovers {
        let mut left = Leftovers {
            shm: replace(&mut self.shm, names("/dev/shm")),
            ..Leftovers::default()
        };
        if with_mqueue {
            left.mqueues = replace(&mut self.mqueues, names("/dev/mqueue"));
        }
        if with_sysv {
            let mut present = BTreeSet::new();
            sysv::each(|record| {
                present.insert((record.kind, record.id));
                if !self.sysv.contains(&(record.kind, record.id)) {
                    left.sysv.push(SysvLeft::from(record));
                }
            });
            self.sysv = present;
        }
        left
    }
}

fn replace(known: &mut BTreeSet<String>, present: BTreeSet<String>) -> Vec<String> {
    let new = present.difference(known).cloned().collect();
    *known = present;
    new
}

fn names(dir: &str) -> BTreeSet<String> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Removes a System V object; shared memory goes with its last attachment.
pub fn remove_sysv(left: &SysvLeft) {
    let kind = match left.kind {
        SysvKind::Queue { .. } => sysv::QUEUE,
        SysvKind::Semaphores { .. } => sysv::SEMAPHORES,
        SysvKind::SharedMemory { .. } => sysv::MEMORY,
    };
    sysv::remove(&SysvRecord {
        kind,
        id: left.id,
        key: left.key,
        creator_pid: 0,
        size: 0,
        count: 0,
    });
}

/// Returns the processes that descend from `ancestor`. As that is a subreaper, a process
/// that loses its parent becomes its child and is still found.
pub(super) fn descendants(ancestor: libc::pid_t) -> Vec<libc::pid_t> {
    let parents: Vec<(libc::pid_t, libc::pid_t)> = processes()
        .filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name may contain anything, even parentheses (proc_pid_stat(5)).
            let parent = stat
                .rsplit_once(')')?
                .1
                .split_whitespace()
                .nth(1)?
                .parse()
                .ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        found.extend(
            parents
                .iter()
                .filter(|(_, p)| *p == parent)
                .map(|(pid, _)| *pid),
        );
    }
    found.split_off(1)
}

/// Returns the processes that the calling thread traces.
pub(super) fn traced_by_this_thread() -> Vec<libc::pid_t> {
    let me = nix::unistd::gettid().as_raw();
    processes()
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| {
                status
                    .lines()
                    .find_map(|line| line.strip_prefix("TracerPid:"))
                    .is_some_and(|tracer| tracer.trim().parse() == Ok(me))
            })
        })
        .collect()
}

fn processes() -> impl Iterator<Item = libc::pid_t> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
