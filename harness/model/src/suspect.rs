//! Steps that are suspected of a part in a bug, so that schedules are directed at them.

use super::{Frame, Place, Touch};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// A kind of steps. A step is one of them if all holds of it that is said here.
///
/// ```
/// use crosswire_model::Suspect;
/// let suspect = Suspect::named("bank.c:12");
/// assert_eq!(suspect.to_string(), "bank.c:12");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Suspect {
    /// The name of its call, of an object that it touches, of a function that it is in, or of a
    /// line as `FILE:LINE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An object that it touches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The process that takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The instruction that accesses shared memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The call that it makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
}

/// A step that a task is about to take, as far as suspects are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Approached<'a> {
    /// The process.
    pub process: &'a str,
    /// The name of the call; `None` for an access to shared memory.
    pub call: Option<&'a str>,
    /// Objects that it touches.
    pub touches: &'a [Touch],
    /// The file and position of the instruction, where a [`Suspect`] is at one.
    pub place: Option<(&'a str, u64)>,
    /// The functions that it is in, innermost first, where a [`Suspect`] may be one.
    pub frames: &'a [Frame],
}

impl Suspect {
    /// More of them at a time are not told apart.
    pub const MOST: usize = 8;

    /// Builds the kind of steps that have this name.
    pub fn named(name: &str) -> Suspect {
        Suspect {
            name: Some(name.to_owned()),
            ..Suspect::default()
        }
    }

    /// Tells whether a function or a line may have this name: whether stacks must be looked at.
    pub fn may_be_in_code(&self) -> bool {
        let in_code = |name: &String| !name.starts_with('/') && !name.contains("+0x");
        self.name.as_ref().is_some_and(in_code)
    }

    /// Tells whether a step is one of these.
    pub fn is_met_by(&self, step: &Approached) -> bool {
        let touches = |object: &str| step.touches.iter().any(|touch| touch.object == object);
        let named = |name: &String| {
            step.call == Some(name)
                || step
                    .touches
                    .iter()
                    .any(|touch| is_called(&touch.object, name))
                || step.frames.iter().any(|frame| is_in(frame, name))
        };
        let is_at = |place: &Place| step.place == Some((&place.module, place.offset));
        self.name.as_ref().is_none_or(named)
            && self.object.as_deref().is_none_or(touches)
            && self
                .process
                .as_deref()
                .is_none_or(|name| name == step.process)
            && self.place.as_ref().is_none_or(is_at)
            && self
                .call
                .as_deref()
                .is_none_or(|call| step.call == Some(call))
    }
}

/// Tells whether an object has this name, or is a file with this path, or memory in it.
fn is_called(object: &str, name: &str) -> bool {
    let path = object.strip_prefix("file ").unwrap_or(object);
    let file = path.rsplit_once("+0x").map_or(path, |(file, _)| file);
    object == name || path == name || file == name
}

/// Tells whether a function, or the line in it, has this name.
fn is_in(frame: &Frame, name: &str) -> bool {
    let function = frame.function.as_deref().unwrap_or_default();
    // Rust and C++ say where a function belongs, which nobody likes to type.
    let is_function = function == name
        || function
            .strip_suffix(name)
            .is_some_and(|of| of.ends_with("::"))
        || function.split('(').next() == Some(name);
    is_function
        || line_of(frame).is_some_and(|line| line == name || line.ends_with(&format!("/{name}")))
}

/// Returns the line of a frame, as `FILE:LINE`.
fn line_of(frame: &Frame) -> Option<String> {
    frame
        .file
        .as_ref()
        .zip(frame.line)
        .map(|(file, line)| format!("{file}:{line}"))
}

impl FromStr for Suspect {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Suspect, Infallible> {
        Ok(Suspect::named(name))
    }
}

impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.name, &self.process, &self.call, &self.object];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        f.write_str(&parts.join(" "))
    }
}

/// What runs that are directed at suspects have met.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Met {
    /// The numbers of the suspects that a task has come to.
    pub sides: BTreeSet<usize>,
    /// True if two tasks were at suspects at one time.
    pub together: bool,
    /// The names that steps had: of functions and of calls.
    pub names: BTreeSet<String>,
}

impl Met {
    /// Adds what another run has met.
    pub fn join(&mut self, other: Met) {
        self.sides.extend(other.sides);
        self.together |= other.together;
        self.names.extend(other.names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, file: &str, line: u32) -> Frame {
        Frame {
            module: "/bin/a".to_owned(),
            address: 1,
            function: Some(function.to_owned()),
            file: Some(file.to_owned()),
            line: Some(line),
        }
    }

    #[test]
    fn a_name_is_that_of_a_call_an_object_a_function_or_a_line() {
        let frames = [
            frame("open", "libc/open.c", 3),
            frame("bank::Account::pay", "/src/bank.rs", 12),
        ];
        let touches = [
            Touch::write("file /tmp/a"),
            Touch::read("file /dev/shm/b+0x8"),
        ];
        let step = Approached {
            process: "p.1",
            call: Some("rename"),
            touches: &touches,
            place: Some(("/bin/a", 64)),
            frames: &frames,
        };
        let meets = |name: &str| Suspect::named(name).is_met_by(&step);
        let named = [
            "rename",
            "/tmp/a",
            "file /tmp/a",
            "/dev/shm/b",
            "/dev/shm/b+0x8",
            "open",
            "pay",
        ];
        assert!(named.into_iter().all(meets));
        assert!(
            ["bank.rs:12", "/src/bank.rs:12", "Account::pay"]
                .into_iter()
                .all(meets)
        );
        let others = [
            "read",
            "/tmp",
            "/dev/shm/b+0x0",
            "ay",
            "ank.rs:12",
            "bank.rs:1",
            "bank.rs",
            "",
        ];
        assert!(!others.into_iter().any(meets));
    }

    #[test]
    fn all_that_is_said_must_hold() {
        let touches = [Touch::write("file /tmp/a")];
        let step = Approached {
            process: "p.1",
            call: Some("write"),
            touches: &touches,
            place: None,
            frames: &[],
        };
        let suspect = |process: &str, call: &str, object: &str| Suspect {
            process: Some(process.to_owned()),
            call: Some(call.to_owned()),
            object: Some(object.to_owned()),
            ..Suspect::default()
        };
        assert!(suspect("p.1", "write", "file /tmp/a").is_met_by(&step));
        assert!(!suspect("p.2", "write", "file /tmp/a").is_met_by(&step));
        assert!(!suspect("p.1", "read", "file /tmp/a").is_met_by(&step));
        assert!(!suspect("p.1", "write", "file /tmp/b").is_met_by(&step));
    }
}
