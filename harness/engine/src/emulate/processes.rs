//! Files of proc(5) that tell about tasks. They would show what the harness does with a task,
//! and how long that takes; the program is to read what it would read without it.

use super::clock::{Clock, SECOND};
use crate::run::session::{Halt, Session};
use crate::run::task::{State, Task};
use crosswire_calls::Does;
use crosswire_kernel::regs::{self, Register};
use crosswire_kernel::{descriptor, memory};
use std::path::Path;

/// Ticks of the kernel's clock in a second (`_SC_CLK_TCK` of sysconf(3)).
const TICKS: u64 = 100;

/// What a file tells about.
enum Tells {
    /// A task: `stat` or `status`.
    Task(usize),
    /// Where it sleeps in the kernel: `wchan`.
    Place(usize),
    /// Its mappings: `maps`.
    Maps(usize),
    /// A random number: `/proc/sys/kernel/random/uuid`.
    Chance,
}

/// Returns whether a path may lead to one of these files.
fn is_of_interest(path: &str) -> bool {
    ["stat", "status", "wchan", "maps", "uuid"]
        .iter()
        .any(|name| path.ends_with(name))
}

impl Session<'_> {
    /// Takes note of a process that may open such a file.
    pub fn note_opening(&mut self, index: usize) {
        let task = &self.tasks[index];
        let opens = task.entering.row().does == Does::Open;
        if opens && task.path.as_deref().is_some_and(is_of_interest) {
            self.processes[task.process].reads_of_tasks = true;
        }
    }

    /// Corrects what a task has just read, and returns the number of bytes.
    pub fn correct_reading(&mut self, index: usize, result: i64) -> Result<i64, Halt> {
        let task = &self.tasks[index];
        let reads = matches!(task.entering.row().does, Does::Read | Does::ReadAt)
            && task.entering.row().vector().is_none();
        if result <= 0 || !reads || !self.processes[task.process].reads_of_tasks {
            return Ok(result);
        }
        let (tid, [number, to, room, ..]) = (task.tid, task.entering.args);
        let path = descriptor::target(tid, number);
        let Some(tells) = path.and_then(|path| self.told_of(&path)) else {
            return Ok(result);
        };
        if let Tells::Maps(of) = tells {
            return self.correct_maps(index, of, result);
        }
        let mut bytes = vec![0; result as usize];
        let count = memory::read(tid, to, &mut bytes)?;
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        let mut corrected = match tells {
            Tells::Task(of) if text.starts_with("Name:") => self.status(of, &text),
            Tells::Task(of) => self.stat(of, &text),
            Tells::Place(of) => place(&self.tasks[of], &text),
            Tells::Maps(_) => text,
            Tells::Chance => self.uuid(),
        };
        corrected.truncate(room as usize);
        memory::write(tid, to, corrected.as_bytes())?;
        regs::poke(tid, Register::Result, corrected.len() as u64)?;
        Ok(corrected.len() as i64)
    }

    /// What is shown is no longer than what the kernel has to say, so the kernel's own end of
    /// the file is never before that of the file shown.
    fn correct_maps(&mut self, index: usize, of: usize, result: i64) -> Result<i64, Halt> {
        let task = &self.tasks[index];
        let (tid, [number, to, room, offset, ..]) = (task.tid, task.entering.args);
        let at_offset = task.entering.row().does == Does::ReadAt;
        let pid = self.processes[task.process].pid;
        let Ok(file) = descriptor::take(pid, number as i32) else {
            return Ok(result);
        };
        let position = match at_offset {
            true => offset,
            false => descriptor::position(&file).map_or(0, |after| after as u64 - result as u64),
        };
        let range = position..position.saturating_add(room);
        let Some(shown) = self.maps_shown(index, of, number, range)? else {
            return Ok(result);
        };
        memory::write(tid, to, shown.as_bytes())?;
        if !at_offset {
            descriptor::restore_position(&file, (position + shown.len() as u64) as i64);
        }
        regs::poke(tid, Register::Result, shown.len() as u64)?;
        Ok(shown.len() as i64)
    }

    fn told_of(&self, path: &Path) -> Option<Tells> {
        let path = path.to_str()?;
        let mut parts = path.rsplit('/');
        let (name, number, above) = (parts.next()?, parts.next()?, parts.next()?);
        if (number, name) == ("random", "uuid") {
            return Some(Tells::Chance);
        }
        let number: i32 = number.parse().ok().filter(|_| is_of_interest(name))?;
        let is_it = |task: &&Task| task.tid_inside == number && !task.is_gone();
        let of = self.tasks.iter().find(is_it)?.id.index();
        match name {
            _ if !path.starts_with("/proc/") || !matches!(above, "proc" | "task") => None,
            "wchan" => Some(Tells::Place(of)),
            "maps" => Some(Tells::Maps(of)),
            _ => Some(Tells::Task(of)),
        }
    }

    fn status(&self, of: usize, text: &str) -> String {
        let line = |line: &str| match line.split_once(":\t") {
            Some(("State", state)) => {
                let state = match letter(&self.tasks[of], state.chars().next()) {
                    Some('R') => "R (running)",
                    Some('S') => "S (sleeping)",
                    Some('T') => "T (stopped)",
                    _ => state,
                };
                format!("State:\t{state}")
            }
            Some(("TracerPid", _)) => "TracerPid:\t0".to_owned(),
            Some((name, _)) if name.ends_with("_ctxt_switches") => format!("{name}:\t1"),
            _ => line.to_owned(),
        };
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }

    fn stat(&self, of: usize, text: &str) -> String {
        let Some(end) = text.rfind(')') else {
            return text.to_owned();
        };
        let process = &self.processes[self.tasks[of].process];
        let ticks = |nanoseconds: u64| (nanoseconds / (SECOND / TICKS)).to_string();
        let (head, rest) = text.split_at(end + 1);
        let is_whole = text.ends_with('\n');
        let fields: Vec<&str> = rest.split(' ').collect();
        let last = fields.len() - 1;
        // The name is field 2, and the part behind it begins with a space.
        let correct = |(at, field): (usize, &&str)| match at + 2 {
            _ if at == last && !is_whole => (*field).to_owned(),
            3 => letter(&self.tasks[of], field.chars().next())
                .map_or_else(|| (*field).to_owned(), String::from),
            14 => ticks(process.cpu_time),
            22 => ticks(Clock::AT_START + process.born),
            // Whether it has ever used a privilege (PF_SUPERPRIV) depends on the engine.
            9 => field.parse().map_or_else(
                |_| (*field).to_owned(),
                |flags: u64| (flags & !0x100).to_string(),
            ),
            // Pages in memory, of which the kernel brings in more or fewer.
            24 => field.parse().map_or_else(
                |_| (*field).to_owned(),
                |pages: u64| pages.max(2048).next_power_of_two().to_string(),
            ),
            // Page faults, time in the kernel and of children, the CPU, delays.
            10..=13 | 15..=17 | 39 | 42 => "0".to_owned(),
            _ => (*field).to_owned(),
        };
        let fields: Vec<String> = fields.iter().enumerate().map(correct).collect();
        head.to_owned() + &fields.join(" ")
    }

    fn uuid(&mut self) -> String {
        let mut bytes = self.chance.draw(self.setup.plan.seed, 16);
        // Version 4, variant 1 (RFC 9562).
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = |range: std::ops::Range<usize>| -> String {
            let digits = bytes[range].iter().map(|byte| format!("{byte:02x}"));
            digits.collect()
        };
        let parts = [hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16)];
        parts.join("-") + "\n"
    }
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
fn place(task: &Task, said: &str) -> String {
    match task.state {
        State::Ready(..) | State::Unborn => "0",
        State::Sleeping(_) => "hrtimer_nanosleep",
        State::Parked(_) if task.entering.row().does == Does::SystemVSend => "do_msgsnd",
        State::Parked(_) => "locks_lock_inode_wait",
        _ => said,
    }
    .to_owned()
}
