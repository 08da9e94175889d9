//! Reports on hand-made traces, compared with reviewed snapshots.

use super::{Palette, text};
use crosswire_check::{Expectations, judge};
use crosswire_explore::{FaultTally, Found, LastLines, LostCapability, Report, Shards};
use crosswire_model::testing::RunBuilder;
use crosswire_model::{
    Blocked, Call, Deviation, End, Event, FORMAT_VERSION, History, Kind, Limit, Plan, Program,
    Record, Rule, Run, Schedule, Signal, Task, TaskId, Trace, Verdict, Violation, What,
};
use std::path::Path;
use std::time::Duration;

/// Builds a trace step by step.
struct Tape {
    trace: Trace,
}

impl Tape {
    fn new(processes: &[&str]) -> Tape {
        let task = |(number, name): (usize, &&str)| Task {
            process: (*name).to_owned(),
            parent: None,
            leader: TaskId(number as u32),
            tid: number as i32 + 1,
        };
        Tape {
            trace: Trace {
                tasks: processes.iter().enumerate().map(task).collect(),
                ..Trace::default()
            },
        }
    }

    /// Returns a step of this task in which this happens.
    fn step(&mut self, task: u32, what: What) -> &mut Tape {
        self.trace.steps += 1;
        self.also(task, what)
    }

    /// In the same step.
    fn also(&mut self, task: u32, what: What) -> &mut Tape {
        let step = self.trace.steps - 1;
        self.trace.events.push(Event {
            step,
            task: TaskId(task),
            time: step * 1_000_000,
            what,
        });
        self
    }

    fn deviate(&mut self, task: u32) -> &mut Tape {
        let (step, task) = (self.trace.steps, TaskId(task));
        self.trace.deviations.push(Deviation { step, task });
        self
    }
}

fn named(name: &str) -> Call {
    name.parse().unwrap()
}

fn call(name: &str, args: &[u64], result: i64) -> What {
    What::Call {
        call: named(name),
        args: registers(args),
        path: None,
        result,
    }
}

fn opening(path: &str, result: i64) -> What {
    let args = registers(&[libc::AT_FDCWD as u32 as u64, 0, 2]);
    What::Call {
        call: named("openat"),
        args,
        path: Some(path.to_owned()),
        result,
    }
}

fn block(name: &str, args: &[u64]) -> What {
    What::Block {
        call: named(name),
        args: registers(args),
        path: None,
    }
}

fn registers(args: &[u64]) -> [u64; 6] {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    all
}

fn record(trace: Trace, violation: &Violation, faults: &[&str]) -> Record {
    let deviations = trace.deviations.clone();
    Record {
        format_version: FORMAT_VERSION,
        programs: vec![Program {
            name: "locks".to_owned(),
            command: vec!["./locks".to_owned()],
            executable: "/work/locks".to_owned(),
            digest: "00".repeat(32),
        }],
        scenario: None,
        children: Vec::new(),
        working_dir: "/work".to_owned(),
        environment: Vec::new(),
        listings: std::collections::BTreeMap::new(),
        checks: serde_json::Value::Null,
        plan: Plan {
            schedule: Schedule {
                deviations,
                ..Schedule::new(Rule::RunOn)
            },
            faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
            ..Plan::default()
        },
        verdict: Verdict::Violation(vec![violation.clone()]),
        trace,
        history: History::default(),
        seen: Vec::new(),
        stacks: Vec::new(),
        inquiry: None,
        places: Vec::new(),
    }
}

/// The one violation that the checker finds in a trace.
fn judged(trace: &Trace) -> Violation {
    let run = Run {
        trace: trace.clone(),
        ..RunBuilder::new(&[]).end(End::Finished)
    };
    match judge(&run, &Expectations::default(), &[]) {
        Verdict::Violation(found) if found.len() == 1 => found[0].clone(),
        other => panic!("{other:?}"),
    }
}

fn found(trace: Trace, violation: Violation, faults: &[&str], count: u64) -> Found {
    let record = record(trace, &violation, faults);
    Found {
        violation,
        record,
        last_lines: LastLines::default(),
        run: 17,
        replayed: true,
        count,
        shrunk: None,
    }
}

