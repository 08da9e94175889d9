//! Tells tasks that go round from those that do something, and lets others go first.

use super::of_task::Happened;
use super::rounds::{ALIKE, ALIKE_FOR_LONG};
use crate::run::session::Session;
use crate::run::task::{At, State, Task};
use crosswire_calls::Does;
use crosswire_kernel::descriptor::{self, FileType};
use crosswire_kernel::memory;
use crosswire_model::{Access, TaskId, What};
use std::hash::{DefaultHasher, Hash, Hasher};

impl Session<'_> {
    /// Takes note of an event: is it like those before, could anybody notice it?
    pub fn note_round(&mut self, index: usize, what: &What) {
        if !counts(what) {
            return;
        }
        self.tasks[index].looping.preempted = false;
        let reads_clock = matches!(what, What::Call { call, .. } if call.row().tells_time());
        self.tasks[index].looping.note_reading(reads_clock);
        let here = self.tasks[index].entering.next;
        let mut is_call = true;
        let mut named = None;
        let looks = match what {
            What::Call {
                call,
                args,
                result,
                path,
                ..
            } => {
                named = path.as_deref();
                let step = hash(&(here, call, args, result));
                let is_hidden = *result == 0 && self.has_hidden_effect(index);
                let is_silent = !is_hidden && !call.row().has_effect(args, *result)
                    || call.row().settles_own(args)
                    || call.row().locks_file(args) && self.is_only_one_to_go_on(index);
                let task = &mut self.tasks[index];
                let files = &mut task.looping.own_files;
                let is_own = !is_silent && files.note(task.tid, call.row(), args, *result, step);
                task.looping.own_steps += u64::from(is_own);
                self.loops.own_steps += u64::from(is_own);
                (is_silent || is_own).then_some(step)
            }
            What::Wake { call, result } => {
                let args = &self.tasks[index].entering.args;
                (!call.row().has_effect(args, *result)).then(|| hash(&(here, call, result)))
            }
            What::Timeout => Some(hash(&(here, "timeout"))),
            What::Signal(signal) => Some(hash(signal)),
            What::Access(access) | What::Delay { access, .. } => {
                is_call = false;
                let others = self.memory.note_user(access, TaskId(index as u32));
                // What only this task uses, it may count in. Where loops are proved, that is looked
                // into: what is alike is not to depend on who else has been there.
                let is_told = others && !self.setup.plan.proves_loops;
                let before = access.before.filter(|_| is_told);
                let at = (access.object, access.offset, access.size);
                Some(hash(&(access.place, at, before)))
            }
            _ => None,
        };
        match looks {
            Some(step) => self.comes_by(index, step, is_call, hash(&named)),
            None if self.adds_up(index, what) => {
                self.tasks[index].looping.has_effects = true;
                // Results and arguments may count what it has done.
                self.comes_by(index, hash(&(here, "effect")), true, hash(&named));
            }
            None => {
                self.tasks[index].looping.forget();
                self.note_news(index);
                let (time, step) = (self.clock.now(), self.turn.step());
                self.loops.something_happened(time, step);
            }
        }
    }

    /// Tells whether a call that returns 0 has an effect that this does not tell: it takes a
    /// message that is empty, or the status of a child.
    fn has_hidden_effect(&self, index: usize) -> bool {
        let Task { tid, entering, .. } = &self.tasks[index];
        if let Some(at) = entering.row().child_found_at(&entering.args) {
            // `si_signo` is 0 if there was none.
            return memory::read_word(*tid, at).is_ok_and(|first| first as u32 != 0) || at == 0;
        }
        let is_socket = || {
            let target = descriptor::target(*tid, entering.args[0]);
            target.is_some_and(|target| target.to_string_lossy().starts_with("socket:"))
        };
        entering.row().does == Does::Read
            && is_socket()
            && (self.file(index, 0))
                .is_some_and(|file| descriptor::file_type(&file) == FileType::Datagram)
    }

    /// Takes note of an event with an effect; tells whether it is one of many in a row that no
    /// other process has to do with.
    fn adds_up(&mut self, index: usize, what: &What) -> bool {
        let now = self.clock.now();
        let task = &mut self.tasks[index];
        let is_plain = match what {
            What::Call { call, .. } | What::Wake { call, .. } => {
                !call.row().acts_later(&task.entering.args)
            }
            _ => false,
        };
        let is_private = is_plain && task.looping.in_private;
        task.looping.private.note(is_private, now)
    }

    /// A timer expires, as it has done often, by which a process does something again and again.
    /// Its loops go round once more, and what they do is as private as it was. `others` may
    /// notice, too.
    pub fn ticks(&mut self, process: usize, others: bool) {
        let ticks = u64::from(others);
        self.loops.own_steps += ticks;
        for task in self.tasks.iter_mut().filter(|t| t.process == process) {
            task.looping.own_steps += ticks;
            task.looping.leave();
        }
    }

    /// Tells whether no other task goes on by itself: one that did might find a lock free at one
    /// moment of a round, and taken at another.
    fn is_only_one_to_go_on(&self, index: usize) -> bool {
        let mut others = self.tasks.iter().filter(|task| task.id.index() != index);
        others.all(|task| {
            let waits = matches!(task.state, State::Blocked) && task.timed_wait.is_none();
            waits || task.is_gone()
        })
    }

    fn comes_by(&mut self, index: usize, step: u64, is_call: bool, path: u64) {
        let now = self.happened(index);
        let time = self.clock.now();
        let used = self.tasks[index].cpu_time;
        let alike = match self.setup.plan.chooses_every_step {
            true => ALIKE_FOR_LONG,
            false => ALIKE,
        };
        let looping = &mut self.tasks[index].looping;
        let has_changed = match looping.calls || is_call {
            true => looping.since.effects != now.effects,
            false => looping.since.changes != now.changes,
        };
        if has_changed {
            looping.forget();
        }
        looping.since = now;
        looping.began.get_or_insert((time, used));
        looping.calls |= is_call;
        let comes_round = looping.rounds.push(step, path, alike);
        if !looping.rounds.repeats() {
            self.note_news(index);
        }
        if !comes_round {
            return;
        }
        let looping = &mut self.tasks[index].looping;
        looping.gate = Some(now);
        looping.comes_round = true;
        if let Some(examination) = &mut looping.examination {
            examination.rounds = examination.rounds.saturating_sub(1);
        }
        if !self.setup.plan.proves_loops {
            self.turn.yields();
        }
    }

    /// A task has taken a step unlike those before: threads in the same memory might see
    /// what it has written there.
    pub(super) fn note_news(&mut self, index: usize) {
        let space = self.space_number(index);
        self.loops.steps_in_mut(space).new += 1;
        self.tasks[index].looping.news += 1;
    }

    /// What has happened so far that concerns a task.
    pub(super) fn happened(&self, index: usize) -> Happened {
        let looping = &self.tasks[index].looping;
        let new = self.loops.steps_in(self.space_number(index)).new;
        let related = self.happened_in_all() - looping.unrelated;
        Happened {
            effects: related.effects + self.loops.own_steps - looping.own_steps,
            changes: related.changes,
            others: new.saturating_sub(looping.news),
        }
    }

    /// Tells whether a task goes round, and nothing has happened that it could notice.
    pub fn goes_round(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let looping = &task.looping;
        let stands = match task.state {
            State::Ready(At::Entry | At::Access, _) => true,
            State::Ready(At::Code, _) => looping.in_own_code,
            _ => false,
        };
        let Some(gate) = looping.gate.filter(|_| stands) else {
            return false;
        };
        let now = self.happened(index);
        let is_as_before = match looping.calls || looping.in_own_code {
            true => gate == now,
            false => (gate.changes, gate.others) == (now.changes, now.others),
        };
        is_as_before && task.signals_seen == self.reports.signals_sent()
    }
}

/// Tells whether an event is one of those by which rounds are compared.
pub(super) fn counts(what: &What) -> bool {
    !matches!(
        what,
        What::Start
            | What::Resume
            | What::Spin
            | What::Preempt
            | What::Block { .. }
            // Its task has been told of when it executed the store.
            | What::Access(Access { since: Some(_), .. })
    )
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
