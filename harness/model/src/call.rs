//! Names for the kernel's numbers: system calls, signals, errors. In memory they
//! are numbers, in every file and every sentence they are names.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A name that this machine's kernel interface does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{name}`")]
pub struct UnknownName {
    /// Kind of name that was expected.
    pub what: &'static str,
    /// The name found.
    pub name: String,
}

/// A system call, by its number on this architecture.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Call(pub u32);

/// Name of accesses to shared memory in faults: `kill:writer@memory#3`.
const MEMORY_NAME: &str = "memory";

/// Name of the messages of panics.
const PANIC_NAME: &str = "panic";

/// Name of marks in faults: `kill:writer@mark#3`.
const MARK_NAME: &str = "mark";

impl Call {
    /// An access to shared memory, which is a schedule point as a call is. No call of
    /// the kernel has this number.
    pub const MEMORY: Call = Call(0x4352_0100);

    /// A mark that a test makes, a schedule point of the user's own. The kernel has
    /// no call of this number.
    pub const MARK: Call = Call(0x4352_0002);

    /// The message of a panic, which a process of a scenario leaves with the harness. The kernel
    /// has no call of this number.
    pub const PANIC: Call = Call(0x4352_0001);

    /// Returns the call's name as in its manual page, if the kernel headers know it.
    pub fn name(self) -> Option<&'static str> {
        crosswire_calls::name(self.0)
    }

    /// What is known of the call.
    pub fn row(self) -> &'static crosswire_calls::Row {
        crosswire_calls::row(self.0)
    }

    /// The arguments with 0 in place of those that the call does not use.
    pub fn used(self, mut args: [u64; 6]) -> [u64; 6] {
        let arity = self.row().arity(&args);
        args[arity..].fill(0);
        args
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None if *self == Call::MEMORY => f.pad(MEMORY_NAME),
            None if *self == Call::MARK => f.pad(MARK_NAME),
            None if *self == Call::PANIC => f.pad(PANIC_NAME),
            None => write!(f, "call_{}", self.0),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Call {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        if let Some(number) = name.strip_prefix("call_").and_then(|n| n.parse().ok()) {
            return Ok(Call(number));
        }
        if name == MEMORY_NAME {
            return Ok(Call::MEMORY);
        }
        if name == MARK_NAME {
            return Ok(Call::MARK);
        }
        if name == PANIC_NAME {
            return Ok(Call::PANIC);
        }
        crosswire_calls::number(name)
            .map(Call)
            .ok_or_else(|| UnknownName {
                what: "system call",
                name: name.to_owned(),
            })
    }
}

/// A signal, standard or real-time, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signal(pub i32);

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nix::sys::signal::Signal::try_from(self.0) {
            Ok(signal) => f.pad(signal.as_str()),
            Err(_) => write!(f, "SIG_{}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signal {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        if let Some(number) = name.strip_prefix("SIG_").and_then(|n| n.parse().ok()) {
            return Ok(Signal(number));
        }
        nix::sys::signal::Signal::from_str(name)
            .map(|signal| Signal(signal as i32))
            .map_err(|_| UnknownName {
                what: "signal",
                name: name.to_owned(),
            })
    }
}

/// An error number, positive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Errno(pub i32);

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nix::errno::Errno::from_raw(self.0) {
            nix::errno::Errno::UnknownErrno => write!(f, "E_{}", self.0),
            errno => f.pad(&format!("{errno:?}")),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Errno {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        if let Some(number) = name.strip_prefix("E_").and_then(|n| n.parse().ok()) {
            return Ok(Errno(number));
        }
        // The kernel never returns an error beyond MAX_ERRNO (include/linux/err.h).
        (1..4096)
            .map(Errno)
            .find(|errno| errno.to_string() == name)
            .ok_or_else(|| UnknownName {
                what: "error",
                name: name.to_owned(),
            })
    }
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl TryFrom<String> for $type {
            type Error = <$type as FromStr>::Err;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }
    )*};
}
pub(super) use as_text;

as_text!(Call, Signal, Errno);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for n in 0..500 {
            assert_eq!(Call(n).to_string().parse(), Ok(Call(n)));
        }
        for n in 1..65 {
            assert_eq!(Signal(n).to_string().parse(), Ok(Signal(n)));
        }
        for n in 1..140 {
            assert_eq!(Errno(n).to_string().parse(), Ok(Errno(n)));
        }
        for call in [Call::MEMORY, Call::MARK, Call::PANIC] {
            assert_eq!(call.to_string().parse(), Ok(call));
        }
        assert!("frobnicate".parse::<Call>().is_err());
    }

    #[test]
    fn unused_registers_are_cleared() {
        let write: Call = "write".parse().unwrap();
        assert_eq!(write.used([1, 2, 3, 4, 5, 6]), [1, 2, 3, 0, 0, 0]);
        let open: Call = "openat".parse().unwrap();
        assert_eq!(open.used([1, 2, 0, 4, 5, 6]), [1, 2, 0, 0, 0, 0]);
    }
}
