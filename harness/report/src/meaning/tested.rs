//! Causes that were tested, in words: the change, and that the run passes with it.

use crate::meaning::cause::{self, Cause, LONGEST};
use crate::meaning::events::Story;
use crosswire_calls::Does;
use crosswire_model::{Change, Event, Inquiry, TaskId, Trace, What};
use crosswire_world::{Kind, World};

/// Describes the causes that an inquiry has found in a run, the one that says most first.
pub(crate) fn causes(story: &Story<'_>, inquiry: &Inquiry) -> Vec<Cause> {
    let told = inquiry
        .causes
        .iter()
        .filter_map(|cause| match &cause.change {
            Change::WithoutFault(fault) => {
                let cause = cause::fault(story, &|struck| struck == fault)?;
                Some(ending(cause, "; without it the run passes"))
            }
            Change::WithoutDelay(store) => {
                let cause = cause::late_store(story, &|delayed| delayed == *store)?;
                Some(ending(cause, "; if it is visible at once, the run passes"))
            }
            Change::Exchange { earlier, later } => exchange(story, *earlier, *later),
            Change::Wait { step, task, what } => wait(story, *step, *task, what),
        });
    told.collect()
}

fn ending(cause: Cause, end: &str) -> Cause {
    Cause {
        sentence: cause.sentence + end,
        ..cause
    }
}

/// Describes a step that came before another one was taken at all.
fn wait(story: &Story<'_>, step: u64, task: TaskId, what: &What) -> Option<Cause> {
    let early = telling(story, &own_events(story, step))?;
    let trace = Trace {
        tasks: story.trace.tasks.clone(),
        objects: story.trace.objects.clone(),
        events: vec![Event {
            step: 0,
            task,
            time: 0,
            what: what.clone(),
        }],
        ..Trace::default()
    };
    let world = World::follow(&trace, &[]);
    let missing = Story {
        trace: &trace,
        seen: &[],
        world: &world,
    };
    let (name, missing) = (trace.name(task), missing.words(0, LONGEST));
    let sentence = format!(
        "{} came before `{name}` got this far: {missing}; in the other order the run passes",
        told(story, early)
    );
    Some(Cause {
        sentence,
        events: vec![early],
        object: story.world.touches[early].first().map(|touch| touch.object),
    })
}

/// Describes an event with its step and its task.
fn told(story: &Story<'_>, event: usize) -> String {
    let Event { step, task, .. } = &story.trace.events[event];
    let name = story.trace.name(*task);
    format!("step {step} of `{name}` ({})", story.words(event, LONGEST))
}

/// Describes two steps whose other order makes the run pass.
fn exchange(story: &Story<'_>, earlier: u64, later: u64) -> Option<Cause> {
    let (early, late, object) = meeting(story, earlier, later)?;
    let (before, after) = (told(story, early), told(story, late));
    if matches!(
        story.trace.events[late].what,
        What::Signal(_) | What::Killed(_)
    ) {
        // In the other order this step does something else.
        let name = story.trace.name(story.trace.events[late].task);
        let sentence = format!(
            "{before} came too early for {after}; if it waits for one more step of `{name}`, the \
             run passes"
        );
        return Some(Cause {
            sentence,
            events: vec![early, late],
            object,
        });
    }
    let because = because(story, early, late);
    let sentence =
        format!("{before} came before {after}{because}; in the other order the run passes");
    Some(Cause {
        sentence,
        events: vec![early, late],
        object,
    })
}

/// Returns the events of two steps that say most about their order, with the object that both
/// touch.
fn meeting(story: &Story<'_>, earlier: u64, later: u64) -> Option<(usize, usize, Option<usize>)> {
    let (first, second) = (own_events(story, earlier), own_events(story, later));
    for early in &first {
        for late in &second {
            let other = &story.world.touches[*late];
            let common = story.world.touches[*early].iter().find(|touch| {
                let kind = story.world.objects[touch.object].kind;
                let is_common = other.iter().any(|other| other.object == touch.object);
                is_common && !matches!(kind, Kind::Process | Kind::Output)
            });
            if let Some(touch) = common {
                return Some((*early, *late, Some(touch.object)));
            }
        }
    }
    Some((telling(story, &first)?, telling(story, &second)?, None))
}

