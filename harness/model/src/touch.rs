//! Objects that steps touch, and the test whether the order of two steps can matter.

use super::TaskId;
use serde::{Deserialize, Serialize};

/// One step, as far as its order relative to others is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// Task that took the step.
    pub task: TaskId,
    /// Tasks that could have taken it, by number: those that are runnable, and those that
    /// sleep.
    pub choices: Vec<TaskId>,
    /// Objects that it touched.
    pub touches: Vec<Touch>,
}

/// One object that a step touches. Its name is the same in all runs that begin with
/// the same steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Touch {
    /// The object: `file /tmp/count`, `pipe 2 of server`, `process #2`, …
    pub object: String,
    /// In which way.
    pub mode: Mode,
}

/// The ways in which an object is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Two steps that only read commute.
    Read,
    /// Does not commute with anything.
    Write,
    /// Commutes with its own kind only: two entries made in one directory.
    Add,
}

/// Stands for every object: the step's order relative to any other may matter.
pub const EVERYTHING: &str = "*";

impl Touch {
    /// Looked at.
    pub fn read(object: impl Into<String>) -> Touch {
        Touch {
            object: object.into(),
            mode: Mode::Read,
        }
    }

    /// Changed.
    pub fn write(object: impl Into<String>) -> Touch {
        Touch {
            object: object.into(),
            mode: Mode::Write,
        }
    }

    /// Added to.
    pub fn add(object: impl Into<String>) -> Touch {
        Touch {
            object: object.into(),
            mode: Mode::Add,
        }
    }

    /// Not known, so everything.
    pub fn everything() -> Touch {
        Touch::write(EVERYTHING)
    }

    fn conflicts(&self, other: &Touch) -> bool {
        let same =
            self.object == other.object || self.object == EVERYTHING || other.object == EVERYTHING;
        let commute = self.mode == other.mode && self.mode != Mode::Write;
        same && !commute
    }
}

/// Tells whether the order of two steps of different tasks may matter (Flanagan and
/// Godefroid, POPL 2005, definition 1).
pub fn conflict(a: &[Touch], b: &[Touch]) -> bool {
    a.iter()
        .any(|one| b.iter().any(|other| one.conflicts(other)))
}

/// Tells whether the order of two steps of different tasks may matter for an object that [is
/// data](is_data). Where a step touches words of a file, these count and not the whole of it.
pub fn conflict_in_data(a: &[Touch], b: &[Touch]) -> bool {
    data(a).any(|one| data(b).any(|other| one.object == other.object && one.conflicts(other)))
}

fn data(touches: &[Touch]) -> impl Iterator<Item = &Touch> {
    let is_word_of = |word: &Touch, file: &Touch| {
        let place = word.object.strip_prefix(&file.object);
        place.is_some_and(|place| place.starts_with("+0x"))
    };
    let counts = move |touch: &&Touch| {
        is_data(&touch.object) && !touches.iter().any(|other| is_word_of(other, touch))
    };
    touches.iter().filter(counts)
}

/// Beginnings of the names of objects that stand for no data, but for the processes
/// themselves, for the passing of time, or for what every process touches at its end.
const NO_DATA: &[&str] = &[
    "process ",
    "thread ",
    "calls of ",
    "page ",
    "children of ",
    "SIGCHLD to ",
    "handled ends of ",
    "writers of ",
    "changes of shared memory",
    "waits for locks",
    "process ids",
    "process groups",
    "members of process groups",
    "numbers of files",
    "times of ",
    "time-outs",
    "clocks",
    "random numbers",
    "log",
    "marks",
    "files outside",
    EVERYTHING,
];

/// Tells whether an object is one whose uses in one order or another are what a bug is about.
pub fn is_data(object: &str) -> bool {
    !NO_DATA.iter().any(|begin| object.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_commutes_is_independent() {
        let [read, write, add] = [Touch::read("a"), Touch::write("a"), Touch::add("a")];
        let dependent =
            |a: &Touch, b: &Touch| conflict(std::slice::from_ref(a), std::slice::from_ref(b));
        assert!(!dependent(&read, &read) && !dependent(&add, &add));
        assert!(dependent(&read, &write) && dependent(&write, &write));
        assert!(dependent(&read, &add) && dependent(&add, &write));
        assert!(!dependent(&write, &Touch::write("b")));
        assert!(dependent(&Touch::everything(), &Touch::read("b")));
    }

    #[test]
    fn a_signal_that_ends_a_process_conflicts_in_no_data() {
        let [step, kill] = [
            [
                Touch::read("process #1"),
                Touch::write("file /a+0x8"),
                Touch::add("file /a"),
            ],
            [
                Touch::write("process #1"),
                Touch::write("file /a"),
                Touch::read("file /b"),
            ],
        ];
        assert!(conflict(&step, &kill) && !conflict_in_data(&step, &kill));
        assert!(conflict_in_data(&step, &step));
        assert!(!conflict_in_data(&[Touch::everything()], &step));
    }
}
