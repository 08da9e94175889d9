//! The effects of a process's steps that are still there when the process is killed.
//!
//! Death undoes most of what a process does: its memory, descriptors, locks, signal handlers
//! and children that it has not waited for are gone whether or not its last step was taken.
//! So two kills of one process come to the same if no step between them has an effect
//! that others could notice afterwards. A step has one
//!
//! * if it changes something that outlives the process, or that another process has, too;
//! * if another process took it, and the death concerns what that process did;
//! * if it is not known what it touches.
//!
//! In doubt a step has an effect: a run too many costs time, one too few would hide a bug.

pub(crate) mod classes;
mod company;
mod objects;

use company::{borrows_until, lives, private_uses, root, touched};
use crosswire_calls::{Does, Fact, Mapping, Row, changes_parenthood};
use crosswire_engine::Successor;
use crosswire_model::{Call, EVERYTHING, Event, Footprint, Mode, TaskId, Touch, Trace, What};
use objects::{Modes, Object, add, clash};
use std::collections::{HashMap, HashSet};

/// What makes a difference to those who survive, the most promising first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// A change of what another process touches, too.
    Contested,
    /// A change of what outlives the process.
    Lasting,
    /// A step of another process, or one of which too little is known.
    Unknown,
}

/// Effects of the steps of a run on those who survive one process.
pub(crate) struct Effects {
    /// By step.
    steps: Vec<Option<Effect>>,
}

impl Effects {
    /// Examines a run with footprints; without them every step has an effect.
    /// `successors` begin when others have ended.
    pub fn of(trace: &Trace, successors: &[Successor], process: &str) -> Effects {
        let victim = Victim::of(trace, successors, process);
        let footprints = trace.footprints.iter().enumerate();
        Effects {
            steps: footprints
                .map(|(step, print)| victim.effect(step, print))
                .collect(),
        }
    }

    /// Returns the strongest effect of the steps from one to another, which is not among them.
    pub fn between(&self, from: u64, to: u64) -> Option<Effect> {
        let of = |step: u64| {
            let known = usize::try_from(step).ok().and_then(|at| self.steps.get(at));
            known.copied().unwrap_or(Some(Effect::Unknown))
        };
        (from..to).filter_map(of).min()
    }
}

/// Another process, as far as it can share something with the victim.
struct Other {
    leader: TaskId,
    /// From the event that shows its beginning to that of its end.
    life: (usize, usize),
    /// It descends from the program from which the victim descends, or gets descriptors.
    is_related: bool,
}

/// A question about a call: its number, its arguments, its path.
type CallTest<'a> = &'a dyn Fn(Call, &[u64; 6], Option<&str>) -> bool;

/// The process that is killed, and what others have to do with it.
struct Victim<'a> {
    trace: &'a Trace,
    leader: TaskId,
    parent: Option<TaskId>,
    others: Vec<Other>,
    /// Events by step, as indices.
    events: HashMap<u64, Vec<usize>>,
    /// How processes that are there while the victim lives touch objects.
    contested: HashMap<&'a str, Modes>,
    /// What its death touches; `None` if that is not known.
    death: Option<HashMap<&'a str, Modes>>,
    /// Indices of events of the victim at which it uses a file that it alone has open.
    private: HashSet<usize>,
    /// Index of the event up to which it may run in its creator's memory.
    borrows_until: usize,
    /// Processes choose who inherits their children, or to die with their parent.
    changes_parenthood: bool,
    /// Calls may answer into memory that processes share.
    maps_shared: bool,
    /// A process that leads a session may get a terminal by opening it.
    has_terminals: bool,
    /// Processes may learn of every use of a file: inotify(7).
    has_watchers: bool,
    /// The first step from which on calls may have effects that are not followed.
    followed_until: usize,
}

