//! Deadlocks: no task can ever run again. Describes the waits, and the reason why they
//! never end.
//!
//! The engine has decided whether a run is deadlocked when the run ended
//! ([`End::Deadlock`]). This module describes the wait-for graph: an edge leads from each
//! blocked task to the tasks that could release it. A cycle in it explains the deadlock,
//! and so does a wait that no remaining task can end.

use crosswire_model::{Blocked, End, Kind, Trace, Violation, What};
use std::collections::VecDeque;

/// Names written out before "and n more".
const NAMED: usize = 8;

/// Adds the violation if the run ended in a deadlock.
pub(super) fn find(trace: &Trace, found: &mut Vec<Violation>) {
    if let End::Deadlock(blocked) = &trace.end {
        found.push(describe(trace, blocked));
    }
}

fn describe(trace: &Trace, blocked: &[Blocked]) -> Violation {
    let edges = edges(trace, blocked);
    let cycle = shortest_cycle(&edges);
    let mut order = cycle.clone();
    order.extend((0..blocked.len()).filter(|i| !cycle.contains(i)));

    let mut clauses: Vec<String> = cycle
        .iter()
        .map(|i| clause(trace, &blocked[*i], &[*i], &edges[*i], blocked))
        .collect();
    clauses.extend(other_clauses(trace, blocked, &edges, &order[cycle.len()..]));
    let sentence = match clauses.is_empty() {
        true => "deadlock: nobody can go on".to_owned(),
        false => format!("deadlock: {}", clauses.join("; ")),
    };

    let mut steps: Vec<u64> = order
        .iter()
        .filter_map(|i| blocked_since(trace, &blocked[*i]))
        .collect();
    steps.sort_unstable();
    Violation {
        kind: Kind::Deadlock,
        sentence,
        tasks: order.iter().map(|i| blocked[*i].task).collect(),
        steps,
        details: details(trace, blocked, &edges, &cycle, &order),
    }
}

/// For each blocked task, which others could release it, as indices. Where a
/// process is named whose first task is not blocked, its blocked threads stand
/// for it. A task that could release itself is no reason as long as others could
/// do it too.
fn edges(trace: &Trace, blocked: &[Blocked]) -> Vec<Vec<usize>> {
    let leader = |i: &usize| {
        trace
            .tasks
            .get(blocked[*i].task.index())
            .map(|task| task.leader)
    };
    (0..blocked.len())
        .map(|waiting| {
            let mut targets: Vec<usize> = Vec::new();
            for releaser in &blocked[waiting].released_by {
                match blocked.iter().position(|other| other.task == *releaser) {
                    Some(i) => targets.push(i),
                    None => {
                        targets.extend((0..blocked.len()).filter(|i| leader(i) == Some(*releaser)))
                    }
                }
            }
            targets.sort_unstable();
            targets.dedup();
            if targets.len() > 1 {
                targets.retain(|target| *target != waiting);
            }
            targets
        })
        .collect()
}

/// Returns the shortest cycle, beginning with its lowest index; empty if there is none.
fn shortest_cycle(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut best: Vec<usize> = Vec::new();
    for start in 0..edges.len() {
        let longest = match best.len() {
            0 => edges.len(),
            1 => break,
            n => n - 1,
        };
        if let Some(cycle) = cycle_through(edges, start, longest) {
            best = cycle;
        }
    }
    best
}

/// Returns the shortest cycle whose lowest index is `start`, by breadth-first search, if
/// it has at most `longest` members.
fn cycle_through(edges: &[Vec<usize>], start: usize, longest: usize) -> Option<Vec<usize>> {
    let mut from: Vec<Option<(usize, usize)>> = vec![None; edges.len()];
    let mut queue = VecDeque::from([(start, 1)]);
    while let Some((at, length)) = queue.pop_front() {
        if length > longest {
            return None;
        }
        for &next in &edges[at] {
            if next == start {
                let mut cycle = vec![at];
                while let Some((before, _)) = from[*cycle.last()?] {
                    cycle.push(before);
                }
                cycle.reverse();
                return Some(cycle);
            }
            if next > start && from[next].is_none() {
                from[next] = Some((at, length));
                queue.push_back((next, length + 1));
            }
        }
    }
    None
}

