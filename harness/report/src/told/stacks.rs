//! Stacks of tasks at the time they died or got stuck.

use crate::escape::escape;
use crate::told::fold::line;
use crosswire_model::{End, Frame, Moment, Stack, Trace, What};
use serde::Serialize;

/// Calls of one task that are shown.
const SHOWN: usize = 10;

/// Returns the calls of each task whose stack was looked at; nothing if none was.
pub(crate) fn stacks(trace: &Trace, stacks: &[Stack]) -> String {
    let told = stacks.iter().filter(|stack| !stack.frames.is_empty());
    let mut text: String = told.map(|stack| describe(trace, stack)).collect();
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// The JSON form of a stack.
#[derive(Debug, Clone, Serialize)]
pub struct StackEntry {
    /// Name of the process.
    process: String,
    /// In which step.
    step: u64,
    /// Reason why it was looked at: `killed`, `signal`, `exit` or `stuck`.
    moment: Moment,
    /// The calls, innermost first.
    frames: Vec<FrameEntry>,
}

/// The JSON form of a call.
#[derive(Debug, Clone, Serialize)]
struct FrameEntry {
    /// `update (record.c:42)`.
    text: String,
    #[serde(flatten)]
    frame: Frame,
}

/// Stacks for programs.
pub(crate) fn entries(trace: &Trace, stacks: &[Stack]) -> Vec<StackEntry> {
    let frame = |frame: &Frame| FrameEntry {
        text: frame.to_string(),
        frame: frame.clone(),
    };
    let entry = |stack: &Stack| StackEntry {
        process: trace.name(stack.task),
        step: stack.step,
        moment: stack.moment,
        frames: stack.frames.iter().map(frame).collect(),
    };
    stacks.iter().map(entry).collect()
}

/// Returns ` with status N` of the exit at which a stack was captured.
fn status(trace: &Trace, stack: &Stack) -> String {
    let exit = trace.events.iter().find_map(|event| match event.what {
        What::Exit(status) if event.task == stack.task => Some(status),
        _ => None,
    });
    exit.map_or_else(String::new, |status| format!(" with status {status}"))
}

fn describe(trace: &Trace, stack: &Stack) -> String {
    let mut text = String::new();
    let name = escape(&trace.name(stack.task));
    let moment = match stack.moment {
        Moment::Killed => format!("`{name}` was killed in step {} at", stack.step),
        Moment::Signal => format!("`{name}` got its fatal signal in step {} at", stack.step),
        Moment::Exit => format!(
            "`{name}` exited{} in step {} at",
            status(trace, stack),
            stack.step
        ),
        Moment::Stuck if matches!(trace.end, End::Limit(_)) => {
            format!("`{name}` was in step {} at", stack.step)
        }
        Moment::Stuck => format!("`{name}` is blocked at"),
    };
    line(&mut text, &format!("  {moment}"));
    let frames = stack.told();
    for frame in frames.iter().take(SHOWN) {
        line(&mut text, &format!("    {}", escape(&frame.to_string())));
    }
    if frames.len() > SHOWN {
        line(
            &mut text,
            &format!("    and {} further calls", frames.len() - SHOWN),
        );
    }
    text
}
