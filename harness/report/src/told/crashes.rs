//! Reports of killing a process at every point.

use crate::escape::escape;
use crate::told::fold::line;
use crate::told::summary::{counted_classes, given_up, losses, passed_over, shortfalls, unjudged};
use crate::told::text::{counted, ended_line, evidence, headline, named};
use crate::{Palette, json};
use crosswire_explore::{CrashGroup, CrashReport, CrashTally, FailingPoint};
use crosswire_model::{FORMAT_VERSION, Verdict, Wrapper};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Groups that are described with their steps; the rest is one paragraph each.
const DESCRIBED: usize = 5;

/// Lines of the program's source that are named for a group.
const LINES: usize = 8;

/// Returns everything for people: each group of failures with the simplest run that shows
/// it, then the sums. `files` are the replay files of the groups, in the same order.
pub fn text(report: &CrashReport, files: &[Option<PathBuf>], palette: Palette) -> String {
    let mut text = String::new();
    for (index, (group, file)) in report.groups.iter().zip(files).enumerate() {
        text += &describe(group, file.as_deref(), index < DESCRIBED, palette);
        text.push('\n');
    }
    text + &sums(report, palette)
}

/// Describes one group of failures: the failure, the crashes that lead to it, and if
/// requested the steps of the simplest run.
pub fn describe(
    group: &CrashGroup,
    file: Option<&Path>,
    with_steps: bool,
    palette: Palette,
) -> String {
    let (found, names) = &named(&group.found);
    let mut text = headline(&found.violation, palette);
    text += &points_of(group);
    text + &evidence(found, names, file, with_steps, palette)
}

/// Describes the crash points of a group.
fn points_of(group: &CrashGroup) -> String {
    let mut text = String::new();
    let count = group.points.len() as u64;
    let without_crash = group.points.iter().any(|point| point.crashes.is_empty());
    let replayed = match group.found.replayed {
        true => "; replayed: same verdict, same trace",
        false => "; not replayed yet",
    };
    let runs = counted(group.found.count, "run");
    match without_crash {
        true => line(
            &mut text,
            &format!("  also without a crash; in {runs}{replayed}"),
        ),
        false => line(
            &mut text,
            &format!(
                "  at {}, in {runs}; the simplest run follows{replayed}",
                counted(count, "point")
            ),
        ),
    }
    let named = ranges(&group.points);
    if !named.is_empty() {
        line(&mut text, &format!("  {}", escape(&named)));
    }
    let mut lines: Vec<&str> = group
        .points
        .iter()
        .flat_map(|p| p.died_in.as_deref())
        .collect();
    lines.dedup();
    if !lines.is_empty() {
        let more = match lines.len().saturating_sub(LINES) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        lines.truncate(LINES);
        let lines = escape(&lines.join(", "));
        line(&mut text, &format!("  killed in {lines}{more}"));
    }
    text
}

/// Faults in few words: `kill:a@write#1-3,5`. Pairs are counted by their first fault.
fn ranges(points: &[FailingPoint]) -> String {
    let mut sites: Vec<(&str, Vec<u32>)> = Vec::new();
    for point in points {
        let Some((site, number)) = point.crashes.first().and_then(|one| one.rsplit_once('#'))
        else {
            continue;
        };
        let number = number.parse().unwrap_or(0);
        match sites.iter_mut().find(|(known, _)| *known == site) {
            Some((_, numbers)) => numbers.push(number),
            None => sites.push((site, vec![number])),
        }
    }
    let words = sites.into_iter().map(|(site, mut numbers)| {
        numbers.sort_unstable();
        numbers.dedup();
        let parts: Vec<String> = numbers
            .chunk_by(|a, b| a + 1 == *b)
            .map(|part| match part {
                [one] => one.to_string(),
                several => format!("{}-{}", several[0], several[several.len() - 1]),
            })
            .collect();
        format!("{site}#{}", parts.join(","))
    });
    words.collect::<Vec<_>>().join(" ")
}

fn sums(report: &CrashReport, palette: Palette) -> String {
    let mut text = ended_line(&report.verdict, report.interrupted, palette);
    let victim = match &report.victim {
        Some(victim) => format!("`{}`", escape(victim)),
        None => "a program".to_owned(),
    };
    let tally = |tally: CrashTally| {
        let CrashTally {
            points,
            classes,
            failing,
        } = tally;
        let classes = match classes < points {
            true => format!(" in {}", counted_classes(classes)),
            false => String::new(),
        };
        match failing {
            // A run that was given up shows nothing.
            0 if report.verdict != Verdict::Pass => format!("{points}{classes}, no failure"),
            0 => format!("{points}{classes}, survived"),
            _ => format!("{points}{classes}; {failing} fail"),
        }
    };
    line(
        &mut text,
        &format!(
            "  points at which {victim} was killed: {}",
            tally(report.single)
        ),
    );
    text += &passed_over(&report.wrappers, "are tried with --every-point only");
    if let Some(second) = &report.second {
        line(
            &mut text,
            &format!(
                "  pairs of points at which {victim} and then `{}` were killed: {}",
                escape(second),
                tally(report.double)
            ),
        );
    }
    let seconds = report.elapsed.as_secs_f64();
    line(
        &mut text,
        &format!(
            "  {}, {} in {seconds:.1} s ({:.0}/s), {}, {}, seed {}",
            counted(report.schedules.into(), "schedule"),
            counted(report.runs, "run"),
            report.runs_per_second(),
            counted(report.steps, "schedule point"),
            counted(report.distinct_traces, "different trace"),
            report.seed
        ),
    );
    text += &given_up(&report.given_up, palette);
    text += &shortfalls(
        &report.verdict,
        &report.inconclusive,
        (report.invalid, report.invalid_reason.as_deref()),
    );
    text += &unjudged(&report.excused, &report.allowed);
    text += &losses(&report.capabilities_lost);
    if report.not_tried > 0 && !report.interrupted {
        let left = counted(report.not_tried, "crash").replace("crashs", "crashes");
        line(
            &mut text,
            &format!("  the budget was used up: at least {left} not tried"),
        );
    }
    if report.interrupted {
        line(
            &mut text,
            "  interrupted: points not counted here were not tried",
        );
    }
    text
}

