//! Loops without steps: a task that computes, or waits for memory which other threads or a
//! signal handler change.

use super::dataflow;
use super::of_task::{Nature, Rounding};
use super::path::{FIRST, MOST, Path};
use super::snapshot::Changed;
use crate::inside::remote::next;
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_kernel::counter::Moment;
use crosswire_kernel::probe;
use crosswire_kernel::tracee::{self, Report, Stop, Stopped};
use crosswire_kernel::{Tid, memory};
use crosswire_model::What;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::ops::Range;
use std::time::Duration;

/// Time on the processor, in its own code, after which a task is looked at. A look takes about
/// as long, so that every further one waits twice as long: a long computation is not to take
/// much longer than it does anyway.
const AFTER: Duration = Duration::from_millis(40);

/// The same for a task of which a loop is known, a few rounds of which prove it again.
const AFTER_KNOWN: Duration = Duration::from_micros(500);

/// The next look at a task that runs its own code.
pub(crate) struct Look {
    at: Moment,
    first: Duration,
    pause: Duration,
    instructions: usize,
    /// Time on the processor when the pause began.
    since: Option<Duration>,
}

impl Look {
    /// The first look at a task, a round of whose loop is known to have so many instructions.
    fn first(round: Option<usize>) -> Look {
        let (first, instructions) = match round {
            Some(round) => (AFTER_KNOWN, (2 * round).min(FIRST)),
            None => (AFTER, FIRST),
        };
        Look {
            at: Moment::now().after(first),
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

    /// Tells whether the task has computed for long enough. On a busy machine it may have
    /// waited for a processor instead.
    fn is_due(&mut self, tid: Tid) -> bool {
        let now = probe::processor_time(tid).unwrap_or_default();
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
    /// Nothing; the task has been resumed.
    Nothing,
    /// The task reported this meanwhile.
    Reported(Report),
}

impl Session<'_> {
    /// The first look at the current task, which is about to be resumed.
    pub fn first_look(&self) -> Look {
        let current = self.turn.current();
        Look::first(current.and_then(|index| self.tasks[index].looping.own_round))
    }

    /// Looks at the current task if it has not come to a schedule point for long. It may be
    /// waiting for another one. The moment is not reproducible, but the answer is, so
    /// nothing in the trace depends on time.
    pub fn look_for_loop(&mut self, look: &mut Look) -> Result<(), Halt> {
        let Some(index) = self.turn.current().filter(|_| look.at.is_past()) else {
            return Ok(());
        };
        if !matches!(self.tasks[index].state, State::Running) || self.turn.is_calling() {
            return Ok(());
        }
        let tid = self.tasks[index].tid;
        if !look.is_due(tid) {
            return Ok(());
        }
        let is_told = self.has_outrun_timer(index, look.computed());
        tracee::interrupt(tid)?;
        let shown = match next(tid)? {
            // The next thing to happen to it is that a timer tells it so.
            Report::Stopped(stopped, Stop::Trap) if is_told => {
                Shown::Endless(stopped, Rounding::default(), FIRST)
            }
            Report::Stopped(stopped, Stop::Trap) => {
                self.follow_own_code(index, stopped, look.instructions)?
            }
            report => Shown::Reported(report),
        };
        match shown {
            Shown::Endless(stopped, rounding, round) => {
                self.tasks[index].state = State::Reported(stopped);
                self.tasks[index].looping.own_round = Some(round);
                let left = self.left_on_pages(index, Stop::Trap);
                self.end_one_stop_call(index, Stop::Trap, left)?;
                self.take_left(index, left);
                self.use_cpu_in_loop(index);
                self.tasks[index].stand(At::Code)?;
                self.record(index, What::Spin);
                self.wait_in_own_code(index, rounding);
            }
            Shown::Nothing => self.tasks[index].looping.own_round = None,
            Shown::Reported(report) => self.on_report(report)?,
        }
        look.again(tid);
        Ok(())
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
        most: usize,
    ) -> io::Result<Shown> {
        let tid = stopped.tid();
        let (first, extended) = (stopped.registers()?, stopped.extended()?);
        if !stopped.steps_unnoticed() {
            stopped.resume(0)?;
            return Ok(Shown::Nothing);
        }
        let mut path = Path::new(most);
        let mut written = Written::default();
        loop {
            let registers = stopped.registers()?;
            let is_back = !path.steps.is_empty()
                && (registers.position(), registers.stack()) == (first.position(), first.stack());
            if is_back && written.different.len() <= MOST_DIFFERENT {
                let mut changed = Changed::registers(&first, &registers);
                changed.bytes.clone_from(&written.different);
                let space = self.space(index);
                if dataflow::deciding(&path.steps, &changed, space).is_none()
                    && stopped.extended()? == extended
                {
                    let rounding = Rounding::of(&path.steps, &changed, space);
                    return Ok(Shown::Endless(stopped, rounding, path.steps.len()));
                }
            }
            if !path.note(tid, registers) {
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
