//! What the loading of a program depends on.

use crate::memory::space::is_engines_own;
use crosswire_kernel::maps::{self, Area};
use crosswire_kernel::tracee::Stopped;
use crosswire_kernel::{Tid, descriptor, memory, probe};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// A program that has just been executed, and all that its loading depends on, apart from files.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Surroundings {
    /// The address of its first instruction.
    position: u64,
    /// Arguments, environment and auxiliary vector, where it finds them.
    stack: Vec<u8>,
    /// What the kernel has mapped.
    pub areas: Vec<Area>,
    /// Device, number, size and time of change of the program.
    executable: [u64; 4],
    /// Signals that it blocks, that it ignores, and that it handles.
    pub signals: [u64; 3],
    pub settings: Settings,
    /// The id of its parent, as it would be told.
    parent: i32,
    /// Looking at files of the run belongs to its start-up.
    reads_own_files: bool,
}

/// What a process has from whoever has executed the program.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    /// User, groups, capabilities, umask and so on (proc_pid_status(5)).
    status: String,
    limits: String,
    pub descriptors: Vec<u64>,
    working_directory: PathBuf,
    root: PathBuf,
}

/// What of proc_pid_status(5) is the same each time.
const FIXED: [&str; 18] = [
    "Umask:",
    "Uid:",
    "Gid:",
    "Groups:",
    "NStgid:",
    "NSpid:",
    "NSpgid:",
    "NSsid:",
    "Threads:",
    "CapInh:",
    "CapPrm:",
    "CapEff:",
    "CapBnd:",
    "CapAmb:",
    "NoNewPrivs:",
    "Seccomp:",
    "Seccomp_filters:",
    "THP_enabled:",
];

impl Settings {
    pub fn of(tid: Tid) -> io::Result<Settings> {
        let read = |name: &str| fs::read(format!("/proc/{tid}/{name}"));
        let status = read("status")?;
        let status = String::from_utf8_lossy(&status).into_owned();
        let is_fixed = |line: &&str| FIXED.iter().any(|name| line.starts_with(name));
        // The first of several ids is that of an outer namespace, which differs.
        let inner = |line: &str| match line.split_once('\t') {
            Some((name, ids)) if line.starts_with("NS") => {
                format!(
                    "{name}\t{}",
                    ids.split_once('\t').map_or("", |(_, inner)| inner)
                )
            }
            _ => line.to_owned(),
        };
        let status: Vec<String> = status.lines().filter(is_fixed).map(inner).collect();
        Ok(Settings {
            status: status.join("\n"),
            limits: String::from_utf8_lossy(&read("limits")?).into_owned(),
            descriptors: descriptor::numbers(tid),
            working_directory: fs::read_link(format!("/proc/{tid}/cwd"))?,
            root: fs::read_link(format!("/proc/{tid}/root"))?,
        })
    }
}

impl Surroundings {
    /// The surroundings of a task that has just executed a program.
    pub fn of(stopped: &Stopped, parent: i32, reads_own_files: bool) -> io::Result<Surroundings> {
        let (tid, registers) = (stopped.tid(), stopped.registers()?);
        let areas = maps::areas(tid)?;
        let stack = areas.iter().find(|area| area.path == "[stack]");
        let stack = stack
            .map_or(0, |stack| stack.range.end)
            .saturating_sub(registers.stack());
        let mut bytes = vec![0; stack as usize];
        let length = memory::read(tid, registers.stack(), &mut bytes)?;
        bytes.truncate(length);
        let executable = fs::metadata(format!("/proc/{tid}/exe"))?;
        let changed = executable.mtime() * 1_000_000_000 + executable.mtime_nsec();
        Ok(Surroundings {
            position: registers.position(),
            stack: bytes,
            areas: of_program(areas),
            executable: [
                executable.dev(),
                executable.ino(),
                executable.size(),
                changed as u64,
            ],
            signals: probe::decided(tid),
            settings: Settings::of(tid)?,
            parent,
            reads_own_files,
        })
    }

    /// The id of the process, as it would be told.
    pub fn id(&self) -> Option<i32> {
        let mut lines = self.settings.status.lines();
        let ids = lines.find_map(|line| line.strip_prefix("NSpid:"))?;
        ids.split_whitespace().last()?.parse().ok()
    }
}

/// Leaves out what the kernel and the engine have mapped for themselves.
pub(super) fn of_program(mut areas: Vec<Area>) -> Vec<Area> {
    areas.retain(|area| {
        let is_kernels = matches!(
            area.path.as_str(),
            "[vvar]" | "[vvar_vclock]" | "[vdso]" | "[vsyscall]"
        );
        !is_kernels && !is_engines_own(area.range.start)
    });
    areas
}
