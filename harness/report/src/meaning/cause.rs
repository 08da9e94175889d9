//! A guess at the two steps that matter, for runs of which no cause was tested: what one process
//! did to an object at a moment at which another one did not expect it.
//!
//! A violation shows where a process noticed; the cause lies before. It is looked for
//! among neighbouring uses of one object by two processes of which one changes it.
//! Patterns of wrong order are those of Lu et al., "Learning from Mistakes", ASPLOS
//! 2008: a use before its preparation, after its end, or between two uses that belong
//! together. The timeline marks it, the verdict does
//! not depend on it, and reports say that it is a guess.

use crate::meaning::buffered;
use crate::meaning::events::{self, Story};
use crosswire_calls::{Does, Mapping};
use crosswire_model::{DelayedStore, Event, Fault, Kind as Broken, TaskId, Trace, Violation, What};
use crosswire_world::{Kind, Use};
use std::collections::{BTreeMap, BTreeSet};

/// Cause of a violation, tested or guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// In one sentence.
    pub sentence: String,
    /// The events, as indices into the trace, ascending.
    pub events: Vec<usize>,
    /// The object, as an index into the world's objects.
    pub object: Option<usize>,
}

/// One use of an object by a process.
#[derive(Debug, Clone, Copy)]
struct Used {
    event: usize,
    process: TaskId,
    how: Use,
    /// It failed.
    failed: bool,
    /// Its process died of it.
    died: bool,
}

/// The pattern that two or three uses make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pattern {
    /// The first use found nothing; the second one would have made it.
    TooEarly,
    /// The second use failed; the first one has ended the object.
    TooLate,
    /// Between two uses of one process, another one changed the object.
    Between(usize),
    /// A look, and a change after it that should have come first.
    Overtaken,
    /// A signal that came before any task waited for it.
    Missed,
    /// A signal that met a process which was not prepared for it.
    Unprepared,
}

/// Guesses the cause of a violation, if one is likely.
pub(crate) fn of(story: &Story<'_>, violation: &Violation) -> Option<Cause> {
    if let Some(fault) = fault(story, &|_| true) {
        return Some(fault);
    }
    if let Some(buffered) = late_store(story, &|_| true) {
        return Some(buffered);
    }
    if violation.kind == Broken::Leak {
        // The steps that show it are those that matter: who created it, and who was
        // the last who could have cleaned up.
        return None;
    }
    let blamed = blamed(story.trace, violation);
    let mut best: Option<(i64, Cause)> = None;
    for (object, uses) in uses(story) {
        let kind = story.world.objects[object].kind;
        if matches!(kind, Kind::Process | Kind::Output) {
            continue;
        }
        for (pattern, first, second) in patterns(&uses, kind) {
            // Of a deadlock the sentence says it all, but for what came too soon.
            if violation.kind == Broken::Deadlock && pattern != Pattern::Missed {
                continue;
            }
            let points = points(story, &blamed, pattern, &first, &second);
            let is_better = best.as_ref().is_none_or(|(most, _)| points > *most);
            if points >= ENOUGH && is_better {
                best = Some((points, told(story, object, pattern, &first, &second)));
            }
        }
    }
    best.map(|(_, cause)| cause)
}

/// Describes the first of the faults that are meant.
pub(super) fn fault(story: &Story<'_>, is_meant: &dyn Fn(&Fault) -> bool) -> Option<Cause> {
    let events = &story.trace.events;
    let is_fault = |event: &Event| match &event.what {
        What::Fault(fault) => is_meant(fault),
        _ => false,
    };
    let struck = events.iter().position(is_fault)?;
    let What::Fault(fault) = &events[struck].what else {
        return None;
    };
    let task = events[struck].task;
    let met = (struck + 1..events.len()).find(|index| {
        let what = &events[*index].what;
        events[*index].task == task && !matches!(what, What::Resume | What::Start)
    });
    let mut sentence = format!(
        "the fault {} hit `{}` in step {}",
        fault.action,
        story.trace.name(task),
        events[struck].step
    );
    match (met, fault.point.call) {
        (Some(met), _) if !matches!(events[met].what, What::Killed(_)) => {
            sentence += &format!(": {}", story.words(met, LONGEST));
        }
        (_, Some(call)) if fault.point.blocked => sentence += &format!(", during {call}"),
        (_, Some(call)) => match call.to_string().as_str() {
            "memory" => sentence += ", just before an access to shared memory",
            "mark" => sentence += ", just before a mark",
            call => sentence += &format!(", just before {call}"),
        },
        _ => {}
    }
    let object = met.and_then(|met| story.world.touches[met].first());
    Some(Cause {
        sentence,
        events: [Some(struck), met].into_iter().flatten().collect(),
        object: object.map(|touch| touch.object),
    })
}

