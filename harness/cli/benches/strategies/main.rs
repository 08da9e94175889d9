//! Runs until each planted bug of `fixtures` shows: the median over seeds, for every
//! strategy and for the native program in a loop, pinned to one CPU and not. Then how
//! long the default takes to shrink what it found, and what is left: the decisions against
//! the default order, at most.
//!
//! `cargo bench --bench strategies -- [NAME…]`; `CROSSWIRE_SEEDS` and `CROSSWIRE_RUNS`
//! set the number of seeds (20) and the budget in runs (10,000).
//!
//! `cargo bench --bench strategies -- shapes [SHAPE…]` compares the strategies on small shapes
//! of bugs instead: the mean number of runs, as in the literature, beside published figures. By
//! itself it takes three seeds and 300 runs, which is enough to see that nothing has become much
//! worse; `CROSSWIRE_SEEDS=20 CROSSWIRE_RUNS=10000` measures. A shape with a size is one word:
//! `'reorder 10'`.

mod shapes;

use crosswire::check::{Expectations, Leaks};
use crosswire::engine::{Start, Target};
use crosswire::explore::{Budget, Exploration, Found, Strategy, reduce};
use crosswire_testing::building::{build_directory, compile, folder};
use crosswire_testing::measure;
use serde::Deserialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

#[derive(Deserialize)]
struct Table {
    program: Vec<Fixture>,
}

#[derive(Deserialize)]
struct Fixture {
    name: String,
    source: PathBuf,
    #[serde(default)]
    args: Vec<String>,
    faults: Vec<String>,
    leaks: Option<String>,
    verdict: String,
    native: String,
    /// Arguments that make the bug rare, to tell strategies apart.
    #[serde(default)]
    bench_args: Vec<String>,
}

const STRATEGIES: &[&str] = &[
    "mixed",
    "random-walk",
    "pct(2)",
    "pct(3)",
    "pos",
    "surw",
    "pairs",
    "round-robin",
];

/// Real time that the native loop of one fixture may take.
const NATIVE_TIME: Duration = Duration::from_secs(5);

fn main() {
    let mut wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    if wanted.first().is_some_and(|word| word == "shapes") {
        return shapes::compare(&wanted.split_off(1));
    }
    let (seeds, budget) = (
        measure("CROSSWIRE_SEEDS", 20),
        measure("CROSSWIRE_RUNS", 10_000),
    );
    let text = std::fs::read_to_string(folder("fixtures").join("expected.toml")).unwrap();
    let table: Table = toml::from_str(&text).unwrap();
    let programs = build_directory();
    println!("runs to the bug, median over {seeds} seeds; > where {budget} runs do not show it");
    print!("{:<22}", "");
    for column in STRATEGIES
        .iter()
        .chain(&["native", "pinned", "shrink ms", "decisions"])
    {
        print!("{column:>12}");
    }
    println!();
    for fixture in table
        .program
        .iter()
        .filter(|fixture| fixture.verdict == "violation")
    {
        if !wanted.is_empty() && !wanted.contains(&fixture.name) {
            continue;
        }
        let program = compile(
            &[folder("fixtures").join(&fixture.source)],
            programs.path(),
            &fixture.name,
        );
        print!("{:<22}", fixture.name);
        for strategy in STRATEGIES {
            let strategy: Strategy = strategy.parse().unwrap();
            let (mut runs, mut missed) = (Vec::new(), 0);
            for seed in 0..seeds {
                let found = fixture.explore(&program, strategy, seed, budget);
                missed += u64::from(found.is_none());
                runs.push(found.map(|found| found.run + 1));
                if missed > seeds / 2 {
                    break; // The median is known.
                }
            }
            // A bug that was not seen took longer than any that was.
            runs.sort_by_key(|runs| runs.unwrap_or(u64::MAX));
            let median = (seeds / 2) as usize;
            print!("{:>12}", shown(runs.get(median).copied().flatten(), budget));
            std::io::stdout().flush().unwrap();
        }
        for pinned in [false, true] {
            print!("{:>12}", fixture.natively(&program, pinned, budget));
        }
        let (time, decisions) = fixture.shrink(&program, seeds, budget);
        print!("{:>12}{decisions:>12}", time.as_millis());
        println!();
    }
}

