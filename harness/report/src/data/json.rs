//! Reports for programs: one JSON object, whose fields keep their meaning as long
//! as `format_version` stays the same.

pub use crate::told::shrunk::{Shrunk, json as shrunk};

use super::coverage::{self, Covered};
use crate::Explanation;
use crate::escape::escape;
use crate::told::races::{self, RaceEntry};
use crate::told::stacks::{self, StackEntry};
use crosswire_explore::{
    Chance, Exhaustion, FirstRun, Found, GivenUp, IdleFault, LastLines, LostCapability, Relevance,
    Replay, Report, Shards,
};
use crosswire_model::{FORMAT_VERSION, Limit, Names, Record, Trace, Verdict, Violation, Wrapper};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The JSON form of an exploration's report.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Version of this form.
    pub format_version: u32,
    /// `pass`, `violation`, `invalid` or `inconclusive`.
    pub verdict: &'static str,
    /// Reason why it is `invalid`, or the number of invalid runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid: Option<Invalid>,
    /// Runs given up, by limit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inconclusive: Vec<LimitReached>,
    /// Unexpected ends of processes that were not judged, by the fault that excuses them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub statuses_not_judged: BTreeMap<String, u64>,
    /// Violations that were found and accepted, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub allowed: BTreeMap<String, u64>,
    /// True if the exploration was interrupted.
    pub interrupted: bool,
    /// Runs performed.
    pub runs: u64,
    /// Runs per second of real time.
    pub runs_per_second: f64,
    /// Real time.
    pub seconds: f64,
    /// Schedule points passed.
    pub schedule_points: u64,
    /// Different traces seen.
    pub distinct_traces: u64,
    /// The exploration's seed.
    pub seed: u64,
    /// Numbers of faults: possible, planned, injected.
    pub faults: Faults,
    /// Schedule points of run 0 that can matter, if the others were no choices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relevance: Option<Relevance>,
    /// What the programs did in run 0: without faults, in the plain order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_run: Option<FirstRun>,
    /// Programs of which only the one counts that they execute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrappers: Vec<Wrapper>,
    /// Minimum probability that a bug of a depth would have been found (PCT).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guarantee: Vec<Chance>,
    /// Contested pairs, and the orders in which they were seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Covered>,
    /// Progress of an exhaustive exploration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exhaustion: Option<Exhausted>,
    /// The parts that the report was merged from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// Violations found.
    pub violations: Vec<ViolationEntry>,
    /// Capabilities that the machine lacks.
    pub capabilities_lost: Vec<LostCapability>,
    /// Further notes, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Progress of an exhaustive exploration.
#[derive(Debug, Clone, Serialize)]
pub struct Exhausted {
    /// True if all interleavings were explored.
    pub complete: bool,
    /// In numbers.
    #[serde(flatten)]
    pub progress: Exhaustion,
}

/// Numbers of faults.
#[derive(Debug, Clone, Serialize)]
pub struct Faults {
    /// Different faults that could have been injected.
    pub possible: u64,
    /// Those of them that are tried first; the others come to the same as one of these.
    pub classes: u64,
    /// Faults in plans.
    pub planned: u64,
    /// Number of faults injected.
    pub struck: u64,
    /// Kinds that were asked for and never injected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub idle: Vec<IdleFault>,
}

/// Runs that could not be performed.
#[derive(Debug, Clone, Serialize)]
pub struct Invalid {
    /// Number of runs.
    pub runs: u64,
    /// Reason for the first of them.
    pub reason: String,
}

/// Runs that reached a limit.
#[derive(Debug, Clone, Serialize)]
pub struct LimitReached {
    /// The limit.
    pub limit: Limit,
    /// Number of runs.
    pub runs: u64,
    /// How the first of them stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Stood>,
}

