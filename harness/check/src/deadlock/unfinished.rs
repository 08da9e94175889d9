//! A run that a limit has cut off: who was running, and who waits for what.

use super::Deadlock;
use super::wait::Wait;
use crosswire_calls::Does;
use crosswire_model::{Blocked, Call, Seen, TaskId, Trace, What};
use crosswire_world::{Holders, World, grouped};
use std::collections::BTreeMap;

/// Steps at the end of a run in which it is counted who took them.
const LAST: u64 = 1000;

/// Calls of a task that are named.
const CALLS: usize = 3;

/// The tasks of a run at the moment in which it was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// In one sentence.
    pub sentence: String,
    /// One line for each task that waits: the wait-for graph.
    pub details: Vec<String>,
    /// Those that ran, and those that wait.
    pub tasks: Vec<TaskId>,
    /// The last step of each that ran, and those since which the others wait.
    pub steps: Vec<u64>,
}

/// Tells who was running at the end of a run that was not over, and who waits for what.
pub fn unfinished(trace: &Trace, seen: &[Seen]) -> Unfinished {
    let world = World::follow(trace, seen);
    let (mut running, mut waiting) = (Vec::new(), Vec::new());
    for task in (0..trace.tasks.len() as u32).map(TaskId) {
        match standing(trace, task) {
            Standing::Runs(last) => running.push((task, last)),
            Standing::Waits(call, begun) => waiting.push(blocked(trace, &world, task, call, begun)),
            Standing::Gone => {}
        }
    }
    // The busiest at the end comes first.
    let counts = counts(trace);
    running.sort_by_key(|(task, _)| std::cmp::Reverse(counts.get(task).map_or(0, Busy::steps)));
    let mut clauses: Vec<String> = running
        .iter()
        .map(|(task, last)| ran(trace, *task, *last, counts.get(task)))
        .collect();
    let waits = Deadlock::unfinished(trace, &world, &waiting);
    clauses.extend(waits.clauses());
    let mut steps: Vec<u64> = running
        .iter()
        .map(|(_, last)| trace.events[*last].step)
        .chain(waits.waits.iter().filter_map(|wait| wait.since(trace)))
        .collect();
    steps.sort_unstable();
    Unfinished {
        sentence: match clauses.is_empty() {
            true => "no process was left".to_owned(),
            false => clauses.join("; "),
        },
        details: waits.details(),
        tasks: running
            .iter()
            .map(|(task, _)| *task)
            .chain(waiting.iter().map(|one| one.task))
            .collect(),
        steps,
    }
}

/// State of a task at the end: it runs, or waits.
enum Standing {
    /// Since this event nothing keeps it.
    Runs(usize),
    /// It is in this call, since this event.
    Waits(Call, usize),
    Gone,
}

fn standing(trace: &Trace, task: TaskId) -> Standing {
    let events = &trace.events;
    let own = |event: &usize| events[*event].task == task;
    let mut back = (0..events.len()).rev().filter(own);
    let Some(last) = back.next() else {
        // It was created, and had no turn.
        return Standing::Gone;
    };
    match &events[last].what {
        What::Exit(_) | What::Killed(_) => Standing::Gone,
        What::Block { call, .. } if call.row().never_returns() => Standing::Gone,
        What::Block { call, .. } => Standing::Waits(*call, last),
        _ => Standing::Runs(last),
    }
}

/// The steps of a task among the last ones.
#[derive(Default)]
struct Busy {
    calls: BTreeMap<Call, u64>,
    others: u64,
}

impl Busy {
    fn steps(&self) -> u64 {
        self.others + self.calls.values().sum::<u64>()
    }
}

fn counts(trace: &Trace) -> BTreeMap<TaskId, Busy> {
    let since = trace.steps.saturating_sub(LAST);
    let mut counts: BTreeMap<TaskId, Busy> = BTreeMap::new();
    let begin = trace.events.partition_point(|event| event.step < since);
    let mut last = None;
    for event in &trace.events[begin..] {
        // What happens to others in the same step is not theirs.
        if last.replace(event.step) == Some(event.step) {
            continue;
        }
        let busy = counts.entry(event.task).or_default();
        match &event.what {
            What::Call { call, .. } | What::Block { call, .. } => {
                *busy.calls.entry(*call).or_default() += 1;
            }
            What::Access(_) | What::Delay { .. } => {
                *busy.calls.entry(Call::MEMORY).or_default() += 1;
            }
            _ => busy.others += 1,
        }
    }
    counts
}

/// "`a` was running: it took 998 of the last 1,000 steps, 499 of them `read`".
fn ran(trace: &Trace, task: TaskId, last: usize, busy: Option<&Busy>) -> String {
    let name = trace.name(task);
    let step = trace.events[last].step;
    let Some(busy) = busy else {
        return format!("`{name}` could run, and had its last turn in step {step}");
    };
    let window = grouped(LAST.min(trace.steps));
    let mut calls: Vec<(&Call, &u64)> = busy.calls.iter().collect();
    calls.sort_by_key(|(call, count)| (std::cmp::Reverse(**count), **call));
    let told: Vec<String> = calls
        .iter()
        .take(CALLS)
        .map(|(call, count)| match **call {
            Call::MEMORY => format!("{} accesses to shared memory", grouped(**count)),
            call => format!("{} × {call}", grouped(**count)),
        })
        .collect();
    let of_them = match told.is_empty() {
        true => String::new(),
        false => format!(" ({})", told.join(", ")),
    };
    format!(
        "`{name}` was running: {} of the last {window} steps{of_them}, the last one step {step}",
        grouped(busy.steps())
    )
}

