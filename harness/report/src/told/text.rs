//! Reports for people.

pub use crate::told::shrunk::text as shrunk;
pub use crate::told::summary::{first_run, summary};

use crate::escape::{escape, quoted, shorten};
use crate::told::fold::line;
use crate::told::stacks::stacks;
use crate::told::timeline::{WIDTH, shown_tasks, timeline};
use crate::told::{races, refused};
use crate::{Explanation, Palette};
use crosswire_explore::{Found, LastLines, Replay};
use crosswire_model::{Kind, Limit, Names, Record, Stack, Verdict, Violation};
use std::fmt::Write;
use std::path::Path;

/// Returns everything about one finding: what is wrong, the steps that led there, who
/// waits for whom, and how to see it again. `file` is its replay file, if one was
/// written.
pub fn finding(found: &Found, file: Option<&Path>, palette: Palette) -> String {
    let (found, names) = &named(found);
    let (violation, record) = (&found.violation, &found.record);
    let explanation = Explanation::of_record(record, Some(violation));
    let mut text = headline(violation, palette);
    text += &causes(&explanation);
    let runs = match found.count {
        1 => String::new(),
        count => format!(", the simplest of {count} runs"),
    };
    let replayed = match found.replayed {
        true => "; replayed: same verdict, same trace",
        false => "; not replayed yet",
    };
    let shrunk = match found.shrunk {
        Some(tried) => format!("; shrunk by trying {}", counted(tried, "run")),
        None => String::new(),
    };
    let sought = match &record.inquiry {
        Some(inquiry) => format!("; causes sought in {}", counted(inquiry.tried, "run")),
        None => String::new(),
    };
    line(
        &mut text,
        &format!(
            "  found in run {}{runs}{shrunk}{sought}{replayed}",
            found.run
        ),
    );
    text + &evidence(found, names, file, true, palette)
}

/// Returns a finding as a reader is shown it, and the names that differ from those in plans.
pub(crate) fn named(found: &Found) -> (Found, Names) {
    let names = Names::of(&found.record.trace);
    let shown = Found {
        violation: names.of_violation(&found.violation),
        record: names.of_record(&found.record),
        ..found.clone()
    };
    (shown, names)
}

/// Describes the evidence of a finding: the circumstances, the steps if requested, and
/// the replay command.
pub(crate) fn evidence(
    found: &Found,
    names: &Names,
    file: Option<&Path>,
    with_steps: bool,
    palette: Palette,
) -> String {
    let (violation, record) = (&found.violation, &found.record);
    let mut text = circumstances(record);
    if with_steps {
        let explanation = Explanation::of_record(record, Some(violation));
        text += &body(&explanation, names, violation, palette);
        text += &printed(violation, &found.last_lines);
        text += &refused::text(&record.trace);
        text += &races::missing_fences(&record.trace, &record.places);
        text += &races::text(&record.trace, &record.places);
        text += &stacks(&record.trace, &record.stacks);
    }
    text + &replay_line(file, palette)
}

/// Returns the last lines that were printed, where they may explain how a process ended.
fn printed(violation: &Violation, last_lines: &LastLines) -> String {
    let mut text = String::new();
    if !matches!(
        violation.kind,
        Kind::ExitStatus | Kind::Panic | Kind::FatalSignal
    ) || last_lines.is_empty()
    {
        return text;
    }
    for (stream, lines) in [
        ("standard error", &last_lines.stderr),
        ("standard output", &last_lines.stdout),
    ] {
        if !lines.is_empty() {
            line(&mut text, &format!("  last on {stream}:"));
        }
        for content in lines {
            let content = shorten(&escape(content), WIDTH - 4);
            writeln!(text, "    {content}").expect("strings accept everything");
        }
    }
    text.push('\n');
    text
}

/// Describes one finding without its steps, for when there are many.
pub fn brief(found: &Found, file: Option<&Path>, palette: Palette) -> String {
    let names = Names::of(&found.record.trace);
    let violation = names.of_violation(&found.violation);
    headline(&violation, palette) + &replay_line(file, palette)
}

pub(crate) fn replay_line(file: Option<&Path>, palette: Palette) -> String {
    let Some(file) = file else {
        return String::new();
    };
    let command = replay_command(&file.display().to_string());
    // Never folded: it is there to be copied.
    format!("  replay it: {}\n", palette.strong(&command))
}

