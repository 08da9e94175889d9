//! Floor 1: the state of every kernel object after each event, a pure function of what calls
//! were given and what they answered.
//!
//! There is no model of Linux here that could decide anything: a result is taken from
//! the trace and only its consequences are drawn (a write that answered 5 has put five
//! bytes into the pipe). Where the trace does not tell, nothing is shown.

mod calls;
mod cards;
mod descriptors;
mod memory;
mod object;
mod processes;
mod queues;

pub use object::{Card, Kind, Object, grouped, unescaped};
pub use processes::STANDARD_STREAMS;

use crosswire_calls::Row;
use crosswire_model::{Call, Content, Event, Seen, TaskId, Trace, What};
use descriptors::Descriptors;
use object::State;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// All objects of a run, who touched them, and how they changed.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// By order of appearance.
    pub objects: Vec<Object>,
    /// Touches of each event.
    pub touches: Vec<Vec<Touch>>,
    /// Changes of objects, by event.
    pub changes: Vec<Change>,
    /// For each event, the object behind each descriptor among its arguments.
    pub behind: HashMap<(usize, u8), usize>,
    /// And which end of a pipe that is, where the call does not show it.
    pub ends: HashMap<(usize, u8), &'static str>,
    /// Who held each pipe and each locked file at the end, by object.
    pub holders: BTreeMap<usize, Holders>,
}

/// The processes that hold an object at the end of a run, by their first tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// Those that could read from it.
    pub readers: Vec<TaskId>,
    /// Those that could write to it.
    pub writers: Vec<TaskId>,
    /// Those that have taken a lock on it.
    pub lockers: Vec<TaskId>,
}

/// An event concerns an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// The object, as an index into [`World::objects`].
    pub object: usize,
    /// Kind of use.
    pub how: Use,
}

/// Relation of an event to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Nothing about it changes.
    Looks,
    /// The task waits for it.
    Waits,
    /// It changes.
    Changes,
}

/// An object looks different from an event on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The event, as an index into the trace's events.
    pub event: usize,
    /// The object, as an index into [`World::objects`].
    pub object: usize,
    /// Card of the object after the event.
    pub card: Card,
}

impl World {
    /// Follows a trace. `seen` may be empty: less is known then.
    pub fn follow(trace: &Trace, seen: &[Seen]) -> World {
        let mut follower = Follower::new(trace, seen);
        follower.opens_standard_streams();
        for (index, event) in trace.events.iter().enumerate() {
            follower.event = index;
            follower.follow(event);
            follower.finish();
        }
        follower.notes_holders();
        follower.world
    }

    /// Returns the card of an object after an event; `None` before it is first touched.
    pub fn card(&self, object: usize, event: usize) -> Option<&Card> {
        let end = self.changes.partition_point(|change| change.event <= event);
        let of_object = |change: &&Change| change.object == object;
        let last = self.changes[..end].iter().rev().find(of_object);
        last.map(|change| &change.card)
    }
}

/// Identity of an object across its names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Path(String),
    SystemV(&'static str, i64),
    /// Made by this event; an event may make two.
    New(usize, u8),
    /// Shared memory that has no name, by its number in the trace.
    Shared(u32),
    /// In shared memory, at this offset.
    Word(usize, u64),
    /// In the memory of one process, at this address.
    PrivateWord(TaskId, u64),
    Signals(TaskId),
    Process(TaskId),
}

/// A call that has begun and not ended.
#[derive(Debug, Clone)]
struct Begun {
    event: usize,
    args: [u64; 6],
    /// Objects that list its task as a waiter.
    objects: Vec<usize>,
}

/// A call that has come back.
struct Done<'a> {
    task: TaskId,
    process: TaskId,
    row: &'static Row,
    args: [u64; 6],
    path: Option<&'a str>,
    result: i64,
    contents: Vec<(u8, &'a Content)>,
}

struct Follower<'a> {
    trace: &'a Trace,
    seen: &'a [Seen],
    world: World,
    event: usize,
    states: Vec<State>,
    keys: BTreeMap<Key, usize>,
    /// Tasks in the middle of a call on an object, since which step.
    waiters: Vec<Vec<(TaskId, Call, u64)>>,
    descriptors: Descriptors,
    begun: HashMap<TaskId, Begun>,
    /// Tasks that have ended.
    ended: BTreeSet<TaskId>,
    /// Adjustments that semop(2) must undo for each process that ends.
    undo: BTreeMap<(TaskId, usize, usize), i64>,
    dirty: BTreeSet<usize>,
    counts: BTreeMap<Kind, usize>,
}

