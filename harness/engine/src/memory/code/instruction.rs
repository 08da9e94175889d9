//! Facts about an instruction that are needed before it is made to touch an alias.

use crate::memory::tso::order::{self, Order};
use crosswire_model::AccessKind;
use iced_x86::{
    Code, Decoder, DecoderOptions, Encoder, FastFormatter, FlowControl, InstructionInfoFactory,
    MemorySize, Mnemonic, OpAccess, OpKind, Register,
};

/// Way in which it is performed on the alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::memory) enum Form {
    /// With a segment prefix.
    Direct,
    /// A string instruction: its destination is always in the ES segment, so its
    /// registers are changed instead.
    String(StringOperands),
    /// With a register in place of an address that is relative to where it stands.
    Relative(Substitute),
    /// As it is, while the program's own addresses are accessible: it uses a segment
    /// itself, or the stack.
    Stepped,
}

impl Form {
    /// Tells whether one instruction performs the whole access on the alias.
    pub fn is_plain(self) -> bool {
        matches!(self, Form::Direct | Form::Relative(_))
    }
}

/// How an address that is relative to an instruction is replaced: elsewhere it would be another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::memory) struct Substitute {
    /// A general-purpose register, by its number in instructions, that it does not use.
    pub register: u8,
    /// What it holds: the address.
    pub address: u64,
}

/// Memory that a string instruction touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::memory) struct StringOperands {
    /// It reads at RSI.
    pub source: bool,
    /// Kind of the access at RDI, if there is one.
    pub destination: Option<AccessKind>,
    /// It repeats itself RCX times at most.
    pub repeats: bool,
    /// It ends early when a comparison says so.
    pub compares: bool,
    /// It goes on until it finds equality, rather than while it does.
    pub until_equal: bool,
    /// Bytes of an element.
    pub element: u64,
}

/// A decoded instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::memory) struct Instruction {
    pub bytes: Vec<u8>,
    /// The same as it is performed on the alias, if it is not stepped.
    pub elsewhere: Vec<u8>,
    pub form: Form,
    pub kind: AccessKind,
    /// Bytes of memory it touches; of one element for string instructions.
    pub size: u32,
    /// It touches more memory than that, apart from the stack.
    pub is_scattered: bool,
    /// What it means for the store buffer of its task.
    pub order: Order,
    /// It jumps to an address that it reads, which lies in a fixed place.
    pub jumps: bool,
    /// As a disassembler prints it.
    pub text: String,
}

/// Makes an instruction touch the alias (Intel SDM volume 2, section 2.1.1).
const GS_PREFIX: u8 = 0x65;

/// The longest instruction that there can be.
pub(in crate::memory) const LONGEST: usize = 15;

impl Instruction {
    /// Returns the instruction at the beginning of `code`, which stands at `position`.
    pub fn decode(code: &[u8], position: u64) -> Option<Instruction> {
        let mut decoder = Decoder::with_ip(64, code, position, DecoderOptions::NONE);
        let decoded = decoder.decode();
        if decoded.code() == Code::INVALID {
            return None;
        }
        let mut factory = InstructionInfoFactory::new();
        let memory = factory.info(&decoded).used_memory();
        let is_apart = |used: &&iced_x86::UsedMemory| used.base() != Register::RSP;
        let is_scattered = memory.iter().filter(is_apart).count() > 1
            || decoded.is_vsib()
            || decoded.memory_size().size() == 0;
        let kind = kind(memory.iter().map(iced_x86::UsedMemory::access));
        let explicit = (0..decoded.op_count()).any(|i| decoded.op_kind(i) == OpKind::Memory);
        let bytes = code[..decoded.len()].to_vec();
        let (form, elsewhere) = match string_operands(&decoded) {
            Some(operands) => (Form::String(operands), bytes.clone()),
            None if is_stepped(&decoded, explicit) => (Form::Stepped, Vec::new()),
            None if decoded.is_ip_rel_memory_operand() => {
                let used = factory.info(&decoded).used_registers();
                let used: Vec<Register> = used.iter().map(|used| used.register()).collect();
                let relative = substitute(&decoded, &used);
                relative.map_or((Form::Stepped, Vec::new()), |(substitute, bytes)| {
                    (Form::Relative(substitute), bytes)
                })
            }
            None => (Form::Direct, [&[GS_PREFIX], &bytes[..]].concat()),
        };
        let mut text = String::new();
        FastFormatter::new().format(&decoded, &mut text);
        Some(Instruction {
            bytes,
            elsewhere,
            form,
            kind,
            is_scattered,
            jumps: decoded.mnemonic() == Mnemonic::Jmp && decoded.is_ip_rel_memory_operand(),
            order: order::of_access(&decoded, kind.may_write()),
            size: match decoded.memory_size() {
                MemorySize::Unknown => 8,
                size => u32::try_from(size.size()).unwrap_or(8).max(1),
            },
            text,
        })
    }
}