fn assert_report(name: &str, found: &Found) {
    let file = Path::new("crosswire-failures/locks-deadlock-1f3a.json");
    let report = text::finding(found, Some(file), Palette::PLAIN);
    for line in report.lines() {
        assert!(line.chars().count() <= 100, "too wide: {line}");
    }
    compare(name, &report);
}

fn compare(name: &str, report: &str) {
    insta::with_settings!({ snapshot_path => "../../../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, report);
    });
}

/// Two processes, two locks, after a long start-up.
pub(super) fn deadlock() -> Found {
    let mut tape = Tape::new(&["left", "right"]);
    for _ in 0..3 {
        for task in [0, 1] {
            tape.step(
                task,
                call("mmap", &[0, 4096, 3, 0x22, 0xffff_ffff, 0], 0x7000_0000),
            );
            tape.step(task, call("fstat", &[1], 0));
        }
    }
    let exclusive = libc::LOCK_EX as u64;
    tape.step(0, opening("/tmp/a.lock", 3))
        .step(0, opening("/tmp/b.lock", 4));
    tape.step(0, call("flock", &[3, exclusive], 0));
    tape.deviate(1)
        .step(1, opening("/tmp/a.lock", 3))
        .step(1, opening("/tmp/b.lock", 4));
    tape.step(1, call("flock", &[4, exclusive], 0));
    tape.step(1, block("flock", &[3, exclusive]));
    tape.step(0, block("flock", &[4, exclusive]));
    let waits = |task, lock: &str, by| Blocked {
        task: TaskId(task),
        call: named("flock"),
        object: format!("the lock on /tmp/{lock}.lock"),
        released_by: vec![TaskId(by)],
    };
    tape.trace.end = End::Deadlock(vec![waits(0, "b", 1), waits(1, "a", 0)]);
    let violation = judged(&tape.trace);
    found(tape.trace, violation, &[], 3)
}

/// Returns a writer killed in the middle, with a hundred messages before.
fn torn_message() -> Found {
    let mut tape = Tape::new(&["producer", "consumer"]);
    for _ in 0..60 {
        tape.step(0, call("write", &[4, 0x7fff_0000, 16], 16));
        tape.step(1, call("read", &[3, 0x7fff_0000, 16], 16));
    }
    tape.deviate(1)
        .step(1, block("read", &[3, 0x7fff_0000, 16]));
    tape.step(0, call("write", &[4, 0x7fff_0000, 8], 8)).also(
        1,
        What::Wake {
            call: named("read"),
            result: 8,
        },
    );
    tape.step(0, What::Fault("kill:producer@write#62".parse().unwrap()));
    tape.also(0, What::Killed(Signal(9)));
    tape.step(1, What::Resume).also(
        1,
        call("write", &[2, 0x7fff_0000, 21], -libc::EAGAIN as i64),
    );
    tape.step(1, What::Exit(1));
    let violation = Violation {
        kind: Kind::ExitStatus,
        sentence: "consumer ended with status 1, not 0".to_owned(),
        tasks: vec![TaskId(1)],
        steps: vec![124],
        details: vec!["it wrote to standard error: \x1b[31mtorn\x1b[0m".to_owned()],
    };
    Found {
        last_lines: LastLines {
            stdout: Vec::new(),
            stderr: vec!["torn: \x1b[31m".to_owned() + &"x".repeat(200)],
        },
        ..found(tape.trace, violation, &["kill:producer@write#62"], 1)
    }
}

/// More processes than columns, a thread among them, and names that misbehave.
fn crowd() -> Found {
    let names = [
        "shell",
        "shell.1",
        "shell.2",
        "shell.3",
        "shell.3",
        "we\x07ird",
    ];
    let mut tape = Tape::new(&names);
    tape.trace.tasks[4].leader = TaskId(3);
    tape.step(0, What::Spawn(TaskId(1)))
        .step(0, What::Spawn(TaskId(2)));
    for task in [1, 2, 3, 4, 5] {
        tape.step(task, What::Start);
        tape.step(task, opening("/dev/shm/a\nvery long name that goes on and on and on, well beyond any column of any report", 3));
    }
    tape.step(4, What::Timeout)
        .step(5, What::Signal(Signal(15)))
        .step(5, What::Panic("assertion failed:\nleft: 1".to_owned()));
    tape.step(5, What::Killed(Signal(6)));
    let violation = Violation {
        kind: Kind::Broken("mutual exclusion".to_owned()),
        sentence: format!(
            "shell.1 and shell.2 were both inside {}, as was seen",
            "x".repeat(120)
        ),
        tasks: vec![TaskId(1), TaskId(2)],
        steps: vec![3],
        details: vec!["shell.1: inside from step 3 on\nshell.2: inside from step 5 on".to_owned()],
    };
    found(tape.trace, violation, &[], 1)
}

