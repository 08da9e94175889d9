//! Faults: an action, a process and a point, as data with a one-line text form,
//! `ACTION:PROCESS@POINT`, such as `kill:producer@write#2`.

use super::call::as_text;
use super::{Call, Errno, UnknownName};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Action performed on a process at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Sends `SIGKILL` to the process.
    Kill,
    /// Does not schedule the process for this number of steps of other tasks, or for as long as these
    /// take, a microsecond each.
    Pause(u64),
    /// Drops a signal on its way to the process.
    LoseSignal,
    /// Delays a signal by this number of steps.
    DelaySignal(u64),
    /// Makes a call that may block fail with `EINTR`, without an effect.
    Interrupt,
    /// Limits a transfer to this number of bytes.
    ShortIo(u64),
    /// Makes the call fail with this error, without an effect.
    Errno(Errno),
    /// Shrinks the buffer of the pipe or socket behind the call to the kernel's minimum;
    /// a write that may not block finds it full.
    Full,
    /// Steps the wall clock by this many seconds; a negative number steps it back.
    ClockJump(i64),
    /// Gives a new process the number of one that has ended and been waited for.
    ReusePid,
    /// Withholds the memory of a page that is touched for the first time: `SIGBUS`, as from a
    /// full file system (mmap(2)).
    NoMemory,
}

/// A fault: what, in which process, at which point.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fault {
    /// The action.
    pub action: Action,
    /// The process, by name.
    pub process: String,
    /// The point of the action.
    pub point: Point,
}

/// The nth matching point of a process, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Point {
    /// Only points of this call count; any call where `None`.
    pub call: Option<Call>,
    /// True if the fault is injected once the call has blocked, rather than before it begins.
    pub blocked: bool,
    /// Number of the matching point, from 1.
    pub nth: u32,
}

/// A kind of fault that a search may inject, such as `kill`, `kill:producer` or
/// `kill:producer@write`: in its text form a fault's, of which process, point and the point's
/// number may be left out.
///
/// ```
/// use crosswire_model::{Fault, FaultKind};
/// let kind: FaultKind = "kill:producer@write".parse().unwrap();
/// let allows = |fault: &str| kind.allows(&fault.parse::<Fault>().unwrap());
/// assert!(allows("kill:producer@write#2"));
/// assert!(!allows("kill:producer@blocked:write#1"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FaultKind {
    /// The action.
    pub action: Action,
    /// Process that it affects; any if `None`.
    pub process: Option<String>,
    /// The points at which it may be injected; any if `None`.
    pub points: Option<PointKind>,
}

/// The points of a call, or one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PointKind {
    /// The call; `None` for the numbered point of any call.
    pub call: Option<Call>,
    /// True if the fault is injected once the call has blocked.
    pub blocked: bool,
    /// Number of the matching point, from 1; each of them if `None`.
    pub nth: Option<u32>,
}

/// Reason why a text is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseFaultError {
    /// No such action.
    #[error(
        "unknown fault `{0}` (known: kill, pause(STEPS or TIME), lose-signal, delay-signal(STEPS), \
         interrupt, short-io(BYTES), errno(NAME), full, clock-jump(SECONDS), reuse-pid, \
         no-memory)"
    )]
    Action(String),
    /// The number or name in parentheses is missing or unreadable.
    #[error(
        "fault `{0}` needs a value in parentheses, as in pause(20), errno(ENOSPC) or \
         clock-jump(-60)"
    )]
    Value(String),
    /// No `PROCESS@POINT`.
    #[error(
        "fault `{0}` names no point; write ACTION:PROCESS@CALL#N, for example kill:server@write#2"
    )]
    Point(String),
    /// A colon, and no process behind it.
    #[error(
        "fault `{0}` names no process; write ACTION or ACTION:PROCESS, for example kill:server"
    )]
    Process(String),
    /// A call of that name does not exist.
    #[error(
        "unknown system call `{0}`; write the name that strace shows, such as semtimedop (which \
         semop calls), or `memory` for accesses to shared memory"
    )]
    Call(String),
    /// An error of that name does not exist.
    #[error(transparent)]
    Name(#[from] UnknownName),
}

/// Steps of others that a `pause` or `delay-signal` lasts unless said otherwise.
const DEFAULT_STEPS: u64 = 20;

/// Returns the steps that a time takes, such as `20ms`.
fn steps_of_time(text: &str) -> Option<u64> {
    let units = [("us", 1), ("ms", 1_000), ("s", 1_000_000)];
    units.iter().find_map(|(unit, steps)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*steps)
    })
}

/// Seconds by which a `clock-jump` sets the clock unless said otherwise.
const DEFAULT_JUMP: i64 = 3600;

impl Action {
    /// Tells whether the fault is that a call is cut short by a signal: only calls that wait are.
    pub fn interrupts(self) -> bool {
        self == Action::Interrupt || self == Action::Errno(Errno(libc::EINTR))
    }