/// Describes the store that another task missed, of those that are meant.
pub(super) fn late_store(
    story: &Story<'_>,
    is_meant: &dyn Fn(DelayedStore) -> bool,
) -> Option<Cause> {
    let happened = &story.trace.events;
    let is_one = |found: &buffered::Buffered| match happened[found.executed] {
        Event {
            task,
            what: What::Delay { store: number, .. },
            ..
        } => is_meant(DelayedStore { task, number }),
        _ => false,
    };
    let found = buffered::all(story.trace).into_iter().rev().filter(is_one);
    let found = found.max_by_key(|one| (one.missed.is_some(), one.loaded.is_some()))?;
    let missed = found.missed?;
    let name = |event: usize| story.trace.name(happened[event].task);
    let step = |event: usize| happened[event].step;
    let What::Delay { access, .. } = &happened[found.executed].what else {
        return None;
    };
    let (what, late) = match story.trace.is_split(found.executed) {
        true => (
            "instruction",
            "is a load and a store, since it is not locked; it stored",
        ),
        false => ("store", "waited in its store buffer and became visible"),
    };
    let mut sentence = format!(
        "the {what} of `{}` in step {} ({}) {late} in step {}, after `{}` had looked there in step {} \
         ({})",
        name(found.executed),
        step(found.executed),
        events::access(access, story.trace),
        step(found.visible),
        name(missed),
        step(missed),
        story.words(missed, LONGEST),
    );
    if let Some(loaded) = found.loaded {
        sentence += &format!(
            "; no fence stands between it and the load of `{}` in step {}",
            name(loaded),
            step(loaded)
        );
    }
    let events = [
        Some(found.executed),
        found.loaded,
        Some(missed),
        Some(found.visible),
    ];
    let mut events: Vec<usize> = events.into_iter().flatten().collect();
    events.sort_unstable();
    let object = story.world.touches[found.visible].first();
    Some(Cause {
        sentence,
        events,
        object: object.map(|touch| touch.object),
    })
}

/// Characters of an event in a sentence.
pub(super) const LONGEST: usize = 48;

/// Points below which nothing is said rather than something misleading.
const ENOUGH: i64 = 60;

/// Rates two uses as a cause. Of equal rates the later uses win.
fn points(
    story: &Story<'_>,
    blamed: &BTreeSet<TaskId>,
    pattern: Pattern,
    first: &Used,
    second: &Used,
) -> i64 {
    let events = &story.trace.events;
    let begin = match pattern {
        Pattern::Between(before) => before,
        _ => first.event,
    };
    let (from, to) = (events[begin].step, events[second.event].step);
    let deviates = |deviation: &crosswire_model::Deviation| (from..=to).contains(&deviation.step);
    let victim = match pattern {
        Pattern::TooEarly | Pattern::Overtaken => first.process,
        _ => second.process,
    };
    let mut points = match pattern {
        Pattern::Missed => 60,
        Pattern::TooLate | Pattern::Unprepared => 40,
        Pattern::TooEarly => 50,
        Pattern::Between(_) => 50,
        Pattern::Overtaken => 20,
    };
    points += if blamed.contains(&victim) { 30 } else { 0 };
    let involved = blamed.contains(&first.process) || blamed.contains(&second.process);
    points += if involved { 10 } else { 0 };
    points += if story.trace.deviations.iter().any(deviates) {
        20
    } else {
        0
    };
    let near = events.len() - second.event.min(events.len());
    points - (near.min(200) / 20) as i64
}

/// Processes that the violation speaks of, and those that ended badly by themselves.
fn blamed(trace: &Trace, violation: &Violation) -> BTreeSet<TaskId> {
    let leader = |task: TaskId| trace.tasks.get(task.index()).map_or(task, |t| t.leader);
    let killed: BTreeSet<TaskId> = trace.killed_by_fault().collect();
    let ends_badly = |event: &&Event| match event.what {
        What::Exit(status) => status != 0,
        What::Killed(_) | What::Panic(_) => !killed.contains(&leader(event.task)),
        _ => false,
    };
    let bad = trace
        .events
        .iter()
        .filter(ends_badly)
        .map(|e| leader(e.task));
    let named = violation.tasks.iter().map(|task| leader(*task));
    bad.chain(named).collect()
}

fn uses(story: &Story<'_>) -> BTreeMap<usize, Vec<Used>> {
    let trace = story.trace;
    let mut all: BTreeMap<usize, Vec<Used>> = BTreeMap::new();
    for (event, touches) in story.world.touches.iter().enumerate() {
        let task = trace.events[event].task;
        let process = trace.tasks.get(task.index()).map_or(task, |t| t.leader);
        for touch in touches
            .iter()
            .filter(|touch| tells(&trace.events[event], touch.how))
        {
            all.entry(touch.object).or_default().push(Used {
                event,
                process,
                how: touch.how,
                failed: failed(&trace.events[event]),
                died: matches!(trace.events[event].what, What::Killed(_)),
            });
        }
    }
    all.retain(|_, uses| uses.iter().any(|used| used.process != uses[0].process));
    all
}