impl<'a> Victim<'a> {
    fn of(trace: &'a Trace, successors: &[Successor], process: &str) -> Victim<'a> {
        let tasks = trace.tasks.iter();
        let leader = trace.process(process).unwrap_or(TaskId(u32::MAX));
        let parent = trace.tasks.get(leader.index()).and_then(|task| task.parent);
        let leader_of = |task: TaskId| trace.tasks.get(task.index()).map(|task| task.leader);
        let lives = lives(trace, successors);
        let end = lives.get(&leader).map_or(usize::MAX, |life| life.1);
        let is_family = root(trace, leader);
        let has_sockets = touched(trace, leader).any(|touch| touch.object.starts_with("socket"));
        let mut others: Vec<Other> = Vec::new();
        for task in tasks.filter(|task| task.leader != leader) {
            let life = lives.get(&task.leader).copied().unwrap_or((0, usize::MAX));
            if others.iter().all(|other| other.leader != task.leader) && life.0 < end {
                others.push(Other {
                    leader: task.leader,
                    life,
                    is_related: has_sockets || root(trace, task.leader) == is_family,
                });
            }
        }
        let mut contested: HashMap<&str, Modes> = HashMap::new();
        for other in &others {
            touched(trace, other.leader).for_each(|touch| add(&mut contested, touch));
        }
        let mut events: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, event) in trace.events.iter().enumerate() {
            events.entry(event.step).or_default().push(at);
        }
        let is_call = |does: CallTest| {
            trace.events.iter().any(|event| match &event.what {
                What::Call {
                    call, args, path, ..
                }
                | What::Block { call, args, path } => does(*call, args, path.as_deref()),
                _ => false,
            })
        };
        let takes_descriptors = is_call(&|call, _, _| {
            let row = call.row();
            row.does == Does::Anything && row.is(Fact::NoDescriptors)
        });
        let is_access = |event: &Event| matches!(event.what, What::Access(_));
        let mut victim = Victim {
            trace,
            leader,
            parent: parent.and_then(leader_of),
            others,
            events,
            contested,
            death: None,
            private: match takes_descriptors {
                true => HashSet::new(),
                false => private_uses(trace, leader),
            },
            borrows_until: borrows_until(trace, leader),
            changes_parenthood: is_call(&|call, args, _| {
                call.row().does == Does::ProcessControl && changes_parenthood(args)
            }),
            maps_shared: trace.events.iter().any(is_access)
                || is_call(&|call, args, _| maps_shared(call.row(), args)),
            has_terminals: is_call(&|_, _, path| path.is_some_and(is_terminal)),
            has_watchers: is_call(&|call, _, _| {
                let row = call.row();
                row.does == Does::Anything && row.path().is_some()
            }),
            followed_until: followed_until(trace),
        };
        victim.death = victim.touched_by_death();
        victim
    }

    fn is_own(&self, task: TaskId) -> bool {
        let task = self.trace.tasks.get(task.index());
        task.is_some_and(|task| task.leader == self.leader)
    }

    fn effect(&self, step: usize, footprint: &Footprint) -> Option<Effect> {
        match self.is_own(footprint.task) {
            true => self.of_own_step(step as u64, footprint),
            false => self.concerns(footprint).then_some(Effect::Unknown),
        }
    }

    fn of_own_step(&self, step: u64, footprint: &Footprint) -> Option<Effect> {
        let events = self.events.get(&step).map_or(&[][..], Vec::as_slice);
        let what = |at: &usize| &self.trace.events[*at].what;
        let own = events
            .iter()
            .filter(|at| self.is_own(self.trace.events[**at].task));
        if own.clone().any(|at| *at < self.borrows_until) {
            // What it writes to memory is its creator's.
            return Some(Effect::Unknown);
        }
        if own.clone().any(|at| matches!(what(at), What::Exec(_))) {
            return Some(Effect::Lasting);
        }
        let is_made = |at: &&usize| matches!(what(at), What::Call { .. } | What::Access(_));
        let made = own.clone().find(is_made).or(own.clone().next());
        let made = Made::of(self, made.copied(), (step as usize) < self.followed_until);
        let touches = footprint.touches.iter();
        touches
            .filter_map(|touch| self.of_touch(touch, &made))
            .min()
    }

    /// Returns the effect of one touch of a step of the victim.
    fn of_touch(&self, touch: &Touch, made: &Made) -> Option<Effect> {
        let object = touch.object.as_str();
        if self.has_watchers && Object::of(object, self.leader).is_of_files() {
            return Some(Effect::Contested);
        }
        if touch.mode == Mode::Read {
            return None;
        }
        if object == EVERYTHING {
            return (!made.is_harmless).then_some(Effect::Unknown);
        }
        let conflicts = self
            .contested
            .get(object)
            .is_some_and(|modes| clash(modes, touch.mode));
        let contested = conflicts.then_some(Effect::Contested);
        let shared = made.is_shared.then_some(Effect::Contested);
        let lasting = Some(contested.unwrap_or(Effect::Lasting));
        match Object::of(object, self.leader) {
            Object::Own | Object::Flow => None,
            Object::Children if self.changes_parenthood => lasting,
            Object::Children => None,
            Object::OthersChildren if made.only_asks => None,
            Object::Groups if made.only_asks => None,
            Object::Position => shared,
            Object::Entries if made.lists => shared,
            // Closing releases it, as death does.
            Object::Pipe if touch.mode == Mode::Add => None,
            Object::Pipe => made.has_company.then_some(Effect::Contested),
            Object::Locks if touch.mode == Mode::Write => shared.or(contested),
            Object::Locks | Object::Passing => contested,
            // Reading shared memory uses the file, too.
            Object::File if made.only_reads_memory && touch.mode == Mode::Add => None,
            Object::OthersChildren | Object::Groups | Object::Entries => lasting,
            Object::File | Object::Lasting => lasting,
        }
    }

    /// Tells whether the death of the victim concerns what a step of another process touched.
    fn concerns(&self, footprint: &Footprint) -> bool {
        let leader = self.trace.tasks.get(footprint.task.index());
        let leader = leader.map(|task| task.leader);
        let Some(death) = self.death.as_ref().filter(|_| leader.is_some()) else {
            return true;
        };
        self.changes_parenthood
            || leader == self.parent
            || footprint.touches.iter().any(|touch| {
                let known = death.get(touch.object.as_str());
                touch.object == EVERYTHING || known.is_some_and(|modes| clash(modes, touch.mode))
            })
    }

