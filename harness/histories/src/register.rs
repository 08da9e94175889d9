//! A register.

use super::{Action, Checker, Op, Operations, Outcome, Specification, Unusable, zones};

/// A cell of memory, of which each read answers what was written last. Operations:
/// `write` and `read`.
///
/// Every value written must be different, also from the first one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Register {
    /// Value before all operations.
    pub initial: i64,
}

impl Checker for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        operations.usable()?;
        let is_own = |op: &Op| matches!(op.action, Action::Write | Action::Read);
        let all = operations.list.iter().zip(0..);
        let own: Vec<u32> = all.filter(|(op, _)| is_own(op)).map(|(_, i)| i).collect();
        let found = zones::judge(operations, &own, Some(self.initial))?;
        Ok(found.into())
    }
}

impl Specification<Op> for Register {
    type State = i64;
    type Undo = i64;

    fn initial(&self) -> i64 {
        self.initial
    }

    fn perform(&self, value: &mut i64, op: &Op) -> Option<i64> {
        let before = *value;
        match op.action {
            Action::Write => *value = op.value,
            Action::Read if !op.is_pending() && op.value != before => return None,
            _ => {}
        }
        Some(before)
    }

    fn only_reads(&self, op: &Op) -> bool {
        op.action == Action::Read
    }

    fn undo(&self, value: &mut i64, before: i64) {
        *value = before;
    }
}
