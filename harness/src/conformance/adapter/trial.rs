//! The generic scenarios with an adapter in the place of an implementation.
//!
//! Each role has two processes: one of the adapter's, which uses what is tested, and
//! one of the scenario's, its driver, which gives it commands and keeps the log. Faults
//! hit the first; the checks are shown the run as if there were no drivers.

use super::Adapted;
use crate::conformance::{
    Trial, cell::cell_of, channel::channel_of, lock::lock_of, notifier::notifier_of,
    rwlock::rwlock_of, semaphore::semaphore_of,
};
use crate::scenario::{Named, Scenario};
use crosswire_check::{Check, Unjudgeable, promise};
use crosswire_contract::{Contract, Error, Facility};
use crosswire_model::{Action, Outcome, Run, TaskId, Violation};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, OnceLock};

/// Name of the process that becomes the program; its children are `adapter.1`,
/// `adapter.2`, …
const ADAPTER: &str = "adapter";

/// Returns the scenario of a trial of a program that speaks the protocol of [this
/// module](super), held to `contract`.
///
/// # Errors
/// If there is no command, or the contract is one of [`Rpc`](crosswire_contract::Rpc),
/// which no adapter can speak.
pub fn adapted(
    named: Named,
    trial: Trial,
    contract: &'static Contract,
    command: &[String],
) -> Result<Scenario<'static, Adapted>, Error> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Error::misuse("the adapter", "its command is empty"));
    };
    let roles: Arc<OnceLock<Vec<String>>> = Arc::default();
    let known = roles.clone();
    let create = move || Adapted::new(known.get().map_or(&[], Vec::as_slice));
    let mut words = vec![contract.facility.to_string()];
    let scenario = match contract.facility {
        Facility::Channel => {
            if super::super::channel::is_small(trial.peril) {
                words.push("small".to_owned());
            }
            channel_of(named, trial, contract, move |_| create())
        }
        Facility::Lock => lock_of(named, trial, contract, create),
        Facility::RwLock => rwlock_of(named, trial, contract, create),
        Facility::Semaphore => {
            words.push(format!("permits={}", trial.others));
            semaphore_of(named, trial, contract, move |_| create())
        }
        Facility::Notifier => notifier_of(named, trial, contract, move |_| create()),
        Facility::SharedCell => cell_of(named, trial, contract, create),
        Facility::Rpc => {
            let reason = "the line protocol has no remote procedure calls";
            return Err(Error::misuse("the adapter", reason));
        }
    };
    let names = scenario.names();
    let _ = roles.set(names.clone());
    let mut run = Command::new(program);
    run.args(arguments).args(words);
    let scenario = scenario.process(
        ADAPTER,
        move |adapted: &mut Adapted, _| -> Result<(), Error> {
            let handed: Result<Vec<String>, _> = adapted
                .lines()
                .iter()
                .map(|line| line.handed_over())
                .collect();
            match handed {
                // Returns only if it failed.
                Ok(roles) => Err(Error::system("starting", "the adapter")(
                    run.args(roles).exec(),
                )),
                Err(error) => Err(Error::system("handing descriptors to", "the adapter")(
                    error,
                )),
            }
        },
    );
    let child = |role: &str| {
        let at = names.iter().position(|name| name == role)?;
        Some(format!("{ADAPTER}.{}", at + 1))
    };
    let everyone: Vec<String> = names.iter().filter_map(|name| child(name)).collect();
    Ok(scenario
        .with_faults_for(|process| match process {
            Some(role) if role != "*" => child(role).into_iter().collect(),
            _ => everyone.clone(),
        })
        .with_checks(|inner| {
            Arc::new(Undriven {
                inner,
                roles: names.clone(),
            })
        })
        .check(promise("answers", move |run| answers(run, &names))))
}

/// Checks that every command was answered by an adapter's process that no fault has killed
/// and to which no call has failed for want of something.
fn answers(run: &Run, roles: &[String]) -> Result<(), String> {
    if run
        .plan
        .faults
        .iter()
        .any(|f| matches!(f.action, Action::Errno(_)))
    {
        return Ok(());
    }
    let trace = &run.trace;
    for (at, role) in roles.iter().enumerate() {
        let child = format!("{ADAPTER}.{}", at + 1);
        let is_own = |task: &TaskId| {
            trace
                .tasks
                .get(task.index())
                .is_some_and(|t| t.process == child)
        };
        let began = trace.tasks.iter().any(|task| task.process == child);
        let killed = trace.killed_by_fault().any(|task| is_own(&task));
        let mut own = run
            .history
            .operations
            .iter()
            .filter(|op| op.process == *role);
        let pending = own.find(|operation| operation.outcome == Outcome::Pending);
        match pending {
            Some(operation) if !began => {
                return Err(format!(
                    "the adapter started no process for {role}, which was to perform `{}`",
                    operation.name
                ));
            }
            Some(operation) if !killed => {
                return Err(format!(
                    "`{child}`, the adapter's {role}, never answered `{}`",
                    operation.name
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A check that is shown the adapter's processes under the names of their roles.
struct Undriven {
    inner: Arc<dyn Check>,
    roles: Vec<String>,
}

impl Undriven {
    /// Returns the run as if the adapter's processes had kept the log themselves.
    fn shown(&self, run: &Run) -> Run {
        let mut run = run.clone();
        for task in &mut run.trace.tasks {
            if self.roles.contains(&task.process) {
                task.process.push_str("-driver");
            }
        }
        for (at, role) in self.roles.iter().enumerate() {
            let child = format!("{ADAPTER}.{}", at + 1);
            let mut leader: Option<TaskId> = None;
            for task in run
                .trace
                .tasks
                .iter_mut()
                .filter(|task| task.process == child)
            {
                task.process.clone_from(role);
                leader = leader.or(Some(task.leader));
            }
            let operations = run.history.operations.iter_mut();
            for operation in operations.filter(|operation| operation.process == *role) {
                operation.task = leader.unwrap_or(operation.task);
            }
        }
        run
    }
}

impl Check for Undriven {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn judges_unfinished(&self) -> bool {
        self.inner.judges_unfinished()
    }

    fn check(&self, run: &Run) -> Result<Vec<Violation>, Unjudgeable> {
        self.inner.check(&self.shown(run))
    }
}
