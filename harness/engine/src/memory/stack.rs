//! Signal stacks in shared memory. The kernel writes the frame of a handler there, and reads
//! it again, at the program's own addresses, which are inaccessible.

use super::code::trampoline::SCRATCH;
use crate::inside::remote::{made, next};
use crate::run::session::{Halt, Session};
use crate::run::task::State;
use crosswire_kernel::memory;
use crosswire_kernel::tracee::{Report, Stop};
use crosswire_model::End;

/// The code of a fault that no instruction of the program has caused (sigaction(2)).
const SI_KERNEL: i32 = 0x80;

impl Session<'_> {
    /// Tells whether a stopped task has its stack in shared memory.
    pub(super) fn has_shared_stack(&self, index: usize) -> bool {
        let stopped = self.tasks[index].stopped();
        let registers = stopped.and_then(|stopped| stopped.registers());
        registers.is_ok_and(|registers| self.space(index).at(registers.stack()).is_some())
    }

    /// At a SIGSEGV of a task: says so if the kernel sent it because it found no room for a
    /// handler's frame, and the program would have had room. Returns whether the task still
    /// stands at the signal.
    pub fn check_signal_stack(&mut self, index: usize) -> Result<bool, Halt> {
        let tid = self.tasks[index].tid;
        let stopped = self.tasks[index].stopped()?;
        if !self.is_watched(index) || stopped.fault()?.0 != SI_KERNEL {
            return Ok(true);
        }
        let info = stopped.signal_info()?;
        let mut remote = self.borrow(index)?;
        let known = remote.call(made::SIGALTSTACK, [0, SCRATCH, 0, 0, 0, 0])?;
        let stack = memory::read_word(tid, SCRATCH)?;
        self.give_back(index, remote)?;
        if known == 0 && self.space(index).at(stack).is_some() {
            return Err(Halt::End(End::Invalid(format!(
                "`{}` has the stack of its signal handlers in shared memory; that is not supported",
                self.processes[self.tasks[index].process].name
            ))));
        }
        // Calls end a signal stop, so the signal has to come once more.
        self.tasks[index].take_stopped()?.resume(libc::SIGSEGV)?;
        match next(tid)? {
            Report::Stopped(stopped, Stop::Signal(libc::SIGSEGV)) => {
                stopped.set_signal_info(&info)?;
                self.tasks[index].state = State::Reported(stopped);
                Ok(true)
            }
            report => self.on_report(report).map(|()| false),
        }
    }
}
