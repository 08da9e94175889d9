//! The faults of a plan, and how far each has come.

use crosswire_model::{Action, Errno, Fault};

/// A fault of the plan, and how many of its points have passed.
#[derive(Debug)]
struct Armed {
    fault: Fault,
    seen: u32,
    struck: bool,
}

/// A signal held back until a step.
pub(crate) struct Delayed {
    pub process: usize,
    /// The task to which it was sent, if not to its process.
    pub thread: Option<usize>,
    pub signal: i32,
    pub info: Option<libc::siginfo_t>,
    pub until: u64,
}

/// The effect of a fault on a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// Nothing: the call goes its way, possibly with changed arguments.
    None,
    /// The step ends here.
    StepOver,
    /// The call is skipped with this result.
    Answer(i64),
}

impl Armed {
    fn new(fault: &Fault) -> Armed {
        Armed {
            fault: fault.clone(),
            seen: 0,
            struck: false,
        }
    }

    /// A fault whose point has passed without there being anything to strike at.
    fn spent(fault: Fault) -> Armed {
        Armed {
            fault,
            seen: u32::MAX,
            struck: false,
        }
    }

    /// Counts a point; whether it is the one.
    fn passes(&mut self, process: &str, call: Option<u32>, blocked: bool) -> bool {
        let Fault {
            action,
            process: victim,
            point,
        } = &self.fault;
        let matches = !self.struck
            && self.seen < point.nth
            && victim == process
            && point.blocked == blocked
            && action.concerns_signals() == call.is_none()
            && point.call.is_none_or(|wanted| call == Some(wanted.0));
        self.seen += u32::from(matches);
        self.struck |= matches && self.seen == point.nth;
        matches && self.seen == self.fault.point.nth
    }
}

/// The faults of a run.
#[derive(Default)]
pub(crate) struct Faults {
    armed: Vec<Armed>,
    delayed: Vec<Delayed>,
    /// Some pipe may keep together what is written at a time. Only the end for writing tells so.
    pub packets: bool,
}

impl Faults {
    /// The faults of a plan, before any of their points.
    pub fn new(plan: &[Fault]) -> Faults {
        Faults {
            armed: plan.iter().map(Armed::new).collect(),
            delayed: Vec::new(),
            packets: false,
        }
    }

    /// Counts a point of every fault, and returns the first one that strikes at it.
    /// `waits`: the call is one that may wait.
    pub fn strike(
        &mut self,
        process: &str,
        call: Option<u32>,
        blocked: bool,
        waits: bool,
    ) -> Option<Fault> {
        let mut first = None;
        for armed in &mut self.armed {
            if armed.fault.action.interrupts() && call.is_some() && !waits {
                continue;
            }
            if armed.passes(process, call, blocked) && first.is_none() {
                first = Some(armed.fault.clone());
            }
        }
        first
    }

    /// Returns whether an interruption of this call of a process is still to come.
    pub fn may_interrupt(&self, process: &str, call: u32) -> bool {
        self.armed.iter().any(|armed| {
            let interrupts = [Action::Interrupt, Action::Errno(Errno(libc::EINTR))];
            interrupts.contains(&armed.fault.action)
                && armed.fault.process == process
                && armed.seen < armed.fault.point.nth
                && armed.fault.point.call.is_none_or(|wanted| wanted.0 == call)
        })
    }

    /// Returns whether a fault may strike at the next step of a process: a call, unless it is an
    /// access to memory.
    pub fn may_strike_next(&self, process: &str, call: Option<u32>) -> bool {
        self.armed.iter().any(|armed| {
            let Fault {
                process: victim,
                point,
                ..
            } = &armed.fault;
            let is_such = match (&point.call, call) {
                (Some(wanted), Some(call)) => wanted.0 == call,
                _ => true,
            };
            let is_next = point.nth.checked_sub(armed.seen) == Some(1);
            !armed.struck && victim == process && is_next && is_such
        })
    }

    /// Returns whether the plan has a fault whose points are counted by such calls.
    pub fn may_strike(&self, is_such: impl Fn(u32) -> bool) -> bool {
        self.armed.iter().any(|armed| {
            let call = &armed.fault.point.call;
            !armed.fault.action.concerns_signals()
                && call.as_ref().is_none_or(|call| is_such(call.0))
        })
    }

    /// Returns whether the plan withholds memory from any process.
    pub fn concern_memory(&self) -> bool {
        let mut armed = self.armed.iter();
        armed.any(|armed| armed.fault.action == Action::NoMemory)
    }

    /// Returns whether an access of a process may still find no memory.
    pub fn may_lack_memory(&self, process: &str) -> bool {
        self.armed.iter().any(|armed| {
            armed.fault.action == Action::NoMemory
                && armed.fault.process == process
                && armed.seen < armed.fault.point.nth
        })
    }

    /// Returns whether the plan has none.
    pub fn is_empty(&self) -> bool {
        self.armed.is_empty()
    }

    /// A fault that was to strike has found nothing to strike at.
    pub fn spend(&mut self, fault: Fault) {
        self.armed
            .retain(|armed| !armed.struck || armed.fault != fault);
        self.armed.push(Armed::spent(fault));
    }

    /// The faults that have not struck.
    pub fn unused(&self) -> Vec<Fault> {
        let unused = self.armed.iter().filter(|armed| !armed.struck);
        unused.map(|armed| armed.fault.clone()).collect()
    }

    /// Holds a signal back.
    pub fn delay(&mut self, delayed: Delayed) {
        self.delayed.push(delayed);
    }

    /// Returns until when a process does not get such a signal, if one is held back.
    pub fn held_until(&self, process: usize, signal: i32) -> Option<u64> {
        let of = |held: &&Delayed| held.process == process && held.signal == signal;
        self.delayed.iter().find(of).map(|held| held.until)
    }

    /// Takes the signals whose delay ends by `step`.
    pub fn due(&mut self, step: u64) -> Vec<Delayed> {
        let (due, later) = std::mem::take(&mut self.delayed)
            .into_iter()
            .partition(|delayed| delayed.until <= step);
        self.delayed = later;
        due
    }
}
