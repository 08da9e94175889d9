//! Measures the cost of a run, as ratios to the bare ptrace stop and to the native
//! program.
//!
//! Every ratio is of two figures measured in this run, because machines differ and
//! so does one machine from minute to minute. `cargo bench` prints them;
//! `CROSSWIRE_BENCH_RUNS` sets the number of runs (default 2,000).

mod common;

use common::{ROUNDS, compile, median, per_step, target};
use crosswire::engine::{Engine, bare_stop};
use crosswire::explore::{Budget, Exploration, available_cpus};
use crosswire::model::Plan;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Two processes and ten messages each way.
const PING_PONG: &str = include_str!("programs/ping_pong.c");

/// Calls, enough to make loading and ending negligible. The engine knows that the first
/// kind neither waits nor wakes any task; the second kind might.
const CALLS: &str = r#"
#include <fcntl.h>
#include <unistd.h>
int main(void)
{
    int file = open("/dev/null", O_WRONLY);
    for (int i = 0; i < 20000; i++)
#ifdef WRITES
        write(file, "", 1);
#else
        getppid();
#endif
    return 0;
}
"#;

fn main() {
    let closures = || {
        crosswire::scenario!("ping-pong")
            .setup(|| [std::io::pipe().unwrap(), std::io::pipe().unwrap()])
            .process("ping", |[there, back], _| {
                let mut message = *b"message\0";
                for _ in 0..5 {
                    there.1.write_all(&message).unwrap();
                    back.0.read_exact(&mut message).unwrap();
                }
            })
            .process("pong", |[there, back], _| {
                let mut message = [0; 8];
                for _ in 0..5 {
                    there.0.read_exact(&mut message).unwrap();
                    back.1.write_all(&message).unwrap();
                }
            })
            .reenter_with(Vec::<String>::new())
            .jobs(1)
    };
    if std::env::var_os("CROSSWIRE_SCENARIO").is_some() {
        closures().explore(Budget::runs(1));
        return;
    }
    let runs: u64 = std::env::var("CROSSWIRE_BENCH_RUNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_000);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ping_pong = compile(dir.path(), "ping_pong", PING_PONG);
    let calls = compile(dir.path(), "calls", CALLS);
    let writes = format!("#define WRITES\n{CALLS}");
    let writes = compile(dir.path(), "writes", &writes);
    // Measured on a thread of its own, which it pins to one CPU.
    std::thread::spawn(move || stops(&calls, &writes))
        .join()
        .expect("measured");
    let native = native(&ping_pong, runs.min(1_000));
    whole_runs("C program, 1 job", explore(&ping_pong, runs, 1), native);
    let report = closures().try_explore(Budget::runs(runs));
    assert!(report.found.is_empty(), "{:?}", report.verdict);
    whole_runs("closures, 1 job", report.runs_per_second(), native);
    jobs(&ping_pong, runs);
    memory(&ping_pong, runs);
}

/// Compares the cost of a step with that of a stop. A step has two stops, the call's
/// entry and its end, or one, if no other task can notice the call.
fn stops(calls: &Path, writes: &Path) {
    let cpu = available_cpus()[0];
    println!("median of {ROUNDS} rounds");
    for (what, program) in [("one stop", calls), ("two stops", writes)] {
        let mut engine = Engine::start(&target(program), Some(cpu)).expect("an engine");
        let (ratio, step, stop) = median(|| {
            let stop = bare_stop(2_000).expect("tracing");
            (per_step(&mut engine), stop)
        });
        println!("bare stop                    {stop:>10.2?}");
        println!("step of {what:<20} {step:>10.2?}  {ratio:.2} × the bare stop");
    }
}

/// Returns the seconds that the program takes natively.
fn native(program: &Path, runs: u64) -> f64 {
    let began = Instant::now();
    for _ in 0..runs {
        assert!(Command::new(program).status().expect("it runs").success());
    }
    began.elapsed().as_secs_f64() / runs as f64
}

fn whole_runs(what: &str, per_second: f64, native: f64) {
    let ratio = 1.0 / (per_second * native);
    println!("{what:<28} {per_second:>8.0}/s  {ratio:.2} × a native start of the C program");
}

fn jobs(program: &Path, runs: u64) {
    let cpus = available_cpus().len();
    if cpus < 2 {
        println!("two jobs                     left out: there is one CPU");
        return;
    }
    let (mut one, mut two) = (0.0f64, 0.0f64);
    for _ in 0..3 {
        one = one.max(explore(program, runs, 1));
        two = two.max(explore(program, runs, 2));
    }
    println!(
        "two jobs against one         {two:>8.0}/s  {:.2} × one job",
        two / one
    );
}

/// Resident memory after many runs against that after few.
fn memory(program: &Path, runs: u64) {
    let mut engine = Engine::start(&target(program), None).expect("an engine");
    let mut resident = Vec::new();
    for part in [runs / 10, runs] {
        for _ in 0..part {
            engine.run(&Plan::default()).expect("a run");
        }
        resident.push(resident_bytes());
    }
    let growth = resident[1] as f64 / resident[0] as f64;
    println!(
        "memory after {runs} runs       {:>8} KiB  {growth:.3} × that after {}",
        resident[1] / 1024,
        runs / 10
    );
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("two numbers");
    pages * 4096
}

fn explore(program: &Path, runs: u64, jobs: usize) -> f64 {
    let exploration = Exploration {
        budget: Budget::runs(runs),
        jobs,
        ..Exploration::new(target(program))
    };
    let report = exploration
        .explore(&AtomicBool::new(false), &|_| {})
        .expect("an exploration");
    assert!(report.found.is_empty(), "{:?}", report.verdict);
    report.runs_per_second()
}
