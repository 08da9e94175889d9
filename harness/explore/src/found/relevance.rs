//! Which steps of a program can matter.

use crosswire_model::{Run, Trace};
use serde::Serialize;

/// How many steps of a run touched something contested: an object that two processes touch,
/// of which one changes it. No schedule can make a difference at the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Relevance {
    /// All steps of the run.
    pub steps: u64,
    /// Those that can matter.
    pub mattering: u64,
    /// What is contested, by name.
    pub objects: Vec<String>,
}

impl Relevance {
    /// Returns the relevance that a run shows, if it was looked into.
    pub(crate) fn of(run: &Run) -> Option<Relevance> {
        let mattered = run.mattered.as_ref()?;
        let start_up = &run.plan.start_up;
        start_up.carries_on.then(|| Relevance {
            steps: run.trace.steps,
            mattering: mattered.iter().sum(),
            objects: (start_up
                .contested
                .iter()
                .map(|name| named(name, &run.trace)))
            .collect(),
        })
    }

    /// Tells whether leaving out the other steps is worth following what every step touches.
    pub(crate) fn is_worthwhile(&self) -> bool {
        2 * self.mattering <= self.steps
    }
}

/// Returns the name of an object with that of the process that it belongs to, where it has
/// only the number of one: `children of #0`.
fn named(object: &str, trace: &Trace) -> String {
    let number = object.rsplit_once('#');
    let process = number.and_then(|(kind, number)| {
        let task = trace.tasks.get(number.parse::<usize>().ok()?)?;
        Some(format!("{kind}`{}`", task.process))
    });
    process.unwrap_or_else(|| object.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn processes_are_called_by_their_names() {
        let trace = fake::trace(&[("a", "write"), ("b", "read")]);
        let named = |object| named(object, &trace);
        assert_eq!(named("children of #1"), "children of `b`");
        assert_eq!(named("process #7"), "process #7");
        assert_eq!(named("file /tmp/x#1y"), "file /tmp/x#1y");
    }
}
