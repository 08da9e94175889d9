//! String instructions: `rep movsb` and its kin (Intel SDM volume 1, section 7.3.9.1).
//! Those of their registers that point into watched memory are made to point to its
//! alias. A long one is performed in chunks, each a schedule point of its own.

use super::Pending;
use super::code::instruction::StringOperands;
use super::reading::value_at;
use super::space::DISTANCE;
use crate::inside::remote::{block_signals, next};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_kernel::arch::Registers;
use crosswire_kernel::tracee::{Report, Stop};
use crosswire_model::AccessKind;

/// The most bytes that one chunk touches.
const CHUNK: u64 = 4096;

impl Session<'_> {
    /// Performs as much of a string instruction as is one access. The task stands behind
    /// it then, or before what remains of it.
    pub(super) fn perform_string(
        &mut self,
        index: usize,
        pending: &Pending,
        operands: StringOperands,
    ) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let own = self.tasks[index].stopped()?.registers()?;
        let (source, destination, count) = own.string();
        let count = if operands.repeats { count } else { 1 };
        let chunk = self.chunk(index, operands, &own, count);
        let is_watched = |address: u64| self.space(index).at(address).is_some();
        let shift = |used: bool, address: u64| match used && is_watched(address) {
            true => DISTANCE,
            false => 0,
        };
        let from = shift(operands.source, source);
        let to = shift(operands.destination.is_some(), destination);
        let size = chunk * operands.element;
        if from != 0 {
            let (kind, before) = (AccessKind::Read, value_at(tid, source, size));
            self.record_range(index, pending.trampoline, source, size, kind, before);
        }
        if let (true, Some(kind)) = (to != 0, operands.destination) {
            let before = value_at(tid, destination, size);
            self.record_range(index, pending.trampoline, destination, size, kind, before);
        }
        let trampoline = self.memory.knowledge.trampolines.get(pending.trampoline);
        let (address, origin, behind) = (trampoline.address, trampoline.origin, trampoline.next());

        let stopped = self.tasks[index].take_stopped()?;
        let mask = block_signals(&stopped)?;
        let mut changed = own;
        let repeated = if operands.repeats {
            chunk
        } else {
            own.string().2
        };
        changed.set_string((source + from, destination + to, repeated));
        changed.move_to(address);
        stopped.set_registers(&changed)?;
        stopped.resume(0)?;
        let (stopped, signal) = match next(tid)? {
            Report::Stopped(stopped, Stop::Signal(signal)) => (stopped, signal),
            report => return self.on_report(report),
        };
        let mut registers = stopped.registers()?;
        let (source, destination, left) = registers.string();
        let done = if operands.repeats { chunk - left } else { 1 };
        let is_over = signal == libc::SIGTRAP
            && (!operands.repeats
                || done == count
                || operands.compares && ends(operands, &registers));
        let remains = match operands.repeats {
            true => count - done,
            false => left,
        };
        registers.set_string((
            source.wrapping_sub(from),
            destination.wrapping_sub(to),
            remains,
        ));
        registers.move_to(if is_over { behind } else { origin });
        stopped.set_registers(&registers)?;
        stopped.set_signal_mask(mask)?;
        self.tasks[index].state = match signal {
            libc::SIGTRAP => State::Ready(At::Code, stopped),
            _ => State::Ready(At::Signal(signal), stopped),
        };
        if signal != libc::SIGTRAP {
            self.correct_fault_address(index)?;
        }
        Ok(())
    }

    /// Returns the number of elements of one access: within a mapping, and limited.
    fn chunk(
        &self,
        index: usize,
        operands: StringOperands,
        registers: &Registers,
        count: u64,
    ) -> u64 {
        if registers.goes_down() {
            return 1;
        }
        let (source, destination, _) = registers.string();
        let used = [
            (operands.source, source),
            (operands.destination.is_some(), destination),
        ];
        let mut chunk = count.min(CHUNK / operands.element);
        for (_, address) in used.into_iter().filter(|(used, _)| *used) {
            let limit = match self.space(index).at(address) {
                Some(region) => region.end,
                None => self.space(index).next_after(address),
            };
            chunk = chunk.min((limit - address) / operands.element);
        }
        chunk.max(1)
    }
}

/// Tells whether a comparison has ended the instruction before its count did.
fn ends(operands: StringOperands, registers: &Registers) -> bool {
    registers.found_equal() == operands.until_equal
}
