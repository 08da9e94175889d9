//! Loops without steps: a task that computes, or waits for memory which other threads or a
//! signal handler change.

use super::dataflow;
use super::of_task::{Nature, Rounding};
use super::path::{FIRST, MOST, Path};
use super::preemption::Due;
use super::snapshot::Changed;
use crate::inside::remote::next;
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_kernel::counter::Moment;
use crosswire_kernel::probe;
use crosswire_kernel::tracee::{self, Report, Stop, Stopped};
use crosswire_kernel::{Tid, memory};
use crosswire_model::{Preemption, What};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::ops::Range;
use std::time::Duration;

/// Time on the processor, in its own code, after which a task is looked at. A look takes at most
/// as long, so that every further one waits twice as long: a long computation is not to take
/// much longer than it does anyway.
const AFTER: Duration = Duration::from_millis(40);

/// The same for a task of which a loop is known, a few rounds of which prove it again.
const AFTER_KNOWN: Duration = Duration::from_micros(500);

/// The next look at a task that runs its own code, and what ends the stretch at last.
pub(crate) struct Look {
    due: Option<Due>,
    /// When that is, at the earliest.
    end: Option<Moment>,
    /// Time that it had spent on the processor when it was first asked for.
    began: Option<Duration>,
    at: Moment,
    first: Duration,
    pause: Duration,
    instructions: usize,
    /// Time on the processor when the pause began.
    since: Option<Duration>,
}

impl Look {
    /// The first look at a task, a round of whose loop is known to have so many instructions.
    fn first(round: Option<usize>, due: Option<Due>) -> Look {
        let (first, instructions) = match (round, &due) {
            (Some(round), _) => (AFTER_KNOWN, (2 * round).min(FIRST)),
            (None, Some(due)) if due.is_expected => (due.after.max(AFTER), FIRST),
            (None, _) => (AFTER, FIRST),
        };
        let now = Moment::now();
        Look {
            end: due.as_ref().map(|due| now.after(due.after)),
            due,
            began: None,
            at: now.after(first),
            first,
            pause: first,
            instructions,
            since: None,
        }
    }

    /// Tells whether it is soon, so that waiting for it by the watchdog would take too long.
    pub fn is_soon(&self) -> bool {
        self.pause < AFTER
    }

    /// Tells whether there may be something to do.
    fn is_close(&self) -> bool {
        self.at.is_past() || self.end.is_some_and(Moment::is_past)
    }

    /// What ends the stretch of a task that has spent so much time on the processor, if it has
    /// computed for that long.
    fn ended_by(&mut self, now: Duration) -> Option<Preemption> {
        let computed = now.saturating_sub(*self.began.get_or_insert(now));
        let due = self.due.as_ref().filter(|due| computed >= due.after);
        due.map(|due| due.preemption)
    }

    /// Tells whether the task has computed for long enough. On a busy machine it may have
    /// waited for a processor instead.
    fn is_due(&mut self, now: Duration) -> bool {
        let computed = now.saturating_sub(*self.since.get_or_insert(now));
        let missing = self.pause.saturating_sub(computed);
        if !missing.is_zero() {
            self.at = Moment::now().after(missing);
        }
        missing.is_zero()
    }

    /// The least time for which the task has run its own code.
    fn computed(&self) -> Duration {
        2 * self.pause - self.first
    }

    fn again(&mut self, tid: Tid) {
        self.pause *= 2;
        self.since = probe::processor_time(tid);
        self.at = Moment::now().after(self.pause);
        self.instructions = (self.instructions * 2).min(MOST);
    }
}

/// What a look has shown.
enum Shown {
    /// The loop is endless; the task is stopped in it, and a round has so many instructions.
    Endless(Stopped, Rounding, usize),
    /// It has computed for so long that others have their turn; it is stopped where it is.
    Enough(Stopped, Preemption),
    /// Nothing; the task has been resumed.
    Nothing,
    /// The task reported this meanwhile.
    Reported(Report),
}

