//! Steering by lines: for pipes, scripts and tests.

use crate::arguments::Format;
use crate::failure::Failure;
use crate::terminal;
use crosswire_steer::{Said, Steering, View, lines};
use std::io::{self, BufRead, IsTerminal};

/// Bytes of a command; nobody writes a longer one.
const LONGEST: usize = 4096;

/// Reads commands until there are no more, and answers each.
pub fn converse(steering: &mut Steering, format: Format) -> Result<(), Failure> {
    let is_typed = io::stdin().is_terminal();
    answer(&steering.view(), format);
    for (number, line) in (1..).zip(io::stdin().lock().split(b'\n')) {
        let failed = |what: &str| Failure::usage(format!("line {number}: {what}"));
        let line = line.map_err(|error| failed(&format!("cannot read it: {error}")))?;
        let text = String::from_utf8_lossy(&line);
        if line.len() > LONGEST {
            return Err(failed("it is longer than any command"));
        }
        match steering.obey(&text) {
            Ok(Said::Quit) => return Ok(()),
            Ok(_) => answer(&steering.view(), format),
            Err(error) if is_typed => terminal::note(&error.to_string()),
            // What follows would not mean what it was written for.
            Err(error) => return Err(failed(&error.to_string())),
        }
    }
    Ok(())
}

fn answer(view: &View, format: Format) {
    match format {
        Format::Json => {
            let json = serde_json::to_string(view).expect("views have string keys only");
            terminal::print(&format!("{json}\n"));
        }
        Format::Text | Format::Github => terminal::print(&lines(view)),
    }
}