/// Returns a register with which an instruction can be performed elsewhere, and how.
fn substitute(decoded: &iced_x86::Instruction, used: &[Register]) -> Option<(Substitute, Vec<u8>)> {
    // Those first without which an instruction may have the registers AH to DH.
    const CANDIDATES: [Register; 8] = [
        Register::RAX,
        Register::RCX,
        Register::RDX,
        Register::RBX,
        Register::RSI,
        Register::RDI,
        Register::R8,
        Register::R9,
    ];
    let is_used = |register: &Register| used.iter().any(|used| used.full_register() == *register);
    let register = CANDIDATES.into_iter().find(|register| !is_used(register))?;
    let substitute = Substitute {
        register: register.number() as u8,
        address: decoded.ip_rel_memory_address(),
    };
    if decoded.flow_control() != FlowControl::Next {
        return None;
    }
    with_register(decoded, register).map(|bytes| (substitute, bytes))
}

/// Encodes an instruction for the alias, with a register in place of an address that is relative
/// to it.
fn with_register(decoded: &iced_x86::Instruction, register: Register) -> Option<Vec<u8>> {
    let mut changed = *decoded;
    changed.set_memory_base(register);
    changed.set_memory_displacement64(0);
    changed.set_memory_displ_size(0);
    changed.set_segment_prefix(Register::GS);
    let mut encoder = Encoder::new(64);
    encoder.encode(&changed, 0).ok()?;
    let bytes = encoder.take_buffer();
    let mut again = Decoder::new(64, &bytes, DecoderOptions::NONE).decode();
    // It shall be the same but for the address.
    again.set_memory_base(Register::RIP);
    let same = again.code() == decoded.code()
        && (0..decoded.op_count()).all(|operand| {
            again.op_kind(operand) == decoded.op_kind(operand)
                && again.op_register(operand) == decoded.op_register(operand)
        });
    same.then_some(bytes)
}

fn is_stepped(decoded: &iced_x86::Instruction, explicit: bool) -> bool {
    !explicit
        || decoded.segment_prefix() != Register::None
        || decoded.len() == LONGEST
        // The return address would be that of the trampoline.
        || decoded.mnemonic() == Mnemonic::Call
}

fn kind(accesses: impl Iterator<Item = OpAccess>) -> AccessKind {
    let (mut reads, mut writes) = (false, false);
    for access in accesses {
        match access {
            OpAccess::Read | OpAccess::CondRead => reads = true,
            OpAccess::Write | OpAccess::CondWrite => writes = true,
            OpAccess::ReadWrite | OpAccess::ReadCondWrite => (reads, writes) = (true, true),
            OpAccess::None | OpAccess::NoMemAccess => {}
        }
    }
    match (reads, writes) {
        (_, false) => AccessKind::Read,
        (false, true) => AccessKind::Write,
        (true, true) => AccessKind::Update,
    }
}