impl Session<'_> {
    /// The first look at the current task, which is about to be resumed.
    pub fn first_look(&self) -> Look {
        let current = self.turn.current();
        let round = current.and_then(|index| self.tasks[index].looping.own_round);
        Look::first(round, self.next_preemption())
    }

    /// Looks at the current task if it has not come to a schedule point for long. It may be
    /// waiting for another one. The moment is not reproducible, but the answer is, so
    /// nothing in the trace depends on time.
    pub fn look_for_loop(&mut self, look: &mut Look) -> Result<(), Halt> {
        let Some(index) = self.turn.current().filter(|_| look.is_close()) else {
            return Ok(());
        };
        let task = &self.tasks[index];
        if !matches!(task.state, State::Running) || self.turn.is_calling() {
            return Ok(());
        }
        let tid = self.tasks[index].tid;
        let computed = probe::processor_time(tid).unwrap_or_default();
        let enough = look.ended_by(computed);
        let enough = enough.filter(|_| self.others_could_go_on(index));
        if enough.is_none() && !look.is_due(computed) {
            return Ok(());
        }
        let is_told = enough.is_none() && self.has_outrun_timer(index, look.computed());
        tracee::interrupt(tid)?;
        let shown = match (next(tid)?, enough) {
            (Report::Stopped(stopped, Stop::Trap), Some(preemption)) => {
                Shown::Enough(stopped, preemption)
            }
            // The next thing to happen to it is that a timer tells it so.
            (Report::Stopped(stopped, Stop::Trap), None) if is_told => {
                Shown::Endless(stopped, Rounding::default(), FIRST)
            }
            (Report::Stopped(stopped, Stop::Trap), None) => {
                self.follow_own_code(index, stopped, look)?
            }
            (report, _) => Shown::Reported(report),
        };
        match shown {
            Shown::Endless(stopped, rounding, round) => {
                self.tasks[index].looping.own_round = Some(round);
                self.stand_in_own_code(index, stopped)?;
                self.use_cpu_in_loop(index);
                self.record(index, What::Spin);
                self.wait_in_own_code(index, rounding);
            }
            Shown::Enough(stopped, preemption) => {
                self.stand_in_own_code(index, stopped)?;
                self.preempt(index, preemption);
            }
            Shown::Nothing => self.tasks[index].looping.own_round = None,
            Shown::Reported(report) => self.on_report(report)?,
        }
        look.again(tid);
        Ok(())
    }

    /// A task has been stopped in its own code.
    fn stand_in_own_code(&mut self, index: usize, stopped: Stopped) -> Result<(), Halt> {
        self.tasks[index].state = State::Reported(stopped);
        let left = self.left_on_pages(index, Stop::Trap);
        self.end_one_stop_call(index, Stop::Trap, left)?;
        self.take_left(index, left);
        Ok(self.tasks[index].stand(At::Code)?)
    }

    /// A task waits in its own code until something happens that it could notice.
    fn wait_in_own_code(&mut self, index: usize, rounding: Rounding) {
        let (happened, proved_at) = (self.happened(index), self.seen_by(index));
        // Memory that is not watched may be changed by anybody.
        let nature = match self.recorder.has_unwatched() {
            true => Nature::Undecided,
            false => Nature::Endless(rounding),
        };
        // It has run code since: of the signals sent so far, none waits to be delivered.
        self.tasks[index].signals_seen = self.reports.signals_sent();
        let looping = &mut self.tasks[index].looping;
        looping.in_own_code = true;
        looping.gate = Some(happened);
        looping.nature = Some(nature);
        looping.proved_at = Some(proved_at);
        self.turn.yields();
    }

    /// Follows the instructions of a stopped task until they prove a loop endless.
    fn follow_own_code(
        &self,
        index: usize,
        mut stopped: Stopped,
        look: &Look,
    ) -> io::Result<Shown> {
        let began = Moment::now();
        let tid = stopped.tid();
        let (first, extended) = (stopped.registers()?, stopped.extended()?);
        if !stopped.steps_unnoticed() {
            stopped.resume(0)?;
            return Ok(Shown::Nothing);
        }
        let mut path = Path::new(look.instructions);
        let mut written = Written::default();
        loop {
            let registers = stopped.registers()?;
            let is_back = !path.steps.is_empty()
                && (registers.position(), registers.stack()) == (first.position(), first.stack());
            if is_back && written.different.len() <= MOST_DIFFERENT {
                let mut changed = Changed::registers(&first, &registers);
                changed.bytes.clone_from(&written.different);
                let seen = &self.seen_memory(index);
                if dataflow::deciding(&path.steps, &changed, seen).is_none()
                    && stopped.extended()? == extended
                {
                    let rounding = Rounding::of(&path.steps, &changed, seen);
                    return Ok(Shown::Endless(stopped, rounding, path.steps.len()));
                }
            }
            if !path.note(tid, registers) || began.elapsed() > look.pause.max(AFTER) {
                break;
            }
            let latest = path.steps.last().expect("it has just been noted");
            if latest.call().is_some() {
                // The kernel may write anywhere.
                break;
            }
            let writes = dataflow::written_by(latest);
            written.note_before(tid, &writes);
            stopped.single_step()?;
            stopped = match next(tid)? {
                Report::Stopped(stopped, Stop::Signal(libc::SIGTRAP)) => stopped,
                other => return Ok(Shown::Reported(other)),
            };
            written.note_after(tid, &writes);
        }
        stopped.resume(0)?;
        Ok(Shown::Nothing)
    }
}

/// Bytes that differ after a round of a loop that is worth a proof.
const MOST_DIFFERENT: usize = 4096;

/// Memory that instructions have written.
#[derive(Default)]
struct Written {
    before: HashMap<u64, u8>,
    /// The bytes that are not what they were.
    different: BTreeSet<u64>,
}

impl Written {
    fn note_before(&mut self, tid: Tid, writes: &[Range<u64>]) {
        for range in writes {
            for (address, byte) in bytes_of(tid, range) {
                self.before.entry(address).or_insert(byte);
            }
        }
    }

    fn note_after(&mut self, tid: Tid, writes: &[Range<u64>]) {
        for range in writes {
            for (address, byte) in bytes_of(tid, range) {
                match self.before.get(&address) == Some(&byte) {
                    true => self.different.remove(&address),
                    false => self.different.insert(address),
                };
            }
        }
    }
}

fn bytes_of(tid: Tid, range: &Range<u64>) -> impl Iterator<Item = (u64, u8)> + use<> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    let count = memory::read(tid, range.start, &mut bytes).unwrap_or(0);
    bytes.truncate(count);
    (range.start..).zip(bytes)
}
