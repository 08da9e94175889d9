//! Descriptions of the point where two runs that should be the same diverge.

use super::{Access, AccessKind, Call, End, Errno, Event, Leftover, TaskId, Trace, What};
use crosswire_calls::Does;

impl Trace {
    /// Returns the first place at which two traces differ, if they do: events first, then
    /// what follows from them.
    pub fn first_difference(&self, other: &Trace) -> Option<String> {
        self.difference(other, Event::clone, |trace| {
            (trace.end.clone(), trace.leftovers.clone())
        })
    }

    /// Returns the first place at which two traces differ: in what is seen of their events, in what
    /// comes last, or in what follows from them.
    pub(crate) fn difference(
        &self,
        other: &Trace,
        seen: impl Fn(&Event) -> Event,
        last: impl Fn(&Trace) -> (End, Vec<Leftover>),
    ) -> Option<String> {
        let pairs = self.events.iter().zip(&other.events);
        let differ = |(_, (a, b)): &(usize, (&Event, &Event))| a != b && seen(a) != seen(b);
        if let Some((at, (a, b))) = pairs.enumerate().find(differ) {
            let (before, after) = (self.told(at), other.told(at));
            let in_full = match before == after {
                true => format!(" ({})", unlike(a, b)),
                false => String::new(),
            };
            return Some(format!("step {}: {before} became {after}{in_full}", a.step));
        }
        if self.events.len() != other.events.len() {
            let (n, m) = (self.events.len(), other.events.len());
            let longer = if n > m { self } else { other };
            let more = n.min(m);
            let (is_more, step) = (n > m, longer.events[more].step);
            let [goes_on, ends] = match is_more {
                true => ["the recorded run", "this run"],
                false => ["this run", "the recorded run"],
            };
            return Some(format!(
                "{n} events became {m}: in step {step} {goes_on} goes on, {}, where {ends} ended",
                longer.told(more)
            ));
        }
        // Footprints are what the harness saw of a run, not what happened in it, and
        // switches say again what deviations say. Another version may have recorded the same run.
        let rest = |trace: &Trace| {
            let (end, leftovers) = last(trace);
            Trace {
                format_version: 0,
                events: Vec::new(),
                footprints: Vec::new(),
                switches: Vec::new(),
                end,
                leftovers,
                ..trace.clone()
            }
        };
        if rest(self) == rest(other) {
            return None;
        }
        Some(match self.unlike_end(other, &last) {
            Some((what, before, after)) => format!("{what}: {before} became {after}"),
            None => "processes have other numbers, parents or names".to_owned(),
        })
    }

    /// Finds which of the facts beside the events differs, with what it was and is.
    fn unlike_end(
        &self,
        other: &Trace,
        last: &impl Fn(&Trace) -> (End, Vec<Leftover>),
    ) -> Option<(&'static str, String, String)> {
        let both = [self, other];
        let of = |what, told: &dyn Fn(&Trace) -> String| {
            let [before, after] = both.map(told);
            (what, before, after)
        };
        if self.objects != other.objects || self.places != other.places {
            return Some(of("shared memory", &|trace| {
                let names = trace.objects.iter().map(|object| object.name.clone());
                let places = trace.places.len();
                format!("{}, used by {places} instructions", listed(names))
            }));
        }
        let [(end, left), (other_end, other_left)] = both.map(last);
        if end != other_end {
            return Some(of("the end", &Trace::told_end));
        }
        if left != other_left {
            return Some(of("what was left", &|trace| {
                listed(trace.leftovers.iter().map(|left| trace.told_leftover(left)))
            }));
        }
        if self.deviations != other.deviations {
            return Some(of("the decisions", &|trace| {
                let decisions = trace.deviations.iter();
                listed(
                    decisions.map(|one| format!("`{}` in step {}", trace.name(one.task), one.step)),
                )
            }));
        }
        if self.unused_faults != other.unused_faults {
            return Some(of("faults that found no point", &|trace| {
                listed(trace.unused_faults.iter().map(ToString::to_string))
            }));
        }
        let steps = self.steps != other.steps;
        steps.then(|| of("the number of steps", &|trace| trace.steps.to_string()))
    }

