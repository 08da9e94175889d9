//! The main job: every mechanism against its contract, under each fault.

use crate::arguments::{Format, MainJobOptions};
use crate::failure::Failure;
use crate::progress::{self, Display};
use crate::{exit, findings, interrupt, table, terminal};
use crosswire::explore::{Budget, ExploreError, Found, Progress, Report};
use crosswire::model::{FORMAT_VERSION, Verdict};
use crosswire::report::json::{self, ViolationEntry};
use crosswire::report::{Palette, text};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Explores one case within a budget. The flag asks it to stop, the function wants
/// to know how far it is.
pub type Explore =
    Box<dyn Fn(Budget, &AtomicBool, &dyn Fn(&Progress)) -> Result<Report, ExploreError>>;

/// One mechanism under one fault.
pub struct Case {
    /// The mechanism's name.
    pub mechanism: String,
    /// The fault, or `none`.
    pub fault: String,
    /// What its contract promises under that fault, in words.
    pub promise: String,
    /// Tries it.
    pub run: Explore,
}

/// A case, and how it came out.
struct Done {
    mechanism: String,
    fault: String,
    promise: String,
    result: Result<Report, String>,
}

impl Done {
    fn verdict(&self) -> Verdict {
        match &self.result {
            Ok(report) => report.verdict.clone(),
            Err(reason) => Verdict::Invalid(reason.clone()),
        }
    }

    fn runs(&self) -> u64 {
        self.result.as_ref().map_or(0, |report| report.runs)
    }
}

/// Tries all cases within the budget and tells how they came out.
pub fn main_job(
    cases: impl Iterator<Item = Case>,
    options: &MainJobOptions,
) -> Result<u8, Failure> {
    let cases: Vec<Case> = cases.collect();
    if cases.is_empty() {
        return Err(Failure::invalid(
            "there is nothing to do: no mechanism is known",
        ));
    }
    let stop = interrupt::stop_flag()?;
    let display = Display::new(options.output.quiet);
    let began = Instant::now();
    let mut done = Vec::new();
    let count = cases.len();
    for (index, case) in cases.into_iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // What earlier cases did not use is shared among the rest.
        let left = options.budget.saturating_sub(began.elapsed());
        let share = left / u32::try_from(count - index).unwrap_or(u32::MAX);
        let name = format!("{} under {}", case.mechanism, case.fault);
        let show = |progress: &Progress| {
            display.case(
                progress::part(began.elapsed(), options.budget),
                &name,
                progress,
            );
        };
        let result = (case.run)(Budget::time(share), &stop, &show);
        done.push(Done {
            mechanism: case.mechanism,
            fault: case.fault,
            promise: case.promise,
            result: result.map_err(|error| error.to_string()),
        });
    }
    display.finish();
    let interrupted = stop.load(Ordering::Relaxed);
    let whole = Whole {
        done,
        elapsed: began.elapsed(),
        interrupted,
        seed: options.explore.seed,
    };
    whole.tell(options);
    Ok(exit::of_exploration(&whole.verdict(), interrupted))
}

/// The main job as a whole.
struct Whole {
    done: Vec<Done>,
    elapsed: Duration,
    interrupted: bool,
    seed: u64,
}

impl Whole {
    /// The gravest verdict of all.
    fn verdict(&self) -> Verdict {
        let gravity = |verdict: &Verdict| match verdict {
            Verdict::Violation(_) => 3,
            Verdict::Invalid(_) => 2,
            Verdict::Inconclusive(_) => 1,
            Verdict::Pass => 0,
        };
        self.done
            .iter()
            .map(Done::verdict)
            .max_by_key(gravity)
            .unwrap_or_else(|| {
                Verdict::Invalid("stopped before the first case had ended".to_owned())
            })
    }

    fn reports(&self) -> impl Iterator<Item = &Report> {
        self.done
            .iter()
            .filter_map(|done| done.result.as_ref().ok())
    }

    fn tell(&self, options: &MainJobOptions) {
        let found: Vec<Found> = self
            .reports()
            .flat_map(|report| report.found.clone())
            .collect();
        let files = findings::store(&found, &options.explore.output_dir);
        match options.output.format {
            Format::Json => terminal::print_json(&self.json(&files)),
            Format::Text => {
                let palette = terminal::palette();
                let mut all = self.table(palette);
                all.push('\n');
                all += &findings::describe(&found, &files, palette);
                all += &self.summary(palette);
                terminal::print(&all);
            }
        }
    }

