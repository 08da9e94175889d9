//! Memory models: when other processes see what one has stored.

use super::TaskId;
use serde::{Deserialize, Serialize};

/// Order in which stores to shared memory become visible to other tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum MemoryModel {
    /// Every store is visible at once: sequential consistency.
    #[default]
    Sc,
    /// The same, but an instruction that loads and stores without a lock, such as
    /// `add [count], 1`, takes two steps if its store is one of these. On x86 other processors
    /// can come between (Intel SDM volume 3, "Locked Atomic Operations").
    Split(Delays),
    /// Stores wait in a first-in-first-out buffer of their task, which alone sees them there:
    /// x86-TSO (Owens, Sarkar and Sewell, "A better x86 memory model: x86-TSO", TPHOLs 2009).
    Tso(Delays),
}

/// Stores that become visible in steps of their own; others are visible at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Delays {
    /// Those of this list.
    These(Vec<DelayedStore>),
    /// All that can.
    All,
    /// One in so many, by chance.
    Random {
        /// Seed of the random choices.
        seed: u64,
        /// A store waits with a probability of one in this number.
        one_in: u64,
    },
}

/// A store that becomes visible in a step of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelayedStore {
    /// Task that executes it.
    pub task: TaskId,
    /// Its number among the task's stores to shared memory that can wait, from 1. Under
    /// [`MemoryModel::Split`] only those of instructions that load, too, are counted.
    pub number: u64,
}

impl MemoryModel {
    /// Tells whether every store is visible at once, in the step of its instruction.
    pub fn is_sc(&self) -> bool {
        *self == MemoryModel::Sc
    }

    /// Tells whether stores wait in buffers, while their tasks go on.
    pub fn is_tso(&self) -> bool {
        matches!(self, MemoryModel::Tso(_))
    }

    /// Returns the same model with exactly these stores delayed.
    ///
    /// ```
    /// use crosswire_model::{Delays, MemoryModel};
    /// let split = MemoryModel::Split(Delays::All);
    /// assert_eq!(split.delaying(Vec::new()), MemoryModel::Sc);
    /// ```
    #[must_use]
    pub fn delaying(&self, stores: Vec<DelayedStore>) -> MemoryModel {
        match self {
            MemoryModel::Sc => MemoryModel::Sc,
            MemoryModel::Split(_) if stores.is_empty() => MemoryModel::Sc,
            MemoryModel::Split(_) => MemoryModel::Split(Delays::These(stores)),
            MemoryModel::Tso(_) => MemoryModel::Tso(Delays::These(stores)),
        }
    }

    /// Returns the stores that are delayed, unless none can be.
    pub fn delayed(&self) -> Option<&Delays> {
        match self {
            MemoryModel::Sc => None,
            MemoryModel::Split(delays) | MemoryModel::Tso(delays) => Some(delays),
        }
    }

    /// Tells whether a store becomes visible in a step of its own.
    pub fn delays(&self, store: DelayedStore) -> bool {
        match self.delayed() {
            None => false,
            Some(Delays::All) => true,
            Some(Delays::These(stores)) => stores.contains(&store),
            Some(Delays::Random { seed, one_in }) => {
                let name = u64::from(store.task.0) << 32 ^ store.number;
                mixed(seed ^ mixed(name)).is_multiple_of((*one_in).max(1))
            }
        }
    }
}

/// Mixes the bits of a number (the finalizer of SplitMix64: Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", OOPSLA 2014).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_delays_the_share_that_is_asked_for() {
        let model = MemoryModel::Tso(Delays::Random { seed: 3, one_in: 4 });
        let store = |number| DelayedStore {
            task: TaskId(number as u32 % 5),
            number,
        };
        let delayed = (1..=4000).filter(|number| model.delays(store(*number)));
        assert!((900..1100).contains(&delayed.count()));
        let all = MemoryModel::Tso(Delays::All);
        assert!(all.delays(store(1)) && !MemoryModel::Sc.delays(store(1)));
        let one = MemoryModel::Tso(Delays::These(vec![store(7)]));
        assert!(one.delays(store(7)) && !one.delays(store(8)));
    }
}
