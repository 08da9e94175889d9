//! Footprints: the kernel objects that each step touches, and in which way. Recorded for
//! plans with `footprints` and for rules that look ahead; other runs do not pay.
//!
//! Whatever is not known to concern particular objects concerns everything: a
//! dependence too many costs an exploration time, one too few would hide a bug.

mod choices;
mod concerns;
pub(crate) mod contest;
mod descriptions;
pub(crate) mod descriptors;
pub(crate) mod ends;
pub(crate) mod footprints;
pub(crate) mod groups;
mod in_flight;
mod kernel_files;
mod mappings;
pub(crate) mod names;
pub(crate) mod objects;
mod paths;
mod times;

use crate::loops::Total;
use crate::run::session::Session;
use crate::run::task::{At, State};
use crosswire_calls::{Does, Fact, Mapping, Row, SystemV};
use crosswire_kernel::memory;
use crosswire_model::{AccessKind, Footprint, Mode, TaskId, Touch, What};
use libc::EDEADLK;
use std::rc::Rc;

pub use mappings::MANY_MAPPINGS;
pub use times::TIMES_OF;

/// Names of the objects that are not files.
const LOCKS: &str = "waits for locks";
pub(crate) const PIDS: &str = "process ids";
pub(crate) const RANDOM: &str = "random numbers";
const HOST_NAME: &str = "name of the host";
const MARKS: &str = "marks";
const LOG: &str = "log";
const KEYS: &str = "System V keys";
const CHANGES: &str = "changes of shared memory";

/// Bytes of shared memory that count as one object, and the most such words of one
/// access.
const WORD: u64 = 8;
const MOST_WORDS: u64 = 64;

/// Object of a step whose order matters in ways that are not examined: a timeout runs.
pub const TIME_OUT: &str = "time-outs";

/// Object of a step before which stores became visible earlier than they had to, because the
/// engine gave up following their task.
pub const EARLY_DRAIN: &str = "stores that became visible early";

/// Object of a step after which its task was left out although its loop might end by itself.
pub const LOOP_IN_DOUBT: &str = "loops that may end by themselves";

/// Observations before a step, completed after it.
pub(crate) struct Before {
    task: TaskId,
    choices: Vec<TaskId>,
    touches: Vec<Touch>,
    events: usize,
    /// What had happened that could end loops.
    happened: Total,
    releases: u64,
    logged: u64,
    /// Stores of the task that have waited in its buffer.
    delayed: u64,
    /// The buffer must be empty for the step.
    waits_for_buffer: bool,
}

