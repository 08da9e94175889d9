//! x86-64: its registers, by what the system-call convention uses them for (syscall(2),
//! "Architecture calling conventions"), and what else is particular to it.

mod extended;

pub use extended::{DifferentVectors, Extended, VECTORS};

use crate::Tid;
use crate::request::done;
use std::io;

/// All general-purpose registers.
#[derive(Debug, Clone, Copy)]
pub struct Registers(pub libc::user_regs_struct);

impl Default for Registers {
    /// All zero.
    fn default() -> Registers {
        // SAFETY: user_regs_struct is plain integers, for which zero is a value.
        Registers(unsafe { std::mem::zeroed() })
    }
}

/// The instruction that makes a system call.
pub const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// Length of that instruction: going back this far repeats the call.
pub const SYSCALL_LENGTH: u64 = SYSCALL.len() as u64;

/// `AUDIT_ARCH_X86_64` (linux/audit.h).
pub const NATIVE_ARCHITECTURE: u32 = 0xC000_003E;

/// `ARCH_SET_GS` (linux/arch/x86/include/uapi/asm/prctl.h): the operation of arch_prctl(2) that sets
/// the base of the segment which programs leave alone. The libc crate lacks it.
pub const SETS_SEGMENT: u32 = 0x1001;

/// `ARCH_GET_GS`: the operation that tells it.
pub const GETS_SEGMENT: u32 = 0x1004;

/// Number of general-purpose registers.
pub const GENERAL: usize = 16;

impl Registers {
    /// Makes the task perform `call` (again) when it is next resumed.
    pub fn enter(&mut self, call: u64, args: [u64; 6]) {
        let r = &mut self.0;
        r.rip -= SYSCALL_LENGTH;
        r.rax = call;
        // Not in a call: otherwise the kernel might restart the old one.
        r.orig_rax = u64::MAX;
        [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9] = args;
    }

    /// Tells whether the task runs 64-bit code, by the kernel's code segment for it
    /// (`__USER_CS` of asm/segment.h).
    pub fn is_64_bit(&self) -> bool {
        self.0.cs == 0x33
    }

    /// Returns the address of the next instruction.
    pub fn position(&self) -> u64 {
        self.0.rip
    }

    /// Moves to another instruction, in no call.
    pub fn move_to(&mut self, position: u64) {
        self.0.rip = position;
        // Otherwise the kernel might restart a call that was cut short.
        self.0.orig_rax = u64::MAX;
    }

    /// Comes back from a call, as the kernel does: the address is in RCX, too.
    pub fn return_from_call(&mut self, next: u64, result: u64) {
        let r = &mut self.0;
        (r.rax, r.rip, r.rcx, r.orig_rax) = (result, next, next, u64::MAX);
    }

    /// Goes back from a function that keeps nothing on the stack, to the call instruction that
    /// ends before `caller`.
    pub fn return_before(&mut self, caller: u64) {
        self.0.rip = caller.wrapping_sub(1);
        self.0.rsp = self.0.rsp.wrapping_add(8);
    }

    /// Makes the task perform a call with the `syscall` instruction at `gadget`.
    pub fn enter_at(&mut self, gadget: u64, call: u64, args: [u64; 6]) {
        self.0.rip = gadget + SYSCALL_LENGTH;
        self.enter(call, args);
    }

    /// Returns a general-purpose register by its number in instructions: RAX, RCX, RDX,
    /// RBX, RSP, RBP, RSI, RDI, R8 to R15.
    pub fn general(&self, number: usize) -> u64 {
        let r = &self.0;
        [
            r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11,
            r.r12, r.r13, r.r14, r.r15,
        ][number % GENERAL]
    }

    /// Sets a general-purpose register; see [`Registers::general`].
    pub fn set_general(&mut self, number: usize, value: u64) {
        let r = &mut self.0;
        let registers = [
            &mut r.rax, &mut r.rcx, &mut r.rdx, &mut r.rbx, &mut r.rsp, &mut r.rbp, &mut r.rsi,
            &mut r.rdi, &mut r.r8, &mut r.r9, &mut r.r10, &mut r.r11, &mut r.r12, &mut r.r13,
            &mut r.r14, &mut r.r15,
        ];
        *registers[number % GENERAL] = value;
    }

    /// Source, destination and count of string instructions.
    pub fn string(&self) -> (u64, u64, u64) {
        (self.0.rsi, self.0.rdi, self.0.rcx)
    }

    /// See [`Registers::string`].
    pub fn set_string(&mut self, (source, destination, count): (u64, u64, u64)) {
        (self.0.rsi, self.0.rdi, self.0.rcx) = (source, destination, count);
    }

    /// Tells whether string instructions move towards lower addresses.
    pub fn goes_down(&self) -> bool {
        const DIRECTION: u64 = 1 << 10;
        self.0.eflags & DIRECTION != 0
    }

    /// Tells whether the last comparison found equality.
    pub fn found_equal(&self) -> bool {
        const ZERO: u64 = 1 << 6;
        self.0.eflags & ZERO != 0
    }

