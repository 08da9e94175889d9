//! Floating-point, vector and mask registers, in the processor's own form (Intel SDM volume 1,
//! chapter 13).

use std::arch::x86_64::__cpuid_count;
use std::ops::Range;
use std::sync::OnceLock;

/// Vector registers, then mask registers.
pub const VECTORS: usize = 32 + 8;

/// Where the legacy part has XMM0 to XMM15 (section 13.4.1).
const XMM: Range<usize> = 160..416;

/// The header. It says which parts are in their initial state, which the processor need not track
/// exactly (section 13.6).
const HEADER: Range<usize> = 512..576;

/// Numbers of the components that follow: the upper halves of YMM0 to YMM15, the masks K0 to K7,
/// the upper halves of ZMM0 to ZMM15, and ZMM16 to ZMM31 (section 13.5).
const YMM: u32 = 2;
const MASKS: u32 = 5;
const ZMM: u32 = 6;
const FURTHER_ZMM: u32 = 7;

/// The registers of a stopped task, without the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extended(Vec<u8>);

/// What differs between two states of these registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DifferentVectors {
    /// By number: first vector registers, then masks.
    pub registers: [bool; VECTORS],
    /// True if a vector register differs beyond its lowest 16 bytes.
    pub beyond_xmm: bool,
}

impl Extended {
    /// Returns the registers that the processor's own form describes.
    pub(crate) fn of(mut bytes: Vec<u8>) -> Extended {
        if let Some(header) = bytes.get_mut(HEADER) {
            header.fill(0);
        }
        Extended(bytes)
    }

    /// Returns which vector and mask registers differ; `None` if anything else does, such as the
    /// rounding mode.
    #[must_use]
    pub fn vectors_unlike(&self, other: &Extended) -> Option<DifferentVectors> {
        if self.0.len() != other.0.len() {
            return None;
        }
        let mut different = DifferentVectors {
            registers: [false; VECTORS],
            beyond_xmm: false,
        };
        for at in (0..self.0.len()).filter(|at| self.0[*at] != other.0[*at]) {
            let (register, is_beyond) = register_at(at)?;
            different.registers[register] = true;
            different.beyond_xmm |= is_beyond;
        }
        Some(different)
    }
}

/// Returns the register to which a byte belongs, and whether it is beyond its lowest 16 bytes.
fn register_at(at: usize) -> Option<(usize, bool)> {
    if XMM.contains(&at) {
        return Some(((at - XMM.start) / 16, false));
    }
    static COMPONENTS: OnceLock<Vec<Component>> = OnceLock::new();
    let parts = COMPONENTS.get_or_init(|| {
        [
            (YMM, 16, 0),
            (MASKS, 8, 32),
            (ZMM, 32, 0),
            (FURTHER_ZMM, 64, 16),
        ]
        .map(|(component, size, first)| Component::of(component, size, first))
        .into_iter()
        .filter(|part| !part.bytes.is_empty())
        .collect()
    });
    let part = parts.iter().find(|part| part.bytes.contains(&at))?;
    let register = part.first + (at - part.bytes.start) / part.size;
    Some((register, register < 32))
}

/// Component of the state with a piece of each of several registers.
struct Component {
    bytes: Range<usize>,
    /// Bytes of each register.
    size: usize,
    /// Number of the first of them.
    first: usize,
}

impl Component {
    /// Asks the processor where a component is; it is empty if there is none.
    fn of(component: u32, size: usize, first: usize) -> Component {
        // SAFETY: every processor with vector registers has the instruction. The function is a safe
        // one in newer versions of the standard library.
        #[allow(unused_unsafe)]
        let found = unsafe { __cpuid_count(0xd, component) };
        let start = found.ebx as usize;
        Component {
            bytes: start..start + found.eax as usize,
            size,
            first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_by_its_register() {
        let state = Extended::of(vec![0; 2700]);
        let with = |at: usize| {
            let mut other = state.clone();
            other.0[at] = 1;
            state.vectors_unlike(&other)
        };
        let only = |register: usize, beyond_xmm: bool| {
            let mut registers = [false; VECTORS];
            registers[register] = true;
            Some(DifferentVectors {
                registers,
                beyond_xmm,
            })
        };
        assert_eq!(with(160), only(0, false));
        assert_eq!(with(415), only(15, false));
        let upper = Component::of(YMM, 16, 0);
        if !upper.bytes.is_empty() {
            assert_eq!(with(upper.bytes.start + 17), only(1, true));
        }
        // MXCSR, and the registers of the x87.
        assert_eq!(with(24), None);
        assert_eq!(with(40), None);
    }

    #[test]
    fn the_header_does_not_count() {
        let state = |header: u8| {
            let mut bytes = vec![0; 832];
            bytes[512] = header;
            Extended::of(bytes)
        };
        assert_eq!(state(3), state(7));
    }
}
