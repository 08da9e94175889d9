//! Outcome of the main job.

use crate::arguments::{Format, MainJobOptions};
use crate::{findings, table, terminal};
use crosswire::explore::{Found, LostCapability, Report};
use crosswire::model::{FORMAT_VERSION, Limit, Verdict};
use crosswire::report::json::{self, ViolationEntry};
use crosswire::report::{Palette, text};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

mod promises;

/// One mechanism under one fault.
pub struct Row {
    /// The mechanism's name.
    pub mechanism: String,
    /// The fault, or `none`.
    pub fault: String,
    /// Promise of its contract under that fault, or the reason for an exemption.
    pub promise: String,
    /// Outcome of the row.
    pub outcome: Outcome,
}

/// Outcome of a row.
pub enum Outcome {
    /// Explored, in each shape.
    Reports(Vec<Report>),
    /// The fault has no meaning for the mechanism.
    Exempt,
}

impl Row {
    fn reports(&self) -> &[Report] {
        match &self.outcome {
            Outcome::Reports(reports) => reports,
            Outcome::Exempt => &[],
        }
    }

    /// Returns the gravest verdict of its reports; `None` if it is exempt.
    fn verdict(&self) -> Option<Verdict> {
        let verdicts = self.reports().iter().map(|report| report.verdict.clone());
        verdicts.reduce(Verdict::and)
    }

    fn word(&self) -> &'static str {
        self.verdict().map_or("exempt", |verdict| verdict.word())
    }

    fn runs(&self) -> u64 {
        self.reports().iter().map(|report| report.runs).sum()
    }

    /// Returns the reason why there is no verdict, if there is none.
    fn reason(&self) -> Option<String> {
        match self.verdict() {
            Some(Verdict::Invalid(reason)) => Some(reason),
            _ => None,
        }
    }
}

/// The main job as a whole.
pub struct Whole {
    /// Rows, in the order of the table.
    pub rows: Vec<Row>,
    /// Elapsed real time.
    pub elapsed: Duration,
    /// True if the job was interrupted.
    pub interrupted: bool,
    /// Seed of each exploration.
    pub seed: u64,
}

impl Whole {
    /// Returns the gravest verdict of all rows.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.rows.iter().filter_map(Row::verdict);
        match verdicts.reduce(Verdict::and) {
            None => Verdict::Invalid("stopped before the first case had ended".to_owned()),
            Some(Verdict::Inconclusive(_)) if self.untested() > 0 => {
                Verdict::Inconclusive(Limit::Budget)
            }
            Some(verdict) => verdict,
        }
    }

    /// Returns the number of cases for which the budget did not suffice.
    fn untested(&self) -> usize {
        let is_untested = |report: &&Report| report.runs == 0 && report.invalid == 0;
        self.reports().filter(is_untested).count()
    }

    /// Returns the capabilities that the machine lacks, without duplicates.
    pub fn capabilities_lost(&self) -> Vec<LostCapability> {
        let all: BTreeSet<&LostCapability> = self
            .reports()
            .flat_map(|report| &report.capabilities_lost)
            .collect();
        all.into_iter().cloned().collect()
    }

    fn reports(&self) -> impl Iterator<Item = &Report> {
        self.rows.iter().flat_map(Row::reports)
    }

    /// Stores the findings and prints the results.
    pub fn tell(&self, options: &MainJobOptions) {
        let found: Vec<Found> = self
            .reports()
            .flat_map(|report| report.found.clone())
            .collect();
        let files = findings::store(&found, &options.explore.output_dir);
        match options.output.format {
            Format::Json => terminal::print_json(&self.json(&files)),
            Format::Text | Format::Github => {
                let palette = terminal::palette();
                let described = findings::describe(&found, &files, palette);
                let summary = self.summary(palette);
                // With many findings, the promises that hold would be lost above them.
                let all = match options.held_to_contract {
                    true => described + &self.promises() + &summary,
                    false => format!("{}\n{described}{summary}", self.table(palette)),
                };
                terminal::print(&all);
            }
        }
        terminal::annotate(&options.output, &self.verdict(), &found, &files);
    }

    fn table(&self, palette: Palette) -> String {
        let mut mechanism = "";
        let rows = self.rows.iter().map(|row| {
            let repeated = mechanism == row.mechanism;
            mechanism = &row.mechanism;
            [
                if repeated {
                    String::new()
                } else {
                    row.mechanism.clone()
                },
                row.fault.clone(),
                row.promise.clone(),
                row.runs().to_string(),
                row.word().to_owned(),
            ]
        });
        let plain = table::render(["mechanism", "fault", "promise", "runs", "verdict"], rows);
        // Painted afterwards, so that colours do not disturb the columns.
        plain
            .lines()
            .map(|line| format!("{}\n", painted(line, palette)))
            .collect()
    }

    fn summary(&self, palette: Palette) -> String {
        let mut lines = String::new();
        for row in &self.rows {
            if let Some(reason) = row.reason() {
                lines += &format!(
                    "{} {} under {}: {}\n",
                    palette.doubtful("INVALID"),
                    row.mechanism,
                    row.fault,
                    crosswire::report::escape(&reason)
                );
            }
        }
        match self.untested() {
            0 => {}
            count => {
                lines += &format!(
                    "{} cases were not tested: the budget was used up before (--budget SECONDS)\n",
                    count
                );
            }
        }
        let mut sum = Report {
            elapsed: self.elapsed,
            interrupted: self.interrupted,
            capabilities_lost: self.capabilities_lost(),
            ..Report::without_runs(self.verdict(), self.seed)
        };
        // Printed above, with the row that it belongs to.
        sum.invalid = 0;
        for report in self.reports() {
            sum.invalid += report.invalid;
            sum.runs += report.runs;
            sum.steps += report.steps;
            sum.distinct_traces += report.distinct_traces;
            sum.faults.possible += report.faults.possible;
            sum.faults.classes += report.faults.classes;
            sum.faults.planned += report.faults.planned;
            sum.faults.struck += report.faults.struck;
            sum.dropped += report.dropped;
        }
        lines + &text::summary(&sum, palette)
    }

    fn json(&self, files: &[Option<PathBuf>]) -> Json {
        let mut files = files.iter();
        let mut violations = Vec::new();
        let (mut runs, mut steps) = (0, 0);
        for report in self.reports() {
            runs += report.runs;
            steps += report.steps;
            let of_case: Vec<_> = files.by_ref().take(report.found.len()).cloned().collect();
            violations.extend(json::summary(report, &of_case).violations);
        }
        let seconds = self.elapsed.as_secs_f64();
        Json {
            format_version: FORMAT_VERSION,
            verdict: self.verdict().word(),
            interrupted: self.interrupted,
            runs,
            runs_per_second: (runs as f64 / seconds.max(0.001)).round(),
            seconds,
            schedule_points: steps,
            seed: self.seed,
            violations,
            mechanisms: self.mechanisms(),
            capabilities_lost: self.capabilities_lost(),
        }
    }

    fn mechanisms(&self) -> Vec<MechanismEntry> {
        let mut mechanisms: Vec<MechanismEntry> = Vec::new();
        for row in &self.rows {
            let fault = FaultEntry {
                fault: row.fault.clone(),
                promise: row.promise.clone(),
                runs: row.runs(),
                verdict: row.word(),
                reason: row.reason(),
            };
            match mechanisms
                .iter_mut()
                .find(|known| known.name == row.mechanism)
            {
                Some(known) => known.faults.push(fault),
                None => mechanisms.push(MechanismEntry {
                    name: row.mechanism.clone(),
                    faults: vec![fault],
                }),
            }
        }
        mechanisms
    }
}

