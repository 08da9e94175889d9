//! Names of processes for a reader: by the program that each executes. Plans and records name
//! a process by its place among its parent's children (`job.sh.4.2.1`), which is the same in
//! every run; a reader knows it as `cat`.

use super::{Record, Task, TaskId, Trace, Verdict, Violation, What};
use std::collections::{BTreeMap, BTreeSet};

/// The processes of a run that a reader knows by another name than plans do.
///
/// ```
/// use crosswire_model::{Event, Names, Task, TaskId, Trace, What};
/// let task = |process: &str, parent: Option<u32>, own: u32| Task {
///     process: process.into(),
///     parent: parent.map(TaskId),
///     leader: TaskId(own),
///     tid: 100 + own as i32,
/// };
/// let becomes = What::Exec("/usr/bin/cat".into());
/// let trace = Trace {
///     tasks: vec![task("job.sh", None, 0), task("job.sh.1", Some(0), 1)],
///     events: vec![Event { step: 1, task: TaskId(1), time: 0, what: becomes }],
///     ..Trace::default()
/// };
/// let names = Names::of(&trace);
/// assert_eq!(names.in_words("`job.sh.1` waits"), "`cat` waits");
/// assert_eq!(names.in_plans("cat"), "job.sh.1");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// What a reader is shown, by the name in plans.
    shown: BTreeMap<String, String>,
}

impl Names {
    /// Finds what to call each process. Names that somebody has given stay; so do those of
    /// processes that execute nothing. Where two would be called alike, both keep the name that
    /// plans have for them beside the program's: it tells them apart in every run.
    pub fn of(trace: &Trace) -> Names {
        let programs = programs(trace);
        let leaders = trace.tasks.iter().enumerate();
        let leaders = leaders.filter(|(index, task)| task.leader.index() == *index);
        let called: Vec<(&str, Option<&str>)> = leaders
            .map(|(index, task)| {
                let program = programs.get(&index).filter(|_| is_numbered(trace, task));
                (task.process.as_str(), program.map(String::as_str))
            })
            .collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (plans, program) in &called {
            *counts.entry(program.unwrap_or(plans)).or_default() += 1;
        }
        let mut shown = BTreeMap::new();
        for (plans, program) in called {
            match program {
                Some(program) if program == plans => {}
                Some(program) if counts[program] == 1 => {
                    shown.insert(plans.to_owned(), program.to_owned());
                }
                Some(program) => {
                    shown.insert(plans.to_owned(), format!("{program} ({plans})"));
                }
                None => {}
            }
        }
        Names { shown }
    }

    /// Returns the name that plans have for a process or thread which a reader may have called
    /// by the name shown to him.
    pub fn in_plans(&self, name: &str) -> String {
        let (process, thread) = thread_apart(name);
        let mut all = self.shown.iter();
        match all.find(|(_, shown)| *shown == process) {
            Some((plans, _)) => format!("{plans}{thread}"),
            None => name.to_owned(),
        }
    }

    /// Puts the names for a reader into a sentence of a checker, where names stand between
    /// backticks.
    pub fn in_words(&self, sentence: &str) -> String {
        let quoted = |part: &str| {
            let (process, thread) = thread_apart(part);
            let shown = self.shown.get(process)?;
            Some(format!("{shown}{thread}"))
        };
        let parts: Vec<String> = sentence
            .split('`')
            .enumerate()
            .map(|(number, part)| match number % 2 {
                1 => quoted(part).unwrap_or_else(|| part.to_owned()),
                _ => part.to_owned(),
            })
            .collect();
        parts.join("`")
    }

    /// Returns the name shown to a reader and the one in plans, of those of these processes of
    /// the trace as it is shown for which they differ.
    pub fn of_tasks(&self, shown: &Trace, tasks: &BTreeSet<TaskId>) -> Vec<(&str, &str)> {
        let concerned: BTreeSet<&str> = tasks
            .iter()
            .filter_map(|task| shown.tasks.get(task.index()))
            .map(|task| task.process.as_str())
            .collect();
        let pairs = self.shown.iter();
        let pairs = pairs.filter(|(_, shown)| concerned.contains(shown.as_str()));
        pairs
            .map(|(plans, shown)| (shown.as_str(), plans.as_str()))
            .collect()
    }

    /// Returns all names that differ: those in plans, and what a reader is shown.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.shown
    }

    /// Returns the trace as a reader is shown it.
    pub fn of_trace(&self, trace: &Trace) -> Trace {
        let mut trace = trace.clone();
        for task in &mut trace.tasks {
            if let Some(shown) = self.shown.get(&task.process) {
                task.process.clone_from(shown);
            }
        }
        trace
    }

    /// Returns the violation as a reader is shown it.
    pub fn of_violation(&self, violation: &Violation) -> Violation {
        Violation {
            sentence: self.in_words(&violation.sentence),
            details: violation.details.iter().map(|d| self.in_words(d)).collect(),
            ..violation.clone()
        }
    }

    /// Returns the verdict as a reader is shown it.
    pub fn of_verdict(&self, verdict: &Verdict) -> Verdict {
        match verdict {
            Verdict::Violation(all) => {
                Verdict::Violation(all.iter().map(|one| self.of_violation(one)).collect())
            }
            other => other.clone(),
        }
    }

    /// Returns the record as a reader is shown it. Its plan keeps the names of plans.
    pub fn of_record(&self, record: &Record) -> Record {
        Record {
            verdict: self.of_verdict(&record.verdict),
            trace: self.of_trace(&record.trace),
            ..record.clone()
        }
    }
}

