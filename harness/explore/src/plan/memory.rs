//! Which stores wait in store buffers in which run, and which instructions are split.

use crosswire_model::{Delays, MemoryModel};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::str::FromStr;

/// Memory model of an exploration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Memory {
    /// Stores are visible at once. Instructions that load and store without a lock take two
    /// steps in some runs.
    #[default]
    Sc,
    /// Stores may wait in store buffers: x86-TSO.
    Tso,
}

/// Shares of the stores that wait, as one in so many; none in one run of so many.
const ONE_IN: [u64; 3] = [1, 2, 6];
const NONE: u32 = 4;

impl Memory {
    /// Returns the model of a run: in the run by which others are measured no store waits, in
    /// others some do by chance. Without store buffers that makes a difference if there are
    /// instructions that can be split.
    pub(crate) fn of_run(self, seed: u64, run: u64, splittable: bool) -> MemoryModel {
        if self == Memory::Sc && !splittable {
            return MemoryModel::Sc;
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Apart from the streams of rules, which are the numbers of the runs.
        random.set_stream(run | 1 << 63);
        let none = run == 0 || random.random_range(0..NONE) == 0;
        if none {
            return self.in_full().delaying(Vec::new());
        }
        self.delaying(Delays::Random {
            one_in: ONE_IN[random.random_range(0..ONE_IN.len())],
            seed: random.next_u64(),
        })
    }

    /// Returns the model of a run of which every order is explored.
    pub(crate) fn in_full(self) -> MemoryModel {
        self.delaying(Delays::All)
    }

    fn delaying(self, delays: Delays) -> MemoryModel {
        match self {
            Memory::Sc => MemoryModel::Split(delays),
            Memory::Tso => MemoryModel::Tso(delays),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Memory::Sc => "sc",
            Memory::Tso => "tso",
        })
    }
}

/// Reason why a text is not a memory model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown memory model `{0}` (known: sc, and tso, the order of x86 processors)")]
pub struct UnknownMemory(String);

impl FromStr for Memory {
    type Err = UnknownMemory;

    fn from_str(text: &str) -> Result<Memory, UnknownMemory> {
        match text {
            "sc" => Ok(Memory::Sc),
            "tso" => Ok(Memory::Tso),
            _ => Err(UnknownMemory(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_wait_in_most_runs_but_not_in_the_first() {
        let none = MemoryModel::Tso(Delays::These(Vec::new()));
        assert_eq!(Memory::Tso.of_run(3, 0, false), none);
        let with = (1..400).filter(|run| Memory::Tso.of_run(3, *run, false) != none);
        assert!((250..350).contains(&with.count()));
    }

    #[test]
    fn instructions_are_split_in_most_runs_if_there_are_some_to_split() {
        let sc = |run, splittable| Memory::Sc.of_run(3, run, splittable);
        assert!((0..400).all(|run| sc(run, false) == MemoryModel::Sc));
        let is_split = |run: &u64| matches!(sc(*run, true), MemoryModel::Split(_));
        assert!(!is_split(&0) && (250..350).contains(&(1..400).filter(is_split).count()));
        assert_eq!(Memory::Sc.in_full(), MemoryModel::Split(Delays::All));
    }

    #[test]
    fn only_known_models_are_read() {
        assert_eq!("tso".parse(), Ok(Memory::Tso));
        assert!("power".parse::<Memory>().is_err());
    }
}
