//! Every process ends as it should: no fatal signal, no panic, no unexpected
//! exit status.
//!
//! * A process killed by a fault is never blamed for its end.
//! * A signal of a process's own making (`SIGSEGV`, `SIGABRT`, …) is a violation
//!   in any process, whatever faults were injected: a program may give up, not crash. One that
//!   another process has sent is none.
//! * A panic is reported once, not again as the status or `SIGABRT` it leads to.
//! * The processes that the harness started must exit with status 0, or as
//!   [`Expectations`] say. Death by any other signal is an unexpected end of
//!   theirs too, and in their children the business of those who sent it.
//! * After `errno`, `no-memory` and `lose-signal` a correct program may give up: reporting an error by
//!   a status is what it is for. Its status, and death by `SIGPIPE` and the like, count no
//!   more. After the `kill` of another process they count unless [`Expectations`] say
//!   otherwise: whether the survivors of a crash end well is what it is injected for.
//!   What is excused is counted ([`excused`]).
//! * The other faults do what may happen to any program at any time:
//!   `pause` and `delay-signal` are mere scheduling, `full` and `short-io` are
//!   in the contract of each transfer, `interrupt` in that of each call that may
//!   block (signal(7)), and numbers of processes are given away again (fork(2)). A correct program copes with these.

use super::processes::{is_killed_by_fault, process_of, sent_by_another};
use super::{Exit, Expectations};
use crosswire_model::{Action, End, Errno, Event, Kind, Signal, TaskId, Trace, Violation, What};
use std::collections::BTreeMap;

/// `SIGKILL`, the same on every architecture.
const SIGKILL: Signal = Signal(9);

/// An interrupted call under its own name is no worse than `interrupt`.
const EINTR: Errno = Errno(4);

/// Adds a violation for each process that ended as it must not.
pub(super) fn find(trace: &Trace, expectations: &Expectations, found: &mut Vec<Violation>) {
    walk(trace, expectations, found);
}

/// Returns, for each process whose end was not as expected and was not judged, the fault
/// after which it could give up.
pub fn excused(trace: &Trace, expectations: &Expectations) -> Vec<Action> {
    walk(trace, expectations, &mut Vec::new())
}

/// Adds the violations, and returns what excused the ends that are none.
fn walk(trace: &Trace, expectations: &Expectations, found: &mut Vec<Violation>) -> Vec<Action> {
    // By process: a signal ends each of its threads.
    let mut excuses = BTreeMap::new();
    let mut may_give_up = false;
    let mut excuse = None;
    for event in &trace.events {
        let end = match &event.what {
            What::Fault(fault) => {
                may_give_up |= takes_away(fault.action);
                if excuse.is_none() && excuses_statuses(fault.action, expectations) {
                    excuse = Some(fault.action);
                }
                continue;
            }
            What::Panic(message) if !may_give_up || expectations.panics_under_faults => {
                found.push(panicked(trace, event, message));
                continue;
            }
            What::Exit(status) => Ending::Status(*status),
            What::Killed(signal) => Ending::Signal(*signal),
            _ => continue,
        };
        let violation = judge(trace, event, end, expectations, found);
        match (violation, excuse) {
            // No fault excuses a crash.
            (Some(violation), Some(excuse)) if violation.kind == Kind::ExitStatus => {
                excuses.insert(violation.tasks, excuse);
            }
            (violation, _) => found.extend(violation),
        }
    }
    excuses.into_values().collect()
}

/// Tells whether statuses are not judged after this action.
fn excuses_statuses(action: Action, expectations: &Expectations) -> bool {
    match action {
        Action::Kill => !expectations.statuses_under_faults,
        other => takes_away(other),
    }
}

/// End of a process.
#[derive(Clone, Copy)]
enum Ending {
    Status(i32),
    Signal(Signal),
}

/// Tells whether a correct program may fail after this action.
fn takes_away(action: Action) -> bool {
    match action {
        Action::Kill | Action::LoseSignal | Action::NoMemory => true,
        Action::Errno(errno) => errno != EINTR,
        Action::Pause(_)
        | Action::DelaySignal(_)
        | Action::Interrupt
        | Action::ShortIo(_)
        | Action::Full
        | Action::ReusePid
        | Action::ClockJump(_) => false,
    }
}

