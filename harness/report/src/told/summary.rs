//! The end of a report: what was done, and what it is worth.

use crate::Palette;
use crate::escape::{escape, quoted};
use crate::told::about::about;
use crate::told::fold::line;
use crate::told::text::{counted, ended_line};
use crosswire_explore::{
    Coverage, Exhaustion, FirstRun, GivenUp, Guarantee, IdleFault, LostCapability, Relevance,
    Report, Shards,
};
use crosswire_model::{Limit, Verdict, Wrapper};
use crosswire_world::grouped;
use std::collections::BTreeMap;

/// Returns the sums of an exploration, in two or three lines.
pub fn summary(report: &Report, palette: Palette) -> String {
    let mut text = ended_line(&report.verdict, report.interrupted, palette);
    let seconds = report.elapsed.as_secs_f64();
    line(
        &mut text,
        &format!(
            "  {} in {seconds:.1} s ({:.0}/s), {}, {}, seed {}",
            counted(report.runs, "run"),
            report.runs_per_second(),
            counted(report.steps, "schedule point"),
            counted(report.distinct_traces, "different trace"),
            report.seed
        ),
    );
    if let Some(shards) = &report.shards {
        line(&mut text, &format!("  {}", merged(shards)));
    }
    if let Some(relevance) = &report.relevance {
        line(&mut text, &escape(&format!("  {}", mattering(relevance))));
    }
    let tried = match report.faults.possible {
        0 => "are tried in few runs",
        _ => "are tried with --every-step only",
    };
    text += &passed_over(&report.wrappers, tried);
    let faults = report.faults;
    if faults.planned > 0 || faults.possible > 0 {
        line(
            &mut text,
            &format!(
                "  {} possible{}, {} planned, {} injected",
                counted(faults.possible, "fault"),
                match faults.classes < faults.possible {
                    true => format!(" in {}", counted_classes(faults.classes)),
                    false => String::new(),
                },
                faults.planned,
                faults.struck
            ),
        );
    }
    for IdleFault { fault, reason, .. } in &report.idle_faults {
        let idle = format!("  never injected: {fault}, because {reason}");
        line(&mut text, &escape(&idle));
    }
    if let Some(guarantee) = guaranteed(&report.guarantee) {
        line(&mut text, &format!("  {guarantee}"));
    }
    if let Some(coverage) = covered(&report.coverage) {
        line(&mut text, &format!("  {coverage}"));
    }
    if let Some(exhaustion) = &report.exhaustion {
        line(&mut text, &format!("  {}", escape(&exhausted(exhaustion))));
    }
    text += &given_up(&report.given_up, palette);
    text += &shortfalls(
        &report.verdict,
        &report.inconclusive,
        (report.invalid, report.invalid_reason.as_deref()),
    );
    text += &unjudged(&report.excused, &report.allowed);
    if report.dropped > 0 {
        line(
            &mut text,
            &format!("  {} more not kept", counted(report.dropped, "violation")),
        );
    }
    for note in &report.notes {
        line(&mut text, &format!("  {}", escape(note)));
    }
    text += &losses(&report.capabilities_lost);
    if report.interrupted {
        line(&mut text, "  interrupted: these are the results so far");
    }
    text
}

/// Shows how the processes of the first run ended, and what they printed.
pub fn first_run(first: &FirstRun) -> String {
    let mut text = String::new();
    line(&mut text, "run 0, in the plain order:");
    for (process, end) in &first.ends {
        line(&mut text, &escape(&format!("  {process}: {end}")));
    }
    for (name, output) in [
        ("standard output", &first.stdout),
        ("standard error", &first.stderr),
    ] {
        match output.is_empty() {
            true => line(&mut text, &format!("  {name}: nothing")),
            false => line(&mut text, &format!("  {name}:")),
        }
        for one in output.lines() {
            text += &format!("    {}\n", escape(one));
        }
    }
    text
}

/// Says which parts the report was merged from, and what to do about the others.
fn merged(shards: &Shards) -> String {
    let numbers = |parts: &[u64]| {
        let parts = parts.iter().map(|number| format!("{number}/{}", shards.of));
        parts.collect::<Vec<_>>().join(", ")
    };
    let mut told = format!("merged from {} of {} parts", shards.merged.len(), shards.of);
    if !shards.missing.is_empty() {
        told += &format!("; missing: {}", numbers(&shards.missing));
    }
    if !shards.unfinished.is_empty() {
        let unfinished = numbers(&shards.unfinished);
        told += &format!("; not finished: {unfinished} (run with --continue)");
    }
    told
}

