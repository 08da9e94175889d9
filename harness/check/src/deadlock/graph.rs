//! The wait-for graph: an edge leads from each blocked task to those who could release
//! it.

use crosswire_model::{Blocked, Trace};
use std::collections::VecDeque;

/// Finds for each blocked task which others could release it, as indices. Where a
/// process is named whose first task is not blocked, its blocked threads stand
/// for it. A task that could release itself is no reason as long as others could
/// do it too.
pub(super) fn edges(trace: &Trace, blocked: &[Blocked]) -> Vec<Vec<usize>> {
    let leader = |i: &usize| {
        trace
            .tasks
            .get(blocked[*i].task.index())
            .map(|task| task.leader)
    };
    (0..blocked.len())
        .map(|waiting| {
            let mut targets: Vec<usize> = Vec::new();
            for releaser in &blocked[waiting].released_by {
                match blocked.iter().position(|other| other.task == *releaser) {
                    Some(i) => targets.push(i),
                    None => {
                        targets.extend((0..blocked.len()).filter(|i| leader(i) == Some(*releaser)))
                    }
                }
            }
            targets.sort_unstable();
            targets.dedup();
            if targets.len() > 1 {
                targets.retain(|target| *target != waiting);
            }
            targets
        })
        .collect()
}

/// Finds the shortest cycle, beginning with its lowest index; empty if there is none.
pub(super) fn shortest_cycle(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut best: Vec<usize> = Vec::new();
    for start in 0..edges.len() {
        let longest = match best.len() {
            0 => edges.len(),
            1 => break,
            n => n - 1,
        };
        if let Some(cycle) = cycle_through(edges, start, longest) {
            best = cycle;
        }
    }
    best
}

/// Finds the shortest cycle whose lowest index is `start`, by breadth-first search, if
/// it has at most `longest` members.
fn cycle_through(edges: &[Vec<usize>], start: usize, longest: usize) -> Option<Vec<usize>> {
    let mut from: Vec<Option<(usize, usize)>> = vec![None; edges.len()];
    let mut queue = VecDeque::from([(start, 1)]);
    while let Some((at, length)) = queue.pop_front() {
        if length > longest {
            return None;
        }
        for &next in &edges[at] {
            if next == start {
                let mut cycle = vec![at];
                while let Some((before, _)) = from[*cycle.last()?] {
                    cycle.push(before);
                }
                cycle.reverse();
                return Some(cycle);
            }
            if next > start && from[next].is_none() {
                from[next] = Some((at, length));
                queue.push_back((next, length + 1));
            }
        }
    }
    None
}
