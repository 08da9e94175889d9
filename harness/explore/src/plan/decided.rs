//! Objects about whose order others decide: data under a lock, what a flag announces, the owner's
//! name in a lock. Where every order of the lock is equally likely, every order of theirs is.

use crosswire_model::{Contention, Mode, Use};
use std::collections::{BTreeMap, BTreeSet};

/// More objects of a run are not compared with each other: those with the most uses are.
const MOST_COMPARED: usize = 48;

/// The uses of an object by each process: their steps, and whether they change it.
type Turns = BTreeMap<usize, Vec<(u64, bool)>>;

/// Returns, for each of these objects that has competing uses, the others that stand between any
/// two of them: the first process has used the other object after its use, and then the second
/// one has before its own.
pub(crate) fn deciders(
    contention: &Contention,
    objects: &[&String],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut compared: Vec<(&String, &Vec<Use>)> = (objects.iter())
        .filter_map(|name| Some((*name, contention.get(*name)?)))
        .collect();
    compared.sort_by_key(|(_, uses)| std::cmp::Reverse(uses.len()));
    compared.truncate(MOST_COMPARED);
    let turns: Vec<(&String, Turns)> = (compared.iter())
        .map(|(name, uses)| (*name, turns(uses)))
        .collect();
    let deciders = |(name, uses): &(&String, &Vec<Use>)| {
        let pairs = competing(uses);
        let decides = |(other, turns): &&(&String, Turns)| {
            other != name && pairs.iter().all(|pair| stands_between(turns, *pair))
        };
        let others = turns.iter().filter(decides);
        let names = others.map(|(other, _)| (*other).clone()).collect();
        (!pairs.is_empty()).then(|| ((*name).clone(), names))
    };
    compared.iter().filter_map(deciders).collect()
}

fn turns(uses: &[Use]) -> Turns {
    let mut turns = Turns::new();
    for used in uses {
        let own = turns.entry(used.process).or_default();
        own.push((used.step, used.mode != Mode::Read));
    }
    turns
}

/// Returns competing uses that follow each other: the order of all others follows from theirs.
fn competing(uses: &[Use]) -> Vec<[&Use; 2]> {
    let mut pairs = Vec::new();
    let mut change: Option<&Use> = None;
    let mut reads: Vec<&Use> = Vec::new();
    for used in uses {
        let since = match used.mode {
            Mode::Read => &[][..],
            _ => &reads[..],
        };
        let earlier = change.iter().chain(since);
        let competing = earlier.filter(|earlier| earlier.competes_with(used));
        pairs.extend(competing.map(|earlier| [*earlier, used]));
        match used.mode {
            Mode::Read => reads.push(used),
            _ => {
                change = Some(used);
                reads.clear();
            }
        }
    }
    pairs
}

/// Tells whether two uses of an object with these turns, of which one changes it, stand between
/// these two of another object.
fn stands_between(turns: &Turns, [one, other]: [&Use; 2]) -> bool {
    let (Some(after), Some(before)) = (turns.get(&one.process), turns.get(&other.process)) else {
        return false;
    };
    let after = &after[after.partition_point(|(step, _)| *step <= one.step)..];
    let before = &before[..before.partition_point(|(step, _)| *step < other.step)];
    let changes = |turn: &&(u64, bool)| turn.1;
    let in_order = |one: Option<&(u64, bool)>, other: Option<&(u64, bool)>| {
        one.zip(other).is_some_and(|(one, other)| one.0 < other.0)
    };
    in_order(after.iter().find(changes), before.last())
        || in_order(after.first(), before.iter().rfind(changes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::TaskId;

    /// Returns the deciders of each object, of steps that each use one, by process, in this order.
    fn of(steps: &[(u32, &str, Mode)]) -> Vec<(String, Vec<String>)> {
        let mut contention = Contention::new();
        for (step, (process, object, mode)) in (0..).zip(steps) {
            contention
                .entry((*object).to_owned())
                .or_default()
                .push(Use {
                    step,
                    task: TaskId(*process),
                    mode: *mode,
                    process: *process as usize,
                    time: 1,
                    known: [].into(),
                });
        }
        let names: Vec<&String> = contention.keys().collect();
        let all = deciders(&contention, &names).into_iter();
        all.map(|(name, deciders)| (name, deciders.into_iter().collect()))
            .collect()
    }

    fn told(name: &str, deciders: &[&str]) -> (String, Vec<String>) {
        (
            name.to_owned(),
            deciders.iter().map(|&name| name.to_owned()).collect(),
        )
    }

    #[test]
    fn a_lock_decides_about_what_it_protects() {
        use Mode::{Read, Write};
        let section = |process| {
            [
                (process, "lock", Write),
                (process, "owner", Write),
                (process, "data", Read),
                (process, "data", Write),
                (process, "lock", Write),
            ]
        };
        let both: Vec<_> = section(1).into_iter().chain(section(2)).collect();
        assert_eq!(
            of(&both),
            [
                told("data", &["lock"]),
                told("lock", &[]),
                told("owner", &["lock"])
            ]
        );
        // A run in which the data are read elsewhere, too.
        let mut outside = both.clone();
        outside.insert(5, (2, "data", Read));
        assert_eq!(of(&outside)[0], told("data", &[]));
    }

    #[test]
    fn a_flag_decides_about_what_it_announces_if_it_is_changed_and_read_between() {
        use Mode::{Read, Write};
        let announced = [
            (1, "data", Write),
            (1, "flag", Write),
            (2, "flag", Read),
            (2, "data", Read),
        ];
        assert_eq!(of(&announced), [told("data", &["flag"]), told("flag", &[])]);
        let early = [announced[0], announced[2], announced[1], announced[3]];
        assert_eq!(of(&early)[0], told("data", &[]));
        let only_read = [
            (1, "data", Write),
            (1, "flag", Read),
            (2, "flag", Read),
            (2, "data", Read),
            (2, "flag", Write),
        ];
        assert_eq!(of(&only_read)[0], told("data", &[]));
    }

    #[test]
    fn nothing_is_known_of_what_one_process_alone_uses() {
        assert_eq!(of(&[(1, "a", Mode::Write), (1, "a", Mode::Write)]), []);
    }
}
