//! A shrunk failure as instructions that reproduce it: run this process until its call
//! returns, kill it, run the other.

use crate::escape::escape;
use crate::meaning::events;
use crosswire_model::{Action, End, Event, TaskId, Trace, What};

/// Maximum number of turns shown; those in the middle are left out.
const MOST_TURNS: usize = 14;

/// Consecutive steps of one task.
struct Turn<'a> {
    task: TaskId,
    first_step: u64,
    events: Vec<&'a Event>,
}

/// Returns the turns of a run, one sentence each.
pub fn story(trace: &Trace) -> Vec<String> {
    let turns = turns(trace);
    let last = turns.len().saturating_sub(1);
    let mut told: Vec<String> = Vec::new();
    for (number, turn) in turns.iter().enumerate() {
        told.push(tell(turn, trace, number == last));
    }
    if told.len() > MOST_TURNS {
        let left_out = told.len() - MOST_TURNS;
        let (head, tail) = (MOST_TURNS / 2, told.len() - MOST_TURNS / 2);
        let tail = told.split_off(tail);
        told.truncate(head);
        told.push(format!("… {left_out} turns not shown …"));
        told.extend(tail);
    }
    if let End::Deadlock(blocked) = &trace.end {
        told.extend(blocked.iter().map(|waiting| {
            let name = escape(&trace.name(waiting.task));
            format!("{name} is blocked in `{}` forever", waiting.call)
        }));
    }
    told
}

fn turns(trace: &Trace) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    let mut rest = &trace.events[..];
    while let Some(first) = rest.first() {
        let count = rest
            .iter()
            .take_while(|event| event.step == first.step)
            .count();
        let (step, later) = rest.split_at(count);
        rest = later;
        let task = actor(step);
        let decided = trace.deviations.iter().any(|one| one.step == first.step);
        match turns.last_mut() {
            Some(turn) if turn.task == task && !decided => turn.events.extend(step),
            _ => turns.push(Turn {
                task,
                first_step: first.step,
                events: step.iter().collect(),
            }),
        }
    }
    turns
}

/// Returns the task that takes the step: the tasks that it wakes have events as well.
fn actor(step: &[Event]) -> TaskId {
    let is_own = |event: &&Event| !matches!(event.what, What::Wake { .. });
    step.iter().find(is_own).unwrap_or(&step[0]).task
}

fn tell(turn: &Turn<'_>, trace: &Trace, is_last: bool) -> String {
    let name = escape(&trace.name(turn.task));
    let own = || turn.events.iter().filter(|event| event.task == turn.task);
    let decided = trace
        .deviations
        .iter()
        .any(|one| one.step == turn.first_step);
    let against = if decided { "now run" } else { "run" };
    let fault = own().find_map(|event| match &event.what {
        What::Fault(fault) => Some(fault),
        _ => None,
    });
    let before = fault.map(|fault| match fault.action {
        Action::Kill => format!("; kill it at {}", fault.point),
        action => format!("; inject {action} at {}", fault.point),
    });
    let ended = own().rev().find_map(|event| match &event.what {
        What::Exit(status) => Some(format!(" until it ends with status {status}")),
        What::Killed(_) if fault.is_none() => Some(" until a signal kills it".to_owned()),
        What::Killed(_) => Some(String::new()),
        What::Panic(_) => Some(" until it panics".to_owned()),
        _ => None,
    });
    let last = own().rev().find_map(|event| match &event.what {
        What::Call { call, .. } => Some(format!(" until `{call}` returns")),
        What::Block { call, .. } => Some(format!(" until it waits in `{call}`")),
        What::Signal(signal) => Some(format!(" until it has got {signal}")),
        _ => None,
    });
    let stays = own().filter_map(|event| match &event.what {
        What::Delay { access, .. } => Some(format!(
            "; what it {} becomes visible later",
            events::access(access, trace)
        )),
        _ => None,
    });
    let stays: String = stays.collect();
    let until = match (ended, last) {
        (Some(ended), _) => ended,
        (None, Some(last)) => last,
        (None, None) if is_last => String::new(),
        (None, None) => " for a step".to_owned(),
    };
    format!(
        "{against} {name}{until}{stays}{}",
        before.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_run_is_told_turn_by_turn() {
        let told = story(&samples::deadlock().record.trace);
        assert!(told.last().unwrap().ends_with("forever"), "{told:?}");
        assert!(told.iter().any(|turn| turn.contains("until")), "{told:?}");
    }
}
