//! From a run that fails to the fewest decisions that still make it fail.
//!
//! A candidate is a plan with fewer faults or decisions, or earlier ones. It is
//! performed; what it really did is read from its trace, and taken up if the same
//! failure shows and it is simpler. Decisions are identified by the progress of tasks, not by
//! the number of the step ([`Switch`]), so that those which are left keep their meaning
//! when one is taken away. Nothing is believed that was not run.
//!
//! Where there are many decisions, single exchanges of two steps of the run without any are
//! tried first. Taking away follows delta debugging (Zeller and Hildebrandt, "Simplifying and
//! isolating failure-inducing input", TSE 2002); that few preemptions nearly always
//! suffice is the observation of Musuvathi and Qadeer (PLDI 2007).

mod attempts;
mod exchanges;
mod search;

pub(super) use attempts::{Patience, Shrinker};

use crate::keep::recorder::spelled_out;
use attempts::{Attempts, size};
use crosswire_engine::EngineError;
use crosswire_model::{Run, Switch, Verdict};
use std::time::Instant;

/// Result of shrinking.
pub(super) struct Shrunk {
    /// The simplest run that was found, and what is said about it.
    pub run: Run,
    pub verdict: Verdict,
    /// Candidates performed.
    pub tried: u64,
    /// True if nothing simpler was left to try.
    pub finished: bool,
}

impl<'a> Shrinker<'a> {
    /// Shrinks a run that shows the violation.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn shrink(self, run: Run, verdict: Verdict) -> Result<Shrunk, EngineError> {
        let mut attempts = Attempts {
            until: Instant::now() + self.patience.time,
            with: self,
            best: run,
            verdict,
            tried: 0,
        };
        attempts.start_up_in_steps()?;
        attempts.by_exchanges()?;
        let mut finished = false;
        while !finished && attempts.may_go_on() {
            let before = size(&attempts.best);
            attempts.without_faults()?;
            attempts.without_delays()?;
            attempts.without_switches()?;
            attempts.by_other_switches()?;
            attempts.earlier_faults()?;
            attempts.earlier_switches()?;
            finished = size(&attempts.best) == before && attempts.may_go_on();
        }
        attempts.start_up_in_steps()?;
        let mut run = attempts.best;
        run.plan = spelled_out(&run);
        Ok(Shrunk {
            run,
            verdict: attempts.verdict,
            tried: attempts.tried,
            finished,
        })
    }
}

impl Attempts<'_> {
    fn without_faults(&mut self) -> Result<(), EngineError> {
        let mut at = 0;
        while at < self.faults().len() && self.may_go_on() {
            let mut fewer = self.faults().to_vec();
            fewer.remove(at);
            if !self.attempt(fewer, self.switches().to_vec())? {
                at += 1;
            }
        }
        Ok(())
    }

    /// Makes ever smaller parts of the stores visible at once, from the end.
    fn without_delays(&mut self) -> Result<(), EngineError> {
        let mut part = self.delays().len();
        while part > 0 {
            let mut end = self.delays().len();
            while end > 0 && self.may_go_on() {
                let begin = end.saturating_sub(part);
                let mut fewer = self.delays();
                fewer.drain(begin..end);
                let (faults, switches) = (self.faults().to_vec(), self.switches().to_vec());
                self.attempt_with(fewer, faults, switches)?;
                end = begin.min(self.delays().len());
            }
            part /= 2;
        }
        Ok(())
    }

    /// Takes away ever smaller parts of the decisions, from the end.
    fn without_switches(&mut self) -> Result<(), EngineError> {
        let mut part = self.switches().len();
        while part > 0 {
            let mut end = self.switches().len();
            while end > 0 && self.may_go_on() {
                let begin = end.saturating_sub(part);
                let mut fewer = self.switches().to_vec();
                fewer.drain(begin..end);
                if self.attempt(self.faults().to_vec(), fewer)? {
                    // What is left may be numbered otherwise, and shorter.
                    end = begin.min(self.switches().len());
                } else {
                    end = begin;
                }
            }
            part = match part {
                1 => 0,
                _ => part.div_ceil(2).min(self.switches().len().max(1)),
            };
        }
        Ok(())
    }

    /// Moves each fault to an earlier point of the same kind.
    fn earlier_faults(&mut self) -> Result<(), EngineError> {
        for at in 0..self.faults().len() {
            let Some(fault) = self.faults().get(at).cloned() else {
                break;
            };
            for nth in search::below(u64::from(fault.point.nth), 1) {
                if !self.may_go_on() {
                    return Ok(());
                }
                let mut faults = self.faults().to_vec();
                faults[at].point.nth = u32::try_from(nth).unwrap_or(u32::MAX);
                if self.attempt(faults, self.switches().to_vec())? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Moves each decision to the earliest point at which it does as well.
    fn earlier_switches(&mut self) -> Result<(), EngineError> {
        for at in 0..self.switches().len() {
            let Some(Switch {
                after: Some((_, taken)),
                ..
            }) = self.switches().get(at).copied()
            else {
                continue;
            };
            for earlier in search::below(taken, 1) {
                if !self.may_go_on() {
                    return Ok(());
                }
                let mut switches = self.switches().to_vec();
                if let Some((_, taken)) = switches.get_mut(at).and_then(|one| one.after.as_mut()) {
                    *taken = earlier;
                }
                if self.attempt(self.faults().to_vec(), switches)? {
                    break;
                }
            }
        }
        Ok(())
    }
}