fn shown(runs: Option<u64>, budget: u64) -> String {
    runs.map_or(format!(">{budget}"), |runs| runs.to_string())
}

/// Returns the exploration of a program, without shrinking.
fn exploration(name: &str, program: &Path, arguments: &[String]) -> Exploration {
    let mut command = vec![program.to_string_lossy().into_owned()];
    command.extend_from_slice(arguments);
    let start = Start {
        name: name.to_owned(),
        command,
    };
    let directory = program.parent().unwrap();
    let mut exploration = Exploration::new(Target::new(vec![start], directory));
    exploration.shrink = Duration::ZERO;
    exploration
}

/// Returns the first violation that an exploration finds, if it finds one.
fn first_found(name: &str, exploration: &Exploration) -> Option<Found> {
    let report = exploration
        .explore(&AtomicBool::new(false), &|_| {})
        .unwrap();
    assert_ne!(
        report.verdict.word(),
        "invalid",
        "{name}: {:?}",
        report.invalid_reason
    );
    report.found.into_iter().next()
}

impl Fixture {
    fn arguments(&self) -> &[String] {
        match self.bench_args.is_empty() {
            true => &self.args,
            false => &self.bench_args,
        }
    }

    /// Runs until the bug shows, if it does.
    fn explore(&self, program: &Path, strategy: Strategy, seed: u64, budget: u64) -> Option<Found> {
        let mut exploration = exploration(&self.name, program, self.arguments());
        exploration.budget = Budget::runs(budget);
        exploration.strategy = strategy;
        exploration.seed = seed;
        exploration.faults = self
            .faults
            .iter()
            .map(|fault| fault.parse().unwrap())
            .collect();
        exploration.expectations = Expectations {
            leaks: match self.leaks.as_deref() {
                Some("always") => Leaks::Always,
                _ => Leaks::UnlessKilled,
            },
            ..Expectations::default()
        };
        first_found(&self.name, &exploration)
    }

    /// Returns the median time of shrinking over the seeds, and the most decisions that
    /// are left.
    fn shrink(&self, program: &Path, seeds: u64, budget: u64) -> (Duration, usize) {
        let (mut times, mut decisions) = (Vec::new(), 0);
        for seed in 0..seeds {
            let Some(found) = self.explore(program, Strategy::default(), seed, budget) else {
                continue;
            };
            let began = Instant::now();
            let never = AtomicBool::new(false);
            let reduced = reduce(&found.record, Duration::from_secs(30), &never);
            times.push(began.elapsed());
            let trace = reduced.expect("what was found replays").record.trace;
            decisions = decisions.max(trace.deviations.len());
        }
        times.sort_unstable();
        (
            times.get(times.len() / 2).copied().unwrap_or_default(),
            decisions,
        )
    }

    /// The same of the program by itself. A hang is ended after a second.
    fn natively(&self, program: &Path, pinned: bool, budget: u64) -> String {
        if !self.faults.is_empty() || self.native != "pass" {
            // Nobody injects the fault, or every run hangs.
            return "-".to_owned();
        }
        let began = Instant::now();
        let mut runs = 0;
        while runs < budget && began.elapsed() < NATIVE_TIME {
            runs += 1;
            let mut command = match pinned {
                true => Command::new("taskset"),
                false => Command::new("timeout"),
            };
            if pinned {
                command.args(["-c", "0", "timeout"]);
            }
            command.arg("1").arg(program).args(self.arguments());
            let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            if !status.expect("coreutils are there").success() {
                return runs.to_string();
            }
        }
        format!(">{runs}")
    }
}
