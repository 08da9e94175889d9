//! Keys of 128 bits by which configurations of a search are remembered.

use std::hash::{Hash, Hasher};

/// Returns a random number for an operation. The numbers of all operations performed are
/// combined by exclusive or, so that one step changes a key in constant time (Zobrist, "A
/// New Hashing Method with Application for Game Playing", 1970).
pub(super) fn of_operation(index: usize) -> u128 {
    let seed = 2 * index as u64;
    u128::from(mixed(seed)) << 64 | u128::from(mixed(seed + 1))
}

/// The key of a state.
pub(in super::super) fn of_state(state: &impl Hash) -> u128 {
    let mut hasher = TwoLanes {
        lanes: [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344],
    };
    state.hash(&mut hasher);
    let [low, high] = hasher.lanes.map(mixed);
    u128::from(high) << 64 | u128::from(low)
}

/// Returns the output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
fn mixed(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

/// Two hashes of the same words that have nothing to do with each other.
struct TwoLanes {
    lanes: [u64; 2],
}

impl Hasher for TwoLanes {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
        // Tells "ab" followed by "c" from "a" followed by "bc".
        self.write_u64(bytes.len() as u64);
    }

    fn write_u64(&mut self, word: u64) {
        let [a, b] = &mut self.lanes;
        *a = mixed(*a ^ word);
        *b = mixed(b.rotate_left(23) ^ word.wrapping_mul(0xD6E8_FEB8_6659_FD93));
    }

    fn write_i64(&mut self, word: i64) {
        self.write_u64(word.cast_unsigned());
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.lanes[0]
    }
}

/// Keys are random already.
#[derive(Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers of 128 bits");
    }

    fn write_u128(&mut self, key: u128) {
        // The set takes bits from both ends of a hash.
        self.0 = (key ^ key >> 64) as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn different_things_have_different_keys() {
        let mut keys = HashSet::new();
        for i in 0..10_000_usize {
            assert!(keys.insert(of_operation(i)));
            assert!(keys.insert(of_state(&(i as i64))));
            assert!(keys.insert(of_state(&(i as u32, 1_u8))));
        }
        assert_ne!(of_state(&("ab", "c")), of_state(&("a", "bc")));
        assert_ne!(of_state(&[1_i64, 2]), of_state(&[2_i64, 1]));
        assert_eq!(of_state(&vec![1, 2]), of_state(&vec![1, 2]));
    }
}
