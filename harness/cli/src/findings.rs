//! Storing and describing findings.

use crate::terminal;
use crosswire::explore::{Found, GivenUp, save, save_as};
use crosswire::report::{Palette, text};
use std::path::{Path, PathBuf};

/// Number of findings described with their steps; the others get a paragraph each.
const DESCRIBED: usize = 5;

/// Writes a replay file for each finding. A file that cannot be written is reported on
/// standard error; its finding still counts.
pub fn store<'a>(
    found: impl IntoIterator<Item = &'a Found>,
    directory: &Path,
) -> Vec<Option<PathBuf>> {
    let write = |found: &Found| match save(&found.record, &found.violation.kind, directory) {
        Ok(path) => Some(path),
        Err(error) => {
            let directory = directory.display();
            terminal::note(&format!(
                "cannot write a replay file to {directory}: {error}"
            ));
            None
        }
    };
    found.into_iter().map(write).collect()
}

/// Writes a file for each run that reached a limit, and notes where.
pub fn store_given_up(given_up: &mut [GivenUp], directory: &Path) {
    for one in given_up {
        let Some(record) = &one.record else { continue };
        let word = format!("limit-{}", one.limit);
        match save_as(record, &word, directory) {
            Ok(path) => one.file = Some(path),
            Err(error) => {
                let directory = directory.display();
                terminal::note(&format!(
                    "cannot write the record of a run that reached a limit to {directory}: {error}"
                ));
            }
        }
    }
}

/// Describes all findings.
pub fn describe(found: &[Found], files: &[Option<PathBuf>], palette: Palette) -> String {
    let mut all = String::new();
    for (index, (found, file)) in found.iter().zip(files).enumerate() {
        all += &match index < DESCRIBED {
            true => text::finding(found, file.as_deref(), palette),
            false => text::brief(found, file.as_deref(), palette),
        };
        all.push('\n');
    }
    all
}
