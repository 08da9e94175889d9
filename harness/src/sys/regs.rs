//! The registers of a stopped task, by what the x86-64 system-call convention
//! uses them for (syscall(2), "Architecture calling conventions"). What is
//! particular to this processor is here and in `filter`.

use super::Tid;
use super::tracee::peek_poke_result;
use std::io;

/// All general-purpose registers.
#[derive(Clone, Copy)]
pub(crate) struct Registers(pub libc::user_regs_struct);

/// Length of the `syscall` instruction: going back this far repeats the call.
const SYSCALL_INSTRUCTION: u64 = 2;

impl Registers {
    /// Makes the task perform `call` (again) when it is next resumed.
    pub fn enter(&mut self, call: u64, args: [u64; 6]) {
        let r = &mut self.0;
        r.rip -= SYSCALL_INSTRUCTION;
        r.rax = call;
        // Not in a call: otherwise the kernel might restart the old one.
        r.orig_rax = u64::MAX;
        [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9] = args;
    }

    /// Where the next instruction is.
    pub fn position(&self) -> u64 {
        self.0.rip
    }

    /// Goes past a `syscall` instruction that is the next one.
    pub fn pass_syscall(&mut self) {
        self.0.rip += SYSCALL_INSTRUCTION;
    }

    /// Completes a `rdtsc` (two bytes) or `rdtscp` (three) with this value.
    pub fn answer_counter(&mut self, value: u64, length: u64) {
        self.0.rax = value & 0xffff_ffff;
        self.0.rdx = value >> 32;
        if length == 3 {
            // The processor's number.
            self.0.rcx = 0;
        }
        self.0.rip += length;
    }

    /// The argument registers.
    pub fn args(&self) -> [u64; 6] {
        let r = &self.0;
        [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9]
    }

    /// What the call returned, at its exit.
    pub fn result(&self) -> i64 {
        self.0.rax as i64
    }

    /// Whether every general-purpose register is the same.
    pub fn same_as(&self, other: &Registers) -> bool {
        let (a, b) = (&self.0, &other.0);
        (a.rip, a.rsp, a.rax, a.eflags, a.rbp) == (b.rip, b.rsp, b.rax, b.eflags, b.rbp)
            && self.args() == other.args()
            && (a.rbx, a.rcx, a.r11) == (b.rbx, b.rcx, b.r11)
            && (a.r12, a.r13, a.r14, a.r15) == (b.r12, b.r13, b.r14, b.r15)
    }

    /// Stack pointer.
    pub fn stack(&self) -> u64 {
        self.0.rsp
    }

    /// Base of thread-local storage.
    pub fn thread_pointer(&self) -> u64 {
        self.0.fs_base
    }
}

/// Reads all registers of a stopped task.
pub(crate) fn read(tid: Tid) -> io::Result<Registers> {
    // SAFETY: user_regs_struct is plain integers, for which zero is a value.
    let mut regs: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one user_regs_struct to the address given, which
    // is valid for the whole call; ptrace touches no other memory of ours.
    let result = unsafe { libc::ptrace(libc::PTRACE_GETREGS, tid, 0, &raw mut regs) };
    peek_poke_result(result).map(|()| Registers(regs))
}

/// Writes all registers of a stopped task.
pub(crate) fn write(tid: Tid, regs: &Registers) -> io::Result<()> {
    // SAFETY: the kernel only reads one user_regs_struct from the address given.
    let result = unsafe { libc::ptrace(libc::PTRACE_SETREGS, tid, 0, &raw const regs.0) };
    peek_poke_result(result)
}

/// One register of the system-call convention.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Register {
    /// The call's number while it runs; -1 skips it.
    Call,
    /// The result.
    Result,
    /// An argument, from 0.
    Arg(usize),
}

/// Writes one register: 0.3 µs where [`write`] takes 1.
pub(crate) fn poke(tid: Tid, register: Register, value: u64) -> io::Result<()> {
    let offset = match register {
        Register::Call => std::mem::offset_of!(libc::user_regs_struct, orig_rax),
        Register::Result => std::mem::offset_of!(libc::user_regs_struct, rax),
        Register::Arg(0) => std::mem::offset_of!(libc::user_regs_struct, rdi),
        Register::Arg(1) => std::mem::offset_of!(libc::user_regs_struct, rsi),
        Register::Arg(2) => std::mem::offset_of!(libc::user_regs_struct, rdx),
        Register::Arg(3) => std::mem::offset_of!(libc::user_regs_struct, r10),
        Register::Arg(4) => std::mem::offset_of!(libc::user_regs_struct, r8),
        Register::Arg(_) => std::mem::offset_of!(libc::user_regs_struct, r9),
    };
    // SAFETY: POKEUSER takes its arguments by value; it touches no memory of ours.
    let result = unsafe { libc::ptrace(libc::PTRACE_POKEUSER, tid, offset, value) };
    peek_poke_result(result)
}
