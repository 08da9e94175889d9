//! The shared object through which a C library reads clocks without a system call (vdso(7)):
//! one of the engine's own, which tells virtual time.
//!
//! It reads the time that the engine has put on the page behind it, lets a step's time pass,
//! and counts down the readings that are left. When none is left, and for anything but the
//! time of a usual clock, it makes the system call, which the engine answers.

use crate::emulate::time::clock::STEP;
use crate::inside::remote::{self, Remote, made};
use crosswire_kernel::arch::SYSCALL;
use crosswire_kernel::tracee::Stopped;
use crosswire_kernel::{Tid, memory};
use std::io;
use std::ops::Range;

/// Its address in every program: far above what the kernel gives away and far below any
/// stack, where sanitizers expect memory of the program.
const IMAGE: u64 = 0x7ffe_0000_0000;

const PAGE: u64 = 4096;

/// Address of the readings that are left, the monotonic clock and what the calendar is ahead of
/// it. On a page of its own: what the processor writes next to code it fetches again.
pub(crate) const LENT: u64 = IMAGE + PAGE;

/// Where it and its data are.
pub(crate) const AREA: Range<u64> = IMAGE..LENT + PAGE;

/// The kernel's own, in whose place it is put.
pub(crate) struct Kernels {
    /// Its address.
    pub image: u64,
    /// Address of the entry of the auxiliary vector that tells it.
    pub entry: u64,
}

/// Puts the engine's into a program that has just been executed, and stands at the end of that
/// call. Where its memory has no room, the program finds none, and makes system calls. Returns
/// the address of a `syscall` instruction in the kernel's, which stays mapped.
pub(crate) fn install(stopped: Stopped, kernels: &Kernels) -> io::Result<(Stopped, Option<u64>)> {
    let tid = stopped.tid();
    // It makes system calls itself, and nothing else that is mapped is known to.
    let mut code = [0; 2 * PAGE as usize];
    let length = memory::read(tid, kernels.image, &mut code)?;
    let mut pairs = code[..length].windows(SYSCALL.len());
    let Some(at) = pairs.position(|pair| pair == SYSCALL) else {
        return Ok((stopped, None));
    };
    let gadget = kernels.image + at as u64;
    let mut remote = Remote::anywhere(stopped, gadget)?;
    let args = remote::code_area(IMAGE, AREA.end - AREA.start);
    let mapped = remote.call(made::MMAP, args)?;
    let stopped = remote.end()?;
    if mapped as u64 != IMAGE {
        return Ok((stopped, Some(gadget)));
    }
    memory::write(tid, IMAGE, &image())?;
    let mut entry = [0; 16];
    entry[..8].copy_from_slice(&libc::AT_SYSINFO_EHDR.to_ne_bytes());
    entry[8..].copy_from_slice(&IMAGE.to_ne_bytes());
    memory::write(tid, kernels.entry, &entry)?;
    Ok((stopped, Some(gadget)))
}

/// Puts readings on the page of a stopped task.
pub(crate) fn lend(tid: Tid, readings: u64, monotonic: u64, calendar: u64) -> io::Result<()> {
    let words = [readings, monotonic, calendar.wrapping_sub(monotonic)];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    memory::write(tid, LENT, &bytes)
}

/// Returns the readings that are left.
pub(crate) fn left(tid: Tid) -> io::Result<u64> {
    memory::read_word(tid, LENT)
}

/// The functions, with the names that vdso(7) gives them, and their places in the code.
const FUNCTIONS: [(&str, u64); 3] = [
    ("__vdso_clock_gettime", 0),
    ("__vdso_gettimeofday", 0x42),
    ("__vdso_time", 0x7a),
];