/// The tasks of a run at the moment in which it was given up.
#[derive(Debug, Clone, Serialize)]
pub struct Stood {
    /// Names the run: `run 3`.
    pub run: String,
    /// Steps that it took.
    pub steps: u64,
    /// Who was running, and who waits for what.
    pub sentence: String,
    /// One line for each task that waits.
    pub details: Vec<String>,
    /// The file that shows it, or its beginning.
    pub replay_file: Option<PathBuf>,
}

/// Returns the runs that reached limits, with how the first of each stood.
pub(crate) fn limits(counts: &[(Limit, u64)], given_up: &[GivenUp]) -> Vec<LimitReached> {
    let stood = |limit: Limit| {
        let first = given_up.iter().find(|one| one.limit == limit)?;
        Some(Stood {
            run: first.run.clone(),
            steps: first.steps,
            sentence: escape(&first.sentence),
            details: first.details.iter().map(|line| escape(line)).collect(),
            replay_file: first.file.clone(),
        })
    };
    let counts = counts.iter();
    counts
        .map(|&(limit, runs)| LimitReached {
            limit,
            runs,
            first: stood(limit),
        })
        .collect()
}

/// One violation.
#[derive(Debug, Clone, Serialize)]
pub struct ViolationEntry {
    /// The promise that is broken, by its name.
    pub kind: String,
    /// Description of the violation.
    pub sentence: String,
    /// The processes concerned, as plans name them.
    pub processes: Vec<String>,
    /// What sentences call processes, by the names in plans, where these differ.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// The steps that show it.
    pub steps: Vec<u64>,
    /// Wait-for graph, witness, …
    pub details: Vec<String>,
    /// The faults of the run.
    pub faults: Vec<String>,
    /// Decisions of the run against the default order.
    pub deviations: usize,
    /// Changes of which each alone makes the run pass, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tested_causes: Vec<String>,
    /// The file that replays it.
    pub replay_file: Option<PathBuf>,
    /// True if it was replayed: same verdict, same trace.
    pub replayed: bool,
    /// The number of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    /// Number of runs that showed it.
    pub runs: u64,
    /// Stacks of tasks at the time they died or got stuck, in the stored run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<StackEntry>,
    /// Accesses to shared memory in that run that nothing but chance orders, in pairs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub races: Vec<RaceEntry>,
    /// The last lines that the run printed.
    #[serde(skip_serializing_if = "LastLines::is_empty")]
    pub last_lines: LastLines,
}

/// The JSON form of a replay.
#[derive(Debug, Clone, Serialize)]
pub struct ReplaySummary {
    /// Version of this form.
    pub format_version: u32,
    /// `pass`, `violation`, `invalid` or `inconclusive`.
    pub verdict: &'static str,
    /// True if verdict and trace are those of the recording.
    pub same: bool,
    /// First difference of the run from the recorded one.
    pub difference: Option<String>,
    /// Always 1.
    pub runs: u64,
    /// Schedule points passed.
    pub schedule_points: u64,
    /// Seed of the plan.
    pub seed: u64,
    /// Violations of the run.
    pub violations: Vec<ViolationEntry>,
    /// Stacks of tasks at the time they died or got stuck.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<StackEntry>,
    /// Accesses to shared memory in that run that nothing but chance orders, in pairs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub races: Vec<RaceEntry>,
    /// Capabilities that the machine lacks.
    pub capabilities_lost: Vec<LostCapability>,
}

