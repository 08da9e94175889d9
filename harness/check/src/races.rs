//! Accesses to shared memory whose order nothing decides but chance.
//!
//! Two accesses race if they conflict and neither happens before the other (Lamport,
//! CACM 1978), which vector clocks tell. What orders two tasks: creating one, waking
//! one, waiting for its end, words that locked instructions touch, and system calls on
//! the same kind of object. A word that a locked instruction or futex(2) touches
//! anywhere is a lock or an atomic variable, and no access to it is a race.
//!
//! The order is taken for more than it is rather than for less: a release that a plain
//! store makes into a word which is never locked is the one that is not seen. So a
//! race is no violation by itself. It explains one.

use crosswire_calls::{Does, SystemV};
use crosswire_model::{Access, Call, Event, TaskId, Trace, What};
use std::collections::{BTreeMap, BTreeSet};

/// Two accesses that nothing orders, the earlier one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Race {
    /// The events, as indices into [`Trace::events`].
    pub events: [usize; 2],
    /// The two accesses.
    pub accesses: [Access; 2],
}

/// Maximum number of pairs reported: further ones repeat the same mistake.
const MOST_RACES: usize = 4;

/// The granularity at which memory is remembered, in bytes.
const WORD: u64 = 8;

/// A word of shared memory: the object, and where in it.
type Word = (u32, u64);

/// The last read and the last write of a word by each task: event, and its time.
type Last = BTreeMap<(TaskId, bool), (usize, u64)>;

/// Last known progress of each task, by number.
type Clock = BTreeMap<TaskId, u64>;

/// Returns the races of a run, each pair of instructions once, those that happened last
/// first.
///
/// ```
/// use crosswire_model::Trace;
/// let quiet: Trace = serde_json::from_str(
///     r#"{"format_version": 1, "tasks": [], "events": [], "steps": 0, "deviations": [],
///         "unused_faults": [], "end": "finished", "leftovers": []}"#,
/// )
/// .unwrap();
/// assert!(crosswire_check::races(&quiet).is_empty());
/// ```
pub fn races(trace: &Trace) -> Vec<Race> {
    let mut search = Search {
        trace,
        atomic: atomic_words(trace),
        clocks: BTreeMap::new(),
        released: BTreeMap::new(),
        last: BTreeMap::new(),
        found: Vec::new(),
    };
    for (index, event) in trace.events.iter().enumerate() {
        search.take(index, event);
    }
    let mut seen = BTreeSet::new();
    let mut races = search.found;
    races.reverse();
    races.retain(|race| {
        let mut places = race.accesses.map(|access| access.place);
        places.sort_unstable();
        seen.insert(places)
    });
    races.truncate(MOST_RACES);
    races
}

struct Search<'a> {
    trace: &'a Trace,
    atomic: BTreeSet<Word>,
    clocks: BTreeMap<TaskId, Clock>,
    /// Knowledge that acquiring an object gives.
    released: BTreeMap<Object, Clock>,
    last: BTreeMap<Word, Last>,
    found: Vec<Race>,
}

/// Something by which tasks are ordered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Object {
    Word(Word),
    /// Pipes, sockets, queues and whatever else descriptors refer to. Which of them two
    /// calls mean is not told apart.
    Descriptors,
    /// A System V object.
    SystemV(u64),
    Names,
    Signals,
}

