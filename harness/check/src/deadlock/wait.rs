//! One task that can never go on: what it waits for, and why that never comes.

use crosswire_calls::Does;
use crosswire_model::{Blocked, Call, TaskId, Trace, What};
use crosswire_world::{Kind, Use, World, grouped};

/// A task that can never go on: who waits in which call for which object, held by whom
/// since when. Whatever is said of a deadlock is made from these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Who waits.
    pub task: TaskId,
    /// The call it is in.
    pub call: Call,
    /// Where it made that call, as an index into the trace's events.
    pub begun: Option<usize>,
    /// What it waits for, such as `pipe 1` or `/tmp/orders`.
    pub object: String,
    /// How that is, as far as it says anything: `full, 65,536 of 65,536 bytes`.
    pub state: Option<String>,
    /// Who could release it, were they not blocked themselves; of a lock, its holders.
    pub releasers: Vec<TaskId>,
    /// Where the holders of a lock have got it, or, if nobody is left who holds it,
    /// where it was last taken; as indices into the trace's events.
    pub taken: Vec<usize>,
    /// What the object is to the words about it.
    sort: Sort,
    /// Further facts about the one that took it last.
    gone: Option<String>,
    /// It is one of those who wait for each other in a circle.
    pub in_cycle: bool,
    /// The run was cut off: what it waits for may come.
    pub(super) may_end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Pipe,
    /// The same, where nobody else has its write end open.
    OwnPipe,
    Other,
}

/// What the engine says of a pipe that its only writer waits to read from.
const OWN_END: &str = ", whose write end it holds open itself";

impl Wait {
    /// Understands what is known of a blocked task, given who could release it.
    pub(super) fn of(
        trace: &Trace,
        world: &World,
        blocked: &Blocked,
        releasers: Vec<TaskId>,
    ) -> Wait {
        let mut events = trace.events.iter();
        let begun = events.rposition(|event| {
            event.task == blocked.task && matches!(event.what, What::Block { .. })
        });
        let waited = begun.and_then(|event| {
            let mut touches = world.touches[event].iter();
            touches.find(|touch| touch.how == Use::Waits)
        });
        let index = waited.map(|touch| touch.object);
        let kind = index.map(|index| world.objects[index].kind);
        let name = index.map(|index| world.objects[index].name.as_str());
        let is_pipe = kind == Some(Kind::Pipe) || blocked.object.starts_with("pipe");
        let sort = match is_pipe {
            true if blocked.object.ends_with(OWN_END) => Sort::OwnPipe,
            true => Sort::Pipe,
            false => Sort::Other,
        };
        let mut wait = Wait {
            task: blocked.task,
            call: blocked.call,
            begun,
            object: named(blocked, name, kind),
            state: state(blocked),
            releasers,
            taken: Vec::new(),
            sort,
            gone: None,
            in_cycle: false,
            may_end: false,
        };
        if let Some(index) = index {
            wait.follow(trace, world, index);
        }
        wait
    }

    /// Looks where the object was taken, and by whom.
    fn follow(&mut self, trace: &Trace, world: &World, object: usize) {
        let is_semaphore = self.does() == Does::SemaphoreOperation;
        if !is_semaphore && !matches!(self.does(), Does::LockFile | Does::Control) {
            return;
        }
        let last = last_change(trace, world, object, None);
        let taking = |holder: &TaskId| last_change(trace, world, object, Some(*holder));
        self.taken = match self.releasers.as_slice() {
            [] => last.into_iter().collect(),
            holders => holders.iter().filter_map(taking).collect(),
        };
        if is_semaphore {
            let card = world.card(object, trace.events.len());
            self.state = card.map(|card| card.line.clone());
            self.gone = last.and_then(|event| gone(trace, event));
        }
    }

    fn does(&self) -> Does {
        self.call.row().does
    }

    /// The step in which it made the call.
    pub fn since(&self, trace: &Trace) -> Option<u64> {
        self.begun.map(|event| trace.events[event].step)
    }

    /// Tells whether another task waits in the same way.
    pub(super) fn is_like(&self, other: &Wait) -> bool {
        (self.call, &self.object, &self.releasers) == (other.call, &other.object, &other.releasers)
    }

