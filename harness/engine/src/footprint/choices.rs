//! Which steps are choices where a plan [carries on](crosswire_model::StartUp::carries_on):
//! those that touch something contested. After any other step its task goes on at once, since
//! no other process could tell when it was taken.

use super::objects::{self, SOCKETS, made_pair};
use crate::observe::passed;
use crate::run::session::Session;
use crate::run::task::{At, State};
use crosswire_calls::{Amount, Does, Fact, Row, Timer};
use crosswire_kernel::descriptor;
use crosswire_model::{EVERYTHING, Rule, TaskId, Touch};
use libc::PR_SET_PDEATHSIG;

/// A flag of close_range(2) (linux/close_range.h).
const CLOSE_RANGE_UNSHARE: u64 = 2;

/// Size of a `struct mmsghdr`.
const MESSAGE: u64 = 64;

impl Session<'_> {
    /// Tells whether what steps touch is followed: the plan leaves out choices, or is to
    /// learn which ones matter.
    pub fn follows_contest(&self) -> bool {
        let plan = self.setup.plan;
        // A schedule that leaves nothing to chance has no use for it.
        let has_use = plan.footprints || plan.schedule.rule != Rule::RunOn;
        plan.start_up.carries_on && has_use && self.notes_contest()
    }

    /// Tells whether it is known of each step if it touches what others do, too: in runs of the
    /// same steps, however they were chosen.
    fn notes_contest(&self) -> bool {
        self.setup.log.is_none()
    }

    /// Returns the task that goes on without a choice, if one does.
    pub fn carries_on(&mut self, ready: &[TaskId]) -> Option<TaskId> {
        if !self.follows_contest() || self.setup.plan.chooses_every_step {
            return None;
        }
        let task = self
            .chooser
            .would_go_on(self.turn.step(), ready, self.turn.has_yielded())?;
        let is_call_or_access = matches!(
            self.tasks[task.index()].state,
            State::Ready(At::Entry | At::Access, _)
        );
        (is_call_or_access && !self.matters(task.index())).then_some(task)
    }

    /// Returns who counts as one where it matters who touches what: a task if the memory of
    /// threads is watched, else a process.
    pub fn actor(&self, index: usize) -> usize {
        match self.setup.plan.watches_threads {
            true => index,
            false => self.tasks[index].process,
        }
    }

    /// A task takes a step: takes note of what it touches.
    pub fn note_touches(&mut self, index: usize) {
        self.note_call_on_pages(index);
        if !self.notes_contest() {
            return;
        }
        // What was known before others took steps depends on how the task was chosen.
        if self.tasks[index].ahead_since != self.recorder.len() {
            self.tasks[index].ahead = None;
        }
        let touches = self.concern(index);
        let actor = self.actor(index);
        if self.follows_contest() {
            if self.matters(index) {
                self.turn.matters_for(index);
            }
            let step = (self.turn.step(), self.tasks[index].id, actor);
            (self.contest).note_uses(step, &touches, &self.setup.plan.start_up);
        }
        self.note_targets(index);
        let conflicts = self.touch(actor, &touches);
        self.tasks[index].looping.in_private = !conflicts && !self.threads_may_tell(index);
        if self.is_dying(&self.tasks[index]) {
            return self.note_ended_threads(index);
        }
        let ends_threads = self.tasks[index].entering.row().ends_threads();
        if ends_threads && matches!(self.tasks[index].state, State::Ready(At::Entry, _)) {
            self.note_ended_threads(index);
        }
    }

    /// An actor touches objects; returns whether it conflicts with another one about any of them.
    /// What is contested is learnt where choices are left out because of it.
    fn touch(&mut self, actor: usize, touches: &[Touch]) -> bool {
        let learns = self.follows_contest();
        let plan = learns.then_some(&self.setup.plan.start_up);
        self.contest.touch(actor, touches, plan)
    }

    /// A task ends the other threads of its process, which would take further steps.
    fn note_ended_threads(&mut self, index: usize) {
        if !self.setup.plan.watches_threads {
            return;
        }
        let others: Vec<usize> = self.tasks.other_threads(index).collect();
        for other in others {
            let mut thread = [self.thread(other)];
            self.name_processes(&mut thread);
            for task in [index, other] {
                let actor = self.actor(task);
                self.touch(actor, &thread);
            }
        }
    }

    /// A store buffer takes a step: takes note of what it touches.
    pub fn note_drain(&mut self, index: usize) {
        if self.notes_contest() {
            let mut touches = self.about_to_drain(index);
            self.name_processes(&mut touches);
            let actor = self.actor(index);
            let step = (self.turn.step(), self.tasks[index].id, actor);
            (self.contest).note_uses(step, &touches, &self.setup.plan.start_up);
            self.touch(actor, &touches);
        }
    }

    /// A task sends a signal: its targets would take further steps, if it does not end them.
    fn note_targets(&mut self, index: usize) {
        let task = &self.tasks[index];
        if self.is_dying(task) || !matches!(task.state, State::Ready(At::Entry, _)) {
            return;
        }
        for target in self.targets_of_signal(index) {
            let mut own = self.course_of(target);
            self.name_processes(&mut own);
            let target = self.actor(self.processes[target].leader.index());
            self.touch(target, &own);
        }
    }

    /// Tells whether it can matter when a task takes its next step.
    fn matters(&mut self, index: usize) -> bool {
        self.threads_may_tell(index) || self.may_be_struck(index) || {
            let start_up = &self.setup.plan.start_up;
            let touches = self.concern(index);
            let is_contested =
                |touch: &Touch| touch.object == EVERYTHING || start_up.is_contested(&touch.object);
            touches.iter().any(is_contested)
        }
    }

    /// Tells whether a fault may strike at the next step of a task.
    fn may_be_struck(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let call = matches!(task.state, State::Ready(At::Entry, _)).then_some(task.entering.call);
        (self.faults).may_strike_next(&self.processes[task.process].name, call)
    }

    /// A process is about to die of a fault or a signal: takes note of what that touches.
    pub fn note_end_touches(&mut self, index: usize) {
        if self.notes_contest() {
            let mut touches = self.concern_of_exit(index);
            self.name_processes(&mut touches);
            let actor = self.actor(index);
            self.touch(actor, &touches);
            self.note_ended_threads(index);
        }
    }

    /// Tells whether other threads of its process may tell from their memory when a task took
    /// its step: one that can go on, or that another process may wake.
    fn threads_may_tell(&mut self, index: usize) -> bool {
        if self.setup.plan.watches_threads && !self.recorder.has_unwatched() {
            return false;
        }
        let own = self.space_number(index);
        let others = self.tasks.iter().filter(|other| other.id.index() != index);
        let others = others.filter(|other| !other.is_gone());
        let others = others.map(|other| other.id.index());
        let others = others.filter(|other| self.space_number(*other) == own);
        let others: Vec<usize> = others.collect();
        others
            .into_iter()
            .any(|other| !self.waits_for_threads(other))
    }

    /// Tells whether only threads with the same memory can wake a task.
    fn waits_for_threads(&mut self, index: usize) -> bool {
        let task = &self.tasks[index];
        let (row, args) = (task.entering.row(), task.entering.args);
        if !matches!(task.state, State::Blocked) || task.timed_wait.is_some() {
            return false;
        }
        match row.does {
            Does::Futex => crosswire_calls::futex_is_private(&args),
            Does::WaitEpoll | Does::Read => {
                let version = self.footprints.open.version;
                match self.footprints.open.waits.get(&index) {
                    Some((at, asked, known)) if (*at, *asked) == (version, args) => *known,
                    _ => {
                        let known = self.waits_for_own_files(index);
                        let waits = &mut self.footprints.open.waits;
                        waits.insert(index, (version, args, known));
                        known
                    }
                }
            }
            _ => false,
        }
    }

    /// Tells whether a task waits until something is written to files that have no name and that
    /// only its own process has open.
    fn waits_for_own_files(&mut self, index: usize) -> bool {
        let (tid, process) = (self.tasks[index].tid, self.tasks[index].process);
        let entering = self.tasks[index].entering;
        let number = entering.args[0];
        let began = self.tasks[index].files_version;
        // The call holds what the number meant when it began.
        if !self.has_alone(process, number)
            || !self.footprints.open.is_older(process, number, began)
        {
            return false;
        }
        if entering.row().does != Does::WaitEpoll {
            return self.is_written_by_own(index, number);
        }
        let watched = descriptor::watched_by_epoll(tid, number).unwrap_or_default();
        let mut numbers: Vec<u64> = watched.iter().map(|watched| watched.number).collect();
        numbers.sort_unstable();
        let count = numbers.len();
        numbers.dedup();
        // One number twice means different files, one of which has been closed.
        count > 0
            && numbers.len() == count
            && numbers.into_iter().all(|watched| {
                let open = &self.footprints.open;
                let since = open.watched_since(process, number, watched);
                since.is_some_and(|since| open.is_older(process, watched, since))
                    && self.is_written_by_own(index, watched)
            })
    }

    /// Tells whether only the process of a task can make something readable that has no name.
    fn is_written_by_own(&mut self, index: usize, number: u64) -> bool {
        let (tid, process) = (self.tasks[index].tid, self.tasks[index].process);
        let file = self.descriptor(tid, number);
        self.has_alone(process, number)
            && file.is_some_and(|file| objects::is_written_to(&file.name))
    }

    /// Tells whether the objects that steps touch are known.
    fn knows_objects(&self) -> bool {
        self.setup.plan.follows_footprints() || self.chooser.looks_ahead() || self.notes_contest()
    }

    /// A call has come back: gives names to what it has created, by who created it and in which
    /// order, which is the same in every run, unlike inode numbers; and takes note of what it
    /// says about the order of processes, and about who shares what with whom.
    pub fn note_relations(&mut self, index: usize, row: &Row, result: i64) {
        let reaps = row.does == Does::WaitChild && result > 0;
        // What pages are left to whom must not depend on whether all this is known.
        if reaps && (self.knows_objects() || self.leaves_shared_pages()) {
            self.note_reaped(index, result);
        }
        if result < 0 || !self.knows_objects() {
            return;
        }
        let process = self.tasks[index].process;
        let (tid, args) = (self.tasks[index].tid, self.tasks[index].entering.args);
        let [first, second, ..] = args;
        self.footprints.unfollowed |= row.acts_later(&args);
        let follows_files = !self.setup.plan.watches_threads;
        match row.does {
            Does::Pipe | Does::SocketPair => {
                let (maker, pair) = (self.maker(index), made_pair(tid, row, args));
                self.footprints.objects.name_new(tid, &maker, row, &pair);
                if follows_files {
                    self.footprints.open.open(process, &pair);
                }
            }
            Does::Open
            | Does::Epoll
            | Does::EventCounter
            | Does::Timer(Timer::CreateDescriptor)
                if follows_files =>
            {
                self.footprints.open.open(process, &[result as u64]);
                // A pipe by its name in /proc, as no other file without a name can be.
                self.footprints.open.unfollowed |= row.does == Does::Open
                    && (self.descriptor(tid, result as u64))
                        .is_some_and(|file| objects::is_made_by_run(&file.name));
            }
            Does::Close => self.footprints.open.close(process, first),
            // pidfd_getfd(2) copies any descriptor of any process.
            Does::Anything if row.is(Fact::NoDescriptors) && row.descriptor().is_some() => {
                self.footprints.open.unfollowed = true;
            }
            Does::CloseRange => {
                // The descriptors of a thread may be others than those of its process then.
                self.footprints.open.unfollowed |= args[2] & CLOSE_RANGE_UNSHARE != 0;
                self.note_closed(index);
            }
            _ if row.copies_descriptor(&args) => {
                self.footprints.open.copy(process, first);
                if row.second_descriptor().is_some() {
                    self.footprints.open.close(process, second);
                }
            }
            // EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL.
            Does::ControlEpoll => self.footprints.open.watch(process, first, args[2]),
            // With more than bytes, they may pass descriptors (unix(7)).
            Does::Send | Does::SendMany | Does::Receive | Does::ReceiveMany => {
                let amount = row.transfer().and_then(|transfer| transfer.amount);
                if !matches!(amount, Some(Amount::Bytes(_))) {
                    self.footprints.open.share_all(process);
                }
                self.note_passed(index, row, result as u64);
            }
            // What is mapped keeps the name that it had.
            Does::Rename => self.footprints.unfollowed |= self.memory.has_named_files(),
            Does::Move => {
                let second = row.second_descriptor().map(|at| args[at]);
                let one = self.descriptor(tid, first);
                let other = second.and_then(|second| self.descriptor(tid, second));
                if let (Some(one), Some(other)) = (one, other) {
                    self.footprints.in_flight.lend(&one, &other);
                }
            }
            Does::Connect | Does::Bind => {
                // One of a pair is somebody else's partner from now on.
                let socket = self.descriptor(tid, first);
                self.footprints.unfollowed |= socket.is_some_and(|socket| socket.name != SOCKETS);
            }
            Does::ProcessControl if first as i32 == PR_SET_PDEATHSIG => {
                self.footprints.tied.push(process);
            }
            _ => {}
        }
    }

    /// A process has been created, or a thread.
    pub fn note_spawned(&mut self, index: usize, child: usize) {
        let (creator, created) = (&self.tasks[index], &self.tasks[child]);
        if creator.process != created.process && self.knows_objects() {
            // They all will be asked for, at the end of each.
            self.footprints.objects.look_at_all(creator.tid);
        }
        self.footprints.hand_down(creator.tid, created.tid);
        if creator.process != created.process {
            self.footprints
                .open
                .hand_down(creator.process, created.process);
        }
    }

    /// A process may have closed several descriptors, as when it executes another program.
    pub fn note_closed(&mut self, index: usize) {
        let (tid, process) = (self.tasks[index].tid, self.tasks[index].process);
        let is_open = |number| descriptor::target(tid, number).is_some();
        self.footprints.open.keep(process, is_open);
    }

    /// Tells whether a process has opened what a descriptor means, and no other one has it.
    pub(super) fn has_alone(&self, process: usize, number: u64) -> bool {
        let has_ended = |other: usize| self.has_ended(&self.processes[other]);
        self.footprints.open.is_own(process, number, has_ended)
    }

    /// A call has come back: takes note of the descriptors that it has sent with messages.
    fn note_passed(&mut self, index: usize, row: &Row, result: u64) {
        let (tid, header) = (self.tasks[index].tid, self.tasks[index].entering.args[1]);
        let count = match (
            row.does,
            row.transfer().and_then(|transfer| transfer.amount),
        ) {
            (Does::Send, Some(Amount::Message)) => 1,
            (Does::SendMany, _) => result,
            _ => 0,
        };
        for number in 0..count {
            for passed in passed::descriptors(tid, header + number * MESSAGE) {
                if let Some(file) = self.descriptor(tid, passed as u64) {
                    self.footprints.in_flight.pass(&file);
                }
            }
        }
    }

    /// A process has learnt of the end of a child.
    fn note_reaped(&mut self, index: usize, pid: i64) {
        let own = self.tasks[index].process;
        let ended = |process: &usize| {
            let leader = self.processes[*process].leader.index();
            self.processes[*process].parent == Some(own)
                && i64::from(self.tasks[leader].tid_inside) == pid
                && self.has_ended(&self.processes[*process])
        };
        if let Some(child) = (0..self.processes.len()).rev().find(ended) {
            let child = self.actor(self.processes[child].leader.index());
            self.contest.reap(self.actor(index), child);
        }
    }
}
