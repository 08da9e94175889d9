//! A view as lines of text.

use crate::{ObjectView, View};
use std::fmt::Write;

/// Events that are shown.
const EVENTS: usize = 12;

/// Lines of output that are shown.
const PRINTED: usize = 8;

/// Bytes of shared memory in a line.
const BYTES: usize = 32;

/// Returns a view as text: the tasks, the objects, the last events.
pub fn lines(view: &View) -> String {
    let mut text = String::new();
    // Strings accept everything.
    let _ = write_lines(view, &mut text);
    text
}

fn write_lines(view: &View, text: &mut String) -> std::fmt::Result {
    let last = view.events.len().saturating_sub(EVENTS);
    for event in &view.events[last..] {
        writeln!(text, "  {:>5}  {}: {}", event.step, event.name, event.words)?;
    }
    match &view.end {
        Some(end) => writeln!(text, "after {} steps: {end}", view.step)?,
        None => writeln!(text, "before step {}:", view.step)?,
    }
    let width = view
        .tasks
        .iter()
        .map(|task| task.name.chars().count())
        .max();
    let width = width.unwrap_or(0);
    for task in &view.tasks {
        let mark = match (task.usual, task.can_go) {
            (true, _) => '>',
            (_, true) => '-',
            _ => ' ',
        };
        write!(text, "{mark} {:<width$}  {}", task.name, task.doing)?;
        if !task.rivals.is_empty() {
            write!(text, "  [order matters: {}]", task.rivals.join(", "))?;
        } else if task.contested {
            write!(text, "  [others use this, too]")?;
        }
        writeln!(text)?;
    }
    for object in &view.objects {
        write_object(object, text)?;
    }
    let printed: Vec<&str> = view.stdout.lines().chain(view.stderr.lines()).collect();
    for line in &printed[printed.len().saturating_sub(PRINTED)..] {
        writeln!(text, "    | {line}")?;
    }
    for side in &view.sides {
        writeln!(
            text,
            "    {}: {} calls, {} bytes copied by the kernel, {} waits, {} wake-ups, {} accesses to \
             shared memory",
            side.name, side.calls, side.copied, side.waits, side.wake_ups, side.accesses
        )?;
    }
    if let Some(next) = &view.ahead {
        writeln!(text, "{} decisions ahead; the next: {next}", view.forward)?;
    }
    if !view.said.is_empty() {
        writeln!(text, "{}", view.said)?;
    }
    Ok(())
}

fn write_object(object: &ObjectView, text: &mut String) -> std::fmt::Result {
    let name = match object.name.starts_with(object.kind) {
        true => object.name.clone(),
        false => format!("{} {}", object.kind, object.name),
    };
    writeln!(text, "    {name}: {}", object.line)?;
    for (label, fact) in &object.rows {
        writeln!(text, "        {label}: {fact}")?;
    }
    if !object.cells.is_empty() {
        let bytes: Vec<u8> = object
            .cells
            .iter()
            .take(BYTES)
            .map(|cell| cell.byte)
            .collect();
        writeln!(text, "        bytes: \"{}\"", bytes.escape_ascii())?;
    }
    Ok(())
}