/// Tells whether a process causes this signal itself.
fn is_own_making(signal: Signal) -> bool {
    // By name: SIGBUS and SIGSYS have different numbers on some architectures.
    matches!(
        signal.to_string().as_str(),
        "SIGSEGV" | "SIGBUS" | "SIGILL" | "SIGFPE" | "SIGABRT" | "SIGSYS" | "SIGTRAP"
    )
}

fn judge(
    trace: &Trace,
    event: &Event,
    end: Ending,
    expectations: &Expectations,
    found: &[Violation],
) -> Option<Violation> {
    let task = trace.tasks.get(event.task.index())?;
    let leader = task.leader;
    let process = trace.tasks.get(leader.index())?;
    let crashed = match end {
        // Threads come and go; the process has the status of its first task.
        Ending::Status(_) if event.task != leader => return None,
        Ending::Status(_) => false,
        Ending::Signal(SIGKILL) if !killed_by_program(trace, leader) => return None,
        Ending::Signal(signal) if may_die(expectations, &process.process, signal) => return None,
        Ending::Signal(signal) => {
            is_own_making(signal) && !sent_by_another(trace, leader, signal, event)
        }
    };
    if crashed {
        let told = !expectations.fatal_signals || is_told(trace, leader, found);
        return (!told).then(|| describe(trace, event, leader, end, None));
    }
    let expected = match expectations.statuses.get(&process.process) {
        Some(status) => *status,
        None => match expectations.exit {
            Exit::Any => return None,
            Exit::Roots if process.parent.is_some() => return None,
            Exit::Roots | Exit::All => 0,
        },
    };
    let status = match end {
        Ending::Status(status) => status,
        Ending::Signal(Signal(number)) => 128 + number,
    };
    if status == expected || is_told(trace, leader, found) {
        return None;
    }
    Some(describe(trace, event, leader, end, Some(expected)))
}

/// Tells whether the process is expected to die of the signal.
fn may_die(expectations: &Expectations, process: &str, signal: Signal) -> bool {
    let mut deaths = expectations.may_die.iter();
    deaths.any(|death| death.covers(process, signal))
}

/// Tells whether a `SIGKILL` came from a process of the run. Otherwise it came from a
/// fault, or from the harness when it cleared away a run that did not finish.
fn killed_by_program(trace: &Trace, leader: TaskId) -> bool {
    trace.end == End::Finished && !is_killed_by_fault(trace, leader)
}

/// Tells whether this process has already been blamed, for a panic or in another of its
/// threads, or panicked and was excused.
fn is_told(trace: &Trace, leader: TaskId, found: &[Violation]) -> bool {
    let blamed = found.iter().any(|violation| {
        let kind = &violation.kind;
        violation.tasks == [leader]
            && matches!(kind, Kind::Panic | Kind::FatalSignal | Kind::ExitStatus)
    });
    blamed
        || trace.events.iter().any(|event| {
            matches!(event.what, What::Panic(_)) && process_of(trace, event.task) == leader
        })
}

fn panicked(trace: &Trace, event: &Event, message: &str) -> Violation {
    let mut lines = message.lines();
    let first = lines.next().unwrap_or("no message");
    let mut details: Vec<String> = lines.map(str::to_owned).collect();
    details.extend(last_call(trace, event));
    Violation {
        kind: Kind::Panic,
        sentence: format!(
            "`{}` panicked in step {}: {first}",
            trace.name(event.task),
            event.step
        ),
        tasks: vec![process_of(trace, event.task)],
        steps: vec![event.step],
        details,
    }
}

fn describe(
    trace: &Trace,
    event: &Event,
    leader: TaskId,
    end: Ending,
    expected: Option<i32>,
) -> Violation {
    let (name, step) = (trace.name(leader), event.step);
    let (kind, what) = match (end, expected) {
        (Ending::Status(status), _) => (
            Kind::ExitStatus,
            format!("`{name}` exited with status {status} in step {step}"),
        ),
        (Ending::Signal(signal), Some(_)) => (
            Kind::ExitStatus,
            format!("`{name}` was ended by {signal} in step {step}"),
        ),
        (Ending::Signal(signal), None) => (
            Kind::FatalSignal,
            format!("`{name}` died of {signal} in step {step}"),
        ),
    };
    let sentence = match expected {
        Some(status) => format!("{what}; it should have exited with {status}"),
        None => what,
    };
    Violation {
        kind,
        sentence,
        tasks: vec![leader],
        steps: vec![step],
        // What is called before an exit writes a message at best; the message itself
        // is in the report.
        details: match end {
            Ending::Status(_) => Vec::new(),
            Ending::Signal(_) => last_call(trace, event).into_iter().collect(),
        },
    }
}

