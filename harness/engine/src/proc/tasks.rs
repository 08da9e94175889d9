//! Files of proc(5) that tell about tasks. They would show what the harness does with a task,
//! and how long that takes; the program is to read what it would read without it.

use super::descriptors::{hidden_length, hidden_memory};
use crate::emulate::time::clock::{Clock, SECOND};
use crate::run::scheduling::Scheduling;
use crate::run::session::Session;
use crate::run::task::{State, Task};
use crosswire_calls::Does;

/// The name of process 1: its own is that of the program which tests, and says how it was called.
pub(super) const FIRST: &str = "init";

/// Ticks of the kernel's clock in a second (`_SC_CLK_TCK` of sysconf(3)).
pub(super) const TICKS: u64 = 100;

/// Pages in memory, of which the kernel brings in more or fewer.
const LEAST_PAGES: u64 = 2048;

/// Bytes of a page, in units of 1024.
const PAGE: u64 = 4;

/// Lines of `status` about pages in memory.
const IN_MEMORY: [&str; 5] = ["VmHWM", "VmRSS", "RssAnon", "RssFile", "VmPTE"];

/// What a process without a program has not in `status`: it has no memory.
const OF_MEMORY: [&str; 3] = ["Vm", "Rss", "Hugetlb"];

impl Session<'_> {
    /// Returns how much of a task's writable private memory is the harness's, in bytes.
    fn data_of_harness(&self, of: usize) -> u64 {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.tasks[of].tid));
        let maps = maps.unwrap_or_default();
        let writable = maps
            .lines()
            .filter(|line| line.split(' ').nth(1).is_some_and(is_data));
        writable.map(hidden_length).sum()
    }

    /// `of` is none for process 1, which is the harness's: it looks like one without a program,
    /// since it is another one when a run is replayed.
    pub(super) fn status(&self, of: Option<usize>, text: &str) -> String {
        let hidden = of.map_or(0, |of| hidden_memory(self.tasks[of].tid)) >> 10;
        let line = |line: &str| match line.split_once(":\t") {
            // The most that it was depends on what the harness did meanwhile.
            Some(("VmPeak", _)) => {
                let size = text.lines().find_map(|line| line.strip_prefix("VmSize:\t"));
                format!("VmPeak:\t{}", kilobytes(size.unwrap_or_default(), hidden))
            }
            Some(("VmSize", size)) => format!("VmSize:\t{}", kilobytes(size, hidden)),
            Some(("VmData", size)) => {
                let hidden = of.map_or(0, |of| self.data_of_harness(of)) >> 10;
                format!("VmData:\t{}", kilobytes(size, hidden))
            }
            Some(("State", state)) => {
                let state = match self.letter(of, state.chars().next()) {
                    Some('R') => "R (running)",
                    Some('S') => "S (sleeping)",
                    Some('T') => "T (stopped)",
                    _ => state,
                };
                format!("State:\t{state}")
            }
            Some(("Name", _)) if of.is_none() => format!("Name:\t{FIRST}"),
            Some((name @ ("SigBlk" | "SigIgn" | "SigCgt"), _)) if of.is_none() => {
                format!("{name}:\t{:016x}", 0)
            }
            Some(("TracerPid", _)) => "TracerPid:\t0".to_owned(),
            Some(("NoNewPrivs", _)) => {
                let is_set = of.is_some_and(|of| self.tasks[of].no_new_privs);
                format!("NoNewPrivs:\t{}", u8::from(is_set))
            }
            Some((name @ ("Seccomp" | "Seccomp_filters"), _)) => {
                let (mode, number) = of.map_or((0, 0), |of| self.filtering(of));
                format!(
                    "{name}:\t{}",
                    if name == "Seccomp" {
                        mode.into()
                    } else {
                        number
                    }
                )
            }
            Some((name, _)) if name.ends_with("_ctxt_switches") => format!("{name}:\t1"),
            Some((name, size)) if IN_MEMORY.contains(&name) => {
                let size = size.trim().trim_end_matches(" kB");
                format!("{name}:\t{:>8} kB", rounded(size, LEAST_PAGES * PAGE))
            }
            Some((name @ ("RssShmem" | "VmSwap"), _)) => format!("{name}:\t       0 kB"),
            // Of the user's, on the whole machine.
            Some(("SigQ", signals)) => match signals.split_once('/') {
                Some((_, most)) => format!("SigQ:\t0/{most}"),
                None => line.to_owned(),
            },
            // Where the worker is.
            Some(("Cpus_allowed", mask)) => {
                let digits = mask.chars().map(|c| if c == ',' { c } else { '0' });
                let mask: String = digits.collect();
                format!("Cpus_allowed:\t{}1", &mask[..mask.len().saturating_sub(1)])
            }
            Some(("Cpus_allowed_list", _)) => "Cpus_allowed_list:\t0".to_owned(),
            _ => line.to_owned(),
        };
        let is_told =
            |line: &&str| of.is_some() || !OF_MEMORY.iter().any(|of| line.starts_with(of));
        let lines = text.split('\n').filter(is_told);
        lines.map(line).collect::<Vec<_>>().join("\n")
    }

    /// `of` is none for process 1.
    pub(super) fn stat(&self, of: Option<usize>, text: &str) -> String {
        let Some(end) = text.rfind(')') else {
            return text.to_owned();
        };
        let task = of.map(|of| &self.tasks[of]);
        let process = task.map(|task| &self.processes[task.process]);
        let scheduling = task.map_or_else(Scheduling::default, |task| task.scheduling.clone());
        let ticks = |nanoseconds: u64| (nanoseconds / (SECOND / TICKS)).to_string();
        let hidden = task.map_or(0, |task| hidden_memory(task.tid));
        let (head, rest) = text.split_at(end + 1);
        let head = match of {
            Some(_) => head.to_owned(),
            None => format!("1 ({FIRST})"),
        };
        let is_whole = text.ends_with('\n');
        let fields: Vec<&str> = rest.split(' ').collect();
        let last = fields.len() - 1;
        // Field 23; a process that has ended has none.
        let has_memory = fields.get(21).is_some_and(|size| *size != "0");
        // The name is field 2, and the part behind it begins with a space.
        let correct = |(at, field): (usize, &&str)| match at + 2 {
            _ if at == last && !is_whole => (*field).to_owned(),
            // Its memory and handlers, of which a process without a program has none.
            23 | 24 | 26..=34 | 45..=51 if of.is_none() => "0".to_owned(),
            3 => (self.letter(of, field.chars().next()))
                .map_or_else(|| (*field).to_owned(), String::from),
            14 => ticks(process.map_or(0, |process| process.cpu_time)),
            22 => ticks(process.map_or(0, |process| Clock::AT_START + process.born)),
            // Its priority and policy.
            18 if scheduling.priority > 0 => (-1 - scheduling.priority).to_string(),
            40 => scheduling.priority.to_string(),
            41 => scheduling.policy.to_string(),
            // Whether it has ever used a privilege (PF_SUPERPRIV) depends on the engine.
            9 => field.parse().map_or_else(
                |_| (*field).to_owned(),
                |flags: u64| (flags & !0x100).to_string(),
            ),
            23 => without(field, hidden),
            24 if has_memory => rounded(field, LEAST_PAGES),
            // Page faults, time in the kernel and of children, the CPU, delays.
            10..=13 | 15..=17 | 39 | 42 => "0".to_owned(),
            _ => (*field).to_owned(),
        };
        let fields: Vec<String> = fields.iter().enumerate().map(correct).collect();
        head + &fields.join(" ")
    }

    /// Returns the letter of the state of a task, or of process 1, which sleeps, given what the
    /// kernel says.
    fn letter(&self, of: Option<usize>, said: Option<char>) -> Option<char> {
        of.map_or(Some('S'), |of| letter(&self.tasks[of], said))
    }

    pub(super) fn statm(&self, of: Option<usize>, text: &str) -> String {
        let Some(of) = of else {
            return "0 0 0 0 0 0 0\n".to_owned();
        };
        let hidden = hidden_memory(self.tasks[of].tid) / (PAGE << 10);
        // All pages, those in memory, of these those of files, … and data (proc_pid_statm(5)).
        let has_memory = !text.starts_with("0 ");
        let correct = |(at, field): (usize, &str)| match at {
            0 => without(field, hidden),
            5 => without(field, self.data_of_harness(of) / (PAGE << 10)),
            1 | 2 if has_memory => rounded(field, LEAST_PAGES),
            _ => field.to_owned(),
        };
        let fields: Vec<String> = text
            .trim_end()
            .split(' ')
            .enumerate()
            .map(correct)
            .collect();
        fields.join(" ") + "\n"
    }
}

