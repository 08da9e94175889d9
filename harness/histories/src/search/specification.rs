//! Specification of an object: its behaviour when one operation follows another.

use super::super::{NEVER, Op};
use crosswire_model as model;
use std::hash::Hash;

/// The sequential specification of an object: which answers it gives when its
/// operations are performed one after the other.
///
/// An operation that was cut off gave no answer, so any would do. The object must be
/// deterministic: one that is not keeps the set of states that it may be in.
///
/// ```
/// use crosswire_histories::{Specification, explain, Explanation};
/// use crosswire_model::{Operation, Outcome, TaskId};
///
/// /// `add` answers with the sum so far.
/// struct Sum;
///
/// impl Specification<Operation> for Sum {
///     type State = i64;
///     type Undo = i64;
///
///     fn initial(&self) -> i64 {
///         0
///     }
///
///     fn perform(&self, sum: &mut i64, operation: &Operation) -> Option<i64> {
///         let term = operation.value?;
///         let fits = operation.answered().is_none() || operation.answer() == Some(*sum + term);
///         fits.then(|| {
///             *sum += term;
///             term
///         })
///     }
///
///     fn undo(&self, sum: &mut i64, term: i64) {
///         *sum -= term;
///     }
/// }
///
/// let add = |called, term, at, sum| Operation {
///     task: TaskId(0),
///     process: "p".into(),
///     name: "add".into(),
///     value: Some(term),
///     called,
///     outcome: Outcome::Answered { at, value: Some(sum) },
/// };
/// let overlapping = [add(1, 2, 4, 5), add(2, 3, 3, 3)];
/// assert_eq!(explain(&Sum, &overlapping, 1000), Explanation::Found);
/// let one_after_the_other = [add(1, 2, 2, 5), add(3, 3, 4, 3)];
/// assert_eq!(explain(&Sum, &one_after_the_other, 1000), Explanation::None { stuck: 0 });
/// ```
pub trait Specification<O = model::Operation> {
    /// The state of the object.
    type State: Hash;
    /// Data needed to undo one operation.
    type Undo;

    /// Returns the state before all operations.
    fn initial(&self) -> Self::State;

    /// Performs an operation; `None`, with the state as it was, if it cannot give
    /// the answer that it gave.
    fn perform(&self, state: &mut Self::State, operation: &O) -> Option<Self::Undo>;

    /// Tells whether an operation never changes the state, such as a read. Saying so
    /// spares the search alternatives: a read-only operation can come now as well as
    /// later.
    fn only_reads(&self, operation: &O) -> bool {
        let _ = operation;
        false
    }

    /// Goes back to the state before the last operation performed.
    fn undo(&self, state: &mut Self::State, undo: Self::Undo);
}

/// What has a call and perhaps an answer.
pub trait Timed {
    /// When it was called.
    fn called(&self) -> u64;
    /// Returns the time of the answer; [`NEVER`] if it was cut off.
    fn answered(&self) -> u64;
}

impl Timed for Op {
    fn called(&self) -> u64 {
        self.called
    }

    fn answered(&self) -> u64 {
        self.answered
    }
}

impl Timed for model::Operation {
    fn called(&self) -> u64 {
        self.called
    }

    fn answered(&self) -> u64 {
        self.answered().unwrap_or(NEVER)
    }
}
