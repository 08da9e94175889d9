//! Points at which a kill comes to the same.

use crate::plan::effects::{Effect, Effects};
use crate::plan::points::{self, Points};
use crosswire_engine::Successor;
use crosswire_model::{Action, Fault, FaultKind, Run};

/// Points of one process, between which it does nothing whose effect outlives it. One stands
/// for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KillClass {
    /// In the order in which they were passed.
    pub points: Vec<Fault>,
    /// The stronger of the effects before and behind them.
    pub rank: Effect,
}

impl KillClass {
    /// Returns the point that stands for all: the last, which is next to the effect.
    pub fn example(&self) -> &Fault {
        self.points.last().expect("a class has a point")
    }

    /// Returns the points that it stands for.
    pub fn others(&self) -> &[Fault] {
        &self.points[..self.points.len() - 1]
    }

    /// Returns each point as a class of its own.
    pub fn into_points(self) -> impl Iterator<Item = KillClass> {
        let rank = self.rank;
        self.points.into_iter().map(move |point| KillClass {
            points: vec![point],
            rank,
        })
    }
}

/// Returns the points of a process that a run shows from an event on, in classes. Without
/// footprints each is a class of its own.
pub(crate) fn classes(
    run: &Run,
    successors: &[Successor],
    process: &str,
    since: usize,
) -> Vec<KillClass> {
    let trace = &run.trace;
    // Accesses to memory that is not watched leave no trace.
    let effects = run
        .unwatched
        .is_empty()
        .then(|| Effects::of(trace, successors, process));
    let mut classes: Vec<KillClass> = Vec::new();
    let mut last: Option<(u64, bool)> = None;
    let points = points::of_process(trace, Action::Kill, process);
    for (event, fault) in points.filter(|(event, _)| *event >= since) {
        let step = trace.events[event].step;
        let border = match (last, &effects) {
            (None, _) | (_, None) => Some(Effect::Unknown),
            // Others can notice that it waits.
            (Some((_, waited)), _) if waited || fault.point.blocked => Some(Effect::Contested),
            (Some((before, _)), Some(effects)) => effects.between(before, step),
        };
        last = Some((step, fault.point.blocked));
        match (border, classes.last_mut()) {
            (None, Some(class)) => class.points.push(fault),
            (border, before) => {
                let rank = border.unwrap_or(Effect::Unknown);
                if let Some(class) = before {
                    class.rank = class.rank.min(rank);
                }
                classes.push(KillClass {
                    points: vec![fault],
                    rank,
                });
            }
        }
    }
    classes
}

/// Tells whether faults of this kind are chosen by the effects about them, and not by calls.
pub(crate) fn by_effect(kind: &FaultKind) -> bool {
    matches!(kind.action, Action::Kill | Action::Pause(_)) && kind.points.is_none()
}

