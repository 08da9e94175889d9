//! The search through all orders.

use super::super::{NEVER, Op, Specification};

/// Tells whether some order of the operations explains every answer.
pub(super) fn is_legal<S: Specification<Op>>(object: &S, ops: &[Op]) -> bool {
    assert!(
        ops.len() <= 32,
        "a set of operations is a number of 32 bits"
    );
    let all = u32::try_from((1_u64 << ops.len()) - 1).expect("as many bits");
    search(object, ops, all, &mut object.initial())
}

fn search<S: Specification<Op>>(object: &S, ops: &[Op], left: u32, state: &mut S::State) -> bool {
    let all = || (0..ops.len()).filter(|i| left & 1 << i != 0);
    let limit = all().map(|i| ops[i].answered).min().unwrap_or(NEVER);
    if limit == NEVER {
        return true;
    }
    // Next may be whatever was called before the first of the rest had answered.
    let candidates: Vec<usize> = all().filter(|i| ops[*i].called <= limit).collect();
    candidates.into_iter().any(|i| {
        let Some(undo) = object.perform(state, &ops[i]) else {
            return false;
        };
        let found = search(object, ops, left & !(1 << i), state);
        object.undo(state, undo);
        found
    })
}
