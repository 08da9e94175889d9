//! Standard output and standard error: results to the first, everything else to
//! the second.

use crosswire::explore::LostCapability;
use crosswire::report::{Palette, escape};
use std::io::{self, IsTerminal, Write};

/// Returns colours if standard output is a terminal and `NO_COLOR` does not forbid them.
pub fn palette() -> Palette {
    match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Palette::PLAIN,
        _ => Palette::ANSI,
    }
}

/// Writes results. If the reader has closed the pipe (`| head`), drops them: the exit
/// status still gives the verdict.
pub fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let result = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    if let Err(error) = result
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        note(&format!("cannot write to standard output: {error}"));
    }
}

/// Writes one JSON object as a line.
pub fn print_json(value: &impl serde::Serialize) {
    let text = serde_json::to_string_pretty(value).expect("reports have string keys only");
    print(&format!("{text}\n"));
}

/// Writes one line that is not a result.
pub fn note(message: &str) {
    // If even this fails, the error cannot be reported.
    let _ = writeln!(io::stderr(), "crosswire: {}", escape(message));
}

/// Reports each capability that the machine lacks, one per line.
pub fn note_losses(lost: &[LostCapability]) {
    for capability in lost {
        note(&capability.to_string());
    }
}

/// Tells whether progress can be drawn.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}
