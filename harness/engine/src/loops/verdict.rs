//! The end of a run in which only loops are left.

use super::of_task::Nature;
use crate::run::session::{Halt, Session};
use crosswire_model::{End, Moment, PolledWord, Polling, Spinner, What};

/// Words and calls of a round that are told.
const MOST: usize = 8;

impl Session<'_> {
    /// Nothing but endless loops is left, and no deadline. Ends the run, unless they have not
    /// had a last chance: what the kernel does on its own (a packet on its way) is no step.
    pub fn end_in_loops(&mut self) -> Result<(), Halt> {
        let round = self.going_round();
        let effects = self.happened_in_all().effects;
        if self.loops.last_chance.replace(effects) != Some(effects) {
            for index in round {
                self.tasks[index].looping.forget();
            }
            return Ok(());
        }
        if self.part_entangled(&round) {
            return Ok(());
        }
        Err(Halt::End(match self.roots_have_ended() {
            true => End::Finished,
            false => End::Livelock(self.spinners(&round)),
        }))
    }

    /// No step has had an effect for long.
    pub(super) fn stalled(&mut self) -> End {
        let round = self.going_round();
        match self.roots_have_ended() {
            true => End::Finished,
            false => End::Stalled(self.spinners(&round)),
        }
    }

    /// Lets threads go on that may see of each other what they write in the course of a
    /// round: another interleaving of their rounds could end the loops.
    fn part_entangled(&mut self, round: &[usize]) -> bool {
        let mut entangled = Vec::new();
        for (at, &one) in round.iter().enumerate() {
            for &other in &round[at + 1..] {
                let natures = (
                    &self.tasks[one].looping.nature,
                    &self.tasks[other].looping.nature,
                );
                if let (Some(Nature::Endless(a)), Some(Nature::Endless(b))) = natures
                    && self.space_number(one) == self.space_number(other)
                    && !a.is_apart_from(b)
                {
                    entangled.extend([one, other]);
                }
            }
        }
        for &index in &entangled {
            self.tasks[index].looping.nature = Some(Nature::Undecided);
        }
        !entangled.is_empty()
    }

    fn spinners(&mut self, round: &[usize]) -> Vec<Spinner> {
        for &index in round {
            self.capture(index, Moment::Stuck);
        }
        round.iter().map(|&index| self.spinner(index)).collect()
    }

    /// What a task looks at in one round.
    fn spinner(&self, index: usize) -> Spinner {
        let task = &self.tasks[index];
        let mut spinner = Spinner {
            task: task.id,
            words: Vec::new(),
            calls: Vec::new(),
        };
        if task.looping.in_own_code {
            return spinner;
        }
        let events = self.recorder.events();
        let own = (0..events.len())
            .rev()
            .filter(|at| events[*at].task == task.id);
        let counts = |at: &usize| super::gate::counts(&events[*at].what);
        for at in own.filter(counts).take(task.looping.rounds.period()) {
            match &events[at].what {
                What::Access(access) if access.before == access.after => {
                    let word = PolledWord {
                        access: *access,
                        last_writer: self.memory.last_writer(access),
                    };
                    let is_known = |known: &PolledWord| {
                        (known.access.object, known.access.offset) == (access.object, access.offset)
                    };
                    if !spinner.words.iter().any(is_known) {
                        spinner.words.push(word);
                    }
                }
                what => {
                    let polling = self.polling(at, what);
                    let polling = polling.filter(|one| !one.call.row().passes_time());
                    if let Some(polling) = polling.filter(|one| !spinner.calls.contains(one)) {
                        spinner.calls.push(polling);
                    }
                }
            }
        }
        // In the order in which the round has them.
        spinner.words.reverse();
        spinner.calls.reverse();
        spinner.words.truncate(MOST);
        spinner.calls.truncate(MOST);
        spinner
    }

    /// The call of an event, if it is the end of one.
    fn polling(&self, at: usize, what: &What) -> Option<Polling> {
        let (call, args, path, result) = match what {
            What::Call {
                call,
                args,
                path,
                result,
            } => (call, args, path, result),
            What::Wake { result, .. } => {
                let events = self.recorder.events();
                let mut before = events[..at].iter().rev();
                before.find_map(|event| match &event.what {
                    What::Block { call, args, path } if event.task == events[at].task => {
                        Some((call, args, path, result))
                    }
                    _ => None,
                })?
            }
            _ => return None,
        };
        Some(Polling {
            call: *call,
            args: *args,
            path: path.clone(),
            result: *result,
        })
    }
}
