//! Every task equally likely at every step: shallow bugs of every kind, and no
//! assumption about the program.

use super::Strategy;
use crate::model::Rule;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

pub(super) struct RandomWalk;

impl Strategy for RandomWalk {
    fn rule(&self, rng: &mut ChaCha8Rng, _horizon: u32) -> Rule {
        Rule::RandomWalk {
            seed: rng.next_u64(),
        }
    }

    fn weight(&self) -> u32 {
        7
    }
}
