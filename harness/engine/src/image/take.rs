//! Keeping a program that has been loaded.

use super::surroundings::{Settings, Surroundings, of_program};
use super::{Followed, Former, Image, Memory, OfEngine, OfTask, layout};
use crate::emulate::time::lent::Lent;
use crate::inside::remote::{Remote, made, room_below_stack};
use crate::memory::Action;
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crate::start::identity::find_tid;
use crosswire_kernel::maps::{self, Area};
use crosswire_kernel::tracee::{Entering, Stopped};
use crosswire_kernel::{Tid, memory, probe, registered};
use std::collections::BTreeSet;
use std::hash::Hasher;
use std::io;
use std::ops::Range;

const PAGE: u64 = 4096;

/// Bytes of memory that one program may have, and bytes that are its own.
const MOST_RESERVED: u64 = 1 << 30;
const MOST_OWN: usize = 32 << 20;

/// What areas of memory may be like (`VmFlags` of proc_pid_smaps(5)): readable, writable,
/// executable and whether they may become so, shared, the stack, not accounted for, not yet
/// saved.
const USUAL: [&str; 11] = [
    "rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "gd", ACCOUNTED, "sd",
];

/// The flag of private memory that could be written when it was mapped.
const ACCOUNTED: &str = "ac";

impl Session<'_> {
    /// Returns what the program of a task is like that stands at the entry of a call; `None` if
    /// it cannot be made again.
    pub(super) fn image(
        &mut self,
        index: usize,
        followed: &Followed,
        before: &Former,
    ) -> Result<Option<Image>, Halt> {
        let surroundings = &followed.stage.surroundings;
        let task = &self.tasks[index];
        let (tid, process) = (task.tid, &self.processes[task.process]);
        let stands = matches!(task.state, State::Ready(At::Entry, _));
        let is_usual = stands
            && self.is_alone(index)
            && !self.is_watched(index)
            && self.space(index).lent == Lent::Readings(0)
            && process.fault_action.is_none()
            && !process.filters_calls
            && Settings::of(tid)? == surroundings.settings;
        if !is_usual {
            return Ok(None);
        }
        let decided = before.decided(tid, surroundings);
        let task = &mut self.tasks[index];
        let (stopped, answers) = Answers::of(task.lend()?, task.entering, decided)?;
        task.give_back(stopped);
        let (task, process) = (
            &self.tasks[index],
            &self.processes[self.tasks[index].process],
        );
        let stopped = task.stopped()?;
        let Some(answers) = answers else {
            return Ok(None);
        };
        let Some(sequences) = stopped.restartable_sequences() else {
            return Ok(None);
        };
        let Some(memory) = memory_of(tid, answers.heap_end, before)? else {
            return Ok(None);
        };
        let mut registers = stopped.registers()?;
        registers.enter(task.entering.call.into(), task.entering.args);
        let id_cell =
            (surroundings.id()).and_then(|id| find_tid(tid, registers.thread_pointer(), id));
        let state = OfTask {
            registers,
            extended: stopped.extended_state()?,
            mask: stopped.signal_mask()?,
            actions: answers.actions,
            robust_list: registered::robust_list(tid).filter(|(head, _)| *head != 0),
            sequences,
            id_cell,
        };
        let known = OfEngine {
            opened: process.loading.clone().unwrap_or_default().opened,
            seen: self.early.seen_by(task.process),
            chance: process.loading_chance,
            reads_of_tasks: process.reads_of_tasks,
            readings: process.readings,
            ticks: followed.ticks,
            varies: followed.varies,
            counter_read: self.clock.counter_readings() - followed.counter_readings,
            began: followed.began,
            told: followed.told.clone(),
        };
        Ok(Some(Image {
            memory,
            state,
            known,
        }))
    }
}

impl Former {
    /// The pages of a task's program that are its own.
    pub(super) fn of(tid: Tid) -> io::Result<Former> {
        let [_, ignored, handled] = probe::decided(tid);
        let pages = maps::own_pages(tid, &of_program(maps::areas(tid)?))?;
        let contents = contents(tid, pages.into_iter().collect()).unwrap_or_default();
        let pages = contents.iter().flat_map(|(start, bytes)| {
            let addresses = (*start..).step_by(PAGE as usize);
            addresses.zip(bytes.chunks_exact(PAGE as usize).map(hash))
        });
        Ok(Former {
            pages: pages.collect(),
            signals: [handled, ignored],
        })
    }

    /// Leaves out pages that are as they were.
    fn changed(&self, contents: Vec<(u64, Vec<u8>)>) -> Vec<(u64, Vec<u8>)> {
        let mut changed: Vec<(u64, Vec<u8>)> = Vec::new();
        for (start, bytes) in contents {
            let addresses = (start..).step_by(PAGE as usize);
            for (address, page) in addresses.zip(bytes.chunks_exact(PAGE as usize)) {
                if self.pages.get(&address) == Some(&hash(page)) {
                    continue;
                }
                match changed.last_mut() {
                    Some((start, last)) if *start + last.len() as u64 == address => {
                        last.extend_from_slice(page);
                    }
                    _ => changed.push((address, page.to_vec())),
                }
            }
        }
        changed
    }