fn painted(line: &str, palette: Palette) -> String {
    let Some((begin, word)) = line.rsplit_once(' ') else {
        return line.to_owned();
    };
    let word = match word {
        "pass" => palette.good(word),
        "violation" => palette.bad(word),
        "invalid" | "inconclusive" => palette.doubtful(word),
        other => other.to_owned(),
    };
    format!("{begin} {word}")
}

#[derive(Serialize)]
struct Json {
    format_version: u32,
    verdict: &'static str,
    interrupted: bool,
    runs: u64,
    runs_per_second: f64,
    seconds: f64,
    schedule_points: u64,
    seed: u64,
    violations: Vec<ViolationEntry>,
    mechanisms: Vec<MechanismEntry>,
    capabilities_lost: Vec<LostCapability>,
}

#[derive(Serialize)]
struct MechanismEntry {
    name: String,
    faults: Vec<FaultEntry>,
}

#[derive(Serialize)]
struct FaultEntry {
    fault: String,
    promise: String,
    runs: u64,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(mechanism: &str, fault: &str, verdicts: &[Verdict]) -> Row {
        let report = |verdict: &Verdict| Report {
            runs: 120,
            steps: 2400,
            ..Report::without_runs(verdict.clone(), 0)
        };
        Row {
            mechanism: mechanism.to_owned(),
            fault: fault.to_owned(),
            promise: "every message arrives once, in order".to_owned(),
            outcome: match verdicts {
                [] => Outcome::Exempt,
                some => Outcome::Reports(some.iter().map(report).collect()),
            },
        }
    }

    fn invalid() -> Verdict {
        Verdict::Invalid("no ptrace".to_owned())
    }

    fn whole(rows: Vec<Row>) -> Whole {
        Whole {
            rows,
            elapsed: Duration::from_secs(2),
            interrupted: false,
            seed: 0,
        }
    }

    #[test]
    fn the_gravest_verdict_counts() {
        let pass = || row("pipe", "none", &[Verdict::Pass]);
        let limit = Verdict::Inconclusive(Limit::Steps);
        let limit = row("pipe", "kill", &[Verdict::Pass, limit, Verdict::Pass]);
        let lost = row("pipe", "full", &[invalid()]);
        let exempt = row("pipe", "lose-signal", &[]);
        assert_eq!(whole(vec![pass(), exempt]).verdict(), Verdict::Pass);
        assert_eq!(whole(vec![limit, pass()]).verdict().word(), "inconclusive");
        assert_eq!(whole(vec![pass(), lost]).verdict().word(), "invalid");
        assert_eq!(whole(Vec::new()).verdict().word(), "invalid");
    }

    #[test]
    fn mechanisms_have_their_faults_beneath_them() {
        let rows = vec![
            row("pipe", "none", &[Verdict::Pass, Verdict::Pass]),
            row("pipe", "kill", &[invalid()]),
            row("pipe", "lose-signal", &[]),
            row("socket", "none", &[Verdict::Pass]),
        ];
        let whole = whole(rows);
        let json = serde_json::to_value(whole.json(&[])).unwrap();
        assert_eq!(json["runs"], 480);
        let faults = &json["mechanisms"][0]["faults"];
        assert_eq!(faults[0]["runs"], 240);
        assert_eq!(faults[1]["verdict"], "invalid");
        assert_eq!(faults[1]["reason"], "no ptrace");
        assert_eq!(faults[2]["verdict"], "exempt");
        assert_eq!(json["mechanisms"][1]["name"], "socket");
        let table = whole.table(Palette::PLAIN);
        assert_eq!(table.matches("pipe").count(), 1, "{table}");
        assert!(
            table.lines().nth(2).unwrap().ends_with(" invalid"),
            "{table}"
        );
    }
}
