//! How far a program can be let run without missing an instruction that waits for its stores:
//! from where it stands to the next such instruction on each way, or to the next jump of which
//! the code does not tell where it leads.

use super::order;
use crate::memory::code::instruction::LONGEST;
use crate::memory::space::PAGE;
use crosswire_kernel::{Tid, memory};
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction};
use std::collections::{BTreeSet, HashMap};

/// Instructions that are looked at; the others are looked at from where these lead.
const MOST: usize = 48;

/// What a program does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leg {
    /// It executes an instruction that waits for its stores.
    Fence,
    /// It may be let run up to these places, at which it does not stop by itself.
    To(BTreeSet<u64>),
    /// One instruction, of which the code does not tell what comes after it.
    One,
}

/// Reads memory from an address into a buffer; returns how many bytes there are.
type Read<'a> = dyn Fn(u64, &mut [u8]) -> usize + 'a;

/// Code of a program, by pages.
pub(super) struct Code<'a> {
    read: Box<Read<'a>>,
    pages: HashMap<u64, Vec<u8>>,
}

impl<'a> Code<'a> {
    /// Returns the code of a stopped task.
    pub fn of(tid: Tid) -> Code<'a> {
        Code {
            read: Box::new(move |at, buffer| memory::read(tid, at, buffer).unwrap_or(0)),
            pages: HashMap::new(),
        }
    }

    fn page(&mut self, number: u64) -> &[u8] {
        let read = &self.read;
        self.pages.entry(number).or_insert_with(|| {
            let mut bytes = vec![0; PAGE as usize];
            let length = read(number * PAGE, &mut bytes);
            bytes.truncate(length);
            bytes
        })
    }

    fn at(&mut self, position: u64) -> Instruction {
        let mut code = Vec::with_capacity(2 * LONGEST);
        let within = (position % PAGE) as usize;
        let number = position / PAGE;
        code.extend(self.page(number).iter().skip(within).take(LONGEST));
        if within + LONGEST > PAGE as usize {
            let missing = LONGEST - code.len().min(LONGEST);
            code.extend(self.page(number + 1).iter().take(missing));
        }
        Decoder::with_ip(64, &code, position, DecoderOptions::NONE).decode()
    }

    /// Returns the aligned word at an address, if it is there.
    pub fn word(&mut self, address: u64) -> Option<u64> {
        let within = (address % PAGE) as usize;
        let bytes = self.page(address / PAGE).get(within..within + 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    }
}

/// Returns what a program does next that stands at a position.
pub(super) fn from(position: u64, code: &mut Code) -> Leg {
    let first = code.at(position);
    if order::drains(&first) {
        return Leg::Fence;
    }
    let Some(mut open) = successors(&first) else {
        return Leg::One;
    };
    let mut seen = BTreeSet::from([position]);
    let mut stops = BTreeSet::new();
    while let Some(next) = open.pop() {
        if !seen.insert(next) {
            continue;
        }
        let instruction = code.at(next);
        let further = successors(&instruction);
        match further.filter(|_| seen.len() < MOST && !order::drains(&instruction)) {
            Some(further) => open.extend(further),
            None => drop(stops.insert(next)),
        }
    }
    Leg::To(stops)
}

/// Returns where the program goes after an instruction, if the code tells.
fn successors(instruction: &Instruction) -> Option<Vec<u64>> {
    let (next, target) = (instruction.next_ip(), instruction.near_branch_target());
    match instruction.flow_control() {
        _ if instruction.is_invalid() => None,
        FlowControl::Next => Some(vec![next]),
        FlowControl::UnconditionalBranch => Some(vec![target]),
        FlowControl::ConditionalBranch => Some(vec![next, target]),
        FlowControl::Call if instruction.is_call_near() => Some(vec![target]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(bytes: &[u8], position: u64) -> Leg {
        let mut code = Code {
            read: Box::new(|at, buffer| {
                let at = (at - 0x1000) as usize;
                let part = bytes.get(at..).unwrap_or(&[]);
                let length = part.len().min(buffer.len());
                buffer[..length].copy_from_slice(&part[..length]);
                length
            }),
            pages: HashMap::new(),
        };
        from(position, &mut code)
    }

    #[test]
    fn a_leg_ends_at_fences_and_where_the_code_does_not_tell() {
        // 1000: nop; 1001: je 1006; 1003: mfence; 1006: nop; 1007: ret
        let bytes = [0x90, 0x74, 0x03, 0x0f, 0xae, 0xf0, 0x90, 0xc3];
        let stops = |places: &[u64]| Leg::To(places.iter().copied().collect());
        assert_eq!(leg(&bytes, 0x1000), stops(&[0x1003, 0x1007]));
        assert_eq!(leg(&bytes, 0x1003), Leg::Fence);
        assert_eq!(leg(&bytes, 0x1006), stops(&[0x1007]));
        assert_eq!(leg(&bytes, 0x1007), Leg::One);
    }

    #[test]
    fn loops_and_calls_are_followed() {
        // 1000: inc eax; 1002: jne 1000; 1004: call 100a; 1009: hlt; 100a: cpuid
        let bytes = [
            0xff, 0xc0, 0x75, 0xfc, 0xe8, 0x01, 0, 0, 0, 0xf4, 0x0f, 0xa2,
        ];
        assert_eq!(leg(&bytes, 0x1000), Leg::To(BTreeSet::from([0x100a])));
    }

    #[test]
    fn what_is_not_there_is_a_place_to_stop() {
        assert_eq!(leg(&[0x90], 0x1000), Leg::To(BTreeSet::from([0x1001])));
        assert_eq!(leg(&[], 0x1000), Leg::One);
    }
}
