//! Position of an exploration, from which a later one resumes.

use crate::Exploration;
use crate::keep::executable::hexadecimal;
use crate::keep::store::{LoadError, parse, plain, read};
use crosswire_model::FORMAT_VERSION;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Number of runs of an exploration that have been performed.
///
/// The plan of a run follows from the exploration's settings and the run's number, so
/// this is all that must be known. The file's name depends on the settings: what was
/// explored with other ones is another exploration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Version of this format.
    pub format_version: u32,
    /// Runs performed.
    pub runs: u64,
}

/// Why an exploration cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It says of itself where it is, and that is not a place of this program's.
    #[error("{path}: not a readable checkpoint of an exploration: {reason}")]
    Malformed {
        /// Path of the file.
        path: String,
        /// Reason of the failure.
        reason: String,
    },
    /// There is none.
    #[error(
        "nothing to continue: {path} does not exist. It is written when an exploration with \
         the same programs, seed, strategy, faults and limits is interrupted, or continued"
    )]
    Missing {
        /// Path of the file.
        path: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] LoadError),
    /// It cannot be written.
    #[error("{path}: {source}")]
    Unwritable {
        /// Path of the file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl Checkpoint {
    /// Where the checkpoint of this exploration is kept.
    pub fn path(exploration: &Exploration, directory: &Path) -> PathBuf {
        let faults = exploration.faults.iter().map(ToString::to_string);
        let settings = format!(
            "{:?} {} {} {} {:?} {} {:?} {:?}",
            exploration.target.programs,
            exploration.seed,
            exploration.strategy,
            exploration.memory,
            faults.collect::<Vec<_>>(),
            exploration.fault_pairs,
            exploration.shard.map(|shard| shard.to_string()),
            exploration.limits,
        );
        let digest = hexadecimal(&Sha256::digest(settings));
        let programs = exploration.target.programs.iter();
        let names: Vec<&str> = programs.map(|start| start.name.as_str()).collect();
        let stem = plain(&names.join("-"));
        // The ending is that of earlier versions, whose files are read as well.
        directory.join(format!("{stem}-{}.position", &digest[..8]))
    }

    /// Reads it.
    ///
    /// # Errors
    /// If there is none, or it is damaged or newer than this program.
    pub fn load(path: &Path) -> Result<Checkpoint, CheckpointError> {
        let name = path.display().to_string();
        if !path.exists() {
            return Err(CheckpointError::Missing { path: name });
        }
        let checkpoint = parse(&read(path)?, |checkpoint: &Checkpoint| {
            checkpoint.format_version
        });
        checkpoint.map_err(|reason| CheckpointError::Malformed { path: name, reason })
    }

    /// Saves the number of runs performed. A reader of the file sees the old content or
    /// the new one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(runs: u64, path: &Path) -> Result<(), CheckpointError> {
        let checkpoint = Checkpoint {
            format_version: FORMAT_VERSION,
            runs,
        };
        let text = serde_json::to_string(&checkpoint).expect("numbers only") + "\n";
        let directory = path.parent().unwrap_or(Path::new("."));
        let write = || {
            fs::create_dir_all(directory)?;
            let file = tempfile::NamedTempFile::new_in(directory)?;
            fs::write(file.path(), &text)?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|source| CheckpointError::Unwritable {
            path: path.display().to_string(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_back_and_damage_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/app-1.position");
        let missing = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(missing.starts_with("nothing to continue: "), "{missing}");
        for runs in [7, 9] {
            Checkpoint::save(runs, &path).unwrap();
            assert_eq!(Checkpoint::load(&path).unwrap().runs, runs);
        }
        for damaged in ["", "{\"format_version\":1,\"runs\":-1}", "{\"runs\":3}"] {
            fs::write(&path, damaged).unwrap();
            let error = Checkpoint::load(&path).unwrap_err().to_string();
            assert!(error.contains("not a readable checkpoint"), "{error}");
        }
        fs::write(&path, "{\"format_version\":99999,\"runs\":3}").unwrap();
        let newer = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(newer.contains("format version 99999"), "{newer}");
    }
}
