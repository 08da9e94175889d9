//! An operation that a killed process had begun is left open only if it may have had an
//! effect.

use crosswire::check::promise;
use crosswire::model::Kind;
use crosswire::{Budget, Faults, Report, scenario};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};

/// Two processes and a pipe: the victim is killed at each of its points. A message takes
/// so many writes.
fn explored(name: &str, victim: &str, writes: usize) -> Report {
    scenario!(name)
        .setup(|| {
            let (read, write) = pipe().unwrap();
            (Some(read), Some(write))
        })
        .process(
            "producer",
            move |(read, write): &mut (Option<PipeReader>, Option<PipeWriter>), log| {
                *read = None;
                let mut end = write.take().unwrap();
                let mut send = || (0..writes).try_for_each(|_| end.write_all(b"x"));
                for n in 0..2_u8 {
                    if log.send(n, &mut send).is_err() {
                        return;
                    }
                }
            },
        )
        .process("consumer", |(read, write), log| {
            *write = None;
            let mut end = read.take().unwrap();
            let mut next = || {
                let mut byte = [0];
                (end.read(&mut byte).unwrap() == 1).then_some(byte[0])
            };
            while log.recv(&mut next).is_some() {}
        })
        .faults(Faults::kill(victim))
        .check(promise("nothing-is-open", |run| {
            let mut operations = run.history.operations.iter();
            match operations.find(|operation| operation.answered().is_none()) {
                Some(open) => Err(format!("a {} of {} is", open.name, open.process)),
                None => Ok(()),
            }
        }))
        .try_explore(Budget::runs(150))
}

fn kinds(report: &Report) -> Vec<&Kind> {
    assert_eq!(report.invalid_reason, None);
    report.found.iter().map(|f| &f.violation.kind).collect()
}

#[test]
fn a_call_that_was_not_made_or_waited_in_vain_had_no_effect() {
    assert!(kinds(&explored("one-write", "producer", 1)).is_empty());
    assert!(kinds(&explored("one-read", "consumer", 1)).is_empty());
}

#[test]
fn a_call_that_was_made_may_have_had_one() {
    let report = explored("two-writes", "producer", 2);
    assert_eq!(kinds(&report), [&Kind::Broken("nothing-is-open".into())]);
}