    /// Tells whether the fault concerns a pending signal rather than a call.
    pub fn concerns_signals(self) -> bool {
        matches!(self, Action::LoseSignal | Action::DelaySignal(_))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Kill => f.write_str("kill"),
            Action::Pause(steps) => write!(f, "pause({steps})"),
            Action::LoseSignal => f.write_str("lose-signal"),
            Action::DelaySignal(steps) => write!(f, "delay-signal({steps})"),
            Action::Interrupt => f.write_str("interrupt"),
            Action::ShortIo(bytes) => write!(f, "short-io({bytes})"),
            Action::Errno(errno) => write!(f, "errno({errno})"),
            Action::Full => f.write_str("full"),
            Action::ClockJump(seconds) => write!(f, "clock-jump({seconds})"),
            Action::ReusePid => f.write_str("reuse-pid"),
            Action::NoMemory => f.write_str("no-memory"),
        }
    }
}

impl FromStr for Action {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        let (name, value) = match text.strip_suffix(')').and_then(|t| t.split_once('(')) {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let number = |default: u64| match value {
            None => Ok(default),
            Some(v) => v.parse().map_err(|_| ParseFaultError::Value(text.into())),
        };
        let action = match name {
            "pause" => Action::Pause(match value.and_then(steps_of_time) {
                Some(steps) => steps,
                None => number(DEFAULT_STEPS)?,
            }),
            "delay-signal" => Action::DelaySignal(number(DEFAULT_STEPS)?),
            "short-io" => Action::ShortIo(number(1)?),
            "clock-jump" => Action::ClockJump(match value {
                None => DEFAULT_JUMP,
                Some(v) => v.parse().map_err(|_| ParseFaultError::Value(text.into()))?,
            }),
            "errno" => Action::Errno(
                value
                    .ok_or_else(|| ParseFaultError::Value(text.into()))?
                    .parse()?,
            ),
            _ if value.is_some() => return Err(ParseFaultError::Action(text.into())),
            "kill" => Action::Kill,
            "lose-signal" => Action::LoseSignal,
            "interrupt" => Action::Interrupt,
            "full" => Action::Full,
            "reuse-pid" => Action::ReusePid,
            "no-memory" => Action::NoMemory,
            _ => return Err(ParseFaultError::Action(text.into())),
        };
        Ok(action)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.blocked {
            f.write_str("blocked:")?;
        }
        match self.call {
            Some(call) => write!(f, "{call}#{}", self.nth),
            None => write!(f, "#{}", self.nth),
        }
    }
}

impl FromStr for Point {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        let PointKind { call, blocked, nth } = text.parse()?;
        match (call, nth) {
            (None, None) => Err(ParseFaultError::Point(text.into())),
            _ => Ok(Point {
                call,
                blocked,
                nth: nth.unwrap_or(1),
            }),
        }
    }
}

impl fmt::Display for PointKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.blocked {
            f.write_str("blocked:")?;
        }
        if let Some(call) = self.call {
            write!(f, "{call}")?;
        }
        self.nth.map_or(Ok(()), |nth| write!(f, "#{nth}"))
    }
}

impl FromStr for PointKind {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        let unreadable = || ParseFaultError::Point(text.into());
        let (blocked, rest) = match text.strip_prefix("blocked:") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (call, nth) = match rest.split_once('#') {
            Some((call, nth)) => (call, Some(nth.parse().map_err(|_| unreadable())?)),
            None => (rest, None),
        };
        let call = match call {
            "" => None,
            name => Some(
                name.parse()
                    .map_err(|_| ParseFaultError::Call(name.into()))?,
            ),
        };
        match nth {
            Some(0) => Err(unreadable()),
            None if call.is_none() => Err(unreadable()),
            nth => Ok(PointKind { call, blocked, nth }),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}@{}", self.action, self.process, self.point)
    }
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        let (kind, point) = text
            .rsplit_once('@')
            .ok_or_else(|| ParseFaultError::Point(text.into()))?;
        let (action, process) = action_and_process(kind)?;
        Ok(Fault {
            action,
            process: process.ok_or_else(|| ParseFaultError::Point(text.into()))?,
            point: point.parse()?,
        })
    }
}

impl FaultKind {
    /// Tells whether such a fault may strike at accesses to shared memory, or counts them.
    pub fn may_strike_accesses(&self) -> bool {
        let anywhere = matches!(
            self.action,
            Action::Kill | Action::Pause(_) | Action::NoMemory
        );
        let at = |call: Call| call == Call::MEMORY;
        let among = |points: PointKind| points.call.is_none_or(at);
        !self.action.concerns_signals() && self.points.map_or(anywhere, among)
    }