/// The code, which changes no register but those that a function may change.
#[rustfmt::skip]
const CODE: [u8; 0xdc] = [
    // clock_gettime(2): the clock in EDI, where to put the time in RSI
    0x49, 0x89, 0xf1,                   // mov r9, rsi
    0x4d, 0x85, 0xc9,                   // test r9, r9
    0x74, 0x32,                         // jz call
    0x83, 0xff, 0x0b,                   // cmp edi, CLOCK_TAI
    0x77, 0x2d,                         // ja call
    0xba, 0xf3, 0x08, 0x00, 0x00,       // mov edx, clocks that are not of CPU time
    0x0f, 0xa3, 0xfa,                   // bt edx, edi
    0x73, 0x23,                         // jnc call
    0xe8, 0x81, 0x00, 0x00, 0x00,       // call take
    0x72, 0x1c,                         // jc call
    0xba, 0x21, 0x08, 0x00, 0x00,       // mov edx, clocks of the calendar
    0x0f, 0xa3, 0xfa,                   // bt edx, edi
    0x73, 0x03,                         // jnc on
    0x48, 0x01, 0xc8,                   // add rax, rcx
    0xe8, 0xa1, 0x00, 0x00, 0x00,       // on: call split
    0x49, 0x89, 0x01,                   // mov [r9], rax
    0x49, 0x89, 0x51, 0x08,             // mov [r9+8], rdx
    0x31, 0xc0,                         // xor eax, eax
    0xc3,                               // ret
    0xb8, 0xe4, 0x00, 0x00, 0x00,       // call: mov eax, 228
    0x0f, 0x05,                         // syscall
    0xc3,                               // ret
    // gettimeofday(2): where to put the time in RDI, and the zone in RSI
    0x49, 0x89, 0xf9,                   // mov r9, rdi
    0x4d, 0x85, 0xc9,                   // test r9, r9
    0x74, 0x28,                         // jz call
    0x48, 0x85, 0xf6,                   // test rsi, rsi
    0x75, 0x23,                         // jnz call
    0xe8, 0x49, 0x00, 0x00, 0x00,       // call take
    0x72, 0x1c,                         // jc call
    0x48, 0x01, 0xc8,                   // add rax, rcx
    0xe8, 0x73, 0x00, 0x00, 0x00,       // call split
    0x49, 0x89, 0x01,                   // mov [r9], rax
    0x89, 0xd0,                         // mov eax, edx
    0x99,                               // cdq
    0xb9, 0xe8, 0x03, 0x00, 0x00,       // mov ecx, 1000
    0xf7, 0xf1,                         // div ecx
    0x49, 0x89, 0x41, 0x08,             // mov [r9+8], rax
    0x31, 0xc0,                         // xor eax, eax
    0xc3,                               // ret
    0xb8, 0x60, 0x00, 0x00, 0x00,       // call: mov eax, 96
    0x0f, 0x05,                         // syscall
    0xc3,                               // ret
    // time(2): where to put the seconds, too, in RDI
    0x49, 0x89, 0xf9,                   // mov r9, rdi
    0xe8, 0x1b, 0x00, 0x00, 0x00,       // call take
    0x72, 0x11,                         // jc call
    0x48, 0x01, 0xc8,                   // add rax, rcx
    0xe8, 0x45, 0x00, 0x00, 0x00,       // call split
    0x4d, 0x85, 0xc9,                   // test r9, r9
    0x74, 0x03,                         // jz on
    0x49, 0x89, 0x01,                   // mov [r9], rax
    0xc3,                               // on: ret
    0xb8, 0xc9, 0x00, 0x00, 0x00,       // call: mov eax, 201
    0x0f, 0x05,                         // syscall
    0xc3,                               // ret
    // take: the monotonic clock in RAX, what the calendar is ahead of it in RCX; the carry is
    // set if the time cannot be told, because no reading is left or memory that the engine
    // watches is to hold it (0x3000_0000_0000 and above, see `WINDOW`)
    0x4c, 0x89, 0xc9,                   // mov rcx, r9
    0x48, 0xc1, 0xe9, 0x26,             // shr rcx, 38
    0x81, 0xf9, 0xc0, 0x00, 0x00, 0x00, // cmp ecx, 0xc0
    0x74, 0x23,                         // je no
    0x49, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, // mov r8, LENT
    0x49, 0x83, 0x38, 0x00,             // cmp qword [r8], 0
    0x74, 0x13,                         // je no
    0x49, 0xff, 0x08,                   // dec qword [r8]
    0xb8, 0, 0, 0, 0,                   // mov eax, STEP
    0x49, 0x0f, 0xc1, 0x40, 0x08,       // xadd [r8+8], rax
    0x49, 0x8b, 0x48, 0x10,             // mov rcx, [r8+16]
    0xf8,                               // clc
    0xc3,                               // ret
    0xf9,                               // no: stc
    0xc3,                               // ret
    // split: the nanoseconds in RAX into seconds there and the rest in RDX
    0x31, 0xd2,                         // xor edx, edx
    0xb9, 0x00, 0xca, 0x9a, 0x3b,       // mov ecx, 1000000000
    0x48, 0xf7, 0xf1,                   // div rcx
    0xc3,                               // ret
];

