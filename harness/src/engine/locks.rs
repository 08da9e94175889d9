//! File locks. When several wait for one lock and it becomes free, the kernel
//! wakes them all and they fight over it: whoever is faster gets it, and no seed
//! decides that. So no task waits for a lock inside the kernel: a waiting request
//! is turned into an immediate one, and a task that is refused is held and tries
//! again when the scheduler picks it.

use super::emulate::Emulated;
use super::session::{Halt, Session};
use super::task::State;
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
        if immediate == asked || std::mem::take(&mut task.lock_for_real) {
            return Ok(Emulated::Proceed);
        }
        regs::poke(task.tid, Register::Arg(1), immediate)?;
        task.restore = Some((Register::Arg(1), asked));
        task.lock_attempt = true;
        Ok(Emulated::Proceed)
    }

    /// A task found its lock taken: it is held until it may be free.
    pub fn park(&mut self, index: usize) -> Result<(), Halt> {
        self.repeat_call(index)?;
        let task = &mut self.tasks[index];
        let stopped = task.take_stopped().expect("it is at the call's end");
        task.state = State::Parked(stopped);
        // 0 means "to be tried", so the count starts at 1.
        task.lock_seen = self.locks_released;
        self.record_block(index);
        Ok(())
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
