//! Livelocks and stalls: all tasks that could run go round in loops, and every task
//! that could end these is gone or waits as well.

use super::Expectations;
use crosswire_model::{
    Action, End, Errno, Event, Kind, PolledWord, Polling, Spinner, Trace, Violation, What,
};

/// Adds the violation if the run ended in loops.
pub(super) fn find(trace: &Trace, expectations: &Expectations, found: &mut Vec<Violation>) {
    let is_kill =
        |event: &Event| matches!(&event.what, What::Fault(fault) if fault.action == Action::Kill);
    let (kind, spinners) = match &trace.end {
        End::Livelock(spinners) => (Kind::Livelock, spinners),
        End::Stalled(spinners) => (Kind::Stalled, spinners),
        _ => return,
    };
    if expectations.livelocks_under_faults || !trace.events.iter().any(is_kill) {
        found.push(describe(trace, kind, spinners));
    }
}

fn describe(trace: &Trace, kind: Kind, spinners: &[Spinner]) -> Violation {
    let clauses: Vec<String> = spinners.iter().map(|s| clause(trace, s)).collect();
    let looked_in = |spinner: &Spinner| {
        let mut steps = trace.events.iter().rev();
        let looks = |what: &What| {
            matches!(
                what,
                What::Access(_) | What::Call { .. } | What::Wake { .. }
            )
        };
        steps
            .find(|event| event.task == spinner.task && looks(&event.what))
            .map(|event| event.step)
    };
    let mut steps: Vec<u64> = spinners.iter().filter_map(looked_in).collect();
    steps.sort_unstable();
    let mut sentence = format!("{kind}: {}", clauses.join("; "));
    let mut details = Vec::new();
    if kind == Kind::Stalled {
        sentence += "; nothing else has happened for long";
        details.push(
            "No proof: no step had an effect that anybody could notice for hours of virtual time \
             (--limit-stall), but a loop may count, and end by itself."
                .to_owned(),
        );
    }
    Violation {
        kind,
        sentence,
        tasks: spinners.iter().map(|spinner| spinner.task).collect(),
        steps,
        details,
    }
}

fn clause(trace: &Trace, spinner: &Spinner) -> String {
    let name = trace.name(spinner.task);
    let words: Vec<String> = spinner.words.iter().map(|w| word(trace, w)).collect();
    let calls: Vec<String> = spinner.calls.iter().map(call).collect();
    match (words.is_empty(), calls.is_empty()) {
        (false, true) => format!("`{name}` waits in a loop for {}", listed(&words)),
        (false, false) => format!(
            "`{name}` waits in a loop for {}, where {}",
            listed(&words),
            listed(&calls)
        ),
        (true, false) => format!("`{name}` polls in a loop: {}", listed(&calls)),
        (true, true) => format!("`{name}` goes round in a loop that looks at nothing outside it"),
    }
}

fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn word(trace: &Trace, word: &PolledWord) -> String {
    let PolledWord {
        access,
        last_writer,
    } = word;
    let object = trace.objects.get(access.object as usize);
    let place = object.map_or_else(
        || format!("shared memory+{:#x}", access.offset),
        |object| object.place(access.offset),
    );
    let value = access
        .before
        .map_or(String::new(), |value| format!(", which stays {value:#x}"));
    let writer = match last_writer {
        Some(writer) => format!(", last written by `{}`", trace.name(*writer)),
        None => ", which nobody has written in this run".to_owned(),
    };
    format!("{place} to change{value}{writer}")
}

fn call(polling: &Polling) -> String {
    let first = polling.call.row().args.first();
    let shown = match (&polling.path, first) {
        (Some(path), _) => path.clone(),
        (None, Some(first)) if !first.is_pointer() => (polling.args[0] as i32).to_string(),
        _ => String::new(),
    };
    match polling.result {
        error @ -4095..0 => {
            let error = Errno(-error as i32);
            format!("{}({shown}) fails with {error}", polling.call)
        }
        result => format!("{}({shown}) returns {result}", polling.call),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::testing::RunBuilder;
    use crosswire_model::{Access, AccessKind, SharedObject, TaskId};

    /// Builds a run in which the reader looks in step 4; the writer may be killed before.
    fn spinning(run: RunBuilder) -> Trace {
        let access = Access {
            object: 0,
            offset: 0x40,
            size: 4,
            kind: AccessKind::Read,
            before: Some(1),
            after: Some(1),
            since: None,
            place: 0,
        };
        let look = |run: RunBuilder, step| run.event(0, step, What::Access(access));
        let run = look(look(run, 2), 4).event(0, 5, What::Spin);
        let word = PolledWord {
            access,
            last_writer: Some(TaskId(1)),
        };
        let mut run = run.end(End::Livelock(vec![Spinner {
            task: TaskId(0),
            words: vec![word],
            calls: Vec::new(),
        }]));
        run.trace.objects.push(SharedObject::named("/memfd:queue"));
        run.trace
    }

    fn found(trace: &Trace, livelocks_under_faults: bool) -> Vec<Violation> {
        let expectations = Expectations {
            livelocks_under_faults,
            ..Expectations::default()
        };
        let mut found = Vec::new();
        find(trace, &expectations, &mut found);
        found
    }

    fn both() -> RunBuilder {
        RunBuilder::new(&["reader", "writer"])
    }

    #[test]
    fn names_the_word_and_its_last_writer() {
        let found = found(&spinning(both()), true);
        assert_eq!(
            found[0].sentence,
            "livelock: `reader` waits in a loop for /memfd:queue+0x40 to change, \
             which stays 0x1, last written by `writer`"
        );
        assert_eq!(found[0].kind, Kind::Livelock);
        assert_eq!(found[0].steps, [4], "where it looked last");
    }

    #[test]
    fn a_stall_is_no_livelock_and_says_that_it_is_no_proof() {
        let mut trace = spinning(both());
        let End::Livelock(mut spinners) = trace.end else {
            unreachable!("it ends so");
        };
        spinners[0].calls.push(Polling {
            call: "flock".parse().unwrap(),
            args: [3, 6, 0, 0, 0, 0],
            path: None,
            result: -11,
        });
        trace.end = End::Stalled(spinners);
        let found = found(&trace, true);
        assert_eq!(found[0].kind, Kind::Stalled);
        assert!(
            found[0]
                .sentence
                .ends_with("where flock(3) fails with EAGAIN; nothing else has happened for long"),
            "{}",
            found[0].sentence
        );
        assert!(found[0].details[0].starts_with("No proof"));
    }

    #[test]
    fn waiting_for_the_dead_may_be_allowed() {
        let paused = spinning(both().fault(1, 1, "pause(3):writer@#1"));
        assert_eq!(found(&paused, false).len(), 1);
        let killed = spinning(both().fault(1, 1, "kill:writer@#1"));
        assert_eq!(found(&killed, false).len(), 0);
        assert_eq!(found(&killed, true).len(), 1);
    }
}
