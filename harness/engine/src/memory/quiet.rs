//! Calls that concern the caller alone and are no schedule points, but that the engine
//! has to see: they change mappings, have pointers into watched memory, or would take
//! the engine's signal or segment, or decide about signals that nobody sends.

use super::space::pages;
use super::{Action, names_unseen};
use crate::inside::remote::made;
use crate::run::session::{Halt, Session};
use crosswire_calls::{Arg, Does, Fact, Mapping};
use crosswire_kernel::arch::{GETS_SEGMENT, SETS_SEGMENT};
use crosswire_kernel::{memory, probe};
use crosswire_model::{EVERYTHING, Signal};
use libc::*;

/// The handler that ignores a signal.
const IGNORE: u64 = 1;

/// Signals that a process causes itself, that cannot be held up, or that only the end of
/// a child sends.
const OWN: u64 = {
    let signals = [
        SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPIPE, SIGKILL, SIGSTOP,
        SIGCHLD,
    ];
    let (mut set, mut next) = (LIBRARY, 0);
    while next < signals.len() {
        set |= 1 << (signals[next] - 1);
        next += 1;
    }
    set
};

/// The signals that the C library keeps for itself (nptl(7)). It blocks them where it blocks
/// everything for a moment; programs cannot.
pub(crate) const LIBRARY: u64 = 1 << (32 - 1) | 1 << (33 - 1);

/// Returns the signals that waited and wait no more, or the other way round. What the
/// library does for itself, it undoes before anybody can tell.
fn changed_by(how: c_int, set: u64, mask: u64) -> u64 {
    let after = match how {
        SIG_BLOCK => mask | set,
        SIG_UNBLOCK => mask & !set,
        _ => set,
    };
    match (mask | after) & LIBRARY {
        0 => mask ^ after,
        _ => 0,
    }
}

