//! Proofs that a loop is endless: performed once more, it returns to the same registers
//! and leaves memory unchanged. Since no other task changes anything, it will do so
//! forever.

use crate::inside::remote::{block_signals, next};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_kernel::regs::{self, Registers};
use crosswire_kernel::tracee::{Stop, Stopped};
use crosswire_kernel::{Tid, memory};
use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic,
    OpAccess, Register,
};
use std::collections::HashMap;
use std::io;

/// Instructions within which a loop is expected to come round.
const INSTRUCTIONS: u32 = 5_000;

impl Session<'_> {
    /// Performs a loop once, from the access at which the task stands, and undoes it
    /// unless it has left everything as it was.
    pub(super) fn is_endless(&mut self, index: usize) -> Result<bool, Halt> {
        let tid = self.tasks[index].tid;
        self.set_open(index, true)?;
        let mask = block_signals(tid)?;
        let first = regs::read(tid)?;
        let mut written: HashMap<u64, u8> = HashMap::new();
        let came_round = go_round(tid, &first, &mut written)?;
        let mut unchanged = true;
        for (&address, &byte) in &written {
            let now: [u8; 1] = memory::read_exact(tid, address)?;
            if now[0] != byte {
                unchanged = false;
                memory::write(tid, address, &[byte])?;
            }
        }
        regs::write(tid, &first)?;
        let stopped = Stopped::reported(tid);
        stopped.set_signal_mask(mask)?;
        self.tasks[index].state = State::Ready(At::Access, stopped);
        self.set_open(index, false)?;
        Ok(came_round && unchanged)
    }
}

/// Steps until the registers are the same again. What stood in memory that was written
/// is noted in `written`.
fn go_round(tid: Tid, first: &Registers, written: &mut HashMap<u64, u8>) -> io::Result<bool> {
    let mut factory = InstructionInfoFactory::new();
    for _ in 0..INSTRUCTIONS {
        let registers = regs::read(tid)?;
        let Some(instruction) = instruction_at(tid, registers.position()) else {
            return Ok(false);
        };
        if !is_plain(&instruction) {
            return Ok(false);
        }
        let value = |register: Register, _, _| value_of(&registers, register);
        for memory in factory.info(&instruction).used_memory() {
            if matches!(
                memory.access(),
                OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess
            ) {
                continue;
            }
            let Some(address) = memory.virtual_address(0, value) else {
                return Ok(false);
            };
            let mut bytes = vec![0; memory.memory_size().size()];
            let count = memory::read(tid, address, &mut bytes).unwrap_or(0);
            for (i, byte) in bytes[..count].iter().enumerate() {
                written.entry(address + i as u64).or_insert(*byte);
            }
        }
        Stopped::reported(tid).single_step();
        match next(tid)? {
            Stop::Signal(libc::SIGTRAP) => {}
            _ => return Ok(false),
        }
        if regs::read(tid)?.same_as(first) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn instruction_at(tid: Tid, position: u64) -> Option<Instruction> {
    let mut code = [0; 15];
    let count = memory::read(tid, position, &mut code).ok()?;
    let mut decoder = Decoder::with_ip(64, &code[..count], position, DecoderOptions::NONE);
    let decoded = decoder.decode();
    (decoded.code() != Code::INVALID).then_some(decoded)
}

/// Tells whether an instruction affects only general-purpose registers and memory.
fn is_plain(instruction: &Instruction) -> bool {
    let flow = !matches!(
        instruction.flow_control(),
        FlowControl::Interrupt | FlowControl::Exception | FlowControl::XbeginXabortXend
    );
    let is_call = matches!(
        instruction.mnemonic(),
        Mnemonic::Syscall | Mnemonic::Sysenter
    );
    let is_general =
        |register: Register| register == Register::None || register.is_gpr() || register.is_ip();
    let operands = (0..instruction.op_count()).all(|i| {
        instruction.op_kind(i) != iced_x86::OpKind::Register
            || is_general(instruction.op_register(i))
    });
    flow && !is_call && operands && !instruction.is_string_instruction()
}

fn value_of(registers: &Registers, register: Register) -> Option<u64> {
    match register {
        Register::FS => Some(registers.thread_pointer()),
        Register::CS | Register::DS | Register::ES | Register::SS => Some(0),
        _ if register.is_gpr() => {
            let whole = registers.general(register.full_register().number());
            Some(match register.size() {
                8 => whole,
                4 => whole & 0xffff_ffff,
                2 => whole & 0xffff,
                _ => whole & 0xff,
            })
        }
        _ => None,
    }
}
