//! Replay files: where they are written, and how they are read.

use crate::keep::executable::hexadecimal;
use crosswire_model::{
    Change, FORMAT_VERSION, Fault, Kind, ReadRecordError, Record, TaskId, TestedCause,
};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Writes a record into a directory, which is created if need be, as
/// `NAME-KIND-xxxx.json`, where xxxx depends on the content: a file with another
/// finding is never overwritten, the same finding is stored once.
///
/// # Errors
/// If the directory cannot be created or the file cannot be written.
pub fn save(record: &Record, kind: &Kind, directory: &Path) -> io::Result<PathBuf> {
    save_as(record, &kind.to_string(), directory)
}

/// Writes a record into a directory as [`save`] does, with another word in the place of the kind.
///
/// # Errors
/// As for [`save`].
pub fn save_as(record: &Record, word: &str, directory: &Path) -> io::Result<PathBuf> {
    let name = record
        .scenario
        .as_ref()
        .or(record.programs.first().map(|program| &program.name));
    let stem = format!("{}-{}", plain(name.map_or("run", |name| name)), plain(word));
    let failure = failure(record);
    let present = |text: &str| match Record::from_json(text) {
        Ok(known) if self::failure(&known) == failure => match tried(&known) < tried(record) {
            true => Present::Older,
            false => Present::Same,
        },
        _ => Present::Other,
    };
    write_named_after(directory, &stem, &failure, &record.to_json(), present)
}

/// Returns what a record says of its failure. How far causes were looked for depends on the time
/// that there was.
fn failure(record: &Record) -> String {
    let failure = Record {
        inquiry: None,
        ..record.clone()
    };
    failure.to_json()
}

fn tried(record: &Record) -> u64 {
    record.inquiry.as_ref().map_or(0, |inquiry| inquiry.tried)
}

/// A file that has the name for a text.
enum Present {
    /// It holds something else.
    Other,
    /// It says the same.
    Same,
    /// It says less of the same.
    Older,
}

/// Writes a text into a directory, which is created if need be, under a name that
/// begins with `stem` and depends on the content.
pub(crate) fn write_new(directory: &Path, stem: &str, text: &str) -> io::Result<PathBuf> {
    let present = |known: &str| match known == text {
        true => Present::Same,
        false => Present::Other,
    };
    write_named_after(directory, stem, text, text, present)
}

/// Writes a text as [`write_new`] does, under a name that depends on what it says of a failure.
fn write_named_after(
    directory: &Path,
    stem: &str,
    failure: &str,
    text: &str,
    compare: impl Fn(&str) -> Present,
) -> io::Result<PathBuf> {
    fs::create_dir_all(directory)?;
    let hash = hexadecimal(&Sha256::digest(failure));
    // Longer hashes until the name is free, or is this failure's.
    for digits in [4, 8, 16, 64] {
        let path = directory.join(format!("{stem}-{}.json", &hash[..digits]));
        let replaces = match fs::read_to_string(&path) {
            Ok(present) => match compare(&present) {
                Present::Same => return Ok(path),
                Present::Older => true,
                Present::Other => continue,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(_) => continue,
        };
        // A reader, or a second Crosswire, never sees half a file.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(text.as_bytes())?;
        let kept = match replaces {
            true => file.persist(&path),
            false => file.persist_noclobber(&path),
        };
        match kept {
            Ok(_) => return Ok(path),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error.error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        "every name for this finding is taken",
    ))
}

/// Returns a part of a file name made of harmless characters only.
pub(crate) fn plain(text: &str) -> String {
    let harmless = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' || c == '_' {
            c
        } else {
            '-'
        }
    };
    let text: String = text.chars().map(harmless).take(40).collect();
    let text = text.trim_matches(['-', '.']);
    if text.is_empty() {
        "run".to_owned()
    } else {
        text.to_owned()
    }
}

/// Reason why a replay file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Path of the file.
        path: String,
        /// Cause of the failure.
        source: io::Error,
    },
    /// It is not a replay file of a version that is known.
    #[error("{path}: {source}")]
    Format {
        /// Path of the file.
        path: String,
        /// Reason of the failure.
        source: ReadRecordError,
    },
    /// It contradicts itself.
    #[error("{path}: the file contradicts itself: {what}")]
    Contradiction {
        /// Path of the file.
        path: String,
        /// In what.
        what: String,
    },
}

