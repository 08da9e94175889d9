//! Violations that a user accepts.

use crosswire_model::{Kind, Leftover, Signal, Trace};
use glob::Pattern;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Violations of one kind, of all processes or of some. The text form is `KIND` or
/// `KIND:PATTERN`, where the pattern is one of shells: `livelock`, `panic:worker*`.
///
/// ```
/// use crosswire_check::Allowance;
/// use crosswire_model::Kind;
///
/// let allowance: Allowance = "panic:worker*".parse().unwrap();
/// assert!(allowance.covers(&Kind::Panic, &["worker.1"]));
/// assert!(!allowance.covers(&Kind::Panic, &["server"]));
/// assert!("panik".parse::<Allowance>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Allowance {
    kind: Kind,
    processes: Option<Pattern>,
}

/// The death of a process by a signal that it causes itself or that another one sends. The
/// text form is `SIGNAL` or `PATTERN=SIGNAL`: `SIGABRT`, `worker*=SIGTERM`.
///
/// ```
/// use crosswire_check::ExpectedDeath;
/// use crosswire_model::Signal;
///
/// let death: ExpectedDeath = "worker*=SIGABRT".parse().unwrap();
/// assert!(death.covers("worker.1", Signal(6)));
/// assert!(!death.covers("server", Signal(6)) && !death.covers("worker.1", Signal(11)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExpectedDeath {
    processes: Option<Pattern>,
    signal: Signal,
}

/// Reason why a text is no [`Allowance`], [`ExpectedDeath`] or pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllowanceError {
    /// No kind of violation has this name.
    #[error(
        "no kind of violation is called `{0}` (known: deadlock, livelock, stalled, fatal-signal, \
         exit-status, panic; leaks are allowed as leak:NAME)"
    )]
    Kind(String),
    /// No signal has this name.
    #[error("no signal is called `{0}`; write for example SIGABRT or worker*=SIGABRT")]
    Signal(String),
    /// The pattern is malformed.
    #[error("`{pattern}` is no pattern: {why}")]
    Pattern {
        /// As it was written.
        pattern: String,
        /// Its mistake.
        why: &'static str,
    },
}

/// Built-in kinds that concern processes.
const KINDS: [Kind; 6] = [
    Kind::Deadlock,
    Kind::Livelock,
    Kind::Stalled,
    Kind::FatalSignal,
    Kind::ExitStatus,
    Kind::Panic,
];

impl Allowance {
    /// Tells whether a violation of this kind is covered, in which these processes take part.
    /// Each of them must match.
    pub fn covers(&self, kind: &Kind, processes: &[impl AsRef<str>]) -> bool {
        let covers = |pattern: &Pattern| {
            !processes.is_empty() && processes.iter().all(|name| pattern.matches(name.as_ref()))
        };
        *kind == self.kind && self.processes.as_ref().is_none_or(covers)
    }
}

impl ExpectedDeath {
    /// Tells whether this process may die of this signal.
    pub fn covers(&self, process: &str, signal: Signal) -> bool {
        let pattern = self.processes.as_ref();
        signal == self.signal && pattern.is_none_or(|pattern| pattern.matches(process))
    }
}

/// Reads a shell pattern: `*`, `?` and `[…]`.
///
/// # Errors
/// If it is malformed.
pub fn pattern(text: &str) -> Result<Pattern, AllowanceError> {
    Pattern::new(text).map_err(|error| AllowanceError::Pattern {
        pattern: text.to_owned(),
        why: error.msg,
    })
}

/// Tells whether one of these patterns accepts a leak: they are those of
/// [`Expectations::may_leave`](crate::Expectations::may_leave).
pub(super) fn may_stay(trace: &Trace, leftover: &Leftover, patterns: &[String]) -> bool {
    let names = match leftover {
        Leftover::SystemV { key, .. } => vec![format!("{key:#x}")],
        Leftover::MessageQueue(name) => vec![rooted(name)],
        Leftover::SharedMemory(name) => {
            let name = rooted(name);
            let semaphore = name.strip_prefix("/sem.").map(rooted);
            let path = format!("/dev/shm{name}");
            [path, name].into_iter().chain(semaphore).collect()
        }
        Leftover::File { path, .. } | Leftover::Lock { path, .. } => vec![path.clone()],
        Leftover::Process(task) | Leftover::Zombie(task) => vec![trace.name(*task)],
    };
    let mut patterns = patterns
        .iter()
        .filter_map(|text| pattern(text.trim_end_matches('/')).ok());
    patterns.any(|pattern| names.iter().any(|name| covers(&pattern, name)))
}

/// Writes a name as mq_overview(7), shm_overview(7) and sem_overview(7) do.
fn rooted(name: &str) -> String {
    format!("/{}", name.trim_start_matches('/'))
}