#[test]
fn a_deadlock_reads_well() {
    assert_report("report-deadlock", &deadlock());
}

#[test]
fn every_output_prints_the_one_sentence() {
    let found = deadlock();
    let sentence = found.violation.sentence.as_str();
    assert_eq!(
        super::json::entry_of(&found, None).sentence,
        sentence,
        "in JSON"
    );
    let explained = super::explained(&found.record);
    assert_eq!(explained.violations[0].sentence, sentence, "for programs");
    let said = sentence.strip_prefix("deadlock: ").unwrap();
    for text in [
        text::finding(&found, None, Palette::PLAIN),
        text::explanation(&found.record, None, Palette::PLAIN),
    ] {
        let unfolded = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(unfolded.contains(said), "{text}");
    }
    let waits = found.violation.details.iter();
    assert!(waits.clone().count() == 2 && waits.clone().all(|line| line.contains("/tmp/")));
}

#[test]
fn a_kill_reads_well_and_long_stretches_are_folded() {
    assert_report("report-kill", &torn_message());
}

#[test]
fn a_crowd_is_listed_by_name() {
    assert_report("report-crowd", &crowd());
}

#[test]
fn colour_adds_nothing_but_colour() {
    let coloured = text::finding(&torn_message(), None, Palette::ANSI);
    let mut plain = coloured;
    for code in [
        "\x1b[1;32m",
        "\x1b[1;31m",
        "\x1b[1;33m",
        "\x1b[1m",
        "\x1b[2m",
        "\x1b[0m",
    ] {
        plain = plain.replace(code, "");
    }
    assert_eq!(plain, text::finding(&torn_message(), None, Palette::PLAIN));
}

fn report(verdict: Verdict) -> Report {
    Report {
        verdict,
        runs: 1000,
        steps: 20_400,
        elapsed: Duration::from_millis(850),
        distinct_traces: 731,
        ..Report::without_runs(Verdict::Pass, 7)
    }
}

#[test]
fn summaries_say_what_was_done() {
    let pass = report(Verdict::Pass);
    let cut = Report {
        inconclusive: vec![(Limit::Steps, 3), (Limit::WallTime, 1)],
        given_up: Vec::new(),
        faults: FaultTally {
            possible: 40,
            classes: 12,
            planned: 500,
            struck: 481,
        },
        exhaustion: None,
        interrupted: true,
        ..report(Verdict::Inconclusive(Limit::Steps))
    };
    let missing = Report {
        shards: Some(Shards {
            of: 4,
            merged: vec![1, 2, 4],
            unfinished: vec![4],
            missing: vec![3],
        }),
        ..report(Verdict::Inconclusive(Limit::Shards))
    };
    let found = deadlock();
    let violation = Report {
        verdict: Verdict::Violation(vec![found.violation.clone()]),
        found: vec![found],
        invalid: 1,
        invalid_reason: Some("run 3: the tracer lost task 2".to_owned()),
        ..report(Verdict::Pass)
    };
    let degraded = Report {
        capabilities_lost: vec![LostCapability {
            name: "mount namespace".to_owned(),
            reason: "clone: Operation not permitted".to_owned(),
            lost: "programs write to the real /tmp".to_owned(),
        }],
        notes: vec!["outputs were not compared".to_owned()],
        ..report(Verdict::Pass)
    };
    let all: Vec<String> = [pass, cut, missing, violation, degraded]
        .iter()
        .map(|report| text::summary(report, Palette::PLAIN))
        .collect();
    compare("report-summaries", &all.join("\n"));
}

#[test]
fn json_has_the_promised_fields() {
    let found = deadlock();
    let report = Report {
        verdict: Verdict::Violation(vec![found.violation.clone()]),
        found: vec![found],
        ..report(Verdict::Pass)
    };
    let summary = super::json::summary(&report, &[Some("crosswire-failures/a.json".into())]);
    compare(
        "report-json",
        &serde_json::to_string_pretty(&summary).unwrap(),
    );
}
