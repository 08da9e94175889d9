//! Standard output and standard error: results to the first, everything else to
//! the second.

use crosswire::explore::LostCapability;
use crosswire::report::{Palette, escape};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Returns colours if standard output is a terminal and `NO_COLOR` does not forbid them.
pub fn palette() -> Palette {
    match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Palette::PLAIN,
        _ => Palette::ANSI,
    }
}

/// True once results could not be written.
static LOST: AtomicBool = AtomicBool::new(false);

/// Writes results. If the reader has closed the pipe (`| head`), drops them: the exit
/// status still gives the verdict. If they cannot be written otherwise, the command fails
/// ([`is_lost`]).
pub fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let result = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    note_result(result);
}

/// Takes note of what became of writing results.
pub fn note_result(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        LOST.store(true, Ordering::Relaxed);
        note(&format!("cannot write to standard output: {error}"));
    }
}

/// Tells whether results could not be written.
pub fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
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
