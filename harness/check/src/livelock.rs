//! Livelocks: all live processes loop until shared memory changes, and every process that
//! could change it is gone or waits as well.

use super::Expectations;
use crosswire_model::{Action, End, Event, Kind, Spinner, Trace, Violation, What};

/// Adds the violation if the run ended in a livelock.
pub(super) fn find(trace: &Trace, expectations: &Expectations, found: &mut Vec<Violation>) {
    let is_kill =
        |event: &Event| matches!(&event.what, What::Fault(fault) if fault.action == Action::Kill);
    if let End::Livelock(spinners) = &trace.end
        && (expectations.livelocks_under_faults || !trace.events.iter().any(is_kill))
    {
        found.push(describe(trace, spinners));
    }
}

fn describe(trace: &Trace, spinners: &[Spinner]) -> Violation {
    let clauses: Vec<String> = spinners.iter().map(|s| clause(trace, s)).collect();
    let seen_in = |spinner: &Spinner| {
        let mut steps = trace.events.iter().rev();
        steps
            .find(|event| event.task == spinner.task && matches!(event.what, What::Access(_)))
            .map(|event| event.step)
    };
    let mut steps: Vec<u64> = spinners.iter().filter_map(seen_in).collect();
    steps.sort_unstable();
    Violation {
        kind: Kind::Livelock,
        sentence: format!("livelock: {}", clauses.join("; ")),
        tasks: spinners.iter().map(|spinner| spinner.task).collect(),
        steps,
        details: Vec::new(),
    }
}

fn clause(trace: &Trace, spinner: &Spinner) -> String {
    let Spinner {
        task,
        access,
        last_writer,
    } = spinner;
    let object = trace.objects.get(access.object as usize);
    let object = object.map_or("shared memory", |object| object.name.as_str());
    let value = access
        .before
        .map_or(String::new(), |value| format!(", which stays {value:#x}"));
    let writer = match last_writer {
        Some(writer) => format!(", last written by `{}`", trace.name(*writer)),
        None => ", which nobody has written in this run".to_owned(),
    };
    format!(
        "`{}` waits in a loop for {object}+{:#x} to change{value}{writer}",
        trace.name(*task),
        access.offset,
    )
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
            place: 0,
        };
        let look = |run: RunBuilder, step| run.event(0, step, What::Access(access));
        let run = look(look(run, 2), 4).event(0, 5, What::Spin);
        let mut run = run.end(End::Livelock(vec![Spinner {
            task: TaskId(0),
            access,
            last_writer: Some(TaskId(1)),
        }]));
        run.trace.objects.push(SharedObject {
            name: "/memfd:queue".to_owned(),
        });
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
    fn waiting_for_the_dead_may_be_allowed() {
        let paused = spinning(both().fault(1, 1, "pause(3):writer@#1"));
        assert_eq!(found(&paused, false).len(), 1);
        let killed = spinning(both().fault(1, 1, "kill:writer@#1"));
        assert_eq!(found(&killed, false).len(), 0);
        assert_eq!(found(&killed, true).len(), 1);
    }
}
