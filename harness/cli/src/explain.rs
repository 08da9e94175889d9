//! `crosswire explain`: explains a recorded run without performing it again.

use crate::arguments::{Demo, ExplainOptions, Format};
use crate::failure::Failure;
use crate::{exit, junit, mechanism, terminal};
use crosswire::explore;
use crosswire::model::{Names, Record, Verdict};
use crosswire::report::{self, Explanation, text};
use std::path::{Path, PathBuf};

/// Explains a file or a recording shipped with Crosswire.
pub fn explain(options: &ExplainOptions) -> Result<u8, Failure> {
    if options.schema {
        terminal::print(report::SCHEMA);
        return Ok(exit::PASS);
    }
    if let Some(name) = &options.mechanism {
        terminal::print(&mechanism::page_of(name)?);
        return Ok(exit::PASS);
    }
    let (record, file) = match (options.demo, &options.file) {
        (Some(demo), _) => (recording(demo), None),
        (None, Some(file)) => (explore::load(file)?, Some(file)),
        (None, None) => {
            return Err(Failure::usage(
                "nothing to explain: name a replay file or a --demo",
            ));
        }
    };
    export(options, &record, file)?;
    match options.output.format {
        Format::Json => terminal::print_json(&report::explained(&record)),
        Format::Text | Format::Github => {
            let palette = terminal::palette();
            let file = file.map(PathBuf::as_path);
            terminal::print(&text::explanation(&record, file, palette));
        }
    }
    Ok(exit::PASS)
}

/// Writes the other requested formats.
fn export(
    options: &ExplainOptions,
    record: &Record,
    file: Option<&PathBuf>,
) -> Result<(), Failure> {
    let file = file.map(PathBuf::as_path);
    if let Some(out) = &options.html {
        write(out, &report::page(record, file))?;
    }
    if let Some(out) = &options.perfetto {
        let record = &Names::of(&record.trace).of_record(record);
        let first = match &record.verdict {
            Verdict::Violation(violations) => violations.first(),
            _ => None,
        };
        let explanation = Explanation::of_record(record, first);
        write(out, &report::trace_events(&explanation).to_string())?;
    }
    if let Some(out) = &options.junit {
        let name = record.programs.first().map(|program| program.name.as_str());
        let suite = junit::of_record(record, file, name.unwrap_or("crosswire"));
        junit::write(out, vec![suite])?;
    }
    Ok(())
}

fn write(out: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::usage(format!("cannot write {}: {error}", out.display()));
    std::fs::write(out, text).map_err(failed)
}

/// Reads a recording; `demos` holds the programs and their recordings.
fn recording(demo: Demo) -> Record {
    let text = match demo {
        Demo::SharedMemory => include_str!("../demos/shared-memory.json"),
        Demo::MessagePassing => include_str!("../demos/message-passing.json"),
        Demo::Pipe => include_str!("../demos/pipe.json"),
        Demo::Semaphore => include_str!("../demos/semaphore.json"),
        Demo::Signals => include_str!("../demos/signals.json"),
        Demo::Deadlock => include_str!("../demos/deadlock.json"),
    };
    explore::load_text(text, "the demo").expect("shipped recordings are readable")
}
