//! The mean number of runs until the bug of each shape shows, by strategy.

use crate::{STRATEGIES, exploration, first_found};
use crosswire::explore::{Budget, Strategy};
use crosswire_testing::building::{build_directory, compile, folder, sources};
use crosswire_testing::measure;
use serde::Deserialize;
use std::io::Write;

#[derive(Deserialize)]
struct Table {
    shapes: Vec<Shape>,
}

/// A shape, and the mean number of schedules in which others have found it.
#[derive(Deserialize)]
struct Shape {
    run: String,
    surw: Option<u64>,
    pct: Option<u64>,
    pos: Option<u64>,
}

impl Shape {
    /// Returns the published figures in words.
    fn published(&self) -> String {
        let told = |figure: Option<u64>| figure.map_or("-".to_owned(), |mean| mean.to_string());
        [self.surw, self.pct, self.pos].map(told).join(" / ")
    }
}

/// Compares the strategies on these shapes, or on all of them.
pub(crate) fn compare(wanted: &[String]) {
    let (seeds, budget) = (
        measure("CROSSWIRE_SEEDS", 3),
        measure("CROSSWIRE_RUNS", 300),
    );
    let text = std::fs::read_to_string(folder("fixtures").join("search.toml")).unwrap();
    let table: Table = toml::from_str(&text).unwrap();
    let programs = build_directory();
    let program = compile(&sources("fixtures/c/search"), programs.path(), "search");
    println!(
        "runs to the bug, mean over {seeds} seeds with its 95 % confidence interval; (N): {budget} \
         runs did not show it with N seeds, which count as {budget}"
    );
    print!("{:<18}", "");
    STRATEGIES.iter().for_each(|name| print!("{name:>18}"));
    println!("   published: SURW / PCT-3 / POS");
    for shape in &table.shapes {
        let arguments: Vec<String> = shape.run.split(' ').map(str::to_owned).collect();
        if !wanted.is_empty() && !wanted.contains(&arguments[0]) && !wanted.contains(&shape.run) {
            continue;
        }
        print!("{:<18}", shape.run);
        for strategy in STRATEGIES {
            let strategy: Strategy = strategy.parse().unwrap();
            let runs = (0..seeds).map(|seed| {
                let mut exploration = exploration("search", &program, &arguments);
                exploration.budget = Budget::runs(budget);
                exploration.strategy = strategy;
                exploration.seed = seed;
                first_found(&shape.run, &exploration).map(|found| found.run + 1)
            });
            print!("{:>18}", told(&runs.collect::<Vec<_>>(), budget));
            std::io::stdout().flush().unwrap();
        }
        println!("   {}", shape.published());
    }
}

/// Returns the mean in words.
fn told(runs: &[Option<u64>], budget: u64) -> String {
    let count = runs.len() as f64;
    let values = || runs.iter().map(|runs| runs.unwrap_or(budget) as f64);
    let mean = values().sum::<f64>() / count;
    let spread: f64 = values().map(|value| (value - mean).powi(2)).sum();
    let deviation = (spread / (count - 1.0).max(1.0)).sqrt();
    let interval = 1.96 * deviation / count.sqrt();
    match runs.iter().filter(|runs| runs.is_none()).count() {
        0 => format!("{mean:.0} ±{interval:.0}"),
        missed => format!("{mean:.0} ±{interval:.0} ({missed})"),
    }
}
