//! What instructions do to the order of stores, by the chapter "Multiple-Processor Management"
//! of volume 3 of Intel's Software Developer's Manual: sections "Memory Ordering" and
//! "Serializing Instructions".

use iced_x86::{Instruction, MemorySize, Mnemonic, OpKind, Register};

/// What an instruction that accesses watched memory means for the store buffer of its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::memory) enum Order {
    /// A load, which sees the buffer.
    Load,
    /// A store that may wait, or a load and a store that may.
    Store,
    /// It waits until the buffer is empty.
    Drains,
}

/// The longest store that waits: larger ones are written piece by piece.
const LONGEST: usize = 64;

/// Returns what an access means for the store buffer. Whatever is not known to be a plain load
/// or store waits until the buffer is empty, which shows fewer interleavings, none too many.
pub(in crate::memory) fn of_access(decoded: &Instruction, writes: bool) -> Order {
    let explicit = (0..decoded.op_count()).any(|i| decoded.op_kind(i) == OpKind::Memory);
    let is_plain = explicit
        && !drains(decoded)
        && !decoded.is_string_instruction()
        && decoded.op_mask() == Register::None
        && decoded.memory_size() != MemorySize::Unknown
        && decoded.memory_size().size() <= LONGEST;
    match writes {
        _ if !is_plain => Order::Drains,
        false => Order::Load,
        true if is_plain_store(decoded.mnemonic()) => Order::Store,
        true => Order::Drains,
    }
}

/// Tells whether an instruction waits until all stores before it are visible, whatever memory
/// it touches: it is locked or serializes. SFENCE and LFENCE do not: the one orders stores
/// among themselves, which the buffer does anyway, the other waits for loads.
pub(in crate::memory) fn drains(decoded: &Instruction) -> bool {
    use Mnemonic::{
        Clflush, Cpuid, Int, Int1, Int3, Invd, Invept, Invlpg, Invpcid, Invvpid, Iret, Iretd,
        Iretq, Mfence, Rsm, Serialize, Syscall, Sysenter, Wbinvd, Wrmsr, Xabort, Xbegin, Xchg,
        Xend,
    };
    let has_memory = (0..decoded.op_count()).any(|i| decoded.op_kind(i) == OpKind::Memory);
    match decoded.mnemonic() {
        // It is locked without the prefix (SDM volume 2, XCHG).
        Xchg => has_memory,
        Mfence | Cpuid | Serialize | Iret | Iretd | Iretq | Rsm | Invd | Invept | Invlpg
        | Invpcid | Invvpid | Wbinvd | Wrmsr | Clflush | Int | Int1 | Int3 | Syscall | Sysenter
        | Xbegin | Xend | Xabort => true,
        _ => decoded.has_lock_prefix(),
    }
}

