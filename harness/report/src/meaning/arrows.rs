//! Which event made which other one possible: a fork the first step of the child, a message its
//! receipt, an unlock the lock of another task. The page draws them as arrows, exports as flows.

use crate::meaning::events::Story;
use crosswire_calls::Does;
use crosswire_model::{Content, Signal, Task, TaskId, What};
use crosswire_world::{Kind, Use};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// What leads from one event to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tie {
    /// A task is created and begins.
    Fork,
    /// Data is sent and received.
    Message,
    /// A lock or semaphore is released and taken.
    Unlock,
    /// A call that waited comes back, for any other reason.
    WakeUp,
    /// A signal is sent and delivered.
    Signal,
    /// A process ends, and its parent hears of it.
    End,
    /// A store leaves its store buffer.
    Store,
}

impl Tie {
    /// All of them, by the number that the page knows them by.
    pub const ALL: [Tie; 7] = [
        Tie::Fork,
        Tie::Message,
        Tie::Unlock,
        Tie::WakeUp,
        Tie::Signal,
        Tie::End,
        Tie::Store,
    ];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Tie::Fork => "fork",
            Tie::Message => "message",
            Tie::Unlock => "unlock",
            Tie::WakeUp => "wake-up",
            Tie::Signal => "signal",
            Tie::End => "end of a child",
            Tie::Store => "store becomes visible",
        }
    }
}

/// Two events, as indices into the trace, of which the first has made the second possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub from: usize,
    pub to: usize,
    pub tie: Tie,
}

/// Returns all arrows of a run, by the event to which they lead.
pub(crate) fn arrows(story: &Story<'_>) -> Vec<Arrow> {
    let mut finder = Finder {
        story,
        last: HashMap::new(),
        begun: HashMap::new(),
        born: HashMap::new(),
        ended: BTreeMap::new(),
        latest: HashMap::new(),
        sent: HashMap::new(),
        under_way: HashMap::new(),
        buffered: HashMap::new(),
        found: Vec::new(),
    };
    for event in 0..story.trace.events.len() {
        finder.follow(event);
    }
    let mut found = finder.found;
    found.sort_unstable_by_key(|arrow| (arrow.to, arrow.from, arrow.tie));
    found.dedup_by_key(|arrow| (arrow.to, arrow.from));
    found
}

/// Something on its way through a pipe, queue or connection.
struct Sent {
    event: usize,
    by: TaskId,
    /// Bytes that have not been received.
    left: u64,
}

struct Finder<'a> {
    story: &'a Story<'a>,
    /// The last change of each object, and the one before by another process.
    last: HashMap<usize, [Option<(usize, TaskId)>; 2]>,
    /// Where each task began to wait.
    begun: HashMap<TaskId, usize>,
    /// Where each task was created.
    born: HashMap<TaskId, usize>,
    /// Ends of the children of each process.
    ended: BTreeMap<TaskId, Vec<usize>>,
    /// The last event of each task.
    latest: HashMap<TaskId, usize>,
    /// Signals sent to each process, by their calls.
    sent: HashMap<usize, Vec<(usize, i32)>>,
    under_way: HashMap<usize, VecDeque<Sent>>,
    /// Stores that wait in buffers, by task, with their steps.
    buffered: HashMap<TaskId, Vec<(u64, usize)>>,
    found: Vec<Arrow>,
}

