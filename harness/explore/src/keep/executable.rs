//! What is in an executable.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::path::Path;

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn digest(path: &Path) -> io::Result<String> {
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
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