/// Returns the event of a step that says most.
fn telling(story: &Story<'_>, events: &[usize]) -> Option<usize> {
    let says = |event: &&usize| !matches!(story.trace.events[**event].what, What::Start);
    events.iter().rev().find(says).or(events.first()).copied()
}

/// Returns the events of a step that its own task has; of a step without events, such as an access
/// that raises a signal, those of the next one.
fn own_events(story: &Story<'_>, step: u64) -> Vec<usize> {
    let events = &story.trace.events;
    let next = events.partition_point(|event| event.step < step);
    let step = events.get(next).map_or(step, |event| event.step);
    let begin = events.partition_point(|event| event.step < step);
    let end = events.partition_point(|event| event.step <= step);
    let is_wake = |event: &usize| matches!(events[*event].what, What::Wake { .. });
    let taker = (begin..end).find(|event| !is_wake(event));
    let task = taker.map(|event| events[event].task);
    let is_own = |event: &usize| Some(events[*event].task) == task && !is_wake(event);
    (begin..end).filter(is_own).collect()
}

/// Says why the order of two events matters, where their words alone do not.
fn because(story: &Story<'_>, early: usize, late: usize) -> &'static str {
    let events = &story.trace.events;
    let does = |event: usize| match &events[event].what {
        What::Call { call, .. } | What::Block { call, .. } => Some(call.row().does),
        _ => None,
    };
    let creates = |event: usize| {
        let step = events[event].step;
        own_events(story, step)
            .iter()
            .any(|own| matches!(events[*own].what, What::Spawn(_)))
    };
    match (does(early), does(late)) {
        (_, Some(Does::SignalAction)) => ": the signal comes before its handler",
        (_, Some(Does::Close | Does::CloseRange)) if creates(early) => {
            ": the child inherits the descriptor"
        }
        (Some(Does::Open | Does::Pipe | Does::Socket | Does::SocketPair | Does::Duplicate), _)
            if creates(late) =>
        {
            ": the child inherits the descriptor"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use crate::{Explanation, samples};
    use crosswire_model::{Change, Inquiry, Record, TestedCause, What};

    fn recording(changes: Vec<Change>) -> Record {
        let tested = |change| TestedCause {
            change,
            switches: Vec::new(),
        };
        Record {
            inquiry: Some(Inquiry {
                causes: changes.into_iter().map(tested).collect(),
                tried: 7,
                finished: true,
            }),
            ..samples::deadlock().record
        }
    }

    fn told(record: &Record) -> Vec<(&'static str, String)> {
        let violation = samples::deadlock().violation;
        Explanation::of_record(record, Some(&violation)).told_causes()
    }

    #[test]
    fn a_tested_cause_names_both_steps_and_marks_them() {
        let events = samples::deadlock().record.trace.events;
        let first = &events[0];
        let later = events.iter().rfind(|event| event.task != first.task);
        let later = later.expect("two processes");
        let record = recording(vec![Change::Exchange {
            earlier: first.step,
            later: later.step,
        }]);
        let [(word, sentence)] = &told(&record)[..] else {
            panic!("one cause")
        };
        assert_eq!(*word, "cause (tested)");
        assert!(
            sentence.contains(&format!("step {} of", first.step)),
            "{sentence}"
        );
        assert!(
            sentence.contains(&format!("step {} of", later.step)),
            "{sentence}"
        );
        let violation = samples::deadlock().violation;
        let explanation = Explanation::of_record(&record, Some(&violation));
        let cause = &explanation.causes[0];
        assert!(
            cause
                .events
                .iter()
                .all(|event| explanation.marked.contains(event))
        );
    }

    #[test]
    fn a_step_that_was_never_taken_is_described_by_what_it_does() {
        let first = samples::deadlock().record.trace.events[0].clone();
        let record = recording(vec![Change::Wait {
            step: first.step,
            task: first.task,
            what: What::Exit(3),
        }]);
        let sentence = &told(&record)[0].1;
        assert!(
            sentence.contains("got this far: ends with status 3"),
            "{sentence}"
        );
    }

    #[test]
    fn without_a_cause_that_is_said_and_nothing_is_guessed() {
        let record = recording(Vec::new());
        let [(word, sentence)] = &told(&record)[..] else {
            panic!("one sentence")
        };
        assert_eq!(*word, "cause");
        assert!(
            sentence.starts_with("not found") && sentence.contains('7'),
            "{sentence}"
        );
    }
}
