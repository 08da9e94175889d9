//! Calls that concern the caller alone and are no schedule points, but that the engine
//! has to see: they change mappings, have pointers into watched memory, or would take
//! the engine's signal or segment.

use crate::run::session::{Halt, Session};
use crosswire_kernel::tracee::Stopped;
use crosswire_kernel::{filter, memory, probe};
use libc::*;

/// The kernel's `struct sigaction`: handler, flags, restorer, mask.
pub(crate) type Action = [u8; 32];

// asm/prctl.h; the libc crate lacks them.
const ARCH_SET_GS: u64 = 0x1001;
const ARCH_GET_GS: u64 = 0x1004;

/// The handler that ignores a signal.
const IGNORE: u64 = 1;

impl Session<'_> {
    /// Performs the call at which a task stands if it is one of those.
    pub fn pass_quiet_call(&mut self, index: usize) -> Result<bool, Halt> {
        let entering = self.tasks[index].entering;
        let call = c_long::from(entering.call);
        let maps_privately = call == SYS_mmap && entering.args[3] & MAP_SHARED as u64 == 0;
        if !filter::is_private(entering.call) && !maps_privately {
            return Ok(false);
        }
        if call == SYS_arch_prctl && matches!(entering.args[0], ARCH_SET_GS | ARCH_GET_GS) {
            return Err(self.uses_segment(index));
        }
        if call == SYS_rt_sigaction {
            self.note_handler(index);
        }
        if call == SYS_mremap {
            self.place_mapping(index)?;
        }
        let Some(stopped) = self.tasks[index].take_stopped() else {
            return Ok(true);
        };
        self.tasks[index].unobserved = true;
        stopped.resume_to_exit();
        self.settle(true)?;
        self.follow_mapping(index)?;
        Ok(true)
    }

    /// Takes note of what the program wants done with SIGSEGV.
    fn note_handler(&mut self, index: usize) {
        let task = &self.tasks[index];
        let [signal, action, ..] = task.entering.args;
        if signal as c_int != SIGSEGV || action == 0 {
            return;
        }
        let action: Option<Action> = memory::read_exact(task.tid, action).ok();
        let process = task.process;
        self.processes[process].fault_action = action.filter(|a| a[..8] != [0; 8]);
    }

    /// At an access: a fault takes the program's handler for SIGSEGV away if the program
    /// blocks the signal, and unblocks it (force_sig_info_to_task in kernel/signal.c).
    /// Both are put back.
    pub fn keep_handler(&mut self, index: usize) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let Some(action) = self.processes[task.process].fault_action else {
            return Ok(());
        };
        let tid = task.tid;
        if probe::handles(tid, SIGSEGV) {
            return Ok(());
        }
        let remote = self.borrow(index)?;
        memory::write(tid, super::trampoline::SCRATCH, &action)?;
        let args = [SIGSEGV as u64, super::trampoline::SCRATCH, 0, 8, 0, 0];
        remote.must("restoring a signal handler", SYS_rt_sigaction, args)?;
        remote.end()?;
        if u64::from_ne_bytes(action[..8].try_into().expect("eight bytes")) == IGNORE {
            return Ok(());
        }
        let stopped = Stopped::reported(tid);
        stopped.set_signal_mask(stopped.signal_mask()? | 1 << (SIGSEGV - 1))?;
        Ok(())
    }
}