impl Session<'_> {
    /// Returns the objects that the ready tasks are about to touch, if the rule needs
    /// them. Leaves out shared memory that is not watched: any step may touch it, so it
    /// does not distinguish steps.
    pub fn look_ahead(&mut self, ready: &[TaskId]) -> Vec<Rc<[Touch]>> {
        if !self.chooser.looks_ahead() {
            return Vec::new();
        }
        let mut ahead = Vec::with_capacity(ready.len());
        for index in ready.iter().map(|id| id.index()) {
            let touches = match self.tasks[index].ahead.clone() {
                Some(known) => known,
                None if self.follows_contest() => self.concern(index),
                None => self.about_to_touch(index).into(),
            };
            self.tasks[index].ahead = Some(touches.clone());
            ahead.push(touches);
        }
        ahead
    }

    /// Looks at a step that is about to be taken.
    pub fn look_before(
        &mut self,
        task: TaskId,
        ready: &[TaskId],
        asleep: &[TaskId],
    ) -> Option<Before> {
        if !self.setup.plan.follows_footprints() {
            return None;
        }
        let mut choices: Vec<TaskId> = ready.iter().chain(asleep).copied().collect();
        choices.sort_unstable();
        choices.dedup();
        let index = task.index();
        let mut touches = match task.is_buffer() {
            true => self.about_to_drain(index),
            false => self.about_to_touch(index),
        };
        if !task.is_buffer() && self.drains_early(index) {
            touches.push(Touch::read(EARLY_DRAIN));
        }
        touches.extend(self.of_mappings(index));
        Some(Before {
            task,
            choices,
            touches,
            events: self.recorder.len(),
            happened: self.happened_in_all(),
            releases: self.reports.locks_released(),
            logged: self.log_length(),
            delayed: self.stores_delayed(index),
            waits_for_buffer: !task.is_buffer() && self.waits_for_buffer(index),
        })
    }

    /// Writes down what the step has touched.
    pub fn look_after(&mut self, before: Before) {
        let index = before.task.index();
        let mut touches = before.touches.clone();
        for event in &self.recorder.events()[before.events..] {
            // The end of a wait, a child, a signal: the other task's next step
            // would not be what it is without this one.
            if event.task != before.task.owner() {
                touches.push(self.process_of(event.task));
            }
            match event.what {
                What::Spawn(child) => touches.push(self.process_of(child)),
                // It came before the call that was to be made.
                What::Signal(signal) => {
                    self.of_signal(event.task.index(), signal.0, &mut touches);
                }
                _ => {}
            }
        }
        if self.has_killed(before.events, before.task) {
            touches.push(Touch::everything());
        }
        self.of_accesses(&before, &mut touches);
        touches.extend(self.footprints.times.take());
        if !before.task.is_buffer() {
            touches.extend(self.of_stores(index, before.delayed, before.waits_for_buffer));
        }
        if matches!(self.tasks[index].state, State::Parked(_)) {
            touches.push(Touch::write(LOCKS));
        } else if self.has_been_refused(index, before.events) {
            // Who waits for whom has been looked at.
            touches.push(Touch::write(LOCKS));
        } else if self.reports.locks_released() != before.releases {
            touches.push(Touch::add(LOCKS));
        }
        if matches!(self.tasks[index].state, State::Sleeping(_) | State::Blocked) {
            touches.push(self.interruptions(index));
        }
        // It may have mapped something, and touched that already.
        touches.extend(self.of_mappings(index));
        if self.log_length() != before.logged {
            touches.push(Touch::write(LOG));
        }
        let waits = |task: &crate::run::task::Task| {
            task.timed_wait.is_some() && matches!(task.state, State::Blocked)
        };
        if waits(&self.tasks[index]) || self.timers.are_armed() {
            touches.push(Touch::write(TIME_OUT));
        }
        self.footprints.add_related(&mut touches);
        self.of_moving(before.task, &mut touches);
        if self.footprints.unfollowed {
            touches.push(Touch::everything());
        }
        touches.sort_unstable();
        touches.dedup();
        self.note_touched(before.task, before.happened, &touches);
        self.footprints.steps.push(Footprint {
            task: before.task,
            choices: before.choices,
            touches,
        });
    }

    /// A step that lets others go on with moving bytes touches what they touch; one that begins
    /// to wait for that is noted.
    fn of_moving(&mut self, task: TaskId, touches: &mut Vec<Touch>) {
        let is_moving = |id: TaskId| {
            let task = &self.tasks[id.index()];
            let moves = task.entering.row().does == Does::Move;
            moves && matches!(task.state, State::Blocked)
        };
        let in_flight = &mut self.footprints.in_flight;
        in_flight.add_moved(touches, is_moving);
        if !task.is_buffer() && is_moving(task) {
            in_flight.wait(task, touches);
        }
    }

    /// Tells whether the task has been refused a lock since this event because waiting for it
    /// would never have ended (fcntl(2), `EDEADLK`).
    fn has_been_refused(&self, index: usize, since: usize) -> bool {
        self.recorder.events()[since..]
            .iter()
            .any(|event| match event.what {
                What::Call { call, result, .. } => {
                    let is_refused = result == -i64::from(EDEADLK);
                    is_refused && call.row().does == Does::Control && event.task.index() == index
                }
                _ => false,
            })
    }

    pub fn log_length(&self) -> u64 {
        self.setup
            .log
            .map_or(0, crosswire_kernel::oplog::OpLog::length)
    }

    pub(crate) fn process_of(&self, task: TaskId) -> Touch {
        let process = self.tasks[task.index()].process;
        Touch::write(format!("process {}", self.processes[process].leader))
    }

    /// Returns the touch of a process that learns whether its children have ended and
    /// were reaped.
    pub(crate) fn mourners(&self, process: usize) -> Touch {
        Touch::write(format!("children of {}", self.processes[process].leader))
    }

    /// Returns the objects that the next step of a task will touch, as far as known
    /// before it.
    pub(super) fn about_to_touch(&mut self, index: usize) -> Vec<Touch> {
        let task = &self.tasks[index];
        let mut touches = vec![self.process_of(task.id)];
        if self.setup.plan.watches_threads && matches!(task.state, State::Ready(At::Access, _)) {
            // Of what its process is, an access changes nothing.
            touches[0].mode = Mode::Read;
        }
        match task.state {
            _ if self.is_dying(task) => self.of_exit(index, &mut touches),
            State::Ready(At::Entry, _) | State::Parked(_) => self.of_call(index, &mut touches),
            State::Ready(At::Access, _) => self.of_access(index, &mut touches),
            State::Ready(At::Signal(signal), _) => self.of_signal(index, signal, &mut touches),
            State::Sleeping(_) | State::Blocked => touches.push(self.interruptions(index)),
            _ => {}
        }
        self.footprints.add_related(&mut touches);
        touches
    }

    /// The access to shared memory that a task is about to make, as far as its
    /// instruction tells.
    fn of_access(&self, index: usize, touches: &mut Vec<Touch>) {
        let Some((address, size, kind)) = self.pending_access(index) else {
            return;
        };
        if let Some(region) = self.space(index).at(address) {
            let (object, place) = (region.object, region.position(address));
            if self.only_delays(index) {
                return touches.extend(self.of_waiting(object));
            }
            touches.extend(self.words(object, place, u64::from(size), kind));
        }
    }

    /// The accesses to shared memory that a step has made.
    fn of_accesses(&self, before: &Before, touches: &mut Vec<Touch>) {
        let mut changed = false;
        for event in &self.recorder.events()[before.events.min(self.recorder.len())..] {
            if let What::Access(access) = event.what {
                changed |= access.kind.may_write();
                let size = u64::from(access.size);
                touches.extend(self.words(access.object, access.offset, size, access.kind));
            }
        }
        let goes_round = !before.task.is_buffer() && self.goes_round(before.task.index());
        if self.setup.plan.proves_loops {
            // Of what others do, that counts which touches something the loop touches.
            let in_doubt = goes_round && self.is_left_in_doubt(before.task.index());
            touches.extend(in_doubt.then(|| Touch::read(LOOP_IN_DOUBT)));
        } else if goes_round {
            touches.push(Touch::write(CHANGES));
        } else if changed {
            touches.push(Touch::add(CHANGES));
        }
    }

    /// Returns the object that memory is: the file that is mapped, or private memory.
    pub fn memory_object(&self, object: u32) -> String {
        let name = self.memory.name(object);
        match self.memory.is_own(object) {
            true => name.to_owned(),
            false => objects::file(name),
        }
    }

    /// Words of shared memory. Calls on the file that is mapped touch it as a whole.
    pub fn words(&self, object: u32, offset: u64, size: u64, kind: AccessKind) -> Vec<Touch> {
        let name = self.memory_object(object);
        let (first, last) = (offset / WORD, (offset + size.max(1) - 1) / WORD);
        if last - first >= MOST_WORDS {
            return vec![Touch::everything()];
        }
        let mode = match kind.may_write() {
            true => Mode::Write,
            false => Mode::Read,
        };
        let word = |number: u64| Touch {
            object: format!("{name}+{:#x}", number * WORD),
            mode,
        };
        let mut touches: Vec<Touch> = (first..=last).map(word).collect();
        touches.push(Touch::add(name.clone()));
        touches
    }

    pub(super) fn of_call(&mut self, index: usize, touches: &mut Vec<Touch>) {
        let entering = self.tasks[index].entering;
        let (call, tid) = (entering.call, self.tasks[index].tid);
        // Pointers into shared memory have been exchanged for the kernel already.
        let borrowed = &self.tasks[index].borrowed;
        let args = std::array::from_fn(|i| borrowed.own(i, entering.args[i]));
        if (crate::emulate::MARK..crate::emulate::MARK + 0x100).contains(&call) {
            return touches.push(Touch::write(MARKS));
        }
        let row = entering.row();
        touches.extend(self.of_fences(index));
        let points_there = |argument: &u64| self.space(index).at(*argument).is_some();
        let unmapped = self.unmapped_memory_files(index);
        if row.does != Does::Futex && unmapped.is_empty() && args.iter().any(points_there) {
            // The kernel reads or writes there.
            touches.push(Touch::everything());
        }
        match row.does {
            Does::Nothing | Does::Schedule if self.named_other(index).is_some() => {
                touches.push(Touch::everything());
            }
            Does::Nothing
            | Does::Schedule
            | Does::Sleep
            | Does::Identity
            | Does::Sync
            | Does::Pipe
            | Does::EventCounter
            | Does::MemoryFile
            | Does::Socket
            | Does::SocketPair
            | Does::Epoll => {}
            // It may end, too.
            Does::Anything if row.is(Fact::Own) && !row.tells_time() => {
                if let Some(pid) = row.named_process(&args) {
                    self.of_kill(pid, touches);
                }
            }
            Does::SleepByClock if args[1] == 0 => {}
            Does::ProcessControl => {
                if crosswire_calls::changes_parenthood(&args) {
                    touches.push(Touch::everything());
                }
                if crosswire_calls::sets_name(&args) {
                    touches.push(Touch::write(format!("name of {}", self.tasks[index].id)));
                }
            }
            Does::Random => touches.push(Touch::write(RANDOM)),
            Does::HostName => touches.push(Touch::read(HOST_NAME)),
            // What any other thread makes from now on has other permissions.
            Does::FileModes => {
                let has_others = self.tasks.other_threads(index).next().is_some();
                touches.extend(has_others.then(Touch::everything));
            }
            Does::Fork => {
                touches.push(Touch::write(PIDS));
                self.of_fork(index, touches);
            }
            Does::Groups => touches.extend(groups::of_groups(row, &args)),
            Does::Parent => {
                let parent = self.processes[self.tasks[index].process].parent;
                touches.extend(parent.map(|parent| self.mourners(parent)));
            }
            Does::WaitChild => self.of_wait(index, row, touches),
            Does::Exit { .. } => self.of_exit(index, touches),
            Does::Kill | Does::KillThread => self.of_kill(args[0] as i32, touches),
            Does::Get(_) => touches.push(Touch::write(KEYS)),
            Does::OpenQueue | Does::RemoveQueue => {
                let name = memory::read_string(tid, args[0], 4096).unwrap_or_default();
                touches.push(Touch::write(format!("queue {name}")));
            }
            Does::Map(Mapping::Map) => touches.extend(
                self.descriptor(tid, args[4])
                    .map(|file| Touch::read(file.name)),
            ),
            Does::Map(_) if !unmapped.is_empty() => {
                let files = unmapped.into_iter();
                touches.extend(files.map(|file| Touch::write(self.memory_object(file))));
            }
            Does::Futex => self.of_futex(index, args, touches),
            Does::Poll => self.of_poll(tid, args, touches),
            Does::Open
            | Does::LookUp
            | Does::Execute
            | Does::Remove
            | Does::Rename
            | Does::Link
            | Does::Symlink
            | Does::MakeNode
            | Does::MakeDirectory
            | Does::ChangeFile
            | Does::ChangeDirectory => {
                touches.extend(self.footprints.objects.paths(tid, row, &args));
                if row.does == Does::Execute {
                    self.of_execution(index, touches);
                }
            }
            Does::WorkingDirectory => touches.extend(paths::working_directory(tid)),
            Does::SignalAction | Does::SignalMask | Does::Pause | Does::TakeSignal => {
                touches.push(self.arrivals(self.tasks[index].process));
            }
            _ => match row.system_v() {
                Some(kind) => self.of_system_v(index, row, kind, touches),
                None => self.of_descriptor(tid, row, args, touches),
            },
        }
    }

    /// Calls on a System V object.
    fn of_system_v(&mut self, index: usize, row: &Row, kind: SystemV, touches: &mut Vec<Touch>) {
        let args = self.tasks[index].entering.args;
        if row.surveys_system_v(&args) {
            return touches.push(Touch::everything());
        }
        let touch = match kind {
            SystemV::Queue => Touch::write(format!("System V queue {}", args[0])),
            SystemV::Semaphores => Touch::write(format!("System V semaphores {}", args[0])),
            SystemV::Memory => Touch::write(ends::ATTACHED),
        };
        if kind == SystemV::Semaphores {
            // SEM_UNDO gives them back when the process ends.
            let process = self.tasks[index].process;
            self.footprints
                .objects
                .undone
                .push((process, touch.clone()));
        }
        touches.push(touch);
        if row.removes_system_v(&args) {
            // Its key is free again.
            touches.push(Touch::write(KEYS));
        }
    }

    /// Touches of futex(2). Words of private memory concern no other task.
    fn of_futex(&self, index: usize, args: [u64; 6], touches: &mut Vec<Touch>) {
        const FUTEX_WORD: u64 = 4;
        let mut is_shared = false;
        // FUTEX_REQUEUE and FUTEX_WAKE_OP use a second word.
        for address in [args[0], args[4]] {
            if let Some(region) = self.space(index).at(address) {
                let (object, place) = (region.object, region.position(address));
                touches.extend(self.words(object, place, FUTEX_WORD, AccessKind::Update));
                is_shared = true;
            }
        }
        if !is_shared && !crosswire_calls::futex_is_private(&args) {
            touches.push(Touch::write("futexes"));
        }
    }

    /// Returns what a task is called as the maker of something: as its process, unless it is
    /// one of several threads.
    pub(super) fn maker(&self, index: usize) -> String {
        let process = self.tasks[index].process;
        let name = &self.processes[process].name;
        let before = self.tasks.iter().take(index);
        match before.filter(|task| task.process == process).count() {
            0 => name.clone(),
            number => format!("{name}, thread {}", number + 1),
        }
    }
}
