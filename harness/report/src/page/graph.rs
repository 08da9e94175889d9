//! The wait-for graph as the page draws it.

use crate::Explanation;
use crate::escape::escape;
use crosswire_model::TaskId;
use serde::Serialize;
use std::collections::BTreeMap;

/// Tasks that wait, those that they wait for, and for what.
#[derive(Debug, Default, Serialize)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// A task that waits or could release one that does.
#[derive(Debug, Serialize)]
struct Node {
    name: String,
    lane: usize,
    /// It is one of those that wait for each other in a circle; these come first.
    cycle: bool,
    /// What it waits for, if nobody is left who could release it.
    lonely: Option<String>,
    /// Where it began to wait.
    event: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Edge {
    from: usize,
    to: usize,
    /// The object waited for.
    object: String,
    call: String,
    cycle: bool,
    /// Where the wait began.
    event: Option<usize>,
    /// Where the object was taken, if that is known.
    taken: Vec<usize>,
}

impl Graph {
    /// Draws who waits for whom at the end of a run; nothing, unless it is deadlocked.
    pub fn of(explanation: &Explanation<'_>, lane_of: &dyn Fn(TaskId) -> usize) -> Graph {
        let trace = explanation.trace;
        let waits = crosswire_check::waits(trace, &explanation.world);
        let mut numbers: BTreeMap<TaskId, usize> = BTreeMap::new();
        let mut graph = Graph::default();
        let mut tasks: Vec<TaskId> = waits.iter().map(|wait| wait.task).collect();
        tasks.extend(waits.iter().flat_map(|wait| &wait.releasers));
        for task in tasks {
            if numbers.contains_key(&task) {
                continue;
            }
            numbers.insert(task, graph.nodes.len());
            let wait = waits.iter().find(|wait| wait.task == task);
            let lonely = wait.filter(|wait| wait.releasers.is_empty());
            graph.nodes.push(Node {
                name: escape(&trace.name(task)),
                lane: lane_of(task),
                cycle: wait.is_some_and(|wait| wait.in_cycle),
                lonely: lonely.map(|wait| match wait.object.is_empty() {
                    true => wait.call.to_string(),
                    false => escape(&wait.object_in_words()),
                }),
                event: wait.and_then(|wait| wait.begun),
            });
        }
        for wait in &waits {
            for releaser in &wait.releasers {
                let (from, to) = (numbers[&wait.task], numbers[releaser]);
                graph.edges.push(Edge {
                    from,
                    to,
                    object: escape(&wait.object_in_words()),
                    call: wait.call.to_string(),
                    cycle: wait.in_cycle && graph.nodes[to].cycle,
                    event: wait.begun,
                    taken: wait.taken.clone(),
                });
            }
        }
        graph
    }
}
