//! Which objects are contested: touched by two processes of which one changes them, in no
//! order that holds in every run. Only where such an object is touched can it matter who
//! takes the next step.
//!
//! What orders the steps of two processes in every run is that one has created the other,
//! or has learnt of its end: vector clocks (Mattern, "Virtual time and global states of
//! distributed systems", 1989) of these two events, by process.

use crosswire_model::{Contention, EVERYTHING, Mode, StartUp, TaskId, Touch, Use};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The latest touch of an object by one process in one way.
#[derive(Debug, Clone, Copy)]
struct Touched {
    process: usize,
    time: u32,
    mode: Mode,
}

/// What the processes of a run have touched.
#[derive(Debug, Default)]
pub(crate) struct Contest {
    /// Of each process, what it knows of the time of each.
    clocks: Vec<Vec<u32>>,
    objects: HashMap<String, Vec<Touched>>,
    /// Steps that may touch everything.
    everything: Vec<Touched>,
    /// Objects that are contested, in spite of the plan.
    pub found: BTreeSet<String>,
    /// The uses of those that the plan knows to be contested.
    pub uses: Contention,
    /// Number of these uses.
    noted: usize,
    /// Copies of `clocks`, as long as they hold.
    copies: HashMap<usize, Arc<[u32]>>,
}

/// Uses that are noted, at most: those of runs of thousands of steps.
const MOST_USES: usize = 100_000;

impl Contest {
    /// A process was created by another one, or by the harness.
    pub fn begin(&mut self, process: usize, parent: Option<usize>) {
        self.copies.clear();
        let mut clock = parent.map_or_else(Vec::new, |parent| {
            let known = self.clock(parent).clone();
            // What it does from now on is not known to its child.
            self.clock(parent)[parent] += 1;
            known
        });
        clock.resize(clock.len().max(process + 1), 0);
        clock[process] = 1;
        *self.clock(process) = clock;
    }

    /// A process has learnt of the end of its child.
    pub fn reap(&mut self, process: usize, child: usize) {
        self.copies.remove(&process);
        let ended = self.clock(child).clone();
        let own = self.clock(process);
        own.resize(own.len().max(ended.len()), 0);
        for (known, other) in own.iter_mut().zip(ended) {
            *known = (*known).max(other);
        }
    }

    /// Returns what a process knows of the time of each.
    pub fn known_to(&self, process: usize) -> &[u32] {
        self.clocks.get(process).map_or(&[], Vec::as_slice)
    }

    /// A process touches objects. Returns whether it conflicts with another one about any of
    /// them, as far as these have been touched. What is contested and unknown to `plan` is found.
    pub fn touch(&mut self, process: usize, touches: &[Touch], plan: Option<&StartUp>) -> bool {
        let time = self.clock(process)[process];
        let mut is_conflict = false;
        for touch in touches {
            let used = Touched {
                process,
                time,
                mode: touch.mode,
            };
            if touch.object == EVERYTHING {
                self.touch_everything(used, plan);
                is_conflict = true;
            } else {
                is_conflict |= self.touch_one(&touch.object, used, plan);
            }
        }
        is_conflict
    }

    /// Notes which contested objects a step uses.
    pub fn note_uses(
        &mut self,
        (step, task, process): (u64, TaskId, usize),
        touches: &[Touch],
        plan: &StartUp,
    ) {
        if self.noted >= MOST_USES {
            return;
        }
        let time = self.clock(process)[process];
        let known = self.copies.entry(process);
        let known = known.or_insert_with(|| self.clocks[process].as_slice().into());
        for touch in touches
            .iter()
            .filter(|touch| plan.is_contested(&touch.object))
        {
            let used = Use {
                step,
                task,
                mode: touch.mode,
                process,
                time,
                known: known.clone(),
            };
            self.noted += 1;
            match self.uses.get_mut(&touch.object) {
                Some(uses) => uses.push(used),
                None => {
                    self.uses.insert(touch.object.clone(), vec![used]);
                }
            }
        }
    }

    fn touch_one(&mut self, object: &str, used: Touched, plan: Option<&StartUp>) -> bool {
        let uses = match self.objects.get_mut(object) {
            Some(uses) => uses,
            None => self.objects.entry(object.to_owned()).or_default(),
        };
        let clock = &self.clocks[used.process];
        let conflicts = |other: &Touched| conflict(other, &used, clock);
        let is_contested = uses.iter().any(conflicts);
        let unknown: Vec<Mode> = (self.everything.iter().filter(|other| conflicts(other)))
            .map(|other| other.mode)
            .collect();
        remember(uses, used);
        let is_conflict = is_contested || !unknown.is_empty();
        let Some(plan) = plan else {
            return is_conflict;
        };
        if is_conflict && !plan.is_contested(object) {
            self.found.insert(object.to_owned());
        }
        // What changed it is not known by name.
        if unknown.iter().any(|mode| *mode != Mode::Read) {
            self.found.insert(EVERYTHING.to_owned());
        }
        is_conflict
    }