    /// Goes past a `syscall` instruction that is the next one.
    pub fn pass_syscall(&mut self) {
        self.0.rip += SYSCALL_LENGTH;
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

    /// Returns the argument registers.
    pub fn args(&self) -> [u64; 6] {
        let r = &self.0;
        [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9]
    }

    /// Returns the flags, without those that faults and single steps set.
    pub fn flags(&self) -> u64 {
        /// The trap and resume flags.
        const OF_DEBUGGING: u64 = 1 << 8 | 1 << 16;
        self.0.eflags & !OF_DEBUGGING
    }

    /// Base of the GS segment.
    pub fn segment_base(&self) -> u64 {
        self.0.gs_base
    }

    /// Returns the registers needed to start unwinding: instruction, stack and frame
    /// pointer.
    pub fn for_unwinding(&self) -> [u64; 3] {
        [self.0.rip, self.0.rsp, self.0.rbp]
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
    let mut regs = Registers::default();
    // SAFETY: the kernel writes one user_regs_struct to the address given, which
    // is valid for the whole call; ptrace touches no other memory of ours.
    let result = unsafe { libc::ptrace(libc::PTRACE_GETREGS, tid, 0, &raw mut regs.0) };
    done(result).map(|()| regs)
}

/// `NT_X86_XSTATE` of linux/elf.h.
const XSTATE: libc::c_int = 0x202;

/// Reads the floating-point and vector registers of a stopped task, in the processor's own
/// form (Intel SDM volume 1, section 13.4).
pub(crate) fn extended(tid: Tid) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0u8; 16 << 10];
    let mut room = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: the kernel writes at most `iov_len` bytes to `iov_base`, which `bytes` has, and
    // the length that it has written to the iovec; both live for the whole call.
    let result = unsafe { libc::ptrace(libc::PTRACE_GETREGSET, tid, XSTATE, &raw mut room) };
    done(result)?;
    bytes.truncate(room.iov_len);
    Ok(bytes)
}

/// Writes what [`extended`] has read.
pub(crate) fn write_extended(tid: Tid, bytes: &[u8]) -> io::Result<()> {
    let mut given = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: the kernel only reads `iov_len` bytes from `iov_base`, which `bytes` has; both live
    // for the whole call.
    let result = unsafe { libc::ptrace(libc::PTRACE_SETREGSET, tid, XSTATE, &raw mut given) };
    done(result)
}

/// Writes all registers of a stopped task.
pub(crate) fn write(tid: Tid, regs: &Registers) -> io::Result<()> {
    // SAFETY: the kernel only reads one user_regs_struct from the address given.
    let result = unsafe { libc::ptrace(libc::PTRACE_SETREGS, tid, 0, &raw const regs.0) };
    done(result)
}

/// One register of the system-call convention.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Register {
    /// The call's number while it runs; -1 skips it.
    Call,
    /// The result.
    Result,
    /// Address of the next instruction.
    Position,
    /// The base of the GS segment.
    SegmentBase,
    /// An argument, from 0.
    Arg(usize),
}

/// Writes one register.
pub(crate) fn poke(tid: Tid, register: Register, value: u64) -> io::Result<()> {
    // SAFETY: POKEUSER takes its arguments by value; it touches no memory of ours.
    let result = unsafe { libc::ptrace(libc::PTRACE_POKEUSER, tid, offset(register), value) };
    done(result)
}

/// Reads one register.
pub(crate) fn peek(tid: Tid, register: Register) -> io::Result<u64> {
    // The result may be -1, so errno tells (ptrace(2)).
    nix::errno::Errno::clear();
    // SAFETY: PEEKUSER takes its arguments by value, and returns the value.
    let value = unsafe { libc::ptrace(libc::PTRACE_PEEKUSER, tid, offset(register), 0) };
    match nix::errno::Errno::last_raw() {
        0 => Ok(value as u64),
        _ if value != -1 => Ok(value as u64),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Returns the offset of a register in the kernel's `struct user`.
fn offset(register: Register) -> usize {
    match register {
        Register::Call => std::mem::offset_of!(libc::user_regs_struct, orig_rax),
        Register::Result => std::mem::offset_of!(libc::user_regs_struct, rax),
        Register::Arg(0) => std::mem::offset_of!(libc::user_regs_struct, rdi),
        Register::Arg(1) => std::mem::offset_of!(libc::user_regs_struct, rsi),
        Register::Arg(2) => std::mem::offset_of!(libc::user_regs_struct, rdx),
        Register::Arg(3) => std::mem::offset_of!(libc::user_regs_struct, r10),
        Register::Arg(4) => std::mem::offset_of!(libc::user_regs_struct, r8),
        Register::Arg(_) => std::mem::offset_of!(libc::user_regs_struct, r9),
        Register::Position => std::mem::offset_of!(libc::user_regs_struct, rip),
        Register::SegmentBase => std::mem::offset_of!(libc::user_regs_struct, gs_base),
    }
}
