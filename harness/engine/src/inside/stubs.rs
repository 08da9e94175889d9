//! The code through which a task comes back from a call that takes one stop.

use crate::emulate::answer::MARK;
use crosswire_kernel::arch::{SYSCALL, SYSCALL_LENGTH};
use crosswire_kernel::{Tid, memory};
use std::collections::HashMap;
use std::io;

/// Address of the stubs in every address space that has some: above the trampolines of
/// shared memory, where nothing else is.
pub(super) const CODE: u64 = 0x3081_0000_0000;

/// The most bytes of stubs.
pub(super) const AREA: u64 = 96 << 10;

/// Address of the result of a call. On a page of its own: what the processor writes next
/// to code it fetches again, and code that is only read, forks share.
pub(super) const RESULT: u64 = CODE + AREA;

pub(super) const PAGE: u64 = 4096;

/// Where the stubs and their data end.
pub(crate) const END: u64 = RESULT + PAGE;

/// Room for one stub.
const SLOT: u64 = 48;

/// The call that a stub makes if the engine has to see what it was told: no kernel has such a
/// call.
pub(super) const TOLD: u32 = MARK + 0x1ff;

/// What a stub looks at before it goes on: whether the status of a file, behind the pointer in
/// this argument, is that of one on an anonymous device, which has major number 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Glance {
    Nothing,
    Stat { argument: usize },
    Statx { argument: usize },
}

/// The stubs of a worker, for every program it has seen: one for each place to which a
/// call returns.
#[derive(Debug, Default)]
pub(crate) struct Stubs {
    known: HashMap<(u64, Glance), u64>,
    image: Vec<u8>,
}

/// The stubs that an address space has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Installed {
    /// Nothing yet, after so many calls that might have taken one.
    Nothing(u32),
    /// So many bytes.
    Bytes(usize),
    /// Its memory has no room for them.
    Impossible,
}

impl Default for Installed {
    fn default() -> Installed {
        Installed::Nothing(0)
    }
}

impl Stubs {
    /// The stub of calls that return to `next`; `None` if there is no more room.
    pub(super) fn find(&mut self, next: u64, look: Glance) -> Option<u64> {
        if let Some(known) = self.known.get(&(next, look)) {
            return Some(*known);
        }
        if self.image.len() as u64 + SLOT > AREA {
            return None;
        }
        // Behind its `syscall` instruction, as the task would come back behind its own.
        let address = CODE + self.image.len() as u64 + SYSCALL_LENGTH;
        self.image.extend(code(next, look)?);
        self.known.insert((next, look), address);
        Some(address)
    }

    /// Returns whether a call that returns there was made by a stub. The kernel makes a call
    /// again that a signal has cut short, from two bytes before where it returns to; that
    /// does not happen to calls that never wait.
    pub fn are_at(next: u64) -> bool {
        (CODE..RESULT).contains(&next)
    }

    /// Returns the address to which the stub at `position` returns.
    pub(super) fn target(&self, position: u64) -> Option<u64> {
        let into = position.checked_sub(CODE)?;
        let start = (into - into % SLOT) as usize;
        let stub = self.image.get(start..start + SLOT as usize)?;
        Some(u64::from_le_bytes(
            stub[TARGET].try_into().expect("eight bytes"),
        ))
    }

    /// Returns whether the stub at `position` has kept the result of its call, and may use RAX.
    pub fn has_kept_result(position: u64) -> bool {
        position.saturating_sub(CODE) % SLOT >= KEPT
    }

    /// Brings the stubs of a stopped task's memory up to date.
    pub fn write(&self, tid: Tid, installed: &mut Installed) -> io::Result<()> {
        if let Installed::Bytes(written) = installed
            && *written < self.image.len()
        {
            memory::write(tid, CODE + *written as u64, &self.image[*written..])?;
            *written = self.image.len();
        }
        Ok(())
    }
}

/// Where the result is kept.
const KEPT: u64 = 12;

/// Place of the return address in the code of a stub.
const TARGET: std::ops::Range<usize> = 29..37;

