//! Contested pairs for programs.

use crosswire_explore::{Coverage, Pair, Side};
use serde::Serialize;

/// More pairs are not listed.
const MOST: usize = 1_000;

/// The JSON form of the contested pairs of an exploration.
#[derive(Debug, Clone, Serialize)]
pub struct Covered {
    /// Two places in programs that use one object in ways that conflict, in an order that
    /// nothing determines.
    pub contested_pairs: usize,
    /// Those that were seen in both orders.
    pub in_both_orders: usize,
    /// Runs since the last that has shown a pair in a new order.
    pub runs_since_new: u64,
    /// True if there were too many pairs for telling them all apart.
    pub partial: bool,
    /// The pairs, first those that were seen in one order only; at most a thousand.
    pub pairs: Vec<CoveredPair>,
}

/// One contested pair.
#[derive(Debug, Clone, Serialize)]
pub struct CoveredPair {
    /// The object.
    pub object: String,
    /// The two sides.
    pub sides: [CoveredSide; 2],
    /// Runs in which the first side came first.
    pub first_came_first: u64,
    /// Runs in which the second side came first.
    pub second_came_first: u64,
}

/// One side of a contested pair.
#[derive(Debug, Clone, Serialize)]
pub struct CoveredSide {
    /// The process; of the children of one parent, all from the fifth on count as one.
    pub process: String,
    /// The call; or `reads`, `writes`, `updates` for accesses to shared memory.
    pub call: String,
    /// Function and line of the instruction that accesses shared memory, as far as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// Returns the JSON form, if there are any pairs.
pub(super) fn json(coverage: &Coverage) -> Option<Covered> {
    let side = |side: &Side| CoveredSide {
        process: side.process.clone(),
        call: side.call.clone(),
        place: side.place.clone(),
    };
    let pair = |pair: &Pair| CoveredPair {
        object: pair.object.clone(),
        sides: [side(&pair.sides[0]), side(&pair.sides[1])],
        first_came_first: pair.runs[0],
        second_came_first: pair.runs[1],
    };
    let in_both = coverage.pairs.iter().filter(|pair| !pair.runs.contains(&0));
    let pairs = coverage.in_one_order().chain(in_both).take(MOST);
    (!coverage.pairs.is_empty()).then(|| Covered {
        contested_pairs: coverage.pairs.len(),
        in_both_orders: coverage.in_both_orders(),
        runs_since_new: coverage.runs_since_new,
        partial: coverage.is_partial,
        pairs: pairs.map(pair).collect(),
    })
}
