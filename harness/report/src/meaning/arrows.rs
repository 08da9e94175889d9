//! Which event made which other one possible: a fork the first step of the child, a message its
//! receipt, an unlock the lock of another task. The page draws them as arrows, exports as flows.

use crate::meaning::events::Story;
use crosswire_calls::Does;
use crosswire_model::{Signal, TaskId, What};
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

    fn reaped(&mut self, event: usize, process: TaskId, tid: i64) {
        let tasks = &self.story.trace.tasks;
        let events = &self.story.trace.events;
        let ended = self.ended.get(&process).map_or(&[][..], Vec::as_slice);
        let is_it = |at: &&usize| {
            let task = tasks.get(events[**at].task.index());
            task.is_some_and(|task| i64::from(task.tid) == tid)
        };
        let from = ended.iter().rev().find(is_it).copied();
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
mod tests {
    use super::*;
    use crosswire_model::testing::RunBuilder;
    use crosswire_model::{Content, End, Run, Seen};
    use crosswire_world::World;

    fn found(run: &Run) -> Vec<(usize, usize, Tie)> {
        let world = World::follow(&run.trace, &run.seen);
        let story = Story {
            trace: &run.trace,
            seen: &run.seen,
            world: &world,
        };
        let all = arrows(&story).into_iter();
        all.map(|arrow| (arrow.from, arrow.to, arrow.tie)).collect()
    }

    fn block(call: &str, first: u64) -> What {
        What::Block {
            call: call.parse().unwrap(),
            args: [first, 0, 0, 0, 0, 0],
            path: None,
        }
    }

    fn wake(call: &str, result: i64) -> What {
        What::Wake {
            call: call.parse().unwrap(),
            result,
        }
    }

    /// A process makes a pipe and forks: events 0 to 2.
    fn two_with_a_pipe() -> RunBuilder {
        RunBuilder::new(&["a"])
            .child(0, "a.1")
            .call((0, 0), "pipe2", &[0x1000, 0], None, 0)
            .event(0, 1, What::Spawn(TaskId(1)))
            .event(1, 2, What::Start)
    }

    fn with_a_pipe(run: RunBuilder) -> Run {
        let mut run = run.end(End::Finished);
        run.seen.push(Seen {
            event: 0,
            argument: 0,
            content: Content::Descriptors(vec![3, 4]),
        });
        run
    }

    #[test]
    fn a_fork_leads_to_the_first_step_and_an_end_to_the_parent() {
        let run = two_with_a_pipe()
            .exits(1, 3, 0)
            .event(0, 3, What::Signal(Signal(libc::SIGCHLD)))
            .call((0, 4), "wait4", &[u64::MAX], None, 101);
        let found = found(&with_a_pipe(run));
        assert_eq!(
            found,
            [(1, 2, Tie::Fork), (3, 4, Tie::Signal), (3, 5, Tie::End)]
        );
    }

    #[test]
    fn bytes_lead_from_their_writer_to_their_reader() {
        let run = two_with_a_pipe()
            .call((0, 3), "write", &[4, 0x1000, 4], None, 4)
            .call((0, 4), "write", &[4, 0x1000, 4], None, 4)
            .call((1, 5), "read", &[3, 0x1000, 6], None, 6)
            .call((1, 6), "read", &[3, 0x1000, 6], None, 2);
        let found = found(&with_a_pipe(run));
        let messages = [(3, 5), (4, 5), (4, 6)].map(|(from, to)| (from, to, Tie::Message));
        assert_eq!(found[1..], messages);
    }

    #[test]
    fn who_waits_is_woken_by_what_changes_its_object() {
        let run = two_with_a_pipe()
            .event(1, 3, block("read", 3))
            .call((0, 4), "write", &[4, 0x1000, 4], None, 4)
            .event(1, 4, wake("read", 4));
        let found = found(&with_a_pipe(run));
        assert_eq!(found[1..], [(4, 5, Tie::Message)]);
    }

    #[test]
    fn an_unlock_leads_to_the_lock_of_another() {
        let flock = |task: u32, step: u64, operation: i32| {
            move |run: RunBuilder| run.call((task, step), "flock", &[3, operation as u64], None, 0)
        };
        let open = |task: u32, step: u64| {
            move |run: RunBuilder| {
                let path = Some("/tmp/x");
                run.call((task, step), "openat", &[0xffff_ff9c, 0, 2], path, 3)
            }
        };
        let mut run = RunBuilder::new(&["a", "b"]);
        run = open(0, 0)(run);
        run = open(1, 1)(run);
        run = flock(0, 2, libc::LOCK_EX)(run);
        run = run.event(1, 3, block("flock", 3));
        run = flock(0, 4, libc::LOCK_UN)(run);
        let run = run.event(1, 5, wake("flock", 0)).end(End::Finished);
        assert_eq!(found(&run), [(4, 5, Tie::Unlock)]);
    }

    #[test]
    fn a_signal_leads_from_who_sends_it_to_who_gets_it() {
        let run = RunBuilder::new(&["a", "b"])
            .call((0, 0), "kill", &[101, 15], None, 0)
            .event(1, 1, What::Signal(Signal(15)))
            .end(End::Finished);
        assert_eq!(found(&run), [(0, 1, Tie::Signal)]);
    }
}
