//! `crosswire analyses`: repeats the analyses of libraries and compares with what is recorded.

mod description;
mod page;
mod perform;
mod recorded;

use crate::arguments::{AnalysesOptions, Format};
use crate::failure::Failure;
use crate::{exit, interrupt, table, terminal};
use crosswire::model::FORMAT_VERSION;
use description::{Analysis, Promise};
use recorded::{Result, Results, Tried};
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// File with the results of all analyses.
const RESULTS: &str = "results.json";
/// Page about all analyses.
const PAGE: &str = "README.md";

/// A promise that was tried, and how that differs from what the analysis expects.
#[derive(Serialize)]
struct Repeated {
    #[serde(flatten)]
    tried: Tried,
    difference: Option<String>,
}

#[derive(Serialize)]
struct AllRepeated<'a> {
    format_version: u32,
    rows: &'a [Repeated],
}

/// Repeats the analyses and returns the exit status.
pub fn analyses(options: &AnalysesOptions) -> std::result::Result<u8, Failure> {
    let all = description::read_all(&options.directory).map_err(Failure::usage)?;
    let file = options.directory.join(RESULTS);
    let mut results = Results::read(&file).map_err(Failure::usage)?;
    if options.page {
        return write_page(&options.directory, &all, &results);
    }
    let chosen = choose(&all, &options.names)?;
    let stop = interrupt::stop_flag()?;
    let mut rows = Vec::new();
    for analysis in chosen {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let place = perform::Place::of(analysis, options).map_err(Failure::usage)?;
        if options.install {
            note(options, &format!("{}: installing", analysis.name));
            place.install(analysis).map_err(Failure::usage)?;
        }
        if let Some(other) = place.other_version(analysis).map_err(Failure::usage)? {
            terminal::note(&other);
        }
        let of_analysis = repeat(analysis, &place, options, &results, &stop)?;
        if options.write && !stop.load(Ordering::Relaxed) {
            let tried = of_analysis.iter().map(|row| row.tried.clone()).collect();
            // Another command may have recorded other analyses meanwhile.
            results = Results::read(&file).map_err(Failure::usage)?;
            results.replace(&analysis.name, tried);
            results.write(&file).map_err(Failure::usage)?;
        }
        rows.extend(of_analysis);
    }
    if options.write {
        write_page(&options.directory, &all, &results)?;
    }
    tell(&rows, options);
    Ok(status(&rows, stop.load(Ordering::Relaxed)))
}

/// Returns the analyses of these names, or all.
fn choose<'a>(
    all: &'a [Analysis],
    names: &[String],
) -> std::result::Result<Vec<&'a Analysis>, Failure> {
    if names.is_empty() {
        return Ok(all.iter().collect());
    }
    let named = |name: &String| {
        let found = all.iter().find(|analysis| analysis.name == *name);
        found.ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
            let known = known.join(", ");
            Failure::usage(format!("there is no analysis `{name}`; known are {known}"))
        })
    };
    names.iter().map(named).collect()
}

/// Tries every promise of an analysis.
fn repeat(
    analysis: &Analysis,
    place: &perform::Place,
    options: &AnalysesOptions,
    results: &Results,
    stop: &AtomicBool,
) -> std::result::Result<Vec<Repeated>, Failure> {
    let mut rows = Vec::new();
    for promise in &analysis.promises {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let label = format!("{}: {}, {}", analysis.name, promise.promise, promise.fault);
        note(options, &label);
        let tried = place
            .attempt(analysis, promise, options)
            .map_err(Failure::usage)?;
        let recorded = results.of(&analysis.name, &promise.promise, &promise.fault);
        // With another number of runs, or when they are recorded anew, they are not compared.
        let recorded = recorded.filter(|_| options.runs.is_none() && !options.write);
        let difference = difference(promise, &tried, recorded);
        if let Some(difference) = &difference {
            note(options, &format!("{label}: {difference}"));
        }
        rows.push(Repeated { tried, difference });
    }
    Ok(rows)
}

/// Returns how a result differs from what its analysis expects, and from what is recorded.
fn difference(promise: &Promise, tried: &Tried, recorded: Option<&Tried>) -> Option<String> {
    let expected = promise.expect.result();
    if tried.result != expected {
        let sentence = tried.sentence.as_deref().unwrap_or("no reason given");
        let result = tried.result;
        return Some(format!(
            "expected {expected}, came out {result}: {sentence}"
        ));
    }
    if let Some(kind) = &promise.kind
        && !tried.kinds.contains(kind)
    {
        let kinds = tried.kinds.join(", ");
        return Some(format!("expected the violation {kind}, found {kinds}"));
    }
    if tried.native == Some(false) {
        return Some("did not reproduce natively".to_owned());
    }
    // A crash search ends by itself; how many runs it takes depends on how many jobs learn.
    let recorded = recorded.filter(|_| tried.points.is_none());
    let before = recorded.map_or(0, |recorded| recorded.runs);
    if tried.result == Result::Holds && tried.runs < before {
        return Some(format!(
            "rests on {} runs, recorded are {before}",
            tried.runs
        ));
    }
    None
}

fn write_page(
    directory: &Path,
    all: &[Analysis],
    results: &Results,
) -> std::result::Result<u8, Failure> {
    let page = page::of(all, results).map_err(Failure::usage)?;
    let file = directory.join(PAGE);
    fs::write(&file, page)
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", file.display())))?;
    Ok(exit::PASS)
}

fn note(options: &AnalysesOptions, message: &str) {
    if !options.output.quiet {
        terminal::note(message);
    }
}

fn tell(rows: &[Repeated], options: &AnalysesOptions) {
    if options.output.format == Format::Json {
        return terminal::print_json(&AllRepeated {
            format_version: FORMAT_VERSION,
            rows,
        });
    }
    let cells = rows.iter().map(|row| {
        let tried = &row.tried;
        let difference = row.difference.as_ref();
        [
            difference.map_or("", |_| "DIFFERS").to_owned(),
            tried.analysis.clone(),
            tried.promise.clone(),
            tried.fault.clone(),
            tried.result.to_string(),
            tried.runs.to_string(),
            format!("{:.1} s", tried.seconds),
            difference.cloned().unwrap_or_default(),
        ]
    });
    let head = ["", "analysis", "promise", "fault", "result", "runs", "", ""];
    terminal::print(&table::render(head, cells));
    let differ = rows.iter().filter(|row| row.difference.is_some()).count();
    terminal::print(&format!("\n{} rows, {differ} differ\n", rows.len()));
}

fn status(rows: &[Repeated], is_interrupted: bool) -> u8 {
    let differ = |row: &&Repeated| row.difference.is_some();
    let differing: Vec<&Repeated> = rows.iter().filter(differ).collect();
    if differing
        .iter()
        .any(|row| row.tried.result != Result::Invalid)
    {
        exit::VIOLATION
    } else if is_interrupted {
        exit::INTERRUPTED
    } else if differing.is_empty() {
        exit::PASS
    } else {
        exit::INVALID
    }
}

#[cfg(test)]
mod tests;
