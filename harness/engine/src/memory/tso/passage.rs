//! A task on its way from one access to the next, with stores in its buffer: a fence on the way
//! does not trap, so the task is stopped before each by a breakpoint, and wherever the code does
//! not tell the further way it is followed by one instruction.

use super::leg::{self, Code, Leg};
use crate::inside::remote::next;
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_kernel::arch::Register;
use crosswire_kernel::tracee::{Report, Stop, Stopped};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Legs of a way on which a task is followed at most: some thousands of instructions. Stores
/// that are older become visible.
const MOST: u32 = 256;

const INT3: u8 = 0xcc;

impl Session<'_> {
    /// Tells whether a task is followed to its next stop. Where footprints are recorded, what
    /// they say of its next step must not depend on whether its stores are visible already.
    pub fn is_followed(&self, index: usize) -> bool {
        let buffer = &self.tasks[index].buffer;
        !buffer.is_empty() || buffer.in_a_row > 0 && self.setup.plan.follows_footprints()
    }

    /// Lets a task run to its next stop, and takes note of a fence on the way.
    pub fn pass(&mut self, index: usize, mut stopped: Stopped) -> Result<(), Halt> {
        let tid = stopped.tid();
        let mut legs = match stopped.steps_unnoticed() {
            true => MOST,
            false => 0,
        };
        while legs > 0 && !self.tasks[index].buffer.fenced {
            legs -= 1;
            let position = stopped.peek(Register::Position)?;
            let mut code = Code::of(tid);
            // An access that is about to be performed comes first.
            let access = self.memory.knowledge.trampolines.meaning(position);
            let behind = access.map(|access| self.after_access(access.trampoline));
            let next = match (leg::from(behind.unwrap_or(position), &mut code), behind) {
                (Leg::To(stops), _) => Leg::To(stops),
                (_, Some(behind)) => Leg::To(BTreeSet::from([behind])),
                (other, None) => other,
            };
            let is_there = match next {
                Leg::Fence => break,
                Leg::To(stops) => self.run_to(index, stopped, &stops, &mut code)?,
                Leg::One => self.step_on(index, stopped)?,
            };
            let Some(there) = is_there else {
                return Ok(());
            };
            stopped = there;
        }
        let buffer = &mut self.tasks[index].buffer;
        buffer.hurried |= legs == 0 && !buffer.fenced;
        buffer.fenced = true;
        stopped.resume(0)?;
        self.settle(true)
    }

    /// Returns where the program goes on after an access.
    fn after_access(&self, trampoline: usize) -> u64 {
        self.memory.knowledge.trampolines.get(trampoline).next()
    }

    /// Lets a task perform one instruction. Returns it if it is still on its way.
    fn step_on(&mut self, index: usize, stopped: Stopped) -> Result<Option<Stopped>, Halt> {
        let tid = stopped.tid();
        stopped.single_step()?;
        match next(tid)? {
            Report::Stopped(stopped, Stop::Signal(libc::SIGTRAP)) => Ok(Some(stopped)),
            report => {
                self.on_report(report)?;
                // Interrupted, and running on.
                self.tasks[index].buffer.fenced |=
                    matches!(self.tasks[index].state, State::Running);
                self.settle(true)?;
                Ok(None)
            }
        }
    }

    /// Lets a task run to one of these places. Returns it if it is there, and not stopped on the
    /// way.
    fn run_to(
        &mut self,
        index: usize,
        stopped: Stopped,
        stops: &BTreeSet<u64>,
        code: &mut Code,
    ) -> Result<Option<Stopped>, Halt> {
        let words = breakpoints(stops, code).filter(|words| set(&stopped, words).is_ok());
        let Some(words) = words else {
            // Code that cannot be written.
            return self.step_on(index, stopped);
        };
        stopped.resume(0)?;
        self.settle(true)?;
        let Ok(stopped) = self.tasks[index].stopped() else {
            return Ok(None);
        };
        clear(stopped, &words)?;
        let is_trap = matches!(
            self.tasks[index].state,
            State::Ready(At::Signal(libc::SIGTRAP), _)
        );
        let reached = stopped.peek(Register::Position)?.wrapping_sub(1);
        if !is_trap || !stops.contains(&reached) {
            return Ok(None);
        }
        stopped.poke(Register::Position, reached)?;
        Ok(Some(self.tasks[index].take_stopped()?))
    }
}

/// A word of code as it is, and with breakpoints in it.
type Words = BTreeMap<u64, (u64, u64)>;

fn breakpoints(stops: &BTreeSet<u64>, code: &mut Code) -> Option<Words> {
    let mut words = Words::new();
    for stop in stops {
        let aligned = stop & !7;
        let own = code.word(aligned)?;
        let (_, changed) = words.entry(aligned).or_insert((own, own));
        let mut bytes = changed.to_ne_bytes();
        bytes[(stop - aligned) as usize] = INT3;
        *changed = u64::from_ne_bytes(bytes);
    }
    Some(words)
}

/// Writes breakpoints, all or none.
fn set(stopped: &Stopped, words: &Words) -> io::Result<()> {
    let written = words
        .iter()
        .try_for_each(|(at, (_, changed))| stopped.write_code(*at, *changed));
    if written.is_err() {
        for (at, (own, _)) in words {
            // Those that could not be written are as they were.
            let _ = stopped.write_code(*at, *own);
        }
    }
    written
}

fn clear(stopped: &Stopped, words: &Words) -> io::Result<()> {
    let mut words = words.iter();
    words.try_for_each(|(at, (own, _))| stopped.write_code(*at, *own))
}
