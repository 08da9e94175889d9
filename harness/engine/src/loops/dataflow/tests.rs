use super::super::path::decode;
use super::*;
use crosswire_kernel::arch::Registers;

/// Memory that is nobody else's.
struct Own;

impl Sharing for Own {
    fn known_as(&self, address: u64) -> u64 {
        address
    }

    fn length_of_text(&self, _: u64) -> u64 {
        200
    }
}

/// Memory that is known otherwise than by its address.
struct Elsewhere;

impl Sharing for Elsewhere {
    fn known_as(&self, address: u64) -> u64 {
        match address {
            AT..0x2000 => address + (1 << 63),
            _ => address,
        }
    }

    fn length_of_text(&self, _: u64) -> u64 {
        0
    }
}

/// Numbers of registers.
const RAX: usize = 0;
const RDX: usize = 2;

/// Where the memory operands of the tests point.
const AT: u64 = 0x1000;

/// The round of a loop: instructions, all with RBX pointing to `AT`.
fn round(code: &[&[u8]]) -> Vec<Performed> {
    let mut position = 0x4000;
    let performed = |bytes: &&[u8]| {
        let instruction = decode(bytes, position).expect("an instruction");
        let mut registers = Registers::default();
        registers.0.rip = position;
        registers.0.rbx = AT;
        position += bytes.len() as u64;
        Performed {
            instruction,
            registers,
        }
    };
    code.iter().map(performed).collect()
}

fn changed(registers: &[usize], bytes: &[u64]) -> Changed {
    Changed {
        registers: std::array::from_fn(|n| registers.contains(&n)),
        flags: false,
        vectors: [false; VECTORS],
        bytes: bytes.iter().copied().collect(),
    }
}

const INC_EDX: &[u8] = &[0xff, 0xc2];
const INC_AT_RBX: &[u8] = &[0xff, 0x03];
const LOAD_EAX: &[u8] = &[0x8b, 0x43, 0x40]; // mov eax, [rbx+0x40]
const TEST_EAX: &[u8] = &[0x85, 0xc0];
const CMP_EDX_10: &[u8] = &[0x83, 0xfa, 0x0a];
const JE: &[u8] = &[0x74, 0xf0];
const LOAD_AT_RDX: &[u8] = &[0x8b, 0x02]; // mov eax, [rdx]
const MOV_EDX_EAX: &[u8] = &[0x89, 0xc2];
const SYSCALL: &[u8] = &[0x0f, 0x05];

fn decided(code: &[&[u8]], changed: &Changed) -> Mark {
    deciding(&round(code), changed, &Own)
}

#[test]
fn a_counter_that_decides_nothing_is_no_end() {
    let code = [LOAD_EAX, INC_EDX, TEST_EAX, JE];
    assert!(decided(&code, &changed(&[RDX], &[])).is_none());
    let in_memory = [LOAD_EAX, INC_AT_RBX, TEST_EAX, JE];
    assert!(decided(&in_memory, &changed(&[], &[AT, AT + 1])).is_none());
}

#[test]
fn a_counter_that_is_compared_may_be_the_end() {
    let code = [LOAD_EAX, INC_EDX, CMP_EDX_10, JE];
    assert!(decided(&code, &changed(&[RDX], &[])).earlier);
    // By its own flags.
    let code = [LOAD_EAX, INC_EDX, JE];
    assert!(decided(&code, &changed(&[RDX], &[])).earlier);
}

#[test]
fn what_has_changed_is_marked_however_its_memory_is_known() {
    let code = [INC_AT_RBX, LOAD_EAX, TEST_EAX, JE];
    let changes = changed(&[], &[AT + 0x40]);
    assert!(deciding(&round(&code), &changes, &Elsewhere).earlier);
    let changes = changed(&[], &[AT]);
    assert!(deciding(&round(&code), &changes, &Elsewhere).is_none());
}

#[test]
fn a_value_that_passes_through_another_register_decides_as_well() {
    // What is compared is the counter of the round before.
    let code = [CMP_EDX_10, JE, MOV_EDX_EAX, &[0xff, 0xc0]];
    assert!(decided(&code, &changed(&[RAX, RDX], &[])).earlier);
    assert!(
        decided(&code, &changed(&[RAX], &[])).earlier,
        "only after a round is RDX marked"
    );
}

#[test]
fn an_address_decides() {
    let code = [LOAD_AT_RDX, TEST_EAX, JE, INC_EDX];
    assert!(decided(&code, &changed(&[RDX], &[])).earlier);
}

#[test]
fn what_is_overwritten_before_it_is_used_decides_nothing() {
    let code = [LOAD_EAX, TEST_EAX, JE, INC_AT_RBX];
    assert!(decided(&code, &changed(&[RAX], &[AT])).is_none());
}

