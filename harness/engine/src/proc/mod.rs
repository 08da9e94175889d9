//! Files of proc(5) whose text would differ from run to run, or show the harness. What is read
//! of them is made from the kernel's text as a whole, since it may have another length.

mod descriptors;
pub(crate) mod machine;
pub(crate) mod served;
mod tasks;

use crate::memory::shown::shown;
use crate::run::session::{Halt, Session};
use crate::run::task::Task;
use crosswire_calls::Does;
use crosswire_kernel::arch::Register;
use crosswire_kernel::{Tid, descriptor, memory};
use std::path::Path;

/// What a file tells about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    /// Of process 1, if of no task.
    Stat(Option<usize>),
    Status(Option<usize>),
    Pages(Option<usize>),
    /// The name of process 1.
    Name,
    /// The arguments of process 1.
    Arguments,
    Schedule,
    /// The scheduler's number for its session (`autogroup` in sched(7)).
    AutomaticGroup,
    /// Where a task sleeps in the kernel.
    Place(usize),
    Maps(usize),
    Descriptor(Tid, u64),
    Uptime,
    Load,
    Activity,
    Memory,
    /// What a control group uses (cgroups(7)).
    Usage,
    Uuid,
    BootId,
    /// How core files would be called (core(5)).
    CorePattern,
}

/// Files of control groups that tell what the machine does.
const TELL_USAGE: [&str; 13] = [
    "memory.stat",
    "memory.current",
    "memory.peak",
    "memory.pressure",
    "memory.usage_in_bytes",
    "memory.max_usage_in_bytes",
    "cpu.stat",
    "cpu.pressure",
    "cpuacct.usage",
    "cpuacct.stat",
    "io.stat",
    "io.pressure",
    "pids.current",
];

/// Returns whether a path may lead to one of these files.
pub(crate) fn is_of_interest(path: &str) -> bool {
    const NAMES: [&str; 16] = [
        "comm",
        "cmdline",
        "stat",
        "status",
        "statm",
        "schedstat",
        "autogroup",
        "wchan",
        "maps",
        "uptime",
        "loadavg",
        "meminfo",
        "uuid",
        "boot_id",
        "core_pattern",
        "fdinfo",
    ];
    let mut names = NAMES.iter().chain(&TELL_USAGE);
    names.any(|name| path.ends_with(name)) || path.contains("fdinfo/")
}

