//! The instructions of one round of a loop, as the processor performed them.

use crosswire_calls::{Does, Fact, Mapping, Row};
use crosswire_kernel::arch::Registers;
use crosswire_kernel::{Tid, memory};
use iced_x86::{
    Code, CpuidFeature, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind,
    Register,
};
use libc::MADV_DONTNEED;

/// Instructions that are followed at first; each takes some microseconds. Where that is not
/// enough, twice as many are followed the next time.
pub(super) const FIRST: usize = 2_000;

/// Instructions that are followed at most.
pub(super) const MOST: usize = 64_000;

/// An instruction, and the registers before it.
pub(super) struct Performed {
    pub instruction: Instruction,
    pub registers: Registers,
}

/// The instructions of a round so far.
pub(super) struct Path {
    pub steps: Vec<Performed>,
    most: usize,
    lost: bool,
}

impl Path {
    /// A path that is followed for so many instructions.
    pub fn new(most: usize) -> Path {
        Path {
            steps: Vec::new(),
            most,
            lost: false,
        }
    }

    /// Tells whether there were more instructions than are followed.
    pub fn was_too_long(&self) -> bool {
        self.steps.len() == self.most
    }

    /// Adds the instruction that a stopped task is about to perform. Returns whether the
    /// path is still followed: nothing is known of a longer one, or of one with an
    /// instruction whose effect does not follow from registers and memory.
    pub fn note(&mut self, tid: Tid, registers: Registers) -> bool {
        if self.was_too_long() {
            self.lost = true;
        }
        if self.lost {
            return false;
        }
        let performed = instruction_at(tid, registers.position())
            .filter(is_followed)
            .map(|instruction| Performed {
                instruction,
                registers,
            });
        match performed.filter(Performed::leaves_settings) {
            Some(performed) => self.steps.push(performed),
            None => self.lost = true,
        }
        !self.lost
    }

    /// The task ran without being followed.
    pub fn lose(&mut self) {
        self.lost = true;
    }

    /// Tells whether nothing can be said about it.
    pub fn has_nothing(&self) -> bool {
        self.lost || self.steps.is_empty()
    }

    pub fn is_lost(&self) -> bool {
        self.lost
    }
}

fn instruction_at(tid: Tid, position: u64) -> Option<Instruction> {
    let mut code = [0; 15];
    let count = memory::read(tid, position, &mut code).ok()?;
    decode(&code[..count], position)
}

/// Decodes the instruction at the beginning of `code`.
pub(super) fn decode(code: &[u8], position: u64) -> Option<Instruction> {
    let mut decoder = Decoder::with_ip(64, code, position, DecoderOptions::NONE);
    let decoded = decoder.decode();
    (decoded.code() != Code::INVALID).then_some(decoded)
}

/// Tells whether an instruction reads and writes only memory, general-purpose and vector
/// registers, and computes the same from the same.
fn is_followed(instruction: &Instruction) -> bool {
    let flow = !matches!(
        instruction.flow_control(),
        FlowControl::Interrupt | FlowControl::Exception | FlowControl::XbeginXabortXend
    );
    let is_known = |register: Register| {
        register == Register::None
            || register.is_gpr()
            || register.is_ip()
            || register.is_vector_register()
            || register.is_k()
    };
    let operands = (0..instruction.op_count()).all(|i| {
        instruction.op_kind(i) != OpKind::Register || is_known(instruction.op_register(i))
    });
    let has_state_of_its_own = matches!(
        instruction.mnemonic(),
        Mnemonic::Rdrand
            | Mnemonic::Rdseed
            | Mnemonic::Rdtsc
            | Mnemonic::Rdtscp
            | Mnemonic::Rdpid
            | Mnemonic::Wrpkru
            | Mnemonic::Ldmxcsr
            | Mnemonic::Enter
    );
    let is_legacy = |feature: &CpuidFeature| {
        use CpuidFeature::{FPU, FPU287, FPU387, FXSR, MMX, XSAVE, XSAVEC, XSAVEOPT, XSAVES};
        [
            FPU, FPU287, FPU387, FXSR, MMX, XSAVE, XSAVEC, XSAVEOPT, XSAVES,
        ]
        .contains(feature)
    };
    let saves_state = instruction.cpuid_features().iter().any(is_legacy);
    // The addresses of a gather are in a vector.
    let has_address = !instruction.is_vsib();
    flow && operands
        && has_address
        && !has_state_of_its_own
        && !saves_state
        && !instruction.is_privileged()
}

impl Performed {
    /// Tells whether the instruction leaves what is done about signals as it is, which is not
    /// compared, and what is in memory as the program has it: lazily freed pages go when the
    /// kernel likes.
    fn leaves_settings(&self) -> bool {
        self.call().is_none_or(|row| match row.does {
            Does::Map(Mapping::Advise) => self.registers.args()[2] == MADV_DONTNEED as u64,
            Does::SignalAction | Does::Segment => false,
            Does::Anything => !row.is(Fact::Private),
            _ => true,
        })
    }

    /// The row of the call, if the instruction makes one.
    pub fn call(&self) -> Option<&'static Row> {
        let is_call = self.instruction.mnemonic() == Mnemonic::Syscall;
        is_call.then(|| crosswire_calls::row(self.registers.general(0) as u32))
    }

    /// Value of a register before the instruction, as an address needs it; `None` of one
    /// that addresses do not have.
    pub fn value_of(&self, register: Register) -> Option<u64> {
        match register {
            Register::FS => Some(self.registers.thread_pointer()),
            Register::GS => Some(self.registers.segment_base()),
            Register::CS | Register::DS | Register::ES | Register::SS => Some(0),
            _ if register.is_gpr() => {
                let whole = self.registers.general(register.full_register().number());
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
}