impl<'a> Follower<'a> {
    fn new(trace: &'a Trace, seen: &'a [Seen]) -> Follower<'a> {
        Follower {
            trace,
            seen,
            world: World {
                touches: vec![Vec::new(); trace.events.len()],
                ..World::default()
            },
            event: 0,
            states: Vec::new(),
            keys: BTreeMap::new(),
            waiters: Vec::new(),
            descriptors: Descriptors::default(),
            begun: HashMap::new(),
            ended: BTreeSet::new(),
            undo: BTreeMap::new(),
            dirty: BTreeSet::new(),
            counts: BTreeMap::new(),
        }
    }

    fn follow(&mut self, event: &'a Event) {
        let task = event.task;
        match &event.what {
            What::Start => self.says(task, "runs".to_owned()),
            What::Call {
                call,
                args,
                path,
                result,
            } => {
                self.no_longer_waits(task);
                let contents = self.contents(self.event);
                self.completed(task, *call, *args, path.as_deref(), *result, contents);
            }
            What::Block { call, args, path } => self.begins(event, *call, *args, path.as_deref()),
            // ERESTARTSYS and its relatives: the call is made again.
            What::Wake { result, .. } if (-516..=-512).contains(result) => {
                self.no_longer_waits(task);
            }
            What::Wake { call, result } => {
                let Some(begun) = self.no_longer_waits(task) else {
                    return;
                };
                let mut contents = self.contents(self.event);
                contents.extend(self.contents(begun.event));
                let path = self.path_of(begun.event);
                self.completed(task, *call, begun.args, path, *result, contents);
            }
            What::Timeout => {
                self.no_longer_waits(task);
            }
            What::Fault(fault) => self.suffers(task, fault),
            What::Resume | What::Mark(..) => {}
            What::Spin => self.says(task, "goes round in a loop of its own code".to_owned()),
            What::Preempt => self.says(task, "computes".to_owned()),
            What::Signal(signal) => self.receives(task, *signal),
            What::Spawn(child) => self.spawns(task, *child),
            What::Exec(path) => self.executes(task, path),
            What::Exit(status) => self.ends(task, format!("ended with status {status}")),
            What::Killed(signal) => self.ends(task, format!("killed by {signal}")),
            What::Panic(message) => self.says(task, format!("panicked: {message}")),
            What::Access(access) => self.accesses(task, access),
            What::Delay { access, .. } => {
                self.delays(task, access, self.trace.is_split(self.event))
            }
        }
    }

    fn path_of(&self, event: usize) -> Option<&'a str> {
        match &self.trace.events[event].what {
            What::Block { path, .. } | What::Call { path, .. } => path.as_deref(),
            _ => None,
        }
    }

    /// Returns the data captured for an event.
    fn contents(&self, event: usize) -> Vec<(u8, &'a Content)> {
        let begin = self.seen.partition_point(|seen| seen.event < event);
        let of_event = self.seen[begin..].iter().take_while(|s| s.event == event);
        of_event.map(|s| (s.argument, &s.content)).collect()
    }

    /// Returns the first task of a task's process.
    fn process(&self, task: TaskId) -> TaskId {
        let known = self.trace.tasks.get(task.index());
        known.map_or(task, |task| task.leader)
    }

    fn name(&self, task: TaskId) -> String {
        self.trace.name(task)
    }

    /// Returns the object with this key, made as `state` if it is new.
    fn object(&mut self, key: Key, kind: Kind, name: &str, state: State) -> usize {
        if let Some(known) = self.keys.get(&key) {
            return *known;
        }
        let name = match name.is_empty() {
            true => {
                let count = self.counts.entry(kind).or_default();
                *count += 1;
                format!("{} {count}", kind.word())
            }
            false => name.to_owned(),
        };
        let index = self.states.len();
        self.world.objects.push(Object { kind, name });
        self.states.push(state);
        self.waiters.push(Vec::new());
        self.keys.insert(key, index);
        self.dirty.insert(index);
        index
    }

    /// Returns the object with this path, made as a name behind which nothing is known.
    fn at_path(&mut self, path: &str) -> usize {
        self.object(Key::Path(path.to_owned()), Kind::File, path, State::Absent)
    }

    fn set(&mut self, object: usize, kind: Kind, state: State) {
        self.world.objects[object].kind = kind;
        self.states[object] = state;
        self.dirty.insert(object);
    }

    /// Notes that the current event concerns an object.
    fn touch(&mut self, object: usize, how: Use) {
        let touches = &mut self.world.touches[self.event];
        match touches.iter_mut().find(|touch| touch.object == object) {
            Some(touch) => touch.how = touch.how.max(how),
            None => touches.push(Touch { object, how }),
        }
        self.dirty.insert(object);
    }

    /// Draws what has changed.
    fn finish(&mut self) {
        for object in std::mem::take(&mut self.dirty) {
            if self.world.objects[object].kind == Kind::Output {
                continue;
            }
            let card = self.draw(object);
            self.world.changes.push(Change {
                event: self.event,
                object,
                card,
            });
        }
    }

    /// Notes a call that begins and does not return at once.
    fn begins(&mut self, event: &Event, call: Call, args: [u64; 6], path: Option<&str>) {
        let task = event.task;
        self.no_longer_waits(task);
        let objects = self.waited_for(task, call, &args, path);
        for &object in &objects {
            self.waiters[object].push((task, call, event.step));
            self.touch(object, Use::Waits);
        }
        let behind = objects.first().map(|o| self.world.objects[*o].name.clone());
        let doing = match behind {
            Some(name) => format!("waits in {call} for {name} since step {}", event.step),
            None => format!("waits in {call} since step {}", event.step),
        };
        self.says(task, doing);
        self.begun.insert(
            task,
            Begun {
                event: self.event,
                args,
                objects,
            },
        );
    }

    /// Notes who holds what at the end.
    fn notes_holders(&mut self) {
        for (object, state) in self.states.iter().enumerate() {
            let holders = match state {
                State::Pipe { .. } => Holders {
                    readers: self.descriptors.holders(object, |open| open.readable),
                    writers: self.descriptors.holders(object, |open| open.writable),
                    lockers: Vec::new(),
                },
                State::Memory { locks, .. } if !locks.is_empty() => {
                    let by = locks.iter().map(|lock| self.process(lock.by));
                    Holders {
                        lockers: by.collect::<BTreeSet<_>>().into_iter().collect(),
                        ..Holders::default()
                    }
                }
                _ => continue,
            };
            self.world.holders.insert(object, holders);
        }
    }

    /// Returns the task's call is over, or at least it waits no more.
    fn no_longer_waits(&mut self, task: TaskId) -> Option<Begun> {
        let begun = self.begun.remove(&task)?;
        for &object in &begun.objects {
            self.waiters[object].retain(|(waiter, ..)| *waiter != task);
            self.dirty.insert(object);
        }
        self.says(task, "runs".to_owned());
        Some(begun)
    }
}
