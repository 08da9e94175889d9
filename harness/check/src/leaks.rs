//! Leaks: resources that outlive their users.
//!
//! What counts as a leak when a run has finished:
//!
//! * System V objects, names in `/dev/shm` and `/dev/mqueue`: always, for nothing
//!   but a call removes them;
//! * sockets and FIFOs, wherever they are: they are of no use without a process;
//! * other files in `/tmp`, `/var/tmp` and `/dev/shm`, unless they are in the
//!   working directory, which may lie there, or were named relative to it. A file
//!   elsewhere is taken to be the program's product;
//! * processes that are still alive, and locks they hold;
//! * zombies whose parent is still alive. When the parent ends first, init reaps
//!   them, as many programs intend.
//!
//! A run that deadlocked or was cut off by a limit cannot have cleaned up, so
//! nothing it left is reported.
//!
//! The dead cannot clean up: what a process created that a fault killed is
//! excused, unless the survivors are expected to do it ([`Leaks::Always`]) and
//! there are any. So is what could not be removed because a fault made the
//! removal fail. An error injected elsewhere excuses nothing: giving up is no
//! reason to leave things behind.

use super::allowance::may_stay;
use super::creator::{Creator, creator};
use super::processes::{end_of, is_killed_by_fault, parent_of, process_of};
use super::{Expectations, Leaks};
use crosswire_model::{Action, End, Kind, Leftover, TaskId, Trace, Violation, What};

/// Directories for what is not meant to stay.
const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Adds a violation for each leak, and to `allowed` those that are accepted.
pub(super) fn find(
    trace: &Trace,
    expectations: &Expectations,
    found: &mut Vec<Violation>,
    allowed: &mut Vec<Violation>,
) {
    if trace.leftovers.is_empty()
        || expectations.leaks == Leaks::Ignored
        || trace.end != End::Finished
    {
        return;
    }
    let mut leaks: Vec<(&Leftover, Option<Creator>)> = Vec::new();
    for leftover in &trace.leftovers {
        let from = creator(trace, leftover);
        if counts(trace, leftover, from, expectations)
            && !is_excused(trace, leftover, from, expectations)
        {
            match may_stay(trace, leftover, &expectations.may_leave) {
                true => allowed.push(describe(trace, leftover, from, Vec::new())),
                false => leaks.push((leftover, from)),
            }
        }
    }
    let outer = |leak: &Leftover| leaks.iter().find(|(other, _)| contains(other, leak));
    for (leftover, from) in &leaks {
        // What lies in a directory that was left belongs to that.
        if outer(leftover).is_some() {
            continue;
        }
        let inside = leaks.iter().map(|(other, _)| *other);
        let inside = inside.filter(|other| contains(leftover, other));
        let mut details: Vec<String> = inside
            .map(|other| format!("in it: {}", name(trace, other)))
            .collect();
        details.extend(from.and_then(|from| last_user(trace, from)));
        found.push(describe(trace, leftover, *from, details));
    }
}

/// Tells whether a user would call it a leak, regardless of blame.
fn counts(
    trace: &Trace,
    leftover: &Leftover,
    from: Option<Creator>,
    expectations: &Expectations,
) -> bool {
    match leftover {
        Leftover::SystemV { .. } | Leftover::MessageQueue(_) | Leftover::SharedMemory(_) => true,
        Leftover::Process(_) | Leftover::Lock { .. } => true,
        Leftover::Zombie(task) => {
            parent_of(trace, *task).is_some_and(|p| end_of(trace, p).is_none())
        }
        Leftover::File { kind, path } => {
            let temporary = TEMPORARY.iter().any(|directory| is_below(path, directory));
            let relative = from.is_some_and(|from| from.relative);
            // A name below it says enough; in /tmp itself, how it was named must.
            let product = match expectations.working_dir.as_deref() {
                Some(home) if !TEMPORARY.contains(&home) => is_below(path, home),
                _ => relative,
            };
            let useless = matches!(kind.as_str(), "socket" | "fifo");
            useless || temporary && !product
        }
    }
}

