//! What creation and waits for ends put into an order, whatever the schedule: a child does
//! nothing before it is created, and who has waited for its end goes on after all it did.

use crosswire_calls::Does;
use crosswire_model::{Event, TaskId, Trace, What};
use std::collections::HashMap;

/// The last step of each task that is known to come before, by number plus one.
type Clock = Vec<usize>;

/// The clocks of the steps of a run.
pub(super) struct FixedOrder {
    takers: Vec<TaskId>,
    clocks: Vec<Clock>,
}

impl FixedOrder {
    /// Follows a run whose steps were taken by these tasks.
    pub fn of(trace: &Trace, takers: &[TaskId]) -> FixedOrder {
        let tasks = trace.tasks.len();
        let mut current: Vec<Clock> = vec![vec![0; tasks]; tasks];
        let mut by_pid: HashMap<i64, TaskId> = HashMap::new();
        for (number, task) in trace.tasks.iter().enumerate() {
            if task.leader.index() == number {
                by_pid.insert(i64::from(task.tid), task.leader);
            }
        }
        let mut clocks = Vec::with_capacity(takers.len());
        let mut events = trace.events.iter().peekable();
        for (number, taker) in takers.iter().enumerate() {
            current[taker.index()][taker.index()] = number + 1;
            clocks.push(current[taker.index()].clone());
            while let Some(event) = events.next_if(|event| event.step <= number as u64) {
                match event.what {
                    What::Spawn(child) => {
                        current[child.index()] = current[event.task.index()].clone();
                    }
                    _ => {
                        let Some(ended) = waited_for(event).and_then(|pid| by_pid.get(&pid)) else {
                            continue;
                        };
                        let of_process = (0..tasks).filter(|at| trace.tasks[*at].leader == *ended);
                        for at in of_process {
                            let known = current[at].clone();
                            let own = &mut current[event.task.index()];
                            for (own, known) in own.iter_mut().zip(known) {
                                *own = (*own).max(known);
                            }
                        }
                    }
                }
            }
        }
        FixedOrder {
            takers: takers.to_vec(),
            clocks,
        }
    }

    /// Tells whether one step comes before a later one in every run in which both are taken.
    pub fn precedes(&self, earlier: usize, later: usize) -> bool {
        self.clocks[later][self.takers[earlier].index()] > earlier
    }
}

/// Returns the pid of the child of which a call has reported the end.
fn waited_for(event: &Event) -> Option<i64> {
    match event.what {
        What::Call { call, result, .. } | What::Wake { call, result }
            if call.row().does == Does::WaitChild && result > 0 =>
        {
            Some(result)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::Task;

    #[test]
    fn creation_and_the_end_of_a_wait_leave_no_choice() {
        let [parent, child] = [TaskId(0), TaskId(1)];
        let task = |leader: TaskId, tid| Task {
            process: leader.to_string(),
            parent: None,
            leader,
            tid,
        };
        let at = |step, task, what| Event {
            step,
            task,
            time: 0,
            what,
        };
        let wait = |result| What::Call {
            call: "wait4".parse().unwrap(),
            args: [0; 6],
            path: None,
            result,
        };
        let trace = Trace {
            tasks: vec![task(parent, 101), task(child, 102)],
            events: vec![
                at(0, parent, What::Spawn(child)),
                at(1, parent, wait(-10)),
                at(2, child, What::Exit(0)),
                at(3, parent, wait(102)),
                at(4, parent, What::Exit(0)),
            ],
            steps: 5,
            ..Trace::default()
        };
        let fixed = FixedOrder::of(&trace, &[parent, parent, child, parent, parent]);
        assert!(fixed.precedes(0, 2), "it was created there");
        assert!(!fixed.precedes(1, 2) && !fixed.precedes(2, 3));
        assert!(fixed.precedes(2, 4), "its end was waited for");
    }
}
