//! Which stores wait in store buffers in which run.

use crosswire_model::{Delays, MemoryModel};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::str::FromStr;

/// Memory model of an exploration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Memory {
    /// Stores are visible at once.
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
    /// others some do by chance.
    pub(crate) fn of_run(self, seed: u64, run: u64) -> MemoryModel {
        if self == Memory::Sc {
            return MemoryModel::Sc;
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Apart from the streams of rules, which are the numbers of the runs.
        random.set_stream(run | 1 << 63);
        MemoryModel::Tso(match run {
            0 => Delays::These(Vec::new()),
            _ if random.random_range(0..NONE) == 0 => Delays::These(Vec::new()),
            _ => Delays::Random {
                one_in: ONE_IN[random.random_range(0..ONE_IN.len())],
                seed: random.next_u64(),
            },
        })
    }

    /// Returns the model of a run of which every order is explored.
    pub(crate) fn in_full(self) -> MemoryModel {
        match self {
            Memory::Sc => MemoryModel::Sc,
            Memory::Tso => MemoryModel::Tso(Delays::All),
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
        assert_eq!(Memory::Tso.of_run(3, 0), none);
        let with = (1..400).filter(|run| Memory::Tso.of_run(3, *run) != none);
        assert!((250..350).contains(&with.count()));
        assert_eq!(Memory::Sc.of_run(3, 1), MemoryModel::Sc);
    }

    #[test]
    fn only_known_models_are_read() {
        assert_eq!("tso".parse(), Ok(Memory::Tso));
        assert!("power".parse::<Memory>().is_err());
    }
}