/// Places in the code of what is filled in.
const OF_LENT: Range<usize> = 0xae..0xb6;
const OF_STEP: Range<usize> = 0xc0..0xc4;

/// The version of the functions, and the name of the object that has them.
const VERSION: &str = "LINUX_2.6";
const NAME: &str = "linux-vdso.so.1";

/// Sizes of structures of elf(5).
const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;

/// Builds the shared object: what dynamic loaders look at to find a function by name and
/// version (elf(5), and "Linux Standard Base Core Specification", "Symbol Versioning"), and the
/// code.
fn image() -> Vec<u8> {
    const EXECUTABLE: u32 = libc::PF_R | libc::PF_X;
    const ALLOCATED: u16 = 1; // A section number that is not SHN_UNDEF.
    const FUNCTION: u8 = 1 << 4 | 2; // STB_GLOBAL, STT_FUNC
    const DT_NULL: u64 = 0;
    const DT_HASH: u64 = 4;
    const DT_STRTAB: u64 = 5;
    const DT_SYMTAB: u64 = 6;
    const DT_STRSZ: u64 = 10;
    const DT_SYMENT: u64 = 11;
    const DT_SONAME: u64 = 14;
    const DT_VERSYM: u64 = 0x6fff_fff0;
    const DT_VERDEF: u64 = 0x6fff_fffc;
    const DT_VERDEFNUM: u64 = 0x6fff_fffd;

    let mut strings = Strings(vec![0]);
    let mut image = Bytes(vec![0; HEADER + 2 * PROGRAM_HEADER]);
    let code = image.0.len() as u64;
    image.0.extend(CODE);
    for (place, value) in [(OF_LENT, LENT), (OF_STEP, STEP)] {
        let at = code as usize + place.start;
        image.0[at..at + place.len()].copy_from_slice(&value.to_ne_bytes()[..place.len()]);
    }
    let symbols = image.align();
    image.words(&[0, 0, 0]);
    for (number, (name, start)) in FUNCTIONS.iter().enumerate() {
        let end = FUNCTIONS.get(number + 1).map_or(0x9d, |next| next.1);
        image.half(strings.add(name));
        image.0.extend([FUNCTION, 0]);
        image.0.extend(ALLOCATED.to_ne_bytes());
        image.words(&[code + start, end - start]);
    }
    // One bucket, with all symbols in a chain.
    let hash = image.align();
    let count = FUNCTIONS.len() as u32 + 1;
    let chain = (1..count).map(|symbol| (symbol + 1) % count);
    for word in [1, count, 1, 0].into_iter().chain(chain) {
        image.half(word);
    }
    let versions = image.align();
    for version in [0u16].into_iter().chain([2; FUNCTIONS.len()]) {
        image.0.extend(version.to_ne_bytes());
    }
    let definitions = image.align();
    for (number, name) in [(1u16, NAME), (2, VERSION)] {
        const DEFINITION: u32 = 20;
        const WITH_NAME: u32 = DEFINITION + 8;
        let is_base = u16::from(number == 1);
        for part in [1, is_base, number, 1] {
            image.0.extend(part.to_ne_bytes());
        }
        for word in [elf_hash(name), DEFINITION, WITH_NAME * u32::from(is_base)] {
            image.half(word);
        }
        image.half(strings.add(name));
        image.half(0);
    }
    let name = u64::from(strings.add(NAME));
    let dynamic = image.align();
    let text = strings.0;
    let tags = [
        (DT_SONAME, name),
        (DT_HASH, hash),
        (DT_STRTAB, dynamic + 16 * 10),
        (DT_SYMTAB, symbols),
        (DT_STRSZ, text.len() as u64),
        (DT_SYMENT, 24),
        (DT_VERSYM, versions),
        (DT_VERDEF, definitions),
        (DT_VERDEFNUM, 2),
        (DT_NULL, 0),
    ];
    for (tag, value) in tags {
        image.words(&[tag, value]);
    }
    image.0.extend(text);
    let length = image.0.len() as u64;
    let mut headers = Bytes(Vec::new());
    // 64 bits, little-endian, version 1; a shared object for x86-64, without sections.
    headers.0.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    headers.0.extend([3, 0, 62, 0, 1, 0, 0, 0]);
    headers.words(&[0, HEADER as u64, 0]);
    headers.half(0);
    for part in [HEADER, PROGRAM_HEADER, 2, 0, 0, 0] {
        headers.0.extend((part as u16).to_ne_bytes());
    }
    for (kind, flags, start, size, alignment) in [
        (libc::PT_LOAD, EXECUTABLE, 0, length, PAGE),
        (libc::PT_DYNAMIC, libc::PF_R, dynamic, 16 * 10, 8),
    ] {
        headers.half(kind);
        headers.half(flags);
        headers.words(&[start, start, start, size, size, alignment]);
    }
    image.0[..headers.0.len()].copy_from_slice(&headers.0);
    image.0
}