    fn told_end(&self) -> String {
        let names = |tasks: &mut dyn Iterator<Item = TaskId>| {
            listed(tasks.map(|task| format!("`{}`", self.name(task))))
        };
        match &self.end {
            End::Finished => "all processes ended".to_owned(),
            End::Deadlock(blocked) => {
                let waits = blocked.iter().map(|one| {
                    let (name, call, object) = (self.name(one.task), one.call, &one.object);
                    format!("`{name}` in {call} for {object}")
                });
                format!("a deadlock ({})", listed(waits))
            }
            End::Livelock(spinners) => {
                let mut tasks = spinners.iter().map(|one| one.task);
                format!("a livelock of {}", names(&mut tasks))
            }
            End::Stalled(spinners) => {
                let mut tasks = spinners.iter().map(|one| one.task);
                format!("nothing but loops of {}", names(&mut tasks))
            }
            End::Limit(limit) => format!("the limit on {limit}"),
            End::Invalid(reason) => reason.clone(),
        }
    }

    fn told_leftover(&self, left: &Leftover) -> String {
        match left {
            Leftover::SystemV { kind, id, .. } => format!("System V {kind} {id}"),
            Leftover::SharedMemory(name) => format!("shared memory {name}"),
            Leftover::MessageQueue(name) => format!("message queue {name}"),
            Leftover::File { kind, path } => format!("{kind} {path}"),
            Leftover::Process(task) => format!("process `{}`", self.name(*task)),
            Leftover::Zombie(task) => format!("zombie `{}`", self.name(*task)),
            Leftover::Lock { task, path } => format!("lock of `{}` on {path}", self.name(*task)),
        }
    }

    /// Describes an event, such as `` `reader` getdents64(3, opened as "/tmp/x") = 736
    /// ``.
    fn told(&self, at: usize) -> String {
        let Event { task, what, .. } = &self.events[at];
        let call = |call: Call, args: &[u64; 6], path: &Option<String>| match path {
            Some(path) => format!("{call}({path:?})"),
            None => format!("{call}({})", self.descriptor(at, args[0])),
        };
        let happened = match what {
            What::Call {
                call: which,
                args,
                path,
                result,
            } => format!("{} = {}", call(*which, args, path), returned(*result)),
            What::Block {
                call: which,
                args,
                path,
            } => format!("{} waits", call(*which, args, path)),
            What::Wake { call, result } => format!("{call} comes back: {}", returned(*result)),
            What::Access(access) => self.access(access),
            What::Delay { access, .. } => format!("{}, in its buffer", self.access(access)),
            What::Signal(signal) => format!("gets {signal}"),
            What::Exec(path) => format!("becomes {path:?}"),
            What::Exit(status) => format!("exits with status {status}"),
            What::Killed(signal) => format!("is killed by {signal}"),
            What::Fault(fault) => format!("suffers {fault}"),
            What::Start => "begins".to_owned(),
            What::Resume => "resumes".to_owned(),
            What::Timeout => "reaches its deadline".to_owned(),
            What::Spin => "spins".to_owned(),
            What::Preempt => "is preempted".to_owned(),
            What::Spawn(child) => format!("creates `{}`", self.name(*child)),
            What::Panic(message) => format!("panics: {message:?}"),
            What::Mark(number, value) => format!("marks {number}, {value}"),
        };
        format!("`{}` {happened}", self.name(*task))
    }

    /// Returns a first argument, and if it may be a descriptor, what was opened under it.
    fn descriptor(&self, at: usize, argument: u64) -> String {
        let leader = |task: TaskId| self.tasks.get(task.index()).map(|task| task.leader);
        let own = leader(self.events[at].task);
        let mut before = self.events[..at].iter().rev();
        let opened = before.find_map(|event| match &event.what {
            What::Call {
                call,
                path: Some(path),
                result,
                ..
            } if leader(event.task) == own && u64::try_from(*result) == Ok(argument) => {
                // Others answer with lengths.
                matches!(call.row().does, Does::Open | Does::OpenQueue).then_some(path)
            }
            _ => None,
        });
        match opened.filter(|_| argument > 2) {
            Some(path) => format!("{argument}, opened as {path:?}"),
            None if argument < 1 << 16 => argument.to_string(),
            None => format!("{argument:#x}"),
        }
    }

    fn access(&self, access: &Access) -> String {
        let does = match access.kind {
            AccessKind::Read => "reads",
            AccessKind::Write => "writes",
            AccessKind::Update => "updates",
        };
        let object = self.objects.get(access.object as usize);
        let name = object.map_or("shared memory", |object| &object.name);
        let value =
            |value: Option<u64>| value.map_or("?".to_owned(), |value| format!("{value:#x}"));
        let (before, after) = (value(access.before), value(access.after));
        let Access { offset, size, .. } = access;
        format!("{does} {size} bytes of {name} at {offset:#x}, {before} -> {after}")
    }
}

