//! Source location of a scenario.

use std::path::{Path, PathBuf};

/// Source location of a scenario, as known to the macro [`scenario!`](crate::scenario!).
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The path of an item in the function.
    pub here: &'static str,
    /// The source file, as passed to the compiler: under cargo, relative to the
    /// workspace's directory.
    pub file: &'static str,
    /// The package's directory, under cargo.
    pub package: Option<&'static str>,
}

impl Place {
    /// Returns the directory of the source file, if the sources are still there.
    fn directory(&self) -> Option<PathBuf> {
        let package = Path::new(self.package?);
        let is_source = |root: &&Path| root.join(self.file).is_file();
        let source = package.ancestors().find(is_source)?.join(self.file);
        Some(source.parent()?.to_owned())
    }

    /// Returns the directory for the committed failures of scenarios in this file.
    pub(super) fn regressions(&self) -> Option<PathBuf> {
        Some(self.directory()?.join("crosswire-regressions"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_that_of_the_source_file() {
        let place = Place {
            here: "",
            file: file!(),
            package: option_env!("CARGO_MANIFEST_DIR"),
        };
        let directory = place.regressions().unwrap();
        assert!(directory.ends_with("harness/src/scenario/crosswire-regressions"));
        let elsewhere = Place {
            file: "no/such/file.rs",
            ..place
        };
        assert_eq!(elsewhere.regressions(), None);
    }
}
