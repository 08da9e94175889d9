//! Signal stacks in shared memory. The kernel writes the frame of a handler there, and reads
//! it again, at the program's own addresses, which are inaccessible.

use super::code::trampoline::SCRATCH;
use crate::inside::remote::{made, next};
use crate::run::session::{Halt, Session};
use crosswire_kernel::memory;
use crosswire_kernel::tracee::{Stop, Stopped};
use crosswire_model::End;

/// The code of a fault that no instruction of the program has caused (sigaction(2)).
const SI_KERNEL: i32 = 0x80;

impl Session<'_> {
    /// At a SIGSEGV of a task: says so if the kernel sent it because it found no room for a
    /// handler's frame, and the program would have had room.
    pub fn check_signal_stack(&mut self, index: usize) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let stopped = Stopped::reported(tid);
        if !self.is_watched(index) || stopped.fault()?.0 != SI_KERNEL {
            return Ok(());
        }
        let info = stopped.signal_info()?;
        let remote = self.borrow(index)?;
        let known = remote.call(made::SIGALTSTACK, [0, SCRATCH, 0, 0, 0, 0])?;
        let stack = memory::read_word(tid, SCRATCH)?;
        remote.end()?;
        if known == 0 && self.space(index).at(stack).is_some() {
            return Err(Halt::End(End::Invalid(format!(
                "`{}` has the stack of its signal handlers in shared memory; that is not supported",
                self.processes[self.tasks[index].process].name
            ))));
        }
        // Calls end a signal stop, so the signal has to come once more.
        Stopped::reported(tid).resume(libc::SIGSEGV);
        match next(tid)? {
            Stop::Signal(libc::SIGSEGV) => Ok(Stopped::reported(tid).set_signal_info(&info)?),
            stop => self.on_stop(tid, stop),
        }
    }
}
