//! Files in which the kernel tells of itself, of processes and of devices: what asking for
//! them touches.

use crosswire_kernel::{Tid, maps};
use std::fs;
use std::path::Path;

/// Stands for all files that no run has for itself.
pub(super) const OUTSIDE: &str = "files outside";

/// What the machine can do and how it is set up: kinds of file systems, and what libraries ask
/// that adapt to it.
const OF_MACHINE: [&str; 15] = [
    "/proc/cgroups",
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/meminfo",
    "/proc/version",
    "/proc/sys/crypto",
    "/proc/sys/kernel",
    "/proc/sys/net/core",
    "/proc/sys/net/ipv4",
    "/proc/sys/vm",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/cgroup",
    "/sys/fs/selinux",
    "/sys/kernel/mm/transparent_hugepage",
];

/// Those among them that tell what processes do.
const OF_ACTIVITY: [&str; 9] = [
    "/proc/sys/kernel/domainname",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/msg_next_id",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/kernel/pty",
    "/proc/sys/kernel/random",
    "/proc/sys/kernel/sem_next_id",
    "/proc/sys/kernel/shm_next_id",
    "/proc/sys/kernel/tainted",
];

/// Where programs and libraries of the machine are, which no run has for itself.
const OF_SYSTEM: [&str; 4] = ["/usr/", "/lib/", "/lib64/", "/bin/"];

/// Files of proc_pid(5) about which only the process itself decides, or who changes the process.
pub(super) const OF_PROCESS: [&str; 10] = [
    "auxv",
    "cgroup",
    "cmdline",
    "comm",
    "coredump_filter",
    "environ",
    "limits",
    "mountinfo",
    "mounts",
    "oom_score_adj",
];

/// Returns the object as which reading such a file counts; `None` if it may show what others do.
pub(super) fn object(tid: Tid, path: &Path) -> Option<String> {
    if is_of_machine(path) {
        return Some(OUTSIDE.to_owned());
    }
    match of_itself(tid, path)? {
        // Which numbers are open: only a process itself changes that.
        "fd" => Some("numbers of open files".to_owned()),
        // The names of what is mapped may change.
        "maps" if maps_system_only(tid) => Some(OUTSIDE.to_owned()),
        _ => None,
    }
}

fn is_of_machine(path: &Path) -> bool {
    let is_in = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
    is_in(&OF_MACHINE) && !is_in(&OF_ACTIVITY) && !tells_of_group(path)
}

/// Tells whether a file of a control group says which processes are in it, or what happens to
/// them. What they use is always told as nothing.
fn tells_of_group(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let tells = ["tasks", "cgroup.procs", "cgroup.threads", "cgroup.stat"].contains(&&*name)
        || [".events", ".events.local", ".failcnt"]
            .iter()
            .any(|end| name.ends_with(end));
    tells && path.starts_with("/sys/fs/cgroup")
}

/// Returns process and file of a path in proc(5) that has no more parts.
fn of_process(path: &Path) -> Option<(&str, &str)> {
    path.to_str()?.strip_prefix("/proc/")?.split_once('/')
}

/// Returns the file of a path in proc(5) that is about the process itself.
pub(super) fn of_itself(tid: Tid, path: &Path) -> Option<&str> {
    let of_process = of_process(path).filter(|(process, _)| is_own(tid, process));
    of_process.map(|(_, file)| file)
}

/// Tells whether a process has this number, in its own namespace or in that of the harness.
fn is_own(tid: Tid, process: &str) -> bool {
    if process == "self" {
        return true;
    }
    let status = fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NStgid:"));
    let numbers: Vec<&str> = numbers.unwrap_or_default().split_whitespace().collect();
    // In further namespaces a number may be that of another process.
    numbers.len() <= 2 && numbers.contains(&process)
}

fn maps_system_only(tid: Tid) -> bool {
    let areas = maps::areas(tid).unwrap_or_default();
    let is_of_system = |name: &str| OF_SYSTEM.iter().any(|place| name.starts_with(place));
    !areas.is_empty()
        && areas.iter().all(|area| {
            let name = area.path.as_str();
            name.is_empty() || name.starts_with('[') || is_of_system(name)
        })
}

/// Tells whether a process has a controlling terminal, which `/dev/tty` is then (tty(4)).
pub(super) fn has_terminal(tid: Tid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    // Its number is the fifth field after the name, which may contain anything (proc_pid_stat(5)).
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().nth(4) != Some("0")
}
