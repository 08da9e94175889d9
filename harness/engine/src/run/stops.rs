//! Meaning of each ptrace stop for the task that reports it.

use crate::EngineError;
use crate::emulate::chance::Chance;
use crate::emulate::time::lent::Readings;
use crate::emulate::time::offsets::Offsets;
use crate::image::Making;
use crate::inside::stubs::Stubs;
use crate::inside::vdso;
use crate::loops::{Interval, Looping};
use crate::memory::Borrowed;
use crate::observe::logged::Logged;
use crate::run::session::{Halt, Session};
use crate::run::task::{At, Loading, Process, State, Task};
use crate::start::auxv;
use crosswire_calls::Arg;
use crosswire_kernel::Tid;
use crosswire_kernel::arch::Register;
use crosswire_kernel::memory;
use crosswire_kernel::probe;
use crosswire_kernel::tracee::{Ending, Entering, Report, Stop};
use crosswire_model::{Call, End, Signal, TaskId, What};
use std::io;

impl Session<'_> {
    /// Takes note of a stop or an end.
    pub fn on_report(&mut self, report: Report) -> Result<(), Halt> {
        let tid = report.tid();
        let Some(index) = self.tasks.of_tid(tid) else {
            return Ok(self.on_unknown(report)?);
        };
        self.tasks[index].ahead = None;
        self.tasks[index].suspected = None;
        let readings = std::mem::take(&mut self.tasks[index].counter_readings);
        let (stopped, stop) = match report {
            Report::Stopped(stopped, stop) => (stopped, stop),
            Report::Ended(_, ending) => {
                // If it has made a call since its last stop, nobody knows how far it had come.
                self.tasks[index].in_one_stop_call = false;
                self.on_end(index, ending);
                return Ok(());
            }
        };
        let entering = match stop {
            Stop::Entry => stopped.entering()?,
            _ => Entering::default(),
        };
        let state = State::Reported(stopped);
        let before = std::mem::replace(&mut self.tasks[index].state, state);
        let left = self.left_on_pages(index, stop);
        if self.look_at_told(index, &entering)? {
            self.take_left(index, left);
            return Ok(());
        }
        self.end_one_stop_call(index, stop, left)?;
        self.take_left(index, left);
        match stop {
            Stop::Entry => self.on_entry(index, entering),
            Stop::Exit => self.on_exit(index),
            Stop::Spawned { child, vfork } => self.on_spawn(index, child, vfork),
            Stop::Exec { former } => self.on_exec(index, former),
            Stop::Signal(libc::SIGSEGV) if self.is_access(index)? => Ok(()),
            Stop::Signal(libc::SIGSEGV) if self.answers_counter(index, readings)? => Ok(()),
            // The kernel sends ignored signals to traced tasks, too; nobody else would
            // notice them.
            Stop::Signal(signal) if probe::ignores(tid, signal) => {
                let task = &mut self.tasks[index];
                task.take_stopped()?.resume(signal)?;
                if before == State::Blocked {
                    // It goes back to its wait.
                    task.state = before;
                }
                Ok(())
            }
            Stop::Signal(signal) => {
                self.leave_trampoline(index)?;
                if signal == libc::SIGSEGV && !self.check_signal_stack(index)? {
                    return Ok(());
                }
                if matches!(signal, libc::SIGSEGV | libc::SIGBUS) {
                    self.correct_fault_address(index)?;
                }
                Ok(self.tasks[index].stand(At::Signal(signal))?)
            }
            Stop::Group => {
                self.tasks[index].take_stopped()?.listen()?;
                self.tasks[index].state = State::Frozen;
                // The parent is told (waitpid(2)).
                self.reports.signal_sent();
                Ok(())
            }
            // SIGCONT tells a traced task so, besides (ptrace(2), "Group-stop"), whether it stood
            // still or not.
            Stop::Trap if self.tasks[index].begins_again => {
                Ok(self.tasks[index].take_stopped()?.resume(0)?)
            }
            Stop::Trap => {
                let at = match before {
                    State::Unborn => At::Start,
                    _ => At::Code,
                };
                Ok(self.tasks[index].stand(at)?)
            }
        }
    }

    /// A child can stop for the first time before its parent reports its birth.
    fn on_unknown(&mut self, report: Report) -> io::Result<()> {
        let tid = report.tid();
        if !self.setup.bystanders.contains(&tid) {
            self.reports.unannounced.insert(tid, report);
            return Ok(());
        }
        match report {
            Report::Stopped(stopped, Stop::Signal(signal)) => stopped.resume(signal),
            Report::Stopped(stopped, _) => stopped.resume(0),
            Report::Ended(..) => Ok(()),
        }
    }

    fn on_entry(&mut self, index: usize, entering: Entering) -> Result<(), Halt> {
        self.tasks[index].stand(At::Entry)?;
        let lends = !self.tasks[index].borrowed.is_empty();
        self.return_pointers(index)?;
        let task = &mut self.tasks[index];
        let entering = match lends {
            // Of a call that is made again it was an exchanged pointer.
            true => task.stopped()?.entering()?,
            false => entering,
        };
        let before = std::mem::replace(&mut task.entering, entering);
        task.files_version = self.footprints.files_version();
        self.note_entry(index);
        self.lend_aliases(index)?;
        let task = &mut self.tasks[index];
        if std::mem::take(&mut task.begins_again) && task.entering.call == before.call {
            if std::mem::take(&mut task.reached_memory) {
                return Ok(task.take_stopped()?.resume_to_exit()?);
            }
            return self.enter_again(index);
        }
        task.in_vfork = false;
        task.counted = false;
        let (entering, process) = (task.entering, &self.processes[task.process].name);
        let invalid = |reason: String| Err(Halt::End(End::Invalid(reason)));
        match entering.native {
            _ if Stubs::are_at(entering.next) => invalid(format!(
                "{} of {process} was cut short by a signal, although it never waits",
                Call(entering.call),
            )),
            true => Ok(()),
            false => invalid(format!(
                "{process} makes a 32-bit system call; only 64-bit programs can be run"
            )),
        }
    }

    fn on_exit(&mut self, index: usize) -> Result<(), Halt> {
        self.tasks[index].stand(At::Exit)?;
        let task = &mut self.tasks[index];
        if let Some(kernels) = task.executed.take() {
            let (stopped, gadget) = vdso::install(task.lend()?, &kernels)?;
            task.give_back(stopped);
            self.processes[task.process].making = gadget.map_or(Making::Nothing, Making::Executed);
        }
        task.in_vfork = false;
        let mut result = task.stopped()?.result()?;
        if self.has_missed_pointer(index, result)? {
            self.repeat_call(index)?;
            let task = &mut self.tasks[index];
            (task.begins_again, task.reached_memory) = (true, true);
            return Ok(task.take_stopped()?.resume(0)?);
        }
        self.correct_attachments(index, result)?;
        let task = &mut self.tasks[index];
        let restored = task.restore.take();
        if let Some((register, value)) = restored {
            task.stopped()?.poke(register, value)?;
        }
        for (address, bytes) in std::mem::take(&mut task.restore_memory) {
            // A filter of system calls, say, may stand where the program cannot write.
            if let Err(error) = memory::write(task.tid, address, &bytes) {
                let word = bytes.try_into().map_err(|_| error)?;
                (task.stopped()?).write_code(address, u64::from_ne_bytes(word))?;
            }
        }
        let expired = std::mem::take(&mut task.expired) && is_interrupted(result);
        if expired {
            let wait = task.timed_wait.expect("an expired wait has its result");
            result = wait.result;
            task.stopped()?.poke(Register::Result, result as u64)?;
        }
        if let Some((_, time_out)) = restored {
            self.write_back(index, time_out, expired)?;
        }
        let result = self.correct_reading(index, result)?;
        self.correct_status(index, result)?;
        self.correct_usage(index, result)?;
        self.correct_core(index, result)?;
        let Some(result) = self.correct_listing(index, result)? else {
            return self.begin_again(index);
        };
        let result = self.correct_link(index, result)?;
        self.correct_notices(index, result)?;
        self.correct_expiries(index, result);
        let failure = self.tasks[index].fails_with.take();
        if let Some(failure) = failure {
            let stopped = self.tasks[index].stopped()?;
            stopped.poke(Register::Result, failure as u64)?;
        }
        let result = failure.unwrap_or(result);
        self.return_pointers(index)?;
        if is_interrupted(result) && self.holds_back(index, result)? {
            return Ok(());
        }
        if is_interrupted(result) && !expired && self.was_woken_in_vain(index, result) {
            return self.begin_again(index);
        }
        let task = &mut self.tasks[index];
        let wait = task.timed_wait.take();
        if is_restart(result) && !expired {
            // The kernel does not know the deadline, which holds for the continued call.
            task.waits_until = wait.map(|wait| wait.deadline);
        }
        let result = match result {
            // Instead of restart_syscall(2), which knows neither arguments nor deadline.
            RESTART_BLOCK if !expired => RESTART_NO_HANDLER,
            result => result,
        };
        if result == RESTART_NO_HANDLER {
            task.stopped()?.poke(Register::Result, result as u64)?;
        }
        self.mark_dying(index, result);
        let task = &mut self.tasks[index];
        // A file that the engine had open, too, would stay locked when the task closes it.
        task.waits_at = None;
        let has_waited = std::mem::take(&mut task.has_waited);
        if std::mem::take(&mut task.lock_attempt) {
            if result == -i64::from(libc::EAGAIN) {
                return self.park(index);
            }
            self.tasks[index].waits_at = None;
            if has_waited && self.tasks[index].has_lost_queue(result) {
                return self.end_attempt(index, libc::EIDRM);
            }
        }
        self.note_timer_descriptor(index, result);
        if let Some(child) = self.tasks[index].child.take() {
            self.tasks[child].tid_inside = result as i32;
        }
        if !std::mem::take(&mut self.tasks[index].unobserved) {
            self.reports.complete(index, result, wait.is_some());
        }
        Ok(())
    }

    fn on_spawn(&mut self, index: usize, child: Tid, vfork: bool) -> Result<(), Halt> {
        let parent = &mut self.tasks[index];
        parent.in_vfork = vfork;
        let process = parent.process;
        let id = TaskId(self.tasks.len() as u32);
        let flags = self.creation_flags(index, vfork);
        let process = match flags & libc::CLONE_THREAD as u64 != 0 {
            true => {
                if self.setup.plan.watches_threads {
                    self.contest.begin(id.index(), Some(index));
                }
                process
            }
            false => {
                let new = self.add_process(id, child, Some(process));
                if self.processes[new].makes_time_namespaces || flags & CLONE_NEWTIME != 0 {
                    self.follow_time_namespace(new);
                }
                new
            }
        };
        self.footprints.unfollowed |= crosswire_calls::shares_with_creator(flags);
        if flags & libc::CLONE_VM as u64 == 0 {
            // A process that was created by fork has the memory of its parent as it was then.
            let space = self.processes[process].space;
            self.processes[process].space = self.memory.copy_space(space);
        }
        let mut task = Task::new(id, child, process, Some(TaskId(index as u32)));
        task.signals_seen = self.reports.signals_sent();
        task.segment_set = self.tasks[index].segment_set;
        task.counter_faults = self.tasks[index].counter_faults;
        task.no_new_privs = self.tasks[index].no_new_privs;
        task.scheduling = self.tasks[index].scheduling.of_child();
        self.tasks.push(task);
        if let Some(report) = self.reports.unannounced.remove(&child) {
            self.on_report(report)?;
        }
        self.tasks[index].child = Some(id.index());
        self.record(index, What::Spawn(id));
        Ok(self.tasks[index].take_stopped()?.resume_to_exit()?)
    }

    /// Returns the flags with which a task creates another, as those of clone(2).
    pub fn creation_flags(&self, index: usize, vfork: bool) -> u64 {
        let task = &self.tasks[index];
        let [first, ..] = task.entering.args;
        match task.entering.row().args.first() {
            // clone(2)
            Some(Arg::Bits) => first,
            // clone3(2)
            Some(Arg::Given) => memory::read_word(task.tid, first).unwrap_or(0),
            _ if vfork => (libc::CLONE_VM | libc::CLONE_VFORK) as u64,
            _ => 0,
        }
    }

    /// Adds a process that the harness has started.
    pub fn add_root(&mut self, name: &str, tid: Tid, tid_inside: i32) -> usize {
        let id = TaskId(self.tasks.len() as u32);
        let process = self.add_process(id, tid, None);
        self.processes[process].name = name.to_owned();
        self.processes[process].awaits = self.awaited_by(name);
        let mut task = Task::new(id, tid, process, None);
        task.tid_inside = tid_inside;
        self.tasks.push(task);
        id.index()
    }

    /// Adds a process and returns its index.
    pub fn add_process(&mut self, leader: TaskId, pid: Tid, parent: Option<usize>) -> usize {
        let name = match parent {
            None => String::new(),
            Some(parent) => {
                let given = self
                    .setup
                    .children
                    .get(self.processes[parent].children as usize);
                let is_first_root = parent == 0;
                let parent = &mut self.processes[parent];
                parent.children += 1;
                match given {
                    Some(name) if is_first_root => name.clone(),
                    _ => format!("{}.{}", parent.name, parent.children),
                }
            }
        };
        let filters_calls = parent.is_some_and(|parent| self.processes[parent].filters_calls);
        let (space, executable, fault_action) = match parent {
            Some(parent) => {
                let parent = &self.processes[parent];
                (parent.space, parent.executable, parent.fault_action)
            }
            None => (self.memory.add_space(), None, None),
        };
        let awaits = self.awaited_by(&name);
        let actors = match self.setup.plan.watches_threads {
            true => (
                leader.index(),
                parent.map(|of| self.processes[of].leader.index()),
            ),
            false => (self.processes.len(), parent),
        };
        self.contest.begin(actors.0, actors.1);
        self.processes.push(Process {
            awaits,
            name,
            leader,
            pid,
            root: parent.is_none(),
            children: 0,
            loading: None,
            making: Making::default(),
            loading_chance: Chance::default(),
            paused_until: 0,
            delayed_signals: Vec::new(),
            cpu_time: 0,
            is_dying: false,
            reads_of_tasks: parent.is_some_and(|parent| self.processes[parent].reads_of_tasks),
            born: self.clock.now(),
            parent,
            space,
            executable,
            filters_calls,
            added_filters: parent.map_or(0, |parent| self.processes[parent].added_filters),
            fault_action,
            time_offsets: parent
                .map_or_else(Offsets::default, |of| self.processes[of].time_offsets),
            makes_time_namespaces: parent
                .is_some_and(|of| self.processes[of].makes_time_namespaces),
            dumps_core: false,
            dumpable: parent.is_none_or(|parent| self.processes[parent].dumpable),
            logged: Logged::default(),
            readings: parent.map_or_else(Readings::default, |of| self.processes[of].readings),
            interval: parent.map_or_else(Interval::default, |of| self.processes[of].interval),
        })
    }

    /// execve ends the other threads; the caller takes over the leader's tid.
    fn on_exec(&mut self, index: usize, former: Tid) -> Result<(), Halt> {
        let mut index = index;
        let tid = self.tasks[index].tid;
        if former != tid
            && let Some(caller) = self.tasks.of_tid(former)
        {
            let stopped = self.tasks[index].take_stopped()?;
            self.tasks[index].state = State::Gone;
            self.tasks.take_over(caller, former, tid);
            self.tasks[caller].state = State::Reported(stopped);
            let process = self.tasks[caller].process;
            self.processes[process].leader = TaskId(caller as u32);
            index = caller;
        }
        let task = &mut self.tasks[index];
        task.restore = None;
        task.borrowed = Borrowed::default();
        task.segment_set = false;
        task.looping = Looping::default();
        let process = task.process;
        let changed = &mut self.processes[process];
        changed.space = self.memory.add_space();
        changed.executable = None;
        changed.fault_action = None;
        changed.dumpable = true;
        changed.readings = Readings::default();
        changed.loading_chance = Chance::default();
        self.processes[process].loading = Some(Loading::default());
        if self.processes[process].makes_time_namespaces {
            self.follow_time_namespace(process);
        }
        self.early.executed += u32::from(self.processes[process].root);
        self.timers.forget_program(process);
        let path = self.tasks[index].path.clone().unwrap_or_default();
        self.tasks[index].executed = auxv::make_deterministic(self.tasks[index].stopped()?)
            .map_err(|error| EngineError::Machine(format!("preparing `{path}`: {error}")))
            .map_err(Halt::Failed)?;
        self.record(index, What::Exec(path));
        Ok(self.tasks[index].take_stopped()?.resume_to_exit()?)
    }

    fn on_end(&mut self, index: usize, ending: Ending) {
        let what = match ending {
            Ending::Exited(status) => What::Exit(status),
            Ending::Killed(signal) => What::Killed(Signal(signal)),
        };
        let task = &mut self.tasks[index];
        (task.state, task.waits_at, task.cut_short) = (State::Gone, None, None);
        let (tid, process) = (task.tid, task.process);
        self.tasks.forget_tid(tid);
        self.footprints.note_end();
        // Those that nobody has reaped are gone with their parent, but perhaps not at once.
        for child in self.processes.iter().filter(|p| p.parent == Some(process)) {
            if self.tasks[child.leader.index()].is_gone() {
                probe::await_release(child.pid);
            }
        }
        // The parent is about to receive SIGCHLD.
        self.reports.signal_sent();
        self.reports.lock_released();
        self.reports.recheck = true;
        self.reports.completed.retain(|c| c.task != index);
        self.reports.ended.push((index, what));
    }
}

/// A flag of clone3(2), which the libc crate lacks (linux/sched.h).
const CLONE_NEWTIME: u64 = 0x80;

/// `ERESTARTSYS` of linux/errno.h: the kernel makes the call again, unless the signal's
/// handler was installed without `SA_RESTART`.
pub(crate) const RESTART_SYS: i64 = -512;
/// `ERESTARTNOHAND`: it does, unless there is a handler.
pub(crate) const RESTART_NO_HANDLER: i64 = -514;
/// `ERESTART_RESTARTBLOCK`: it does by restart_syscall(2), unless there is a handler.
const RESTART_BLOCK: i64 = -516;

/// Tells whether the result means that a signal or an interrupt cut the call short:
/// EINTR, or one of the kernel's own restart codes (linux/errno.h), which reach the
/// program as a restarted call.
pub(crate) fn is_interrupted(result: i64) -> bool {
    result == -i64::from(libc::EINTR) || is_restart(result)
}

/// Tells whether the kernel will perform the call again after the signal's handler.
pub(crate) fn is_restart(result: i64) -> bool {
    (-516..=-512).contains(&result)
}