    /// Names what is waited for: "pipe 1 (empty)".
    pub fn object_in_words(&self) -> String {
        match &self.state {
            Some(state) => format!("{} ({state})", self.object),
            None => self.object.clone(),
        }
    }

    /// Says what is waited for and why it does not come: "waits for flock /tmp/x, held
    /// by `b` since step 11". `verb` is "waits", or "wait" if several do.
    pub(super) fn in_words(&self, trace: &Trace, verb: &str) -> String {
        let (call, object) = (self.call, self.object_in_words());
        let whom = self.whom(trace);
        let what = match self.does() {
            Does::Write | Does::Send | Does::Move => format!("to write to {object}"),
            Does::Read | Does::Receive => format!("to read from {object}"),
            Does::QueueSend | Does::SystemVSend => format!("for room in {object}"),
            Does::QueueReceive | Does::SystemVReceive => format!("for a message in {object}"),
            Does::Accept => format!("for a connection to {object}"),
            Does::LockFile => format!("for flock {object}"),
            Does::Control => format!("for the fcntl lock on {object}"),
            Does::SemaphoreOperation | Does::Futex => format!("for {object}"),
            Does::WaitChild => match &whom {
                Some(whom) if verb == "wait" => format!("for the end of their child {whom}"),
                Some(whom) => format!("for the end of its child {whom}"),
                None => "for the end of a child".to_owned(),
            },
            _ if object.is_empty() => format!("in {call}"),
            _ => format!("in {call} for {object}"),
        };
        format!("{verb} {what}{}", self.reason(trace, whom.as_deref()))
    }

    /// Says why it does not come, `whom` being those who could release it.
    fn reason(&self, trace: &Trace, whom: Option<&str>) -> String {
        if self.may_end && whom.is_none() {
            return String::new();
        }
        let only = |verb: &str| match whom {
            Some(whom) => format!(", which only {whom} could {verb}"),
            None if verb == "do so" => ", and nobody is left who could".to_owned(),
            None => format!(", and nobody is left who could {verb} it"),
        };
        match (self.does(), self.sort) {
            (Does::Write | Does::Send | Does::Move, _) => only("empty"),
            (Does::QueueSend | Does::SystemVSend, _) => only("empty"),
            (Does::Read | Does::Receive, Sort::OwnPipe) => {
                format!("{OWN_END}, and nobody is left who could write there")
            }
            (Does::Read | Does::Receive, Sort::Pipe) if whom.is_some() => {
                format!(", whose write end {} open", self.holds(trace))
            }
            (Does::Read | Does::Receive, _) => only("fill"),
            (Does::QueueReceive | Does::SystemVReceive, _) => only("fill"),
            (Does::Accept, _) => only("reach"),
            (Does::LockFile | Does::Control, _) => match whom {
                Some(whom) => format!(", held by {whom}{}", self.held_since(trace)),
                None => only("release"),
            },
            (Does::SemaphoreOperation, _) => {
                let gone = self.gone.iter().map(|gone| format!(" ({gone})"));
                only("raise") + &gone.collect::<String>()
            }
            (Does::WaitChild, _) => String::new(),
            (Does::Open, _) => only("do so"),
            (Does::Pause | Does::TakeSignal, _) => {
                ", and nobody is left who could send one".to_owned()
            }
            _ if self.object.is_empty() => String::new(),
            _ => only("release"),
        }
    }

    /// Says since when the one who holds a lock does, if it is one.
    fn held_since(&self, trace: &Trace) -> String {
        match (self.releasers.as_slice(), self.taken.as_slice()) {
            ([_], [event]) => format!(" since step {}", trace.events[*event].step),
            _ => String::new(),
        }
    }

    /// Names those who could release it: "`a` or `b`".
    fn whom(&self, trace: &Trace) -> Option<String> {
        let name = |task: &TaskId| format!("`{}`", trace.name(*task));
        Some(match self.releasers.as_slice() {
            [] => return None,
            [itself] if *itself == self.task => format!("{} itself", name(itself)),
            [one] => name(one),
            [first @ .., last] if first.len() < 4 => {
                let first: Vec<String> = first.iter().map(name).collect();
                format!("{} or {}", first.join(", "), name(last))
            }
            [first, others @ ..] => format!("{} or {} others", name(first), others.len()),
        })
    }

