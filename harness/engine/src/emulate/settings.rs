//! What a process sets for itself with prctl(2) and the kernel is not told, because the engine
//! could not follow it then.

use super::{Emulated, FAULT, INVALID};
use crate::run::session::Session;
use crosswire_kernel::memory;
use libc::{
    PR_GET_DUMPABLE, PR_GET_TSC, PR_SET_DUMPABLE, PR_SET_TSC, PR_TSC_ENABLE, PR_TSC_SIGSEGV, c_int,
};

impl Session<'_> {
    pub(super) fn process_request(&mut self, index: usize) -> Emulated {
        let [operation, value, ..] = self.tasks[index].entering.args;
        match operation as c_int {
            PR_SET_TSC | PR_GET_TSC => self.counter_request(index, operation as c_int, value),
            PR_SET_DUMPABLE | PR_GET_DUMPABLE => {
                self.dumpable_request(index, operation as c_int == PR_SET_DUMPABLE, value)
            }
            _ => Emulated::Proceed,
        }
    }

    /// Whether the program can read the time-stamp counter or gets SIGSEGV. Readings fault in
    /// any case.
    fn counter_request(&mut self, index: usize, operation: c_int, value: u64) -> Emulated {
        let task = &mut self.tasks[index];
        match (operation, value as c_int) {
            (PR_SET_TSC, PR_TSC_ENABLE) => task.counter_faults = false,
            (PR_SET_TSC, PR_TSC_SIGSEGV) => task.counter_faults = true,
            (PR_SET_TSC, _) => return INVALID,
            _ => {
                let now = match task.counter_faults {
                    true => PR_TSC_SIGSEGV,
                    false => PR_TSC_ENABLE,
                };
                if memory::write(task.tid, value, &now.to_ne_bytes()).is_err() {
                    return FAULT;
                }
            }
        }
        Emulated::Answer(0)
    }

    /// Whether others may look into the process: an unprivileged harness must.
    fn dumpable_request(&mut self, index: usize, sets: bool, value: u64) -> Emulated {
        let process = self.tasks[index].process;
        let dumpable = &mut self.processes[process].dumpable;
        match (sets, value) {
            (true, 0 | 1) => *dumpable = value != 0,
            (true, _) => return INVALID,
            // What the kernel says of it may have another reason, a change of ids.
            (false, _) if *dumpable => return Emulated::Proceed,
            (false, _) => {}
        }
        Emulated::Answer(0)
    }
}