/// No replay file comes near this; a device or a huge file is not read into
/// memory.
const MOST_BYTES: u64 = 1 << 30;

/// Reads a replay file. A verdict of an earlier version gets the words of this one.
///
/// # Errors
/// If it cannot be read, is not one, is newer than this program, or names tasks
/// and processes that its own recording does not contain.
pub fn load(path: &Path) -> Result<Record, LoadError> {
    load_text(&read(path)?, &path.display().to_string())
}

/// Reads the text of a replay file, which errors call by `name`. See [`load`].
///
/// # Errors
/// As for [`load`].
pub fn load_text(text: &str, name: &str) -> Result<Record, LoadError> {
    let mut record = Record::from_json(text).map_err(|source| LoadError::Format {
        path: name.to_owned(),
        source,
    })?;
    if let Some(what) = contradiction(&record) {
        let path = name.to_owned();
        return Err(LoadError::Contradiction { path, what });
    }
    crosswire_check::reword(&record.trace, &record.seen, &mut record.verdict);
    Ok(record)
}

/// Returns the text of a regular file of a sensible size.
pub(crate) fn read(path: &Path) -> Result<String, LoadError> {
    try_read(path).map_err(|source| LoadError::Unreadable {
        path: path.display().to_string(),
        source,
    })
}

/// Parses a file of this format; refuses a version that this program does not know.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    #[derive(serde::Deserialize)]
    struct Version {
        format_version: u32,
    }
    // What a newer file holds besides its version is not known.
    let told = serde_json::from_str::<Version>(text).map_err(|error| error.to_string())?;
    match told.format_version {
        known if known <= FORMAT_VERSION => {
            serde_json::from_str(text).map_err(|error| error.to_string())
        }
        newer => Err(format!(
            "it has format version {newer}, this program reads up to {FORMAT_VERSION}"
        )),
    }
}

fn try_read(path: &Path) -> io::Result<String> {
    let data = fs::metadata(path)?;
    if !data.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if data.len() > MOST_BYTES {
        return Err(io::Error::other("it is larger than any replay file"));
    }
    let mut text = String::new();
    fs::File::open(path)?
        .take(MOST_BYTES)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Finds a contradiction in a record; all later code may index tasks without checks.
fn contradiction(record: &Record) -> Option<String> {
    let trace = &record.trace;
    let unknown = |task: TaskId| task.index() >= trace.tasks.len();
    if record.programs.is_empty() {
        return Some("it names no program".into());
    }
    if let Some(deviation) = record
        .plan
        .schedule
        .deviations
        .iter()
        .find(|d| unknown(d.task))
    {
        return Some(format!(
            "the plan gives step {} to task {}, which never appears in the recording",
            deviation.step, deviation.task
        ));
    }
    let appears = |process: &String| trace.tasks.iter().any(|task| task.process == *process);
    // The run may have ended before the process began.
    let is_unused = |fault: &Fault| trace.unused_faults.contains(fault);
    if let Some(fault) = record
        .plan
        .faults
        .iter()
        .find(|fault| !appears(&fault.process) && !is_unused(fault))
    {
        return Some(format!(
            "the plan's fault {fault} is meant for a process that never appears in the recording"
        ));
    }
    if let Some(event) = trace.events.iter().find(|event| unknown(event.task)) {
        return Some(format!(
            "step {} is taken by a task that does not exist",
            event.step
        ));
    }
    let causes = record.inquiry.iter().flat_map(|inquiry| &inquiry.causes);
    let waits_for_unknown = |cause: &TestedCause| match cause.change {
        Change::Wait { task, .. } => unknown(task),
        _ => false,
    };
    if causes.into_iter().any(waits_for_unknown) {
        return Some("a tested cause waits for a task that does not exist".into());
    }
    let leader = trace.tasks.iter().find(|task| unknown(task.leader));
    leader.map(|task| {
        format!(
            "a task of `{}` has a leader that does not exist",
            task.process
        )
    })
}
