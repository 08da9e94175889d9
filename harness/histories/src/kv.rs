//! A store of values under keys.

use super::values::{NONE, Values};
use super::{
    Action, BUDGET, Broken, Checker, Explanation, Op, Operations, Outcome, Specification, Unusable,
    explain, zones,
};

/// A store that holds a value under each key, or nothing. Operations: `put`, `get`,
/// `delete`.
///
/// Each key is an object of its own, so a history is judged key by key (Horn and
/// Kroening, "Faster Linearizability Checking via P-Compositionality", FORTE 2015). The
/// values put under a key must be different. Where a key is deleted and found empty,
/// deletions cannot be distinguished; then all orders are tried within the budget.
#[derive(Debug, Clone, Copy)]
pub struct KeyValue {
    /// Configurations that a search may look at, for each key.
    pub budget: u64,
}

impl Default for KeyValue {
    fn default() -> KeyValue {
        KeyValue { budget: BUDGET }
    }
}

impl Checker for KeyValue {
    fn name(&self) -> &'static str {
        "kv"
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        operations.usable()?;
        let mut outcome = Outcome::Ok;
        for own in by_key(operations) {
            match self.judge(operations, &own)? {
                Outcome::Ok => {}
                Outcome::Violation(broken) => return Ok(Outcome::Violation(broken)),
                inconclusive => outcome = inconclusive,
            }
        }
        Ok(outcome)
    }
}

impl KeyValue {
    fn judge(&self, operations: &Operations, own: &[u32]) -> Result<Outcome, Unusable> {
        let ops = &operations.list;
        let own_ops = || own.iter().map(|i| &ops[*i as usize]);
        let is_deleted = own_ops().any(|op| op.action == Action::Delete);
        let is_found_empty = own_ops().any(|op| op.nothing && !op.is_pending());
        if !(is_deleted && is_found_empty) {
            return Ok(zones::judge(operations, own, None)?.into());
        }
        let list: Vec<Op> = own_ops().copied().collect();
        Ok(match explain(&StoredValue, &list, self.budget) {
            Explanation::Found => Outcome::Ok,
            Explanation::None { stuck } => {
                Outcome::Violation(unexplained(operations, own[stuck] as usize))
            }
            Explanation::OutOfBudget => Outcome::Inconclusive {
                budget: self.budget,
            },
        })
    }
}

fn unexplained(operations: &Operations, stuck: usize) -> Broken {
    let (who, op) = (operations.who(stuck), &operations.list[stuck]);
    let found = match op.nothing {
        true => "nothing".to_owned(),
        false => op.value.to_string(),
    };
    let sentence = match op.action {
        Action::Get => format!(
            "no order of the operations explains why `{who}` found {found} under {}",
            op.key
        ),
        action => format!(
            "no order of the operations explains what was found under {} before the `{}` of `{who}` \
             had answered",
            op.key,
            action.name()
        ),
    };
    Broken::new("stale", [stuck], sentence)
}

/// Returns the operations on each key, by index, in their order.
fn by_key(operations: &Operations) -> Vec<Vec<u32>> {
    let own = |op: &&Op| matches!(op.action, Action::Put | Action::Get | Action::Delete);
    let all = operations.list.iter().filter(own);
    let mut index = Values::of(all.map(|op| op.key));
    let mut keys: Vec<Vec<u32>> = Vec::new();
    for (i, op) in operations.list.iter().enumerate() {
        if !own(&op) {
            continue;
        }
        let mut number = index.get(op.key);
        if number == NONE {
            number = keys.len() as u32;
            index.set(op.key, number);
            keys.push(Vec::new());
        }
        keys[number as usize].push(i as u32);
    }
    keys
}

/// What is stored under one key.
pub(super) struct StoredValue;

impl Specification<Op> for StoredValue {
    type State = Option<i64>;
    type Undo = Option<i64>;

    fn initial(&self) -> Option<i64> {
        None
    }

    fn perform(&self, stored: &mut Option<i64>, op: &Op) -> Option<Option<i64>> {
        let before = *stored;
        match op.action {
            Action::Put => *stored = Some(op.value),
            Action::Delete => *stored = None,
            Action::Get if op.is_pending() => {}
            Action::Get if before == (!op.nothing).then_some(op.value) => {}
            _ => return None,
        }
        Some(before)
    }

    fn only_reads(&self, op: &Op) -> bool {
        op.action == Action::Get
    }

    fn undo(&self, stored: &mut Option<i64>, before: Option<i64>) {
        *stored = before;
    }
}
