//! Contested pairs: two places in programs that use one object in ways that conflict, and the
//! orders in which runs have shown them. As long as new orders turn up, further runs are worth
//! their time; a pair that was seen in one order only has a side that was never tried.

use crosswire_model::{AccessKind, Place, Run, Suspect, Use, What, is_data};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// One side of a contested pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Side {
    /// The process. Of the children of one parent, all from the fifth on count as one.
    pub process: String,
    /// The call; or `reads`, `writes`, `updates` for accesses to shared memory.
    pub call: String,
    /// Function and line of the instruction that accesses shared memory, as far as symbols
    /// tell.
    pub place: Option<String>,
    /// The instruction itself: two in one line are told apart.
    pub instruction: Option<Place>,
}

/// What a step did, in which process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Deed {
    process: String,
    call: String,
    place: Option<Place>,
}

impl Deed {
    /// Returns what tells a step that does this.
    fn suspect(&self, object: &str) -> Suspect {
        let is_one = !self.process.contains(MANY);
        Suspect {
            name: None,
            object: Some(object.to_owned()),
            process: is_one.then(|| self.process.clone()),
            call: self.place.is_none().then(|| self.call.clone()),
            place: self.place.clone(),
        }
    }

    fn told(self) -> Side {
        Side {
            process: self.process,
            call: self.call,
            place: (self.place.as_ref()).map(|place| crosswire_symbols::place(place).to_string()),
            instruction: self.place,
        }
    }
}

/// Two uses of one object, in the order in which a run has shown them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OrderedPair {
    object: String,
    first: Deed,
    second: Deed,
}

impl OrderedPair {
    /// Returns the other order of the two.
    fn turned(&self) -> OrderedPair {
        OrderedPair {
            object: self.object.clone(),
            first: self.second.clone(),
            second: self.first.clone(),
        }
    }

    /// Returns a number that is the same for the same order.
    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        Hash::hash(self, &mut hasher);
        hasher.finish()
    }
}

/// A contested pair, and the runs that have shown it in either order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The object.
    pub object: String,
    /// The two sides.
    pub sides: [Side; 2],
    /// The numbers of runs in which the first side came first, and in which the second did.
    pub runs: [u64; 2],
}

/// The contested pairs of an exploration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// By object; the pairs of runs whose steps were followed.
    pub pairs: Vec<Pair>,
    /// Runs since the last that has shown a pair in a new order.
    pub runs_since_new: u64,
    /// True if there were too many pairs for telling them all apart.
    pub is_partial: bool,
}

impl Coverage {
    /// Returns the number of pairs that were seen in both orders.
    pub fn in_both_orders(&self) -> usize {
        let both = |pair: &&Pair| pair.runs.iter().all(|runs| *runs > 0);
        self.pairs.iter().filter(both).count()
    }

    /// Adds the pairs of another part of the exploration.
    pub(crate) fn join(&mut self, other: Coverage) {
        let mut pairs: BTreeMap<(String, [Side; 2]), [u64; 2]> = BTreeMap::new();
        let both = std::mem::take(&mut self.pairs)
            .into_iter()
            .chain(other.pairs);
        for pair in both {
            let runs = pairs.entry((pair.object, pair.sides)).or_default();
            runs[0] += pair.runs[0];
            runs[1] += pair.runs[1];
        }
        let pairs = pairs.into_iter();
        self.pairs = pairs
            .map(|((object, sides), runs)| Pair {
                object,
                sides,
                runs,
            })
            .collect();
        // Which part was the last to show something new is not known.
        self.runs_since_new = self.runs_since_new.min(other.runs_since_new);
        self.is_partial |= other.is_partial;
    }

    /// Returns the pairs that were seen in one order only.
    pub fn in_one_order(&self) -> impl Iterator<Item = &Pair> {
        let one = |pair: &&Pair| pair.runs.contains(&0);
        self.pairs.iter().filter(one)
    }
}

/// More orders are not told apart: those of programs that are larger than any table of them.
const MOST_ORDERS: usize = 20_000;

/// The orders that runs have shown.
#[derive(Debug, Default, Clone)]
pub(crate) struct Orders {
    seen: BTreeMap<OrderedPair, u64>,
    runs_since_new: u64,
    is_partial: bool,
}

