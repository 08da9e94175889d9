//! Exhaustive exploration of real processes: as many classes as trying every order
//! finds, and the numbers that follow from the programs by hand.

use crosswire_testing::building::{build_directory, compile, folder, source};
use crosswire_testing::command::{self, PASS, VIOLATION, somewhere};
use crosswire_testing::engine::OwnCpu;
use crosswire_testing::measure;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use serial_test::parallel;
use std::collections::BTreeMap;
use std::path::Path;

/// What each process does (see `programs/steps.c`), and the number of classes where it
/// follows from the steps by hand.
pub(crate) const CASES: &[(&str, &[&str], Option<u64>)] = &[
    // Nothing in common: all orders are equivalent.
    ("two files", &["r:a w:a", "r:b w:b"], Some(1)),
    // Reads commute.
    ("two readers", &["r:a r:a", "r:a r:a"], Some(1)),
    // Two writes of each, one file: (2 + 2)! / (2! 2!).
    ("two writers", &["w:a w:a", "w:a w:a"], Some(6)),
    // The reader comes before, between or after.
    ("one reader", &["w:a w:a", "r:a"], Some(3)),
    // Orders of two reads and writes: 6, of which those that differ in the order of
    // the reads only are the same: r1 r2 w1 w2 = r2 r1 w1 w2, and so with w2 w1.
    ("lost update", &["r:a w:a", "r:a w:a"], Some(4)),
    // Each pair of conflicting steps on its own.
    ("two conflicts", &["w:a w:b", "r:b r:a"], Some(3)),
    ("three writers", &["w:a", "w:a", "w:a"], Some(6)),
    ("a create", &["c:n", "c:n"], Some(2)),
    ("check and create", &["s:n c:n", "s:n c:n"], None),
    ("create and remove", &["c:n u:n", "s:n"], None),
    ("look and use", &["c:n w:a", "g:n r:a"], None),
    ("lock", &["l:a x:", "l:a x:"], None),
    // Who opens first waits, and is let go on by the other one.
    ("both sides", &["p:n o:n", "g:n O:n"], None),
    ("a side without waiting", &["p:n o:n", "n:n n:n"], None),
    ("a full directory", &["c:n u:n", "c:n/x"], None),
    ("a moved directory", &["c:n m:n", "s:n/x c:n/x"], None),
    ("a lock of the killed", &["l:a x:", "l:a", "k:101"], None),
    ("a lock of the dying", &["l:a x:", "l:a", "t:101"], None),
    ("a key that is free again", &["q: Q:", "q:"], None),
    ("a second name", &["H:a w:a.too", "J:a i:a"], None),
    ("one position for two", &["R:a f: 3: 3: j:"], None),
    ("open and executed", &["C:a X:a", "W:a 6:"], None),
    ("into what is made", &["c:n", "G:n P:"], None),
    ("in what is moved", &["c:n G:n P:", "m:n"], None),
    ("a directory with more in it", &["c:n J:n", "c:n/x"], None),
    ("permissions", &["C:a", "V:a X:a"], None),
    ("blocked too late", &["f: 6: U: I: j:"], None),
    ("ignored too late", &["Z: U: I:", "S:101"], None),
    ("alone in the end", &["Z:", "f: h:"], None),
    // Only some random order compares the times.
    ("compared late", &["d:", "H:a", "J:a"], None),
];

/// Tries every order without reduction: a step may be left as often as one likes.
pub(crate) const ALL_ORDERS: &[&str] = &["--preemptions", "1000000"];

/// What is reported of a program explored exhaustively: a process for each text, which
/// says what it does.
pub(crate) fn exhaustion<T: AsRef<str>>(case: &[T], program: &Path, more: &[&str]) -> Value {
    let directory = somewhere();
    for file in ["a", "b"] {
        std::fs::write(directory.path().join(file), "00000000").unwrap();
    }
    let mut run = command::crosswire(directory.path());
    run.args([
        "run",
        "--quiet",
        "--format",
        "json",
        "--exhaust",
        "--no-leaks",
        "--expect-exit",
        "any",
        // Some of the orders end in a deadlock.
        "--keep-going",
        "--shrink-time",
        "0",
    ])
    .args(more);
    for (number, steps) in case.iter().enumerate() {
        let process = format!("p{number}='{}' {}", program.display(), steps.as_ref());
        run.args(["--process", &process]);
    }
    let outcome = command::Outcome::of(&mut run);
    let is_judged = [PASS, VIOLATION].contains(&outcome.status);
    assert!(is_judged, "{}", outcome.told());
    outcome.report["exhaustion"].clone()
}

