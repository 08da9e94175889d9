//! Detours: calls that no other task can notice yet have one stop instead of two.
//!
//! The engine needs the result of a call that neither waits nor wakes any task, but not
//! before the task's next stop, because no other task runs until then. So the task makes
//! its call and returns by a detour: code of the engine in its memory, which keeps the
//! result where the engine finds it and jumps back to where the program made the call.

use crate::calls;
use crate::run::remote::{self, Remote};
use crate::run::session::{Halt, Session};
use crate::run::task::{State, Task};
use crosswire_kernel::regs::{self, Register, SYSCALL_INSTRUCTION};
use crosswire_kernel::tracee::{self, Stop};
use crosswire_kernel::{Tid, memory};
use std::collections::HashMap;
use std::io;

/// Address of the detours in every address space that has some: above the trampolines of
/// shared memory, where nothing else is.
const CODE: u64 = 0x3081_0000_0000;

/// The most bytes of detours.
const AREA: u64 = 64 << 10;

/// Address at which a detour keeps the result. On a page of its own: the processor
/// refetches code next to which it writes, and forks share code that is only read.
const RESULT: u64 = CODE + AREA;

const PAGE: u64 = 4096;

/// Room for one detour.
const SLOT: u64 = 32;

/// A program makes at least so many such calls before it is worth giving it detours.
const WORTHWHILE: u32 = 8;

/// The detours of a worker, for every program it has seen: one for each place to which a
/// call returns.
#[derive(Debug, Default)]
pub(crate) struct Detours {
    known: HashMap<u64, u64>,
    image: Vec<u8>,
}

/// State of the detours in an address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Installed {
    /// Nothing yet, after so many calls that might have taken one.
    Nothing(u32),
    /// So many bytes.
    Bytes(usize),
    /// Its memory has no room for them.
    Impossible,
}

impl Default for Installed {
    fn default() -> Installed {
        Installed::Nothing(0)
    }
}

impl Detours {
    /// Returns the detour of calls that return to `next`; `None` if there is no more
    /// room.
    fn find(&mut self, next: u64) -> Option<u64> {
        if let Some(known) = self.known.get(&next) {
            return Some(*known);
        }
        if self.image.len() as u64 + SLOT > AREA {
            return None;
        }
        // Behind its `syscall` instruction, as the task would come back behind its own.
        let address = CODE + self.image.len() as u64 + SYSCALL_INSTRUCTION;
        self.image.extend(code(next));
        self.known.insert(next, address);
        Some(address)
    }

    /// Tells whether a call that returns there was made by a detour. The kernel repeats a
    /// call that a signal has cut short from two bytes before its return address; that
    /// does not happen to calls that never wait.
    pub fn are_at(next: u64) -> bool {
        (CODE..RESULT).contains(&next)
    }

    /// Returns the address to which the detour at `position` returns.
    fn target(&self, position: u64) -> Option<u64> {
        let into = position.checked_sub(CODE)?;
        let start = (into - into % SLOT) as usize;
        let detour = self.image.get(start..start + SLOT as usize)?;
        Some(u64::from_le_bytes(
            detour[TARGET].try_into().expect("eight bytes"),
        ))
    }

    /// Brings the detours of a stopped task's memory up to date.
    pub fn write(&self, tid: Tid, installed: &mut Installed) -> io::Result<()> {
        if let Installed::Bytes(written) = installed
            && *written < self.image.len()
        {
            memory::write(tid, CODE + *written as u64, &self.image[*written..])?;
            *written = self.image.len();
        }
        Ok(())
    }
}

/// Position of the return address in the code of a detour.
const TARGET: std::ops::Range<usize> = 14..22;

/// The kernel leaves the address behind `syscall` in RCX, and so does the detour.
fn code(next: u64) -> [u8; SLOT as usize] {
    const INT3: u8 = 0xcc;
    let mut code = [INT3; SLOT as usize];
    code[..2].copy_from_slice(&[0x0f, 0x05]); // syscall
    code[2..4].copy_from_slice(&[0x48, 0xa3]); // mov [RESULT], rax
    code[4..12].copy_from_slice(&RESULT.to_le_bytes());
    code[12..14].copy_from_slice(&[0x48, 0xb9]); // mov rcx, next
    code[TARGET].copy_from_slice(&next.to_le_bytes());
    code[22..24].copy_from_slice(&[0xff, 0xe1]); // jmp rcx
    code
}

/// Makes room for detours in the memory of a borrowed task.
pub(crate) fn install(remote: &Remote) -> io::Result<Installed> {
    let args = remote::code_area(CODE, AREA + PAGE);
    // It fails where a program limits its memory, or may not execute what it has written.
    Ok(match remote.call(libc::SYS_mmap, args)? as u64 {
        CODE => Installed::Bytes(0),
        _ => Installed::Impossible,
    })
}