/// Returns the JSON form of a report; `files` are the replay files of its findings, in
/// the same order.
pub fn summary(report: &Report, files: &[Option<PathBuf>]) -> Summary {
    Summary {
        format_version: FORMAT_VERSION,
        verdict: report.verdict.word(),
        invalid: report.invalid_reason.as_ref().map(|reason| Invalid {
            runs: report.invalid,
            reason: reason.clone(),
        }),
        inconclusive: limits(&report.inconclusive, &report.given_up),
        statuses_not_judged: report.excused.clone(),
        allowed: report.allowed.clone(),
        interrupted: report.interrupted,
        runs: report.runs,
        runs_per_second: rounded(report.runs_per_second()),
        seconds: rounded(report.elapsed.as_secs_f64()),
        schedule_points: report.steps,
        distinct_traces: report.distinct_traces,
        seed: report.seed,
        faults: Faults {
            possible: report.faults.possible,
            classes: report.faults.classes,
            planned: report.faults.planned,
            struck: report.faults.struck,
            idle: report.idle_faults.clone(),
        },
        relevance: report.relevance.clone(),
        first_run: report.first.clone(),
        wrappers: report.wrappers.clone(),
        guarantee: report.guarantee.chances(),
        coverage: coverage::json(&report.coverage),
        exhaustion: report.exhaustion.as_ref().map(|exhaustion| Exhausted {
            complete: exhaustion.is_complete(),
            progress: exhaustion.clone(),
        }),
        shards: report.shards.clone(),
        violations: report
            .found
            .iter()
            .enumerate()
            .map(|(index, found)| entry_of(found, files.get(index).cloned().flatten()))
            .collect(),
        capabilities_lost: report.capabilities_lost.clone(),
        notes: report.notes.clone(),
    }
}

/// Returns the JSON form of a replay from `file`.
pub fn replay(record: &Record, replay: &Replay, file: PathBuf) -> ReplaySummary {
    let violations = match &replay.verdict {
        Verdict::Violation(violations) => &violations[..],
        _ => &[],
    };
    ReplaySummary {
        format_version: FORMAT_VERSION,
        verdict: replay.verdict.word(),
        same: replay.difference.is_none(),
        difference: replay.difference.clone(),
        runs: 1,
        schedule_points: replay.run.trace.steps,
        seed: record.plan.seed,
        stacks: stacks::entries(&replay.run.trace, &replay.stacks),
        races: races::entries(&replay.run.trace, &record.places),
        violations: violations
            .iter()
            .map(|violation| ViolationEntry {
                replay_file: Some(file.clone()),
                replayed: true,
                last_lines: LastLines::of(&replay.run),
                ..entry(violation, record, &replay.run.trace)
            })
            .collect(),
        capabilities_lost: replay.capabilities_lost.clone(),
    }
}

pub(crate) fn entry_of(found: &Found, replay_file: Option<PathBuf>) -> ViolationEntry {
    ViolationEntry {
        replay_file,
        replayed: found.replayed,
        run: Some(found.run),
        tested_causes: tested_causes(&found.record, &found.violation),
        stacks: stacks::entries(&found.record.trace, &found.record.stacks),
        races: races::entries(&found.record.trace, &found.record.places),
        runs: found.count,
        last_lines: found.last_lines.clone(),
        ..entry(&found.violation, &found.record, &found.record.trace)
    }
}

/// Returns the tested causes of a recorded violation.
pub(crate) fn tested_causes(record: &Record, violation: &Violation) -> Vec<String> {
    if record.inquiry.is_none() {
        return Vec::new();
    }
    let names = Names::of(&record.trace);
    let (record, violation) = (&names.of_record(record), &names.of_violation(violation));
    let explanation = Explanation::of_record(record, Some(violation));
    let causes = explanation.causes.iter();
    causes.map(|cause| escape(&cause.sentence)).collect()
}

pub(crate) fn entry(violation: &Violation, record: &Record, trace: &Trace) -> ViolationEntry {
    let names = Names::of(trace);
    let told = names.of_violation(violation);
    ViolationEntry {
        kind: violation.kind.to_string(),
        sentence: told.sentence,
        processes: violation
            .tasks
            .iter()
            .map(|task| trace.name(*task))
            .collect(),
        steps: violation.steps.clone(),
        details: told.details,
        names: names.all().clone(),
        faults: record.plan.faults.iter().map(ToString::to_string).collect(),
        deviations: trace.deviations.len(),
        tested_causes: Vec::new(),
        replay_file: None,
        replayed: false,
        run: None,
        stacks: Vec::new(),
        races: Vec::new(),
        runs: 1,
        last_lines: LastLines::default(),
    }
}

/// Three decimals: more would only be noise.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