/// Makes of what the trace shows what the engine says of tasks in a deadlock.
fn blocked(trace: &Trace, world: &World, task: TaskId, call: Call, begun: usize) -> Blocked {
    let waited = world.touches[begun].first().map(|touch| touch.object);
    let holders = waited.and_then(|object| world.holders.get(&object));
    let leader = |task: TaskId| trace.tasks.get(task.index()).map_or(task, |t| t.leader);
    let released_by = match (call.row().does, holders) {
        (Does::WaitChild, _) => children(trace, leader(task)),
        (Does::Read | Does::Receive, Some(Holders { writers, .. })) => writers.clone(),
        (Does::Write | Does::Send | Does::Move, Some(Holders { readers, .. })) => readers.clone(),
        (Does::LockFile | Does::Control, Some(Holders { lockers, .. })) => lockers.clone(),
        _ => Vec::new(),
    };
    Blocked {
        task,
        call,
        object: String::new(),
        released_by: released_by
            .into_iter()
            .filter(|other| *other != leader(task))
            .collect(),
    }
}

/// Finds the children of a process that have not ended.
fn children(trace: &Trace, parent: TaskId) -> Vec<TaskId> {
    let leader = |task: TaskId| trace.tasks.get(task.index()).map_or(task, |t| t.leader);
    let is_child = |task: &TaskId| {
        let known = &trace.tasks[task.index()];
        known.leader == *task && known.parent.map(leader) == Some(parent)
    };
    let lives = |task: &TaskId| !matches!(standing(trace, *task), Standing::Gone);
    let all = (0..trace.tasks.len() as u32).map(TaskId);
    all.filter(is_child).filter(lives).collect()
}

impl<'a> Deadlock<'a> {
    /// Understands waits that may yet end.
    fn unfinished(trace: &'a Trace, world: &World, blocked: &[Blocked]) -> Deadlock<'a> {
        let wait = |one: &Blocked| {
            let mut wait = Wait::of(trace, world, one, one.released_by.clone());
            wait.may_end = true;
            wait
        };
        Deadlock {
            trace,
            waits: blocked.iter().map(wait).collect(),
            in_cycle: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::testing::RunBuilder;
    use crosswire_model::{End, Limit};

    fn block(call: &str, first: u64) -> What {
        What::Block {
            call: call.parse().unwrap(),
            args: [first, 0, 0, 0, 0, 0],
            path: None,
        }
    }

    fn told(run: &RunBuilder) -> Unfinished {
        let run = run.end(End::Limit(Limit::Steps));
        unfinished(&run.trace, &run.seen)
    }

    #[test]
    fn who_ran_is_told_with_what_it_did_and_how_often() {
        let mut run = RunBuilder::new(&["a", "b"]);
        for step in 0..6 {
            run = run.call((0, step), "getppid", &[], None, 1);
        }
        let run = run.call((1, 6), "getuid", &[], None, 0).exits(1, 7, 0);
        let told = told(&run);
        assert_eq!(
            told.sentence,
            "`a` was running: 6 of the last 8 steps (6 × getppid), the last one step 5"
        );
        assert_eq!((told.tasks, told.steps), (vec![TaskId(0)], vec![5]));
    }

    #[test]
    fn who_waits_is_told_as_in_a_deadlock_but_not_that_it_never_ends() {
        let run = RunBuilder::new(&["a"])
            .child(0, "a.1")
            .call((0, 0), "flock", &[3, 2], Some("/tmp/x"), 0)
            .event(0, 1, block("wait4", u64::MAX))
            .event(1, 2, block("pause", 0));
        let told = told(&run);
        assert_eq!(
            told.sentence,
            "`a` waits for the end of its child `a.1`; `a.1` waits in pause for a signal"
        );
        assert_eq!(told.steps, [1, 2]);
        assert_eq!(told.details.len(), 2);
    }

    #[test]
    fn the_holders_of_the_other_end_of_a_pipe_are_named() {
        let run =
            RunBuilder::new(&["a"])
                .child(0, "a.1")
                .call((0, 0), "pipe2", &[0x1000, 0], None, 0);
        let mut run = run
            .event(0, 1, What::Spawn(TaskId(1)))
            .call((0, 2), "close", &[4], None, 0)
            .event(0, 3, block("read", 3))
            .call((1, 4), "getpid", &[], None, 2)
            .end(End::Limit(Limit::Steps));
        run.seen.push(Seen {
            event: 0,
            argument: 0,
            content: crosswire_model::Content::Descriptors(vec![3, 4]),
        });
        let told = unfinished(&run.trace, &run.seen);
        assert!(
            told.sentence
                .ends_with("`a` waits to read from pipe 1, whose write end `a.1` holds open"),
            "{}",
            told.sentence
        );
    }
}
