//! One report of all parts of an exploration.

use crate::exhaust::standing::{Standing, joined};
use crate::found::report::{Report, Shards};
use crate::keep::notebook::difference;
use crate::keep::part::{ENDING, Part, PartError, Position};
use crosswire_model::{Limit, Verdict};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

/// Reason why parts cannot be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A directory cannot be read.
    #[error("cannot read {path}: {source}")]
    Directory {
        /// Path of the directory.
        path: String,
        /// Cause of the failure.
        source: io::Error,
    },
    /// There are no parts.
    #[error(
        "no parts of an exploration in {0}: perform them with `crosswire run --shard K/N` and \
         this --output-dir"
    )]
    Nothing(String),
    /// A part cannot be read.
    #[error(transparent)]
    Part(#[from] PartError),
    /// Two parts are not of one exploration.
    #[error(
        "{one} and {other} are parts of different explorations: {what}. Keep the files of \
             each in a directory of their own"
    )]
    Different {
        /// Path of a part.
        one: String,
        /// Path of another one.
        other: String,
        /// In what they differ.
        what: String,
    },
}

/// Merges the parts of an exploration that are in these directories into one report. It has
/// the verdict of all runs together. What is missing, or has not finished, makes a pass
/// inconclusive.
///
/// # Errors
/// If there is no part, one is damaged, or they are not of one exploration.
pub fn merge(directories: &[PathBuf]) -> Result<Report, MergeError> {
    let mut parts: BTreeMap<u64, Part> = BTreeMap::new();
    let mut first: Option<(PathBuf, Part)> = None;
    for path in files(directories)? {
        let part = Part::load(&path)?;
        if let Some((other, like)) = &first
            && let Some(what) = unlike(like, &part)
        {
            return Err(MergeError::Different {
                one: other.display().to_string(),
                other: path.display().to_string(),
                what,
            });
        }
        first.get_or_insert_with(|| (path, part.clone()));
        let number = part.shard.number();
        let is_better = |known: &Part| rank(&part) > rank(known);
        if parts.get(&number).is_none_or(is_better) {
            parts.insert(number, part);
        }
    }
    let Some((_, like)) = first else {
        let names = directories.iter().map(|path| path.display().to_string());
        return Err(MergeError::Nothing(names.collect::<Vec<_>>().join(", ")));
    };
    merged(parts, like.shard.count())
}

/// Returns the files that may hold parts.
fn files(directories: &[PathBuf]) -> Result<Vec<PathBuf>, MergeError> {
    let mut files = Vec::new();
    for directory in directories {
        let unreadable = |source| MergeError::Directory {
            path: directory.display().to_string(),
            source,
        };
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                files.push(path);
            }
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Says why two parts do not belong together, if they do not.
fn unlike(one: &Part, other: &Part) -> Option<String> {
    let counts = (one.shard.count(), other.shard.count());
    difference(&one.origin, &other.origin).or_else(|| {
        (counts.0 != counts.1).then(|| format!("one of {}, the other of {}", counts.0, counts.1))
    })
}

/// Orders two results of one part: the one that finished, or has come further, is better.
fn rank(part: &Part) -> (bool, u64) {
    (part.finished, part.report.runs)
}

fn merged(parts: BTreeMap<u64, Part>, count: u64) -> Result<Report, MergeError> {
    let is_missing = |number: &u64| !parts.contains_key(number);
    let unfinished = parts.iter().filter(|(_, part)| !part.finished);
    let shards = Shards {
        of: count,
        merged: parts.keys().copied().collect(),
        unfinished: unfinished.map(|(number, _)| *number).collect(),
        missing: (1..=count).filter(is_missing).collect(),
    };
    let searches: Vec<Standing> = parts
        .values()
        .filter_map(|part| match &part.position {
            Position::Runs(_) => None,
            Position::Search(standing) => Some(read(part, standing)),
        })
        .collect::<Result<_, _>>()?;
    // One that ended with a saved failure has searched nothing.
    let are_all_there = shards.is_complete() && searches.len() == parts.len();
    let mut reports = parts.into_values().map(|part| part.report);
    let mut report = reports.next().expect("there is a part");
    reports.for_each(|other| report.join(other));
    report.interrupted = false;
    let mut limits = Vec::new();
    if !searches.is_empty() {
        let exhaustion = joined(&searches, are_all_there);
        let has_doubt = |search: &Standing| search.progress.doubt.is_some();
        let is_refuted = exhaustion.doubt.is_some() && !searches.iter().any(has_doubt);
        limits.extend(is_refuted.then_some(Limit::Dependences));
        report.exhaustion = Some(exhaustion);
    }
    limits.extend((!shards.is_complete()).then_some(Limit::Shards));
    for limit in limits {
        let judged = std::mem::replace(&mut report.verdict, Verdict::Pass);
        report.verdict = judged.and(Verdict::Inconclusive(limit));
    }
    report.shards = Some(shards);
    Ok(report)
}

fn read(part: &Part, standing: &serde_json::Value) -> Result<Standing, MergeError> {
    let standing = serde_json::from_value(standing.clone());
    standing.map_err(|error| {
        let part = PartError::Malformed {
            path: format!("part {}", part.shard),
            reason: error.to_string(),
        };
        part.into()
    })
}
