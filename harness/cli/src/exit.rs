//! Exit statuses of the command. These numbers are part of the interface: scripts and CI
//! depend on them, so they never change their meaning.

use crosswire::model::Verdict;

/// No check found a violation.
pub const PASS: u8 = 0;

/// A program under test broke a rule, and the run that shows it was
/// replayed with the same result.
pub const VIOLATION: u8 = 1;

/// The command line, or a file or program that it names, cannot be used. Nothing
/// was tested.
pub const USAGE: u8 = 2;

/// Crosswire could not do its job: a replay diverged, the machine does not
/// permit what is needed, … Says nothing about the programs under test.
pub const INVALID: u8 = 3;

/// A limit was reached before there was a verdict.
pub const INCONCLUSIVE: u8 = 4;

/// Stopped by Ctrl-C or SIGTERM before a violation was found. (A violation found
/// before is reported, and gives [`VIOLATION`].) As shells count a death of SIGINT.
pub const INTERRUPTED: u8 = 130;

/// Returns the status of a verdict.
pub fn of(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Pass => PASS,
        Verdict::Violation(_) => VIOLATION,
        Verdict::Invalid(_) => INVALID,
        Verdict::Inconclusive(_) => INCONCLUSIVE,
    }
}

/// Returns the status of an exploration that may have been interrupted.
pub fn of_exploration(verdict: &Verdict, interrupted: bool) -> u8 {
    match verdict {
        Verdict::Violation(_) => VIOLATION,
        _ if interrupted => INTERRUPTED,
        other => of(other),
    }
}
