//! Standard output and standard error: results to the first, everything else to
//! the second.

use crate::arguments::{Format, OutputOptions};
use crosswire::explore::{Found, LostCapability};
use crosswire::model::Verdict;
use crosswire::report::{Palette, escape, github};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
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

/// Writes findings as annotations of GitHub Actions, if the command line asks for them.
pub fn annotate<'a>(
    options: &OutputOptions,
    verdict: &Verdict,
    found: impl IntoIterator<Item = &'a Found>,
    files: &[Option<PathBuf>],
) {
    if options.format == Format::Github {
        // The directory of the repository; programs are built there, or below.
        let root = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
        let root = root.or_else(|| std::env::current_dir().ok());
        let root = root.unwrap_or_default();
        print(&github::annotations(verdict, found, files, &root));
    }
}

/// Writes one line that is not a result.
pub fn note(message: &str) {
    // If even this fails, the error cannot be reported.
    let _ = writeln!(io::stderr(), "crosswire: {}", escape(message));
}

/// Reports the capabilities that the machine lacks, in one line.
pub fn note_losses(lost: &[LostCapability]) {
    if let Some(first) = lost.first() {
        let names: Vec<&str> = lost.iter().map(|one| one.name.as_str()).collect();
        note(&format!(
            "this machine, or container, lacks {} ({}); `crosswire doctor` explains what is lost",
            names.join(", "),
            first.reason
        ));
    }
}

/// Tells whether progress can be drawn.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}