impl Search<'_> {
    fn take(&mut self, index: usize, event: &Event) {
        let task = event.task;
        *self.clock(task).entry(task).or_default() += 1;
        match &event.what {
            What::Spawn(child) => self.order(task, *child),
            // It resumes because of the task that takes the step.
            What::Wake { .. } => {
                if let Some(taker) = self.taker(event.step) {
                    self.order(taker, task);
                }
            }
            What::Call { call, args, .. } | What::Block { call, args, .. } => {
                if let Some(object) = object_of(*call, args) {
                    self.meet(task, object);
                }
            }
            What::Signal(_) => self.meet(task, Object::Signals),
            // The kernel gives up what the dead held, robust mutexes too.
            What::Killed(_) | What::Exit(_) => self.order_all(task),
            What::Access(access) => self.access(index, task, access),
            _ => {}
        }
    }

    fn clock(&mut self, task: TaskId) -> &mut Clock {
        self.clocks.entry(task).or_default()
    }

    /// Returns the task that takes a step: the task of its first event.
    fn taker(&self, step: u64) -> Option<TaskId> {
        let events = &self.trace.events;
        let first = events.partition_point(|event| event.step < step);
        events.get(first).map(|event| event.task)
    }

    /// Records that everything `before` has done so far happens before the next step of
    /// `after`.
    fn order(&mut self, before: TaskId, after: TaskId) {
        let clock = self.clock(before).clone();
        join(self.clock(after), &clock);
    }

    /// Records that everything a task has done happens before the next step of every
    /// task.
    fn order_all(&mut self, before: TaskId) {
        for (number, _) in (0_u32..).zip(&self.trace.tasks) {
            self.order(before, TaskId(number));
        }
    }

    /// Takes up what those before left at an object, and leaves what is known now.
    fn meet(&mut self, task: TaskId, object: Object) {
        let mut known = self.released.remove(&object).unwrap_or_default();
        join(self.clock(task), &known);
        join(&mut known, self.clocks.entry(task).or_default());
        self.released.insert(object, known);
    }

    fn access(&mut self, index: usize, task: TaskId, access: &Access) {
        for word in words(access) {
            if self.atomic.contains(&word) {
                self.meet(task, Object::Word(word));
            }
        }
        let clock = self.clock(task).clone();
        for word in words(access).filter(|word| !self.atomic.contains(word)) {
            let last = self.last.entry(word).or_default();
            let rival = last
                .iter()
                .filter(|((other, wrote), _)| *other != task && (*wrote || access.kind.may_write()))
                .filter(|((other, _), (_, time))| clock.get(other).is_none_or(|seen| seen < time))
                .map(|(_, (event, _))| *event)
                .max();
            if let Some(event) = rival
                && let What::Access(earlier) = &self.trace.events[event].what
                && earlier.conflicts_with(access)
            {
                self.found.push(Race {
                    events: [event, index],
                    accesses: [*earlier, *access],
                });
            }
            let now = clock.get(&task).copied().unwrap_or(0);
            last.insert((task, access.kind.may_write()), (index, now));
        }
    }
}

fn join(clock: &mut Clock, other: &Clock) {
    for (task, time) in other {
        let known = clock.entry(*task).or_default();
        *known = (*known).max(*time);
    }
}

/// Returns the words that an access touches. Of a long copy only the ends are remembered.
fn words(access: &Access) -> impl Iterator<Item = Word> + use<> {
    const MOST_WORDS: u64 = 64;
    let object = access.object;
    let first = access.offset / WORD;
    let last = (access.offset + u64::from(access.size.max(1)) - 1) / WORD;
    let count = last - first + 1;
    (first..=last)
        .enumerate()
        .filter(move |(number, _)| {
            let number = *number as u64;
            number < MOST_WORDS / 2 || count - number <= MOST_WORDS / 2
        })
        .map(move |(_, word)| (object, word))
}

/// Words that locked instructions touch: locks, and variables meant to be atomic.
fn atomic_words(trace: &Trace) -> BTreeSet<Word> {
    let is_locked = |access: &&Access| {
        let place = trace.places.get(access.place as usize);
        place.is_some_and(|place| {
            let text = &place.instruction;
            text.starts_with("lock ") || text.starts_with("xchg ")
        })
    };
    let accesses = trace.events.iter().filter_map(|event| match &event.what {
        What::Access(access) => Some(access),
        _ => None,
    });
    accesses.filter(is_locked).flat_map(words).collect()
}