/// Says how many steps can matter, and because of what.
fn mattering(relevance: &Relevance) -> String {
    /// Objects that are told.
    const MOST: usize = 6;
    let numbers = format!(
        "{} of {} can matter",
        relevance.mattering,
        counted(relevance.steps, "schedule point")
    );
    let objects = relevance.objects.iter();
    // The files themselves say as much as their names.
    let told = objects.filter(|object| !object.starts_with("name "));
    let mut told: Vec<&str> = told.map(String::as_str).collect();
    // What belongs to a process is contested wherever somebody waits for it.
    told.sort_by_key(|object| object.ends_with('`'));
    let left = match told.len().saturating_sub(MOST) {
        0 => String::new(),
        left => format!(", and {left} more"),
    };
    let told = told[..told.len().min(MOST)].join(", ");
    match told.is_empty() {
        true => numbers,
        false => format!("{numbers}: {told}{left}"),
    }
}

/// Says with which programs processes begin that take many steps before, and what becomes of
/// these.
pub(crate) fn passed_over(wrappers: &[Wrapper], steps_are: &str) -> String {
    /// Fewer steps are not worth telling.
    const MANY: u64 = 100;
    let mut text = String::new();
    for wrapper in wrappers.iter().filter(|one| one.steps >= MANY) {
        let told = format!(
            "  {} begins with {}: {} before that concern nobody else, and {steps_are}",
            wrapper.process,
            wrapper.executes,
            counted(wrapper.steps, "schedule point")
        );
        line(&mut text, &escape(&told));
    }
    text
}

/// Returns the estimate of what is left in words.
fn estimated(exhaustion: &Exhaustion) -> String {
    let what = match exhaustion.preemptions {
        None => "classes",
        Some(_) => "orders",
    };
    match exhaustion.estimated {
        // A part that has been read from a file without one.
        0 => String::new(),
        estimated => format!(", by estimate about {} {what}", about(estimated)),
    }
}

/// Returns a number of classes in words.
pub(crate) fn counted_classes(number: u64) -> String {
    counted(number, "class").replace("classs", "classes")
}

/// Describes the combined guarantee of the runs with random priorities.
fn guaranteed(guarantee: &Guarantee) -> Option<String> {
    let chances: Vec<String> = guarantee
        .chances()
        .iter()
        .map(|chance| {
            format!(
                "{} with probability {}",
                chance.depth,
                percent(chance.probability)
            )
        })
        .collect();
    let runs: u64 = guarantee.runs.values().sum();
    let (least, most) = guarantee.choices()?;
    let choices = match least == most {
        true => least.to_string(),
        false => format!("{least} to {most}"),
    };
    (!chances.is_empty()).then(|| {
        format!(
            "PCT's bound 1/(n·k^(d-1)) with n = {}, k = {} in {}: bugs of depth {}",
            guarantee.tasks,
            choices,
            counted(runs, "run"),
            chances.join(", ")
        )
    })
}

/// Says how many contested pairs were seen in both orders, and whether new orders still turn up.
fn covered(coverage: &Coverage) -> Option<String> {
    let pairs = coverage.pairs.len() as u64;
    let news = match coverage.runs_since_new {
        0 => "the last run showed a new order".to_owned(),
        runs => format!("no new order in {}", counted(runs, "run")),
    };
    (pairs > 0).then(|| {
        format!(
            "{}{}, {} seen in both orders; {news}",
            counted(pairs, "contested pair"),
            match coverage.is_partial {
                true => " and more",
                false => "",
            },
            coverage.in_both_orders(),
        )
    })
}

/// Never more than is known: rounded down.
fn percent(probability: f64) -> String {
    let tenths = (probability * 1000.0).floor() / 10.0;
    match tenths {
        0.0 => "< 0.1 %".to_owned(),
        tenths => format!("{tenths:.1} %"),
    }
}

