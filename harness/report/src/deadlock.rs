//! A deadlock in the user's words.

use super::events::Story;
use super::world::{Kind, Use, grouped};
use crosswire_model::{Blocked, End, TaskId, Violation, What};

/// Clauses of a sentence before the rest is counted.
const MOST_CLAUSES: usize = 4;

/// Describes the waits of all blocked tasks, those in the cycle first.
pub(super) fn sentence(story: &Story<'_>, violation: &Violation, blocked: &[Blocked]) -> String {
    let of_task = |task: &TaskId| blocked.iter().find(|wait| wait.task == *task);
    let mut order: Vec<&Blocked> = violation.tasks.iter().filter_map(of_task).collect();
    if order.is_empty() {
        order.extend(blocked);
    }
    let mut clauses: Vec<String> = Vec::new();
    for wait in order.iter().take(MOST_CLAUSES) {
        clauses.push(clause(story, wait));
    }
    if order.len() > MOST_CLAUSES {
        clauses.push(format!("and {} more wait", order.len() - MOST_CLAUSES));
    }
    match clauses.is_empty() {
        true => "deadlock: nobody can go on".to_owned(),
        false => format!("deadlock: {}", clauses.join("; ")),
    }
}

/// Returns the call in which a task waits, as an index into the events.
fn block_of(story: &Story<'_>, task: TaskId) -> Option<usize> {
    let mut events = story.trace.events.iter();
    events.rposition(|event| event.task == task && matches!(event.what, What::Block { .. }))
}

/// Returns the events by which those who hold what others wait for have got it: the other
/// half of a deadlock.
pub(super) fn taken(story: &Story<'_>) -> Vec<usize> {
    let End::Deadlock(blocked) = &story.trace.end else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for wait in blocked.iter().filter(|wait| is_lock(wait)) {
        let object = object_of(story, wait);
        if wait.released_by.is_empty() {
            found.extend(object.and_then(|object| last_change(story, object)));
        }
        for holder in &wait.released_by {
            found.extend(object.and_then(|object| taking(story, object, *holder)));
        }
    }
    found
}

fn is_lock(wait: &Blocked) -> bool {
    matches!(
        wait.call.name(),
        Some("flock" | "fcntl" | "semop" | "semtimedop")
    )
}

/// Returns the last event in which a task has changed an object.
fn taking(story: &Story<'_>, object: usize, holder: TaskId) -> Option<usize> {
    let touches = story.world.touches.iter().enumerate();
    let by_holder = touches
        .rev()
        .filter(|(index, _)| story.trace.events[*index].task == holder);
    let mut changes = by_holder.filter(|(_, touches)| {
        let mut touches = touches.iter();
        touches.any(|touch| touch.object == object && touch.how == Use::Changes)
    });
    changes.next().map(|(index, _)| index)
}

fn object_of(story: &Story<'_>, wait: &Blocked) -> Option<usize> {
    let touches = &story.world.touches[block_of(story, wait.task)?];
    let waited = touches.iter().find(|touch| touch.how == Use::Waits)?;
    Some(waited.object)
}

/// "`a` waits for flock /tmp/x, held by `b` since step 11".
fn clause(story: &Story<'_>, wait: &Blocked) -> String {
    let who = format!("`{}`", story.trace.name(wait.task));
    let (what, reason) = waiting(story, wait);
    format!("{who} waits {what}{reason}")
}

