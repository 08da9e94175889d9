//! A service that performs what it is asked for exactly once.

use super::values::{NONE, Values};
use super::{Action, Broken, Checker, Operations, Outcome, Unusable};

/// Remote calls. Operations: `call` with a number that identifies the call, and
/// `execute` by the service with the number of the call that it performs.
///
/// What was called is executed at most once, and exactly once if the call was
/// acknowledged, at a moment within the call. A call that was cut off, by a timeout
/// for instance, may have been executed or not; so may an execution that was cut off.
/// What the executions did to the service's own state is judged by the checker of that.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rpc;

/// Known facts about a call.
#[derive(Clone, Copy)]
struct Known {
    call: u32,
    /// The execution of it that is over.
    executed: u32,
    /// The execution of it that was cut off, the first if there are several.
    cut_off: u32,
}

impl Checker for Rpc {
    fn name(&self) -> &'static str {
        "rpc"
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        operations.usable()?;
        let mut known = calls(operations)?;
        if let Some(broken) = executions(operations, &mut known) {
            return Ok(Outcome::Violation(broken));
        }
        Ok(known
            .1
            .iter()
            .find_map(|known| judge(operations, known))
            .into())
    }
}

/// Returns the calls, and an index to them.
fn calls(operations: &Operations) -> Result<(Values, Vec<Known>), Unusable> {
    let is_call = |action: Action| action == Action::Call;
    let all = operations.list.iter().filter(|op| is_call(op.action));
    let mut index = Values::of(all.map(|op| op.value));
    let mut known: Vec<Known> = Vec::new();
    for (op, i) in operations.list.iter().zip(0..) {
        if is_call(op.action) {
            if index.set(op.value, known.len() as u32) != NONE {
                let reason = format!("{} is called a second time", op.value);
                return Err(Unusable::new(i as usize, reason));
            }
            known.push(Known {
                call: i,
                executed: NONE,
                cut_off: NONE,
            });
        }
    }
    Ok((index, known))
}

/// Finds out what was executed; the first execution that must not be.
fn executions(operations: &Operations, known: &mut (Values, Vec<Known>)) -> Option<Broken> {
    let ops = &operations.list;
    for (i, op) in ops.iter().enumerate() {
        if op.action != Action::Execute {
            continue;
        }
        let who = operations.who(i);
        let Some(known) = known.1.get_mut(known.0.get(op.value) as usize) else {
            // One that was cut off may not have begun.
            if op.is_pending() {
                continue;
            }
            let sentence = format!("`{who}` executed {}, which no process had called", op.value);
            return Some(Broken::new("invention", [i], sentence));
        };
        let call = known.call as usize;
        if op.is_pending() {
            if known.cut_off == NONE || op.called < ops[known.cut_off as usize].called {
                known.cut_off = i as u32;
            }
            continue;
        }
        if op.answered < ops[call].called {
            let caller = operations.who(call);
            let sentence = format!("`{who}` executed {} before `{caller}` called", op.value);
            return Some(Broken::new("invention", [i, call], sentence));
        }
        if known.executed != NONE {
            let first = known.executed as usize;
            let sentence = match operations.who(first) {
                first if first == who => format!("`{who}` executed {} twice", op.value),
                first => format!("{} was executed by `{first}` and by `{who}`", op.value),
            };
            return Some(Broken::new("duplication", [call, first, i], sentence));
        }
        known.executed = i as u32;
    }
    None
}

fn judge(operations: &Operations, known: &Known) -> Option<Broken> {
    let ops = &operations.list;
    let call = &ops[known.call as usize];
    if call.is_pending() {
        return None;
    }
    let caller = operations.who(known.call as usize);
    let in_time = |execution: u32| ops[execution as usize].called <= call.answered;
    if known.executed != NONE {
        if in_time(known.executed) {
            return None;
        }
        let executed = known.executed as usize;
        let sentence = format!(
            "the call {} of `{caller}` was acknowledged before `{}` began to execute it",
            call.value,
            operations.who(executed)
        );
        return Some(Broken::new(
            "early",
            [known.call as usize, executed],
            sentence,
        ));
    }
    if known.cut_off != NONE && in_time(known.cut_off) {
        return None;
    }
    let sentence = format!(
        "the call {} of `{caller}` was acknowledged, but never executed",
        call.value
    );
    let mut witness = vec![known.call as usize];
    if known.cut_off != NONE {
        witness.push(known.cut_off as usize);
    }
    Some(Broken::new("loss", witness, sentence))
}
