//! Files of the kernel whose contents no other process can change.

use crosswire_kernel::{Tid, maps};
use std::fs;
use std::path::Path;

/// Stands for all files that no run has for itself.
pub(super) const OUTSIDE: &str = "files outside";

/// What the machine can do: kinds of file systems, and what libraries ask that adapt to it.
const OF_MACHINE: [&str; 6] = [
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/version",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/selinux",
];

/// Where programs and libraries of the machine are, which no run has for itself.
const OF_SYSTEM: [&str; 4] = ["/usr/", "/lib/", "/lib64/", "/bin/"];

/// Returns the object as which reading such a file counts; `None` if it may show what others do.
pub(super) fn object(tid: Tid, path: &Path) -> Option<String> {
    if OF_MACHINE.iter().any(|place| path.starts_with(place)) {
        return Some(OUTSIDE.to_owned());
    }
    let (process, file) = of_process(path)?;
    if !is_own(tid, process) {
        return None;
    }
    match file {
        // Which numbers are open: only a process itself changes that.
        "fd" => Some("numbers of open files".to_owned()),
        // The names of what is mapped may change.
        "maps" if maps_system_only(tid) => Some(OUTSIDE.to_owned()),
        _ => None,
    }
}

/// Returns process and file of a path in proc(5) that has no more parts.
fn of_process(path: &Path) -> Option<(&str, &str)> {
    path.to_str()?.strip_prefix("/proc/")?.split_once('/')
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
