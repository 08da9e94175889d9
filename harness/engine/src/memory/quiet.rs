//! Calls that concern the caller alone and are no schedule points, but that the engine
//! has to see: they change mappings, have pointers into watched memory, or would take
//! the engine's signal or segment.

use super::Action;
use crate::inside::remote::made;
use crate::run::session::{Halt, Session};
use crosswire_calls::{Does, Fact, Mapping};
use crosswire_kernel::tracee::Stopped;
use crosswire_kernel::{memory, probe};
use libc::{MAP_SHARED, SIGSEGV, c_int};

// asm/prctl.h; the libc crate lacks them.
const ARCH_SET_GS: u64 = 0x1001;
const ARCH_GET_GS: u64 = 0x1004;

/// The handler that ignores a signal.
const IGNORE: u64 = 1;

impl Session<'_> {
    /// Performs the call at which a task stands if it is one of those.
    pub fn pass_quiet_call(&mut self, index: usize) -> Result<bool, Halt> {
        let entering = self.tasks[index].entering;
        let row = entering.row();
        let maps_privately =
            row.does == Does::Map(Mapping::Map) && entering.args[3] & MAP_SHARED as u64 == 0;
        if !row.is(Fact::Private) && !maps_privately {
            return Ok(false);
        }
        match row.does {
            Does::Segment if matches!(entering.args[0], ARCH_SET_GS | ARCH_GET_GS) => {
                return Err(self.uses_segment(index));
            }
            Does::SignalAction => self.note_handler(index),
            Does::Map(Mapping::Move) => self.place_mapping(index)?,
            _ => {}
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
        memory::write(tid, super::code::trampoline::SCRATCH, &action)?;
        let args = [SIGSEGV as u64, super::code::trampoline::SCRATCH, 0, 8, 0, 0];
        remote.must("restoring a signal handler", made::SIGACTION, args)?;
        remote.end()?;
        if u64::from_ne_bytes(action[..8].try_into().expect("eight bytes")) == IGNORE {
            return Ok(());
        }
        let stopped = Stopped::reported(tid);
        stopped.set_signal_mask(stopped.signal_mask()? | 1 << (SIGSEGV - 1))?;
        Ok(())
    }
}
