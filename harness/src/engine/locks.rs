//! File locks. When several wait for one lock and it becomes free, the kernel
//! wakes them all and they fight over it: whoever is faster gets it, and no seed
//! decides that. So no task waits for a lock inside the kernel: a waiting request
//! is turned into an immediate one, and a task that is refused is held and tries
//! again when the scheduler picks it.

use super::emulate::Emulated;
use super::session::{Completed, Halt, Session};
use super::task::State;
use crate::sys::descriptor;
use crate::sys::regs::{self, Register};
use libc::*;

/// `F_OFD_SETLKW` and `F_OFD_SETLK` of linux/fcntl.h.
const OFD_WAIT: u64 = F_OFD_SETLKW as u64;
const OFD_TRY: u64 = F_OFD_SETLK as u64;

impl Session<'_> {
    /// Turns a waiting lock request into an immediate one.
    pub fn attempt_lock(&mut self, index: usize) -> Result<Emulated, Halt> {
        let task = &mut self.tasks[index];
        let asked = task.entering.args[1];
        let immediate = match c_long::from(task.entering.call) {
            SYS_flock if asked as c_int & (LOCK_SH | LOCK_EX) != 0 => asked | LOCK_NB as u64,
            SYS_fcntl if asked == F_SETLKW as u64 => F_SETLK as u64,
            SYS_fcntl if asked == OFD_WAIT => OFD_TRY,
            _ => asked,
        };
        if immediate == asked {
            return Ok(Emulated::Proceed);
        }
        regs::poke(task.tid, Register::Arg(1), immediate)?;
        task.restore = Some((Register::Arg(1), asked));
        task.lock_attempt = true;
        Ok(Emulated::Proceed)
    }

    /// A task found its lock taken: it is held until it may be free.
    pub fn park(&mut self, index: usize) -> Result<(), Halt> {
        if self.closes_lock_cycle(index) {
            let result = -i64::from(EDEADLK);
            regs::poke(self.tasks[index].tid, Register::Result, result as u64)?;
            self.completed.push(Completed {
                task: index,
                result,
            });
            return Ok(());
        }
        self.repeat_call(index)?;
        let task = &mut self.tasks[index];
        let stopped = task.take_stopped().expect("it is at the call's end");
        task.state = State::Parked(stopped);
        // 0 means "to be tried", so the count starts at 1.
        task.lock_seen = self.locks_released;
        self.record_block(index);
        Ok(())
    }

    /// Whether waiting for a record lock would close a cycle of processes that wait
    /// for each other's: the kernel answers EDEADLK then (fcntl(2), F_SETLKW), and
    /// cannot see it here because nobody waits inside the kernel.
    fn closes_lock_cycle(&self, index: usize) -> bool {
        let mut at = index;
        for _ in 0..self.tasks.len() {
            let Some(holder) = self.record_lock_holder(at) else {
                return false;
            };
            if holder == self.tasks[index].process {
                return true;
            }
            let waits = |t: &&super::task::Task| {
                t.process == holder && matches!(t.state, State::Parked(_))
            };
            match self.tasks.iter().find(waits) {
                Some(task) => at = task.id.index(),
                None => return false,
            }
        }
        false
    }

    /// The process whose record lock a task waits for.
    fn record_lock_holder(&self, index: usize) -> Option<usize> {
        let task = &self.tasks[index];
        let [number, command, request, ..] = task.entering.args;
        if c_long::from(task.entering.call) != SYS_fcntl || command != F_SETLKW as u64 {
            return None;
        }
        let pid = self.processes[task.process].pid;
        let holder = descriptor::record_lock_holder(pid, task.tid, number as i32, request)?;
        self.processes.iter().position(|process| process.pid == holder)
    }

    /// A signal reaches a task that is held before a lock.
    pub fn disturb_lock(&mut self, index: usize) -> Result<(), Halt> {
        self.tasks[index].signal_waits = false;
        // Undoes what `park` did: the task stands at the end of its call again.
        let mut registers = regs::read(self.tasks[index].tid)?;
        registers.pass_syscall();
        regs::write(self.tasks[index].tid, &registers)?;
        self.end_as_interrupted(index)
    }

    /// A held task tries again.
    pub fn retry_lock(&mut self, index: usize) -> Result<(), Halt> {
        // It stands just before its call, and stops at its entry at once.
        self.run_code(index, 0)?;
        let is_lock = |call: u32| matches!(c_long::from(call), SYS_flock | SYS_fcntl);
        if matches!(self.tasks[index].state, State::Ready(super::task::At::Entry, _))
            && is_lock(self.tasks[index].entering.call)
        {
            self.emulate(index)?;
            return self.enter(index);
        }
        Ok(())
    }
}
