//! What is particular to the processor: a file for each, chosen by the target of the build.
//!
//! For another processor, add a file beside `x86_64.rs` that offers the same:
//!
//! * [`Registers`]: the general-purpose registers by their roles, and [`GENERAL`], how many of them
//!   instructions can name. [`Register`]: one of those that a system call concerns.
//! * [`Extended`], with [`DifferentVectors`] and [`VECTORS`]: the floating-point and vector
//!   registers.
//! * `read`, `write`, `peek`, `poke`, `extended` and `write_extended`: the requests of ptrace(2) that
//!   transfer them. By number, so for [`Stopped`](crate::tracee::Stopped) alone.
//! * [`SYSCALL`] and [`SYSCALL_LENGTH`]: the instruction that makes a system call.
//! * [`NATIVE_ARCHITECTURE`]: what seccomp(2) calls the processor.
//! * [`SETS_SEGMENT`] and [`GETS_SEGMENT`]: the calls that concern the segment of the engine's.
//!
//! No trait says so: a build has one processor, and the compiler names what a file lacks.
//!
//! The rest that knows x86-64 decodes instructions or writes code: `kernel/src/counter.rs` and
//! `engine/src/emulate/time/tsc.rs` (the time-stamp counter), `calls/src/table_x86_64.rs` (calls that
//! only it has), `engine/src/inside/stubs.rs` and `vdso.rs`, `engine/src/image/assembler.rs`,
//! `engine/src/memory/code/`, `strings.rs` and `tso/`, `engine/src/loops/` (the flow of data), and
//! `symbols/src/unwind.rs`.

#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "x86_64")]
use x86_64 as processor;

#[cfg(not(target_arch = "x86_64"))]
compile_error!(
    "Crosswire does not know this processor: add a file for it to `harness/kernel/src/arch`, with \
     what `arch/mod.rs` lists"
);

pub use processor::{
    DifferentVectors, Extended, GENERAL, GETS_SEGMENT, NATIVE_ARCHITECTURE, Register, Registers,
    SETS_SEGMENT, SYSCALL, SYSCALL_LENGTH, VECTORS,
};
pub(crate) use processor::{extended, peek, poke, read, write, write_extended};