impl Finder<'_> {
    fn follow(&mut self, event: usize) {
        let happened = &self.story.trace.events[event];
        let task = happened.task;
        match &happened.what {
            What::Spawn(child) => {
                self.born.insert(*child, event);
            }
            What::Start => {
                let from = self.born.get(&task).copied();
                self.add(from, event, Tie::Fork);
            }
            What::Block { .. } => {
                self.begun.insert(task, event);
            }
            What::Call {
                call, args, result, ..
            } => {
                let begun = self.begun.remove(&task);
                self.came_back(event, begun.unwrap_or(event), begun.is_some(), *result);
                if let Some(signal) = call.row().signal().filter(|_| *result >= 0) {
                    for object in self.touched(event, Use::Changes) {
                        let sent = self.sent.entry(object).or_default();
                        sent.push((event, args[signal] as i32));
                    }
                }
            }
            What::Wake { result, .. } => {
                let begun = self.begun.remove(&task);
                if let Some(begun) = begun.filter(|_| !(-516..=-512).contains(result)) {
                    self.came_back(event, begun, true, *result);
                }
            }
            What::Timeout => {
                self.begun.remove(&task);
            }
            What::Signal(signal) => self.delivered(event, *signal),
            What::Delay { .. } => {
                let stores = self.buffered.entry(task).or_default();
                stores.push((happened.step, event));
            }
            What::Access(access) => {
                if let Some(since) = access.since {
                    let stores = self.buffered.get(&task.owner());
                    let stores = stores.map_or(&[][..], Vec::as_slice);
                    let store = stores.iter().find(|(step, _)| *step == since);
                    self.add(store.map(|(_, event)| *event), event, Tie::Store);
                }
            }
            What::Exit(_) | What::Killed(_) if self.process(task) == task => {
                let known = self.story.trace.tasks.get(task.index());
                if let Some(parent) = known.and_then(|task| task.parent) {
                    let parent = self.process(parent);
                    self.ended.entry(parent).or_default().push(event);
                }
            }
            _ => {}
        }
        self.latest.insert(task, event);
        self.note_changes(event);
    }

    fn process(&self, task: TaskId) -> TaskId {
        let known = self.story.trace.tasks.get(task.index());
        known.map_or(task, |task| task.leader)
    }

    fn touched(&self, event: usize, how: Use) -> Vec<usize> {
        let touches = self.story.world.touches[event].iter();
        touches
            .filter(|touch| touch.how == how)
            .map(|touch| touch.object)
            .collect()
    }

    fn note_changes(&mut self, event: usize) {
        let process = self.process(self.story.trace.events[event].task);
        for object in self.touched(event, Use::Changes) {
            let [last, other] = self.last.entry(object).or_default();
            if last.is_some_and(|(_, by)| by != process) {
                *other = *last;
            }
            *last = Some((event, process));
        }
    }

    /// A call has come back which began at `begun`, and waited if `waited`.
    fn came_back(&mut self, event: usize, begun: usize, waited: bool, result: i64) {
        let (What::Call { call, .. } | What::Block { call, .. }) =
            &self.story.trace.events[begun].what
        else {
            return;
        };
        let does = call.row().does;
        let process = self.process(self.story.trace.events[event].task);
        if does == Does::WaitChild {
            if result > 0 {
                self.reaped(event, process, result);
            }
            return;
        }
        // The object of a transfer is the same where the call begins and where it ends.
        let object = self.story.world.touches[event]
            .iter()
            .chain(&self.story.world.touches[begun])
            .map(|touch| touch.object)
            .next();
        let Some(object) = object else { return };
        let kind = self.story.world.objects[object].kind;
        let is_way = matches!(
            kind,
            Kind::Pipe | Kind::Queue | Kind::Connection | Kind::Socket
        );
        let passes = match does {
            Does::Write | Does::Send if result > 0 => Some((true, result as u64)),
            Does::QueueSend | Does::SystemVSend if result >= 0 => Some((true, 1)),
            Does::Read | Does::Receive if result > 0 => Some((false, result as u64)),
            Does::QueueReceive | Does::SystemVReceive if result >= 0 => Some((false, 1)),
            _ => None,
        };
        match passes.filter(|_| is_way) {
            Some((true, length)) => self.under_way.entry(object).or_default().push_back(Sent {
                event,
                by: process,
                left: length,
            }),
            Some((false, _)) if kind == Kind::Queue => {
                if let Some(place) = self.message(event, begun, object) {
                    let under_way = self.under_way.get_mut(&object);
                    let sent = under_way.and_then(|under_way| under_way.remove(place));
                    self.add(sent.map(|sent| sent.event), event, Tie::Message);
                }
                return;
            }
            Some((false, length)) => {
                self.received(event, object, kind, process, length);
                return;
            }
            None => {}
        }
        if waited && result >= 0 {
            self.woken(event, begun, object, kind, process);
        }
    }

    /// Finds the message that was received: the one with the same content, since queues choose by
    /// type and priority. `None` if what there is does not tell which it was.
    fn message(&self, event: usize, begun: usize, object: usize) -> Option<usize> {
        let under_way = self.under_way.get(&object)?;
        let content = |event: usize| -> Option<&Content> {
            let contents = self.story.contents(event).into_iter();
            let mut contents = contents.map(|(_, content)| content);
            contents.find(|one| matches!(one, Content::Message { .. } | Content::Bytes(_)))
        };
        let received = content(event).or_else(|| content(begun));
        let same = |sent: &Sent| content(sent.event) == received;
        let place = match received {
            Some(_) => under_way.iter().position(same),
            None => None,
        };
        place.or_else(|| (under_way.len() == 1).then_some(0))
    }

    /// Takes what was sent first; of a connection, from its other side.
    fn received(
        &mut self,
        event: usize,
        object: usize,
        kind: Kind,
        process: TaskId,
        mut length: u64,
    ) {
        let Some(under_way) = self.under_way.get_mut(&object) else {
            return;
        };
        let mut froms = Vec::new();
        for sent in under_way.iter_mut() {
            if length == 0 {
                break;
            }
            if kind == Kind::Connection && sent.by == process {
                continue;
            }
            let taken = sent.left.min(length);
            sent.left -= taken;
            length -= taken;
            froms.push(sent.event);
        }
        under_way.retain(|sent| sent.left > 0);
        for from in froms {
            self.add(Some(from), event, Tie::Message);
        }
    }

    /// Finds what ended a wait: the last change of the object by another process since.
    fn woken(&mut self, event: usize, begun: usize, object: usize, kind: Kind, process: TaskId) {
        let changes = self.last.get(&object).into_iter().flatten().flatten();
        let mut since = changes.filter(|(at, by)| *at > begun && *by != process);
        let change = since.next().map(|(at, _)| *at);
        let from = change.or_else(|| self.actor(event));
        let tie = match kind {
            Kind::File | Kind::Semaphores => Tie::Unlock,
            Kind::Signals => Tie::Signal,
            Kind::Process => Tie::End,
            _ => Tie::WakeUp,
        };
        self.add(from, event, tie);
    }

    /// Returns what another task did in the step of an event.
    fn actor(&self, event: usize) -> Option<usize> {
        let events = &self.story.trace.events;
        let (step, task) = (events[event].step, events[event].task);
        let before = (0..event).rev().take_while(|at| events[*at].step == step);
        before
            .filter(|at| events[*at].task != task)
            .filter(|at| !matches!(events[*at].what, What::Wake { .. } | What::Resume))
            .last()
    }

    /// A child with this number was waited for: what it did last ended it.
    fn reaped(&mut self, event: usize, process: TaskId, tid: i64) {
        let tasks = self.story.trace.tasks.iter().enumerate();
        let is_it = |(number, task): &(usize, &Task)| {
            let parent = task.parent.map(|parent| self.process(parent));
            i64::from(task.tid) == tid
                && task.leader.index() == *number
                && parent == Some(process)
                && self.latest.contains_key(&task.leader)
        };
        // Numbers are given again: the youngest one is meant.
        let child = tasks.rev().find(is_it);
        let from = child.and_then(|(_, task)| self.latest.get(&task.leader).copied());
        self.add(from, event, Tie::End);
    }

    fn delivered(&mut self, event: usize, signal: Signal) {
        let task = self.story.trace.events[event].task;
        let mut from = None;
        for object in self.touched_at_all(event) {
            if let Some(sent) = self.sent.get_mut(&object)
                && let Some(at) = sent.iter().position(|(_, number)| *number == signal.0)
            {
                from = Some(sent.remove(at).0);
                break;
            }
        }
        if from.is_none() && signal.0 == libc::SIGCHLD {
            let ended = self.ended.get(&self.process(task));
            from = ended.and_then(|ended| ended.last().copied());
        }
        self.add(from, event, Tie::Signal);
    }

    fn touched_at_all(&self, event: usize) -> Vec<usize> {
        let touches = self.story.world.touches[event].iter();
        touches.map(|touch| touch.object).collect()
    }

    fn add(&mut self, from: Option<usize>, to: usize, tie: Tie) {
        if let Some(from) = from.filter(|from| *from != to) {
            self.found.push(Arrow { from, to, tie });
        }
    }
}

#[cfg(test)]
mod tests;