    /// Returns the faults of an action in a process, or in any, at any point.
    pub fn anywhere(action: Action, process: Option<String>) -> FaultKind {
        FaultKind {
            action,
            process,
            points: None,
        }
    }

    /// Tells whether a fault is of this kind.
    pub fn allows(&self, fault: &Fault) -> bool {
        let is_of = self
            .process
            .as_ref()
            .is_none_or(|name| *name == fault.process);
        self.action == fault.action
            && is_of
            && self
                .points
                .is_none_or(|points| points.contains(&fault.point))
    }
}

impl PointKind {
    /// Tells whether a point is one of these.
    pub fn contains(&self, point: &Point) -> bool {
        self.call == point.call
            && self.blocked == point.blocked
            && self.nth.is_none_or(|nth| nth == point.nth)
    }
}

/// Reads `ACTION` or `ACTION:PROCESS`.
fn action_and_process(text: &str) -> Result<(Action, Option<String>), ParseFaultError> {
    match text.split_once(':') {
        None => Ok((text.parse()?, None)),
        Some((action, process)) if !process.is_empty() => {
            Ok((action.parse()?, Some(process.to_owned())))
        }
        Some(_) => Err(ParseFaultError::Process(text.into())),
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.action)?;
        if let Some(process) = &self.process {
            write!(f, ":{process}")?;
        }
        self.points.map_or(Ok(()), |points| write!(f, "@{points}"))
    }
}

impl FromStr for FaultKind {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        let whole = |error| match error {
            ParseFaultError::Point(_) => ParseFaultError::Point(text.into()),
            other => other,
        };
        let (kind, points) = match text.rsplit_once('@') {
            Some((kind, points)) => (kind, Some(points.parse().map_err(whole)?)),
            None => (text, None),
        };
        let (action, process) = action_and_process(kind)?;
        Ok(FaultKind {
            action,
            process,
            points,
        })
    }
}

as_text!(Fault, FaultKind);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_read_back() {
        for text in [
            "kill:producer@write#2",
            "kill:sh.1@blocked:msgrcv#1",
            "pause(5):a@#3",
            "errno(ENOSPC):a.b@write#1",
            "short-io(1):w@write#1",
            "lose-signal:main@#1",
            "reuse-pid:main@clone#2",
            "no-memory:main@memory#3",
            "clock-jump(-3600):main@futex#1",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_pause_is_as_long_as_its_steps_take() {
        let pause = |text: &str| text.parse::<Action>().map_err(drop);
        assert_eq!(pause("pause(7)"), Ok(Action::Pause(7)));
        assert_eq!(pause("pause(7us)"), Ok(Action::Pause(7)));
        assert_eq!(pause("pause(20ms)"), Ok(Action::Pause(20_000)));
        assert_eq!(pause("pause(2s)"), Ok(Action::Pause(2_000_000)));
        for text in [
            "pause(ms)",
            "pause(2m)",
            "pause(-1s)",
            "pause(99999999999999999s)",
        ] {
            assert_eq!(pause(text), Err(()), "{text}");
        }
    }

    #[test]
    fn kinds_name_a_process_and_points_or_leave_them_out() {
        let kinds = [
            "kill",
            "kill:a",
            "kill@write",
            "kill:a@semtimedop",
            "kill:a@blocked:read",
            "errno(EIO):a.1@write#3",
            "lose-signal:a@#2",
        ];
        for text in kinds {
            assert_eq!(text.parse::<FaultKind>().unwrap().to_string(), text);
        }
        let allows = |kind: &str, fault: &str| {
            let kind: FaultKind = kind.parse().unwrap();
            kind.allows(&fault.parse().unwrap())
        };
        assert!(allows("kill@write", "kill:a@write#2"));
        assert!(allows("kill:a@write#2", "kill:a@write#2"));
        assert!(!allows("kill:a@write#2", "kill:a@write#1"));
        assert!(!allows("kill:b@write", "kill:a@write#1"));
        assert!(!allows("kill:a@read", "kill:a@write#1"));
        for text in [
            "kill:",
            "kill:@write",
            "kill:a@",
            "kill:a@nocall",
            "kill:a@write#0",
        ] {
            assert!(text.parse::<FaultKind>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_fault_says_why() {
        assert!(matches!(
            "melt:a@#1".parse::<Fault>(),
            Err(ParseFaultError::Action(_))
        ));
        assert!(matches!(
            "kill:a".parse::<Fault>(),
            Err(ParseFaultError::Point(_))
        ));
        assert!(matches!(
            "kill:a@#0".parse::<Fault>(),
            Err(ParseFaultError::Point(_))
        ));
        assert!(matches!(
            "kill:a@nocall#1".parse::<Fault>(),
            Err(ParseFaultError::Call(_))
        ));
        assert!(matches!(
            "errno:a@#1".parse::<Fault>(),
            Err(ParseFaultError::Value(_))
        ));
    }
}
