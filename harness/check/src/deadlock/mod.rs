//! Nobody can ever go on: who waits for what, and why that never comes.
//!
//! Whether a run is deadlocked has been decided when it ended ([`End::Deadlock`]). Here
//! each blocked task becomes a [`Wait`], and the waits become the one sentence that
//! every report prints. A cycle in the wait-for graph explains the deadlock, and so
//! does a task that nobody is left to release.

mod graph;
mod unfinished;
mod wait;

pub use unfinished::{Unfinished, unfinished};
pub use wait::Wait;

use crosswire_model::{Action, Blocked, End, Kind, Seen, TaskId, Trace, Verdict, Violation, What};
use crosswire_world::World;

/// Names written out before "and n more".
const NAMED: usize = 8;

/// Clauses of a sentence before the rest is counted.
const MOST_CLAUSES: usize = 4;

/// Adds the violation if the run ended in a deadlock.
pub(super) fn find(trace: &Trace, seen: &[Seen], found: &mut Vec<Violation>) {
    if let End::Deadlock(blocked) = &trace.end {
        let world = World::follow(trace, seen);
        found.push(Deadlock::of(trace, &world, blocked).violation());
    }
}

/// Gives a verdict the words that [`judge`](super::judge) has for it now: it may have
/// been recorded by an earlier version, or before it was seen what calls read and wrote.
pub fn reword(trace: &Trace, seen: &[Seen], verdict: &mut Verdict) {
    let Verdict::Violation(violations) = verdict else {
        return;
    };
    for violation in violations {
        let mut now = Vec::new();
        if violation.kind == Kind::Deadlock {
            find(trace, seen, &mut now);
        }
        if let Some(mut now) = now.pop() {
            // What others have added stands behind.
            let added = violation.details.iter().skip(now.details.len());
            now.details.extend(added.cloned());
            violation.sentence = now.sentence;
            violation.details = now.details;
        }
    }
}

/// Finds who waits for what at the end of a run; nobody does unless it is deadlocked.
pub fn waits(trace: &Trace, world: &World) -> Vec<Wait> {
    match &trace.end {
        End::Deadlock(blocked) => Deadlock::of(trace, world, blocked).waits,
        _ => Vec::new(),
    }
}

struct Deadlock<'a> {
    trace: &'a Trace,
    /// One for each blocked task, those in the cycle first.
    waits: Vec<Wait>,
    /// How many are in the cycle.
    in_cycle: usize,
}