    fn table(&self, palette: Palette) -> String {
        let mut mechanism = "";
        let rows = self.done.iter().map(|done| {
            let repeated = mechanism == done.mechanism;
            mechanism = &done.mechanism;
            [
                if repeated {
                    String::new()
                } else {
                    done.mechanism.clone()
                },
                done.fault.clone(),
                done.promise.clone(),
                done.runs().to_string(),
                done.verdict().word().to_owned(),
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
        for done in &self.done {
            if let Verdict::Invalid(reason) = done.verdict() {
                let case = format!("{} under {}", done.mechanism, done.fault);
                lines += &format!(
                    "{} {case}: {}\n",
                    palette.doubtful("INVALID"),
                    crosswire::report::escape(&reason)
                );
            }
        }
        let mut sum = Report {
            verdict: self.verdict(),
            seed: self.seed,
            runs: 0,
            steps: 0,
            elapsed: self.elapsed,
            distinct_traces: 0,
            found: Vec::new(),
            dropped: 0,
            inconclusive: Vec::new(),
            invalid: 0,
            invalid_reason: None,
            faults: Default::default(),
            interrupted: self.interrupted,
        };
        for report in self.reports() {
            sum.runs += report.runs;
            sum.steps += report.steps;
            sum.distinct_traces += report.distinct_traces;
            sum.faults.possible += report.faults.possible;
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
        }
    }

    fn mechanisms(&self) -> Vec<MechanismEntry> {
        let mut mechanisms: Vec<MechanismEntry> = Vec::new();
        for done in &self.done {
            let fault = FaultEntry {
                fault: done.fault.clone(),
                promise: done.promise.clone(),
                runs: done.runs(),
                verdict: done.verdict().word(),
                reason: match done.verdict() {
                    Verdict::Invalid(reason) => Some(reason),
                    _ => None,
                },
            };
            match mechanisms
                .iter_mut()
                .find(|known| known.name == done.mechanism)
            {
                Some(known) => known.faults.push(fault),
                None => mechanisms.push(MechanismEntry {
                    name: done.mechanism.clone(),
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
    use crosswire::model::Limit;

    fn done(mechanism: &str, fault: &str, result: Result<Verdict, &str>) -> Done {
        let report = |verdict| Report {
            verdict,
            seed: 0,
            runs: 120,
            steps: 2400,
            elapsed: Duration::from_secs(1),
            distinct_traces: 80,
            found: Vec::new(),
            dropped: 0,
            inconclusive: Vec::new(),
            invalid: 0,
            invalid_reason: None,
            faults: Default::default(),
            interrupted: false,
        };
        Done {
            mechanism: mechanism.to_owned(),
            fault: fault.to_owned(),
            promise: "every message arrives once, in order".to_owned(),
            result: result.map(report).map_err(str::to_owned),
        }
    }

    fn whole(done: Vec<Done>) -> Whole {
        Whole {
            done,
            elapsed: Duration::from_secs(2),
            interrupted: false,
            seed: 0,
        }
    }

    #[test]
    fn the_gravest_verdict_counts() {
        let pass = || done("pipe", "none", Ok(Verdict::Pass));
        let limit = done("pipe", "kill", Ok(Verdict::Inconclusive(Limit::Steps)));
        let lost = done("pipe", "full", Err("no ptrace"));
        assert_eq!(whole(vec![pass()]).verdict(), Verdict::Pass);
        assert_eq!(whole(vec![limit, pass()]).verdict().word(), "inconclusive");
        assert_eq!(whole(vec![pass(), lost]).verdict().word(), "invalid");
        assert_eq!(whole(Vec::new()).verdict().word(), "invalid");
    }

    #[test]
    fn mechanisms_have_their_faults_beneath_them() {
        let cases = vec![
            done("pipe", "none", Ok(Verdict::Pass)),
            done("pipe", "kill", Err("no ptrace")),
            done("socket", "none", Ok(Verdict::Pass)),
        ];
        let whole = whole(cases);
        let json = serde_json::to_value(whole.json(&[])).unwrap();
        assert_eq!(json["runs"], 240);
        assert_eq!(json["mechanisms"][0]["faults"][1]["verdict"], "invalid");
        assert_eq!(json["mechanisms"][0]["faults"][1]["reason"], "no ptrace");
        assert_eq!(json["mechanisms"][1]["name"], "socket");
        let table = whole.table(Palette::PLAIN);
        assert_eq!(table.matches("pipe").count(), 1, "{table}");
        assert!(
            table.lines().nth(2).unwrap().ends_with(" invalid"),
            "{table}"
        );
    }
}