    /// Returns what the death of the victim may touch at any time of its life: what its end
    /// touched, and what its steps did. Not known if it never ended by itself, or may have
    /// closed files that have no name here.
    fn touched_by_death(&self) -> Option<HashMap<&'a str, Modes>> {
        let mut death: HashMap<&str, Modes> = HashMap::new();
        let mut has_ended = false;
        for (step, footprint) in self.trace.footprints.iter().enumerate() {
            if !self.is_own(footprint.task) {
                continue;
            }
            let events = self
                .events
                .get(&(step as u64))
                .map_or(&[][..], Vec::as_slice);
            let mut ends = false;
            for event in events.iter().map(|at| &self.trace.events[*at]) {
                if let (true, What::Call { call, .. }) = (self.is_own(event.task), &event.what) {
                    let row = call.row();
                    ends |= row.never_returns();
                    if row.does == Does::Anything && !row.leaves_files() {
                        return None;
                    }
                }
            }
            // Only the last step counts.
            has_ended = ends;
            for touch in &footprint.touches {
                let is_everything = touch.object == EVERYTHING;
                if is_everything && ends {
                    return None;
                }
                if !is_everything && (ends || self.is_given_up(touch)) {
                    add(&mut death, touch);
                }
            }
        }
        has_ended.then_some(death)
    }
}

impl Victim<'_> {
    /// Tells whether the victim, having touched this, may change it by dying.
    fn is_given_up(&self, touch: &Touch) -> bool {
        let object = touch.object.as_str();
        match Object::of(object, self.leader) {
            Object::Position | Object::Entries | Object::OthersChildren | Object::Flow => false,
            Object::Passing => true,
            _ if object == "process ids" => false,
            Object::Lasting if object.starts_with("process ") => false,
            _ => touch.mode != Mode::Read,
        }
    }

    /// Tells whether a call opens what is there: whoever dies closes it.
    fn only_opens(&self, row: &Row, args: &[u64; 6]) -> bool {
        const CREATES: i32 = libc::O_CREAT | libc::O_TRUNC | libc::O_TMPFILE & !libc::O_DIRECTORY;
        let flags = row.open_flags(args);
        !self.has_terminals && flags.is_some_and(|flags| flags & CREATES == 0)
    }
}

/// What is known of the call of a step.
struct Made {
    /// It changes nothing.
    only_asks: bool,
    /// Whatever it touches besides what is named, it does not change.
    is_harmless: bool,
    /// It lists a directory.
    lists: bool,
    /// It reads shared memory.
    only_reads_memory: bool,
    /// Others may have the open file that it uses.
    is_shared: bool,
    /// Others are there who may have got descriptors of the victim.
    has_company: bool,
}

impl Made {
    fn of(victim: &Victim, at: Option<usize>, is_followed: bool) -> Made {
        let event = at.map(|at| &victim.trace.events[at].what);
        let has_company = at.is_none_or(|at| {
            let is_there = |other: &Other| (other.life.0..=other.life.1).contains(&at);
            victim
                .others
                .iter()
                .any(|other| other.is_related && is_there(other))
        });
        let mut made = Made {
            only_asks: false,
            is_harmless: false,
            lists: false,
            only_reads_memory: false,
            is_shared: has_company && at.is_none_or(|at| !victim.private.contains(&at)),
            has_company,
        };
        match event {
            Some(What::Call {
                call, args, result, ..
            }) => {
                let row = call.row();
                made.only_asks = !row.has_effect(args, *result) || row.only_asks(args);
                made.is_harmless = !victim.maps_shared
                    && is_followed
                    && (made.only_asks || victim.only_opens(row, args));
                made.lists = row.does == Does::List;
            }
            Some(What::Access(access)) => made.only_reads_memory = !access.kind.may_write(),
            _ => {}
        }
        made
    }
}

/// Returns the step after the last one of which it is known what it touches. Where a call was
/// made whose effects come later, nothing is known of any further step.
fn followed_until(trace: &Trace) -> usize {
    let is_known = |footprint: &Footprint| {
        footprint
            .touches
            .iter()
            .all(|touch| touch.object != EVERYTHING)
    };
    let last = trace.footprints.iter().rposition(is_known);
    last.map_or(0, |last| last + 1)
}

/// Tells whether a call maps memory that processes may share, to be written.
fn maps_shared(row: &Row, args: &[u64; 6]) -> bool {
    match row.does {
        Does::Map(Mapping::Attach) => true,
        Does::Map(Mapping::Map) => {
            args[2] & libc::PROT_WRITE as u64 != 0 && args[3] & libc::MAP_SHARED as u64 != 0
        }
        _ => false,
    }
}

fn is_terminal(path: &str) -> bool {
    ["/dev/pt", "/dev/tty", "/dev/console"]
        .iter()
        .any(|begin| path.starts_with(begin))
}
