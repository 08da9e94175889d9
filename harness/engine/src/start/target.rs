//! The programs under test.

use crate::EngineError;
use crate::files::listings::Listings;
use crosswire_kernel::sandbox::Settings;
use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The processes that a run begins with, and their surroundings.
#[derive(Debug, Clone)]
pub struct Target {
    /// One root process each, started in this order.
    pub programs: Vec<Start>,
    /// Directory in which they run. Writes below it stay in the run.
    pub working_dir: PathBuf,
    /// Their whole environment, sorted by name.
    pub environment: Vec<(String, String)>,
    /// Degree of isolation from the machine.
    pub isolation: Isolation,
    /// Mebibytes that they may write to the working directory, `/tmp` and `/var/tmp` in a run.
    pub disk_mib: u32,
    /// For scenarios: the names of the root's children, in the order in which it
    /// forks them. Empty for programs that know nothing of Crosswire.
    pub children: Vec<String>,
    /// Processes that begin only when another one has ended, such as a program that
    /// repairs what a crash has left.
    pub successors: Vec<Successor>,
    /// What was in the directories of the machine when a run first listed them.
    pub listings: Listings,
}

impl Target {
    /// Mebibytes that the processes may write unless they need more.
    pub const DISK_MIB: u32 = Settings::DISK_MIB;

    /// Returns programs in a directory, with an empty environment and as much isolation as there
    /// can be.
    pub fn new(programs: Vec<Start>, working_dir: &Path) -> Target {
        Target {
            programs,
            working_dir: working_dir.to_owned(),
            environment: Vec::new(),
            isolation: Isolation::Auto,
            disk_mib: Target::DISK_MIB,
            children: Vec::new(),
            successors: Vec::new(),
            listings: Listings::default(),
        }
    }
}

/// A process that starts only when another one has ended, in any way; if that one never
/// exists, when no other process is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Successor {
    /// Name of the process that waits to start.
    pub process: String,
    /// Name of the process whose end it waits for.
    pub of: String,
}

/// The directory for replay files. In their working directory programs do not see it, as
/// far as that is [isolated](Isolation): the first file that is written there would
/// otherwise change what they find when it is replayed.
pub const FAILURES: &str = "crosswire-failures";

/// One program to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Name of its process.
    pub name: String,
    /// The command: a path or a name looked up in `PATH`, and its arguments.
    pub command: Vec<String>,
}

/// Degree of isolation of the processes from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// All namespaces that the machine permits.
    #[default]
    Auto,
    /// None: as on a machine that permits none.
    None,
}

/// Reason why a command cannot be put under test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutableError {
    /// The command has no words.
    #[error("process `{0}` has an empty command")]
    Empty(String),
    /// Neither a path nor a name in `PATH`.
    #[error("cannot start `{0}`: no such file, and no program of that name in PATH")]
    Missing(String),
    /// It is there, but is a directory, lacks the permission, …
    #[error("cannot start `{program}`: {reason}")]
    Unusable {
        /// As the user named it.
        program: String,
        /// Cause of the failure.
        reason: String,
    },
}

/// Returns the executable that the first word of a command means: a path if it contains a
/// slash, else the first match in `PATH`, as execvp(3) does it.
///
/// # Errors
/// If there is none, or it may not be executed.
pub fn find_executable(
    program: &str,
    working_dir: &Path,
    environment: &[(String, String)],
) -> Result<PathBuf, ExecutableError> {
    if program.contains('/') {
        let path = working_dir.join(program);
        return usable(program, &path).map(|()| path);
    }
    // The default of execvp(3) where PATH is not set.
    let path = environment
        .iter()
        .find(|(name, _)| name == "PATH")
        .map_or("/bin:/usr/bin", |(_, value)| value);
    let mut refused = None;
    for directory in path.split(':').filter(|_| !program.is_empty()) {
        let candidate = working_dir.join(directory).join(program);
        match usable(program, &candidate) {
            Ok(()) => return Ok(candidate),
            Err(ExecutableError::Missing(_)) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| ExecutableError::Missing(program.to_owned())))
}

fn usable(program: &str, path: &Path) -> Result<(), ExecutableError> {
    let unusable = |reason: String| ExecutableError::Unusable {
        program: program.to_owned(),
        reason,
    };
    match path.metadata() {
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {
            Err(ExecutableError::Missing(program.to_owned()))
        }
        Err(error) => Err(unusable(error.to_string())),
        Ok(data) if data.is_dir() => Err(unusable("it is a directory".into())),
        Ok(data) if !data.is_file() => Err(unusable("it is not a regular file".into())),
        Ok(_) if access(path, AccessFlags::X_OK).is_err() => {
            Err(unusable("it is not executable (chmod +x?)".into()))
        }
        Ok(_) if is_of_32_bits(path) => {
            let reason = "it is a 32-bit program, which cannot be followed; build it for x86-64";
            Err(unusable(reason.into()))
        }
        Ok(_) => Ok(()),
    }
}

/// Tells whether a file is an ELF program of 32 bits (elf(5)): its calls have other numbers.
fn is_of_32_bits(path: &Path) -> bool {
    const CLASS_32: u8 = 1;
    let mut head = [0; 5];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == [0x7f, b'E', b'L', b'F', CLASS_32]
}

impl From<ExecutableError> for EngineError {
    fn from(error: ExecutableError) -> EngineError {
        let (program, reason) = match error {
            ExecutableError::Empty(process) => (process, "its command is empty".to_owned()),
            ExecutableError::Missing(program) => {
                let reason = "no such file, and no program of that name in PATH";
                (program, reason.to_owned())
            }
            ExecutableError::Unusable { program, reason } => (program, reason),
        };
        EngineError::Start { program, reason }
    }
}

impl Start {
    /// Returns the executable that the command means.
    ///
    /// # Errors
    /// If there is none, or it may not be executed.
    pub fn executable(&self, target: &Target) -> Result<PathBuf, ExecutableError> {
        let program = self
            .command
            .first()
            .ok_or_else(|| ExecutableError::Empty(self.name.clone()))?;
        find_executable(program, &target.working_dir, &target.environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(path: &str) -> Vec<(String, String)> {
        vec![("PATH".to_owned(), path.to_owned())]
    }

    #[test]
    fn names_are_looked_up_and_paths_are_not() {
        let here = Path::new("/");
        let found = find_executable("sh", here, &environment("/nowhere:/bin")).unwrap();
        assert_eq!(found, Path::new("/bin/sh"));
        assert_eq!(
            find_executable("bin/sh", here, &[]).unwrap(),
            Path::new("/bin/sh")
        );
    }

    #[test]
    fn what_cannot_start_says_why() {
        let here = Path::new("/");
        let missing = find_executable("no-such-program", here, &environment("/bin")).unwrap_err();
        assert!(matches!(missing, ExecutableError::Missing(_)));
        let directory = find_executable("/etc", here, &[]).unwrap_err();
        assert_eq!(
            directory.to_string(),
            "cannot start `/etc`: it is a directory"
        );
        let text = find_executable("/etc/passwd", here, &[]).unwrap_err();
        assert!(text.to_string().contains("not executable"));
        // 64-bit programs have the class 2 in the fifth byte.
        assert!(!is_of_32_bits(Path::new("/bin/sh")) && !is_of_32_bits(here));
        assert!(find_executable("", here, &environment("/bin")).is_err());
    }
}
