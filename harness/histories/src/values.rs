//! Finding operations by their value.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// No operation.
pub(super) const NONE: u32 = u32::MAX;

/// Numbers by value, each value having one.
pub(super) enum Values {
    /// For values that lie close together: by distance from the least.
    Dense { least: i64, numbers: Vec<u32> },
    /// For all others.
    Sparse(HashMap<i64, u32, BuildHasherDefault<Multiply>>),
}

impl Values {
    /// Returns an index that has room for these values.
    pub(super) fn of(values: impl Iterator<Item = i64> + Clone) -> Values {
        let (mut least, mut greatest, mut count) = (i64::MAX, i64::MIN, 0_usize);
        for value in values {
            least = least.min(value);
            greatest = greatest.max(value);
            count += 1;
        }
        let room = match count {
            0 => 0,
            _ => i128::from(greatest) - i128::from(least) + 1,
        };
        match usize::try_from(room) {
            Ok(room) if room <= 4 * count + 64 => Values::Dense {
                least,
                numbers: vec![NONE; room],
            },
            _ => Values::Sparse(HashMap::with_capacity_and_hasher(
                count,
                BuildHasherDefault::default(),
            )),
        }
    }

    /// Returns the number of a value; [`NONE`] if it has none.
    pub(super) fn get(&self, value: i64) -> u32 {
        match self {
            Values::Dense { least, numbers } => {
                let place = value.checked_sub(*least).map(usize::try_from);
                match place {
                    Some(Ok(place)) => numbers.get(place).copied().unwrap_or(NONE),
                    _ => NONE,
                }
            }
            Values::Sparse(numbers) => numbers.get(&value).copied().unwrap_or(NONE),
        }
    }

    /// Gives one of the values for which there is room a number, and returns the one
    /// that it had; [`NONE`] if it had none.
    pub(super) fn set(&mut self, value: i64, number: u32) -> u32 {
        match self {
            Values::Dense { least, numbers } => {
                std::mem::replace(&mut numbers[(value - *least) as usize], number)
            }
            Values::Sparse(numbers) => numbers.insert(value, number).unwrap_or(NONE),
        }
    }
}

/// Hash of one integer. A caller that chooses bad values slows down only itself.
#[derive(Default)]
pub(super) struct Multiply(u64);

impl Hasher for Multiply {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9E37_79B9_7F4A_7C15_u128;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn write_i64(&mut self, word: i64) {
        self.write_u64(word.cast_unsigned());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_far_and_near_are_found() {
        for values in [
            vec![5, 3, 4, 9],
            vec![i64::MIN, i64::MAX, 0],
            vec![-7],
            vec![],
            (0..1000).map(|i| i * 1_000_003).collect(),
        ] {
            let mut index = Values::of(values.iter().copied());
            for (number, value) in values.iter().enumerate() {
                assert_eq!(index.get(*value), NONE);
                assert_eq!(index.set(*value, number as u32), NONE);
            }
            for (number, value) in values.iter().enumerate() {
                assert_eq!(index.get(*value), number as u32);
            }
            assert_eq!(index.get(1_234_567), NONE);
            assert_eq!(index.get(i64::MIN + 1), NONE);
            if let Some(value) = values.first() {
                assert_eq!(index.set(*value, 77), 0);
                assert_eq!(index.get(*value), 77);
            }
        }
    }
}