/// Tells in which way two events differ that are told in the same words.
fn unlike(a: &Event, b: &Event) -> String {
    if a.step != b.step {
        return format!("in step {} and {}", a.step, b.step);
    }
    if a.time != b.time {
        return format!("at {} and {} ns of virtual time", a.time, b.time);
    }
    match (&a.what, &b.what) {
        (
            What::Call { args, .. } | What::Block { args, .. },
            What::Call { args: others, .. } | What::Block { args: others, .. },
        ) => {
            let pairs = args.iter().zip(others).enumerate();
            let differing = pairs.filter(|(_, (one, other))| one != other);
            let told = differing.map(|(number, (one, other))| {
                format!("argument {} is {one:#x} and {other:#x}", number + 1)
            });
            told.collect::<Vec<String>>().join(", ")
        }
        // An access says who, what and where; the same may be done elsewhere in the program.
        (What::Access(_) | What::Delay { .. }, _) => "by different instructions".to_owned(),
        _ => "in a detail without a name".to_owned(),
    }
}

/// Lists some things, or says that there are none.
fn listed(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    match all.is_empty() {
        true => "nothing".to_owned(),
        false => all.join(", "),
    }
}

fn returned(result: i64) -> String {
    match result {
        -4095..=-1 => format!("-1 {}", Errno(-result as i32)),
        _ => result.to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Task;

    pub(crate) fn trace(calls: &[(Call, u64, Option<&str>, i64)]) -> Trace {
        let events = calls.iter().zip(0..).map(|(call, step)| Event {
            step,
            task: TaskId(0),
            time: 0,
            what: What::Call {
                call: call.0,
                args: [call.1, 0, 0, 0, 0, 0],
                path: call.2.map(str::to_owned),
                result: call.3,
            },
        });
        Trace {
            tasks: vec![Task {
                process: "reader".to_owned(),
                leader: TaskId(0),
                parent: None,
                tid: 2,
            }],
            events: events.collect(),
            steps: calls.len() as u64,
            ..Trace::default()
        }
    }

    #[test]
    fn a_call_that_answers_differently_is_told_with_what_it_was_asked_about() {
        let [open, list] = ["openat", "getdents64"].map(|name| name.parse().unwrap());
        let opened = (open, 0, Some("/tmp/x"), 3);
        let recorded = trace(&[opened, (list, 3, None, 736)]);
        let older = Trace {
            format_version: 1,
            ..recorded.clone()
        };
        assert_eq!(recorded.first_difference(&older), None);
        assert_eq!(
            recorded.first_difference(&trace(&[opened, (list, 3, None, -2)])),
            Some(
                "step 1: `reader` getdents64(3, opened as \"/tmp/x\") = 736 became `reader` \
                 getdents64(3, opened as \"/tmp/x\") = -1 ENOENT"
                    .to_owned()
            )
        );
        assert_eq!(
            recorded.first_difference(&trace(&[opened])),
            Some(
                "2 events became 1: in step 1 the recorded run goes on, `reader` getdents64(3, \
                 opened as \"/tmp/x\") = 736, where this run ended"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_length_is_not_taken_for_a_descriptor() {
        let [link, close] = ["readlink", "close"].map(|name| name.parse().unwrap());
        let length = (link, 0, Some("/tmp/x"), 5);
        let recorded = trace(&[length, (close, 5, None, 0)]);
        let difference = recorded.first_difference(&trace(&[length, (close, 5, None, -9)]));
        let told = "step 1: `reader` close(5) = 0 became `reader` close(5) = -1 EBADF";
        assert_eq!(difference.as_deref(), Some(told));
    }

    #[test]
    fn of_two_events_that_read_alike_it_is_told_what_differs() {
        let list = "getdents64".parse().unwrap();
        let recorded = trace(&[(list, 3, None, 1)]);
        let mut later = recorded.clone();
        later.events[0].time = 7;
        let difference = recorded.first_difference(&later).unwrap();
        assert!(
            difference.ends_with("(at 0 and 7 ns of virtual time)"),
            "{difference}"
        );
        let mut elsewhere = recorded.clone();
        if let What::Call { args, .. } = &mut elsewhere.events[0].what {
            args[2] = 16;
        }
        let difference = recorded.first_difference(&elsewhere).unwrap();
        assert!(
            difference.ends_with("(argument 3 is 0x0 and 0x10)"),
            "{difference}"
        );
    }
}