    fn touch_everything(&mut self, used: Touched, plan: Option<&StartUp>) {
        let Some(plan) = plan else {
            return remember(&mut self.everything, used);
        };
        let clock = &self.clocks[used.process];
        let conflicts = |other: &Touched| conflict(other, &used, clock);
        let touched = self.objects.iter();
        let touched = touched.filter(|(_, uses)| uses.iter().any(conflicts));
        let touched: Vec<&String> = touched.map(|(object, _)| object).collect();
        let is_change = used.mode != Mode::Read;
        if is_change && !touched.is_empty() || self.everything.iter().any(conflicts) {
            self.found.insert(EVERYTHING.to_owned());
        }
        let new = touched
            .into_iter()
            .filter(|object| !plan.is_contested(object));
        self.found.extend(new.cloned());
        remember(&mut self.everything, used);
    }

    fn clock(&mut self, process: usize) -> &mut Vec<u32> {
        while self.clocks.len() <= process {
            let number = self.clocks.len();
            self.clocks.push(vec![0; number + 1]);
        }
        &mut self.clocks[process]
    }
}

/// Tells whether an earlier use and one by the process with this clock can come in either
/// order, and the order matters.
fn conflict(earlier: &Touched, now: &Touched, clock: &[u32]) -> bool {
    let is_known = clock
        .get(earlier.process)
        .is_some_and(|time| *time >= earlier.time);
    let commute = earlier.mode == now.mode && now.mode != Mode::Write;
    earlier.process != now.process && !is_known && !commute
}

/// An earlier use in the same way is known to whoever knows of this one.
fn remember(uses: &mut Vec<Touched>, used: Touched) {
    let same = |known: &&mut Touched| (known.process, known.mode) == (used.process, used.mode);
    match uses.iter_mut().find(same) {
        Some(known) => known.time = used.time,
        None => uses.push(used),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contest(processes: usize) -> Contest {
        let mut contest = Contest::default();
        (0..processes).for_each(|process| contest.begin(process, None));
        contest
    }

    fn touch(contest: &mut Contest, process: usize, touch: Touch) {
        contest.touch(process, &[touch], Some(&StartUp::longest()));
    }

    fn found(contest: &Contest) -> Vec<&str> {
        contest.found.iter().map(String::as_str).collect()
    }

    #[test]
    fn what_two_touch_and_one_changes_is_contested() {
        let mut contest = contest(2);
        touch(&mut contest, 0, Touch::read("a"));
        touch(&mut contest, 1, Touch::read("a"));
        touch(&mut contest, 0, Touch::add("b"));
        touch(&mut contest, 1, Touch::add("b"));
        touch(&mut contest, 0, Touch::write("c"));
        touch(&mut contest, 0, Touch::read("c"));
        assert!(found(&contest).is_empty());
        touch(&mut contest, 1, Touch::write("a"));
        touch(&mut contest, 1, Touch::read("c"));
        touch(&mut contest, 1, Touch::read("b"));
        assert_eq!(found(&contest), ["a", "b", "c"]);
    }

    #[test]
    fn what_the_plan_knows_is_not_found_again() {
        let mut contest = contest(2);
        let mut plan = StartUp::longest();
        plan.add_contested(["file a".to_owned()].into());
        contest.touch(0, &[Touch::write("file a+0x8")], Some(&plan));
        contest.touch(
            1,
            &[Touch::write("file a+0x8"), Touch::write("b")],
            Some(&plan),
        );
        assert!(found(&contest).is_empty());
    }

    #[test]
    fn creation_and_a_known_end_order_what_they_stand_between() {
        let mut contest = contest(1);
        touch(&mut contest, 0, Touch::write("before"));
        contest.begin(1, Some(0));
        touch(&mut contest, 1, Touch::write("before"));
        touch(&mut contest, 1, Touch::write("during"));
        touch(&mut contest, 1, Touch::write("after"));
        touch(&mut contest, 0, Touch::read("during"));
        contest.reap(0, 1);
        touch(&mut contest, 0, Touch::write("after"));
        assert_eq!(found(&contest), ["during"]);
        // A brother that was created before the end was known, does not know of it.
        contest.begin(2, Some(0));
        touch(&mut contest, 2, Touch::write("after"));
        assert_eq!(found(&contest), ["during"]);
    }

    #[test]
    fn who_looks_at_everything_contests_what_others_change() {
        let mut contest = contest(2);
        touch(&mut contest, 1, Touch::read("a"));
        touch(&mut contest, 1, Touch::write("b"));
        touch(&mut contest, 0, Touch::read(EVERYTHING));
        assert_eq!(found(&contest), ["b"]);
        touch(&mut contest, 1, Touch::write("c"));
        assert_eq!(found(&contest), ["b", "c"]);
        touch(&mut contest, 0, Touch::everything());
        assert!(found(&contest).contains(&EVERYTHING));
    }
}