/// The number of classes, and whether they are all that there are.
fn classes(case: &[&str], program: &Path, more: &[&str]) -> (u64, bool) {
    let exhaustion = exhaustion(case, program, more);
    let complete = exhaustion["complete"] == true;
    (exhaustion["classes"].as_u64().unwrap(), complete)
}

#[test]
fn as_many_classes_as_all_orders_have() {
    let _cpu = OwnCpu::take();
    let programs = build_directory();
    let program = compile(&[source("steps.c")], programs.path(), "steps");
    let mut wrong = BTreeMap::new();
    for (name, case, by_hand) in CASES {
        let (reduced, complete) = classes(case, &program, &[]);
        let (all, is_sound) = classes(case, &program, ALL_ORDERS);
        if !complete
            || !is_sound
            || reduced != all
            || by_hand.is_some_and(|number| number != reduced)
        {
            wrong.insert(name, (reduced, complete, all, *by_hand));
        }
    }
    assert!(
        wrong.is_empty(),
        "classes, complete, of all orders, by hand: {wrong:?}"
    );
}

/// Steps (see `programs/steps.c`) that have something to do with each other.
const THEMES: &[&[&str]] = &[
    &["r:a", "w:a", "i:a", "a:a", "s:a", "m:a", "H:a"],
    &["c:n", "u:n", "s:n", "m:n", "c:n/x", "E:n", "p:n"],
    &["l:a", "x:", "b:a", "+:a", "a:a", "k:101", "t:102"],
    &["p:n", "o:n", "O:n", "n:n", "B:n", "1:", "0:"],
    &["k:101", "t:102", "S:101", "S:102", "h:", "z:"],
    &["q:", "Q:", "y:", "Y:"],
    &["v:", "d:", "e:", "k:101"],
    &["M:", "N:"],
    &["D:n", "E:n", "D:m", "E:m"],
    &["f:", "j:", "w:a", "S:103", "k:103", "i:a"],
    &[
        "R:a", "W:a", "3:", "4:", "5:", "6:", "L:a", "f:", "T:a", "w:a",
    ],
    &[
        "H:a", "J:a", "J:a.too", "w:a.too", "K:a", "K:a.too", "i:a", "m:a",
    ],
    &["C:a", "V:a", "X:a", "W:a", "6:", "T:a", "c:n", "X:n"],
    &[
        "c:n", "G:n", "P:", "m:n", "u:n", "J:n", "c:n/x", "s:x", "C:n",
    ],
    &["Z:", "U:", "A:", "I:", "h:", "f:", "S:101", "S:102", "j:"],
];

/// Two processes of one to three steps, or three of one.
pub(crate) fn small_programs() -> impl Strategy<Value = Vec<String>> {
    subsequence(THEMES, 1..=2).prop_flat_map(|themes| {
        let steps = |most| vec(select(themes.concat()), 1..=most).prop_map(|all| all.join(" "));
        prop_oneof![vec(steps(2), 2), vec(steps(3), 2), vec(steps(1), 3)]
    })
}