/// Describes the awaited event, and the reason why it does not come.
fn waiting(story: &Story<'_>, wait: &Blocked) -> (String, String) {
    let object = object_of(story, wait);
    let name = object.map(|object| story.world.objects[object].name.as_str());
    let whom = whom(story, wait);
    let only = |verb: &str| match &whom {
        Some(whom) => format!(", which only {whom} could {verb}"),
        None => format!(", and nobody is left who could {verb} it"),
    };
    let held = || match &whom {
        Some(whom) => format!(", held by {whom}{}", since(story, object, wait)),
        None => ", and nobody is left who could release it".to_owned(),
    };
    let name = name.unwrap_or(&wait.object);
    match wait.call.name().unwrap_or_default() {
        "write" | "writev" | "sendto" | "sendmsg" | "splice" => {
            let state = fill(wait).map_or(String::new(), |fill| format!(" (full, {fill})"));
            (format!("to write to {name}{state}"), only("empty"))
        }
        "read" | "readv" | "recvfrom" | "recvmsg" => {
            let state = fill(wait).map_or(String::new(), |fill| format!(" ({fill})"));
            let is_pipe = object.is_some_and(|o| story.world.objects[o].kind == Kind::Pipe);
            let own = wait.object.contains("whose write end it holds open itself");
            let reason = match (&whom, is_pipe) {
                (_, true) if own => {
                    ", whose write end it holds open itself, and nobody is left who could write there"
                        .to_owned()
                }
                (Some(whom), true) => format!(", whose write end {} open", holds(wait, whom)),
                _ => only("fill"),
            };
            (format!("to read from {name}{state}"), reason)
        }
        "mq_timedsend" | "msgsnd" => (format!("for room in {name}"), only("empty")),
        "mq_timedreceive" | "msgrcv" => (format!("for a message in {name}"), only("fill")),
        "accept" | "accept4" => (format!("for a connection to {name}"), only("reach")),
        "flock" => (format!("for flock {name}"), held()),
        "fcntl" => (format!("for the fcntl lock on {name}"), held()),
        "semop" | "semtimedop" => {
            let card = object.and_then(|o| story.world.card(o, story.trace.events.len()));
            let value = card.map_or(String::new(), |card| format!(" ({})", card.line));
            (
                format!("for {name}{value}"),
                only("raise") + &last_changed(story, object),
            )
        }
        "wait4" | "waitid" => match &whom {
            Some(whom) => (format!("for the end of its child {whom}"), String::new()),
            None => ("for the end of a child".to_owned(), String::new()),
        },
        "futex" => {
            let is_shared = object.is_some_and(|o| {
                story.world.objects[o].kind == Kind::Word && !name.starts_with("0x")
            });
            let place = match (is_shared, wait.object.split_once(" (")) {
                (true, Some((_, value))) => format!("the futex at {name} ({value}"),
                (true, None) => format!("the futex at {name}"),
                (false, _) => wait.object.clone(),
            };
            (format!("for {place}"), only("release"))
        }
        "pause" | "rt_sigsuspend" | "rt_sigtimedwait" => (
            format!("in {} for a signal", wait.call),
            ", and nobody is left who could send one".to_owned(),
        ),
        _ if wait.object.is_empty() => (format!("in {}", wait.call), String::new()),
        _ => (
            format!("in {} for {}", wait.call, wait.object),
            only("release"),
        ),
    }
}

/// "`a` and `b` hold".
fn holds(wait: &Blocked, whom: &str) -> String {
    match wait.released_by.len() {
        0 | 1 => format!("{whom} holds"),
        _ => format!("{} hold", whom.replace(" or ", " and ")),
    }
}

/// Describes the task that changed an object last, if it has ended.
fn last_changed(story: &Story<'_>, object: Option<usize>) -> String {
    let Some(event) = object.and_then(|object| last_change(story, object)) else {
        return String::new();
    };
    let (step, task) = (
        story.trace.events[event].step,
        story.trace.events[event].task,
    );
    let gone = story
        .trace
        .events
        .iter()
        .find_map(|event| match event.what {
            What::Killed(_) if event.task == task => {
                Some(format!("was killed in step {}", event.step))
            }
            What::Exit(_) if event.task == task => Some(format!("ended in step {}", event.step)),
            _ => None,
        });
    gone.map_or(String::new(), |gone| {
        let name = story.trace.name(task);
        format!(" (`{name}` took it in step {step} and {gone})")
    })
}

/// Returns the last change of an object by any task.
fn last_change(story: &Story<'_>, object: usize) -> Option<usize> {
    let mut touches = story.world.touches.iter();
    touches.rposition(|touches| {
        let mut touches = touches.iter();
        touches.any(|touch| touch.object == object && touch.how == Use::Changes)
    })
}

/// Returns those who could release a task, other than itself.
fn whom(story: &Story<'_>, wait: &Blocked) -> Option<String> {
    let others: Vec<String> = wait
        .released_by
        .iter()
        .filter(|task| **task != wait.task || wait.released_by.len() == 1)
        .map(|task| format!("`{}`", story.trace.name(*task)))
        .collect();
    match others.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        [first @ .., last] if first.len() < 4 => Some(format!("{} or {last}", first.join(", "))),
        [first, ..] => Some(format!("{first} or {} others", others.len() - 1)),
    }
}

fn since(story: &Story<'_>, object: Option<usize>, wait: &Blocked) -> String {
    let [holder] = wait.released_by.as_slice() else {
        return String::new();
    };
    let taken = object.and_then(|object| taking(story, object, *holder));
    taken.map_or(String::new(), |event| {
        format!(" since step {}", story.trace.events[event].step)
    })
}

/// Describes the fill level given by the kernel: "65,536 of 65,536 bytes".
fn fill(wait: &Blocked) -> Option<String> {
    let (_, rest) = wait.object.split_once('(')?;
    let (held, rest) = rest.split_once(" of ")?;
    let (capacity, _) = rest.split_once(" bytes")?;
    let (held, capacity) = (held.parse().ok()?, capacity.parse().ok()?);
    Some(match held {
        0 => "empty".to_owned(),
        _ => format!("{} of {} bytes", grouped(held), grouped(capacity)),
    })
}
