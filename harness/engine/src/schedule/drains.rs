//! When store buffers drain under a rule that leaves things to chance: each time one can, with
//! a probability that differs from run to run. A store that stays in its buffer for long shows
//! other bugs than one that leaves it soon.

use crosswire_model::{Rule, TaskId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The probabilities, as one in so many.
const ONE_IN: [u32; 3] = [2, 6, 20];

#[derive(Debug)]
pub(super) struct Drains {
    random: ChaCha8Rng,
    one_in: u32,
}

impl Drains {
    pub fn new(rule: &Rule) -> Drains {
        let mut random = ChaCha8Rng::seed_from_u64(rule.seed().unwrap_or(0));
        // Apart from the streams that the rule draws from.
        random.set_stream(2);
        Drains {
            one_in: ONE_IN[random.random_range(0..ONE_IN.len())],
            random,
        }
    }

    /// Returns the buffer that takes the next step, if one does. `must`: nobody else can.
    pub fn choose(&mut self, ready: &[TaskId], must: bool) -> Option<TaskId> {
        let buffers = || ready.iter().filter(|task| task.is_buffer());
        let count = buffers().count();
        if count == 0 || !must && self.random.random_range(0..self.one_in) != 0 {
            return None;
        }
        buffers().nth(self.random.random_range(0..count)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_drain_sooner_or_later_and_at_once_if_nobody_else_can_go_on() {
        let (task, buffer) = (TaskId(1), TaskId(1).buffer());
        for seed in 0..20 {
            let mut drains = Drains::new(&Rule::RandomWalk { seed });
            assert_eq!(drains.choose(&[task], false), None);
            assert_eq!(drains.choose(&[buffer], true), Some(buffer));
            let chosen = (0..1000).filter_map(|_| drains.choose(&[task, buffer], false));
            assert!((10..800).contains(&chosen.count()));
        }
    }
}