    /// "`a` and `b` hold".
    fn holds(&self, trace: &Trace) -> String {
        let whom = self.whom(trace).unwrap_or_default();
        match self.releasers.len() {
            0 | 1 => format!("{whom} holds"),
            _ => format!("{} hold", whom.replace(" or ", " and ")),
        }
    }
}

/// Names the object. What the run has shown of it comes first, then what the engine
/// said when the run ended.
fn named(blocked: &Blocked, name: Option<&str>, kind: Option<Kind>) -> String {
    let said = &blocked.object;
    let bare = said.split(" (").next().unwrap_or_default();
    let bare = bare.strip_suffix(OWN_END).unwrap_or(bare);
    let is_shared = kind == Some(Kind::Word) && name.is_some_and(|name| !name.starts_with("0x"));
    let does = blocked.call.row().does;
    match (does, name) {
        (Does::WaitChild, _) => "the end of a child".to_owned(),
        (Does::Futex, Some(name)) if is_shared => format!("the futex at {name}"),
        (Does::Futex, Some(name)) if said.is_empty() => format!("the futex at {name}"),
        (Does::Pause | Does::TakeSignal, _) if said.is_empty() => "a signal".to_owned(),
        (_, Some(name)) if said.is_empty() => name.to_owned(),
        (Does::Futex, _) => bare.to_owned(),
        (Does::LockFile | Does::Control, None) => {
            bare.strip_prefix("the lock on ").unwrap_or(bare).to_owned()
        }
        (_, Some(name)) if is_worked_on(does) => name.to_owned(),
        (_, None) if is_worked_on(does) && bare == "pipe" => "a pipe".to_owned(),
        (_, None) if is_worked_on(does) => bare.to_owned(),
        _ => said.clone(),
    }
}

/// Tells whether a call waits for the one object that it works on.
fn is_worked_on(does: Does) -> bool {
    use Does::*;
    matches!(
        does,
        Write
            | Send
            | Move
            | Read
            | Receive
            | QueueSend
            | QueueReceive
            | SystemVSend
            | SystemVReceive
            | Accept
            | LockFile
            | Control
            | SemaphoreOperation
    )
}

/// Reads the state of the object from what the engine said: how full it is, or its
/// value.
fn state(blocked: &Blocked) -> Option<String> {
    let (_, rest) = blocked.object.split_once(" (")?;
    match blocked.call.row().does {
        Does::Futex => Some(rest.split(')').next()?.to_owned()),
        Does::Read | Does::Receive => fill(rest),
        Does::Write | Does::Send | Does::Move => fill(rest).map(|fill| format!("full, {fill}")),
        _ => None,
    }
}

/// Reads how full the kernel said it was: "65,536 of 65,536 bytes".
fn fill(said: &str) -> Option<String> {
    let (held, rest) = said.split_once(" of ")?;
    let (capacity, _) = rest.split_once(" bytes")?;
    let (held, capacity) = (held.parse().ok()?, capacity.parse().ok()?);
    Some(match held {
        0 => "empty".to_owned(),
        _ => format!("{} of {} bytes", grouped(held), grouped(capacity)),
    })
}

/// Finds the last event in which an object was changed, by anybody or by one task.
fn last_change(trace: &Trace, world: &World, object: usize, by: Option<TaskId>) -> Option<usize> {
    let changes = |event: &usize| {
        let mut touches = world.touches[*event].iter();
        touches.any(|touch| touch.object == object && touch.how == Use::Changes)
    };
    let by_them = |event: &usize| by.is_none_or(|task| trace.events[*event].task == task);
    (0..world.touches.len()).rev().filter(by_them).find(changes)
}

/// Tells how the task of an event has ended, if it has.
fn gone(trace: &Trace, event: usize) -> Option<String> {
    let (step, task) = (trace.events[event].step, trace.events[event].task);
    let mut of_task = trace.events.iter().filter(|event| event.task == task);
    let end = of_task.find_map(|event| match event.what {
        What::Killed(_) => Some(format!("was killed in step {}", event.step)),
        What::Exit(_) => Some(format!("ended in step {}", event.step)),
        _ => None,
    })?;
    Some(format!(
        "`{}` took it in step {step} and {end}",
        trace.name(task)
    ))
}
