//! Counts of how often waiting processes were overtaken.

use super::{Action, Broken, Checker, Op, Operations, Outcome, Unusable};

/// Bounded bypass: while an operation waits, only a limited number of operations that
/// were called later are done before it. Operations: those that may wait, which are
/// `lock`, `readlock`, `wait`, `recv` and `call`; others are left out.
#[derive(Debug, Clone, Copy)]
pub struct Fairness {
    /// Number of operations that may overtake it.
    pub bound: u64,
}

impl Default for Fairness {
    fn default() -> Fairness {
        Fairness { bound: u64::MAX }
    }
}

/// Result for one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overtaken {
    /// Its number.
    pub process: u32,
    /// Its operations that answered.
    pub operations: u64,
    /// Number of operations that overtook them altogether.
    pub overtaken: u64,
    /// Maximum number of operations that overtook one of them.
    pub most: u64,
    /// Index of that operation in the history.
    pub longest: usize,
}

impl Checker for Fairness {
    fn name(&self) -> &'static str {
        "fairness"
    }

    fn check(&self, operations: &Operations) -> Result<Outcome, Unusable> {
        operations.usable()?;
        let fared = overtaken(operations);
        let worst = fared.iter().max_by_key(|fared| fared.most);
        let found = worst
            .filter(|worst| worst.most > self.bound)
            .map(|worst| too_often(operations, worst, self.bound));
        Ok(found.into())
    }
}

fn waits(op: &Op) -> bool {
    let may_wait = matches!(
        op.action,
        Action::Lock | Action::ReadLock | Action::Wait | Action::Receive | Action::Call
    );
    may_wait && !op.nothing && !op.is_pending()
}

/// Counts for each process how often its operations were overtaken: by an operation that
/// was called later and answered earlier. Counted with a tree of partial sums (Fenwick,
/// "A New Data Structure for Cumulative Frequency Tables", 1994).
pub fn overtaken(operations: &Operations) -> Vec<Overtaken> {
    let ops = &operations.list;
    let mut by_call: Vec<u32> = (0..ops.len() as u32)
        .filter(|i| waits(&ops[*i as usize]))
        .collect();
    by_call.sort_by_key(|i| ops[*i as usize].called);
    let mut by_answer: Vec<u32> = (0..by_call.len() as u32).collect();
    let answered = |place: &u32| ops[by_call[*place as usize] as usize].answered;
    by_answer.sort_by_key(answered);

    let mut fared: Vec<Option<Overtaken>> = vec![None; operations.processes()];
    let mut done = FenwickTree::new(by_call.len());
    // Those that answer in the same moment do not overtake each other.
    for together in by_answer.chunk_by(|a, b| answered(a) == answered(b)) {
        for place in together {
            let i = by_call[*place as usize] as usize;
            let called = ops[i].called;
            let later = by_call.partition_point(|other| ops[*other as usize].called <= called);
            note(
                &mut fared[ops[i].process as usize],
                &ops[i],
                i,
                done.from(later),
            );
        }
        for place in together {
            done.add(*place as usize);
        }
    }
    fared.into_iter().flatten().collect()
}

fn note(fared: &mut Option<Overtaken>, op: &Op, i: usize, times: u64) {
    let fared = fared.get_or_insert(Overtaken {
        process: op.process,
        operations: 0,
        overtaken: 0,
        most: 0,
        longest: i,
    });
    fared.operations += 1;
    fared.overtaken += times;
    if times > fared.most {
        (fared.most, fared.longest) = (times, i);
    }
}

/// Operations that a witness names.
const NAMED: usize = 4;

fn too_often(operations: &Operations, worst: &Overtaken, bound: u64) -> Broken {
    let ops = &operations.list;
    let slow = &ops[worst.longest];
    let overtakes = |(_, op): &(usize, &Op)| {
        waits(op) && op.called > slow.called && op.answered < slow.answered
    };
    let overtakers = ops.iter().enumerate().filter(overtakes).map(|(i, _)| i);
    let mut witness = vec![worst.longest];
    witness.extend(overtakers.take(NAMED - 1));
    let sentence = format!(
        "`{}` called `{}` at {} and was overtaken {} times before it was done at {}; {bound} are \
         allowed",
        operations.name(worst.process),
        slow.action.name(),
        slow.called,
        worst.most,
        slow.answered,
    );
    Broken::new("overtaken", witness, sentence)
}

/// Counts how many of a row of places are taken, from any place on (Fenwick, 1994).
struct FenwickTree {
    sums: Vec<u64>,
    all: u64,
}

impl FenwickTree {
    fn new(places: usize) -> FenwickTree {
        FenwickTree {
            sums: vec![0; places + 1],
            all: 0,
        }
    }

    fn add(&mut self, place: usize) {
        self.all += 1;
        let mut at = place + 1;
        while at < self.sums.len() {
            self.sums[at] += 1;
            at += at & at.wrapping_neg();
        }
    }

    /// Returns those at this place or after it.
    fn from(&self, place: usize) -> u64 {
        let (mut at, mut before) = (place, 0);
        while at > 0 {
            before += self.sums[at];
            at &= at - 1;
        }
        self.all - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_are_those_of_going_through_all_pairs(
            drawn in prop::collection::vec((0..3_u32, 0..20_u64, 0..8_u64), 0..20)
        ) {
            let mut operations = Operations::default();
            for name in ["a", "b", "c"] {
                operations.process(name);
            }
            operations.list.extend(drawn.iter().map(|(process, called, lasts)| {
                Op::new(*process, Action::Lock).at(*called, called + lasts)
            }));
            let ops = &operations.list;
            let times = |op: &Op| {
                let over = |o: &&Op| o.called > op.called && o.answered < op.answered;
                ops.iter().filter(over).count() as u64
            };
            for fared in overtaken(&operations) {
                let own = || ops.iter().filter(|op| op.process == fared.process);
                prop_assert_eq!(fared.overtaken, own().map(times).sum::<u64>());
                prop_assert_eq!(Some(fared.most), own().map(times).max());
                prop_assert_eq!(fared.most, times(&ops[fared.longest]));
            }
            let most = ops.iter().map(times).max().unwrap_or(0);
            let ok = |bound| Fairness { bound }.check(&operations) == Ok(Outcome::Ok);
            prop_assert!(ok(most));
            prop_assert!(most == 0 || !ok(most - 1));
        }
    }
}
