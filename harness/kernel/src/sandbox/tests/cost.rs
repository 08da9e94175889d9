//! Measures the cost of a reset; prints figures and asserts none, as machines differ.

use std::fs;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::*;

/// The median: other work on the machine lengthens some rounds.
fn time(label: &str, rounds: usize, mut what: impl FnMut() -> Duration) {
    let mut spent: Vec<Duration> = (0..rounds).map(|_| what()).collect();
    spent.sort();
    eprintln!("{label}: {:.1} µs", spent[rounds / 2].as_secs_f64() * 1e6);
}

fn reset_for(sandbox: &mut Sandbox, reset: &Reset<'_>) -> Duration {
    let begin = Instant::now();
    sandbox.reset(reset).unwrap();
    begin.elapsed()
}

#[test]
fn resets_are_quick() {
    let dir = elsewhere();
    fs::write(dir.path().join("old"), "old").unwrap();
    let mut cpus = nix::sched::CpuSet::new();
    cpus.set(0).unwrap();
    let _ = nix::sched::sched_setaffinity(Pid::from_raw(0), &cpus);
    let Some(mut sandbox) = full(dir.path()) else {
        return;
    };
    eprintln!("{}", sandbox.capabilities());
    let files = Reset {
        next_pid: 2,
        ..Reset::default()
    };
    time("clean reset", 1000, || reset_for(&mut sandbox, &files));
    let sysv = Reset {
        sysv: true,
        ..files
    };
    time("with System V", 1000, || reset_for(&mut sandbox, &sysv));
    let everything = Reset {
        mqueue: true,
        ..sysv
    };
    time("with System V and message queues", 1000, || {
        reset_for(&mut sandbox, &everything)
    });
    let renew = Reset {
        renew: true,
        ..files
    };
    time("with all overlays renewed", 100, || {
        reset_for(&mut sandbox, &renew)
    });
    for (label, script) in [
        ("a run that writes nothing", "exit"),
        ("one file in /dev/shm", "echo > /dev/shm/x"),
        ("one file in /tmp", "echo > /tmp/x"),
        (
            "ten files in the working directory",
            "for i in 0 1 2 3 4 5 6 7 8 9; do echo > $i; done",
        ),
        ("one file changed", "echo >> old"),
        ("one System V queue", "ipcmk -Q"),
    ] {
        time(&format!("after {label}"), 100, || {
            run(&mut sandbox, script);
            reset_for(&mut sandbox, &everything)
        });
    }
    time("sh from request to end", 200, || {
        let begin = Instant::now();
        run(&mut sandbox, "exit");
        begin.elapsed()
    });
    time("start of a sandbox", 10, || {
        let begin = Instant::now();
        let another = Sandbox::start(&settings(dir.path())).unwrap();
        let spent = begin.elapsed();
        drop(another);
        spent
    });
}
