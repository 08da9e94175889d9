//! Performing a recorded run again.

use crate::found::lost::LostCapability;
use crate::keep::criteria::{Criteria, Judge};
use crate::keep::executable;
use crate::perform::confirm::difference_from;
use crate::perform::runner::{Starter, engine_starter};
use crosswire_check::{Check, Expectations};
use crosswire_engine::{EngineError, Start, Target};
use crosswire_model::{Plan, Program, Record, Run, Stack, Verdict};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Result of a replay.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The run of the replay.
    pub run: Run,
    /// The recorded verdict if everything came out the same, else `Invalid`.
    pub verdict: Verdict,
    /// First difference of this run from the recorded one, if any.
    pub difference: Option<String>,
    /// The processes whose executable is not the recorded one, where that was
    /// allowed. The verdict is then this run's, whatever the recorded one was.
    pub changed: Vec<String>,
    /// Capabilities that the machine lacks.
    pub capabilities_lost: Vec<LostCapability>,
    /// Stacks of tasks at the time they died or got stuck in the replay.
    pub stacks: Vec<Stack>,
}

/// What a replay may find changed, or changes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Changes {
    /// No program may have changed: the replay would say nothing about the recorded run.
    #[default]
    Refuse,
    /// Programs may have changed: to see what becomes of a failure once it was repaired.
    Allow,
    /// The change of the tested cause with this number, from 1, is made: the run passes.
    WithoutCause(usize),
}

/// Reason why a record cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The executable is gone, or cannot be read.
    #[error("the executable {path} of process `{process}` cannot be read: {source}")]
    Gone {
        /// Name of the process.
        process: String,
        /// Path of its executable.
        path: String,
        /// Cause of the failure.
        source: std::io::Error,
    },
    /// The executable is another one now.
    #[error(
        "the executable {path} of process `{process}` has changed since the recording \
         (SHA-256 {was} became {is}); a recording replays the program it was made with"
    )]
    Changed {
        /// Name of the process.
        process: String,
        /// Path of its executable.
        path: String,
        /// The first digits of its recorded digest.
        was: String,
        /// And of its present one.
        is: String,
    },
    /// The working directory is gone.
    #[error("the working directory {0} of the recording does not exist")]
    Directory(String),
    /// The options of the checkers are unreadable.
    #[error("the recorded options of the checkers are damaged: {0}")]
    Criteria(#[from] serde_json::Error),
    /// There is no such tested cause.
    #[error("the recording has no tested cause {wanted}; it has {known}")]
    NoCause {
        /// Number that was asked for, from 1.
        wanted: usize,
        /// Number of tested causes.
        known: usize,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Performs the recorded run again, and judges it by the recorded options.
///
/// # Errors
/// If the programs or their surroundings are not those of the recording, or the
/// engine cannot work here. A run that comes out differently is not an error but
/// a [`Replay`] with the verdict `Invalid`.
pub fn replay(record: &Record, changes: Changes) -> Result<Replay, ReplayError> {
    let target = target_of(record)?;
    perform(record, &engine_starter(&target), &[], changes)
}

/// Replays a record on a target and with checks that a record cannot hold: those of a
/// scenario.
///
/// # Errors
/// As [`replay`].
pub fn replay_with(
    record: &Record,
    starter: &Starter,
    checks: &[Arc<dyn Check>],
    changes: Changes,
) -> Result<Replay, ReplayError> {
    perform(record, starter, checks, changes)
}

fn perform(
    record: &Record,
    starter: &Starter,
    checks: &[Arc<dyn Check>],
    changes: Changes,
) -> Result<Replay, ReplayError> {
    let changed = performable(record, changes)?;
    let criteria = Criteria::deserialize(record)?;
    let cpu = crate::available_cpus().first().copied();
    let mut runner = starter(cpu)?;
    runner.watch(true);
    let run = runner.run(&plan_of(record, changes)?)?;
    let reference = criteria.output.as_ref().map(|text| text.as_bytes());
    let judge = Judge {
        expectations: criteria.expectations.clone(),
        checks: checks.to_vec(),
    };
    let verdict = judge.judge(&run, reference);
    let difference = difference_from(record, &run, &verdict);
    let verdict = match &difference {
        None => verdict,
        Some(_) if !changed.is_empty() => verdict,
        Some(_) if matches!(changes, Changes::WithoutCause(_)) => verdict,
        Some(difference) => Verdict::Invalid(format!(
            "the replay diverged from the recording, {difference}"
        )),
    };
    Ok(Replay {
        stacks: crate::keep::recorder::stacks(&run),
        run,
        verdict,
        difference,
        changed,
        capabilities_lost: runner.capabilities_lost(),
    })
}

/// Returns the plan of a record, or that of its run without a tested cause.
fn plan_of(record: &Record, changes: Changes) -> Result<Plan, ReplayError> {
    let Changes::WithoutCause(wanted) = changes else {
        return Ok(record.plan.clone());
    };
    let causes = record.inquiry.as_ref().map(|inquiry| &inquiry.causes[..]);
    let causes = causes.unwrap_or_default();
    let cause = wanted.checked_sub(1).and_then(|number| causes.get(number));
    let cause = cause.ok_or(ReplayError::NoCause {
        wanted,
        known: causes.len(),
    })?;
    Ok(cause.changed(&record.plan))
}

/// Checks whether the programs are those of the recording; returns those that are not, if
/// that is allowed.
pub(crate) fn performable(record: &Record, changes: Changes) -> Result<Vec<String>, ReplayError> {
    let mut changed = Vec::new();
    for program in &record.programs {
        match unchanged(program) {
            Err(ReplayError::Changed { process, .. }) if changes == Changes::Allow => {
                changed.push(process);
            }
            result => result?,
        }
    }
    Ok(changed)
}

/// Returns the target of a record.
///
/// # Errors
/// If its working directory does not exist or its options are damaged.
pub fn target_of(record: &Record) -> Result<Target, ReplayError> {
    let working_dir = PathBuf::from(&record.working_dir);
    if !working_dir.is_dir() {
        return Err(ReplayError::Directory(record.working_dir.clone()));
    }
    let criteria = Criteria::deserialize(record)?;
    Ok(Target {
        programs: record
            .programs
            .iter()
            .map(|program| Start {
                name: program.name.clone(),
                command: program.command.clone(),
            })
            .collect(),
        working_dir,
        environment: record.environment.clone(),
        isolation: criteria.isolation(),
        disk_mib: criteria.disk_mib(),
        children: record.children.clone(),
        successors: criteria.successors,
        listings: record.listings.clone().into(),
    })
}

/// Returns what is expected of the programs of a record.
///
/// # Errors
/// If its options are damaged.
pub fn expectations_of(record: &Record) -> Result<Expectations, ReplayError> {
    Ok(Criteria::deserialize(record)?.expectations)
}

impl Criteria {
    pub(crate) fn deserialize(record: &Record) -> Result<Criteria, serde_json::Error> {
        match &record.checks {
            serde_json::Value::Null => Ok(Criteria::default()),
            value => serde_json::from_value(value.clone()),
        }
    }
}

fn unchanged(program: &Program) -> Result<(), ReplayError> {
    let digest =
        executable::digest(Path::new(&program.executable)).map_err(|source| ReplayError::Gone {
            process: program.name.clone(),
            path: program.executable.clone(),
            source,
        })?;
    if digest == program.digest {
        return Ok(());
    }
    let short = |digest: &str| digest.chars().take(12).collect();
    Err(ReplayError::Changed {
        process: program.name.clone(),
        path: program.executable.clone(),
        was: short(&program.digest),
        is: short(&digest),
    })
}
