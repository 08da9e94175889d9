//! After each resumption: waits until every task has stopped, sleeps or is gone.
//!
//! Whether a task sleeps is asked of the kernel, never inferred from time. The
//! criterion is exact: nothing is left to be reported, every task that is not
//! stopped is off its CPU in an interruptible sleep, and after that was seen there
//! is still nothing to be reported.

use crate::loops::Look;
use crate::run::reports::Completed;
use crate::run::session::{Halt, Session};
use crate::run::task::State;
use crosswire_kernel::probe::yield_cpu;
use crosswire_kernel::tracee::{self, Wait, Waited};
use crosswire_model::{Call, End, Limit, What};
use std::time::Duration;

/// What is expected of tasks that have been resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// Only the current task can have anything to report, and it will.
    Alone,
    /// The current task will probably report before it sleeps, and may wake others. If it
    /// does not, that is noticed at the watchdog's next look.
    Returns,
    /// Anything.
    Open,
}

impl Session<'_> {
    /// Waits until no task runs. `undisturbed`: only the current task can have anything
    /// to report, so the harness may sleep until it does.
    pub fn settle(&mut self, undisturbed: bool) -> Result<(), Halt> {
        self.settle_as(match undisturbed {
            true => Outlook::Alone,
            false => Outlook::Open,
        })
    }

    /// Waits until no task runs.
    pub fn settle_as(&mut self, mut outlook: Outlook) -> Result<(), Halt> {
        let mut look = self.first_look();
        if look.is_soon() && outlook != Outlook::Open {
            outlook = Outlook::Open;
        }
        let mut rounds = 0u32;
        let undisturbed = outlook == Outlook::Alone;
        if outlook == Outlook::Open {
            // Whoever was resumed is on this CPU, and has not run yet.
            yield_cpu();
        }
        loop {
            let wait = match outlook != Outlook::Open && self.is_running_alone() {
                true => Wait::Block,
                false => Wait::Poll,
            };
            match tracee::wait(wait)? {
                Waited::Report(report) => {
                    self.on_report(report)?;
                    if self.nobody_can_report(undisturbed) {
                        break;
                    }
                    continue;
                }
                Waited::NoTasks => break,
                Waited::Nothing => {}
                Waited::Tick => {
                    self.check_wall_time()?;
                    self.look_for_loop(&mut look)?;
                    if outlook == Outlook::Returns {
                        outlook = Outlook::Open;
                    }
                    continue;
                }
            }
            if self.all_quiet() && !self.some_stopped_have_been_killed() {
                match tracee::wait(Wait::Poll)? {
                    Waited::Report(report) => {
                        self.on_report(report)?;
                        continue;
                    }
                    _ => break,
                }
            }
            rounds += 1;
            self.linger(rounds, &mut look)?;
        }
        self.reports.recheck = false;
        self.note_blocked();
        self.hold_cut_short()?;
        if std::mem::take(&mut self.terminals.are_to_carry) {
            self.deliver_by_terminals();
            return self.settle_as(Outlook::Open);
        }
        if self.continue_cut_short()? {
            return self.settle_as(Outlook::Open);
        }
        self.look_again()?;
        self.flush();
        Ok(())
    }

    /// Gives the CPU to the tasks that still run.
    fn linger(&mut self, rounds: u32, look: &mut Look) -> Result<(), Halt> {
        // A long computation should not have to share its CPU with the question
        // whether it is over.
        match rounds {
            0..200 => yield_cpu(),
            200..1000 => std::thread::sleep(Duration::from_micros(20)),
            _ => std::thread::sleep(Duration::from_micros(500)),
        }
        let is_soon = look.is_soon() && rounds.is_multiple_of(16);
        if is_soon || rounds.is_multiple_of(256) {
            self.check_wall_time()?;
            self.look_for_loop(look)?;
        }
        Ok(())
    }

    fn check_wall_time(&mut self) -> Result<(), Halt> {
        if !self.wall_time_is_up() {
            return Ok(());
        }
        self.stop_behind_one_stop_call()?;
        Err(Halt::End(End::Limit(Limit::WallTime)))
    }

    /// Tells whether the report just received is the last possible one, so that there is
    /// no need to ask: no task runs, and none can have been woken.
    fn nobody_can_report(&self, undisturbed: bool) -> bool {
        let may_report = |t: &crate::run::task::Task| match t.state {
            State::Running | State::Unborn => true,
            State::Blocked | State::Frozen => !undisturbed,
            _ => false,
        };
        !self.reports.recheck && !self.tasks.iter().any(may_report)
    }

    /// Tells whether exactly one task runs.
    fn is_running_alone(&self) -> bool {
        let running =
            |t: &&crate::run::task::Task| matches!(t.state, State::Running | State::Unborn);
        self.tasks.iter().filter(running).count() == 1 && !self.reports.recheck
    }

    /// Tells whether every task is stopped, asleep or gone.
    fn all_quiet(&mut self) -> bool {
        let mut quiet = true;
        for task in self.tasks.iter_mut() {
            match task.state {
                State::Blocked if task.cut_short.is_some() => {}
                State::Running => {
                    let asleep = task.probe.is_inactive()
                        && match task.probe.state() {
                            b'Z' => {
                                task.dead_leader = true;
                                true
                            }
                            letter => task.waits_as(letter),
                        };
                    quiet &= asleep;
                }
                State::Unborn => quiet = false,
                State::Blocked | State::Frozen if !task.probe.is_inactive() => {
                    task.state = State::Running;
                    quiet = false;
                }
                _ => {}
            }
        }
        quiet && self.blocked_still_wait()
    }

    /// Tells whether blocked tasks that are off their CPU sleep as they did. One that has been
    /// woken may have come as far as a lock of the kernel's that somebody holds: dying, it
    /// unmaps files that every process has mapped.
    fn blocked_still_wait(&mut self) -> bool {
        let mut wait = true;
        for task in self.tasks.iter_mut() {
            if task.sleeps_in_call() {
                let letter = task.probe.state();
                if !task.waits_as(letter) {
                    task.state = State::Running;
                    wait = false;
                }
            }
        }
        wait
    }

    /// Records as blocked all tasks that still count as running and were found asleep.
    fn note_blocked(&mut self) {
        for task in self.tasks.iter_mut() {
            if matches!(task.state, State::Running) {
                task.state = match task.dead_leader {
                    true => State::DeadLeader,
                    false => State::Blocked,
                };
            }
        }
    }

    /// Tells whether some stopped tasks have been killed, or ended with their process:
    /// then they run to their end. Checked only when all other tasks are quiet, because
    /// the killer may not have acted before.
    fn some_stopped_have_been_killed(&mut self) -> bool {
        let mut some = false;
        if !self.reports.recheck {
            return some;
        }
        for task in self.tasks.iter_mut() {
            let is_stopped = task.is_stopped() || task.state == State::Frozen;
            if is_stopped && !matches!(task.probe.state(), b't' | b'T') {
                task.state = State::Running;
                some = true;
            }
        }
        some
    }

    /// Records what has come to its end, in an order that does not depend on the
    /// order in which the kernel reported it.
    fn flush(&mut self) {
        if self.reports.completed.is_empty() && self.reports.ended.is_empty() {
            return;
        }
        let mut completed = std::mem::take(&mut self.reports.completed);
        completed.sort_unstable_by_key(|c| c.task);
        for Completed { task, result, .. } in completed.drain(..) {
            let own = self.turn.current == Some(task) && self.turn.calling;
            if own && !self.tasks[task].block_recorded {
                self.record_call(task, result);
            } else {
                let call = Call(self.tasks[task].entering.call);
                let result = self.stable_result(task, result);
                // It no longer stands in the way of those who wait for the same.
                self.reports.lock_released();
                self.record(task, What::Wake { call, result });
            }
        }
        self.reports.completed = completed;
        let mut ended = std::mem::take(&mut self.reports.ended);
        ended.sort_unstable_by_key(|(task, _)| *task);
        for (task, what) in ended.drain(..) {
            self.record(task, what);
        }
        self.reports.ended = ended;
    }
}