impl Session<'_> {
    /// Takes note of a process that may open such a file.
    pub fn note_opening(&mut self, index: usize) {
        let task = &self.tasks[index];
        let opens = task.entering.row().does == Does::Open;
        // A name of digits may be relative to `fdinfo`.
        let may_tell = |path: &str| {
            let relative = !path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_digit());
            is_of_interest(path) || relative
        };
        if opens && task.path.as_deref().is_some_and(may_tell) {
            self.processes[task.process].reads_of_tasks = true;
        }
    }

    /// Corrects what a task has just read, and returns the number of bytes.
    pub fn correct_reading(&mut self, index: usize, result: i64) -> Result<i64, Halt> {
        let task = &self.tasks[index];
        let (row, process) = (task.entering.row(), task.process);
        let reads = matches!(row.does, Does::Read | Does::ReadAt) && row.vector().is_none();
        if result < 0 || !reads || !self.processes[process].reads_of_tasks {
            return Ok(result);
        }
        let (tid, [number, to, room, offset, ..]) = (task.tid, task.entering.args);
        let path = descriptor::target(tid, number);
        let told = path.and_then(|path| Some((self.told_of(&path)?, path)));
        let Some((tells, path)) = told else {
            return Ok(result);
        };
        let place = (process, number);
        let before = match row.does {
            Does::Read => descriptor::position(tid, number).saturating_sub(result as u64),
            _ => offset,
        };
        if before == 0 || row.does == Does::ReadAt || !self.texts.has(place) {
            let Some(text) = self.text(index, &path, tells) else {
                return Ok(result);
            };
            self.texts.begin(place, text.into_bytes(), before as usize);
        }
        let bytes = self.texts.take(place, room as usize);
        memory::write(tid, to, &bytes)?;
        let stopped = self.tasks[index].stopped()?;
        stopped.poke(Register::Result, bytes.len() as u64)?;
        Ok(bytes.len() as i64)
    }

    /// Returns the text that a program is to read in such a file.
    fn text(&mut self, index: usize, path: &Path, tells: Tells) -> Option<String> {
        let tid = self.tasks[index].tid;
        let seen = std::fs::read(format!("/proc/{tid}/root{}", path.display())).ok()?;
        let text = String::from_utf8_lossy(&seen);
        if matches!(tells, Tells::Stat(_) | Tells::Uptime | Tells::Activity) {
            self.texts.note_time();
        }
        Some(match tells {
            Tells::Stat(of) => self.stat(of, &text),
            Tells::Status(of) => self.status(of, &text),
            Tells::Pages(of) => self.statm(of, &text),
            Tells::Name => format!("{}\n", tasks::FIRST),
            // As of a process without a program.
            Tells::Arguments => String::new(),
            Tells::Schedule => "0 0 1\n".to_owned(),
            Tells::AutomaticGroup => match text.split_once(' ') {
                Some((_, rest)) => format!("/autogroup-1 {rest}"),
                None => text.into_owned(),
            },
            Tells::Place(of) => tasks::place(&self.tasks[of], &text),
            Tells::Maps(of) => self.maps(of, &shown(self.space(of), &text)),
            Tells::Descriptor(of, number) => self.descriptor_info(of, number, &text),
            Tells::Uptime => self.uptime(index),
            Tells::Load => self.load(),
            Tells::Activity => self.activity(&text),
            Tells::Memory => machine::memory(&text),
            Tells::Usage => machine::usage(&text),
            Tells::Uuid => self.uuid(),
            Tells::BootId => machine::BOOT_ID.to_owned(),
            Tells::CorePattern => "core\n".to_owned(),
        })
    }

    fn told_of(&self, path: &Path) -> Option<Tells> {
        let parts: Vec<&str> = path.to_str()?.split('/').collect();
        let of = |number: &str| -> Option<usize> {
            let number: i32 = number.parse().ok()?;
            let is_it = |task: &&Task| task.tid_inside == number;
            let living = self.tasks.iter().find(|it| is_it(it) && !it.is_gone());
            // Its parent may not have waited for it yet.
            let task = living.or_else(|| self.tasks.iter().rfind(is_it));
            Some(task?.id.index())
        };
        let about = |number, name| {
            if (number, self.setup.pids_vary) == ("1", false) && of(number).is_none() {
                return match name {
                    "stat" => Some(Tells::Stat(None)),
                    "status" => Some(Tells::Status(None)),
                    "statm" => Some(Tells::Pages(None)),
                    "comm" => Some(Tells::Name),
                    "cmdline" => Some(Tells::Arguments),
                    "schedstat" => Some(Tells::Schedule),
                    "autogroup" => Some(Tells::AutomaticGroup),
                    _ => None,
                };
            }
            let of = of(number)?;
            Some(match name {
                "stat" => Tells::Stat(Some(of)),
                "status" => Tells::Status(Some(of)),
                "statm" => Tells::Pages(Some(of)),
                "schedstat" => Tells::Schedule,
                "autogroup" => Tells::AutomaticGroup,
                "wchan" => Tells::Place(of),
                "maps" => Tells::Maps(of),
                _ => return None,
            })
        };
        match parts[..] {
            ["", "proc", "uptime"] => Some(Tells::Uptime),
            ["", "proc", "loadavg"] => Some(Tells::Load),
            ["", "proc", "stat"] => Some(Tells::Activity),
            ["", "proc", "meminfo"] => Some(Tells::Memory),
            ["", "proc", "sys", "kernel", "random", "uuid"] => Some(Tells::Uuid),
            ["", "proc", "sys", "kernel", "random", "boot_id"] => Some(Tells::BootId),
            ["", "proc", "sys", "kernel", "core_pattern"] => Some(Tells::CorePattern),
            ["", "sys", "fs", "cgroup", .., name] if TELL_USAGE.contains(&name) => {
                Some(Tells::Usage)
            }
            ["", "proc", number, "fdinfo", descriptor]
            | ["", "proc", _, "task", number, "fdinfo", descriptor] => {
                let of = self.tasks[of(number)?].tid;
                Some(Tells::Descriptor(of, descriptor.parse().ok()?))
            }
            ["", "proc", number, name] => about(number, name),
            ["", "proc", _, "task", number, name] => about(number, name),
            _ => None,
        }
    }
}
