//! Messages of a test whose scenario did not pass.

use crosswire_engine::FAILURES;
use crosswire_explore::{CrashReport, Found, IdleFault, LostCapability, Report, save};
use crosswire_model::{Limit, Record, Verdict};
use crosswire_report::{Palette, crashes, quoted, text};
use std::env;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Names the file whose run a test is to replay instead of exploring.
pub(super) const REPLAY: &str = "CROSSWIRE_REPLAY";

/// Returns the line that replays a recorded run of a scenario: it leads to the test, or
/// to the program, that describes the scenario.
pub fn replay_command(record: &Record, file: &Path) -> String {
    let file = quoted(&file.display().to_string());
    let command = record.programs.first().map(|program| &program.command[..]);
    match command.unwrap_or_default() {
        [_, exact, test, ..] if exact == "--exact" => {
            format!("{REPLAY}={file} cargo test {test} -- --exact")
        }
        words => {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            format!("{REPLAY}={file} {}", words.join(" "))
        }
    }
}

/// Describes the failure, if there is one. `withheld` are variables that the processes
/// did not get.
pub(super) fn of(name: &str, report: &Report, withheld: &[String]) -> Option<String> {
    let found = report.found.iter().map(|found| {
        let text = text::finding(found, None, Palette::PLAIN);
        finding(name, &text, found)
    });
    let given_up: u64 = report.inconclusive.iter().map(|(_, runs)| runs).sum();
    let runs = (report.runs, given_up);
    let mut said = of_verdict(name, &report.verdict, found.collect(), runs)?;
    for IdleFault { fault, reason, .. } in &report.idle_faults {
        writeln!(said, "  never injected: {fault}, because {reason}").expect("writing to a string");
    }
    for note in &report.notes {
        writeln!(said, "  {note}").expect("writing to a string");
    }
    Some(said + &circumstances(&report.capabilities_lost, withheld))
}

/// Describes the failures of a search for fatal crashes, if there are any.
pub(super) fn of_crashes(name: &str, report: &CrashReport, withheld: &[String]) -> Option<String> {
    let found = report.groups.iter().map(|group| {
        let text = crashes::describe(group, None, true, Palette::PLAIN);
        finding(name, &text, &group.found)
    });
    let given_up: u64 = report.inconclusive.iter().map(|(_, runs)| runs).sum();
    let runs = (report.runs, given_up);
    let said = of_verdict(name, &report.verdict, found.collect(), runs)?;
    let tally = report.single;
    let points = format!(
        "  `{}` was killed at {} points, under {} schedules; {} fail\n",
        report.victim.as_deref().unwrap_or_default(),
        tally.points,
        report.schedules,
        tally.failing
    );
    Some(said + &points + &circumstances(&report.capabilities_lost, withheld))
}

/// Describes the failure by its verdict. The numbers are those of all runs, and of the
/// abandoned ones.
fn of_verdict(
    name: &str,
    verdict: &Verdict,
    found: Vec<String>,
    (runs, given_up): (u64, u64),
) -> Option<String> {
    Some(match verdict {
        Verdict::Pass => return None,
        Verdict::Violation(_) => found.join("\n"),
        Verdict::Inconclusive(Limit::Faults) => format!(
            "scenario `{name}` is inconclusive: in {runs} runs none of its faults was injected. \
             Accept that with `Faults::where_possible`\n",
        ),
        Verdict::Inconclusive(limit) => format!(
            "scenario `{name}` is inconclusive: of {runs} runs, {given_up} reached the limit of \
             {limit}; no violation is known. Raise it with `.limits(…)`, or look for a process \
              that runs forever\n",
        ),
        Verdict::Invalid(reason) => {
            format!("scenario `{name}` could not be judged, so its verdict is unknown: {reason}\n")
        }
    })
}

/// Describes the circumstances of the runs.
fn circumstances(lost: &[LostCapability], withheld: &[String]) -> String {
    let mut said = String::new();
    for capability in lost {
        writeln!(said, "  {capability}").expect("writing to a string");
    }
    if !withheld.is_empty() {
        let names = withheld.join(", ");
        writeln!(
            said,
            "  withheld from the processes, because replay files contain the environment: {names} \
             (`.pass_env(NAME)` passes one on)"
        )
        .expect("writing to a string");
    }
    said
}

/// Returns a finding in words, and how to see it again.
fn finding(name: &str, text: &str, found: &Found) -> String {
    let mut said = format!("scenario `{name}`: {text}");
    let outcome = match save(&found.record, &found.violation.kind, &directory()) {
        Ok(file) => {
            let command = replay_command(&found.record, &file);
            writeln!(said, "  replay it: {command}")
        }
        Err(error) => writeln!(
            said,
            "  cannot replay it, because its file cannot be written: {error}"
        ),
    };
    outcome.expect("writing to a string");
    said
}

/// Returns the directory for replay files: `crosswire` in the build directory, else the
/// working directory. Cargo always leaves a note on the compiler in its build directory,
/// but the cache tag only if it made the directory itself.
fn directory() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .find(|directory| {
            [".rustc_info.json", "CACHEDIR.TAG"]
                .iter()
                .any(|file| directory.join(file).is_file())
        })
        .map_or_else(
            || PathBuf::from(FAILURES),
            |target| target.join("crosswire"),
        )
}