/// Describes the last call of the task before the event.
fn last_call(trace: &Trace, event: &Event) -> Option<String> {
    let before = trace
        .events
        .iter()
        .rev()
        .skip_while(|e| !std::ptr::eq(*e, event));
    before.filter(|e| e.task == event.task).find_map(|e| {
        let (call, path, outcome) = match &e.what {
            What::Call {
                call, path, result, ..
            } => (call, path, outcome(*result)),
            What::Block { call, path, .. } => (call, path, "no answer".to_owned()),
            _ => return None,
        };
        let path = path.as_deref().unwrap_or_default();
        Some(format!(
            "its last call, in step {}: {call}({path}) = {outcome}",
            e.step
        ))
    })
}

/// Returns a result as strace writes it; system calls return errors as -4095 to -1
/// (syscall(2)).
fn outcome(result: i64) -> String {
    match result {
        -4095..=-1 => Errno(-result as i32).to_string(),
        _ => result.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::Limit;
    use crosswire_model::testing::RunBuilder;

    const SIGSEGV: What = What::Killed(Signal(11));
    const SIGTERM: What = What::Killed(Signal(15));
    const SIGPIPE: What = What::Killed(Signal(13));

    fn judged(run: &RunBuilder, expectations: &Expectations) -> Vec<Kind> {
        let mut found = Vec::new();
        find(&run.end(End::Finished).trace, expectations, &mut found);
        found.into_iter().map(|violation| violation.kind).collect()
    }

    fn by_default(run: &RunBuilder) -> Vec<Kind> {
        judged(run, &Expectations::default())
    }

    fn pair() -> RunBuilder {
        RunBuilder::new(&["a"]).child(0, "b")
    }

    #[test]
    fn roots_must_exit_with_zero_and_children_need_not() {
        assert_eq!(by_default(&pair().exits(1, 3, 1).exits(0, 4, 0)), []);
        assert_eq!(
            by_default(&pair().exits(1, 3, 0).exits(0, 4, 2)),
            [Kind::ExitStatus]
        );
        assert_eq!(by_default(&pair().event(1, 3, SIGTERM).exits(0, 4, 0)), []);
        assert_eq!(by_default(&pair().event(0, 3, SIGTERM)), [Kind::ExitStatus]);
        let all = Expectations {
            exit: Exit::All,
            ..Expectations::default()
        };
        assert_eq!(
            judged(&pair().exits(1, 3, 1).exits(0, 4, 0), &all),
            [Kind::ExitStatus]
        );
        let any = Expectations {
            exit: Exit::Any,
            ..Expectations::default()
        };
        assert_eq!(judged(&pair().exits(0, 3, 1), &any), []);
    }

    #[test]
    fn a_status_may_be_expected_by_name() {
        let named = Expectations {
            statuses: [("a".into(), 1), ("b".into(), 128 + 15)].into(),
            ..Expectations::default()
        };
        assert_eq!(
            judged(&pair().event(1, 2, SIGTERM).exits(0, 3, 1), &named),
            []
        );
        assert_eq!(
            judged(&pair().exits(1, 2, 0).exits(0, 3, 0), &named),
            [Kind::ExitStatus, Kind::ExitStatus]
        );
    }

    #[test]
    fn a_death_may_be_expected() {
        let expecting = |death: &str| Expectations {
            may_die: vec![death.parse().unwrap()],
            ..Expectations::default()
        };
        let aborted = || pair().event(1, 3, What::Killed(Signal(6)));
        assert_eq!(judged(&aborted(), &expecting("b=SIGABRT")), []);
        assert_eq!(
            judged(&aborted(), &expecting("b=SIGSEGV")),
            [Kind::FatalSignal]
        );
        let ended = || pair().event(0, 3, SIGTERM);
        assert_eq!(judged(&ended(), &expecting("SIGTERM")), []);
        assert_eq!(
            judged(&ended(), &expecting("b=SIGTERM")),
            [Kind::ExitStatus]
        );
    }

    #[test]
    fn crashes_count_in_every_process_and_under_every_fault() {
        assert_eq!(
            by_default(&pair().event(1, 3, SIGSEGV)),
            [Kind::FatalSignal]
        );
        let told = pair().call((0, 2), "kill", &[101, 11], None, 0);
        assert_eq!(by_default(&told.event(1, 3, SIGSEGV)), [], "sent by `a`");
        let killed = RunBuilder::new(&["a", "b"]).fault(1, 1, "kill:b@#1");
        assert_eq!(
            by_default(&killed.event(0, 3, SIGSEGV)),
            [Kind::FatalSignal]
        );
    }

    #[test]
    fn a_crash_of_several_threads_is_told_once() {
        let run = RunBuilder::new(&["a"]).thread(0);
        let run = run.call((1, 2), "openat", &[], Some("/x"), -2);
        let run = run.event(1, 3, SIGSEGV).event(0, 3, SIGSEGV);
        let mut found = Vec::new();
        let trace = run.end(End::Finished).trace;
        find(&trace, &Expectations::default(), &mut found);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].sentence, "`a` died of SIGSEGV in step 3");
        assert_eq!(
            found[0].details,
            ["its last call, in step 2: openat(/x) = ENOENT"]
        );
    }

    #[test]
    fn the_killed_are_not_blamed_and_survivors_may_be_allowed_to_give_up() {
        let roots = || RunBuilder::new(&["a", "b"]);
        let killed = || roots().fault(1, 2, "kill:b@write#1");
        let lenient = Expectations {
            statuses_under_faults: false,
            ..Expectations::default()
        };
        let excused = |run: &RunBuilder, expectations| {
            super::excused(&run.end(End::Finished).trace, expectations)
        };
        assert_eq!(judged(&killed().exits(0, 3, 0), &lenient), []);
        assert_eq!(excused(&killed().exits(0, 3, 0), &lenient), []);
        assert_eq!(judged(&killed().exits(0, 3, 1), &lenient), []);
        assert_eq!(excused(&killed().exits(0, 3, 1), &lenient), [Action::Kill]);
        assert_eq!(judged(&killed().event(0, 3, SIGPIPE), &lenient), []);
        assert_eq!(
            judged(
                &roots().exits(0, 1, 1).fault(1, 2, "kill:b@write#1"),
                &lenient
            ),
            [Kind::ExitStatus],
            "it failed before the fault"
        );
        assert_eq!(by_default(&killed().exits(0, 3, 1)), [Kind::ExitStatus]);
        let usual = Expectations::default();
        assert_eq!(excused(&killed().exits(0, 3, 1), &usual), []);
    }

    #[test]
    fn faults_that_take_nothing_away_excuse_nothing() {
        for (fault, excuses) in [
            ("pause(3):a@#1", false),
            ("delay-signal(3):a@#1", false),
            ("interrupt:a@#1", false),
            ("errno(EINTR):a@#1", false),
            ("short-io(1):a@#1", false),
            ("full:a@#1", false),
            ("errno(ENOSPC):a@#1", true),
            ("lose-signal:a@#1", true),
        ] {
            let found = by_default(&pair().fault(0, 1, fault).exits(0, 2, 1));
            assert_eq!(found.is_empty(), excuses, "{fault}");
        }
    }

    #[test]
    fn a_panic_is_told_once_and_excused_on_demand() {
        let panic = || What::Panic("called `Option::unwrap()` on a `None` value\nat x.rs:3".into());
        let run = RunBuilder::new(&["a"])
            .event(0, 2, panic())
            .exits(0, 3, 101);
        assert_eq!(by_default(&run), [Kind::Panic]);
        let after = pair().fault(1, 1, "kill:b@#1").event(0, 2, panic());
        let after = after.event(0, 3, What::Killed(Signal(6)));
        assert_eq!(by_default(&after), [Kind::Panic]);
        let lenient = Expectations {
            panics_under_faults: false,
            ..Expectations::default()
        };
        assert_eq!(judged(&after, &lenient), []);
    }

    #[test]
    fn the_harness_clears_away_with_sigkill_and_blames_nobody_for_it() {
        let run = RunBuilder::new(&["a"]).event(0, 9, What::Killed(Signal(9)));
        assert_eq!(by_default(&run), [Kind::ExitStatus]);
        let mut found = Vec::new();
        let trace = run.end(End::Limit(Limit::Steps)).trace;
        find(&trace, &Expectations::default(), &mut found);
        assert!(found.is_empty());
    }
}