/// Describes the waits outside the cycle; processes that wait in the same way share a
/// clause.
fn other_clauses(
    trace: &Trace,
    blocked: &[Blocked],
    edges: &[Vec<usize>],
    others: &[usize],
) -> Vec<String> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for &i in others {
        let alike = |group: &Vec<usize>| {
            let (a, b) = (&blocked[group[0]], &blocked[i]);
            a.call == b.call && a.object == b.object && edges[group[0]] == edges[i]
        };
        match groups.iter_mut().find(|group| alike(group)) {
            Some(group) => group.push(i),
            None => groups.push(vec![i]),
        }
    }
    groups
        .iter()
        .map(|group| clause(trace, &blocked[group[0]], group, &edges[group[0]], blocked))
        .collect()
}

/// "`a` waits in flock for /tmp/x, held by `b`".
fn clause(
    trace: &Trace,
    wait: &Blocked,
    waiting: &[usize],
    releasers: &[usize],
    blocked: &[Blocked],
) -> String {
    let verb = match waiting.len() {
        1 => "waits",
        _ => "wait",
    };
    let (call, object) = (wait.call, &wait.object);
    let who = names(trace, waiting, blocked);
    let whom = names(trace, releasers, blocked);
    let reason = match releasers {
        [] => ", and nobody is left who could release it".to_owned(),
        _ if releasers == waiting => format!(", which only {whom} itself could release"),
        _ if is_lock(wait) => format!(", held by {whom}"),
        _ => format!(", which only {whom} could release"),
    };
    format!("{who} {verb} in {call} for {object}{reason}")
}

/// Tells whether the awaited object has a holder.
fn is_lock(wait: &Blocked) -> bool {
    matches!(wait.call.name(), Some("flock" | "fcntl"))
}

fn names(trace: &Trace, which: &[usize], blocked: &[Blocked]) -> String {
    let name = |i: &usize| format!("`{}`", trace.name(blocked[*i].task));
    let names: Vec<String> = which.iter().take(NAMED).map(name).collect();
    match (names.as_slice(), which.len()) {
        (_, n) if n > NAMED => format!("{} and {} more", names.join(", "), n - NAMED),
        ([], _) => String::new(),
        ([one], _) => one.clone(),
        ([first @ .., last], _) => format!("{} and {last}", first.join(", ")),
    }
}

/// Returns the step in which it made the call it has not come back from.
fn blocked_since(trace: &Trace, wait: &Blocked) -> Option<u64> {
    let mut events = trace.events.iter().rev();
    events
        .find(|event| event.task == wait.task && matches!(event.what, What::Block { .. }))
        .map(|event| event.step)
}

