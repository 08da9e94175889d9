//! What a part of an exploration has come to so far. Another process resumes it, or merges it
//! with the others; they have nothing in common but a directory.

use crate::keep::store::{LoadError, parse, read};
use crate::{Report, Shard};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The last part of the names of these files.
pub(crate) const ENDING: &str = "part";

/// Whether, and where, an exploration is noted.
#[derive(Debug, Clone)]
pub struct Keep {
    /// The directory.
    pub directory: PathBuf,
    /// True if it is noted every few seconds and when it is finished, so that other processes
    /// can take it up. Otherwise it is noted when it ends and something is left to be done.
    pub steadily: bool,
}

/// What a part of an exploration, or all of it, has come to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Version of this format.
    pub format_version: u32,
    /// The exploration that it is a part of.
    pub origin: Origin,
    /// The part.
    pub shard: Shard,
    /// False if it was interrupted, or is under way.
    pub finished: bool,
    /// Its results so far, with those of the processes that it resumes.
    pub report: Report,
    /// Where it goes on.
    pub(crate) position: Position,
}

/// Identity of an exploration: what must be the same if its parts belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Version of Crosswire: another one makes other plans.
    pub version: String,
    /// SHA-256 of each executable, by the name of its process.
    pub executables: BTreeMap<String, String>,
    /// A hash of all settings that plans and verdicts depend on.
    pub settings: String,
}

/// Where an exploration goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Position {
    /// After so many runs, besides run 0.
    Runs(u64),
    /// Where an exhaustive search stands.
    Search(serde_json::Value),
}

/// Reason why an exploration cannot be noted or resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartError {
    /// The file is none of this program's.
    #[error("{path}: not readable as a part of an exploration: {reason}")]
    Malformed {
        /// Path of the file.
        path: String,
        /// Reason of the failure.
        reason: String,
    },
    /// There is none.
    #[error(
        "nothing to continue: {path} does not exist. It is written when an exploration with \
         the same programs, seed, strategy, faults and limits is interrupted, or its time is up"
    )]
    Missing {
        /// Path of the file.
        path: String,
    },
    /// It was made with something else.
    #[error("{path}: cannot continue, because {what} since; explore again without --continue")]
    Changed {
        /// Path of the file.
        path: String,
        /// What has changed, as part of a sentence.
        what: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] LoadError),
    /// It cannot be written.
    #[error("cannot write {path}: {source}")]
    Unwritable {
        /// Path of the file.
        path: String,
        /// Cause of the failure.
        source: io::Error,
    },
}

impl Part {
    /// Reads a part.
    ///
    /// # Errors
    /// If there is none, or it is damaged or newer than this program.
    pub fn load(path: &Path) -> Result<Part, PartError> {
        let name = path.display().to_string();
        if !path.exists() {
            return Err(PartError::Missing { path: name });
        }
        parse(&read(path)?).map_err(|reason| PartError::Malformed { path: name, reason })
    }

    /// Writes it to a file, in a directory that is created if need be. A reader sees the old
    /// content or the new one, whatever becomes of this process and the machine.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn save(&self, path: &Path) -> Result<(), PartError> {
        let directory = path.parent().unwrap_or(Path::new("."));
        let write = || {
            fs::create_dir_all(directory)?;
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            let mut writer = io::BufWriter::new(file.as_file_mut());
            serde_json::to_writer(&mut writer, self)?;
            writer.write_all(b"\n")?;
            writer.flush()?;
            drop(writer);
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            // The new name must last as well.
            fs::File::open(directory)?.sync_all()
        };
        write().map_err(|source| PartError::Unwritable {
            path: path.display().to_string(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::{FORMAT_VERSION, Verdict};

    #[test]
    fn what_is_saved_is_read_back_and_damage_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/app-1.part");
        let missing = Part::load(&path).unwrap_err().to_string();
        assert!(missing.starts_with("nothing to continue: "), "{missing}");
        let mut part = Part {
            format_version: FORMAT_VERSION,
            origin: Origin {
                version: "1".to_owned(),
                executables: BTreeMap::new(),
                settings: String::new(),
            },
            shard: Shard::WHOLE,
            finished: false,
            report: Report::without_runs(Verdict::Pass, 3),
            position: Position::Runs(0),
        };
        for runs in [7, 9] {
            part.position = Position::Runs(runs);
            part.save(&path).unwrap();
            let read = Part::load(&path).unwrap();
            assert!(matches!(read.position, Position::Runs(same) if same == runs));
            assert_eq!(read.report.seed, 3);
        }
        let whole = fs::read_to_string(&path).unwrap();
        for damaged in ["", "{\"format_version\":1}", &whole[..whole.len() / 2]] {
            fs::write(&path, damaged).unwrap();
            let error = Part::load(&path).unwrap_err().to_string();
            assert!(error.contains("not readable as a part"), "{error}");
        }
        fs::write(&path, "{\"format_version\":99999,\"other\":3}").unwrap();
        let newer = Part::load(&path).unwrap_err().to_string();
        assert!(newer.contains("format version 99999"), "{newer}");
    }
}
