//! Which file a command means, and what is in it.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Why a command cannot be put under test.
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
        /// Why.
        reason: String,
    },
}

/// The executable that the first word of a command means: a path if it contains
/// a slash, else the first match in `PATH`, as execvp(3) does it.
///
/// # Errors
/// If there is none, or it may not be executed.
pub fn resolve(
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
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(ExecutableError::Missing(program.to_owned()))
        }
        Err(error) => Err(unusable(error.to_string())),
        Ok(data) if data.is_dir() => Err(unusable("it is a directory".into())),
        Ok(data) if !data.is_file() => Err(unusable("it is not a regular file".into())),
        Ok(data) if data.permissions().mode() & 0o111 == 0 => {
            Err(unusable("it is not executable (chmod +x?)".into()))
        }
        Ok(_) => Ok(()),
    }
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// If it cannot be read.
pub(super) fn digest(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    Ok(hexadecimal(&hash.finalize()))
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
        let found = resolve("sh", here, &environment("/nowhere:/bin")).unwrap();
        assert_eq!(found, Path::new("/bin/sh"));
        assert_eq!(resolve("bin/sh", here, &[]).unwrap(), Path::new("/bin/sh"));
    }

    #[test]
    fn what_cannot_start_says_why() {
        let here = Path::new("/");
        let missing = resolve("no-such-program", here, &environment("/bin")).unwrap_err();
        assert!(matches!(missing, ExecutableError::Missing(_)));
        let directory = resolve("/etc", here, &[]).unwrap_err();
        assert_eq!(
            directory.to_string(),
            "cannot start `/etc`: it is a directory"
        );
        let text = resolve("/etc/passwd", here, &[]).unwrap_err();
        assert!(text.to_string().contains("not executable"));
        assert!(resolve("", here, &environment("/bin")).is_err());
    }
}
