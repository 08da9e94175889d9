//! Each task in turn. No chance and no guarantee: a fair schedule as a busy machine
//! would give it, which ends waits in loops and shows bugs that need steady change.

use super::{Policy, Turn};
use crosswire_model::TaskId;

#[derive(Debug)]
pub(super) struct RoundRobin {
    pub quantum: u32,
}

impl Policy for RoundRobin {
    fn choose(&mut self, turn: &Turn) -> TaskId {
        let Some(current) = turn.current else {
            return turn.ready[0];
        };
        let may_go_on = turn.in_a_row + 1 < self.quantum && !turn.yielded;
        if may_go_on && turn.ready.contains(&current) {
            return current;
        }
        let next = turn.ready.iter().find(|id| **id > current);
        *next.unwrap_or(&turn.ready[0])
    }
}
