//! Floor 1: what addresses mean. From a copy of a task's registers and stack to the
//! functions it was in, by the unwind tables and debug information of the files that
//! were mapped there. Programs without symbols get module and offset.
//!
//! `framehop` finds the callers and needs nothing but the copy; `addr2line` finds
//! functions and lines, also in separate debug files and with inlined calls.

mod loaded;
mod module;
mod nameless;
mod unwind;

use crosswire_model::{Capture, Frame, Place, Stack, Variable};
use loaded::module;
use nameless::in_memory;

/// Returns the calls that a task was in, innermost first.
///
/// ```
/// use crosswire_model::{Capture, Moment, TaskId};
/// let nowhere = Capture {
///     task: TaskId(0),
///     step: 7,
///     moment: Moment::Killed,
///     registers: [0x1000, 0, 0],
///     stack: Vec::new(),
///     mappings: Vec::new(),
/// };
/// let stack = crosswire_symbols::stack(&nowhere);
/// assert_eq!(stack.frames[0].to_string(), "memory+0x1000");
/// ```
pub fn stack(capture: &Capture) -> Stack {
    let mut frames = Vec::new();
    for (address, is_return) in unwind::addresses(capture) {
        let mapping = capture
            .mappings
            .iter()
            .find(|mapping| (mapping.start..mapping.end).contains(&address));
        let Some(mapping) = mapping else {
            frames.push(in_memory(address));
            continue;
        };
        let position = address - mapping.start + mapping.offset;
        // A call's line is that of the call, not of what comes after it.
        frames.extend(named(&mapping.path, position, u64::from(is_return)));
    }
    Stack {
        task: capture.task,
        step: capture.step,
        moment: capture.moment,
        frames,
    }
}

/// Returns the function and line of an instruction. If functions are inlined there, that is the
/// innermost one that belongs to no standard library, where there is one.
pub fn place(place: &Place) -> Frame {
    match &place.module[..] {
        "" => in_memory(place.offset),
        module => {
            let mut frames = named(module, place.offset, 0);
            let own = frames.iter().position(|frame| !frame.is_of_library());
            frames.swap_remove(own.unwrap_or(0))
        }
    }
}

/// Returns the variables of an executable file or library, each with its distance from the
/// beginning of the file's memory; none where there is no symbol table.
pub fn variables(path: &str) -> Vec<Variable> {
    module(path).map_or_else(Vec::new, |module| module.variables.clone())
}

/// Returns the functions at a position of a file, inlined ones before those that they
/// were inlined into: one at least. The code looked up begins `back` bytes before.
fn named(path: &str, position: u64, back: u64) -> Vec<Frame> {
    let plain = |address| Frame {
        module: path.to_owned(),
        ..in_memory(address)
    };
    let Some(module) = module(path) else {
        return vec![plain(position)];
    };
    let Some(address) = module.address_of(position) else {
        return vec![plain(position)];
    };
    let mut frames = module.frames(address - back.min(address));
    for frame in &mut frames {
        frame.module = path.to_owned();
        frame.address = address;
    }
    match frames.is_empty() {
        true => vec![plain(address)],
        false => frames,
    }
}

#[cfg(test)]
mod tests;