/// The JSON form of a report of crashes.
#[derive(Debug, Clone, Serialize)]
pub struct CrashSummary {
    /// Version of this form.
    pub format_version: u32,
    /// `pass`, `violation`, `invalid` or `inconclusive`.
    pub verdict: &'static str,
    /// Reason why it is `invalid`, or the number of invalid runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid: Option<json::Invalid>,
    /// Runs given up, by limit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inconclusive: Vec<json::LimitReached>,
    /// Unexpected ends of processes that were not judged, by the fault that excuses them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub statuses_not_judged: BTreeMap<String, u64>,
    /// Violations that were found and accepted, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub allowed: BTreeMap<String, u64>,
    /// True if the search was interrupted.
    pub interrupted: bool,
    /// Programs of which only the one counts that they execute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrappers: Vec<Wrapper>,
    /// Name of the victim; `null` if it was each program in turn.
    pub victim: Option<String>,
    /// Runs that the budget did not allow.
    pub not_tried: u64,
    /// Different points at which the victim was killed, over all schedules.
    pub points: u64,
    /// Those of them that were tried; at each of the others a crash comes to the same as at
    /// one of these.
    pub classes: u64,
    /// Points at which that led to a violation under at least one schedule.
    pub failing: u64,
    /// Results for the second victim, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<Second>,
    /// Failures, each different one once.
    pub groups: Vec<Group>,
    /// Schedules under which each point was tried.
    pub schedules: u32,
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
    /// The seed of the schedules.
    pub seed: u64,
    /// Capabilities that the machine lacks.
    pub capabilities_lost: Vec<crosswire_explore::LostCapability>,
}

/// Two crashes in one run.
#[derive(Debug, Clone, Serialize)]
pub struct Second {
    /// Process killed after the victim.
    pub victim: String,
    /// Pairs of points.
    #[serde(flatten)]
    pub tally: CrashTally,
}

/// Failures in which the same went wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// The violation, as the simplest run shows it.
    #[serde(flatten)]
    pub violation: json::ViolationEntry,
    /// The crashes that lead there.
    pub points: Vec<FailingPoint>,
}

/// Returns the JSON form of a report; `files` are the replay files of its groups, in the
/// same order.
pub fn summary(report: &CrashReport, files: &[Option<PathBuf>]) -> CrashSummary {
    let groups = report.groups.iter().enumerate();
    CrashSummary {
        format_version: FORMAT_VERSION,
        verdict: report.verdict.word(),
        invalid: report.invalid_reason.as_ref().map(|reason| json::Invalid {
            runs: report.invalid,
            reason: reason.clone(),
        }),
        inconclusive: json::limits(&report.inconclusive, &report.given_up),
        statuses_not_judged: report.excused.clone(),
        allowed: report.allowed.clone(),
        interrupted: report.interrupted,
        wrappers: report.wrappers.clone(),
        victim: report.victim.clone(),
        not_tried: report.not_tried,
        points: report.single.points,
        classes: report.single.classes,
        failing: report.single.failing,
        second: report.second.as_ref().map(|second| Second {
            victim: second.clone(),
            tally: report.double,
        }),
        groups: groups
            .map(|(index, group)| Group {
                violation: json::ViolationEntry {
                    run: None,
                    ..json::entry_of(&group.found, files.get(index).cloned().flatten())
                },
                points: group.points.clone(),
            })
            .collect(),
        schedules: report.schedules,
        runs: report.runs,
        runs_per_second: json::rounded(report.runs_per_second()),
        seconds: json::rounded(report.elapsed.as_secs_f64()),
        schedule_points: report.steps,
        distinct_traces: report.distinct_traces,
        seed: report.seed,
        capabilities_lost: report.capabilities_lost.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_named_in_few_words() {
        let point = |text: &str| FailingPoint {
            crashes: vec![text.to_owned()],
            died_in: None,
            runs: 1,
        };
        let points = [
            "a@write#1",
            "a@read#1",
            "a@write#2",
            "a@write#3",
            "a@write#7",
        ];
        let points: Vec<FailingPoint> = points.into_iter().map(point).collect();
        assert_eq!(ranges(&points), "a@write#1-3,7 a@read#1");
    }
}