/// Tells whether the name of a process is made of its parent's and a number.
fn is_numbered(trace: &Trace, task: &Task) -> bool {
    let parent = task
        .parent
        .and_then(|parent| trace.tasks.get(parent.index()));
    let number = parent.and_then(|parent| {
        let rest = task.process.strip_prefix(parent.process.as_str())?;
        rest.strip_prefix('.')
    });
    number.is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Finds the program of each process, by its first task: the last one that it has executed, or
/// a copy of its parent's (`worker.1`).
fn programs(trace: &Trace) -> BTreeMap<usize, String> {
    let leader = |task: TaskId| {
        let known = trace.tasks.get(task.index());
        known.map_or(task, |task| task.leader).index()
    };
    let mut programs: BTreeMap<usize, String> = BTreeMap::new();
    for event in &trace.events {
        match &event.what {
            What::Exec(path) => {
                let base = path.rsplit('/').next().unwrap_or_default();
                if !base.is_empty() {
                    programs.insert(leader(event.task), base.to_owned());
                }
            }
            What::Spawn(child) if leader(*child) == child.index() => {
                let number = trace.tasks.get(child.index());
                let number = number.and_then(|task| task.process.rsplit_once('.'));
                let parent = leader(event.task);
                let is_named = |parent: usize| {
                    let task = trace.tasks.get(parent);
                    task.is_some_and(|task| is_numbered(trace, task))
                };
                if let (Some((_, number)), Some(program)) =
                    (number, programs.get(&parent).filter(|_| is_named(parent)))
                {
                    programs.insert(child.index(), format!("{program}.{number}"));
                }
            }
            _ => {}
        }
    }
    programs
}

/// Separates the thread's number from a name: `worker:t2`.
fn thread_apart(name: &str) -> (&str, &str) {
    let at = name.rfind(":t").filter(|at| {
        let number = &name[at + 2..];
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    });
    name.split_at(at.unwrap_or(name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::End;
    use crate::testing::RunBuilder;

    fn named(run: RunBuilder) -> Vec<String> {
        let trace = run.end(End::Finished).trace;
        let shown = Names::of(&trace).of_trace(&trace);
        let tasks = (0..shown.tasks.len() as u32).map(TaskId);
        tasks.map(|task| shown.name(task)).collect()
    }

    fn exec(run: RunBuilder, task: u32, path: &str) -> RunBuilder {
        run.event(task, u64::from(task), What::Exec(path.into()))
    }

    #[test]
    fn a_process_is_called_by_the_program_that_it_executes_last() {
        let run = RunBuilder::new(&["job.sh"]).child(0, "job.sh.1").thread(1);
        let run = exec(exec(run, 1, "/usr/bin/env"), 1, "/usr/bin/cat");
        assert_eq!(named(run), ["job.sh", "cat", "cat:t1"]);
    }

    #[test]
    fn given_names_stay_and_so_do_those_of_copies() {
        let run = RunBuilder::new(&["a"]).child(0, "worker").child(0, "a.2");
        let run = exec(exec(run, 0, "/bin/x"), 1, "/bin/cat");
        assert_eq!(named(run), ["a", "worker", "a.2"]);
    }

    #[test]
    fn two_that_are_alike_keep_both_names() {
        let run = RunBuilder::new(&["sh"]).child(0, "sh.1").child(0, "sh.2");
        let run = exec(exec(run, 1, "/bin/cat"), 2, "cat");
        assert_eq!(named(run), ["sh", "cat (sh.1)", "cat (sh.2)"]);
        // A program that has the name of a process that somebody has named.
        let run = exec(RunBuilder::new(&["app"]).child(0, "app.1"), 1, "/bin/app");
        assert_eq!(named(run), ["app", "app (app.1)"]);
    }

    #[test]
    fn what_a_program_forks_has_its_name_with_a_number() {
        let run = RunBuilder::new(&["sh"]).child(0, "sh.1").child(1, "sh.1.1");
        let run = exec(run, 1, "/bin/server").event(1, 4, What::Spawn(TaskId(2)));
        assert_eq!(named(run), ["sh", "server", "server.1"]);
    }

    #[test]
    fn sentences_and_what_is_typed_go_there_and_back() {
        let run = exec(RunBuilder::new(&["s"]).child(0, "s.1"), 1, "/bin/cat");
        let names = Names::of(&run.end(End::Finished).trace);
        let told = names.in_words("`s.1:t2` waits for s.1, held by `s.1`, not by `s.10`");
        assert_eq!(told, "`cat:t2` waits for s.1, held by `cat`, not by `s.10`");
        assert_eq!(names.in_plans("cat:t2"), "s.1:t2");
        assert_eq!(names.in_plans("s.1"), "s.1");
    }
}