    /// Returns the signals about which the program has decided anything by now, or had before, as
    /// bits from signal 1.
    fn decided(&self, tid: Tid, surroundings: &Surroundings) -> u64 {
        let [handled, ignored] = self.signals;
        let [_, at_exec, _] = surroundings.signals;
        let [_, now, now_handled] = probe::decided(tid);
        handled | now_handled | (now ^ ignored) | (now ^ at_exec)
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// What only the task itself can ask the kernel.
struct Answers {
    heap_end: u64,
    actions: Vec<(i32, Action)>,
}

impl Answers {
    /// Asks; what has been decided about these signals is of interest. `None` if the answers
    /// cannot be kept.
    fn of(stopped: Stopped, at: Entering, decided: u64) -> io::Result<(Stopped, Option<Answers>)> {
        const STACK_DISABLED: u64 = libc::SS_DISABLE as u64;
        let (tid, room) = (stopped.tid(), room_below_stack(&stopped)?);
        let saved: [u8; 64] = memory::read_exact(tid, room)?;
        let mut remote = Remote::at_entry(stopped, at.call)?;
        let mut ask = || {
            let heap_end = remote.must("asking for the heap's end", made::BRK, [0; 6])? as u64;
            let args = [0, room, 0, 0, 0, 0];
            remote.must("asking for the signal stack", made::SIGALTSTACK, args)?;
            let has_stack = memory::read_word(tid, room + 8)? & STACK_DISABLED == 0;
            let mut actions = Vec::new();
            for signal in (1..=64).filter(|signal| decided >> (signal - 1) & 1 == 1) {
                let args = [signal as u64, 0, room, 8, 0, 0];
                remote.must("asking for a handler", made::SIGACTION, args)?;
                actions.push((signal, memory::read_exact(tid, room)?));
            }
            Ok::<_, io::Error>((!has_stack).then_some(Answers { heap_end, actions }))
        };
        let answers = ask();
        memory::write(tid, room, &saved)?;
        Ok((remote.end()?, answers?))
    }
}

/// Reads the memory of a program; `None` if it cannot be made again.
fn memory_of(tid: Tid, heap_end: u64, before: &Former) -> io::Result<Option<Memory>> {
    let flags = maps::flags(tid)?;
    let areas = of_program(flags.iter().map(|(area, _)| area.clone()).collect());
    let is_usual = |(area, flags): &(Area, BTreeSet<String>)| {
        !areas.contains(area) || flags.iter().all(|flag| USUAL.contains(&flag.as_str()))
    };
    if !flags.iter().all(is_usual) {
        return Ok(None);
    }
    let was_writable = |(area, flags): &&(Area, BTreeSet<String>)| {
        flags.contains(ACCOUNTED) && area.protection & libc::PROT_WRITE == 0
    };
    let once_writable = flags.iter().filter(was_writable);
    let once_writable = once_writable.map(|(area, _)| area.range.start).collect();
    let reserved: u64 = areas.iter().map(|a| a.range.end - a.range.start).sum();
    let is_stack = |area: &&Area| area.path == "[stack]";
    let Some(stack) = areas.iter().find(is_stack).map(|area| area.range.clone()) else {
        return Ok(None);
    };
    if reserved > MOST_RESERVED {
        return Ok(None);
    }
    let mut pages: BTreeSet<u64> = maps::own_pages(tid, &areas)?.into_iter().collect();
    // What was its own and is not any more, is now as it is in a file, or zero.
    let is_private = |page: &&u64| {
        let mut private = areas.iter().filter(|area| !area.shared);
        private.any(|area| area.range.contains(page))
    };
    pages.extend(before.pages.keys().filter(is_private));
    if pages.len() * PAGE as usize > MOST_OWN {
        return Ok(None);
    }
    let Some(contents) = contents(tid, pages) else {
        return Ok(None);
    };
    let contents = before.changed(contents);
    let areas: Vec<Area> = areas.into_iter().filter(|area| !is_stack(&area)).collect();
    Ok(layout::can_be_mapped(&areas).then_some(Memory {
        areas,
        once_writable,
        stack,
        heap_end,
        contents,
        varying: Vec::new(),
    }))
}

/// Reads pages; `None` if that is not possible.
fn contents(tid: Tid, pages: BTreeSet<u64>) -> Option<Vec<(u64, Vec<u8>)>> {
    let runs = runs(pages, PAGE).into_iter().map(|range| {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        let read = memory::read_over(tid, range.start, &mut bytes);
        read.ok().map(|()| (range.start, bytes))
    });
    runs.collect()
}

/// Joins pages that are next to each other.
fn runs(pages: BTreeSet<u64>, size: u64) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for page in pages {
        match runs.last_mut() {
            Some(last) if last.end == page => last.end += size,
            _ => runs.push(page..page + size),
        }
    }
    runs
}
