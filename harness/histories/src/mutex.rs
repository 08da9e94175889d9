//! A lock for one at a time.

use super::{BUDGET, Checker, Operations, Outcome, Unusable, locks};

/// A lock that at most one process holds at a time. Operations: `lock`, `trylock`
/// (which may be refused), `unlock`, `crash`.
///
/// The shortest holds there can be, from the answer to an acquisition to the call of
/// its release, must be disjoint. An acquisition that was cut off is left out. A lock
/// whose holder died stays held, unless it is robust. An attempt is refused only while
/// the lock may be held; where it takes an acquisition that was cut off to
/// explain that, all orders are tried within the budget.
///
/// Operations of one process must follow each other.
///
/// ```
/// use crosswire_histories::{Action, Checker, Mutex, Op, Operations, Outcome};
/// let mut operations = Operations::default();
/// let (p, q) = (operations.process("p"), operations.process("q"));
/// operations.list.extend([
///     Op::new(p, Action::Lock).at(1, 2),
///     Op::new(q, Action::Lock).at(3, 4),
/// ]);
/// let Outcome::Violation(broken) = Mutex::default().check(&operations)? else { panic!() };
/// assert_eq!(broken.sentence, "`q` got the lock by 4, but `p` had got it by 2 and never gave it back");
/// # Ok::<(), crosswire_histories::Unusable>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Mutex {
    /// True if the death of its holder gives it back.
    pub robust: bool,
    /// Configurations that a search may look at.
    pub budget: u64,
}

impl Default for Mutex {
    fn default() -> Mutex {
        Mutex {
            robust: false,
            budget: BUDGET,
        }
    }
}

impl Checker for Mutex {
    fn name(&self) -> &'static str {
        "mutex"
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        locks::check(operations, self.robust, self.budget)
    }
}
