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

mod again;
mod course;
mod crash;
mod error;
mod exhaust;
mod exploration;
#[cfg(test)]
mod fake;
mod found;
mod keep;
mod perform;
mod plan;
#[cfg(test)]
mod tests;

pub use again::reduce::{ReduceError, Reduced, reduce, reduce_with};
pub use again::replay::{
    Changes, Replay, ReplayError, expectations_of, replay, replay_with, target_of,
};
pub use crash::{CrashGroup, CrashReport, CrashSearch, CrashTally, FailingPoint};
pub use crosswire_engine::{ExecutableError, find_executable};
pub use error::ExploreError;
pub use exploration::Exploration;
pub use found::coverage::{Coverage, Pair, Side};
pub use found::exhaustion::{Exhaust, Exhaustion};
pub use found::findings::Found;
pub use found::first::FirstRun;
pub use found::given_up::GivenUp;
pub use found::idle::IdleFault;
pub use found::lost::LostCapability;
pub use found::output::LastLines;
pub use found::relevance::Relevance;
pub use found::report::{FaultTally, Progress, Report, Shards};
pub use keep::criteria::Criteria;
pub use keep::environment::Environment;
pub use keep::merge::{MergeError, merge};
pub use keep::part::{Keep, Part, PartError};
pub use keep::regression::{Regression, RegressionError, regressions};
pub use keep::store::{LoadError, load, load_text, save, save_as};
pub use perform::capabilities::{Capability, capabilities};
pub use perform::cpus::{available_cpus, stay_on};
pub use perform::examiner::Examiner;
pub use perform::runner::{Runner, Starter};
pub use plan::budget::Budget;
pub use plan::guarantee::{Chance, Guarantee, Promise};
pub use plan::here::fault_at;
pub use plan::memory::{Memory, UnknownMemory};
pub use plan::shard::{NoShard, Shard};
pub use plan::strategy::{Strategy, UnknownStrategy};
