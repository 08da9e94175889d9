//! Writing what was steered to files.

use crate::SteerError;
use crosswire_engine::FAILURES;
use crosswire_explore::save_as;
use crosswire_model::Record;
use std::io;
use std::path::{Path, PathBuf};

/// Writes a replay file: where the user says, or else beside the failures that were found. Returns
/// its path.
pub(crate) fn save(record: &Record, file: Option<&Path>) -> Result<PathBuf, SteerError> {
    match file {
        Some(path) => write(path, &record.to_json()).map(|()| path.to_owned()),
        None => {
            let directory = Path::new(FAILURES);
            save_as(record, "steered", directory).map_err(|error| unwritten(directory, error))
        }
    }
}

/// Writes a text.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), SteerError> {
    std::fs::write(path, text).map_err(|error| unwritten(path, error))
}

fn unwritten(path: &Path, source: io::Error) -> SteerError {
    SteerError::Write {
        path: path.display().to_string(),
        source,
    }
}