/// The kernel leaves the address behind `syscall` in RCX, and so does the stub. It leaves the
/// flags as they are. `None` if it cannot look there.
fn code(next: u64, look: Glance) -> Option<[u8; SLOT as usize]> {
    const NOP: u8 = 0x90;
    let mut code = [NOP; SLOT as usize];
    code[..2].copy_from_slice(&SYSCALL);
    code[2..4].copy_from_slice(&[0x48, 0xa3]); // mov [RESULT], rax
    code[4..12].copy_from_slice(&RESULT.to_le_bytes());
    code[12..14].copy_from_slice(&[0x89, 0xc1]); // mov ecx, eax
    code[14..16].copy_from_slice(&[0xe3, 0x02]); // jrcxz look
    code[16..18].copy_from_slice(&[0xeb, 0x09]); // jmp on
    // look: the major number, or a part of it that is 0 for none
    let load: &[u8] = match look {
        Glance::Nothing => &[0xeb, 0x07],                          // jmp on
        Glance::Stat { argument: 1 } => &[0x0f, 0xb6, 0x4e, 0x01], // movzx ecx, byte [rsi+1]
        Glance::Stat { argument: 2 } => &[0x0f, 0xb6, 0x4a, 0x01], // movzx ecx, byte [rdx+1]
        Glance::Statx { argument: 4 } => &[0x41, 0x8b, 0x88, 0x88, 0, 0, 0], // mov ecx, [r8+136]
        _ => return None,
    };
    code[18..18 + load.len()].copy_from_slice(load);
    code[25..27].copy_from_slice(&[0xe3, 0x0c]); // jrcxz told
    code[27..29].copy_from_slice(&[0x48, 0xb9]); // on: mov rcx, next
    code[TARGET].copy_from_slice(&next.to_le_bytes());
    code[37..39].copy_from_slice(&[0xff, 0xe1]); // jmp rcx
    code[39] = 0xb8; // told: mov eax, TOLD
    code[40..44].copy_from_slice(&TOLD.to_le_bytes());
    code[44..46].copy_from_slice(&SYSCALL);
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_in_a_stub_means_where_it_returns_to() {
        let mut stubs = Stubs::default();
        let (first, second) = (
            stubs.find(0x1234, Glance::Nothing).unwrap(),
            stubs.find(0x5678, Glance::Nothing).unwrap(),
        );
        assert_eq!(stubs.find(0x1234, Glance::Nothing), Some(first));
        assert_ne!(
            stubs.find(0x1234, Glance::Stat { argument: 1 }),
            Some(first)
        );
        assert_eq!(stubs.find(0x1234, Glance::Stat { argument: 5 }), None);
        assert_eq!(
            (first, second),
            (CODE + SYSCALL_LENGTH, CODE + SLOT + SYSCALL_LENGTH)
        );
        assert_eq!(stubs.target(CODE - 1), None);
        for into in [0, 10, 44] {
            assert_eq!(stubs.target(first + into), Some(0x1234));
            assert_eq!(stubs.target(second + into), Some(0x5678));
        }
        assert_eq!(stubs.target(second + 2 * SLOT), None);
    }

    #[test]
    fn a_stub_looks_only_after_success_and_jumps_to_instructions() {
        use iced_x86::{Decoder, DecoderOptions, Mnemonic, OpKind};
        let glances = [
            Glance::Nothing,
            Glance::Stat { argument: 1 },
            Glance::Stat { argument: 2 },
            Glance::Statx { argument: 4 },
        ];
        for glance in glances {
            let code = code(0x1234, glance).unwrap();
            let decoder = Decoder::with_ip(64, &code, CODE, DecoderOptions::NONE);
            let all: Vec<_> = decoder.into_iter().collect();
            let at = |address| all.iter().find(|one| one.ip() == address);
            for jump in all
                .iter()
                .filter(|one| one.op0_kind() == OpKind::NearBranch64)
            {
                assert!(
                    at(jump.near_branch_target()).is_some(),
                    "{glance:?}: {jump}"
                );
            }
            let told = at(CODE + 39).unwrap();
            assert_eq!((told.mnemonic(), told.immediate32()), (Mnemonic::Mov, TOLD));
            assert_eq!(at(CODE + 44).unwrap().mnemonic(), Mnemonic::Syscall);
            let on = at(CODE + 27).unwrap();
            assert_eq!((on.mnemonic(), on.immediate64()), (Mnemonic::Mov, 0x1234));
        }
    }

    #[test]
    fn there_is_room_for_as_many_as_the_area_holds() {
        let mut stubs = Stubs::default();
        let given = (0..AREA)
            .map_while(|next| stubs.find(next, Glance::Nothing))
            .count();
        assert_eq!(given as u64, AREA / SLOT);
        assert_eq!(
            stubs.find(7, Glance::Nothing),
            Some(CODE + 7 * SLOT + SYSCALL_LENGTH)
        );
    }
}
