//! Standard output and standard error: results to the first, everything else to
//! the second.

use crosswire::explore::LostCapability;
use crosswire::report::{Palette, escape};
use std::io::{self, IsTerminal, Write};

/// Colours if standard output is a terminal and nothing forbids them (`NO_COLOR`).
pub fn palette() -> Palette {
    match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Palette::PLAIN,
        _ => Palette::ANSI,
    }
}

/// Writes results. Where nobody reads them any more (`| head`), they are dropped:
/// the exit status still tells the verdict.
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
    // If even this fails there is nobody to tell.
    let _ = writeln!(io::stderr(), "crosswire: {}", escape(message));
}

/// Says what the machine does not permit, a line each.
pub fn note_losses(lost: &[LostCapability]) {
    for capability in lost {
        note(&capability.to_string());
    }
}

/// Whether progress can be drawn.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}