/// Tells whether a fault excuses the leak.
fn is_excused(
    trace: &Trace,
    leftover: &Leftover,
    from: Option<Creator>,
    expectations: &Expectations,
) -> bool {
    if from.is_some_and(|from| from.removal_struck) {
        return true;
    }
    let owner = match leftover {
        Leftover::Process(task) | Leftover::Zombie(task) => parent_of(trace, *task),
        Leftover::Lock { task, .. } => Some(process_of(trace, *task)),
        _ => from.map(|from| process_of(trace, from.task)),
    };
    let Some(owner) = owner else {
        // A process that the harness started, or a creation the trace does not
        // show: it may have been that of a process that was killed.
        let started = matches!(leftover, Leftover::Process(_));
        return !started && trace.killed_by_fault().next().is_some();
    };
    is_killed_by_fault(trace, owner)
        && (expectations.leaks == Leaks::UnlessKilled || !somebody_survived(trace))
}

/// Tells whether a process was left to clean up after the last one was killed.
fn somebody_survived(trace: &Trace) -> bool {
    let kill =
        trace.events.iter().rev().find(
            |event| matches!(&event.what, What::Fault(fault) if fault.action == Action::Kill),
        );
    let last = kill.map_or(0, |event| event.step);
    (0..trace.tasks.len() as u32).map(TaskId).any(|task| {
        process_of(trace, task) == task
            && !is_killed_by_fault(trace, task)
            && end_of(trace, task).is_none_or(|(step, _)| step > last)
    })
}

