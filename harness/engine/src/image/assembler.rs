//! Code that makes a list of calls inside a process, from where calls never stop.

use crate::inside::remote::made;
use crosswire_kernel::filter::UNSEEN;

/// Address of the code in a process that is being put together, and of its list behind it.
pub(super) const CODE: u64 = (UNSEEN as u64) << 32;

const PAGE: u64 = 4096;

const LIST: u64 = CODE + 64;

/// Address that the task has reached when it has made all calls. The last one takes away the
/// memory in which the code is, so that the task stops there.
pub(super) const END: u64 = CODE + 39;

/// Makes the calls. RBX leads through the list: the call, its six arguments, and its result.
/// Another result is an error: `ud2` stops the task.
#[rustfmt::skip]
const MAKE_CALLS: [u8; 49] = [
    0x48, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, // mov rbx, LIST
    0x48, 0x8b, 0x03,                   // next: mov rax, [rbx]
    0x48, 0x8b, 0x7b, 0x08,             // mov rdi, [rbx+8]
    0x48, 0x8b, 0x73, 0x10,             // mov rsi, [rbx+16]
    0x48, 0x8b, 0x53, 0x18,             // mov rdx, [rbx+24]
    0x4c, 0x8b, 0x53, 0x20,             // mov r10, [rbx+32]
    0x4c, 0x8b, 0x43, 0x28,             // mov r8, [rbx+40]
    0x4c, 0x8b, 0x4b, 0x30,             // mov r9, [rbx+48]
    0x0f, 0x05,                         // syscall
    // END
    0x48, 0x3b, 0x43, 0x38,             // cmp rax, [rbx+56]
    0x75, 0x06,                         // jne to ud2
    0x48, 0x83, 0xc3, 0x40,             // add rbx, 64
];

/// A list of calls, and the data to which they point.
#[derive(Debug, Default)]
pub(super) struct Calls {
    list: Vec<(i64, [u64; 6], u64)>,
    data: Vec<u8>,
}

/// The most calls, so that data has a fixed address.
const MOST_CALLS: u64 = 4096;

const DATA: u64 = LIST + 64 * MOST_CALLS;

impl Calls {
    /// Adds a call and the result that it must have.
    pub fn add(&mut self, call: i64, args: [u64; 6], result: u64) {
        self.list.push((call, args, result));
    }

    /// Adds data; returns its address there.
    pub fn data(&mut self, bytes: &[u8]) -> u64 {
        self.data.resize(self.data.len().next_multiple_of(8), 0);
        let address = DATA + self.data.len() as u64;
        self.data.extend_from_slice(bytes);
        address
    }

    /// Adds a string; returns its address there.
    pub fn text(&mut self, text: &str) -> u64 {
        let bytes: Vec<u8> = text.bytes().chain([0]).collect();
        self.data(&bytes)
    }

    /// Tells whether there is room for them.
    pub fn fit(&self) -> bool {
        // The last call is still to come.
        (self.list.len() as u64) < MOST_CALLS
    }

    /// Bytes of memory that code, list and data take.
    pub fn length(&self) -> u64 {
        (DATA - CODE + self.data.len() as u64).next_multiple_of(PAGE)
    }

    /// Returns what is to be written, and where.
    pub fn parts(&self) -> [(u64, Vec<u8>); 2] {
        let mut code = MAKE_CALLS.to_vec();
        code[2..10].copy_from_slice(&LIST.to_le_bytes());
        // jmp next, ud2
        code.extend([0xeb, 0xd7, 0x0f, 0x0b]);
        code.resize((LIST - CODE) as usize, 0);
        let last = (made::MUNMAP, [CODE, self.length(), 0, 0, 0, 0], 0);
        for (call, args, result) in self.list.iter().chain([&last]) {
            let words = [&[*call as u64], &args[..], &[*result]].concat();
            code.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        }
        [(CODE, code), (DATA, self.data.clone())]
    }

    #[cfg(test)]
    pub fn all(&self) -> impl Iterator<Item = (i64, [u64; 6], u64)> {
        self.list.iter().copied()
    }

    #[cfg(test)]
    pub fn text_at(&self, address: u64) -> String {
        let bytes = &self.data[(address - DATA) as usize..];
        let length = bytes.iter().position(|byte| *byte == 0).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Decoder, DecoderOptions, Mnemonic, OpKind};

    #[test]
    fn the_code_goes_round_until_a_result_is_unexpected() {
        let mut calls = Calls::default();
        calls.add(made::CLOSE, [3, 0, 0, 0, 0, 0], 0);
        let [(start, code), _] = calls.parts();
        let code = &code[..(LIST - CODE) as usize];
        let decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
        let all: Vec<_> = decoder.into_iter().collect();
        let at = |address| all.iter().find(|one| one.ip() == address).unwrap();
        let call = all.iter().find(|one| one.mnemonic() == Mnemonic::Syscall);
        assert_eq!(call.unwrap().next_ip(), END);
        assert_eq!(all[0].immediate64(), LIST);
        let jumps = all
            .iter()
            .filter(|one| one.op0_kind() == OpKind::NearBranch64)
            .map(|one| (one.mnemonic(), at(one.near_branch_target()).mnemonic()));
        assert_eq!(
            jumps.collect::<Vec<_>>(),
            [
                (Mnemonic::Jne, Mnemonic::Ud2),
                (Mnemonic::Jmp, Mnemonic::Mov)
            ]
        );
        let next = all.iter().find(|one| one.mnemonic() == Mnemonic::Jmp);
        assert_eq!(next.unwrap().near_branch_target(), all[1].ip());
    }
}
