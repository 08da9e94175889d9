//! Results as JUnit XML, which CI systems display.
//!
//! Each broken promise is a failed case, with the explanation as its text. A result
//! without a verdict is an error, never a pass.

use crate::failure::Failure;
use crosswire::explore::Report;
use crosswire::model::{Record, Verdict};
use crosswire::report::{Palette, escape, text};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One case of the results.
struct Case {
    name: String,
    status: TestCaseStatus,
}

fn passed(name: &str) -> Case {
    Case {
        name: name.to_owned(),
        status: TestCaseStatus::success(),
    }
}

fn failed(kind: NonSuccessKind, name: &str, message: &str, description: &str) -> Case {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(name);
    status.set_message(escape(message));
    status.set_description(description);
    Case {
        name: name.to_owned(),
        status,
    }
}

/// Builds the results of an exploration; `files` are the replay files of its findings.
pub fn of_report(report: &Report, files: &[Option<PathBuf>], suite: &str) -> TestSuite {
    let mut cases: Vec<Case> = Vec::new();
    for (number, found) in report.found.iter().enumerate() {
        let file = files.get(number).and_then(Option::as_deref);
        let told = text::finding(found, file, Palette::PLAIN);
        let violation = &found.violation;
        cases.push(failed(
            NonSuccessKind::Failure,
            &violation.kind.to_string(),
            &violation.sentence,
            &told,
        ));
    }
    if cases.is_empty() {
        cases.push(unless_passed(
            &report.verdict,
            &text::summary(report, Palette::PLAIN),
        ));
    }
    suite_of(suite, cases, Some(report.elapsed))
}

/// Builds the results of one recorded run.
pub fn of_record(record: &Record, file: Option<&Path>, suite: &str) -> TestSuite {
    let Verdict::Violation(violations) = &record.verdict else {
        let told = text::explanation(record, file, Palette::PLAIN);
        return suite_of(suite, vec![unless_passed(&record.verdict, &told)], None);
    };
    let told = text::explanation(record, file, Palette::PLAIN);
    let cases = violations.iter().map(|violation| {
        let kind = violation.kind.to_string();
        failed(NonSuccessKind::Failure, &kind, &violation.sentence, &told)
    });
    suite_of(suite, cases.collect(), None)
}

/// Builds the case of a verdict without findings.
fn unless_passed(verdict: &Verdict, told: &str) -> Case {
    const NAME: &str = "no violation";
    match verdict {
        Verdict::Pass => passed(NAME),
        Verdict::Invalid(reason) => failed(NonSuccessKind::Error, NAME, reason, told),
        Verdict::Inconclusive(limit) => {
            let message = format!("the limit on {limit} was reached");
            failed(NonSuccessKind::Error, NAME, &message, told)
        }
        Verdict::Violation(_) => failed(NonSuccessKind::Failure, NAME, "violation", told),
    }
}

fn suite_of(name: &str, cases: Vec<Case>, time: Option<Duration>) -> TestSuite {
    let mut suite = TestSuite::new(name);
    if let Some(time) = time {
        suite.set_time(time);
    }
    for Case { name: case, status } in cases {
        // Without a class some CI systems show nothing.
        let mut case = TestCase::new(case, status);
        case.set_classname(name);
        suite.add_test_case(case);
    }
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