impl<'a> Deadlock<'a> {
    fn of(trace: &'a Trace, world: &World, blocked: &[Blocked]) -> Deadlock<'a> {
        let edges = graph::edges(trace, blocked);
        let mut order = graph::shortest_cycle(&edges);
        let in_cycle = order.len();
        let others = (0..blocked.len()).filter(|i| !order[..in_cycle].contains(i));
        order.extend(others.collect::<Vec<usize>>());
        let wait = |(place, i): (usize, &usize)| {
            let releasers = edges[*i].iter().map(|other| blocked[*other].task);
            let mut wait = Wait::of(trace, world, &blocked[*i], releasers.collect());
            wait.in_cycle = place < in_cycle;
            wait
        };
        Deadlock {
            trace,
            waits: order.iter().enumerate().map(wait).collect(),
            in_cycle,
        }
    }

    fn violation(&self) -> Violation {
        let since = self.waits.iter().filter_map(|wait| wait.since(self.trace));
        let mut steps: Vec<u64> = since.collect();
        steps.sort_unstable();
        Violation {
            kind: Kind::Deadlock,
            sentence: self.sentence(),
            tasks: self.waits.iter().map(|wait| wait.task).collect(),
            steps,
            details: self.details(),
        }
    }

    fn sentence(&self) -> String {
        let clauses = self.clauses();
        match clauses.is_empty() {
            true => "deadlock: nobody can go on".to_owned(),
            false => format!("deadlock: {}", clauses.join("; ")),
        }
    }

    fn clauses(&self) -> Vec<String> {
        let groups = self.groups();
        let told = groups.iter().take(MOST_CLAUSES);
        let mut clauses: Vec<String> = told.map(|group| self.clause(group)).collect();
        let rest = groups.iter().skip(MOST_CLAUSES).map(Vec::len).sum();
        match rest {
            0 => {}
            1 => clauses.push("and 1 more waits".to_owned()),
            more => clauses.push(format!("and {more} more wait")),
        }
        clauses
    }

    /// Puts those outside the cycle together who wait in the same way.
    fn groups(&self) -> Vec<Vec<&Wait>> {
        let (cycle, others) = self.waits.split_at(self.in_cycle);
        let mut groups: Vec<Vec<&Wait>> = cycle.iter().map(|wait| vec![wait]).collect();
        for wait in others {
            let mut outside = groups[self.in_cycle..].iter_mut();
            match outside.find(|group| group[0].is_like(wait)) {
                Some(group) => group.push(wait),
                None => groups.push(vec![wait]),
            }
        }
        groups
    }

    fn clause(&self, group: &[&Wait]) -> String {
        let who: Vec<TaskId> = group.iter().map(|wait| wait.task).collect();
        let verb = match who.len() {
            1 => "waits",
            _ => "wait",
        };
        let said = group[0].in_words(self.trace, verb);
        format!("{} {said}", names(self.trace, &who))
    }

    /// One line for each blocked task, those in the cycle marked, then who was killed on
    /// the way here.
    fn details(&self) -> Vec<String> {
        let line = |(number, wait): (usize, &Wait)| {
            let releasers = match wait.releasers.as_slice() {
                [] if wait.may_end => "?".to_owned(),
                [] => "nobody".to_owned(),
                some => names(self.trace, some),
            };
            let object = match wait.object_in_words() {
                object if object.is_empty() => object,
                object => format!(", {object}"),
            };
            let since = match wait.since(self.trace) {
                Some(step) => format!(", since step {step}"),
                None => String::new(),
            };
            let mark = match number < self.in_cycle {
                true => " [cycle]",
                false => "",
            };
            let (name, call) = (self.trace.name(wait.task), wait.call);
            format!("`{name}` -> {releasers}: {call}{object}{since}{mark}")
        };
        let mut lines: Vec<String> = self.waits.iter().enumerate().map(line).collect();
        let killed = self
            .trace
            .events
            .iter()
            .filter_map(|event| match &event.what {
                What::Fault(fault) if fault.action == Action::Kill => Some(format!(
                    "`{}` was killed in step {} by the fault {fault}",
                    self.trace.name(event.task),
                    event.step
                )),
                _ => None,
            });
        lines.extend(killed);
        lines
    }
}

fn names(trace: &Trace, tasks: &[TaskId]) -> String {
    let name = |task: &TaskId| format!("`{}`", trace.name(*task));
    let names: Vec<String> = tasks.iter().take(NAMED).map(name).collect();
    match (names.as_slice(), tasks.len()) {
        (_, n) if n > NAMED => format!("{} and {} more", names.join(", "), n - NAMED),
        ([], _) => String::new(),
        ([one], _) => one.clone(),
        ([first @ .., last], _) => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::testing::RunBuilder;
    use crosswire_model::{Content, TaskId};

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
        let run = run.end(End::Deadlock(blocked.to_vec()));
        find(&run.trace, &run.seen, &mut found);
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    fn block(call: &str, descriptor: u64) -> What {
        What::Block {
            call: call.parse().unwrap(),
            args: [descriptor, 0, 0, 0, 0, 0],
            path: None,
        }
    }

    fn call(call: &str, descriptor: u64, path: Option<&str>, result: i64) -> What {
        What::Call {
            call: call.parse().unwrap(),
            args: [descriptor, libc::LOCK_EX as u64, 0, 0, 0, 0],
            path: path.map(str::to_owned),
            result,
        }
    }

    #[test]
    fn two_that_hold_what_the_other_wants() {
        let block = block("flock", 9);
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
            "deadlock: `a` waits for flock /tmp/x, held by `b`; `b` waits for flock /tmp/y, held \
             by `a`"
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
        // Both cycles have three members; the one with the lowest task is told.
        assert_eq!(
            found
                .details
                .iter()
                .filter(|line| line.contains("[cycle]"))
                .count(),
            3
        );
        assert!(
            found
                .sentence
                .ends_with("`c` waits for flock 3, held by `a`; and 1 more waits")
        );
    }

    #[test]
    fn one_that_reads_from_a_pipe_it_could_write_to_itself() {
        let found = judged(
            RunBuilder::new(&["a"]),
            &[waits(0, "read", "pipe (0 of 65536 bytes)", &[0])],
        );
        assert_eq!(
            found.sentence,
            "deadlock: `a` waits to read from a pipe (empty), whose write end `a` itself holds open"
        );
        assert!(found.details[0].ends_with("[cycle]"));
    }

    #[test]
    fn others_are_told_before_the_one_who_waits_and_each_object_apart() {
        let found = judged(
            RunBuilder::new(&["a", "b", "c"]),
            &[
                waits(0, "read", "/tmp/1", &[0, 1]),
                waits(1, "read", "/tmp/2", &[]),
                waits(2, "read", "/tmp/3", &[]),
            ],
        );
        assert_eq!(
            found.sentence,
            "deadlock: `a` waits to read from /tmp/1, which only `b` could fill; `b` waits to read \
             from /tmp/2, and nobody is left who could fill it; `c` waits to read from /tmp/3, and \
             nobody is left who could fill it"
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
            "deadlock: `a` and `b` wait for a mutex, and nobody is left who could release it"
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
        assert!(found.sentence.contains("`w7` and 12 more wait for f"));
        assert_eq!(found.details.len(), 20);
    }

    #[test]
    fn a_lock_is_named_with_its_holder_and_since_when() {
        let locks = |run: RunBuilder, task, step, path| {
            run.event(task, step, call("openat", 0, Some(path), 3))
                .event(task, step, call("flock", 3, None, 0))
        };
        let run = locks(RunBuilder::new(&["a", "b"]), 0, 2, "/tmp/x");
        let run = run.event(1, 5, call("openat", 0, Some("/tmp/x"), 7));
        let run = run.event(1, 6, block("flock", 7)).exits(0, 8, 0);
        let found = judged(run, &[waits(1, "flock", "the lock on /tmp/x", &[0])]);
        // `a` is gone, so nobody holds it; who took it last is marked.
        assert_eq!(
            found.sentence,
            "deadlock: `b` waits for flock /tmp/x, and nobody is left who could release it"
        );
        assert_eq!(
            found.details,
            ["`b` -> nobody: flock, /tmp/x, since step 6"]
        );

        let run = locks(RunBuilder::new(&["a", "b"]), 0, 2, "/tmp/x");
        let run = run.event(1, 5, call("openat", 0, Some("/tmp/x"), 7));
        let run = run.event(1, 6, block("flock", 7));
        let ends = [
            waits(0, "pause", "a signal", &[]),
            waits(1, "flock", "the lock on /tmp/x", &[0]),
        ];
        let run = run.end(End::Deadlock(ends.to_vec()));
        let all = super::waits(&run.trace, &World::follow(&run.trace, &[]));
        assert_eq!((all[1].task, &all[1].taken[..]), (TaskId(1), &[1][..]));
        let mut found = Vec::new();
        find(&run.trace, &[], &mut found);
        assert_eq!(
            found[0].sentence,
            "deadlock: `a` waits in pause for a signal, and nobody is left who could send one; `b` \
             waits for flock /tmp/x, held by `a` since step 2"
        );
    }

    #[test]
    fn what_was_seen_of_a_run_gives_its_objects_names() {
        let blocked = [waits(0, "read", "pipe (0 of 65536 bytes)", &[])];
        let run = RunBuilder::new(&["a"])
            .event(0, 1, call("pipe2", 0, None, 0))
            .event(0, 2, block("read", 3));
        let run = run.end(End::Deadlock(blocked.to_vec()));
        let seen = [Seen {
            event: 0,
            argument: 0,
            content: Content::Descriptors(vec![3, 4]),
        }];
        let mut found = Vec::new();
        find(&run.trace, &[], &mut found);
        found[0].details.push("what was promised".to_owned());
        let mut verdict = Verdict::Violation(found);
        let said = |verdict: &Verdict| match verdict {
            Verdict::Violation(found) => (found[0].sentence.clone(), found[0].details.clone()),
            other => panic!("{other:?}"),
        };
        assert!(said(&verdict).0.contains("read from a pipe (empty)"));
        reword(&run.trace, &seen, &mut verdict);
        let (sentence, details) = said(&verdict);
        assert!(sentence.contains("read from pipe 1 (empty)"), "{sentence}");
        assert_eq!(
            details,
            [
                "`a` -> nobody: read, pipe 1 (empty), since step 2",
                "what was promised"
            ]
        );
    }
}
