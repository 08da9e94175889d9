//! Comparison of two recorded runs of the same programs: the step at which they diverge,
//! and the decisions that only one of them has.

use crate::escape::escape;
use crate::told::fold::line;
use crate::told::text::counted;
use crate::{Explanation, Palette};
use crosswire_model::{Deviation, Event, FORMAT_VERSION, Fault, Names, Record, Trace};
use serde::Serialize;

/// Events before the parting that are shown.
const BEFORE: usize = 3;

/// And after it, of each run.
const AFTER: usize = 6;

/// Two runs compared.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Version of this form.
    pub format_version: u32,
    /// True if both runs are the same.
    pub same: bool,
    /// The first step that differs; `None` if none does.
    pub first_step: Option<u64>,
    /// The first event that differs, as an index into both traces.
    pub first_event: Option<usize>,
    /// The verdicts.
    pub verdicts: [&'static str; 2],
    /// Decisions of the first run only.
    pub only_first: Decisions,
    /// Decisions of the second run only.
    pub only_second: Decisions,
}

/// Decisions that distinguish a run from the default schedule without faults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Decisions {
    /// Steps taken by another task than the default one.
    pub deviations: Vec<Decision>,
    /// Injected faults.
    pub faults: Vec<String>,
}

/// One deviation, in names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The step.
    pub step: u64,
    /// Process that takes the step.
    pub process: String,
}

/// Compares two recordings of the same programs. Decisions after the step at which
/// they part speak of different situations, so they all count; those before it are
/// the same by definition.
pub fn compare(first: &Record, second: &Record) -> Comparison {
    let (a, b) = (&first.trace, &second.trace);
    let parting = parting(a, b);
    let step_at = |trace: &Trace, at: usize| trace.events.get(at).map(|event| event.step);
    let first_step = parting.and_then(|at| step_at(a, at).into_iter().chain(step_at(b, at)).min());
    Comparison {
        format_version: FORMAT_VERSION,
        same: parting.is_none() && a.end == b.end,
        first_step,
        first_event: parting,
        verdicts: [first.verdict.word(), second.verdict.word()],
        only_first: only(first, second),
        only_second: only(second, first),
    }
}

fn parting(a: &Trace, b: &Trace) -> Option<usize> {
    let differs = |(x, y): (&Event, &Event)| x != y;
    let common = a.events.iter().zip(&b.events).position(differs);
    let shorter = a.events.len().min(b.events.len());
    common.or((a.events.len() != b.events.len()).then_some(shorter))
}

fn only(this: &Record, other: &Record) -> Decisions {
    let is_new = |deviation: &&Deviation| !other.trace.deviations.contains(deviation);
    let deviations = this.trace.deviations.iter().filter(is_new);
    let struck = |fault: &&Fault| {
        !this.trace.unused_faults.contains(fault) && !other.plan.faults.contains(fault)
    };
    Decisions {
        deviations: deviations
            .map(|deviation| Decision {
                step: deviation.step,
                process: this.trace.name(deviation.task),
            })
            .collect(),
        faults: this
            .plan
            .faults
            .iter()
            .filter(struck)
            .map(Fault::to_string)
            .collect(),
    }
}

/// For people. `names` are what the two are called.
pub fn text(first: &Record, second: &Record, names: [&str; 2], palette: Palette) -> String {
    let comparison = compare(first, second);
    let mut text = String::new();
    for (name, verdict) in names.iter().zip(comparison.verdicts) {
        line(&mut text, &format!("{}: {verdict}", escape(name)));
    }
    let Some(at) = comparison.first_event else {
        let said = match comparison.same {
            true => "both runs are the same",
            false => "both runs took the same steps but ended differently",
        };
        line(&mut text, said);
        return text;
    };
    let step = comparison.first_step.unwrap_or_default();
    let same = match step {
        0 => "the runs diverge at the first step".to_owned(),
        _ => format!(
            "{} in common; the runs diverge at step {step}",
            counted(step, "step")
        ),
    };
    line(&mut text, &palette.strong(&same));
    text.push('\n');
    let shown = [first, second].map(|record| Names::of(&record.trace).of_record(record));
    let explanations = shown.each_ref().map(|r| Explanation::of_record(r, None));
    for index in at.saturating_sub(BEFORE)..at {
        text += &palette.faint(&event(&explanations[0], index, ' '));
        text.push('\n');
    }
    for ((explanation, name), sign) in explanations.iter().zip(names).zip(['-', '+']) {
        line(&mut text, &format!("       {sign}  {}", escape(name)));
        let events = &explanation.trace.events;
        for index in at..events.len().min(at + AFTER) {
            text += &event(explanation, index, sign);
            text.push('\n');
        }
        match events.len().saturating_sub(at + AFTER) {
            0 => {}
            more => line(
                &mut text,
                &format!("          … {}", counted(more as u64, "further event")),
            ),
        }
    }
    text.push('\n');
    for (name, only) in names
        .iter()
        .zip([&comparison.only_first, &comparison.only_second])
    {
        text += &told(name, only);
    }
    text
}

fn event(explanation: &Explanation<'_>, index: usize, sign: char) -> String {
    let event = &explanation.trace.events[index];
    let name = escape(&explanation.trace.name(event.task));
    let words = explanation.words(index, 84_usize.saturating_sub(name.chars().count()));
    format!("{:>6} {sign}  {name}  {words}", event.step)
}

fn told(name: &str, only: &Decisions) -> String {
    let mut text = String::new();
    let faults = only.faults.iter().map(|fault| format!("the fault {fault}"));
    let decisions = only
        .deviations
        .iter()
        .map(|one| format!("step {} by `{}`", one.step, one.process));
    let all: Vec<String> = faults.chain(decisions).collect();
    let said = match all.is_empty() {
        true => "nothing".to_owned(),
        false => all.join(", "),
    };
    line(
        &mut text,
        &format!("decisions only in {}: {}", escape(name), escape(&said)),
    );
    text
}