impl Orders {
    /// Adds those of a run, and tells how many of them are new.
    pub fn add(&mut self, orders: impl IntoIterator<Item = OrderedPair>) -> u64 {
        let mut new = 0;
        for order in orders {
            if let Some(runs) = self.seen.get_mut(&order) {
                *runs += 1;
            } else if self.seen.len() < MOST_ORDERS {
                self.seen.insert(order, 1);
                new += 1;
            } else {
                self.is_partial = true;
            }
        }
        self.runs_since_new = match new {
            0 => self.runs_since_new + 1,
            _ => 0,
        };
        new
    }

    /// Returns the pairs that were seen in one order only, as suspects.
    pub fn in_one_order(&self) -> Vec<[Suspect; 2]> {
        let orders = self.seen.keys();
        let alone = orders.filter(|order| {
            order.first != order.second && !self.seen.contains_key(&order.turned())
        });
        alone
            .map(|order| [&order.first, &order.second].map(|deed| deed.suspect(&order.object)))
            .collect()
    }

    /// Returns them as pairs.
    pub fn into_coverage(self) -> Coverage {
        let mut pairs: BTreeMap<(String, Deed, Deed), [u64; 2]> = BTreeMap::new();
        for (order, runs) in self.seen {
            let (object, first, second) = (order.object, order.first, order.second);
            let turned = first > second;
            let key = match turned {
                true => (object, second, first),
                false => (object, first, second),
            };
            // Two processes that do the same show both orders at once.
            let is_alike = key.1 == key.2;
            let counts = pairs.entry(key).or_default();
            counts[usize::from(turned)] += runs;
            if is_alike {
                counts[1] += runs;
            }
        }
        let pairs = pairs.into_iter().map(|((object, one, other), runs)| Pair {
            object,
            sides: [one.told(), other.told()],
            runs,
        });
        Coverage {
            pairs: pairs.collect(),
            runs_since_new: self.runs_since_new,
            is_partial: self.is_partial,
        }
    }
}

/// Returns the orders of contested pairs that a run has shown, each with the first step that came
/// second.
pub(crate) fn orders(run: &Run) -> BTreeMap<OrderedPair, u64> {
    let mut orders = BTreeMap::new();
    if run.contention.is_empty() {
        return orders;
    }
    let deeds = deeds(run);
    let words: BTreeSet<&str> = (run.contention.keys())
        .filter_map(|object| object.rsplit_once("+0x").map(|(file, _)| file))
        .collect();
    let told = |object: &&String| is_data(object) && !words.contains(object.as_str());
    for object in run.contention.keys().filter(told) {
        // Of each process, its latest use in each way at each place.
        let mut latest: HashMap<(usize, &Deed), Vec<&Use>> = HashMap::new();
        for used in &run.contention[object] {
            let Some(second) = deeds.get(&used.step) else {
                continue;
            };
            for ((_, first), uses) in &latest {
                if uses.iter().any(|earlier| earlier.competes_with(used)) {
                    let order = OrderedPair {
                        object: object.clone(),
                        first: (*first).clone(),
                        second: second.clone(),
                    };
                    orders.entry(order).or_insert(used.step);
                }
            }
            let uses = latest.entry((used.process, second)).or_default();
            uses.retain(|other| other.mode != used.mode);
            uses.push(used);
        }
    }
    orders
}

/// Returns what each step did that used something.
fn deeds(run: &Run) -> HashMap<u64, Deed> {
    let mut deeds = HashMap::new();
    for event in &run.trace.events {
        let (call, place) = match &event.what {
            What::Call { call, .. } | What::Block { call, .. } => (call.to_string(), None),
            What::Access(access) => (
                match access.kind {
                    AccessKind::Read => "reads",
                    AccessKind::Write => "writes",
                    AccessKind::Update => "updates",
                }
                .to_owned(),
                run.trace.places.get(access.place as usize).cloned(),
            ),
            _ => continue,
        };
        deeds.entry(event.step).or_insert_with(|| Deed {
            process: folded(&run.trace.tasks[event.task.index()].process),
            call,
            place,
        });
    }
    deeds
}

/// Children of one parent that are told apart.
const MOST_CHILDREN: u64 = 4;

/// Ends the name that stands for several processes.
const MANY: char = '…';