fn is_data(rights: &str) -> bool {
    rights.contains('w') && rights.ends_with('p')
}

/// Returns a size as `status` has it, with so much less.
fn kilobytes(size: &str, less: u64) -> String {
    let size = size.trim().trim_end_matches(" kB");
    format!("{:>8} kB", without(size, less))
}

fn without(amount: &str, less: u64) -> String {
    let number = amount
        .parse()
        .map(|number: u64| number.saturating_sub(less));
    number.map_or_else(|_| amount.to_owned(), |number| number.to_string())
}

/// Returns the amount of memory of a process that has some, as a power of two: the exact one
/// depends on the machine. Little of it counts as none in the kernel, which counts on each CPU
/// apart (`percpu_counter`).
fn rounded(amount: &str, least: u64) -> String {
    let number = amount.parse();
    let number = number.map(|number: u64| number.max(least).next_power_of_two());
    number.map_or_else(|_| amount.to_owned(), |number| number.to_string())
}

/// Returns the letter of a task's state (proc_pid_stat(5)), given what the kernel says: a
/// task that the harness holds counts as stopped there.
fn letter(task: &Task, said: Option<char>) -> Option<char> {
    if !matches!(said, Some('t' | 'T')) {
        return said;
    }
    Some(match task.state {
        State::Sleeping(_) | State::Parked(_) | State::Blocked => 'S',
        State::Frozen => 'T',
        _ => 'R',
    })
}

/// Returns the function of the kernel in which a task sleeps; 0 for none.
pub(super) fn place(task: &Task, said: &str) -> String {
    match task.state {
        State::Ready(..) | State::Unborn => "0",
        State::Sleeping(_) => "hrtimer_nanosleep",
        State::Parked(_) if task.entering.row().does == Does::SystemVSend => "do_msgsnd",
        State::Parked(_) => "locks_lock_inode_wait",
        _ => said,
    }
    .to_owned()
}
