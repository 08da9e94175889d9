//! What the engine keeps for each task about shared memory.

use crosswire_kernel::arch::Register;

/// An access that a task is about to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Address at which the processor met the fault.
    pub address: u64,
    /// Index of the instruction's trampoline.
    pub trampoline: usize,
    /// The trampoline has failed: the instruction must be performed in its place.
    pub stepped: bool,
    /// The page has yet to be allocated, as far as that was asked.
    pub unbacked: bool,
    /// It stores, and waits in the task's buffer.
    pub(super) delayed: bool,
    /// It would wait there if there were not too many stores already.
    pub(super) refused: bool,
    /// The word there, if it was read with the instruction.
    pub(super) word: Option<Foreseen>,
}

/// A word of shared memory that stays until the next step, unless something happens
/// between the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Foreseen {
    pub(super) word: u64,
    pub(super) step: u64,
    /// The number of signals sent, which counts expiries of timers, too.
    pub(super) signals_sent: u64,
}

/// An access under way: its event, and the memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Performing {
    pub(super) event: usize,
    pub(super) address: u64,
    pub(super) size: u64,
    /// The word there, read when the task came to its next access.
    pub(super) left: Option<u64>,
}

/// Changes for a call that are undone when it ends.
#[derive(Debug, Default)]
pub(crate) struct Borrowed {
    pub(super) registers: Vec<(Register, u64)>,
    pub(super) words: Vec<(u64, u64)>,
    /// A pointer leads to memory of which only a part is watched.
    pub(super) partly: bool,
}

impl Borrowed {
    /// Notes the program's own value of a register, unless it is noted already.
    pub(super) fn remember(&mut self, register: Register, value: u64) {
        if !self.registers.iter().any(|(known, _)| *known == register) {
            self.registers.push((register, value));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.registers.is_empty() && self.words.is_empty()
    }

    /// The program's own value of an argument, given what the call uses.
    pub fn own(&self, argument: usize, used: u64) -> u64 {
        let own = |(register, _): &&(Register, u64)| *register == Register::Arg(argument);
        self.registers
            .iter()
            .find(own)
            .map_or(used, |(_, value)| *value)
    }
}

/// The kernel's `struct sigaction`: handler, flags, restorer, mask.
pub(crate) type Action = [u8; 32];
