//! What there is on the machine, to see what tests leave.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The variable that marks processes of a test: their children inherit it, however
/// they call themselves.
pub const MARK: &str = "TEST_MARK";

/// The processes that have the marker among their arguments or in their environment.
pub fn processes(marker: &str) -> Vec<String> {
    let contains = |bytes: &[u8]| {
        bytes
            .windows(marker.len())
            .any(|part| part == marker.as_bytes())
    };
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc is mounted").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
        let arguments = read("cmdline");
        if contains(&arguments) || contains(&read("environ")) {
            let words = String::from_utf8_lossy(&arguments).replace('\0', " ");
            found.push(format!("{name}: {words}"));
        }
    }
    found
}

/// The kernel ends processes after the one that they depended on: not at once, but
/// soon. Whoever is still there after this is left behind.
pub fn processes_left(marker: &str) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let found = processes(marker);
        if found.is_empty() || Instant::now() > end {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until so many processes have the marker.
///
/// # Panics
/// If that never happens.
pub fn await_processes(marker: &str, count: usize) {
    let end = Instant::now() + Duration::from_secs(60);
    while processes(marker).len() < count {
        assert!(
            Instant::now() < end,
            "never {count} processes: {:?}",
            processes(marker)
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The System V objects with this key, as /proc lists them.
pub fn system_v(key: i32) -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["msg", "sem", "shm"] {
        let list = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        let lines = list.lines().skip(1);
        let of_key = lines.filter(|line| line.split_whitespace().next() == Some(&key.to_string()));
        found.extend(of_key.map(|line| format!("{kind}: {line}")));
    }
    found
}

/// What is mounted, as seen from here.
pub fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted")
}

/// The names in a directory that contain the marker; none if there is no such
/// directory.
pub fn names(directory: &str, marker: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path().to_string_lossy().into_owned())
        .filter(|path| path.contains(marker))
        .collect()
}

/// All that lies below a directory: permissions and content by path.
pub fn tree(directory: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    gather(directory, &mut all);
    all
}

fn gather(directory: &Path, all: &mut BTreeMap<String, (u32, Vec<u8>)>) {
    use std::os::unix::fs::PermissionsExt;
    for entry in fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a readable directory").path();
        let data = fs::symlink_metadata(&path).expect("it was listed just now");
        let content = match data.is_file() {
            true => fs::read(&path).expect("a readable file"),
            false => Vec::new(),
        };
        let mode = data.permissions().mode();
        all.insert(path.to_string_lossy().into_owned(), (mode, content));
        if data.is_dir() {
            gather(&path, all);
        }
    }
}
