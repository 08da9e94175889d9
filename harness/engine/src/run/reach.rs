//! Calls by which a program would get out of the engine's reach.

use crate::run::session::{Halt, Session};
use crosswire_calls::{Arg, Does, Filtering};
use crosswire_kernel::arch::Register;
use crosswire_kernel::{Tid, memory};
use crosswire_model::End;
use libc::{
    BPF_K, BPF_RET, CLONE_UNTRACED, ENOSYS, SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO,
    SECCOMP_RET_TRACE,
};

/// Bytes of an instruction of a filter, `struct sock_filter`.
const INSTRUCTION: u64 = 8;

impl Session<'_> {
    /// Changes the call that a task is about to make so that nothing gets out of reach.
    ///
    /// # Errors
    /// If that is not possible: the run is invalid.
    pub fn keep_in_reach(&mut self, index: usize) -> Result<(), Halt> {
        let entering = self.tasks[index].entering;
        let (does, args) = (entering.row().does, entering.args);
        if does == Does::Fork {
            return self.keep_traced(index);
        }
        match crosswire_calls::filtering(does, &args) {
            None => Ok(()),
            Some(Filtering::Strict) => Err(self.refuse(index, "enters seccomp's strict mode")),
            Some(Filtering::Program { listener: true, .. }) => Err(self.refuse(
                index,
                "lets another task decide about its system calls \
                 (SECCOMP_FILTER_FLAG_NEW_LISTENER)",
            )),
            Some(Filtering::Program { argument, .. }) => self.adapt_filter(index, args[argument]),
        }
    }

    /// Says in whose name the run is invalid, and why.
    fn refuse(&self, index: usize, what: &str) -> Halt {
        let name = &self.processes[self.tasks[index].process].name;
        Halt::End(End::Invalid(format!(
            "`{name}` {what}; Crosswire cannot run such a program"
        )))
    }

    /// A new task is traced even if its creator does not want that (clone(2)).
    fn keep_traced(&mut self, index: usize) -> Result<(), Halt> {
        const UNTRACED: u64 = CLONE_UNTRACED as u64;
        let (tid, args) = (self.tasks[index].tid, self.tasks[index].entering.args);
        match self.tasks[index].entering.row().args.first() {
            // clone(2)
            Some(Arg::Bits) if args[0] & UNTRACED != 0 => {
                let stopped = self.tasks[index].stopped()?;
                stopped.poke(Register::Arg(0), args[0] & !UNTRACED)?;
            }
            // clone3(2)
            Some(Arg::Given) => match memory::read_word(tid, args[0]) {
                Ok(flags) if flags & UNTRACED != 0 => {
                    self.replace_word(index, args[0], flags & !UNTRACED)?;
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// What a filter hands to a tracer fails with ENOSYS where there is none (seccomp(2)): the
    /// program does not know of this one, whose filter says the same.
    fn adapt_filter(&mut self, index: usize, at: u64) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let Some((length, first)) = program_of_filter(tid, at) else {
            return Ok(());
        };
        for instruction in 0..length {
            let at = first + INSTRUCTION * instruction;
            let Ok(word) = memory::read_word(tid, at) else {
                return Ok(());
            };
            let (code, value) = (word as u32 & 0xffff, (word >> 32) as u32);
            if code == BPF_RET | BPF_K && value & SECCOMP_RET_ACTION_FULL == SECCOMP_RET_TRACE {
                let fails = u64::from(SECCOMP_RET_ERRNO | ENOSYS as u32);
                self.replace_word(index, at, word & 0xffff_ffff | fails << 32)?;
            }
        }
        Ok(())
    }

    /// Changes a word of the program's memory for the call that it is about to make.
    fn replace_word(&mut self, index: usize, at: u64, word: u64) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let before = memory::read_word(tid, at)?;
        self.tasks[index].put_back(at, &before.to_ne_bytes());
        // It may stand where the program itself cannot write.
        if memory::write(tid, at, &word.to_ne_bytes()).is_err() {
            self.tasks[index].stopped()?.write_code(at, word)?;
        }
        Ok(())
    }
}

/// Returns number and address of the instructions of a `struct sock_fprog`.
fn program_of_filter(tid: Tid, at: u64) -> Option<(u64, u64)> {
    let bytes: [u8; 16] = memory::read_exact(tid, at).ok()?;
    let (length, first) = bytes.split_at(8);
    let length = u16::from_ne_bytes(length[..2].try_into().ok()?);
    Some((length.into(), u64::from_ne_bytes(first.try_into().ok()?)))
}
