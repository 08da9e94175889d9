//! Faults that a scenario allows.

use crosswire_model::{Action, Errno, FaultKind};

/// Faults that an exploration may inject: it tries each at every matching point, one
/// per run.
///
/// A process is named as in the scenario; `"*"` stands for every process.
///
/// ```
/// use crosswire::Faults;
/// let faults = Faults::kill("producer").and(Faults::pause("*", 10));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    pub(super) kinds: Vec<FaultKind>,
    /// True if it is no shortcoming that none can be injected.
    pub(super) where_possible: bool,
}

/// Stands for every process of the scenario.
const EVERY: &str = "*";

impl Faults {
    fn one(action: Action, process: &str) -> Faults {
        let process = Some(process.to_owned());
        Faults {
            kinds: vec![FaultKind::anywhere(action, process)],
            where_possible: false,
        }
    }

    /// Allows no faults: only the order of the steps varies.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// Sends `SIGKILL` to the process, before any step or while it is blocked.
    pub fn kill(process: &str) -> Faults {
        Faults::one(Action::Kill, process)
    }

    /// Does not schedule the process for this number of steps of other tasks.
    pub fn pause(process: &str, steps: u64) -> Faults {
        Faults::one(Action::Pause(steps), process)
    }

    /// Drops a signal on its way to the process.
    pub fn lose_signal(process: &str) -> Faults {
        Faults::one(Action::LoseSignal, process)
    }

    /// Delays a signal by this number of steps.
    pub fn delay_signal(process: &str, steps: u64) -> Faults {
        Faults::one(Action::DelaySignal(steps), process)
    }

    /// Sends a signal that the process handles while a call waits, or is about to: the call
    /// fails with `EINTR`, without an effect. The processes of a scenario have a handler for
    /// SIGWINCH, which does nothing; a program that one of them executes needs its own.
    pub fn interrupt(process: &str) -> Faults {
        Faults::one(Action::Interrupt, process)
    }

    /// Limits a transfer to this number of bytes.
    pub fn short_io(process: &str, bytes: u64) -> Faults {
        Faults::one(Action::ShortIo(bytes), process)
    }

    /// Makes a call fail with this error (`"ENOSPC"`), without an effect. It is none that concerns
    /// its process alone, such as mmap(2).
    ///
    /// # Panics
    /// If there is no error of that name.
    pub fn errno(process: &str, error: &str) -> Faults {
        let errno: Errno = error
            .parse()
            .unwrap_or_else(|e| panic!("Faults::errno: {e}"));
        Faults::one(Action::Errno(errno), process)
    }

    /// Shrinks the buffer of the pipe or socket that the process writes to to the
    /// kernel's minimum; a write that may not block finds it full.
    pub fn full(process: &str) -> Faults {
        Faults::one(Action::Full, process)
    }

    /// Steps the wall clock by this many seconds before a call that reads a clock or
    /// waits by one; a negative number steps it back.
    pub fn clock_jump(process: &str, seconds: i64) -> Faults {
        Faults::one(Action::ClockJump(seconds), process)
    }

    /// Gives a process that this one creates the number of one that has ended and been
    /// waited for.
    pub fn reuse_pid(process: &str) -> Faults {
        Faults::one(Action::ReusePid, process)
    }

    /// Withholds the memory of a page of a mapped file that the process is the first to touch:
    /// `SIGBUS`, as from a full file system.
    pub fn no_memory(process: &str) -> Faults {
        Faults::one(Action::NoMemory, process)
    }

    /// Allows a fault of any kind.
    pub fn of(kind: FaultKind) -> Faults {
        let process = kind.process.clone().unwrap_or_else(|| EVERY.to_owned());
        Faults {
            kinds: vec![in_process(&kind, &process)],
            where_possible: false,
        }
    }

    /// Accepts that none of the faults can be injected; otherwise an exploration in which
    /// none was is inconclusive.
    #[must_use]
    pub fn where_possible(mut self) -> Faults {
        self.where_possible = true;
        self
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: Faults) -> Faults {
        self.kinds.extend(other.kinds);
        self.where_possible |= other.where_possible;
        self
    }

    /// Redirects the faults to other processes.
    pub(super) fn redirected(&self, of: impl Fn(Option<&str>) -> Vec<String>) -> Faults {
        let mut kinds = Vec::new();
        for kind in &self.kinds {
            let processes = of(kind.process.as_deref());
            kinds.extend(processes.iter().map(|process| in_process(kind, process)));
        }
        Faults {
            kinds,
            where_possible: self.where_possible,
        }
    }

    /// With every `*` replaced by the processes it stands for. The process that
    /// performs the set-up is never among them.
    pub(super) fn resolve(&self, processes: &[String]) -> Vec<FaultKind> {
        let mut kinds = Vec::new();
        for kind in &self.kinds {
            let process = kind.process.as_deref().unwrap_or(EVERY);
            if is_child_of(process, processes) {
                kinds.push(in_process(kind, process));
            }
            for name in processes
                .iter()
                .filter(|name| process == EVERY || *name == process)
            {
                let kind = in_process(kind, name);
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
        }
        kinds
    }

    /// Returns a process that is named here and is not in the scenario.
    pub(super) fn unknown<'a>(&'a self, processes: &[String]) -> Option<&'a str> {
        self.kinds
            .iter()
            .filter_map(|kind| kind.process.as_deref())
            .find(|name| {
                let is_known = processes.iter().any(|process| process == name);
                *name != EVERY && !is_known && !is_child_of(name, processes)
            })
    }
}

/// Returns the same faults in a process.
fn in_process(kind: &FaultKind, process: &str) -> FaultKind {
    FaultKind {
        process: Some(process.to_owned()),
        ..kind.clone()
    }
}

/// Tells whether this is the name of a child of one of these processes: `PARENT.N`.
fn is_child_of(name: &str, processes: &[String]) -> bool {
    let parent = name
        .rsplit_once('.')
        .filter(|(_, n)| n.parse::<u32>().is_ok());
    parent.is_some_and(|(parent, _)| processes.iter().any(|process| process == parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_every_process_once() {
        let processes = ["a".to_owned(), "b".to_owned()];
        let faults = Faults::kill("b")
            .and(Faults::kill("*"))
            .and(Faults::errno("a", "EIO"));
        let kinds: Vec<String> = faults
            .resolve(&processes)
            .iter()
            .map(|k| k.to_string())
            .collect();
        assert_eq!(kinds, ["kill:b", "kill:a", "errno(EIO):a"]);
        assert_eq!(faults.unknown(&processes), None);
        assert_eq!(Faults::kill("c").unknown(&processes), Some("c"));
    }
}