/// Tells whether a path is that of a directory or of something in it.
fn is_below(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Tells whether one leftover is a directory that contains the other.
fn contains(outer: &Leftover, inner: &Leftover) -> bool {
    match (outer, inner) {
        (Leftover::File { kind, path }, Leftover::File { path: inner, .. }) => {
            kind == "directory" && path != inner && is_below(inner, path)
        }
        _ => false,
    }
}

/// Names a leftover in a sentence.
fn name(trace: &Trace, leftover: &Leftover) -> String {
    match leftover {
        Leftover::SystemV { kind, id, key: 0 } => format!("System V {kind} {id} (private)"),
        Leftover::SystemV { kind, id, key } => format!("System V {kind} {id} (key {key:#x})"),
        Leftover::SharedMemory(name) => match name.trim_start_matches('/').strip_prefix("sem.") {
            // Where sem_open(3) keeps them, as sem_overview(7) says.
            Some(semaphore) => format!("named semaphore /{semaphore}"),
            None => format!("shared memory /{}", name.trim_start_matches('/')),
        },
        Leftover::MessageQueue(name) => {
            format!("message queue /{}", name.trim_start_matches('/'))
        }
        Leftover::File { kind, path } => format!("{kind} {path}"),
        Leftover::Process(task) => format!("process `{}`", trace.name(*task)),
        Leftover::Zombie(task) => format!("zombie `{}`", trace.name(*task)),
        Leftover::Lock { task, path } => format!("lock of `{}` on {path}", trace.name(*task)),
    }
}

fn describe(
    trace: &Trace,
    leftover: &Leftover,
    from: Option<Creator>,
    details: Vec<String>,
) -> Violation {
    let what = name(trace, leftover);
    let mut tasks = Vec::new();
    let mut steps = Vec::new();
    let sentence = match (leftover, from) {
        (Leftover::Process(task), _) => {
            tasks.push(*task);
            match parent_of(trace, *task) {
                None => format!("{what} was still alive at the end"),
                Some(parent) => {
                    tasks.push(parent);
                    let (name, end) = (trace.name(parent), told_end(trace, parent, &mut steps));
                    format!("{what} was still alive at the end; its parent `{name}` {end}")
                }
            }
        }
        (Leftover::Zombie(task), _) => {
            tasks.push(*task);
            let ended = end_of(trace, *task).map(|(step, _)| step);
            steps.extend(ended);
            let ended = ended.map_or(String::new(), |step| format!(" in step {step}"));
            let parent = parent_of(trace, *task).map_or(String::new(), |parent| trace.name(parent));
            let name = trace.name(*task);
            format!("`{name}` ended{ended}, and its parent `{parent}` never waited for it")
        }
        (Leftover::Lock { task, .. }, _) => {
            tasks.push(*task);
            format!("{what} was still held at the end")
        }
        (_, None) => format!("{what} was left behind; the trace does not show who created it"),
        (_, Some(from)) => {
            let owner = process_of(trace, from.task);
            tasks.push(owner);
            steps.push(from.step);
            let verb = match from.created {
                true => "created it",
                false => "was the first to name it",
            };
            let (name, end) = (trace.name(from.task), told_end(trace, owner, &mut steps));
            format!(
                "{what} was left behind: `{name}` {verb} in step {} and {end}",
                from.step
            )
        }
    };
    Violation {
        kind: Kind::Leak,
        sentence,
        tasks,
        steps,
        details,
    }
}

/// Who else could have cleaned up: the last to use it, if that was not its creator.
fn last_user(trace: &Trace, from: Creator) -> Option<String> {
    let (task, step) = from.last;
    let process = process_of(trace, task);
    if process == process_of(trace, from.task) || is_killed_by_fault(trace, process) {
        return None;
    }
    let end = told_end(trace, process, &mut Vec::new());
    let name = trace.name(task);
    Some(format!("`{name}` used it last, in step {step}, and {end}"))
}

/// Explains why the owner did not clean up.
fn told_end(trace: &Trace, process: TaskId, steps: &mut Vec<u64>) -> String {
    let Some((step, signal)) = end_of(trace, process) else {
        return "never ended".to_owned();
    };
    steps.push(step);
    let by_fault = is_killed_by_fault(trace, process);
    match signal {
        _ if by_fault => format!("was killed by a fault in step {step}; no survivor cleaned up"),
        Some(signal) => format!("was ended by {signal} in step {step} without cleaning up"),
        None => format!("ended in step {step} without cleaning up"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::Limit;
    use crosswire_model::testing::RunBuilder;

    fn file(kind: &str, path: &str) -> Leftover {
        Leftover::File {
            kind: kind.into(),
            path: path.into(),
        }
    }

    fn queue() -> Leftover {
        Leftover::SystemV {
            kind: "message queue".into(),
            id: 0,
            key: 0x4d2,
        }
    }

    fn judged(run: &RunBuilder, leaks: Leaks) -> Vec<String> {
        let expectations = Expectations {
            leaks,
            may_leave: vec!["/tmp/cache/".into()],
            ..Expectations::default()
        };
        let mut found = Vec::new();
        find(
            &run.end(End::Finished).trace,
            &expectations,
            &mut found,
            &mut Vec::new(),
        );
        found
            .into_iter()
            .map(|violation| violation.sentence)
            .collect()
    }

    fn by_default(run: &RunBuilder) -> Vec<String> {
        judged(run, Leaks::UnlessKilled)
    }

    /// `a` creates the queue in step 2; both end.
    fn creates_queue() -> RunBuilder {
        RunBuilder::new(&["a", "b"]).call((0, 2), "msgget", &[0x4d2, 0o1000], None, 0)
    }

    #[test]
    fn the_sentence_says_who_should_have_removed_it() {
        let run = creates_queue().exits(1, 7, 0).exits(0, 8, 0).left(queue());
        assert_eq!(
            by_default(&run),
            [
                "System V message queue 0 (key 0x4d2) was left behind: `a` created it in step 2 and \
              ended in step 8 without cleaning up"
            ]
        );
        assert!(judged(&run, Leaks::Ignored).is_empty());
        let mut found = Vec::new();
        let cut = run.end(End::Limit(Limit::Steps)).trace;
        find(&cut, &Expectations::default(), &mut found, &mut Vec::new());
        assert!(found.is_empty(), "it might have been removed later");
    }

    #[test]
    fn the_last_user_is_named_if_that_is_another() {
        let details = |user| {
            let used = creates_queue().call((user, 4), "msgrcv", &[0], None, 8);
            let run = used.exits(1, 7, 0).exits(0, 8, 0).left(queue());
            let mut found = Vec::new();
            let expectations = Expectations::default();
            find(
                &run.end(End::Finished).trace,
                &expectations,
                &mut found,
                &mut Vec::new(),
            );
            found.remove(0).details
        };
        assert_eq!(
            details(1),
            ["`b` used it last, in step 4, and ended in step 7 without cleaning up"]
        );
        assert!(details(0).is_empty());
    }

    #[test]
    fn the_dead_are_excused_unless_survivors_must_clean_up() {
        let killed = creates_queue().fault(0, 5, "kill:a@msgsnd#1");
        let survived = killed.exits(1, 7, 0).left(queue());
        assert!(by_default(&survived).is_empty());
        assert_eq!(
            judged(&survived, Leaks::Always),
            [
                "System V message queue 0 (key 0x4d2) was left behind: `a` created it in step 2 and \
              was killed by a fault in step 5; no survivor cleaned up"
            ]
        );
        let nobody = creates_queue()
            .exits(1, 3, 0)
            .fault(0, 5, "kill:a@msgsnd#1")
            .left(queue());
        assert!(judged(&nobody, Leaks::Always).is_empty());
        let other = creates_queue()
            .fault(1, 5, "kill:b@msgrcv#1")
            .exits(0, 7, 0)
            .left(queue());
        assert_eq!(by_default(&other).len(), 1, "its creator lived on");
    }

    #[test]
    fn a_removal_that_a_fault_made_fail_is_excused() {
        let run = creates_queue()
            .fault(0, 5, "errno(EIO):a@msgctl#1")
            .call((0, 5), "msgctl", &[0, 0], None, -5)
            .exits(0, 7, 1)
            .left(queue());
        assert!(by_default(&run).is_empty());
    }

    #[test]
    fn products_are_no_leaks() {
        let left = |kind, path| {
            let run = RunBuilder::new(&["a"]).exits(0, 9, 0);
            by_default(&run.left(file(kind, path))).len()
        };
        assert_eq!(left("file", "/home/u/out.o"), 0);
        assert_eq!(left("file", "/tmpfile"), 0);
        assert_eq!(left("file", "/tmp/cache/x"), 0);
        assert_eq!(left("file", "/tmp/x"), 1);
        assert_eq!(left("fifo", "/home/u/fifo"), 1);
        assert_eq!(left("socket", "/run/s"), 1);
        let relative = RunBuilder::new(&["a"])
            .call((0, 1), "openat", &[0, 0, 0o100], Some("out"), 3)
            .exits(0, 9, 0)
            .left(file("file", "/tmp/work/out"));
        assert!(by_default(&relative).is_empty());
        let in_home = |home: &str| {
            let expectations = Expectations {
                working_dir: Some(home.to_owned()),
                ..Expectations::default()
            };
            let run = RunBuilder::new(&["a"]).exits(0, 9, 0);
            let run = run.left(file("file", "/tmp/work/out"));
            let mut found = Vec::new();
            find(
                &run.end(End::Finished).trace,
                &expectations,
                &mut found,
                &mut Vec::new(),
            );
            found.len()
        };
        assert_eq!(
            ["/tmp/work", "/", "/tmp", "/home/u"].map(in_home),
            [0, 0, 1, 1]
        );
    }

    #[test]
    fn accepted_leaks_are_told_apart() {
        let expectations = Expectations {
            may_leave: vec!["0x4d2".into()],
            ..Expectations::default()
        };
        let (mut found, mut allowed) = (Vec::new(), Vec::new());
        let trace = creates_queue()
            .exits(0, 9, 0)
            .left(queue())
            .end(End::Finished)
            .trace;
        find(&trace, &expectations, &mut found, &mut allowed);
        assert_eq!((found.len(), allowed.len()), (0, 1));
    }

    #[test]
    fn a_directory_is_told_with_what_is_in_it() {
        let run = RunBuilder::new(&["a"])
            .call((0, 1), "mkdir", &[], Some("/tmp/d"), 0)
            .exits(0, 9, 0)
            .left(file("directory", "/tmp/d"))
            .left(file("socket", "/tmp/d/s"));
        let mut found = Vec::new();
        find(
            &run.end(End::Finished).trace,
            &Expectations::default(),
            &mut found,
            &mut Vec::new(),
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].details, ["in it: socket /tmp/d/s"]);
    }

    #[test]
    fn processes_and_zombies() {
        let family = || RunBuilder::new(&["a"]).child(0, "b");
        let alive = family().exits(0, 4, 0).left(Leftover::Process(TaskId(1)));
        assert_eq!(
            by_default(&alive),
            [
                "process `b` was still alive at the end; its parent `a` ended in step 4 without \
              cleaning up"
            ]
        );
        let orphan = family()
            .fault(0, 4, "kill:a@#1")
            .left(Leftover::Process(TaskId(1)));
        assert!(by_default(&orphan).is_empty());
        let zombie = || family().exits(1, 3, 0).left(Leftover::Zombie(TaskId(1)));
        assert_eq!(
            by_default(&zombie()),
            ["`b` ended in step 3, and its parent `a` never waited for it"]
        );
        assert!(
            by_default(&zombie().exits(0, 4, 0)).is_empty(),
            "init reaps it"
        );
    }

    #[test]
    fn semaphores_are_named_as_programs_name_them() {
        let run = RunBuilder::new(&["a"])
            .call((0, 1), "openat", &[], Some("/dev/shm/sem.s"), -2)
            .exits(0, 4, 0)
            .left(Leftover::SharedMemory("sem.s".into()));
        assert_eq!(
            by_default(&run),
            [
                "named semaphore /s was left behind: `a` was the first to name it in step 1 and ended \
              in step 4 without cleaning up"
            ]
        );
    }
}