/// Returns the runs of which nothing is known: those that reached a limit, and those that
/// could not be performed, unless the verdict says that already.
pub(crate) fn shortfalls(
    verdict: &Verdict,
    inconclusive: &[(Limit, u64)],
    (invalid, reason): (u64, Option<&str>),
) -> String {
    let mut text = String::new();
    for (limit, count) in inconclusive {
        line(
            &mut text,
            &format!(
                "  {} reached the limit on {limit}: no verdict on them",
                counted(*count, "run")
            ),
        );
    }
    if invalid > 0 && verdict.word() != "invalid" {
        let reason = escape(reason.unwrap_or_default());
        let runs = counted(invalid, "run");
        line(
            &mut text,
            &format!("  {runs} could not be performed: {reason}"),
        );
    }
    text
}

/// Describes how runs stood that reached a limit.
pub(crate) fn given_up(all: &[GivenUp], palette: Palette) -> String {
    let mut text = String::new();
    for one in all {
        let steps = grouped(one.steps);
        let head = format!(
            "  {} reached the limit on {} after {steps} steps: {}",
            one.run, one.limit, one.sentence
        );
        line(&mut text, &escape(&head));
        for detail in &one.details {
            line(&mut text, &format!("    {}", escape(detail)));
        }
        if let (Some(record), Some(file)) = (&one.record, &one.file) {
            let part = match record.trace.steps < one.steps {
                true => format!(" (its first {} steps)", grouped(record.trace.steps)),
                false => String::new(),
            };
            let file = quoted(&file.display().to_string());
            // Never folded: it is there to be copied.
            let command = palette.strong(&format!("crosswire explain {file}"));
            text += &format!("    look at it{part}: {command}\n");
        }
    }
    text
}

/// Returns how many unexpected ends of processes were not judged, and why, and how many
/// violations were accepted.
pub(crate) fn unjudged(excused: &BTreeMap<String, u64>, allowed: &BTreeMap<String, u64>) -> String {
    let mut text = String::new();
    for (fault, count) in excused {
        let statuses = counted(*count, "unexpected exit status").replace("statuss", "statuses");
        line(
            &mut text,
            &format!("  {statuses} not judged: a program may give up after {fault}"),
        );
    }
    for (kind, count) in allowed {
        let violations = counted(*count, "violation");
        line(&mut text, &format!("  {violations} allowed: {kind}"));
    }
    text
}

/// Lists the capabilities that the machine lacks.
pub(crate) fn losses(lost: &[LostCapability]) -> String {
    let mut text = String::new();
    let lost: Vec<&str> = lost.iter().map(|one| one.name.as_str()).collect();
    if !lost.is_empty() {
        let lost = lost.join(", ");
        line(
            &mut text,
            &format!("  without {lost}; `crosswire doctor` explains the consequences"),
        );
    }
    text
}

/// Describes the coverage of an exhaustive exploration.
fn exhausted(exhaustion: &Exhaustion) -> String {
    let explored = match exhaustion.preemptions {
        None => counted(exhaustion.explored, "class").replace("classs", "classes"),
        Some(_) => {
            let classes = counted(exhaustion.classes, "class").replace("classs", "classes");
            format!("{} in {classes}", counted(exhaustion.explored, "order"))
        }
    };
    let faults = match exhaustion.fault_plans {
        0 | 1 => String::new(),
        plans => format!(
            " under {} of {plans} fault plans",
            exhaustion.fault_plans_done
        ),
    };
    let checked = match exhaustion.checked {
        0 => String::new(),
        orders => format!(", checked with {}", counted(orders, "random order")),
    };
    if let Some(part) = exhaustion.part.filter(|_| exhaustion.has_nothing_left()) {
        return format!("all interleavings of part {part} explored: {explored}{faults}{checked}");
    }
    match (
        exhaustion.is_complete(),
        &exhaustion.doubt,
        exhaustion.preemptions,
    ) {
        (true, _, None) => {
            format!(
                "all interleavings explored, from schedule point to schedule point: {explored}{faults}{checked}"
            )
        }
        (true, _, Some(bound)) => {
            let bound = counted(u64::from(bound), "preemption");
            format!("all interleavings with at most {bound} explored: {explored}{faults}")
        }
        (false, Some(doubt), _) if exhaustion.left == 0 => {
            format!("not all interleavings: {explored}{faults} explored, but {doubt}")
        }
        (false, ..) => format!(
            "not all interleavings: {explored}{faults} explored, at least {} left{}",
            counted(exhaustion.left, "choice"),
            estimated(exhaustion)
        ),
    }
}
