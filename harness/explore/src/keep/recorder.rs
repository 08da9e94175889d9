//! Turns a run into a record that can be stored.

use crate::found::output::Text;
use crate::keep::criteria::Criteria;
use crate::keep::executable;
use crosswire_check::Expectations;
use crosswire_engine::ExecutableError;
use crosswire_engine::{Isolation, Listings, Target};
use crosswire_model::{
    FORMAT_VERSION, Frame, Plan, Program, Record, Rule, Run, Schedule, Stack, StartUp, Verdict,
};
use crosswire_symbols as symbols;

/// Knows everything of a record that is the same for all runs of a target.
pub(crate) struct Recorder {
    programs: Vec<Program>,
    scenario: Option<String>,
    children: Vec<String>,
    working_dir: String,
    environment: Vec<(String, String)>,
    listings: Listings,
    criteria: Criteria,
}

impl Recorder {
    /// Looks up and digests the target's executables.
    pub fn new(
        target: &Target,
        scenario: Option<String>,
        expectations: Expectations,
    ) -> Result<Recorder, ExecutableError> {
        let programs = target.programs.iter().map(|start| {
            let path = start.executable(target)?;
            let digest = executable::digest(&path).map_err(|error| ExecutableError::Unusable {
                program: start.command[0].clone(),
                reason: error.to_string(),
            })?;
            Ok(Program {
                name: start.name.clone(),
                command: start.command.clone(),
                executable: path.to_string_lossy().into_owned(),
                digest,
            })
        });
        Ok(Recorder {
            programs: programs.collect::<Result<_, _>>()?,
            scenario,
            children: target.children.clone(),
            working_dir: target.working_dir.to_string_lossy().into_owned(),
            environment: target.environment.clone(),
            listings: target.listings.clone(),
            criteria: Criteria {
                expectations,
                output: None,
                without_isolation: target.isolation == Isolation::None,
                disk_mib: Some(target.disk_mib).filter(|size| *size != Target::DISK_MIB),
                successors: target.successors.clone(),
            },
        })
    }

    /// Returns the record of a run. Its plan names every decision, so that it does not
    /// depend on how a rule with a seed decides.
    pub fn record(&self, run: &Run, verdict: Verdict, reference: Option<&[u8]>) -> Record {
        let criteria = Criteria {
            output: reference.map(Text::from),
            ..self.criteria.clone()
        };
        Record {
            format_version: FORMAT_VERSION,
            programs: self.programs.clone(),
            scenario: self.scenario.clone(),
            children: self.children.clone(),
            working_dir: self.working_dir.clone(),
            environment: self.environment.clone(),
            listings: self.listings.names(),
            checks: serde_json::to_value(criteria).expect("criteria have string keys only"),
            plan: spelled_out(run),
            verdict,
            trace: run.trace.clone(),
            history: run.history.clone(),
            seen: run.seen.clone(),
            stacks: stacks(run),
            places: places(run),
            inquiry: None,
        }
    }
}

/// Returns the plan with every decision of the run written down.
pub(crate) fn spelled_out(run: &Run) -> Plan {
    Plan {
        schedule: Schedule {
            deviations: run.trace.deviations.clone(),
            ..Schedule::new(Rule::RunOn)
        },
        preemptions: Some(run.trace.preemptions.clone()),
        memory: run.plan.memory.delaying(run.delayed.clone()),
        footprints: false,
        start_up: StartUp {
            // Nothing is left to choose.
            carries_on: false,
            ..run.plan.start_up.clone()
        },
        ..run.plan.clone()
    }
}

/// Returns the stacks of tasks at the time they died or got stuck, if the run was
/// watched.
pub(crate) fn stacks(run: &Run) -> Vec<Stack> {
    run.captures.iter().map(symbols::stack).collect()
}

/// Returns the functions and lines of the instructions that touched shared memory.
pub(crate) fn places(run: &Run) -> Vec<Frame> {
    run.trace.places.iter().map(symbols::place).collect()
}
