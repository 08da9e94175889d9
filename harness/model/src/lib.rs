//! Floor 0: pure data. What determines a run ([`Plan`]), what came out of it
//! ([`Trace`], [`History`]) and what is said about it ([`Verdict`]).
//!
//! Nothing here performs input or output; everything can be written down with
//! serde and read back unchanged.

mod access;
mod call;
mod contention;
mod difference;
mod elsewhere;
mod fault;
mod history;
mod inquiry;
mod limits;
mod memory;
mod names;
mod plan;
mod ranges;
mod record;
mod run;
mod schedule;
mod seen;
mod spinner;
mod stack;
mod suspect;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
mod touch;
mod trace;
mod verdict;

pub use access::{Access, AccessKind, Place, SharedObject, Variable};
pub use call::{Call, Errno, Signal, UnknownName};
pub use contention::{Contention, Use};
pub use fault::{Action, Fault, FaultKind, ParseFaultError, Point, PointKind};
pub use history::{History, Operation, Outcome};
pub use inquiry::{Change, Inquiry, TestedCause};
pub use limits::{Limit, Limits};
pub use memory::{DelayedStore, Delays, MemoryModel};
pub use names::Names;
pub use plan::{Plan, StartUp};
pub use record::{Program, ReadRecordError, Record};
pub use run::{Run, Wrapper};
pub use schedule::{Deviation, Preemption, Rule, Schedule, Switch, Weight};
pub use seen::{Bytes, Content, Polled, Seen, SemaphoreOperation};
pub use spinner::{PolledWord, Polling, Spinner};
pub use stack::{Capture, Frame, Mapping, Moment, Stack};
pub use suspect::{Approached, Met, Suspect};
pub use task::{Task, TaskId};
pub use touch::{EVERYTHING, Footprint, Mode, Touch, conflict, conflict_in_data, is_data};
pub use trace::{Blocked, End, Event, Leftover, Trace, What};
pub use verdict::{Kind, Verdict, Violation};

/// Version of every file this crate writes. A reader refuses newer ones.
pub const FORMAT_VERSION: u32 = 9;
