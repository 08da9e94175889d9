//! Each task in turn. No chance and no guarantee: a fair schedule as a busy machine
//! would give it, which ends waits in loops and shows bugs that need steady change.

use super::options::{Options, Policy};
use crosswire_model::TaskId;

#[derive(Debug)]
pub(super) struct RoundRobin {
    pub quantum: u32,
}

impl Policy for RoundRobin {
    fn choose(&mut self, options: &Options) -> TaskId {
        let Some(current) = options.current else {
            return options.ready[0];
        };
        let may_go_on = options.in_a_row + 1 < self.quantum && !options.yielded;
        if may_go_on && options.ready.contains(&current) {
            return current;
        }
        let next = options.ready.iter().find(|id| **id > current);
        *next.unwrap_or(&options.ready[0])
    }
}
