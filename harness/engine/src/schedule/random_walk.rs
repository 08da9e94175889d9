//! Every task equally likely at every step. No assumption about the program; an
//! order of n decisions between two tasks shows with probability 2^-n at worst.

use super::options::{Options, Policy};
use crosswire_model::TaskId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Debug)]
pub(super) struct RandomWalk {
    random: ChaCha8Rng,
}

impl RandomWalk {
    pub fn new(seed: u64) -> RandomWalk {
        RandomWalk {
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }
}

impl Policy for RandomWalk {
    fn choose(&mut self, options: &Options) -> TaskId {
        match options.ready {
            // No choice, no chance: the same run whether or not there is one.
            [only] => *only,
            several => several[self.random.random_range(0..several.len())],
        }
    }
}