/// Tells whether a use shows that its process relies on the object. Closing it does not,
/// and neither does the cleanup of something that may not exist.
fn tells(event: &Event, how: Use) -> bool {
    match &event.what {
        What::Call { call, result, .. } => match call.row().does {
            Does::Close | Does::Duplicate | Does::Control | Does::Map(Mapping::Map) => {
                how == Use::Changes
            }
            Does::Remove | Does::RemoveQueue => *result >= 0,
            _ => true,
        },
        What::Exit(_) => how == Use::Changes,
        _ => true,
    }
}

/// Tells whether the call of an event failed, or the event is a signal.
fn failed(event: &Event) -> bool {
    match &event.what {
        What::Call { result, .. } | What::Wake { result, .. } => (-511..0).contains(result),
        What::Killed(_) | What::Signal(_) => true,
        _ => false,
    }
}

/// Tells whether reading leaves an object unchanged.
fn is_memory(kind: Kind) -> bool {
    matches!(kind, Kind::File | Kind::SharedMemory | Kind::Word)
}

/// Returns all patterns that the uses of one object make.
fn patterns(uses: &[Used], kind: Kind) -> Vec<(Pattern, Used, Used)> {
    let mut found = Vec::new();
    for (at, first) in uses.iter().enumerate() {
        // Of what others do after a look, their first change counts.
        let counts = |used: &&Used| first.how != Use::Looks || used.how == Use::Changes;
        let next = uses[at + 1..].iter().find(counts);
        let Some(next) = next.filter(|used| used.process != first.process) else {
            continue;
        };
        let (first, next) = (*first, *next);
        match (first.how, next.how) {
            _ if kind == Kind::Signals => {}
            (Use::Looks, Use::Changes) if first.failed && !next.failed => {
                found.push((Pattern::TooEarly, first, next));
            }
            (Use::Changes, _) if next.failed && !next.died && !first.failed => {
                found.push((Pattern::TooLate, first, next));
            }
            (Use::Looks, Use::Changes) if is_memory(kind) => {
                found.push((Pattern::Overtaken, first, next));
            }
            _ => {}
        }
        // The change by another between two uses of the same process.
        let Some(before) = uses[..at]
            .iter()
            .rposition(|used| used.process != first.process)
        else {
            continue;
        };
        let returns = uses[at + 1..]
            .iter()
            .find(|used| used.process == uses[before].process);
        if let Some(returns) = returns
            && first.how == Use::Changes
            && uses[before].how == Use::Looks
            && returns.how == Use::Changes
            && !matches!(
                kind,
                Kind::Pipe | Kind::Queue | Kind::Connection | Kind::Signals
            )
        {
            found.push((Pattern::Between(uses[before].event), first, *returns));
        }
    }
    let waits = uses.iter().rfind(|used| used.how == Use::Waits);
    if let Some(waits) = waits
        && kind == Kind::Signals
        && let Some(came) = uses
            .iter()
            .rfind(|used| used.event < waits.event && used.process == waits.process && used.failed)
    {
        found.push((Pattern::Missed, *came, *waits));
    }
    // A signal that kills: who sent it, and whom it met.
    let last = uses.last().filter(|_| kind == Kind::Signals);
    if let Some(met) = last.filter(|used| used.failed)
        && let Some(sent) = uses.iter().rfind(|used| used.process != met.process)
    {
        found.push((Pattern::Unprepared, *sent, *met));
    }
    found
}

fn told(story: &Story<'_>, object: usize, pattern: Pattern, first: &Used, second: &Used) -> Cause {
    let events = &story.trace.events;
    let step = |used: &Used| events[used.event].step;
    let name = |used: &Used| format!("`{}`", story.trace.name(used.process));
    let words = |event: usize| story.words(event, LONGEST);
    let (a, b) = (name(first), name(second));
    let (from, to) = (step(first), step(second));
    let (early, late) = (words(first.event), words(second.event));
    let what = &story.world.objects[object].name;
    let sentence = match pattern {
        Pattern::TooEarly => format!(
            "{a} was too early: {early} in step {from}; {b} reached {what} only in step {to}: {late}"
        ),
        Pattern::TooLate => {
            format!("{b} was too late: {late} in step {to}, after {a} in step {from}: {early}")
        }
        Pattern::Unprepared => {
            format!(
                "{b} was not prepared for the signal of {a}: {early} in step {from}; {b} {late} in step {to}"
            )
        }
        Pattern::Between(before) => format!(
            "between step {} and step {to} of {b}, {a} changed {what} in step {from}: {early}",
            events[before].step
        ),
        Pattern::Overtaken => format!(
            "{a} read {what} in step {from} ({early}) before {b} changed it in step {to}: {late}"
        ),
        Pattern::Missed => {
            format!("{b} was not waiting yet: {early} in step {from}, but {late} only in step {to}")
        }
    };
    let mut involved = vec![first.event, second.event];
    if let Pattern::Between(before) = pattern {
        involved.insert(0, before);
    }
    Cause {
        sentence,
        events: involved,
        object: Some(object),
    }
}