/// Returns the hash of a name by which symbols are found (elf(5), "hash table").
fn elf_hash(name: &str) -> u32 {
    name.bytes().fold(0u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(byte.into());
        let high = hash & 0xf000_0000;
        (hash ^ high >> 24) & !high
    })
}

struct Bytes(Vec<u8>);

impl Bytes {
    /// Goes on at a multiple of eight; returns that place.
    fn align(&mut self) -> u64 {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        self.0.len() as u64
    }

    fn words(&mut self, words: &[u64]) {
        self.0
            .extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    }

    fn half(&mut self, half: u32) {
        self.0.extend(half.to_ne_bytes());
    }
}

/// Strings that end with NUL, one behind another.
struct Strings(Vec<u8>);

impl Strings {
    /// Adds a string; returns its place.
    fn add(&mut self, text: &str) -> u32 {
        let at = self.0.len() as u32;
        self.0.extend(text.bytes().chain([0]));
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::space::WINDOW;
    use iced_x86::{Code, Decoder, DecoderOptions, Mnemonic, OpKind};

    #[test]
    fn it_fits_in_its_page() {
        assert!(image().len() as u64 <= PAGE);
        assert_eq!(elf_hash(VERSION), 0x3ae_75f6, "as the kernel's has it");
    }

    #[test]
    fn its_code_jumps_to_instructions_and_looks_at_the_page_behind_it() {
        let image = image();
        let code = &image[HEADER + 2 * PROGRAM_HEADER..][..CODE.len()];
        let decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
        let all: Vec<_> = decoder.into_iter().collect();
        assert!(all.iter().all(|one| one.code() != Code::INVALID));
        let starts = |at: u64| all.iter().any(|one| one.ip() == at);
        let jumps = all
            .iter()
            .filter(|one| one.op0_kind() == OpKind::NearBranch64);
        for jump in jumps {
            assert!(starts(jump.near_branch_target()), "{jump}");
        }
        assert!(FUNCTIONS.iter().all(|(_, start)| starts(*start)));
        let loaded: Vec<u64> = all
            .iter()
            .filter(|one| one.mnemonic() == Mnemonic::Mov)
            .filter(|one| one.op1_kind() == OpKind::Immediate64)
            .map(|one| one.immediate64())
            .collect();
        assert_eq!(loaded, [LENT]);
        let steps = all
            .iter()
            .filter(|one| one.op1_kind() == OpKind::Immediate32);
        assert!(
            steps
                .map(|one| u64::from(one.immediate32()))
                .any(|value| value == STEP)
        );
        let calls: Vec<u32> = (all.windows(2))
            .filter(|pair| pair[1].mnemonic() == Mnemonic::Syscall)
            .map(|pair| pair[0].immediate32())
            .collect();
        let made = [
            libc::SYS_clock_gettime,
            libc::SYS_gettimeofday,
            libc::SYS_time,
        ];
        assert_eq!(calls, made.map(|call| call as u32));
        assert_eq!((WINDOW.start >> 38, (WINDOW.end - 1) >> 38), (0xc0, 0xc0));
    }
}
