//! Looking for an order of the operations that explains every answer, for any
//! object that has a sequential specification.
//!
//! Operations are performed one at a time, each only when no other answer
//! must come first, and undone where that leads nowhere (Wing and Gong, "Testing
//! and Verifying Concurrent Objects", 1993). A configuration, that is the set of
//! operations performed and the state reached, is looked at once (Lowe, "Testing for
//! Linearizability", 2017); what is remembered of it is a key of 128 bits. With k
//! configurations the probability that two share one is below k² / 2¹²⁸.

pub(super) mod key;
mod specification;

pub use specification::{Specification, Timed};

use super::NEVER;
use key::AsIs;
use std::collections::HashSet;
use std::hash::BuildHasherDefault;

/// Configurations that are looked at if nothing else is said. Each takes about 32
/// bytes.
pub const BUDGET: u64 = 5_000_000;

/// Result of the search for an order that explains the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explanation {
    /// Some order of the operations explains the answers.
    Found,
    /// No order does.
    None {
        /// The operation whose answer is the first that cannot be explained: all
        /// answers before it can.
        stuck: usize,
    },
    /// Not every order was tried.
    OutOfBudget,
}

/// Looks for an order of the operations in which the object gives the answers that
/// it gave. Operations that were cut off take effect after their call or never.
/// No more configurations than the budget are looked at.
pub fn explain<O: Timed, S: Specification<O>>(
    specification: &S,
    operations: &[O],
    budget: u64,
) -> Explanation {
    Search::new(specification, operations, budget).run()
}

/// The first entry of the list, which is none.
const HEAD: usize = 0;

/// A call or an answer, in the list of those that are still to come.
#[derive(Clone, Copy)]
struct Entry {
    operation: u32,
    is_answer: bool,
    next: u32,
    previous: u32,
}

/// An operation that was performed.
struct Performed<U> {
    operation: usize,
    undo: U,
    /// True if there are alternatives to it.
    has_alternatives: bool,
}

struct Search<'a, O, S: Specification<O>> {
    specification: &'a S,
    operations: &'a [O],
    budget: u64,
    entries: Vec<Entry>,
    /// The entries of each operation's call and answer.
    places: Vec<(u32, u32)>,
    state: S::State,
    performed: Vec<Performed<S::Undo>>,
    seen: HashSet<u128, BuildHasherDefault<AsIs>>,
    /// Of the operations performed.
    key: u128,
    /// Of the state.
    state_key: u128,
    /// Answers still to come.
    unanswered: usize,
}

impl<'a, O: Timed, S: Specification<O>> Search<'a, O, S> {
    fn new(specification: &'a S, operations: &'a [O], budget: u64) -> Self {
        // At equal times calls come before answers: what touches is in no order.
        let mut moments: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * operations.len());
        for (i, operation) in operations.iter().enumerate() {
            moments.push((operation.called(), false, i));
            if operation.answered() != NEVER {
                moments.push((operation.answered(), true, i));
            }
        }
        moments.sort_unstable();
        let last = moments.len() as u32;
        let mut entries = vec![Entry {
            operation: 0,
            is_answer: false,
            next: 1,
            previous: last,
        }];
        let mut places = vec![(0, 0); operations.len()];
        for (index, (_, is_answer, i)) in moments.into_iter().enumerate() {
            let place = index as u32 + 1;
            match is_answer {
                true => places[i].1 = place,
                false => places[i].0 = place,
            }
            entries.push(Entry {
                operation: i as u32,
                is_answer,
                next: if place == last { 0 } else { place + 1 },
                previous: index as u32,
            });
        }
        if last == 0 {
            entries[HEAD].next = 0;
        }
        let state = specification.initial();
        let answers = operations.iter().filter(|o| o.answered() != NEVER);
        Search {
            unanswered: answers.count(),
            specification,
            operations,
            budget,
            entries,
            places,
            state_key: key::of_state(&state),
            state,
            performed: Vec::new(),
            seen: HashSet::default(),
            key: 0,
        }
    }

    fn run(mut self) -> Explanation {
        let mut at = self.entries[HEAD].next as usize;
        let mut furthest = HEAD;
        while self.unanswered > 0 {
            let entry = self.entries[at];
            if !entry.is_answer {
                at = match self.perform(entry.operation as usize) {
                    true => self.entries[HEAD].next as usize,
                    false => entry.next as usize,
                };
                if self.seen.len() as u64 > self.budget {
                    return Explanation::OutOfBudget;
                }
                continue;
            }
            furthest = furthest.max(at);
            match self.go_back() {
                Some(call) => at = self.entries[call].next as usize,
                None => {
                    let stuck = self.entries[furthest].operation as usize;
                    return Explanation::None { stuck };
                }
            }
        }
        Explanation::Found
    }

    /// Performs an operation, if it can come next and leads to something new.
    fn perform(&mut self, operation: usize) -> bool {
        let is_pending = self.places[operation].1 == 0;
        let subject = &self.operations[operation];
        let Some(undo) = self.specification.perform(&mut self.state, subject) else {
            return false;
        };
        let state_key = key::of_state(&self.state);
        let changes = state_key != self.state_key;
        let key = self.key ^ key::of_operation(operation);
        // What was cut off and changes nothing explains nothing.
        if is_pending && !changes || !self.seen.insert(key ^ state_key) {
            self.specification.undo(&mut self.state, undo);
            return false;
        }
        self.key = key;
        self.state_key = state_key;
        self.performed.push(Performed {
            operation,
            undo,
            has_alternatives: !self.specification.only_reads(subject),
        });
        self.take_out(operation);
        true
    }

    /// Undoes operations up to the last that has alternatives, and gives the entry of
    /// its call; `None` if there is none.
    fn go_back(&mut self) -> Option<usize> {
        while let Some(last) = self.performed.pop() {
            self.specification.undo(&mut self.state, last.undo);
            self.key ^= key::of_operation(last.operation);
            self.put_back(last.operation);
            if last.has_alternatives {
                self.state_key = key::of_state(&self.state);
                return Some(self.places[last.operation].0 as usize);
            }
        }
        None
    }

    fn take_out(&mut self, operation: usize) {
        let (call, answer) = self.places[operation];
        self.unlink(call);
        if answer != 0 {
            self.unlink(answer);
            self.unanswered -= 1;
        }
    }

    fn put_back(&mut self, operation: usize) {
        let (call, answer) = self.places[operation];
        if answer != 0 {
            self.link(answer);
            self.unanswered += 1;
        }
        self.link(call);
    }

    fn unlink(&mut self, place: u32) {
        let Entry { next, previous, .. } = self.entries[place as usize];
        self.entries[previous as usize].next = next;
        self.entries[next as usize].previous = previous;
    }

    fn link(&mut self, place: u32) {
        let Entry { next, previous, .. } = self.entries[place as usize];
        self.entries[previous as usize].next = place;
        self.entries[next as usize].previous = place;
    }
}
