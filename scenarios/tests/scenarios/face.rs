//! Behaviour of scenarios of closures.

use crosswire::model::{Kind, Verdict};
use crosswire::{Budget, Report, check, scenario};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

const FEW: Budget = Budget::runs(20);

fn kinds(report: &Report) -> Vec<&Kind> {
    report
        .found
        .iter()
        .map(|found| &found.violation.kind)
        .collect()
}

/// Returns the message that a test would print.
fn message(explore: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(explore)).expect_err("the scenario passed");
    *panic.downcast::<String>().expect("a message")
}

struct Bytes {
    read: Option<PipeReader>,
    write: Option<PipeWriter>,
}

impl Bytes {
    fn new() -> Bytes {
        let (read, write) = std::io::pipe().unwrap();
        Bytes {
            read: Some(read),
            write: Some(write),
        }
    }

    fn send(&mut self, byte: u8) {
        self.read = None;
        self.write.as_mut().unwrap().write_all(&[byte]).unwrap();
    }

    fn recv(&mut self) -> Option<u8> {
        self.write = None;
        let mut byte = [0];
        let got = self.read.as_mut().unwrap().read(&mut byte).unwrap();
        (got == 1).then_some(byte[0])
    }
}

#[test]
fn a_pipe_of_the_standard_library_passes() {
    scenario!("bytes")
        .setup(Bytes::new)
        .process("producer", |q, log| {
            for n in 0..5 {
                log.send(n, || q.send(n))
            }
        })
        .process(
            "consumer",
            |q, log| while log.recv(|| q.recv()).is_some() {},
        )
        .check(check::fifo())
        .check(check::everything_received())
        .explore(FEW);
}

#[test]
fn a_scenario_without_set_up_and_with_a_result_passes() {
    scenario!("lonely")
        .process("alone", |_, _| std::io::Result::Ok(()))
        .explore(FEW);
}

#[test]
fn what_breaks_is_told_with_the_line_that_replays_it() {
    let said = message(|| {
        scenario!("inventing")
            .setup(Bytes::new)
            .process("producer", |q, log| log.send(1, || q.send(1)))
            .process("consumer", |q, log| {
                log.recv(|| q.recv().map(|n| n + 1));
            })
            .check(check::fifo())
            .without_regressions()
            .explore(FEW)
    });
    assert!(said.contains("scenario `inventing`: "), "{said}");
    assert!(said.contains("invention"), "{said}");
    let test = "face::what_breaks_is_told_with_the_line_that_replays_it";
    assert!(said.contains("CROSSWIRE_REPLAY=/"), "{said}");
    assert!(
        said.contains(&format!(".json cargo test {test} -- --exact")),
        "{said}"
    );
}

#[test]
fn a_panic_is_a_violation_with_message_and_place() {
    let report = scenario!("panicking")
        .process("calm", |_, _| ())
        .process("hasty", |_, _| panic!("no order {}", 7))
        .try_explore(FEW);
    assert_eq!(kinds(&report)[0], &Kind::Panic);
    let violation = &report.found[0].violation;
    let said = format!("{} {}", violation.sentence, violation.details.join(" "));
    assert!(
        said.contains("hasty") && said.contains("no order 7"),
        "{said}"
    );
    assert!(said.contains("face.rs:"), "{said}");
}

#[test]
fn a_panic_in_the_set_up_is_one_too() {
    let report = scenario!("no-start")
        .setup(|| panic!("no room"))
        .process("never", |(): &mut (), _| ())
        .try_explore(FEW);
    assert_eq!(kinds(&report)[0], &Kind::Panic);
}

#[test]
fn scenarios_of_one_name_are_told_apart() {
    let mut kinds_found = Vec::new();
    for fails in [false, true, false] {
        let report = scenario!("again")
            .process("p", move |_, _| assert!(!fails, "the second"))
            .try_explore(FEW);
        kinds_found.push(report.verdict == Verdict::Pass);
    }
    assert_eq!(kinds_found, [true, false, true]);
}

#[test]
fn the_value_is_dropped_once_after_the_last_process() {
    struct Told(Option<PipeWriter>);
    impl Drop for Told {
        fn drop(&mut self) {
            print!("dropped;");
        }
    }
    let order = check::promise("order", |run| {
        match run.stdout.ends_with(b"worked;dropped;") && run.stdout.len() < 40 {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&run.stdout).into_owned()),
        }
    });
    scenario!("dropping")
        // A descriptor that the owner has closed by then must not make it abort.
        .setup(|| Told(Some(std::io::pipe().unwrap().1)))
        .process("worker", |told, _| {
            drop(told.0.take());
            print!("worked;");
        })
        .check(order)
        .explore(FEW);
}

#[test]
fn a_description_that_makes_no_sense_says_why() {
    let none = message(|| scenario!("empty").setup(|| ()).explore(FEW));
    assert!(none.contains("has no process"), "{none}");
    let twice = message(|| {
        scenario!("x")
            .process("a", |_, _| ())
            .process("a", |_, _| ())
            .explore(FEW);
    });
    assert!(twice.contains("the process name `a` is taken"), "{twice}");
    let unknown = message(|| {
        let faults = crosswire::Faults::kill("b");
        scenario!("x")
            .process("a", |_, _| ())
            .faults(faults)
            .explore(FEW);
    });
    assert!(unknown.contains("a fault for `b`"), "{unknown}");
}