impl Session<'_> {
    /// Returns the detour that the task can take for the call it is about to make.
    pub fn find_detour(&mut self, index: usize) -> Result<Option<u64>, Halt> {
        if !self.may_take_detour(index) {
            return Ok(None);
        }
        let space = self.processes[self.tasks[index].process].space;
        if let Installed::Nothing(count) = &mut self.spaces[space].detours {
            *count += 1;
            if *count < WORTHWHILE {
                return Ok(None);
            }
            let task = &self.tasks[index];
            let remote = Remote::at_entry(task.tid, task.entering.call, task.entering.args)?;
            self.spaces[space].detours = install(&remote)?;
            remote.end()?;
        }
        if self.spaces[space].detours == Installed::Impossible {
            return Ok(None);
        }
        let detours = &mut self.knowledge.detours;
        let task = &self.tasks[index];
        let found = detours.find(task.entering.next);
        detours.write(task.tid, &mut self.spaces[space].detours)?;
        // Whoever wants to see what a call gave must look before its caller goes on.
        Ok(found.filter(|_| !self.watched))
    }

    fn may_take_detour(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let (call, args) = (task.entering.call, task.entering.args);
        let waits = |task: &Task| matches!(task.state, State::Blocked | State::Frozen);
        // A pointer that the kernel cannot follow would have to be seen at once.
        calls::can_be_left_alone(
            call,
            args,
            self.tasks.iter().any(waits),
            self.sockets_linger,
        ) && (!self.is_watched(index) || calls::has_no_pointer(call) && !self.space(index).open)
            && !self.processes[task.process].filters_calls
            && task.makes_own_call()
    }

    /// Lets the task make its call, and go on to its next stop by a detour.
    pub fn take_detour(&mut self, index: usize, detour: u64) -> Result<(), Halt> {
        let task = &mut self.tasks[index];
        regs::poke(task.tid, Register::Position, detour)?;
        task.on_detour = true;
        self.run_code(index, 0)
    }

    /// A run ends while the current task computes: the call that it made before is to be in
    /// the trace.
    pub fn stop_behind_detour(&mut self) -> Result<(), Halt> {
        let current = self.current.map(|index| &self.tasks[index]);
        if let Some(task) = current.filter(|task| task.on_detour) {
            let tid = task.tid;
            tracee::interrupt(tid)?;
            self.on_stop(tid, remote::next(tid)?)?;
        }
        Ok(())
    }

    /// Before anything else is made of a stop: the call that the task has made on its way
    /// there has ended.
    pub fn end_detour(&mut self, index: usize, stop: Stop) -> Result<(), Halt> {
        // Of a task that is gone, nobody knows how far it had come.
        let is_gone = matches!(stop, Stop::Exited(_) | Stop::Killed(_));
        if !std::mem::take(&mut self.tasks[index].on_detour) || is_gone {
            return Ok(());
        }
        let tid = self.tasks[index].tid;
        let target = match stop {
            Stop::Entry => None,
            _ => (self.knowledge.detours).target(regs::peek(tid, Register::Position)?),
        };
        let result = match target {
            None => memory::read_word(tid, RESULT)?,
            // Stopped on its way: it shall be found in its program.
            Some(next) => {
                regs::poke(tid, Register::Position, next)?;
                regs::peek(tid, Register::Result)?
            }
        };
        self.record_call(index, result as i64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_in_a_detour_means_where_it_returns_to() {
        let mut detours = Detours::default();
        let (first, second) = (detours.find(0x1234).unwrap(), detours.find(0x5678).unwrap());
        assert_eq!(detours.find(0x1234), Some(first));
        assert_eq!(
            (first, second),
            (
                CODE + SYSCALL_INSTRUCTION,
                CODE + SLOT + SYSCALL_INSTRUCTION
            )
        );
        assert_eq!(detours.target(CODE - 1), None);
        for into in [0, 10, 20] {
            assert_eq!(detours.target(first + into), Some(0x1234));
            assert_eq!(detours.target(second + into), Some(0x5678));
        }
        assert_eq!(detours.target(second + SLOT), None);
    }

    #[test]
    fn there_is_room_for_as_many_as_the_area_holds() {
        let mut detours = Detours::default();
        let given = (0..AREA).map_while(|next| detours.find(next)).count();
        assert_eq!(given as u64, AREA / SLOT);
        assert_eq!(detours.find(7), Some(CODE + 7 * SLOT + SYSCALL_INSTRUCTION));
    }
}