/// Describes a recorded run without performing it again.
pub fn explanation(record: &Record, file: Option<&Path>, palette: Palette) -> String {
    let names = Names::of(&record.trace);
    let record = &names.of_record(record);
    let mut text = String::new();
    let violations = match &record.verdict {
        Verdict::Violation(violations) => &violations[..],
        other => {
            text += &verdict_line(other, palette);
            text += &circumstances(record);
            let explanation = Explanation::of_record(record, None);
            text += &unfinished(&explanation, &names, &record.stacks, palette);
            text += &replay_line(file, palette);
            return text;
        }
    };
    for violation in violations {
        let explanation = Explanation::of_record(record, Some(violation));
        text += &headline(violation, palette);
        text += &causes(&explanation);
        text += &circumstances(record);
        text += &body(&explanation, &names, violation, palette);
        text += &printed(violation, &explanation.last_lines());
        text += &refused::text(&record.trace);
        text += &replay_line(file, palette);
        text.push('\n');
    }
    text.pop();
    text
}

/// Describes the result of a replay.
pub fn replay(record: &Record, replay: &Replay, palette: Palette) -> String {
    let mut text = String::new();
    let names = Names::of(&replay.run.trace);
    let trace = &names.of_trace(&replay.run.trace);
    let seen = &replay.run.seen;
    match &names.of_verdict(&replay.verdict) {
        Verdict::Violation(violations) => {
            let first = violations.first();
            // What was tested are steps of the recorded run.
            let is_same = replay.difference.is_none();
            let inquiry = record.inquiry.as_ref().filter(|_| is_same);
            let explanation = Explanation::of(trace, seen, inquiry, first);
            for violation in violations {
                text += &headline(violation, palette);
            }
            text += &causes(&explanation);
            text += &sameness(replay);
            text += &circumstances(record);
            if let Some(violation) = first {
                text += &body(&explanation, &names, violation, palette);
                text += &printed(violation, &LastLines::of(&replay.run));
                text += &refused::text(trace);
                text += &races::missing_fences(trace, &record.places);
                text += &races::text(trace, &record.places);
                text += &stacks(trace, &replay.stacks);
            }
        }
        other => {
            text += &verdict_line(other, palette);
            text += &sameness(replay);
            text.push('\n');
            let explanation = Explanation::of(trace, seen, None, None);
            text += &unfinished(&explanation, &names, &replay.stacks, palette);
        }
    }
    text
}

/// Tells whether a replay matched the recording. An `Invalid` verdict itself gives the
/// reason why it did not.
fn sameness(replay: &Replay) -> String {
    let mut text = String::new();
    match (&replay.difference, &replay.changed[..]) {
        (None, []) => line(&mut text, "  replayed: same verdict, same trace"),
        (None, changed) => {
            let changed = escape(&changed.join(", "));
            line(
                &mut text,
                &format!("  {changed} has changed since the recording; same verdict, same trace"),
            );
        }
        (Some(_), []) => {}
        (Some(difference), changed) => {
            let changed = escape(&changed.join(", "));
            let difference = escape(difference);
            line(
                &mut text,
                &format!("  {changed} has changed since the recording, {difference}"),
            );
        }
    }
    text
}

/// Returns the first line about what may have been interrupted: what has not been tried has not
/// passed.
pub(crate) fn ended_line(verdict: &Verdict, interrupted: bool, palette: Palette) -> String {
    let mut text = String::new();
    match verdict {
        Verdict::Pass if interrupted => {
            let head = palette.doubtful("INTERRUPTED");
            line(&mut text, &format!("{head}: no violation so far"));
            text
        }
        verdict => verdict_line(verdict, palette),
    }
}

/// `PASS`, or what is wrong.
pub(crate) fn verdict_line(verdict: &Verdict, palette: Palette) -> String {
    let mut text = String::new();
    match verdict {
        Verdict::Pass => line(&mut text, &palette.good("PASS")),
        Verdict::Violation(violations) => {
            let count = counted(violations.len() as u64, "violation");
            line(&mut text, &palette.bad(&format!("VIOLATION: {count}")));
        }
        Verdict::Inconclusive(Limit::Faults) => {
            let head = palette.doubtful("INCONCLUSIVE");
            line(
                &mut text,
                &format!("{head}: none of the faults asked for was injected"),
            );
        }
        Verdict::Inconclusive(Limit::Shards) => {
            let head = palette.doubtful("INCONCLUSIVE");
            let why = "parts of the exploration are missing or not finished";
            line(&mut text, &format!("{head}: {why}"));
        }
        Verdict::Inconclusive(Limit::Budget) => {
            let head = palette.doubtful("INCONCLUSIVE");
            line(&mut text, &format!("{head}: the budget was used up"));
        }
        Verdict::Inconclusive(limit) => {
            let head = palette.doubtful("INCONCLUSIVE");
            line(
                &mut text,
                &format!("{head}: the limit on {limit} was reached"),
            );
        }
        Verdict::Invalid(reason) => {
            let head = palette.doubtful("INVALID");
            line(&mut text, &format!("{head}: {}", escape(reason)));
        }
    }
    text
}