fn string_operands(decoded: &iced_x86::Instruction) -> Option<StringOperands> {
    use Mnemonic::{
        Cmpsb, Cmpsd, Cmpsq, Cmpsw, Lodsb, Lodsd, Lodsq, Lodsw, Movsb, Movsd, Movsq, Movsw, Scasb,
        Scasd, Scasq, Scasw, Stosb, Stosd, Stosq, Stosw,
    };
    // SSE2 has instructions of the names movsd and cmpsd, too.
    if !decoded.is_string_instruction() {
        return None;
    }
    let (source, destination) = match decoded.mnemonic() {
        Movsb | Movsw | Movsd | Movsq => (true, Some(AccessKind::Write)),
        Cmpsb | Cmpsw | Cmpsd | Cmpsq => (true, Some(AccessKind::Read)),
        Stosb | Stosw | Stosd | Stosq => (false, Some(AccessKind::Write)),
        Scasb | Scasw | Scasd | Scasq => (false, Some(AccessKind::Read)),
        Lodsb | Lodsw | Lodsd | Lodsq => (true, None),
        _ => return None,
    };
    Some(StringOperands {
        source,
        destination,
        repeats: decoded.has_rep_prefix() || decoded.has_repne_prefix(),
        compares: destination == Some(AccessKind::Read),
        until_equal: decoded.has_repne_prefix(),
        element: decoded.memory_size().size() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(code: &[u8]) -> Instruction {
        Instruction::decode(code, 0x1000).unwrap()
    }

    #[test]
    fn tells_what_instructions_do_to_memory() {
        for (code, form, kind, size) in [
            // mov eax,[rdi]
            (&[0x8b, 0x07][..], Form::Direct, AccessKind::Read, 4),
            // mov [rdi],rax
            (&[0x48, 0x89, 0x07], Form::Direct, AccessKind::Write, 8),
            // lock cmpxchg [rdi],ecx
            (
                &[0xf0, 0x0f, 0xb1, 0x0f],
                Form::Direct,
                AccessKind::Update,
                4,
            ),
            // xchg [rdi],al
            (&[0x86, 0x07], Form::Direct, AccessKind::Update, 1),
            // cmp byte [rdi],0
            (&[0x80, 0x3f, 0x00], Form::Direct, AccessKind::Read, 1),
            // vmovdqu [rdi],ymm0
            (
                &[0xc5, 0xfe, 0x7f, 0x07],
                Form::Direct,
                AccessKind::Write,
                32,
            ),
            // mov eax,[rip+0]
            (
                &[0x8b, 0x05, 0, 0, 0, 0],
                Form::Relative(Substitute {
                    register: 1,
                    address: 0x1006,
                }),
                AccessKind::Read,
                4,
            ),
            // jmp [rip+0]
            (
                &[0xff, 0x25, 0, 0, 0, 0],
                Form::Stepped,
                AccessKind::Read,
                8,
            ),
            // mov rax,fs:[rdi]
            (
                &[0x64, 0x48, 0x8b, 0x07],
                Form::Stepped,
                AccessKind::Read,
                8,
            ),
        ] {
            let found = decoded(code);
            assert_eq!(
                (found.form, found.kind, found.size),
                (form, kind, size),
                "{}",
                found.text
            );
        }
    }

    #[test]
    fn a_register_takes_the_place_of_a_relative_address() {
        let substituted = |code: &[u8]| {
            let decoded = decoded(code);
            let Form::Relative(substitute) = decoded.form else {
                panic!("{} is not relative", decoded.text);
            };
            let mut text = String::new();
            let changed = Decoder::new(64, &decoded.elsewhere, DecoderOptions::NONE).decode();
            FastFormatter::new().format(&changed, &mut text);
            (text, substitute.address)
        };
        // add dword [rip+0x2000],1: what follows the address counts, too.
        let add = [0x83, 0x05, 0, 0x20, 0, 0, 1];
        assert_eq!(
            substituted(&add),
            ("add dword ptr gs:[rax],1h".to_owned(), 0x3007)
        );
        // lock cmpxchg [rip+0],ecx, which uses RAX as well
        let exchange = [0xf0, 0x0f, 0xb1, 0x0d, 0, 0, 0, 0];
        let text = "lock cmpxchg gs:[rdx],ecx".to_owned();
        assert_eq!(substituted(&exchange), (text, 0x1008));
        // mov [rip+0],ah
        let high = [0x88, 0x25, 0, 0, 0, 0];
        assert_eq!(substituted(&high), ("mov gs:[rcx],ah".to_owned(), 0x1006));
        // vmovdqu [rip+0],ymm0
        let vector = [0xc5, 0xfe, 0x7f, 0x05, 0, 0, 0, 0];
        let text = "vmovdqu gs:[rax],ymm0".to_owned();
        assert_eq!(substituted(&vector), (text, 0x1008));
    }

    #[test]
    fn string_instructions_are_no_vector_instructions() {
        let copies = decoded(&[0xf3, 0x48, 0xa5]);
        let Form::String(operands) = copies.form else {
            panic!("rep movsq is a string instruction");
        };
        assert!(operands.source && operands.repeats && operands.element == 8);
        assert_eq!(copies.bytes.len(), 3);
        // movsd xmm0,[rdi]
        assert_eq!(decoded(&[0xf2, 0x0f, 0x10, 0x07]).form, Form::Direct);
    }

    #[test]
    fn what_is_no_instruction_is_none() {
        assert_eq!(Instruction::decode(&[0x06], 0), None);
        assert_eq!(Instruction::decode(&[], 0), None);
    }
}
