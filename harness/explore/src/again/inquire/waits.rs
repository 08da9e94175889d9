//! Steps that another task never took because of the failure: the server that was killed before
//! it listened. A task waits before a step until another one has gone on, as far as is needed.

use super::{Course, takers};
use crate::again::pairs::hold;
use crosswire_calls::Does;
use crosswire_engine::EngineError;
use crosswire_model::{AccessKind, Change, Event, Run, Switch, TaskId, TestedCause, Trace, What};

/// Waits that are tried.
const MOST_WAITS: usize = 24;

/// A task that waits before a step until another one has taken some.
#[derive(Debug, Clone, Copy)]
struct Wait {
    step: usize,
    until: TaskId,
    steps: usize,
}

impl Course<'_> {
    /// Lets tasks wait before steps that failed or that sent a signal; with the first wait that
    /// makes the run pass, whether it was found or all were tried.
    pub(super) fn with_waits(
        &mut self,
        seen: &Trace,
    ) -> Result<(Option<TestedCause>, bool), EngineError> {
        let all = waits(seen);
        for wait in all.iter().take(MOST_WAITS) {
            if !self.may_go_on() {
                return Ok((None, false));
            }
            if let Some(cause) = self.shortest(seen, *wait)? {
                return Ok((Some(cause), true));
            }
        }
        Ok((None, all.len() <= MOST_WAITS))
    }

    /// Returns the shortest wait for a task that makes the run pass.
    fn shortest(&mut self, seen: &Trace, wait: Wait) -> Result<Option<TestedCause>, EngineError> {
        let takers = takers(seen);
        let order = &takers[..wait.step];
        let goes_on = Switch {
            after: hold::done(order),
            task: wait.until,
        };
        let switches = [hold::switches(order), vec![goes_on]].concat();
        let Some(run) = self.passing(&self.switching(switches, true))? else {
            return Ok(None);
        };
        let taken = self::takers(&run.trace);
        let by_it = |taker: &&TaskId| **taker == wait.until;
        let longest = taken.iter().skip(wait.step).take_while(by_it).count();
        // A wait of no step is the run that fails.
        let (mut fails, mut passes) = (0, longest);
        let mut found = self.waiting(
            seen,
            Wait {
                steps: longest,
                ..wait
            },
        )?;
        while found.is_some() && passes - fails > 1 && self.may_go_on() {
            let steps = fails + (passes - fails) / 2;
            match self.waiting(seen, Wait { steps, ..wait })? {
                Some(shorter) => (passes, found) = (steps, Some(shorter)),
                None => fails = steps,
            }
        }
        let Some(run) = found else {
            return Ok(None);
        };
        let last = wait.step + passes - 1;
        let what = deed(&run.trace, last as u64, wait.until);
        Ok(what.map(|what| TestedCause {
            change: Change::Wait {
                step: wait.step as u64,
                task: wait.until,
                what,
            },
            switches: run.trace.switches,
        }))
    }

    /// Performs the run with a wait; returns it if it passes and the wait was kept.
    fn waiting(&mut self, seen: &Trace, wait: Wait) -> Result<Option<Run>, EngineError> {
        let takers = takers(seen);
        let (before, after) = takers.split_at(wait.step);
        let others = vec![wait.until; wait.steps];
        let order = [before, &others, &after[..1]].concat();
        let plan = self.switching(hold::switches(&order), true);
        let run = self.passing(&plan)?;
        let is_kept = |run: &Run| self::takers(&run.trace).starts_with(&order);
        Ok(run.filter(is_kept))
    }
}

/// Returns the waits that may matter, the latest first.
fn waits(seen: &Trace) -> Vec<Wait> {
    let mut all = Vec::new();
    let mut last = None;
    for event in seen.events.iter().rev() {
        let Ok(step) = usize::try_from(event.step) else {
            continue;
        };
        let Some(footprint) = seen.footprints.get(step) else {
            continue;
        };
        if last == Some(step) || footprint.task != event.task || !is_early(&event.what) {
            continue;
        }
        last = Some(step);
        let others = footprint.choices.iter().filter(|task| **task != event.task);
        all.extend(others.map(|task| Wait {
            step,
            until: *task,
            steps: 0,
        }));
    }
    all
}

/// Tells whether a step may have come too early: it failed, found nothing, read what was not
/// ready, or woke or sent a signal to a task that did not wait for it.
fn is_early(what: &What) -> bool {
    match what {
        What::Call { call, result, .. } => {
            let row = call.row();
            let found_nothing = row.reads_bytes() || row.does == Does::Futex;
            row.sends_signal() || (-4095..0).contains(result) || *result == 0 && found_nothing
        }
        What::Access(access) => access.kind == AccessKind::Read,
        What::Signal(_) | What::Killed(_) => true,
        _ => false,
    }
}

/// Returns what a task did in a step.
fn deed(trace: &Trace, step: u64, task: TaskId) -> Option<What> {
    let begin = trace.events.partition_point(|event| event.step < step);
    let of_step = trace.events[begin..]
        .iter()
        .take_while(|event| event.step == step);
    let is_own = |event: &&Event| event.task == task && !matches!(event.what, What::Wake { .. });
    of_step
        .filter(is_own)
        .last()
        .map(|event| event.what.clone())
}