/// A random program: the search finds as many classes as trying every order does, and all
/// runs of one class show every process the same.
#[test]
fn no_two_steps_are_wrongly_taken_to_be_independent() {
    /// Orders of one program that are tried; those that have more are left out.
    const MOST: &str = "1500";
    let _cpu = OwnCpu::take();
    let programs = build_directory();
    let program = compile(&[source("steps.c")], programs.path(), "steps");
    let mut runner = TestRunner::new(Config {
        cases: measure("CROSSWIRE_PROGRAMS", 24) as u32,
        // What fails is added to the cases above.
        failure_persistence: None,
        ..Config::default()
    });
    let compared = runner.run(&small_programs(), |case| {
        let all = exhaustion(&case, &program, &[ALL_ORDERS, &["--runs", MOST]].concat());
        prop_assume!(all["left"] == 0);
        let reduced = exhaustion(&case, &program, &[]);
        prop_assert_eq!(&all["doubt"], &Value::Null);
        prop_assert_eq!(&reduced["doubt"], &Value::Null);
        prop_assert_eq!(&reduced["left"], &all["left"]);
        prop_assert_eq!(&reduced["classes"], &all["classes"]);
        Ok(())
    });
    compared.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Fixtures whose bug shows in some order of the steps, and whose fixed twin it is proved
/// to be free of; and whether every single order can be tried in reasonable time, too.
const PROVED: &[(&str, bool)] = &[
    ("abba_flock", false),
    ("check_then_create", false),
    ("early_map", false),
    ("early_publish", false),
    ("early_term", true),
    ("fifo_order", false),
    ("lock_upgrade", false),
    ("lost_update", false),
    ("pause_flag", true),
    ("shm_counter", true),
    ("sleepy_client", false),
    ("sleepy_reader", false),
];

fn exhaust(program: &Path, more: &[&str]) -> command::Outcome {
    let directory = somewhere();
    let mut run = command::crosswire(directory.path());
    run.args(["run", "--quiet", "--format", "json", "--exhaust"]);
    run.args(more).arg("--").arg(program);
    command::Outcome::of(&mut run)
}

#[test]
#[parallel(tmp)]
fn bugs_are_found_and_fixed_twins_proved_free_of_them() {
    let _cpu = OwnCpu::take();
    let programs = build_directory();
    let mut wrong = Vec::new();
    for (name, is_small) in PROVED {
        let fixture = |name: &str| {
            let file = folder("fixtures/c").join(format!("{name}.c"));
            compile(&[file], programs.path(), name)
        };
        let found = exhaust(&fixture(name), &["--shrink-time", "0"]);
        if found.status != VIOLATION {
            wrong.push(format!("{name}: {}", found.told()));
        }
        let twin = fixture(&format!("{name}_fixed"));
        let proved = exhaust(&twin, &[]);
        let exhaustion = &proved.report["exhaustion"];
        if proved.status != PASS || exhaustion["complete"] != true {
            wrong.push(format!("{name}_fixed: {}", proved.told()));
        }
        let all = is_small.then(|| exhaust(&twin, ALL_ORDERS));
        if let Some(all) = all
            && all.report["exhaustion"]["classes"] != exhaustion["classes"]
        {
            wrong.push(format!("{name}_fixed: {exhaustion}, but {}", all.told()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A loop that waits is left when it is proved that more rounds change nothing. One that counts its
/// rounds, to give up after some, gives up. If that takes too long, or time decides, nothing is
/// claimed.
#[test]
#[parallel(tmp)]
fn loops_are_cut_short_only_where_that_is_proved() {
    let _cpu = OwnCpu::take();
    let programs = build_directory();
    let program = compile(&[source("rounds.c")], programs.path(), "rounds");
    let exhaust = |word: &str| {
        let directory = somewhere();
        let mut run = command::crosswire(directory.path());
        run.args(["run", "--quiet", "--format", "json", "--exhaust"]);
        run.args(["--expect-exit", "2", "--shrink-time", "0", "--"]);
        run.arg(&program).arg(word);
        command::Outcome::of(&mut run)
    };
    for few in ["3", "5", "20"] {
        let found = exhaust(few);
        assert_eq!(found.status, VIOLATION, "{few}: {}", found.told());
    }
    let waits = exhaust("waits");
    let exhaustion = &waits.report["exhaustion"];
    let is_proved = (waits.status, &exhaustion["complete"]) == (PASS, &Value::Bool(true));
    assert!(is_proved, "{}", waits.told());
    // What its child does meanwhile has nothing to do with the loop.
    let forever = exhaust("forever");
    assert_eq!(forever.status, VIOLATION, "{}", forever.told());
    assert_eq!(forever.kinds(), ["livelock"], "{}", forever.told());
    for (word, reason) in [("1000000000", "give up"), ("hurries", "timeouts")] {
        let outcome = exhaust(word);
        let exhaustion = &outcome.report["exhaustion"];
        assert_eq!(exhaustion["complete"], false, "{}", outcome.told());
        let doubt = exhaustion["doubt"].as_str().unwrap_or_default();
        assert!(doubt.contains(reason), "{word}: {}", outcome.told());
    }
}
