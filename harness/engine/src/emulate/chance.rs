//! Random bytes that follow from the seed of a plan.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The seed of randomness that a program asks for while it is being loaded.
pub(crate) const OF_LOADING: u64 = 0;

/// Random bytes of a run, by the number of draws so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Chance {
    draws: u64,
}

impl Chance {
    /// Draws bytes that no other draw of the run gives.
    pub fn draw(&mut self, seed: u64, length: usize) -> Vec<u8> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(self.draws);
        self.draws += 1;
        let mut bytes = vec![0; length];
        random.fill_bytes(&mut bytes);
        bytes
    }

    /// Goes on behind the draws that were made before a template was kept.
    pub fn continue_from(&mut self, other: Chance) {
        self.draws = self.draws.max(other.draws);
    }
}