impl Session<'_> {
    /// Performs the call at which a task stands if it is one of those.
    pub fn pass_quiet_call(&mut self, index: usize) -> Result<bool, Halt> {
        let entering = self.tasks[index].entering;
        let row = entering.row();
        let maps_privately =
            row.does == Does::Map(Mapping::Map) && entering.args[3] & MAP_SHARED as u64 == 0;
        // It frees a part of the file that is mapped there (madvise(2)).
        let removes =
            row.does == Does::Map(Mapping::Advise) && entering.args[2] == libc::MADV_REMOVE as u64;
        if removes || !row.is(Fact::Private) && !maps_privately {
            return Ok(false);
        }
        if self.may_be_made_to_fail(index)
            || self.concerns_senders(index)
            || !self.unmapped_memory_files(index).is_empty()
        {
            return Ok(false);
        }
        if names_unseen(row, &entering.args) {
            self.skip(index, -i64::from(ENOMEM))?;
            return Ok(true);
        }
        if self.names_stranger(row, &entering.args) {
            self.skip(index, -i64::from(ESRCH))?;
            return Ok(true);
        }
        // What another process is asked for, or changed in, depends on what it does. A program
        // that is kept for runs has been told the id that copies will have, and does not have it.
        if self.named_other(index).is_some() {
            return Ok(false);
        }
        if self.outgrows(index) {
            self.skip(index, -i64::from(ENOMEM))?;
            return Ok(true);
        }
        match row.does {
            Does::Segment if matches!(entering.args[0] as u32, SETS_SEGMENT | GETS_SEGMENT) => {
                return Err(self.uses_segment(index));
            }
            Does::SignalAction => self.note_handler(index),
            Does::Map(Mapping::Move) => self.place_mapping(index)?,
            Does::Map(Mapping::Advise) => self.free_at_once(index)?,
            Does::SignalStack => self.release_signal_stack(index)?,
            _ => {}
        }
        if !self.tasks[index].is_stopped() {
            return Ok(true);
        }
        self.drain_before_call(index)?;
        self.tasks[index].unobserved = true;
        self.tasks[index].take_stopped()?.resume_to_exit()?;
        self.settle(true)?;
        self.follow_mapping(index)?;
        Ok(true)
    }

    /// Tells whether the call decides about a signal that another process may send meanwhile:
    /// whether it reaches a handler, waits, or is thrown away. The order of the two matters.
    fn concerns_senders(&mut self, index: usize) -> bool {
        let task = &self.tasks[index];
        let [first, given, ..] = task.entering.args;
        let changed = match task.entering.row().does {
            _ if given == 0 => 0,
            Does::SignalAction => 1u64.unbounded_shl((first as u32).wrapping_sub(1)),
            Does::SignalMask => {
                let mask = task.stopped().and_then(|at| at.signal_mask()).ok();
                let set = memory::read_word(task.tid, given).ok();
                set.zip(mask).map_or(u64::MAX, |(set, mask)| {
                    changed_by(first as c_int, set, mask)
                })
            }
            _ => 0,
        };
        self.may_come(task.process) & changed != 0
    }

    /// The signals that other processes may send to one, or could have sent: whether a call
    /// is a step must not depend on when another process ends. Threads of one process know
    /// of each other; what they do to themselves is not what this is about.
    fn may_come(&self, process: usize) -> u64 {
        let others = self.processes.iter().enumerate();
        let others = others.filter(|(other, _)| *other != process);
        let mut signals = 0;
        for (_, other) in others {
            signals |= self.sent() & !OWN;
            if other.parent == Some(process) {
                signals |= 1 << (SIGCHLD - 1);
            }
        }
        signals
    }

    /// The signals that processes send each other, as far as the plan tells: otherwise it may
    /// be any.
    fn sent(&self) -> u64 {
        let start_up = &self.setup.plan.start_up;
        match start_up.is_shortest() {
            true => u64::MAX,
            false => (start_up.sent.iter()).fold(0, |set, sent| set | 1 << (sent.0 - 1)),
        }
    }

    /// Before a call: takes note of a signal to another process of which the plan does not
    /// tell.
    pub fn note_sent(&mut self, index: usize) {
        let start_up = &self.setup.plan.start_up;
        if start_up.is_shortest() {
            return;
        }
        let task = &self.tasks[index];
        let (row, args) = (task.entering.row(), task.entering.args);
        let own = self.processes[task.process].leader.index();
        let own = self.tasks[own].tid_inside;
        let signal = match row.does {
            Does::Kill | Does::KillThread if args[0] as i32 == own => None,
            Does::Kill | Does::KillThread | Does::QueueSignal => row.argument(Arg::Signal),
            _ => None,
        };
        let is_parents = || crosswire_calls::changes_parenthood(&args);
        if row.acts_later(&args) || row.does == Does::ProcessControl && is_parents() {
            // The kernel sends one later.
            self.early.contested.insert(EVERYTHING.to_owned());
        }
        let Some(signal) = signal
            .map(|at| args[at] as i32)
            .filter(|s| (1..=64).contains(s))
        else {
            return;
        };
        // A stopped process whose parent ends is told so (setpgid(2), "orphaned process group").
        let told = match signal {
            SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU => &[SIGHUP, SIGCONT][..],
            _ => &[],
        };
        for signal in [signal].iter().chain(told) {
            let signal = Signal(*signal);
            if !self.setup.plan.start_up.sent.contains(&signal) {
                self.early.sent.insert(signal);
            }
        }
    }

    /// Tells whether a fault may befall the call at which a task stands, although the call concerns
    /// its process alone: not while the program is loaded.
    fn may_be_made_to_fail(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        self.processes[task.process].loading.is_none()
            && self.setup.plan.start_up.makes_fail(task.entering.row())
    }

    /// Returns the files of memfd_create(2) that a task is about to unmap, or parts of them: only
    /// what is not mapped can be sealed against writing (`F_SEAL_WRITE` in fcntl(2)).
    pub fn unmapped_memory_files(&self, index: usize) -> Vec<u32> {
        let task = &self.tasks[index];
        let [start, length, ..] = task.entering.args;
        if !matches!(
            task.entering.row().does,
            Does::Map(Mapping::Unmap | Mapping::Move)
        ) {
            return Vec::new();
        }
        let parts = self.space(index).within(pages(start, length));
        let objects = parts.iter().map(|part| part.object);
        objects
            .filter(|object| self.memory.name(*object).starts_with("/memfd:"))
            .collect()
    }

    /// Takes note of what the program wants done with SIGSEGV.
    fn note_handler(&mut self, index: usize) {
        let task = &self.tasks[index];
        let [signal, action, ..] = task.entering.args;
        if signal as c_int != SIGSEGV || action == 0 {
            return;
        }
        let action: Option<Action> = memory::read_exact(task.tid, action).ok();
        let process = task.process;
        self.processes[process].fault_action = action.filter(|a| a[..8] != [0; 8]);
    }

    /// At an access: a fault takes the program's handler for SIGSEGV away if the program
    /// blocks the signal, and unblocks it (force_sig_info_to_task in kernel/signal.c).
    /// Both are put back.
    pub fn keep_handler(&mut self, index: usize) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let Some(action) = self.processes[task.process].fault_action else {
            return Ok(());
        };
        let tid = task.tid;
        if probe::handles(tid, SIGSEGV) {
            return Ok(());
        }
        let mut remote = self.borrow(index)?;
        memory::write(tid, super::code::trampoline::SCRATCH, &action)?;
        let args = [SIGSEGV as u64, super::code::trampoline::SCRATCH, 0, 8, 0, 0];
        remote.must("restoring a signal handler", made::SIGACTION, args)?;
        self.give_back(index, remote)?;
        if u64::from_ne_bytes(action[..8].try_into().expect("eight bytes")) == IGNORE {
            return Ok(());
        }
        let stopped = self.tasks[index].stopped()?;
        stopped.set_signal_mask(stopped.signal_mask()? | 1 << (SIGSEGV - 1))?;
        Ok(())
    }
}
