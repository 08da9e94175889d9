//! Which of the steps that tasks are about to take are suspected, for schedules that are
//! directed at them.

use crate::run::session::Session;
use crate::run::task::{At, State};
use crosswire_kernel::maps;
use crosswire_model::{Approached, Call, Capture, Frame, Moment, Suspect, TaskId, Touch};
use std::rc::Rc;

impl Session<'_> {
    /// Returns for each of these tasks which suspects its next step is one of, a bit each;
    /// nothing if the schedule is not directed at any. `next`: the objects that they touch.
    pub fn approach(&mut self, tasks: &[TaskId], next: &[Rc<[Touch]>]) -> Vec<u8> {
        let suspects = self.chooser.suspects();
        if suspects.is_empty() {
            return Vec::new();
        }
        let mut approached = Vec::with_capacity(tasks.len());
        for (task, touches) in tasks.iter().zip(next) {
            let index = task.index();
            let sides = match self.tasks[index].suspected {
                Some(known) => known,
                None => self.sides(index, touches, &suspects),
            };
            self.tasks[index].suspected = Some(sides);
            approached.push(sides);
        }
        approached
    }

    fn sides(&mut self, index: usize, touches: &[Touch], suspects: &[Suspect]) -> u8 {
        let task = &self.tasks[index];
        let call = match task.state {
            State::Ready(At::Entry, _) => Some(Call(task.entering.call).to_string()),
            State::Ready(At::Access, _) => None,
            _ => return 0,
        };
        let needs_frames = suspects.iter().any(Suspect::may_be_in_code);
        let needs_place = suspects.iter().any(|suspect| suspect.place.is_some());
        let capture = match needs_frames || needs_place {
            // Nobody will read why.
            true => self.calls_of(index, Moment::Stuck),
            false => None,
        };
        let frames = match &capture {
            Some(capture) if needs_frames => crosswire_symbols::stack(capture).frames,
            _ => Vec::new(),
        };
        let approached = Approached {
            process: &self.processes[task.process].name,
            call: call.as_deref(),
            touches,
            place: capture.as_ref().and_then(innermost),
            frames: &frames,
        };
        let met = (0..)
            .zip(suspects)
            .filter(|(_, suspect)| suspect.is_met_by(&approached));
        let sides = met.fold(0, |sides, (side, _)| sides | 1 << side);
        self.note_met(sides, &frames, call);
        sides
    }

    fn note_met(&mut self, sides: u8, frames: &[Frame], call: Option<String>) {
        // Functions of the system's libraries are not what somebody suspects.
        let is_own = |frame: &&Frame| !maps::is_systems(&frame.module);
        let functions = frames
            .iter()
            .filter(is_own)
            .filter_map(|frame| frame.function.clone());
        let met = &mut self.recorder.met;
        met.names.extend(functions.chain(call));
        met.sides
            .extend((0..Suspect::MOST).filter(|side| sides & 1 << side != 0));
    }
}

/// Returns the file and position of the instruction at which a task was captured.
fn innermost(capture: &Capture) -> Option<(&str, u64)> {
    let instruction = capture.registers[0];
    let mut mappings = capture.mappings.iter();
    let mapping = mappings.find(|one| (one.start..one.end).contains(&instruction))?;
    Some((&mapping.path, instruction - mapping.start + mapping.offset))
}
