//! Floor 2: many runs. Which plans are tried, what is learned from them, and how
//! a failure is written down and replayed.
//!
//! An [`Exploration`] hands numbered runs to one worker per CPU, each with an
//! engine of its own. The plan of a run follows from the exploration's seed, the
//! run's number and the fault points that earlier runs have shown; outcomes are
//! taken in by number. So the same exploration finds the same things with one
//! worker and with eight, unless it is bounded by time.
//!
//! A violation is replayed at once from its own record. One that does not come
//! out the same is the harness's failure, and is reported as `Invalid`.

mod applicability;
mod budget;
mod capabilities;
mod checkpoint;
mod collector;
mod confirm;
mod course;
mod cpus;
mod crash;
mod criteria;
mod environment;
mod error;
mod executable;
mod exhaust;
mod exploration;
#[cfg(test)]
mod fake;
mod findings;
mod guarantee;
mod lost;
mod outcome;
mod output;
mod planner;
mod points;
mod pool;
mod recheck;
mod recorder;
mod reduce;
mod regression;
mod replay;
mod report;
mod runner;
mod sampling;
mod shard;
mod shrink;
mod store;
mod strategy;
mod tally;
#[cfg(test)]
mod tests;
mod worker;

pub use budget::Budget;
pub use capabilities::{Capability, capabilities};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use cpus::{available_cpus, stay_on};
pub use crash::{CrashGroup, CrashReport, CrashSearch, CrashTally, FailingPoint};
pub use criteria::Criteria;
pub use crosswire_engine::{ExecutableError, find_executable};
pub use environment::Environment;
pub use error::ExploreError;
pub use exhaust::{Exhaust, Exhaustion};
pub use exploration::Exploration;
pub use findings::Found;
pub use guarantee::{Chance, Guarantee};
pub use lost::LostCapability;
pub use output::LastLines;
pub use reduce::{ReduceError, Reduced, reduce, reduce_with};
pub use regression::{Regression, RegressionError, regressions};
pub use replay::{Changes, Replay, ReplayError, replay, replay_with, target_of};
pub use report::{FaultTally, Progress, Report};
pub use runner::{Runner, Starter};
pub use shard::{NoShard, Shard};
pub use store::{LoadError, load, load_text, save};
pub use strategy::{Strategy, UnknownStrategy};