/// Returns the points of a run; if it has footprints, also which of them stand for others as
/// to faults of these kinds. A run with faults shows other points than there are without.
pub(crate) fn learned(run: &Run, successors: &[Successor], kinds: &[FaultKind]) -> Points {
    if !run.plan.faults.is_empty() {
        return Points::refused(run);
    }
    let mut points = Points::of(&run.trace);
    points.note_plan(&run.plan);
    if run.trace.footprints.is_empty() {
        return points;
    }
    let is_concerned = |name: &String| {
        let mut kinds = kinds.iter().filter(|kind| by_effect(kind));
        kinds.any(|kind| kind.process.as_ref().is_none_or(|process| process == name))
    };
    let names = run.trace.process_names().into_iter();
    for name in names.filter(is_concerned) {
        for class in classes(run, successors, &name, 0) {
            points.note_example(class.example());
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use crosswire_model::{End, Event, Footprint, TaskId, Touch, Trace, What};

    /// A step: its process, its call, and what it touches besides its process.
    type Step<'a> = (&'a str, &'a str, &'a [Touch]);

    fn run(steps: &[Step]) -> Run {
        let calls: Vec<(&str, &str)> = steps.iter().map(|(who, call, _)| (*who, *call)).collect();
        let mut trace = fake::trace(&calls);
        let events = trace.events.iter();
        trace.footprints = events
            .zip(steps)
            .map(|(event, (_, _, touches))| {
                let own = Touch::write(format!("process {}", event.task));
                Footprint {
                    task: event.task,
                    choices: Vec::new(),
                    touches: std::iter::once(own)
                        .chain(touches.iter().cloned())
                        .collect(),
                }
            })
            .collect();
        Run {
            trace,
            ..crosswire_model::testing::RunBuilder::new(&[]).end(End::Finished)
        }
    }

    /// Returns the numbers of points in the classes of process `a`.
    fn sizes(run: &Run) -> Vec<usize> {
        let classes = classes(run, &[], "a", 0);
        classes.iter().map(|class| class.points.len()).collect()
    }

    /// Returns the sizes where each step of `a` touches this and `b` does that at the end.
    fn between(touch: Touch, others: &[Touch]) -> Vec<usize> {
        let touches = [touch];
        let mut steps: Vec<Step> = vec![("a", "write", &touches[..]); 2];
        steps.push(("a", "exit_group", &[]));
        if !others.is_empty() {
            steps.push(("b", "write", others));
        }
        sizes(&run(&steps))
    }

    const ALONE: &[Touch] = &[];

    #[test]
    fn what_dies_with_the_process_separates_no_points() {
        let passing = [
            Touch::read("file /a"),
            Touch::write("SIGCHLD to #0"),
            Touch::write("children of #0"),
            Touch::write("position in file /a"),
            Touch::write("locks of file /a"),
            Touch::add("writers of file /a"),
            Touch::write("pipe #0.1"),
            Touch::write("time-outs"),
        ];
        for touch in passing {
            assert_eq!(between(touch.clone(), ALONE), [3], "{touch:?}");
        }
    }

    #[test]
    fn what_outlives_the_process_does() {
        let lasting = [
            Touch::write("file /a"),
            Touch::add("entries of file /"),
            Touch::write("System V semaphores 1"),
            Touch::write("queue /a"),
            Touch::write("file /dev/shm/a+0x8"),
            Touch::write("process ids"),
            Touch::write("process #7"),
            Touch::write("log"),
            Touch::write("marks"),
            Touch::write("something that is not known here"),
            Touch::everything(),
        ];
        for touch in lasting {
            assert_eq!(between(touch.clone(), ALONE), [1, 1, 1], "{touch:?}");
        }
    }

    #[test]
    fn what_others_have_too_does() {
        let write = |object: &str| Touch::write(object);
        assert_eq!(
            between(write("pipe #0.1"), &[Touch::add("pipe #0.1")]),
            [3],
            "a stranger"
        );
        assert_eq!(
            between(Touch::add("locks of x"), &[write("locks of x")]),
            [1, 1, 1]
        );
        assert_eq!(
            between(Touch::add("locks of x"), &[Touch::add("locks of x")]),
            [3]
        );
        assert_eq!(between(Touch::read("file x"), &[write("file x")]), [3]);
        let mut family = run(&[
            ("a", "write", &[Touch::write("pipe #0.1")]),
            ("a", "read", &[Touch::write("position in file /a")]),
            ("a", "exit_group", &[]),
            ("b", "write", &[]),
        ]);
        assert_eq!(sizes(&family), [3]);
        family.trace.tasks[1].parent = Some(TaskId(0));
        assert_eq!(sizes(&family), [1, 1, 1], "they may share it");
    }

    #[test]
    fn steps_of_others_separate_points_if_the_death_concerns_them() {
        let sizes_with = |touch: Touch| {
            let pipe = [Touch::add("pipe #0.1")];
            sizes(&run(&[
                ("a", "close", &pipe),
                ("b", "read", &[touch]),
                ("a", "write", &[]),
                ("a", "exit_group", &[Touch::add("locks of file /a")]),
            ]))
        };
        assert_eq!(sizes_with(Touch::write("file /b")), [3]);
        assert_eq!(sizes_with(Touch::write("pipe #0.1")), [1, 2]);
        assert_eq!(sizes_with(Touch::write("process #0")), [1, 2]);
        assert_eq!(sizes_with(Touch::write("locks of file /a")), [1, 2]);
        assert_eq!(sizes_with(Touch::everything()), [1, 2]);
        let unknown_end = run(&[("a", "write", &[]), ("b", "read", &[]), ("a", "write", &[])]);
        assert_eq!(sizes(&unknown_end), [1, 1]);
    }

    #[test]
    fn asking_is_harmless_unless_nothing_is_followed() {
        let everything = [Touch::everything()];
        let mut asking = vec![("a", "stat", &everything[..]); 2];
        asking.push(("a", "exit_group", &[]));
        assert_eq!(sizes(&run(&asking)), [3]);
        asking[2].2 = &everything;
        assert_eq!(sizes(&run(&asking)), [1, 1, 1]);
    }

    #[test]
    fn files_are_uncontested_unless_somebody_watches_them() {
        let touches = [Touch::read("file /a")];
        let mut steps: Vec<Step> = vec![("a", "stat", &touches); 2];
        steps.push(("b", "getpid", &[]));
        assert_eq!(sizes(&run(&steps)), [2]);
        steps[2].1 = "inotify_add_watch";
        assert_eq!(sizes(&run(&steps)), [1, 1]);
    }

    #[test]
    fn a_process_in_the_memory_of_its_creator_dies_differently_at_each_point() {
        let mut vfork = run(&[("b", "vfork", &[]), ("a", "stat", &[]), ("a", "stat", &[])]);
        let spawn = Event {
            what: What::Spawn(TaskId(0)),
            ..vfork.trace.events[0].clone()
        };
        let made = std::mem::replace(&mut vfork.trace.events[0], spawn);
        assert_eq!(sizes(&vfork), [1, 1]);
        vfork.trace.events.insert(1, made);
        assert_eq!(sizes(&vfork), [2], "the creator has gone on");
    }

    #[test]
    fn waiting_is_a_class_of_its_own() {
        let mut waiting = run(&[("a", "read", &[]), ("a", "read", &[]), ("a", "read", &[])]);
        let What::Call { call, args, .. } = waiting.trace.events[1].what.clone() else {
            unreachable!("a call")
        };
        waiting.trace.events[1].what = What::Block {
            call,
            args,
            path: None,
        };
        assert_eq!(sizes(&waiting), [2, 1, 1]);
    }

    #[test]
    fn contested_effects_come_first() {
        let (mine, ours) = ([Touch::write("file /a")], [Touch::write("file /b")]);
        let classes = classes(
            &run(&[
                ("a", "write", &mine),
                ("a", "write", &ours),
                ("a", "getpid", &[]),
                ("b", "write", &ours),
            ]),
            &[],
            "a",
            0,
        );
        let ranks: Vec<Effect> = classes.iter().map(|class| class.rank).collect();
        assert_eq!(
            ranks,
            [Effect::Lasting, Effect::Contested, Effect::Contested]
        );
    }

    #[test]
    fn without_footprints_or_with_unwatched_memory_each_point_is_a_class() {
        let steps: &[Step] = &[("a", "stat", &[]), ("a", "stat", &[])];
        assert_eq!(sizes(&run(steps)), [2]);
        let mut unwatched = run(steps);
        unwatched.unwatched.insert("a mapping".to_owned());
        assert_eq!(sizes(&unwatched), [1, 1]);
        let mut unknown = run(steps);
        unknown.trace = Trace {
            footprints: Vec::new(),
            ..unknown.trace
        };
        assert_eq!(sizes(&unknown), [1, 1]);
    }
}