/// Gives one name to the processes of a large family.
fn folded(process: &str) -> String {
    let mut parts = process.split('.');
    let root = parts.next().unwrap_or_default().to_owned();
    parts.fold(root, |name, part| match part.parse::<u64>() {
        Ok(number) if number > MOST_CHILDREN => format!("{name}.{}{MANY}", MOST_CHILDREN + 1),
        _ => format!("{name}.{part}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use crosswire_model::{Contention, Mode};

    /// A run of calls, each by its process, that all use one object in their way.
    fn run(steps: &[(&str, &str, Mode)]) -> Run {
        let calls: Vec<(&str, &str)> = steps.iter().map(|(who, call, _)| (*who, *call)).collect();
        let trace = fake::trace(&calls);
        let uses = trace
            .events
            .iter()
            .zip(steps)
            .map(|(event, (_, _, mode))| Use {
                step: event.step,
                task: event.task,
                mode: *mode,
                process: event.task.index(),
                time: 1,
                known: [].into(),
            });
        let uses: Vec<Use> = uses.collect();
        let contention = ["file /a", "children of `a`"].map(|name| (name.to_owned(), uses.clone()));
        Run {
            trace,
            contention: Contention::from(contention),
            ..crosswire_model::testing::RunBuilder::new(&[]).end(crosswire_model::End::Finished)
        }
    }

    fn told(coverage: &Coverage) -> Vec<String> {
        let pairs = coverage.pairs.iter().map(|pair| {
            let [one, other] = &pair.sides;
            format!(
                "{} {}, {} {}: {:?}",
                one.process, one.call, other.process, other.call, pair.runs
            )
        });
        pairs.collect()
    }

    /// Returns the orders that a run has shown.
    fn shown(run: &Run) -> impl Iterator<Item = OrderedPair> {
        orders(run).into_keys()
    }

    #[test]
    fn each_pair_is_told_with_the_orders_in_which_it_was_seen() {
        let mut all = Orders::default();
        let (read, write) = (Mode::Read, Mode::Write);
        let first = run(&[("a", "write", write), ("b", "read", read)]);
        assert_eq!(all.add(shown(&first)), 1);
        assert_eq!(all.add(shown(&first)), 0);
        let second = run(&[
            ("b", "read", read),
            ("a", "write", write),
            ("b", "write", write),
        ]);
        assert_eq!(all.add(shown(&second)), 2);
        assert_eq!(all.add(shown(&first)), 0);
        let coverage = all.into_coverage();
        assert_eq!(
            told(&coverage),
            ["a write, b read: [3, 1]", "a write, b write: [1, 0]"]
        );
        assert_eq!((coverage.in_both_orders(), coverage.runs_since_new), (1, 1));
        assert_eq!(coverage.in_one_order().count(), 1);
    }

    #[test]
    fn a_pair_is_suspected_as_long_as_one_order_is_missing() {
        let mut all = Orders::default();
        let (read, write) = (Mode::Read, Mode::Write);
        all.add(shown(&run(&[("a", "write", write), ("b", "read", read)])));
        let of = |process: &str, call: &str| Suspect {
            object: Some("file /a".to_owned()),
            process: Some(process.to_owned()),
            call: Some(call.to_owned()),
            ..Suspect::default()
        };
        assert_eq!(all.in_one_order(), [[of("a", "write"), of("b", "read")]]);
        all.add(shown(&run(&[("b", "read", read), ("a", "write", write)])));
        assert!(all.in_one_order().is_empty());
        all.add(shown(&run(&[("p.7", "write", write), ("a", "read", read)])));
        let [[first, _]] = &all.in_one_order()[..] else {
            panic!("one more")
        };
        assert_eq!(first.process, None, "one of many");
    }

    #[test]
    fn what_commutes_and_what_one_process_does_is_no_pair() {
        let (read, add) = (Mode::Read, Mode::Add);
        assert!(orders(&run(&[("a", "read", read), ("b", "read", read)])).is_empty());
        assert!(orders(&run(&[("a", "link", add), ("b", "link", add)])).is_empty());
        assert!(orders(&run(&[("a", "write", Mode::Write), ("a", "read", read)])).is_empty());
    }

    #[test]
    fn large_families_count_as_one() {
        assert_eq!(folded("p.4"), "p.4");
        assert_eq!(folded("p.5"), folded("p.99"));
        assert_eq!(folded("p.12.2"), "p.5….2");
        let mut all = Orders::default();
        let (one, other) = (("p.7", "write", Mode::Write), ("p.8", "write", Mode::Write));
        all.add(shown(&run(&[one, other])));
        let coverage = all.into_coverage();
        assert_eq!((coverage.pairs.len(), coverage.in_both_orders()), (1, 1));
    }
}
