//! The shared barrier: no process continues before all have arrived, round after round.

use crosswire::check::promise;
use crosswire::model::Kind;
use crosswire::{Budget, Faults, Report, scenario};
use crosswire_mechanisms::lock::Barrier;

const ROUNDS: u64 = 3;

fn meetings(name: &str, parties: u32, faults: Faults) -> Report {
    let mut scenario = scenario!(name).setup(move || Barrier::create(parties).unwrap());
    for process in ["one", "two", "three"] {
        scenario = scenario.process(process, |barrier: &mut Barrier, log| {
            for round in 0..ROUNDS {
                log.op("meet", round, || barrier.wait()).unwrap();
            }
        });
    }
    scenario
        .check(promise("all-have-come", |run| {
            let meetings = &run.history.operations;
            for meeting in meetings.iter().filter(|m| m.answered().is_some()) {
                let came = meetings.iter().filter(|other| {
                    other.value == meeting.value && Some(other.called) < meeting.answered()
                });
                if came.count() < 3 {
                    return Err(format!("{} went on before all had come", meeting.process));
                }
            }
            Ok(())
        }))
        .faults(faults)
        .try_explore(Budget::runs(300))
}

fn kinds(report: &Report) -> Vec<Kind> {
    assert_eq!(report.invalid_reason, None);
    let found = report.found.iter();
    found.map(|found| found.violation.kind.clone()).collect()
}

#[test]
fn nobody_goes_on_before_all_have_come() {
    assert_eq!(kinds(&meetings("meeting", 3, Faults::pause("*", 10))), []);
}

#[test]
fn one_that_died_is_waited_for_for_ever() {
    let report = meetings("death", 3, Faults::kill("one"));
    assert_eq!(kinds(&report), [Kind::Deadlock]);
}

#[test]
fn a_barrier_for_too_few_is_found() {
    let report = meetings("few", 2, Faults::none());
    assert!(kinds(&report).contains(&Kind::Broken("all-have-come".to_owned())));
}
