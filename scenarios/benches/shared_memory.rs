//! Measures the cost of shared memory: of an access, of a search of all crash points, and
//! for a program that does not use it; and of store buffers. Prints ratios of figures measured in
//! the same run.

mod common;

use common::{compile, median, per_step, target};
use crosswire::engine::{Engine, bare_fault, bare_stop};
use crosswire::explore::{Budget, CrashSearch, Exploration, Memory, available_cpus};
use crosswire::model::{End, Plan, StartUp, Verdict};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Touches forbidden memory forever, once its input has ended.
const FAULTS: &str = r#"
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
    volatile char *page = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return *page;
}
"#;

/// Writes to a word of shared memory so often that loading and ending do not count.
const ACCESSES: &str = r#"
#include <sys/mman.h>
int main(void)
{
    volatile int *word = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 20000; i++)
        *word = i;
    return 0;
}
"#;

/// Two processes each write to a word of a page that the other one leaves alone; with ONCE, hardly
/// ever.
const UNCONTESTED: &str = r#"
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
#ifdef ONCE
    int times = 1;
#else
    int times = 100000;
#endif
    char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int child = fork();
    volatile int *word = (volatile int *)(child ? pages : pages + 4096);
    for (int i = 0; i < times; i++)
        *word = i;
    if (!child)
        _exit(0);
    wait(0);
    return 0;
}
"#;

/// The accesses of a run of it.
const UNCONTESTED_ACCESSES: u32 = 200_000;

/// Calls; MAPPED maps shared memory before, and leaves it alone.
const CALLS: &str = r#"
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
#ifdef MAPPED
    mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
#endif
    for (int i = 0; i < 5000; i++)
        getppid();
    return 0;
}
"#;

/// Its child can die at some sixty points: calls and accesses.
const VICTIM: &str = r#"
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    volatile int *word = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fork() == 0) {
        for (int i = 0; i < 20; i++) {
            word[0] = i;
            word[1] = word[0];
        }
        _exit(0);
    }
    wait(0);
    return 0;
}
"#;

/// Two processes use a word alike; with LOCKED no store can wait.
const CONTESTED: &str = r#"
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    volatile int *word = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int child = fork();
    for (int i = 0; i < 40; i++)
#ifdef LOCKED
        __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
#else
        *word = i;
#endif
    if (!child)
        _exit(0);
    wait(0);
    return 0;
}
"#;

/// Runs of an exploration whose cost is measured.
const RUNS: u32 = 40;

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let faults = compile(dir.path(), "faults", FAULTS);
    let accesses = compile(dir.path(), "accesses", ACCESSES);
    let uncontested = compile(dir.path(), "uncontested", UNCONTESTED);
    let once = compile(dir.path(), "once", &format!("#define ONCE\n{UNCONTESTED}"));
    let calls = compile(dir.path(), "calls", CALLS);
    let mapped = format!("#define MAPPED\n{CALLS}");
    let mapped = compile(dir.path(), "mapped", &mapped);
    let victim = compile(dir.path(), "victim", VICTIM);
    let stores = compile(dir.path(), "stores", CONTESTED);
    let locked = format!("#define LOCKED\n{CONTESTED}");
    let locked = compile(dir.path(), "locked", &locked);
    // Measured on a thread of its own, which an engine pins to one CPU.
    std::thread::spawn(move || {
        access(&accesses, &faults);
        uncontested_access(&uncontested, &once, &faults);
        unused(&calls, &mapped);
    })
    .join()
    .expect("measured");
    crashes(&victim);
    store_buffers("no store waits", &locked);
    store_buffers("stores wait", &stores);
}

/// Runs in which stores may wait against runs in which they are visible at once.
fn store_buffers(what: &str, program: &Path) {
    let of_run = |memory| {
        let mut exploration = Exploration::new(target(program));
        exploration.jobs = 1;
        exploration.memory = memory;
        exploration.budget = Budget::runs(RUNS.into());
        let report = exploration
            .explore(&AtomicBool::new(false), &|_| {})
            .expect("an exploration");
        assert_eq!(report.verdict, Verdict::Pass);
        report.elapsed / RUNS
    };
    let (ratio, tso, sc) = median(|| (of_run(Memory::Tso), of_run(Memory::Sc)));
    println!("run, stores visible at once  {sc:>10.2?}");
    println!("run under TSO, {what:<14}{tso:>10.2?}  {ratio:.2} × that");
}

/// An access against the bare stop for a fault.
fn access(program: &Path, faults: &Path) {
    let cpu = available_cpus()[0];
    let mut engine = Engine::start(&target(program), Some(cpu)).expect("an engine");
    let (ratio, access, stop) = median(|| {
        let stop = bare_fault(&mut Command::new(faults), 2_000).expect("tracing");
        (per_step(&mut engine), stop)
    });
    let plain = bare_stop(20_000).expect("tracing");
    println!("bare stop for a call         {plain:>10.2?}");
    println!("bare stop for a fault        {stop:>10.2?}");
    println!(
        "access                       {access:>10.2?}  {ratio:.2} × the bare stop for a fault"
    );
}

/// An access to a word that no other process uses, against the bare stop for a fault.
fn uncontested_access(program: &Path, once: &Path, faults: &Path) {
    let cpu = available_cpus()[0];
    let mut engine = Engine::start(&target(program), Some(cpu)).expect("an engine");
    let mut of_once = Engine::start(&target(once), Some(cpu)).expect("an engine");
    let plan = Plan {
        start_up: StartUp::longest(),
        ..Plan::default()
    };
    let (ratio, access, _) = median(|| {
        let stop = bare_fault(&mut Command::new(faults), 2_000).expect("tracing");
        let rest = of_run(&mut of_once, &plan);
        let all = of_run(&mut engine, &plan);
        (all.saturating_sub(rest) / UNCONTESTED_ACCESSES, stop)
    });
    println!(
        "access that nobody contests  {access:>10.2?}  {ratio:.3} × the bare stop for a fault"
    );
}

fn of_run(engine: &mut Engine, plan: &Plan) -> Duration {
    let began = Instant::now();
    let run = engine.run(plan).expect("a run");
    assert_eq!(run.trace.end, End::Finished);
    began.elapsed()
}

/// A program that leaves shared memory alone against one that has none.
fn unused(without: &Path, with: &Path) {
    let cpu = available_cpus()[0];
    let mut without = Engine::start(&target(without), Some(cpu)).expect("an engine");
    let mut with = Engine::start(&target(with), Some(cpu)).expect("an engine");
    let (ratio, with, without) = median(|| (per_step(&mut with), per_step(&mut without)));
    println!("step without shared memory   {without:>10.2?}");
    println!("step with it, left alone     {with:>10.2?}  {ratio:.3} × without");
}

/// Every crash of one process, under one schedule.
fn crashes(program: &Path) {
    let mut search = CrashSearch::new(Exploration::new(target(program)), "program.1");
    search.schedules = 1;
    let report = search
        .perform(&AtomicBool::new(false), &|_| {})
        .expect("a search");
    assert_eq!(report.verdict, Verdict::Pass);
    let points = report.single.points;
    let each = report.elapsed / u32::try_from(points).expect("few points");
    println!(
        "crash at each of {points:>3} points  {:>10.2?}  {each:.2?} a point",
        report.elapsed
    );
}
