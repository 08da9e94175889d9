//! Makes an instruction that touches shared memory touch its alias.
//!
//! No program uses the GS segment on this system, so its base is set to the distance
//! between an address and its alias. A trampoline is the program's own instruction
//! with a GS prefix (Intel SDM volume 2, section 2.1.1), and a jump to the instruction
//! behind it: the processor performs it, whatever it is, on the alias. Where its address is
//! relative to where it stands, a register that it does not use is made to hold the address,
//! and gets back what the program had in it.

use super::instruction::{Form, Instruction, Substitute};
use crate::memory::space::CODE;
use std::collections::HashMap;

/// The most bytes of trampolines; the area they are written to is this large.
pub(in crate::memory) const AREA: usize = 1 << 20;

/// The area begins with `syscall; int3`, for calls that a task makes for the engine.
pub(in crate::memory) const GADGET: u64 = CODE;

/// What the program has in a register that holds an address for a moment. One place is enough:
/// no other thread runs meanwhile.
pub(in crate::memory) const SAVED: u64 = CODE + 16;

/// The engine's own data follow the gadget: arguments in memory of such calls.
pub(in crate::memory) const SCRATCH: u64 = CODE + 64;

/// Trampolines stand behind that.
const FIRST: usize = 1024;

/// Room for one: an instruction is at most 15 bytes long, the jump 14, and what saves, fills and
/// restores a register 24.
const SLOT: usize = 64;

/// Length of `mov [rip+SAVED],register` and of the opposite, and of `mov register,address`.
const SAVE: usize = 7;
const FILL: usize = 10;

/// `jmp [rip+0]`, followed by the target.
const JUMP: [u8; 6] = [0xff, 0x25, 0, 0, 0, 0];
const INT3: u8 = 0xcc;

/// One instruction of a program, known by where it stands and what it is.
#[derive(Debug, Clone)]
pub(in crate::memory) struct Trampoline {
    /// Where it is written to.
    pub address: u64,
    /// Address of the instruction in the program.
    pub origin: u64,
    pub instruction: Instruction,
}

impl Trampoline {
    /// Returns the address at which the program continues after the instruction.
    pub fn next(&self) -> u64 {
        self.origin + self.instruction.bytes.len() as u64
    }

    /// Returns where the access itself is, and what holds its address there, if that has to be
    /// put into a register first.
    pub fn access(&self) -> (u64, Option<Substitute>) {
        match self.instruction.form {
            Form::Relative(substitute) => (self.address + (SAVE + FILL) as u64, Some(substitute)),
            _ => (self.address, None),
        }
    }
}

/// Returns the code that moves a register to [`SAVED`] or back, at an address.
fn move_saved(opcode: u8, register: u8, at: u64) -> [u8; SAVE] {
    let displacement = (SAVED as i64 - (at as i64 + SAVE as i64)) as i32;
    let [a, b, c, d] = displacement.to_le_bytes();
    let rex = 0x48 | (register >> 3) << 2;
    [rex, opcode, 0x05 | (register & 7) << 3, a, b, c, d]
}

/// Returns the code of `mov register,value`.
fn fill(register: u8, value: u64) -> [u8; FILL] {
    let mut code = [0; FILL];
    code[..2].copy_from_slice(&[0x48 | register >> 3, 0xb8 | register & 7]);
    code[2..].copy_from_slice(&value.to_le_bytes());
    code
}

/// All trampolines of a worker, for every program it has seen.
#[derive(Debug)]
pub(in crate::memory) struct Trampolines {
    known: HashMap<u64, Vec<usize>>,
    all: Vec<Trampoline>,
    image: Vec<u8>,
}

impl Default for Trampolines {
    fn default() -> Trampolines {
        let mut image = vec![0; FIRST];
        image[..3].copy_from_slice(&[0x0f, 0x05, INT3]);
        Trampolines {
            known: HashMap::new(),
            all: Vec::new(),
            image,
        }
    }
}

impl Trampolines {
    pub fn get(&self, index: usize) -> &Trampoline {
        &self.all[index]
    }

    /// Returns the content of the area.
    pub fn image(&self) -> &[u8] {
        &self.image
    }

    /// Returns the trampoline of the instruction at `origin`, whose code begins with
    /// `code`. `None` if the processor would not know it, or there is no more room.
    pub fn find(&mut self, origin: u64, code: &[u8]) -> Option<usize> {
        let known = self.known.get(&origin).into_iter().flatten();
        for &index in known {
            if code.starts_with(&self.all[index].instruction.bytes) {
                return Some(index);
            }
        }
        self.add(origin, Instruction::decode(code, origin)?)
    }

    fn add(&mut self, origin: u64, instruction: Instruction) -> Option<usize> {
        let at = self.image.len();
        if at + SLOT > AREA {
            return None;
        }
        self.known.entry(origin).or_default().push(self.all.len());
        let trampoline = Trampoline {
            address: CODE + at as u64,
            origin,
            instruction,
        };
        let elsewhere = &trampoline.instruction.elsewhere;
        let mut code = Vec::with_capacity(SLOT);
        match trampoline.instruction.form {
            Form::Relative(substitute) => {
                let register = substitute.register;
                code.extend(move_saved(0x89, register, trampoline.address));
                code.extend(fill(register, substitute.address));
                code.extend(elsewhere);
                code.extend(move_saved(
                    0x8b,
                    register,
                    trampoline.address + code.len() as u64,
                ));
                code.extend(JUMP);
                code.extend(trampoline.next().to_le_bytes());
            }
            Form::Direct => {
                code.extend(elsewhere);
                code.extend(JUMP);
                code.extend(trampoline.next().to_le_bytes());
            }
            Form::String(_) => {
                code.extend(elsewhere);
                code.push(INT3);
            }
            Form::Stepped => {}
        }
        code.resize(SLOT, INT3);
        self.image.extend(code);
        self.all.push(trampoline);
        Some(self.all.len() - 1)
    }

    /// Returns the meaning of a position in the area for the program: its own position,
    /// and whether the instruction there has been performed.
    pub fn meaning(&self, position: u64) -> Option<Meaning> {
        let into = usize::try_from(position.checked_sub(CODE + FIRST as u64)?).ok()?;
        let index = into / SLOT;
        let trampoline = self.all.get(index)?;
        let within = into % SLOT;
        let (start, register) = match trampoline.instruction.form {
            Form::Relative(substitute) => (SAVE + FILL, Some(substitute.register)),
            _ => (0, None),
        };
        let performed = within > start;
        let is_lent = start <= within && within <= start + trampoline.instruction.elsewhere.len();
        Some(Meaning {
            trampoline: index,
            performed,
            lent: register.filter(|_| is_lent),
            position: match performed {
                true => trampoline.next(),
                false => trampoline.origin,
            },
        })
    }
}

/// See [`Trampolines::meaning`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::memory) struct Meaning {
    pub trampoline: usize,
    pub performed: bool,
    pub position: u64,
    /// A register that holds an address instead of what the program had in it.
    pub lent: Option<u8>,
}