#[test]
fn the_reading_of_the_round_before_is_one_of_a_clock() {
    // A round that is looked at from the end of a call to the end of the next.
    let mut steps = round(&[&[0x8b, 0x53, 0x40], CMP_EDX_10, JE, SYSCALL]);
    steps[3].registers.0.rax = libc::SYS_clock_gettime as u64;
    steps[3].registers.0.rsi = AT + 0x40;
    let decided = deciding(&steps, &changed(&[], &[AT + 0x40]), &Own);
    assert_eq!(decided, Mark::CLOCK);
}

/// Tells whether XMM0, which has changed since the round before, decides after this instruction.
fn vector_decides_after(instruction: &[u8]) -> bool {
    const UCOMISD_XMM0_XMM2: &[u8] = &[0x66, 0x0f, 0x2e, 0xc2];
    let mut vectors = [false; VECTORS];
    vectors[0] = true;
    let before = Changed {
        vectors,
        ..changed(&[], &[])
    };
    decided(&[instruction, UCOMISD_XMM0_XMM2, JE], &before).earlier
}

#[test]
fn a_vector_register_decides_until_it_is_overwritten() {
    let overwriting: [&[u8]; 5] = [
        &[0xf2, 0x0f, 0x10, 0x03],       // movsd xmm0, [rbx]
        &[0x0f, 0x28, 0xc1],             // movaps xmm0, xmm1
        &[0x66, 0x0f, 0xef, 0xc0],       // pxor xmm0, xmm0
        &[0x66, 0x48, 0x0f, 0x6e, 0xc0], // movq xmm0, rax
        &[0xc5, 0xfa, 0x10, 0x03],       // vmovss xmm0, [rbx]
    ];
    for instruction in overwriting {
        assert!(!vector_decides_after(instruction), "{instruction:x?}");
    }
    let leaving: [&[u8]; 6] = [
        &[0x90],                         // nop
        &[0xf2, 0x0f, 0x10, 0xc1],       // movsd xmm0, xmm1
        &[0xf2, 0x48, 0x0f, 0x2a, 0xc0], // cvtsi2sd xmm0, rax
        &[0xf3, 0x0f, 0x5a, 0xc1],       // cvtss2sd xmm0, xmm1
        &[0x0f, 0x12, 0x03],             // movlps xmm0, [rbx]
        &[0xf2, 0x0f, 0x51, 0xc1],       // sqrtsd xmm0, xmm1
    ];
    for instruction in leaving {
        assert!(vector_decides_after(instruction), "{instruction:x?}");
    }
}

#[test]
fn what_is_beyond_16_bytes_stays_marked() {
    let code: [&[u8]; 4] = [
        &[0xc5, 0xfe, 0x6f, 0x03], // vmovdqu ymm0, [rbx]
        &[0x0f, 0x28, 0xc1],       // movaps xmm0, xmm1
        &[0xc5, 0xfd, 0xd7, 0xc0], // vpmovmskb eax, ymm0
        TEST_EAX,
    ];
    let code = [&code[..], &[JE]].concat();
    assert!(decided(&code, &changed(&[], &[AT + 17])).earlier);
}

#[test]
fn a_clock_reading_decides_as_such() {
    // clock_gettime(2) fills in what is loaded and, perhaps, compared.
    let call = |compares: bool| {
        let load_edx = &[0x8b, 0x53, 0x40];
        let mut steps = round(&[SYSCALL, load_edx]);
        steps[0].registers.0.rax = libc::SYS_clock_gettime as u64;
        steps[0].registers.0.rsi = AT + 0x40;
        if compares {
            steps.extend(round(&[CMP_EDX_10, JE]));
        }
        steps
    };
    let before = changed(&[], &[AT + 0x40, AT + 0x48]);
    let decided = deciding(&call(true), &before, &Own);
    assert!(decided.clock && !decided.earlier);
    assert!(deciding(&call(false), &before, &Own).is_none());
}

#[test]
fn a_marked_argument_of_a_call_decides() {
    let mut steps = round(&[SYSCALL]);
    steps[0].registers.0.rax = libc::SYS_kill as u64;
    const RDI: usize = 7;
    assert!(deciding(&steps, &changed(&[RDI], &[]), &Own).earlier);
}

#[test]
fn reads_and_writes_of_a_round_are_told() {
    let (reads, writes) = memory(&round(&[LOAD_EAX, INC_AT_RBX]), &Own);
    assert!(reads.contains(&(AT + 0x40)) && reads.contains(&AT));
    assert_eq!(writes.len(), 4, "{writes:?}");
    let written = written_by(&round(&[INC_AT_RBX])[0]);
    assert_eq!((written.len(), &written[0]), (1, &(AT..AT + 4)));
}