/// The kind of object by which a system call orders its callers.
fn object_of(call: Call, args: &[u64; 6]) -> Option<Object> {
    use Does::*;
    Some(match call.row().does {
        SystemVSend | SystemVReceive | SemaphoreOperation => Object::SystemV(args[0]),
        Get(SystemV::Semaphores) | ControlSystemV(SystemV::Semaphores) => Object::SystemV(args[0]),
        Kill | KillThread | QueueSignal | TakeSignal | Pause | SignalAction => Object::Signals,
        Open | LookUp | Remove | Rename | Link | Symlink | MakeDirectory => Object::Names,
        Read | ReadAt | Write | WriteAt | Move | Send | SendMany | Receive | ReceiveMany
        | Accept | Connect | ShutDown | LockFile | Control | Close | Futex | Poll | Select
        | Epoll | WaitEpoll | OpenQueue | RemoveQueue | QueueSend | QueueReceive => {
            Object::Descriptors
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::testing::RunBuilder;
    use crosswire_model::{AccessKind, End, Place};

    fn access(offset: u64, kind: AccessKind, place: u32) -> What {
        What::Access(Access {
            object: 0,
            offset,
            size: 8,
            kind,
            before: Some(0),
            after: Some(1),
            since: None,
            place,
        })
    }

    fn read(offset: u64) -> What {
        access(offset, AccessKind::Read, 0)
    }

    fn write(offset: u64) -> What {
        access(offset, AccessKind::Write, 1)
    }

    fn locked(offset: u64) -> What {
        access(offset, AccessKind::Update, 2)
    }

    fn races_of(events: Vec<(u32, What)>) -> Vec<[usize; 2]> {
        let steps = (0..).zip(events);
        races_in(steps.map(|(step, (task, what))| (step, task, what)))
    }

    fn races_in(events: impl IntoIterator<Item = (u64, u32, What)>) -> Vec<[usize; 2]> {
        let mut builder = RunBuilder::new(&["a", "b"]);
        for (step, task, what) in events {
            builder = builder.event(task, step, what);
        }
        let mut trace = builder.end(End::Finished).trace;
        trace.places = ["mov rax,[rdi]", "mov [rdi],rax", "lock cmpxchg [rdi],edx"]
            .map(|text| Place {
                module: String::new(),
                offset: 0,
                instruction: text.to_owned(),
            })
            .to_vec();
        races(&trace).iter().map(|race| race.events).collect()
    }

    #[test]
    fn a_lost_update_is_a_race_of_its_reads_and_writes() {
        let events = vec![(0, read(0)), (1, read(0)), (0, write(0)), (1, write(0))];
        // The last one first: both write; and who read what the other overwrites.
        assert_eq!(races_of(events), [[2, 3], [1, 2]]);
    }

    #[test]
    fn the_same_two_instructions_are_told_once() {
        let both = |offset| [(0, write(offset)), (1, write(offset))];
        assert_eq!(races_of([both(0), both(8)].concat()), [[2, 3]]);
    }

    #[test]
    fn reads_do_not_race_nor_do_different_words() {
        assert!(races_of(vec![(0, read(0)), (1, read(0))]).is_empty());
        assert!(races_of(vec![(0, write(0)), (1, write(8))]).is_empty());
    }

    #[test]
    fn a_lock_orders_what_it_guards_and_is_no_race_itself() {
        let guarded = |task| [locked(64), read(0), write(0), locked(64)].map(|what| (task, what));
        let events = [guarded(0), guarded(1)].concat();
        assert!(races_of(events).is_empty());
        // Another lock orders nothing.
        let other = [locked(128), write(0), locked(128)].map(|what| (1, what));
        assert_eq!(races_of([&guarded(0)[..], &other].concat()).len(), 1);
    }

    #[test]
    fn a_plain_store_into_a_lock_releases_it() {
        let events = vec![
            (0, locked(64)),
            (0, write(0)),
            (0, write(64)),
            (1, locked(64)),
            (1, read(0)),
        ];
        assert!(races_of(events).is_empty());
    }

    #[test]
    fn a_death_orders_what_the_dead_did() {
        let died = What::Killed(crosswire_model::Signal(9));
        let events = vec![(0, locked(64)), (0, write(0)), (0, died), (1, read(0))];
        assert!(races_of(events).is_empty());
    }

    #[test]
    fn so_do_creation_the_end_and_waking() {
        for between in [What::Spawn(TaskId(1)), What::Exit(0)] {
            let events = vec![(0, write(0)), (0, between), (1, read(0))];
            assert!(races_of(events).is_empty());
        }
        let woken = What::Wake {
            call: "pause".parse().unwrap(),
            result: 0,
        };
        // In the step of the one who wakes.
        let events = [
            (0, 0, write(0)),
            (1, 0, What::Resume),
            (1, 1, woken),
            (2, 1, read(0)),
        ];
        assert!(races_in(events).is_empty());
    }

    #[test]
    fn an_access_may_touch_a_part_of_a_word_or_several() {
        let of_size = |offset, size| match write(offset) {
            What::Access(access) => What::Access(Access { size, ..access }),
            other => other,
        };
        assert!(races_of(vec![(0, of_size(0, 4)), (1, of_size(4, 4))]).is_empty());
        assert_eq!(
            races_of(vec![(0, of_size(0, 5)), (1, of_size(4, 4))]).len(),
            1
        );
        // One that releases a lock releases what it stores with it.
        let events = vec![(0, of_size(64, 16)), (1, locked(64)), (1, read(72))];
        assert!(races_of(events).is_empty());
    }

    #[test]
    fn a_message_orders_what_came_before_it() {
        let call = |name: &str| What::Call {
            call: name.parse().unwrap(),
            args: [0; 6],
            path: None,
            result: 1,
        };
        let with = vec![
            (0, write(0)),
            (0, call("write")),
            (1, call("read")),
            (1, read(0)),
        ];
        assert!(races_of(with).is_empty());
        let without = vec![(0, write(0)), (1, call("getpid")), (1, read(0))];
        assert_eq!(races_of(without), [[0, 2]]);
        // Its name only begins like that of a call that receives.
        let alike = vec![
            (0, write(0)),
            (0, call("write")),
            (1, call("readlink")),
            (1, read(0)),
        ];
        assert_eq!(races_of(alike), [[0, 3]]);
    }
}
