//! Common parts of the benchmarks: programs to run, and figures that are ratios of two
//! measured in one run.

use crosswire::engine::{Engine, Start, Target};
use crosswire::model::Plan;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Rounds of which the median counts.
pub const ROUNDS: usize = 51;

/// The median of rounds that each measure something against a yardstick: ratio,
/// measured, yardstick.
pub fn median(mut round: impl FnMut() -> (Duration, Duration)) -> (f64, Duration, Duration) {
    let mut rounds: Vec<(f64, Duration, Duration)> = (0..ROUNDS)
        .map(|_| {
            let (measured, yardstick) = round();
            let ratio = measured.as_secs_f64() / yardstick.as_secs_f64();
            (ratio, measured, yardstick)
        })
        .collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    rounds[ROUNDS / 2]
}

/// Builds the target that an engine is started on.
pub fn target(program: &Path) -> Target {
    let start = Start {
        name: "program".to_owned(),
        command: vec![program.to_string_lossy().into_owned()],
    };
    let here = std::env::current_dir().expect("a working directory");
    Target::new(vec![start], &here)
}

/// Returns the time of a step, over one run.
pub fn per_step(engine: &mut Engine) -> Duration {
    let began = Instant::now();
    let steps = engine.run(&Plan::default()).expect("a run").trace.steps;
    began.elapsed() / u32::try_from(steps).expect("few steps")
}

/// Compiles a program.
pub fn compile(dir: &Path, name: &str, source: &str) -> PathBuf {
    let file = dir.join(name).with_extension("c");
    std::fs::write(&file, source).expect("a writable directory");
    let program = dir.join(name);
    let status = Command::new("cc")
        .arg("-O2")
        .arg("-o")
        .args([&program, &file])
        .status();
    assert!(status.expect("a C compiler").success(), "compiling {name}");
    program
}
