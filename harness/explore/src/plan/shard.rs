//! Splitting one exploration among several machines or jobs.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// One of several parts of an exploration that have no run in common, written `K/N`
/// with K from 1 to N.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    /// From 0.
    index: u64,
    count: u64,
}

/// Maximum number of parts.
const MOST: u64 = 100_000;

/// Reason why a text names no part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no part of an exploration; write K/N with 1 <= K <= N <= {MOST}")]
pub struct NoShard(String);

impl Shard {
    /// The only part of an exploration that is not split.
    pub const WHOLE: Shard = Shard { index: 0, count: 1 };

    /// Builds the Kth of N parts.
    ///
    /// # Errors
    /// Unless 1 <= K <= N, and N is at most 100,000.
    ///
    /// ```
    /// use crosswire_explore::Shard;
    /// assert_eq!(Shard::new(2, 8).unwrap().to_string(), "2/8");
    /// assert!(Shard::new(9, 8).is_err());
    /// ```
    pub fn new(number: u64, count: u64) -> Result<Shard, NoShard> {
        match 1 <= number && number <= count && count <= MOST {
            true => Ok(Shard {
                index: number - 1,
                count,
            }),
            false => Err(NoShard(format!("{number}/{count}"))),
        }
    }

    /// Returns K, from 1.
    pub fn number(self) -> u64 {
        self.index + 1
    }

    /// Returns N.
    pub fn count(self) -> u64 {
        self.count
    }

    /// Tells whether this part performs what has this number, if all parts know it.
    pub(crate) fn takes(self, number: u64) -> bool {
        number % self.count == self.index
    }

    /// Returns the number that the nth run of this part has in the whole exploration.
    pub(crate) fn run(self, nth: u64) -> u64 {
        nth.saturating_mul(self.count).saturating_add(self.index)
    }

    /// Tells whether this part contains a subtree of choices, identified by the path to
    /// it.
    pub(crate) fn owns(self, way: &[crosswire_model::TaskId]) -> bool {
        let mut hasher = Sha256::new();
        for task in way {
            hasher.update(task.0.to_le_bytes());
        }
        let digest = hasher.finalize();
        let head: [u8; 8] = digest[..8].try_into().expect("a digest has 32 bytes");
        u64::from_le_bytes(head) % self.count == self.index
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

impl FromStr for Shard {
    type Err = NoShard;

    fn from_str(text: &str) -> Result<Shard, NoShard> {
        let parts = text
            .split_once('/')
            .and_then(|(k, n)| Some((k.parse::<u64>().ok()?, n.parse::<u64>().ok()?)));
        let (number, count) = parts.ok_or_else(|| NoShard(text.to_owned()))?;
        Shard::new(number, count)
    }
}

impl TryFrom<String> for Shard {
    type Error = NoShard;

    fn try_from(text: String) -> Result<Shard, NoShard> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> String {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn parts_have_nothing_in_common_and_miss_nothing() {
        let all = ["1/3", "2/3", "3/3"].map(|text| text.parse::<Shard>().unwrap());
        let runs: BTreeSet<u64> = all
            .iter()
            .flat_map(|shard| (0..4).map(|n| shard.run(n)))
            .collect();
        assert_eq!(runs, (0..12).collect());
        for task in 0..20 {
            let way = [crosswire_model::TaskId(task)];
            assert_eq!(all.iter().filter(|shard| shard.owns(&way)).count(), 1);
        }
        for text in ["", "0/3", "4/3", "1/0", "1", "a/b", "1/1000000"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!(all[1].to_string(), "2/3");
    }
}
