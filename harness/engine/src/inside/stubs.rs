//! The code through which a task comes back from a call that takes one stop.

use crosswire_kernel::regs::SYSCALL_INSTRUCTION;
use crosswire_kernel::{Tid, memory};
use std::collections::HashMap;
use std::io;

/// Address of the stubs in every address space that has some: above the trampolines of
/// shared memory, where nothing else is.
pub(super) const CODE: u64 = 0x3081_0000_0000;

/// The most bytes of stubs.
pub(super) const AREA: u64 = 64 << 10;

/// Address of the result of a call. On a page of its own: what the processor writes next
/// to code it fetches again, and code that is only read, forks share.
pub(super) const RESULT: u64 = CODE + AREA;

pub(super) const PAGE: u64 = 4096;

/// Where the stubs and their data end.
pub(crate) const END: u64 = RESULT + PAGE;

/// Room for one stub.
const SLOT: u64 = 32;

/// The stubs of a worker, for every program it has seen: one for each place to which a
/// call returns.
#[derive(Debug, Default)]
pub(crate) struct Stubs {
    known: HashMap<u64, u64>,
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
    pub(super) fn find(&mut self, next: u64) -> Option<u64> {
        if let Some(known) = self.known.get(&next) {
            return Some(*known);
        }
        if self.image.len() as u64 + SLOT > AREA {
            return None;
        }
        // Behind its `syscall` instruction, as the task would come back behind its own.
        let address = CODE + self.image.len() as u64 + SYSCALL_INSTRUCTION;
        self.image.extend(code(next));
        self.known.insert(next, address);
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

/// Place of the return address in the code of a stub.
const TARGET: std::ops::Range<usize> = 14..22;

/// The kernel leaves the address behind `syscall` in RCX, and so does the stub.
fn code(next: u64) -> [u8; SLOT as usize] {
    const INT3: u8 = 0xcc;
    let mut code = [INT3; SLOT as usize];
    code[..2].copy_from_slice(&[0x0f, 0x05]); // syscall
    code[2..4].copy_from_slice(&[0x48, 0xa3]); // mov [RESULT], rax
    code[4..12].copy_from_slice(&RESULT.to_le_bytes());
    code[12..14].copy_from_slice(&[0x48, 0xb9]); // mov rcx, next
    code[TARGET].copy_from_slice(&next.to_le_bytes());
    code[22..24].copy_from_slice(&[0xff, 0xe1]); // jmp rcx
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_in_a_stub_means_where_it_returns_to() {
        let mut stubs = Stubs::default();
        let (first, second) = (stubs.find(0x1234).unwrap(), stubs.find(0x5678).unwrap());
        assert_eq!(stubs.find(0x1234), Some(first));
        assert_eq!(
            (first, second),
            (
                CODE + SYSCALL_INSTRUCTION,
                CODE + SLOT + SYSCALL_INSTRUCTION
            )
        );
        assert_eq!(stubs.target(CODE - 1), None);
        for into in [0, 10, 20] {
            assert_eq!(stubs.target(first + into), Some(0x1234));
            assert_eq!(stubs.target(second + into), Some(0x5678));
        }
        assert_eq!(stubs.target(second + SLOT), None);
    }

    #[test]
    fn there_is_room_for_as_many_as_the_area_holds() {
        let mut stubs = Stubs::default();
        let given = (0..AREA).map_while(|next| stubs.find(next)).count();
        assert_eq!(given as u64, AREA / SLOT);
        assert_eq!(stubs.find(7), Some(CODE + 7 * SLOT + SYSCALL_INSTRUCTION));
    }
}