/// Tells whether a pattern covers a name, or a directory above it.
fn covers(pattern: &Pattern, name: &str) -> bool {
    let directories = name.match_indices('/').map(|(at, _)| &name[..at]);
    pattern.matches(name) || directories.skip(1).any(|above| pattern.matches(above))
}

impl FromStr for Allowance {
    type Err = AllowanceError;

    fn from_str(text: &str) -> Result<Self, AllowanceError> {
        let (name, processes) = match text.split_once(':') {
            Some((name, processes)) => (name, Some(pattern(processes)?)),
            None => (text, None),
        };
        let kind = KINDS.into_iter().find(|kind| kind.to_string() == name);
        let kind = kind.ok_or_else(|| AllowanceError::Kind(name.to_owned()))?;
        Ok(Allowance { kind, processes })
    }
}

impl FromStr for ExpectedDeath {
    type Err = AllowanceError;

    fn from_str(text: &str) -> Result<Self, AllowanceError> {
        let (processes, name) = match text.rsplit_once('=') {
            Some((processes, name)) => (Some(pattern(processes)?), name),
            None => (None, text),
        };
        let signal = name.parse();
        let signal = signal.map_err(|_| AllowanceError::Signal(name.to_owned()))?;
        Ok(ExpectedDeath { processes, signal })
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.processes {
            Some(processes) => write!(f, "{}:{processes}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

impl fmt::Display for ExpectedDeath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.processes {
            Some(processes) => write!(f, "{processes}={}", self.signal),
            None => write!(f, "{}", self.signal),
        }
    }
}

impl TryFrom<String> for Allowance {
    type Error = AllowanceError;

    fn try_from(text: String) -> Result<Self, AllowanceError> {
        text.parse()
    }
}

impl From<Allowance> for String {
    fn from(allowance: Allowance) -> String {
        allowance.to_string()
    }
}

impl TryFrom<String> for ExpectedDeath {
    type Error = AllowanceError;

    fn try_from(text: String) -> Result<Self, AllowanceError> {
        text.parse()
    }
}

impl From<ExpectedDeath> for String {
    fn from(death: ExpectedDeath) -> String {
        death.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::testing::RunBuilder;
    use crosswire_model::{End, TaskId};

    #[test]
    fn each_process_of_a_violation_must_match() {
        let allowance: Allowance = "deadlock:worker*".parse().unwrap();
        assert!(allowance.covers(&Kind::Deadlock, &["worker", "worker.1"]));
        assert!(!allowance.covers(&Kind::Deadlock, &["worker", "server"]));
        assert!(!allowance.covers(&Kind::Livelock, &["worker"]));
        assert!(!allowance.covers(&Kind::Deadlock, &[] as &[&str]));
        let any: Allowance = "deadlock".parse().unwrap();
        assert!(any.covers(&Kind::Deadlock, &["server"]));
    }

    #[test]
    fn texts_are_read_as_they_are_written_and_mistakes_are_named() {
        for text in ["livelock", "exit-status:a.?"] {
            assert_eq!(text.parse::<Allowance>().unwrap().to_string(), text);
        }
        for text in ["SIGABRT", "a*=SIGTERM"] {
            assert_eq!(text.parse::<ExpectedDeath>().unwrap().to_string(), text);
        }
        let wrong = |text: &str| text.parse::<Allowance>().unwrap_err().to_string();
        assert!(wrong("leek").contains("called `leek`"));
        assert!(wrong("panic:[").contains("`[` is no pattern"));
        assert!("a=SIGFOO".parse::<ExpectedDeath>().is_err());
    }

    #[test]
    fn leaks_are_known_by_path_name_and_key() {
        let trace = RunBuilder::new(&["a"]).end(End::Finished).trace;
        let accepted = |pattern: &str, leak: &Leftover| may_stay(&trace, leak, &[pattern.into()]);
        let socket = Leftover::File {
            kind: "socket".into(),
            path: "/tmp/run/s".into(),
        };
        assert!(accepted("/tmp/run/", &socket) && accepted("/tmp/*", &socket));
        assert!(!accepted("/tmp/ru", &socket) && !accepted("run", &socket));
        let queue = Leftover::SystemV {
            kind: "message queue".into(),
            id: 0,
            key: 0x4d2,
        };
        assert!(accepted("0x4d2", &queue) && !accepted("0x4d3", &queue));
        let memory = Leftover::SharedMemory("sem.s".into());
        for pattern in ["/s", "/sem.s", "/dev/shm", "/dev/shm/sem.*"] {
            assert!(accepted(pattern, &memory), "{pattern}");
        }
        assert!(!accepted("/", &memory));
        assert!(accepted("/q*", &Leftover::MessageQueue("/q1".into())));
        assert!(accepted("a", &Leftover::Process(TaskId(0))));
    }
}