/// Tells whether an instruction, as far as it stores, may do so in the order of the program and
/// stores all of its operand. Not among them: stores under a mask.
fn is_plain_store(mnemonic: Mnemonic) -> bool {
    use Mnemonic::*;
    matches!(
        mnemonic,
        // General registers.
        Mov | Movbe | Seta | Setae | Setb | Setbe | Sete | Setg | Setge | Setl
            | Setle | Setne | Setno | Setnp | Setns | Seto | Setp | Sets
            // Load and store.
            | Adc | Add | And | Btc | Btr | Bts | Dec | Inc | Neg | Not | Or | Rcl | Rcr | Rol
            | Ror | Sal | Sar | Sbb | Shl | Shld | Shr | Shrd | Sub | Xadd | Xor
            // Non-temporal: processors order them more weakly.
            | Movnti | Movntq | Movntdq | Movntps | Movntpd | Vmovntdq | Vmovntps | Vmovntpd
            // It stores what it has loaded if that is not what it expects (SDM volume 2).
            | Cmpxchg
            // The x87 stack.
            | Fst | Fstp | Fist | Fistp | Fisttp
            // Vectors.
            | Movd | Movq | Movss | Movsd | Movlps | Movhps | Movlpd | Movhpd | Movaps | Movapd
            | Movups | Movupd | Movdqa | Movdqu | Extractps | Pextrb | Pextrw | Pextrd | Pextrq
            | Vmovd | Vmovq | Vmovss | Vmovsd | Vmovlps | Vmovhps | Vmovlpd | Vmovhpd | Vmovaps
            | Vmovapd | Vmovups | Vmovupd | Vmovdqa | Vmovdqu | Vmovdqa32 | Vmovdqa64
            | Vmovdqu8 | Vmovdqu16 | Vmovdqu32 | Vmovdqu64 | Vextractf128 | Vextracti128
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Decoder, DecoderOptions};

    fn decoded(code: &[u8]) -> Instruction {
        Decoder::with_ip(64, code, 0x1000, DecoderOptions::NONE).decode()
    }

    #[test]
    fn tells_stores_that_wait_from_those_that_do_not() {
        for (code, writes, order) in [
            // mov [rdi],eax; mov eax,[rdi]; setne [rdi]; add [rdi],eax; inc byte [rdi]
            (&[0x89, 0x07][..], true, Order::Store),
            (&[0x8b, 0x07], false, Order::Load),
            (&[0x0f, 0x95, 0x07], true, Order::Store),
            (&[0x01, 0x07], true, Order::Store),
            (&[0xfe, 0x07], true, Order::Store),
            // cmp byte [rdi],0; movups [rdi],xmm0; vmovdqu [rdi],ymm0; movaps xmm0,[rdi]
            (&[0x80, 0x3f, 0x00], false, Order::Load),
            (&[0x0f, 0x11, 0x07], true, Order::Store),
            (&[0xc5, 0xfe, 0x7f, 0x07], true, Order::Store),
            (&[0x0f, 0x28, 0x07], false, Order::Load),
            // lock add [rdi],eax; xchg [rdi],al; cmpxchg [rdi],ecx; lock cmpxchg [rdi],ecx
            (&[0xf0, 0x01, 0x07], true, Order::Drains),
            (&[0x86, 0x07], true, Order::Drains),
            (&[0x0f, 0xb1, 0x0f], true, Order::Store),
            (&[0xf0, 0x0f, 0xb1, 0x0f], true, Order::Drains),
            // movnti [rdi],eax; movntdq [rdi],xmm0; rep movsb; vmovups [rdi]{k1},zmm0
            (&[0x0f, 0xc3, 0x07], true, Order::Store),
            (&[0x66, 0x0f, 0xe7, 0x07], true, Order::Store),
            (&[0xf3, 0xa4], true, Order::Drains),
            (&[0x62, 0xf1, 0x7c, 0x49, 0x11, 0x07], true, Order::Drains),
        ] {
            let instruction = decoded(code);
            assert_eq!(of_access(&instruction, writes), order, "{instruction}");
        }
    }

    #[test]
    fn tells_what_waits_for_earlier_stores() {
        for (code, expected) in [
            // mfence; sfence; lfence; cpuid; lock or dword [rsp],0; xchg [rsp],eax
            (&[0x0f, 0xae, 0xf0][..], true),
            (&[0x0f, 0xae, 0xf8], false),
            (&[0x0f, 0xae, 0xe8], false),
            (&[0x0f, 0xa2], true),
            (&[0xf0, 0x83, 0x0c, 0x24, 0x00], true),
            (&[0x87, 0x04, 0x24], true),
            // xchg eax,ebx; pause; mov [rsp],eax; syscall; serialize
            (&[0x93], false),
            (&[0xf3, 0x90], false),
            (&[0x89, 0x04, 0x24], false),
            (&[0x0f, 0x05], true),
            (&[0x0f, 0x01, 0xe8], true),
        ] {
            let instruction = decoded(code);
            assert_eq!(drains(&instruction), expected, "{instruction}");
        }
    }
}
