//! Calls that tell about files.

use crate::{Arg, Does, Row};

/// Form in which a call tells the status of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusForm {
    /// `struct stat`.
    Stat,
    /// `struct statx`.
    Statx,
}

impl Row {
    /// Returns the form in which the call tells the status of a file, and the argument with the
    /// place for it.
    pub fn status(&self) -> Option<(StatusForm, usize)> {
        use Arg::{Bits, Dir, Fd, Out, Path};
        match (self.does, self.args) {
            (Does::Inspect, [Fd, Out]) => Some((StatusForm::Stat, 1)),
            (Does::LookUp, [Path, Out]) => Some((StatusForm::Stat, 1)),
            (Does::LookUp, [Dir, Path, Out, Bits]) => Some((StatusForm::Stat, 2)),
            (Does::LookUp, [Dir, Path, Bits, Bits, Out]) => Some((StatusForm::Statx, 4)),
            _ => None,
        }
    }

    /// Returns the argument with the place for what a symbolic link holds: readlink(2).
    pub fn link_text(&self) -> Option<usize> {
        match (self.does, self.args) {
            (Does::LookUp, [.., Arg::Path, Arg::Out, Arg::Size]) => Some(self.args.len() - 2),
            _ => None,
        }
    }

    /// Returns whether this is the present form of a call that has an older one: getdents64(2).
    pub fn is_current(&self) -> bool {
        self.name.ends_with("64")
    }

    /// Returns whether the call tells numbers or times of files.
    pub fn tells_of_files(&self) -> bool {
        self.does == Does::List || self.status().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::StatusForm::{Stat, Statx};

    #[test]
    fn the_calls_that_tell_the_status_of_a_file() {
        let told: Vec<_> = crate::rows()
            .filter_map(|row| Some((row.name, row.status()?)))
            .collect();
        let expected = [
            ("stat", (Stat, 1)),
            ("fstat", (Stat, 1)),
            ("lstat", (Stat, 1)),
            ("newfstatat", (Stat, 2)),
            ("statx", (Statx, 4)),
        ];
        assert_eq!(told, expected);
        let links = crate::rows().filter_map(|row| Some((row.name, row.link_text()?)));
        let links: Vec<_> = links.collect();
        assert_eq!(links, [("readlink", 1), ("readlinkat", 2)]);
    }
}