/// Describes each blocked task in one line, those in the cycle first and marked, then the
/// processes that were killed before.
fn details(
    trace: &Trace,
    blocked: &[Blocked],
    edges: &[Vec<usize>],
    cycle: &[usize],
    order: &[usize],
) -> Vec<String> {
    let mut lines: Vec<String> = order
        .iter()
        .map(|i| {
            let wait = &blocked[*i];
            let releasers = match edges[*i].as_slice() {
                [] => "nobody".to_owned(),
                some => names(trace, some, blocked),
            };
            let since = match blocked_since(trace, wait) {
                Some(step) => format!(", since step {step}"),
                None => String::new(),
            };
            let mark = match cycle.contains(i) {
                true => " [cycle]",
                false => "",
            };
            let (name, call, object) = (trace.name(wait.task), wait.call, &wait.object);
            format!("`{name}` -> {releasers}: {call}, {object}{since}{mark}")
        })
        .collect();
    lines.extend(trace.events.iter().filter_map(|event| match &event.what {
        What::Fault(fault) if fault.action == crosswire_model::Action::Kill => Some(format!(
            "`{}` was killed in step {} by the fault {fault}",
            trace.name(event.task),
            event.step
        )),
        _ => None,
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::TaskId;
    use crosswire_model::testing::RunBuilder;

    fn waits(task: u32, call: &str, object: &str, released_by: &[u32]) -> Blocked {
        Blocked {
            task: TaskId(task),
            call: call.parse().unwrap(),
            object: object.into(),
            released_by: released_by.iter().copied().map(TaskId).collect(),
        }
    }

    fn judged(run: RunBuilder, blocked: &[Blocked]) -> Violation {
        let mut found = Vec::new();
        find(&run.end(End::Deadlock(blocked.to_vec())).trace, &mut found);
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    #[test]
    fn two_that_hold_what_the_other_wants() {
        let block = What::Block {
            call: "flock".parse().unwrap(),
            args: [0; 6],
            path: None,
        };
        let found = judged(
            RunBuilder::new(&["a", "b"])
                .event(0, 4, block.clone())
                .event(1, 7, block),
            &[
                waits(0, "flock", "/tmp/x", &[1]),
                waits(1, "flock", "/tmp/y", &[0]),
            ],
        );
        assert_eq!(
            found.sentence,
            "deadlock: `a` waits in flock for /tmp/x, held by `b`; `b` waits in flock for /tmp/y, \
             held by `a`"
        );
        assert_eq!(found.steps, [4, 7]);
        assert_eq!(
            found.details,
            [
                "`a` -> `b`: flock, /tmp/x, since step 4 [cycle]",
                "`b` -> `a`: flock, /tmp/y, since step 7 [cycle]",
            ]
        );
    }

    #[test]
    fn three_in_a_circle_and_two_who_wait_for_them() {
        let run = RunBuilder::new(&["z", "a", "b", "c", "y"]);
        let found = judged(
            run,
            &[
                waits(0, "wait4", "a child", &[1]),
                waits(1, "flock", "1", &[2]),
                waits(2, "flock", "2", &[3, 0]),
                waits(3, "flock", "3", &[1]),
                waits(4, "wait4", "a child", &[1]),
            ],
        );
        let [a, b, c] = [1, 2, 3].map(TaskId);
        assert_eq!(found.tasks, [TaskId(0), a, b, c, TaskId(4)]);
        // Both cycles have three members; the one with the lowest task is reported.
        assert_eq!(
            found
                .details
                .iter()
                .filter(|line| line.contains("[cycle]"))
                .count(),
            3
        );
        assert!(found.sentence.ends_with(
            "`c` waits in flock for 3, held by `a`; `y` waits in wait4 for a child, which only \
             `a` could release"
        ));
    }

    #[test]
    fn one_that_reads_from_a_pipe_it_could_write_to_itself() {
        let found = judged(
            RunBuilder::new(&["a"]),
            &[waits(0, "read", "pipe:[3] (empty)", &[0])],
        );
        assert_eq!(
            found.sentence,
            "deadlock: `a` waits in read for pipe:[3] (empty), which only `a` itself could release"
        );
        assert!(found.details[0].ends_with("[cycle]"));
    }

    #[test]
    fn others_are_told_before_the_one_who_waits_and_each_object_apart() {
        let found = judged(
            RunBuilder::new(&["a", "b", "c"]),
            &[
                waits(0, "read", "pipe 1", &[0, 1]),
                waits(1, "read", "pipe 2", &[]),
                waits(2, "read", "pipe 3", &[]),
            ],
        );
        assert_eq!(
            found.sentence,
            "deadlock: `a` waits in read for pipe 1, which only `b` could release; `b` waits in \
             read for pipe 2, and nobody is left who could release it; `c` waits in read for pipe \
             3, and nobody is left who could release it"
        );
    }

    #[test]
    fn nobody_left() {
        let run = RunBuilder::new(&["a", "b", "c"]).fault(2, 5, "kill:c@write#2");
        let found = judged(
            run,
            &[
                waits(0, "futex", "a mutex", &[]),
                waits(1, "futex", "a mutex", &[]),
            ],
        );
        assert_eq!(
            found.sentence,
            "deadlock: `a` and `b` wait in futex for a mutex, and nobody is left who could release \
             it"
        );
        assert_eq!(
            found.details.last().unwrap(),
            "`c` was killed in step 5 by the fault kill:c@write#2"
        );
        assert!(!found.details.iter().any(|line| line.contains("[cycle]")));
    }

    #[test]
    fn a_process_is_represented_by_its_blocked_threads() {
        let run = RunBuilder::new(&["a", "b"]).thread(1);
        let found = judged(
            run,
            &[waits(0, "flock", "x", &[1]), waits(2, "flock", "y", &[0])],
        );
        assert!(
            found.sentence.contains("held by `b:t1`"),
            "{}",
            found.sentence
        );
        assert!(found.details.iter().all(|line| line.ends_with("[cycle]")));
    }

    #[test]
    fn many_are_counted() {
        let names: Vec<String> = (0..20).map(|n| format!("w{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all: Vec<Blocked> = (0..20).map(|n| waits(n, "futex", "f", &[])).collect();
        let found = judged(RunBuilder::new(&names), &all);
        assert!(found.sentence.contains("`w7` and 12 more wait in futex"));
        assert_eq!(found.details.len(), 20);
    }
}
