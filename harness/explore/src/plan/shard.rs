//! Splitting one exploration among several machines or jobs.

use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// One of several parts of an exploration that have no run in common, written `K/N`
/// with K from 1 to N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        match parts {
            Some((k, n)) if 1 <= k && k <= n && n <= MOST => Ok(Shard {
                index: k - 1,
                count: n,
            }),
            _ => Err(NoShard(text.to_owned())),
        }
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
