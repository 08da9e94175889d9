//! Results as JUnit XML, which CI systems display.
//!
//! A suite has one case, whose name is the same whatever comes out. What failed is its text. A
//! result without a verdict is an error, never a pass.

use crate::failure::Failure;
use crosswire::explore::Report;
use crosswire::model::{Names, Record, Verdict, Violation};
use crosswire::report::{Palette, escape, text};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the only case of a suite: CI systems follow a case by its name, so it may not depend
/// on the result.
const CASE: &str = "keeps its promises in every run";

/// Builds the results of an exploration; `files` are the replay files of its findings.
pub fn of_report(report: &Report, files: &[Option<PathBuf>], suite: &str) -> TestSuite {
    let mut told = String::new();
    for (number, found) in report.found.iter().enumerate() {
        let file = files.get(number).and_then(Option::as_deref);
        told += &text::finding(found, file, Palette::PLAIN);
        told.push('\n');
    }
    told += &text::summary(report, Palette::PLAIN);
    let violations = report.found.iter();
    let violations =
        violations.map(|found| Names::of(&found.record.trace).of_violation(&found.violation));
    let violations: Vec<Violation> = violations.collect();
    let status = status(&report.verdict, &violations, &told);
    suite_of(suite, status, Some(report.elapsed))
}

/// Builds the results of one recorded run.
pub fn of_record(record: &Record, file: Option<&Path>, suite: &str) -> TestSuite {
    let told = text::explanation(record, file, Palette::PLAIN);
    let verdict = Names::of(&record.trace).of_verdict(&record.verdict);
    let violations = match &verdict {
        Verdict::Violation(violations) => &violations[..],
        _ => &[],
    };
    let status = status(&verdict, violations, &told);
    suite_of(suite, status, None)
}

/// Builds the result of the case: a failure is told by the first violation.
fn status(verdict: &Verdict, violations: &[Violation], told: &str) -> TestCaseStatus {
    let (kind, name, message): (_, String, String) = match (verdict, violations) {
        (Verdict::Pass, _) => return TestCaseStatus::success(),
        (Verdict::Invalid(reason), _) => (NonSuccessKind::Error, "invalid".into(), reason.clone()),
        (Verdict::Inconclusive(limit), _) => {
            let message = format!("the limit on {limit} was reached");
            (NonSuccessKind::Error, "inconclusive".into(), message)
        }
        (Verdict::Violation(_), []) => {
            let message = "see the report".to_owned();
            (NonSuccessKind::Failure, "violation".into(), message)
        }
        (Verdict::Violation(_), [first, others @ ..]) => {
            let message = match others.len() {
                0 => first.sentence.clone(),
                more => format!("{}; and {more} more", first.sentence),
            };
            (NonSuccessKind::Failure, first.kind.to_string(), message)
        }
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(name);
    status.set_message(escape(&message));
    status.set_description(told);
    status
}

fn suite_of(name: &str, status: TestCaseStatus, time: Option<Duration>) -> TestSuite {
    let mut suite = TestSuite::new(name);
    let mut case = TestCase::new(CASE, status);
    // Without a class some CI systems show nothing.
    case.set_classname(name);
    if let Some(time) = time {
        suite.set_time(time);
        case.set_time(time);
    }
    suite.add_test_case(case);
    suite
}

/// Writes suites as one document.
pub fn write(out: &Path, suites: Vec<TestSuite>) -> Result<(), Failure> {
    let mut report = quick_junit::Report::new("crosswire");
    report.add_test_suites(suites);
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("cannot write {}: {error}", out.display()))
    };
    let text = report.to_string().map_err(|error| failed(&error))?;
    std::fs::write(out, text).map_err(|error| failed(&error))
}
