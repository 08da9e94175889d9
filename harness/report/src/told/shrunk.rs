//! Report on shrinking.

use crate::data::json::{ViolationEntry, entry, tested_causes};
use crate::escape::escape;
use crate::told::fold::line;
use crate::told::story::story;
use crate::told::text::{causes, circumstances, counted, headline, names_in_plans, replay_line};
use crate::{Explanation, Palette};
use crosswire_explore::Reduced;
use crosswire_model::{FORMAT_VERSION, Names, Record};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// For people: what is left, as a list of what to do.
pub fn text(before: &Record, reduced: &Reduced, file: &Path, palette: Palette) -> String {
    let names = Names::of(&reduced.record.trace);
    let violation = names.of_violation(&reduced.violation);
    let record = names.of_record(&reduced.record);
    let mut text = headline(&violation, palette);
    let (was, is) = (size(before), size(&reduced.record));
    let finished = match reduced.finished {
        true => "no simpler run fails",
        false => "stopped before everything was tried",
    };
    line(
        &mut text,
        &format!(
            "  {} and {} became {} and {}, {} tried; {finished}",
            counted(was.0, "fault"),
            counted(was.1, "decision"),
            counted(is.0, "fault"),
            counted(is.1, "decision"),
            counted(reduced.tried, "run"),
        ),
    );
    let explanation = Explanation::of_record(&record, Some(&violation));
    text += &causes(&explanation);
    text += &circumstances(&record);
    line(&mut text, "  how to reproduce it:");
    for sentence in story(&record.trace) {
        line(&mut text, &format!("    {}", escape(&sentence)));
    }
    text += &names_in_plans(&explanation, &names);
    text += &replay_line(Some(file), palette);
    text
}

fn size(record: &Record) -> (u64, u64) {
    let decisions = (record.trace.deviations.len() + record.trace.delays().len()) as u64;
    (record.plan.faults.len() as u64, decisions)
}

/// The JSON form of what shrinking has come to.
#[derive(Debug, Clone, Serialize)]
pub struct Shrunk {
    /// Version of this form.
    pub format_version: u32,
    /// `violation`: nothing else is shrunk.
    pub verdict: &'static str,
    /// Runs that were tried.
    pub runs: u64,
    /// True if nothing simpler was left to try.
    pub finished: bool,
    /// Decisions against the default order before.
    pub deviations_before: usize,
    /// The shrunk failure, as a list of steps that reproduce it.
    pub story: Vec<String>,
    /// The failure.
    pub violations: Vec<ViolationEntry>,
}

/// For programs.
pub fn json(before: &Record, reduced: &Reduced, file: PathBuf) -> Shrunk {
    Shrunk {
        format_version: FORMAT_VERSION,
        verdict: reduced.record.verdict.word(),
        runs: reduced.tried,
        finished: reduced.finished,
        deviations_before: before.trace.deviations.len(),
        story: story(&Names::of(&reduced.record.trace).of_trace(&reduced.record.trace)),
        violations: vec![ViolationEntry {
            replayed: true,
            last_lines: reduced.last_lines.clone(),
            replay_file: Some(file),
            tested_causes: tested_causes(&reduced.record, &reduced.violation),
            ..entry(&reduced.violation, &reduced.record, &reduced.record.trace)
        }],
    }
}
