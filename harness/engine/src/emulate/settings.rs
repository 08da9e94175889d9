//! What a process sets for itself with prctl(2) and the kernel is not told, because the engine
//! could not follow it then; and what the engine has set, which the program is not to see as its
//! own: programs start with `no_new_privs` and a filter of their system calls.

use super::{Emulated, FAULT, INVALID};
use crate::run::session::Session;
use crosswire_calls::{Does, Filtering};
use crosswire_kernel::{memory, probe};
use libc::{
    EACCES, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_GET_TSC, PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS, PR_SET_TSC, PR_TSC_ENABLE, PR_TSC_SIGSEGV, SECCOMP_FILTER_FLAG_TSYNC,
    SECCOMP_MODE_DISABLED, SECCOMP_MODE_FILTER, c_int,
};

/// Number of `CAP_SYS_ADMIN` (linux/capability.h).
const CAP_SYS_ADMIN: u32 = 21;

/// Filters that a program is started with.
const STARTED_WITH: u64 = 1;

/// All flags of seccomp(2) with which a filter is added (linux/seccomp.h).
const FILTER_FLAGS: u64 = 0x3f;

/// As many instructions as a filter may have (`BPF_MAXINSNS` of linux/bpf_common.h).
const MOST_INSTRUCTIONS: u16 = 4096;

impl Session<'_> {
    pub(super) fn process_request(&mut self, index: usize) -> Emulated {
        let [operation, value, rest @ ..] = self.tasks[index].entering.args;
        match operation as c_int {
            PR_SET_NO_NEW_PRIVS if value == 1 && rest[..3] == [0; 3] => {
                self.tasks[index].no_new_privs = true;
                Emulated::Answer(0)
            }
            PR_GET_NO_NEW_PRIVS if value == 0 && rest[..3] == [0; 3] => {
                Emulated::Answer(self.tasks[index].no_new_privs.into())
            }
            PR_SET_NO_NEW_PRIVS | PR_GET_NO_NEW_PRIVS => INVALID,
            PR_GET_SECCOMP => Emulated::Answer(self.filtering(index).0.into()),
            PR_SET_TSC | PR_GET_TSC => self.counter_request(index, operation as c_int, value),
            PR_SET_DUMPABLE | PR_GET_DUMPABLE => {
                self.dumpable_request(index, operation as c_int == PR_SET_DUMPABLE, value)
            }
            _ => self.filter_request(index),
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

    /// A task adds a filter of its system calls, perhaps: without `CAP_SYS_ADMIN` only after
    /// `PR_SET_NO_NEW_PRIVS` (seccomp(2)). Of a request that is wrong otherwise the kernel says so.
    pub(super) fn filter_request(&mut self, index: usize) -> Emulated {
        let task = &self.tasks[index];
        let (does, args) = (task.entering.row().does, task.entering.args);
        let Some(Filtering::Program { argument, .. }) = crosswire_calls::filtering(does, &args)
        else {
            return Emulated::Proceed;
        };
        // prctl(2) takes none.
        let flags = if does == Does::Filter { args[1] } else { 0 };
        let length = memory::read_exact(task.tid, args[argument]).map(u16::from_ne_bytes);
        let is_right = flags & !FILTER_FLAGS == 0
            && length.is_ok_and(|length| (1..=MOST_INSTRUCTIONS).contains(&length));
        if !is_right {
            return Emulated::Proceed;
        }
        if !task.no_new_privs {
            return match probe::has_capability(task.tid, CAP_SYS_ADMIN) {
                true => Emulated::Proceed,
                false => Emulated::Answer(-i64::from(EACCES)),
            };
        }
        if flags & SECCOMP_FILTER_FLAG_TSYNC != 0 {
            let process = task.process;
            for thread in self.tasks.iter_mut().filter(|task| task.process == process) {
                thread.no_new_privs = true;
            }
        }
        Emulated::Proceed
    }

    /// Returns the mode of seccomp(2) that a task has by its own filters, and their number.
    pub(crate) fn filtering(&self, index: usize) -> (u32, u64) {
        let task = &self.tasks[index];
        let of_harness = STARTED_WITH + self.processes[task.process].added_filters;
        match probe::filters(task.tid).saturating_sub(of_harness) {
            0 => (SECCOMP_MODE_DISABLED, 0),
            own => (SECCOMP_MODE_FILTER, own),
        }
    }
}