/// Returns the headline of a violation, in the checker's words.
pub(crate) fn headline(violation: &Violation, palette: Palette) -> String {
    let kind = escape(&violation.kind.to_string());
    let head = format!("VIOLATION {kind}:");
    let sentence = escape(&violation.sentence);
    // Some sentences begin with the kind of violation.
    let sentence = sentence
        .strip_prefix(&format!("{kind}: "))
        .unwrap_or(&sentence);
    let mut text = String::new();
    line(&mut text, &format!("{head} {sentence}"));
    // Painted when folded, so that the colour does not count.
    text.replacen(&head, &palette.bad(&head), 1)
}

/// Describes the causes of the violation.
pub(crate) fn causes(explanation: &Explanation<'_>) -> String {
    let mut text = String::new();
    for (word, sentence) in explanation.told_causes() {
        line(&mut text, &format!("  {word}: {sentence}"));
    }
    text
}

/// Returns the plan's faults and how far its schedule is from the default.
pub(crate) fn circumstances(record: &Record) -> String {
    let mut text = String::new();
    for part in circumstances_of(record) {
        line(&mut text, &format!("  {part}"));
    }
    text
}

/// Describes the circumstances in one line.
pub(crate) fn in_circumstances(record: &Record) -> String {
    circumstances_of(record).join("; ")
}

fn circumstances_of(record: &Record) -> Vec<String> {
    let faults = record.plan.faults.iter().map(|fault| {
        let missed = match record.trace.unused_faults.contains(fault) {
            true => " (not injected: no matching point)",
            false => "",
        };
        format!("with the fault {}{missed}", escape(&fault.to_string()))
    });
    let decisions = record.trace.deviations.len() as u64;
    let schedule = match decisions {
        0 => "default schedule".to_owned(),
        1 => "1 scheduling decision differs from the default".to_owned(),
        _ => format!("{decisions} scheduling decisions differ from the default"),
    };
    let steps = counted(record.trace.steps, "step");
    let events = &record.trace.events;
    let split = (0..events.len()).filter(|event| record.trace.is_split(*event));
    let split = split.count();
    let buffered = match record.trace.delays().len() - split {
        0 => String::new(),
        1 => ", 1 store waits in a store buffer".to_owned(),
        stores => format!(", {stores} stores wait in store buffers"),
    };
    let split = match split {
        0 => String::new(),
        1 => ", 1 instruction loads and stores in two steps".to_owned(),
        all => format!(", {all} instructions load and store in two steps"),
    };
    let told = format!("{schedule}{buffered}{split}, {steps}");
    faults.chain([told]).collect()
}

/// Shows the timeline and whatever else the checker has to say.
fn body(
    explanation: &Explanation<'_>,
    names: &Names,
    violation: &Violation,
    palette: Palette,
) -> String {
    let mut text = String::from("\n");
    text += &timeline(explanation, palette);
    text += &names_in_plans(explanation, names);
    text.push('\n');
    for detail in &violation.details {
        for part in detail.lines() {
            line(&mut text, &format!("  {}", escape(part)));
        }
    }
    if !text.ends_with("\n\n") {
        text.push('\n');
    }
    text
}

/// Describes a run in which nothing was found to be wrong; of one that a limit has cut off, who
/// was running and who waits for what.
fn unfinished(
    explanation: &Explanation<'_>,
    names: &Names,
    found: &[Stack],
    palette: Palette,
) -> String {
    let mut text = String::new();
    let standing = explanation.unfinished.as_ref();
    if let Some(standing) = standing {
        line(&mut text, &format!("  {}", escape(&standing.sentence)));
    }
    text.push('\n');
    text += &timeline(explanation, palette);
    text += &names_in_plans(explanation, names);
    if let Some(standing) = standing {
        text.push('\n');
        for detail in &standing.details {
            line(&mut text, &format!("  {}", escape(detail)));
        }
        text.push('\n');
        text += &stacks(explanation.trace, found);
    }
    text
}

/// Says how plans name the processes of a timeline that it calls by their programs.
pub(crate) fn names_in_plans(explanation: &Explanation<'_>, names: &Names) -> String {
    let tasks = shown_tasks(explanation);
    let told = names.of_tasks(explanation.trace, &tasks).into_iter();
    let told = told.map(
        |(shown, plans)| match shown.ends_with(&format!("({plans})")) {
            true => String::new(),
            false => format!("`{}` is {}", escape(shown), escape(plans)),
        },
    );
    let told: Vec<String> = told.filter(|told| !told.is_empty()).collect();
    let mut text = String::new();
    if !told.is_empty() {
        line(
            &mut text,
            &format!("  in faults and plans {}", told.join(", ")),
        );
    }
    text
}

/// Writes the line that replays the violation.
pub fn replay_command(file: &str) -> String {
    format!("crosswire replay {}", quoted(file))
}

pub(crate) fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
